# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # for sh -c; held.sh
# --journal, --resume, --retry-failed, --joblog and prun log.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"
# shellcheck source=tests/cli/held.sh
. "$TESTS/held.sh"

G=$FAULTS:gate
MISBEHAVE=$FAULTS:misbehave
seq 6 > six

# counts NAME JOURNAL ITEMS DONE FAILED RUNS
counts() {
	"$PRUN" log "$2" > .out 2> .err
	same "$1" "items: $3 done: $4 failed: $5 runs: $6" \
		"$(awk '/^(items|done|failed|runs):/ {
			sub(",.*", ""); printf "%s%s %s", sep, $1, $2; sep = " "
		}' .out)"
}

# ------------------------------------------------------------- going on with it

check 'a run with a journal' 1 $'a\nb\nc\n' \
	$'prun: exit3: the task called exit(3)\n' \
	"$PRUN" map --journal j "$MISBEHAVE" a b exit3 c
counts 'its figures' j 4 3 1 1
check 'it is not begun again' 2 '' \
	$'prun: j: the journal of a run before; --resume goes on with it\n' \
	"$PRUN" map --journal j "$MISBEHAVE" a
check 'resumed' 1 $'d\n' $'prun: exit3: the task called exit(3)\n' \
	"$PRUN" map --journal j --resume "$MISBEHAVE" d c exit3 b a
counts 'its figures, resumed' j 5 4 1 2
check 'what is done twice is not done' 1 $'a\n' \
	$'prun: exit3: the task called exit(3)\n' \
	"$PRUN" map --journal j --resume "$MISBEHAVE" a exit3 a
check 'failed ones again' 1 '' $'prun: exit3: the task called exit(3)\n' \
	"$PRUN" map --journal j --retry-failed "$MISBEHAVE" a new exit3
check 'the failed ones' 0 $'exit3\n' '' "$PRUN" log --failed j
check 'dry run of the rest' 0 \
	"prun apply $MISBEHAVE e"$'\n'"prun apply $MISBEHAVE exit3"$'\n' '' \
	"$PRUN" map --journal j --resume -D "$MISBEHAVE" a b e exit3
counts 'a dry run leaves it alone' j 6 5 1 4
check 'nothing is left' 0 '' '' \
	"$PRUN" map --journal j --resume "$MISBEHAVE" a b c d a
check 'resumed without a journal' 0 $'a\n' '' \
	"$PRUN" map --journal new --resume "$MISBEHAVE" a
check 'resumed from an empty one' 0 $'a\n' '' bash -c \
	': > empty; exec "$PRUN" map --journal empty --resume echo a'
check 'an empty item' 0 $'\n' '' "$PRUN" map --journal e echo ''
check 'an empty item, resumed' 0 $'x\n\n' '' \
	"$PRUN" map --journal e --resume echo '' x ''
check 'with the progress of all' 0 $'y\n' '~prun: 4/4, 100%, .*' \
	"$PRUN" map --journal e --resume --progress=line echo '' x y ''

seq 100000 > many
"$PRUN" map --journal m noop < many
for method in fork inline forkserver; do
	cp m m1
	check "many that are done, $method" 0 '' '' \
		"$PRUN" map --journal m1 --resume --start-method "$method" \
		-a many -a six -a <(echo new) noop
	counts "the others are run, $method" m1 100007 100007 0 2
done

# Items that look alike once they are printed.
printf 'a\nb\0c\0' > odd
check 'items with newlines' 1 '' '*' \
	"$PRUN" map -0 --journal odd.j md5 < odd
check 'failed ones, with NUL' 0 @odd '' "$PRUN" log --failed -z odd.j
check 'failed ones, on lines' 1 $'a\nb\nc\n' \
	$'prun: items with a newline in them look like several; --zero keeps them apart\n' \
	"$PRUN" log --failed odd.j

# --------------------------------------------------------- what it does not take

another='prun: j: the journal of another command: prun map '
check 'another function' 2 '' "$another$MISBEHAVE"$'\n' \
	"$PRUN" map --journal j --resume echo a
check 'another option' 2 '' "$another$MISBEHAVE"$'\n' \
	"$PRUN" map --journal j --resume --zero "$MISBEHAVE" a
check 'options that change nothing' 0 '' '' \
	"$PRUN" map --journal j --resume -j 3 --unordered -q --timeout 9 \
	"$MISBEHAVE" a
