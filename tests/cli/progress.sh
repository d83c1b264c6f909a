# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016,SC1003 # for sh -c
# The progress display, where there is no terminal.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"

printf '1\n2\n3' > list
head -c 3000000 /dev/zero > big

check 'auto without a terminal: a last line' 0 $'1\n2\n3\n' \
	'~prun: 3/3, 100%, [0-9.]+[kM]?/s, in 0:00' \
	"$PRUN" map -p -a list echo
check '--progress=line' 0 $'a\n' '~prun: 1/1, 100%, [0-9.]+[kM]?/s, in 0:00' \
	"$PRUN" map --progress=line echo a
check '--progress=none' 0 $'a\n' '' "$PRUN" map --progress=none echo a
check 'the last -p counts' 0 $'a\n' '' "$PRUN" map -p --progress=none echo a
check 'no items' 0 '' '~prun: 0/0, [0-9.]+/s, in 0:00' \
	"$PRUN" map -p noop :::
check 'MB/s of what was read' 0 '*' \
	'~prun: 2/2, 100%, [0-9.]+[kM]?/s, [0-9.]+ MB/s, in 0:00' \
	"$PRUN" map -p md5 big big
check 'failed items' 1 '' '~prun: no1: No such file or directory
prun: no2: No such file or directory
prun: 2/2, 100%, 2 failed, [0-9.]+[kM]?/s, in 0:00' \
	"$PRUN" map -p md5 no1 no2
check 'bar: one line, drawn again' 0 $'a\nb\n' \
	$'~.*\\[#{15}\\] 2/2  100%  [0-9.]+[kM]?/s  in 0:00\033\\[J\033\\[\\?7h\r' \
	"$PRUN" map --progress=bar echo a b
same 'bar: no colours for TERM=dumb' 0 "$(grep -c $'\033\\[3' .err)"
check 'bar: with colours' 0 '*' '*' \
	env TERM=xterm "$PRUN" map --progress=bar echo a
same 'bar: no colours without a terminal' 0 "$(grep -c $'\033\\[3' .err)"
check 'bar: erased before a message' 1 '' '*' \
	"$PRUN" map --progress=bar md5 no1
same 'bar: the message has a line of its own' 1 \
	"$(grep -c '^prun: no1: No such file or directory$' <(sed 's/^.*\x1b\[J//' .err))"

# On a terminal of the test's own.
if have python3; then
	while read -r result text; do
		case $result in
		ok) pass "terminal: $text" ;;
		*) fail "terminal: $text" ;;
		esac
	done < <(env -u TERM -u NO_COLOR python3 "$TESTS/progress_screen.py" "$PRUN" 2>&1)
else
	skip 'the bar on a terminal' 'no python3'
fi

# And on one of script(1), if that is there.
if ! script -qec true /dev/null > /dev/null 2>&1; then
	skip 'the bar on a terminal' 'no script(1)'
	exit 0
fi

# terminal COMMAND: run it on a terminal, without its carriage returns
terminal() {
	timeout -k 5 "$LIMIT" script -qec "stty cols 100; $1" /dev/null \
		< /dev/null 2>&1 | tr -d '\r'
}

# The worker waits for the fifo, so the bar is seen before the end.
mkfifo fifo
exec 4< <(terminal "TERM=xterm '$PRUN' map -p --special-files md5 fifo > out")
read -r -d ']' -t 30 -u 4 bar
same 'bar: drawn while an item runs' $'\033[?7l[\033[32m------------------------------\033[m' \
	"$bar"
printf abc > fifo
rest=$(cat <&4)
exec 4<&-
same 'bar: the result' '900150983cd24fb0d6963f7d28e17f72  fifo' "$(cat out)"
rest=${rest##*$'\033[?7l'}
if [[ $rest =~ ^\[.\[32m#+.\[m\]\ 1/1\ \ 100%.*\ in\ [0-9:]+.\[J.\[\?7h$ ]]; then
	pass 'bar: the last state stays'
else
	fail 'bar: the last state stays' "got $(cat -v <<< "$rest")"
fi

number='[0-9]+(\.[0-9]{3})?'
check 'json' 1 $'900150983cd24fb0d6963f7d28e17f72  abc\n' "~prun: nope: .*
(\\{.*\"ended\":false\\}
)*\\{\"done\":2,\"total\":2,\"failed\":1,\"bytes\":3,\"seconds\":$number,\"rate\":$number,\"eta\":$number,\"ended\":true\\}" \
	bash -c 'printf abc > abc; exec "$PRUN" map --progress=json md5 nope abc'
check 'json: what is not known' 0 '' "~(.*
)*\\{\"done\":0,\"total\":0,.*\"eta\":null,\"ended\":true\\}" \
	"$PRUN" map --progress=json echo :::

echo x > file
nope='prun: nope: No such file or directory'
same 'results and messages of one terminal are in order' \
	$'1 1 2 file\n'"$nope"$'\n1 1 2 file' \
	"$(terminal "'$PRUN' map wc file nope file")"
same 'NO_COLOR' 0 \
	"$(terminal "TERM=xterm NO_COLOR=1 '$PRUN' map -p echo a" |
		grep -c $'\033\\[3')"
same 'TERM=dumb: lines' 1 \
	"$(terminal "TERM=dumb '$PRUN' map -p echo a" | grep -c '^prun: 1/1, ')"
same 'a hint on a terminal' 1 \
	"$(terminal "'$PRUN' map echo" |
		grep -c '^prun: reading items from the terminal, one a line; Ctrl-D ends them$')"
same 'no hint with --quiet' 0 \
	"$(terminal "'$PRUN' map -q echo" | grep -c prun:)"
