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
	'~.*\[#{15}\] 2/2  100%  [0-9.]+[kM]?/s  in 0:00' \
	"$PRUN" map --progress=bar echo a b
same 'bar: no colours for TERM=dumb' 0 "$(grep -c $'\033\\[3' .err)"
check 'bar: with colours' 0 '*' '*' \
	env TERM=xterm "$PRUN" map --progress=bar echo a
same 'bar: no colours without a terminal' 0 "$(grep -c $'\033\\[3' .err)"
check 'bar: erased before a message' 1 '' '*' \
	"$PRUN" map --progress=bar md5 no1
same 'bar: the message has a line of its own' 1 \
	"$(grep -c '^prun: no1: No such file or directory$' <(sed 's/^.*\x1b\[K//' .err))"