for option in resume retry-failed; do
	check "--$option alone" 2 '' "~prun: --$option: of which --journal\\?
Try .*" "$PRUN" map --$option echo a
done
check 'failed ones of no journal' 2 '' \
	$'prun: none: No such file or directory\n' \
	"$PRUN" map --journal none --retry-failed echo a
check 'a file of others' 2 '' $'prun: six: not a journal of prun\n' \
	"$PRUN" map --journal six --resume echo a
check 'a directory' 2 '' '~prun: /: Is a directory' \
	"$PRUN" map --journal / --resume echo a
check 'a device' 2 '' $'prun: /dev/null: not a regular file\n' \
	"$PRUN" map --journal /dev/null echo a
check 'log: no file' 2 '' $'prun: none: No such file or directory\n' \
	"$PRUN" log none
check 'log: a file of others' 2 '' $'prun: six: not a journal of prun\n' \
	"$PRUN" log six
check 'log: no operand' 2 '' '~prun: no journal given
Try .*' "$PRUN" log

# ----------------------------------------------------------- what ends it early

# recorded JOURNAL N: N items are there
recorded() {
	local deadline=$((SECONDS + WAIT))
	until "$PRUN" log "$1" 2> /dev/null | grep -q "^items:   $2\$"; do
		if [ "$SECONDS" -gt "$deadline" ]; then
			fail "recorded $*" "$("$PRUN" log "$1" 2>&1)"
			return
		fi
	done
}

output=held begin map -j1 --journal killed -a six "$G"
allow 2
recorded killed 2
check 'two at once' 2 '' \
	"prun: killed: in use by another run (process $pid)"$'\n' \
	"$PRUN" map --journal killed --resume "$G" 1
check 'it goes on' 0 "~(.*
)*runs: .*; it goes on \\(process $pid\\)
.*" '' "$PRUN" log killed
started 3
{
	kill -s KILL "$pid"
	finish 'killed' 137 '*' '*'
} 2> /dev/null
same 'what was out' $'1\n2' "$(< held)"
check 'it was cut short' 0 '~(.*
)*runs: .*; it was cut short
.*' '' "$PRUN" log killed
begin map -j1 --journal killed --resume -a six "$G"
allow 4
finish 'after it was killed' 0 $'3\n4\n5\n6\n' ''

begin map -j1 --journal 'a b' -a six "$G"
started 1
tell INT "$pid"
allow 1
finish 'interrupted' 130 $'1\n' \
	"prun: interrupted: 1 done, 0 failed, rest not run; resume with --resume --journal 'a b'"$'\n'
check 'halted' 4 $'a\n' "~prun: exit3: .*
prun: halted: 1 done, 1 failed, rest not run; resume with --resume --journal h" \
	"$PRUN" map -j1 -c1 --journal h --halt soon,fail=1 "$MISBEHAVE" a exit3 \
	b c d e f

check 'results that are not out are not recorded' 3 '' \
	$'prun: write error: No space left on device\n' \
	bash -c '"$PRUN" map --journal full -a six echo > /dev/full'
counts 'none was out' full 0 0 0 1
bash -c 'ulimit -f 8; seq 100000 | "$PRUN" map --journal some echo > out' \
	2> /dev/null
"$PRUN" map --journal some --resume echo < <(seq 100000) > rest
{ head -n -1 out; tail -n 1 out | grep -x . ; cat rest; } |
	sort -n | uniq > all
same 'what is recorded is out' "$(seq 100000 | cksum)" "$(cksum < all)"

# The journal has no room. What was out is out, and nothing is lost.
check 'a limit of the journal' 3 '*' '~prun: small: write error: File too large' \
	bash -c 'ulimit -f 8; exec "$PRUN" map --journal small -a <(seq 100000) \
		echo > >(cat > out; echo > read)'
until [ -e read ]; do :; done
"$PRUN" map --journal small --resume echo < <(seq 100000) > rest 2> .err
same 'which is cut off' '' "$(cat .err)"
same 'and gone on with' "$(seq 100000 | cksum)" \
	"$(sort -n -u out rest | cksum)"
small='mount -t tmpfs -o size=16k none disk && cd disk &&
	"$PRUN" map --journal j echo < ../many; code=$?;
	"$PRUN" log j | grep -q "^done: *[1-9]" && exit $code'
