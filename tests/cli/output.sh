# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016,SC1003 # for sh -c
# Order, tags, exit codes, and outputs that cannot be written.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"

full=$'prun: write error: No space left on device\n'
closed=$'prun: write error: Bad file descriptor\n'
if [ -c /dev/full ]; then
	check 'a full disk' 3 '' "$full" sh -c '"$PRUN" map echo x > /dev/full'
	check 'a full disk, much output' 3 '' "$full" \
		sh -c 'seq 100000 | "$PRUN" map echo > /dev/full'
	check 'a full disk, endless input' 3 '' "$full" \
		sh -c 'yes | "$PRUN" map echo > /dev/full'
	check 'a full disk and nothing to write' 0 '' '' \
		sh -c '"$PRUN" map noop x > /dev/full'
	check 'a full disk and a failed item' 3 '' \
		"prun: nope: No such file or directory"$'\n'"$full" \
		sh -c '"$PRUN" map md5 nope "$TESTS/run" > /dev/full'
	check 'help on a full disk' 3 '' "$full" \
		sh -c '"$PRUN" help map > /dev/full'
	check 'funcs on a full disk' 3 '' "$full" \
		sh -c '"$PRUN" funcs > /dev/full'
fi
check 'closed stdout' 3 '' "$closed" sh -c '"$PRUN" map echo x >&-'
check 'closed stdout and nothing to write' 0 '' '' \
	sh -c '"$PRUN" map noop x >&-'
check 'closed stdout with -a' 3 '' "$closed" \
	sh -c 'echo x > list; "$PRUN" map -a list echo >&-'
check 'all three closed' 3 '' '' \
	sh -c '"$PRUN" map echo x <&- >&- 2>&-'
check 'closed stderr' 1 '' '' sh -c '"$PRUN" map md5 nope 2>&-'
check 'help with closed stdout' 3 '' "$closed" sh -c '"$PRUN" help >&-'

# The reader goes away: prun dies of SIGPIPE, quietly, also where the signal
# is ignored.
gone='{ "$PRUN" map echo; echo $? >&3; } 3> status | head -n 1'
check 'a reader that goes away' 0 $'y\n' '' bash -c "yes | $gone"
same 'its status' 141 "$(cat status)"
check 'the same with SIGPIPE ignored' 0 $'y\n' '*' \
	bash -c "trap '' PIPE; (yes 2> /dev/null) | $gone"
same 'its status then' 141 "$(cat status)"

# Order: the first items are the slow ones.
for i in 1 2 3 4 5 6; do
	head -c $((9000000 / (i * i * i))) /dev/zero > "big$i"
	echo "$i" > "small$i"
done
sha256sum big* small* > want
sort want > want.sorted
check 'order with uneven tasks' 0 @want '' "$PRUN" map -j4 sha256 big* small*
check 'order with uneven tasks, -c 1' 0 @want '' \
	"$PRUN" map -j4 -c 1 sha256 big* small*
check 'order with uneven tasks, -c 5' 0 @want '' \
	"$PRUN" map -j4 -c 5 sha256 big* small*
check '--unordered: the same set' 0 @want.sorted '' \
	sh -c '"$PRUN" map -j4 --unordered -c 1 sha256 big* small* | sort'
# The big file takes longer than all of the small ones.
check '--unordered: as they come' 0 '~.*  big0' '' sh -c '
	head -c 200000000 /dev/zero > big0
	"$PRUN" map -j2 --unordered -c 1 md5 big0 small* | tail -n 1
	rm big0'
seq 100000 > numbers
check '--unordered: many' 0 @numbers '' \
	sh -c '"$PRUN" map -j4 --unordered echo < numbers | sort -n'
check 'failed items keep the order' 1 $'1 1 2 small1\n1 1 2 small2\n' \
	$'prun: no1: No such file or directory\nprun: no2: No such file or directory\n' \
	"$PRUN" map wc no1 small1 no2 small2

# Tags and line ends.
check '--tag' 0 $'a\ta\nb c\tb c\n\t\n' '' "$PRUN" map -t echo a 'b c' ''
check '--tag with wc' 0 $'small1\t1 1 2 small1\n' '' \
	"$PRUN" map --tag wc small1
check '--tag: every line' 0 $'lines\tone\nlines\ttwo\n' '' \
	"$PRUN" map -t "$VALUES:value" lines
check '--tag --zero: every record' 0 '~lines.one.two@' '' \
	"$PRUN" map -tz "$VALUES:value" lines
check '--tag with nothing to tag' 0 '' '' "$PRUN" map -t noop a
check '--zero' 0 '~a@b.c@' '' "$PRUN" map -z echo a $'b\nc'

# Exit codes and messages.
check 'noop' 0 '' '' "$PRUN" map noop a b c
check 'workers that cannot be started' 3 '' \
	$'prun: cannot start 64 workers: Too many open files\n' \
	sh -c 'ulimit -n 20; echo a | "$PRUN" map -j64 echo'
check '--quiet: no message, the same status' 1 $'1 1 2 small1\n' '' \
	"$PRUN" map -q wc nope small1
check '--quiet: what stops prun is told' 2 '' \
	$'prun: nope: No such file or directory\n' "$PRUN" map -q -a nope echo
check '--quiet: a full disk is told' 3 '' "$full" \
	sh -c '"$PRUN" map -q echo x > /dev/full'
