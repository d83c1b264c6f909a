# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016 # for sh -c
# prun check, against md5sum -c, and what it does beyond that.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"

# Other versions write and accept a little less or more.
if ! have python3; then
	skip 'against md5sum' 'no python3'
elif ! md5sum --version | grep -q 'coreutils) 9\.1$'; then
	skip 'against md5sum' 'not that of coreutils 9.1'
else
	mkdir peer
	(cd peer && python3 "$TESTS/check_peer.py") ||
		fail 'against md5sum' 'ended early'
fi

printf abc > abc
: > empty
printf wrong > wrong

# Each digest by its tag, by -a, and where it is the meaning of its digits, by
# them; all of them in one SUMFILE.
: > all
# Those of shake have any length, and are not checked.
for digest in $("$PRUN" funcs | grep -v '^shake' | sed -n 's/^\([a-z0-9-]*[0-9][a-z0-9-]*\) .*/\1/p'); do
	"$PRUN" map "$digest" abc empty > plain
	"$PRUN" map --bsd-tag "$digest" abc empty > tagged
	cat tagged >> all
	check "$digest by -a" 0 $'abc: OK\nempty: OK\n' '' \
		"$PRUN" check -a "$digest" plain
	check "$digest by its tag" 0 $'abc: OK\nempty: OK\n' '' \
		"$PRUN" check tagged
	sed 's/ abc$/ wrong/; s/(abc)/(wrong)/' plain tagged > other
	check "$digest of another file" 1 \
		$'wrong: FAILED\nempty: OK\nwrong: FAILED\nempty: OK\n' \
		$'prun: WARNING: 2 computed checksums did NOT match\n' \
		"$PRUN" check -a "$digest" other
done
same 'all digests were found' 20 "$(grep -c '(abc)' all)"
sort -R --random-source=all all > mixed
sed 's/.*(\(.*\)).*/\1: OK/' mixed > want
check 'all digests in one SUMFILE' 0 @want '' "$PRUN" check mixed
check 'the same, one by one' 0 @want '' "$PRUN" check -j1 -c1 mixed
check 'of one digest alone' 0 '*' \
	$'prun: WARNING: 38 lines are improperly formatted\n' \
	"$PRUN" check -a sm3 all
for digest in crc32 xxh64 md5 sha1 sha224 sha256 sha384 sha512; do
	"$PRUN" map "$digest" abc
done > digits
sed 's/.*/abc: OK/' digits > want
check 'digests by their digits' 0 @want '' "$PRUN" check digits

# What OpenSSL writes.
if have openssl; then
	{
		openssl dgst -sha256 abc
		openssl dgst -md5 abc
		openssl dgst -sha512-256 abc
		openssl dgst -blake2b512 abc
		openssl dgst -rmd160 abc
	} > list
	sed 's/.*/abc: OK/' list > want
	check 'lines of openssl' 0 @want '' "$PRUN" check list
else
	skip 'lines of openssl' 'not installed'
fi

# Many small files of two digests by turns keep their order.
mkdir many && cd many || exit 1
for i in $(seq 600); do echo "$i" > "$i"; done
seq 600 | xargs sha256sum > ../sha256
seq 600 | xargs md5sum | awk '
	{ getline sha256 < "../sha256" }
	NR % 7 == 0 { print sha256; next }
	NR % 7 == 3 { sub(/^./, $0 ~ /^0/ ? "1" : "0") }
	{ print }' > ../many.sums
seq 600 | awk '{ print $1 ": " ($1 % 7 == 3 ? "FAILED" : "OK") }' > ../want
check 'many files' 1 @../want \
	$'prun: WARNING: 86 computed checksums did NOT match\n' \
	"$PRUN" check ../many.sums
check 'many files in one worker' 1 @../want '*' "$PRUN" check -j1 ../many.sums
check 'many files, chunks of 100' 1 @../want '*' \
	"$PRUN" check -c100 ../many.sums
cd ..

# --zero: what `prun map -z` writes.
printf x > $'new\nline'
printf x > $'cr\r'
printf x > 'back\slash'
"$PRUN" map -z md5 abc $'new\nline' $'cr\r' 'back\slash' > zero
"$PRUN" map -z --bsd-tag sha1 abc $'new\nline' $'cr\r' 'back\slash' >> zero
printf 'abc: OK\0new\nline: OK\0cr\r: OK\0back\\slash: OK\0' > want
cat want want > want2
check 'lines that end with NUL' 0 @want2 '' "$PRUN" check -z zero
printf '# comment\0\0bad\0' >> zero
check 'a bad line that ends with NUL' 1 @want2 \
	$'prun: zero: 11: improperly formatted checksum line\nprun: WARNING: 1 line is improperly formatted\n' \
	"$PRUN" check -z --strict -w zero