mkdir disk
if unshare -rm mount -t tmpfs none disk 2> /dev/null; then
	check 'a full disk' 3 '*' '~prun: j: write error: No space left on device' \
		unshare -rm bash -c "$small"
	cmp -s <(head -n "$(wc -l < .out)" many) .out ||
		fail 'a full disk: what was out' "$(shown .out)"
else
	skip 'a full disk' 'mount is not allowed'
fi

# --------------------------------------------------------------- torn or damaged

if have python3; then
	# Hundreds of runs, which take their time under a sanitizer.
	LIMIT=250 check 'cut, damaged and edited' 0 $'passed\n' '' \
		python3 "$TESTS/journal_model.py" "$PRUN" "${SEED:-1}"
else
	skip 'cut, damaged and edited' 'no python3'
fi

# --------------------------------------------------------------------- --joblog

columns=$'Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand'
line() {
	printf '%s\t:\t[0-9]+\\.[0-9]{3}\t +[0-9]+\\.[0-9]{3}\t0\t%s\t%s\t%s\t%s' \
		"$1" "$2" "$3" "$4" "prun map $MISBEHAVE ::: $5"
}
"$PRUN" map --joblog l "$MISBEHAVE" a exit3 segv "b  c" \
	> /dev/null 2>&1
check 'joblog' 0 "~$columns
$(line 1 2 0 0 a)
$(line 2 0 1 0 exit3)
$(line 3 0 0 11 segv)
$(line 4 5 0 0 "'b  c'")" '' cat l
"$PRUN" map --journal jl --joblog l "$MISBEHAVE" a b > /dev/null
"$PRUN" map --journal jl --joblog l --resume "$MISBEHAVE" a c b \
	> /dev/null
check 'joblog, resumed: its line is that of the input' 0 "~$columns
$(line 1 2 0 0 a)
$(line 2 2 0 0 b)
$(line 2 2 0 0 c)" '' cat l
check 'joblog that cannot be opened' 2 '' $'prun: /: Is a directory\n' \
	"$PRUN" map --joblog / echo a
check 'joblog on a full disk' 3 '*' \
	$'prun: /dev/full: write error: No space left on device\n' \
	"$PRUN" map --joblog /dev/full echo a

# -------------------------------------------------- columns, values and commands

printf 'n,v\na,1\nb,\nc,"3"\n' > rows.csv
check 'columns' 0 $'a\t1\nb\t\nc\t3\n' '' "$PRUN" map --journal csv --csv --header \
	echo < rows.csv
printf 'n,v\nc,3\na,2\nb,\n' > rows.csv
check 'columns, resumed' 0 $'a\t2\n' '' "$PRUN" map --journal csv --resume --csv --header \
	echo < rows.csv
check 'other columns' 2 '' '~prun: csv: the journal of another command: .*' \
	"$PRUN" map --journal csv --resume --csv echo < rows.csv
printf 'null\n1\n{\n' > values
check 'values' 1 $'1\n' '~prun: standard input: line 3: .*' \
	"$PRUN" map --journal json --jsonl echo < values
check 'values, resumed: what is wrong in itself is told again' 1 $'2\n' \
	'~prun: standard input: line 3: .*' \
	bash -c 'echo 2 >> values; exec "$PRUN" map --journal json --resume --jsonl echo < values'

check 'exec: -n' 1 $'a b\n' $'prun: c 1: exited with status 3\n' "$PRUN" exec -n 2 --journal x \
	--joblog xl --shell '[ "$1" = c ] && exit 3; echo "$@"' ::: a b c 1
counts 'exec: items, not commands' x 4 2 2 1
check 'exec: resumed' 0 $'1 c\n' '' "$PRUN" exec -n 2 --journal x --retry-failed \
	--shell '[ "$1" = c ] && exit 3; echo "$@"' ::: a new 1 b c
shell=$'/bin/sh -c \'[ "$1" = c ] && exit 3; echo "$@"\' sh'
check 'exec: joblog' 0 "~$columns
1	:	[^	]*	[^	]*	0	4	0	0	${shell//[\[\]\$]/.} a b
2	:	[^	]*	[^	]*	0	0	3	0	${shell//[\[\]\$]/.} c 1" '' cat xl
check 'values: null is left out, too' 0 $'prun map --jsonl echo ::: 3\n' '' bash -c \
	'printf "null\n1\n3\n" | "$PRUN" map --journal json --resume -D --jsonl echo'
