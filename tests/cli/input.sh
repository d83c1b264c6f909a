# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016,SC1003 # for sh -c
# Where items come from, and how they are cut.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"

# lines NAME OUT IN ARG...: echo of IN, a printf format
lines() {
	local name=$1 out=$2 in=$3
	shift 3
	printf '%b' "$in" > in
	check "$name" 0 "$out" '' sh -c '"$PRUN" map "$@" < in' sh "$@"
}

lines 'empty input' '' '' echo
lines 'one line' $'a\n' 'a\n' echo
lines 'no newline at the end' $'a\nb\n' 'a\nb' echo
lines 'empty lines are items' $'\n\na\n\n' '\n\na\n\n' echo
lines 'white space and quotes stay' $' a "b\t\'c\\ \n' ' a "b\t'"'"'c\\ \n' echo
lines 'CR stays' $'a\r\n' 'a\r\n' echo
lines '-0' $'a\nb\nc\n' 'a\nb\0c' -0 echo
lines '--null' $'a\nb\n' 'a\0b\0' --null echo
lines '-d ,' $'a\nb\n\n\n' 'a,b,\n,' -d , echo
lines '-d, attached' $'a\nb\n' 'a,b' -d, echo
lines 'the last of -0 and -d counts' $'a\nb\n' 'a,b' -0 -d , echo
lines 'NUL within lines' '~a@b' 'a\0b\n' echo

# delimiter ESCAPE BYTE: as xargs -d has it
delimiter() {
	lines "-d '$1'" $'x\ny\n' "x$2y" -d "$1" echo
}
delimiter '\n' '\n'
delimiter '\t' '\t'
delimiter '\0' '\0'
delimiter '\a' '\a'
delimiter '\b' '\b'
delimiter '\f' '\f'
delimiter '\r' '\r'
delimiter '\v' '\v'
delimiter '\\' '\\'
delimiter '\' '\\'
delimiter '\054' ,
delimiter '\7' '\a'
delimiter '\x2c' ,
delimiter '\x2C' ,
delimiter '\377' '\0377'
delimiter '\xff' '\0377'
delimiter '0' '0'

printf '1\n2' > a
printf '3\n' > b
: > empty
check '-a' 0 $'1\n2\n' '' "$PRUN" map -a a echo
check 'several -a, in order' 0 $'3\n1\n2\n3\n' '' \
	"$PRUN" map -a b -a empty --arg-file a --arg-file=b echo
check 'operands come before -a' 0 $'x\n3\n' '' "$PRUN" map -a b echo x
check '-a does not read standard input' 0 $'3\n' '' \
	sh -c 'echo no | "$PRUN" map -a b echo'
check '-a - among others' 0 $'3\nin\n1\n2\n' '' \
	sh -c 'echo in | "$PRUN" map -a b -a - -a a echo'
check '-a from a pipe' 0 $'1\n2\n' '' \
	bash -c '"$PRUN" map -a <(cat a) echo'
check 'standard input from where it stands' 0 $'2\n' '' \
	sh -c '{ read -r x; "$PRUN" map echo; } < a'
check 'standard input closed' 3 '' \
	$'prun: standard input: read error: Bad file descriptor\n' \
	sh -c '"$PRUN" map echo <&-'
check 'standard input a directory' 2 '' \
	$'prun: standard input: Is a directory\n' sh -c '"$PRUN" map echo < /'

if [ -r /proc/self/mem ]; then
	check 'an input that fails in its midst' 3 $'3\n' \
		$'prun: /proc/self/mem: read error: Input/output error\n' \
		"$PRUN" map -a b -a /proc/self/mem -a a echo
fi

head -c 1048576 /dev/zero | tr '\0' y > long
{ echo first; cat long; echo; echo last; } > in
check 'a line of 1 MiB' 0 @in '' "$PRUN" map -a in echo
{ cat long; echo; } > want
check 'a line of 1 MiB without newline' 0 @want '' "$PRUN" map -a long echo
seq 200000 > want
check 'many lines' 0 @want '' "$PRUN" map -a want echo
check 'many lines by a pipe' 0 @want '' sh -c 'cat want | "$PRUN" map echo'

# A slow pipe, as of tail -f: the answer to a line comes before the next line.
mkfifo in.fifo out.fifo
"$PRUN" map echo < in.fifo > out.fifo &
pid=$!
exec 3> in.fifo 4< out.fifo
echo one >&3
read -r -t 30 -u 4 answer
same 'an answer before the next line' one "$answer"
printf 'two\nthr' >&3
read -r -t 30 -u 4 answer
same 'another, with half a line behind it' two "$answer"
echo ee >&3
read -r -t 30 -u 4 answer
same 'the line that came in halves' three "$answer"
exec 3>&-
wait "$pid"
same 'the end of a slow pipe' 0 $?
exec 4<&-

# Infinite input: the memory of prun and of its workers stays small.
yes | "$PRUN" map -j2 echo | head -n 3000000 | tail -n 1 > out
same 'infinite input' y "$(cat out)"
if grep -q __asan_init "$PRUN"; then
	skip 'infinite input: memory' 'AddressSanitizer takes more'
elif [ -r /proc/self/status ]; then
	mkfifo hold
	yes | "$PRUN" map -j2 echo > hold &
	pid=$!
	exec 5< hold
	# Nobody reads: when the pipe is full prun must stop taking items.
	head -c 1000000 <&5 > /dev/null
	peak=$(awk '/^VmHWM/ { print $2 }' "/proc/$pid/status")
	if [ "$peak" -lt 8192 ]; then
		pass 'infinite input: memory'
	else
		fail 'infinite input: memory' 'want below 8192 kB' "got  $peak"
	fi
	exec 5<&-
	wait "$pid"
	same 'infinite input: SIGPIPE' 141 $?
fi

# However long the input, prun itself stays below 8 MiB: it is looked at while
# it holds all that it ever holds, its input being held open.
if ! grep -q __asan_init "$PRUN" && [ -r /proc/self/status ]; then
	mkfifo held
	"$PRUN" map -j2 noop < held &
	pid=$!
	exec 5> held
	seq 2000000 >&5
	peak=$(awk '/^VmHWM/ { print $2 }' "/proc/$pid/status")
	exec 5>&-
	wait "$pid"
	same 'long input' 0 $?
	if [ "$peak" -lt 8192 ]; then
		pass 'long input: memory'
	else
		fail 'long input: memory' 'want below 8192 kB' "got  $peak"
	fi
fi

# A line that no item can hold fails; the others are run.
{ echo first; head -c 300000000 /dev/zero | tr '\0' a; echo; echo last; } |
	"$PRUN" map -j1 echo > out 2> err
same 'a line that is too long' 1 $?
same 'a line that is too long: the others' $'first\nlast' "$(cat out)"
same 'a line that is too long: message' \
	'prun: item 2: longer than 256 MiB' "$(cat err)"

# One worker an item, but no more than there are descriptors for.
(ulimit -n 64; seq 3 | "$PRUN" map -P0 echo > out)
same 'few descriptors' 0 $?
same 'few descriptors: results' $'1\n2\n3' "$(cat out)"