# Where prun differs from md5sum.
mkfifo fifo
printf 'd41d8cd98f00b204e9800998ecf8427e  %s\n' fifo /dev/null > special
check 'special files are not opened' 1 \
	$'fifo: FAILED open or read\n/dev/null: FAILED open or read\n' \
	'~prun: fifo: Is a fifo, .*/dev/null: Is a character device.*' \
	"$PRUN" check special
check '--special-files' 0 $'/dev/null: OK\n' '' \
	sh -c 'grep null special | "$PRUN" check --special-files'
printf '900150983cd24fb0d6963f7d28e17f72  -\n900150983cd24fb0d6963f7d28e17f72  -\n' > twice
check 'standard input is read once' 1 $'-: OK\n-: FAILED open or read\n' \
	$'prun: -: Standard input is read only once\nprun: WARNING: 1 listed file could not be read\n' \
	sh -c '"$PRUN" check -j1 twice < abc'
check 'standard input holds a list' 1 \
	$'-: FAILED open or read\n-: FAILED open or read\n' \
	'~.*prun: -: Standard input holds the items.*' \
	sh -c '"$PRUN" check - twice < /dev/null'

# The command line, and the ends that md5sum has not.
check 'an unknown digest' 2 '' \
	"~prun: --algorithm: 'md4' is not a digest; .*" "$PRUN" check -a md4 all
check 'a function that is no digest' 2 '' \
	"~prun: --algorithm: 'wc' is not a digest; .*" "$PRUN" check -a wc all
check 'a write that fails' 3 '' \
	$'prun: write error: No space left on device\n' \
	sh -c '"$PRUN" check mixed > /dev/full'
check 'a long list into a closed pipe' 0 $'abc: OK\n141\n' '' bash -c '
	md5sum abc > one
	yes "$(cat one)" | head -n 200000 > long
	{ "$PRUN" check long; echo "$?" > status; } | head -n 1
	cat status'
check 'progress knows the number of lines' 0 '*' '~.*prun: 8/8, 100%, .*' \
	"$PRUN" check --progress=line digits

# Lists that are more than there may be descriptors.
sed 's/.*/abc: OK/' digits > want
for i in $(seq 300); do echo digits; done > names
for i in $(seq 300); do cat want; done > want300
check 'many lists' 0 @want300 '*' sh -c \
	'ulimit -n 128; "$PRUN" check --progress=line -j2 $(cat names)'
check 'a worker for each file' 0 @want '' "$PRUN" check -j0 digits

# More bad lines than are kept while the files before them are read, and more of
# them than one look at a list takes.
yes "$(md5sum abc)" | head -n 50000 > long
yes $'bad\n#' | head -n 100000 >> long
md5sum empty >> long
check 'many lines' 0 "$(yes 'abc: OK' | head -n 50000)"$'\nempty: OK\n' \
	$'prun: WARNING: 50000 lines are improperly formatted\n' \
	"$PRUN" check long
seq 50001 2 149999 | awk '
	{ print "prun: long: " $1 ": improperly formatted checksum line" }
	END { print "prun: WARNING: 50000 lines are improperly formatted" }' > want
check 'many warnings' 0 '*' @want "$PRUN" check -w long
yes bad | head -c 6000000 > hopeless
check 'many bad lines in many lists' 1 $'empty: OK\n' \
	$'prun: hopeless: no properly formatted checksum lines found\nprun: hopeless: no properly formatted checksum lines found\nprun: hopeless: no properly formatted checksum lines found\nprun: WARNING: 50000 lines are improperly formatted\n' \
	sh -c 'tail -n 100001 long > tail; "$PRUN" check hopeless hopeless hopeless tail'

# A list that comes slowly: what is known is said before more comes.
coproc "$PRUN" check -w - 2>&1
pid=$COPROC_PID
# bash takes its own away when the process has ended.
exec {to}>&"${COPROC[1]}" {from}<&"${COPROC[0]}"
said=()
for line in bad "$(md5sum abc)" worse "$(md5sum empty)"; do
	echo "$line" >&"$to"
	read -r -t 60 reply <&"$from"
	said+=("$reply")
done
same 'a slow list' 'prun: standard input: 1: improperly formatted checksum line|abc: OK|prun: standard input: 3: improperly formatted checksum line|empty: OK|' \
	"$(printf '%s|' "${said[@]}")"
kill -TERM "$pid"
read -r -t 60 reply <&"$from"
wait "$pid"
same 'told to stop' "143 prun: interrupted: 2 done, 0 failed, rest not run" \
	"$? $reply"

# Its help and its manual have the same options.
check 'help check' 0 '~Usage: prun check \[SUMFILE\.\.\.\].*' '' \
	"$PRUN" help check
cp .out help
check 'check --help' 0 @help '' "$PRUN" check --help
same '80 columns' '' "$(grep -nE '.{81}| $' help)"
page=$TESTS/../../docs/man/prun-check.1
shown=$(grep -oE '^ {2}(-., | {4})--[a-z-]+' help | grep -oE '\-\-.*' | sort)
same 'options of the manual' "$shown" \
	"$(grep -oE '^\.It .*' "$page" | grep -oE 'Fl Fl [a-z-]+' |
		sed 's/Fl Fl /--/' | sort)"
same 'the number of options' 27 "$(wc -l <<< "$shown")"
same 'letters of the options' "$(sed -n 's/^  \(-.\), --.*/\1/p' help | sort)" \
	"$(grep -oE '^\.It .*' "$page" | grep -oE 'Fl [a-zA-Z]\b' |
		sed 's/Fl /-/' | sort)"

# ---------------------------------------------------------------- robustness
mkfifo pipe
"$PRUN" map md5 abc empty > sums
cp sums hanging
sed -n 's/abc/pipe/p' sums >> hanging
late='pipe: FAILED open or read'
check '--timeout' 1 $'abc: OK\nempty: OK\n'"$late"$'\n' \
	'~prun: pipe: the task had 300.0 ms, and was killed .*.prun: WARNING: 1 listed file could not be read' \
	"$PRUN" check --special-files --timeout 0.3 hanging
check '--timeout, --kill-after' 1 $'abc: OK\nempty: OK\n'"$late"$'\n' '*' \
	"$PRUN" check --special-files --timeout 0.2 --kill-after 0.1 hanging
# The first reader gets nothing and is killed, the second one gets all.
cat > second << 'END'
import os, select, sys
first = os.open("pipe", os.O_WRONLY)
gone = select.poll()
gone.register(first, 0)
gone.poll()
os.close(first)
with open("pipe", "w") as second:
    second.write("abc")
END
check '--retries' 0 $'pipe: OK\nempty: OK\n' '' bash -c '
	python3 second & sed s/abc/pipe/ sums |
		"$PRUN" check --special-files --timeout 1 --retries 20 --retry-delay 0.01'
sed 's/^9/8/' sums > wrong.sums
cat sums >> wrong.sums
check '--retries: not for what does not match' 1 \
	$'abc: FAILED\nempty: OK\nabc: OK\nempty: OK\n' \
	$'prun: WARNING: 1 computed checksum did NOT match\n' \
	"$PRUN" check --retries 3 --retry-delay 50 wrong.sums
# Nobody writes to the pipe: what waits for that is killed.
sed -n '/abc/p; s/abc/pipe/p' wrong.sums > wrong.hanging
check '--fail-fast' 4 $'abc: FAILED\n' '~prun: halted: 0 done, 1 failed, rest not run' \
	"$PRUN" check -j1 --special-files --fail-fast wrong.hanging
check '--halt now,success' 4 $'abc: OK\nempty: OK\n' '~prun: halted: 2 done, 0 failed, rest not run' \
	"$PRUN" check -j2 --special-files --halt now,success=2 hanging
check '--halt at the last one' 4 $'abc: OK\nempty: OK\n' '' \
	"$PRUN" check --halt soon,done=2 sums
for option in --pin '--nice 3' '--start-method forkserver' '--start-method inline' \
	'--memory-limit 1G' '--halt never' '--timeout 1000000%'; do
	# shellcheck disable=SC2086 # one or two words
	check "$option" 0 $'abc: OK\nempty: OK\n' '' "$PRUN" check $option sums
done
check '--timeout: not with inline' 2 '' '~prun: --timeout: not with --start-method=inline.*' \
	"$PRUN" check --timeout 1 --start-method inline sums
# A worker that waits at the pipe can be looked at.
"$PRUN" check -j1 --special-files --memory-limit 100M hanging > .out 2> .err &
until worker=$(xargs < "/proc/$!/task/$!/children") && [ -n "$worker" ] &&
	grep -q '^Max address space  *[0-9]' "/proc/$worker/limits"; do
	[ -d "/proc/$!" ] || break
done
same '--memory-limit: the worker has it' 1 \
	"$(grep -c '^Max address space  *[0-9]' "/proc/$worker/limits")"
: > pipe # its end
wait
