# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # for sh -c; held.sh
# Signals to prun, to its workers, and to both; and that no worker survives.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"
# shellcheck source=tests/cli/held.sh
. "$TESTS/held.sh"

G=$FAULTS:gate
seq 6 > six

# said DONE FAILED
said() {
	printf 'prun: interrupted: %d done, %d failed, rest not run\n' "$1" "$2"
}

# Once: what has started is finished, nothing else is.
for pair in INT=130 TERM=143 HUP=129; do
	signal=${pair%=*}
	for whom in prun group; do
		begin map -j2 -a six "$G"
		started 2
		target=$pid
		[ "$whom" = group ] && target=-$pid
		tell "$signal" "$target"
		allow 2
		finish "$signal once, to the $whom" "${pair#*=}" $'1\n2\n' \
			"$(said 2 0)"$'\n'
	done
done
begin map -j1 -c 6 -a six "$G"
started 1
allow 1
started 1
tell INT "$pid"
allow 1
finish 'within a chunk' 130 $'1\n2\n' "$(said 2 0)"$'\n'
begin map -j2 --unordered --maxtasksperchild 1 -a six "$G"
started 2
allow 2
started 2
tell INT "-$pid"
allow 2
finish 'with new workers' 130 $'~[1-4]\n[1-4]\n[1-4]\n[1-4]' "$(said 4 0)"$'\n'
begin map -j2 -a six "$G"
started 2
killed=${workers% *}
kill -s KILL "$killed"
started 1
tell INT "$pid"
allow 2
finish 'failed items are counted' 130 $'~[1-6]\n[1-6]' \
	"~prun: [12]: the worker \\(pid $killed\\) was killed by SIGKILL \\(signal 9\\) after [0-9.]+ m?s
$(said 2 1)"
begin map -j2 --progress=line -a six "$G"
started 2
tell INT "$pid"
allow 2
finish 'with a last line of progress' 130 $'1\n2\n' "~(prun: [0-9].*
)*prun: 2/6, 33%, .*, in 0:[0-9]+
$(said 2 0)"

# A word on how far it is.
begin map -j1 -a six "$G"
started 1
kill -s USR1 "$pid"
await_text .err 'prun: 0/6, 0%'
allow 1
started 1
await_text .out 1
kill -s USR1 -- "-$pid"
await_text .err 'prun: 1/6, 16%'
allow 5
finish 'USR1, to prun and to the group' 0 $'1\n2\n3\n4\n5\n6\n' \
	$'~prun: 0/6, .*\nprun: 1/6, .*'

# An input that waits, and one that never ends.
mkfifo slow
begin map -a slow "$G"
exec 5> slow
echo 1 >&5
started 1
allow 1
await_text .out 1
kill -s INT "$pid"
finish 'while the input waits' 130 $'1\n' "$(said 1 0)"$'\n'
exec 5>&-

# A line of which no end is read.
input=/dev/zero begin map noop
await_text .err 'item 1: longer than 256 MiB'
kill -s INT "$pid"
finish 'within a line without end' 130 '' \
	$'prun: item 1: longer than 256 MiB\n'"$(said 0 1)"$'\n'

# Twice: what runs is killed.
for pair in INT=INT TERM=TERM HUP=HUP INT=TERM; do
	begin map -j2 -a six "$G"
	started 2
	allow 1
	started 1
	tell "${pair%=*}" "-$pid"
	kill -s "${pair#*=}" -- "-$pid"
	status=130
	[ "${pair%=*}" = TERM ] && status=143
	[ "${pair%=*}" = HUP ] && status=129
	finish "${pair%=*}, then ${pair#*=}" "$status" '~[12]?' \
		"~$(said 1 0)"
done

# await_write PID: it sleeps in a write to standard output
await_write() {
	local deadline=$((SECONDS + WAIT)) argument=
	until [ "$argument" = 0x1 ] && state "$1" && [ "$state" = S ]; do
		if [ "$SECONDS" -gt "$deadline" ]; then
			fail "await_write" "in $state, argument $argument"
			return
		fi
		read -r _ argument _ < "/proc/$1/syscall"
	done
}

# Twice while a write is stuck, as nobody reads: at once, and without a word.
# Once is not enough: the reader may come back.
if [ -r /proc/self/syscall ]; then
	mkfifo stuck
	for first in before after; do
		exec 5<> stuck
		dd if=/dev/zero of=stuck bs=4096 oflag=nonblock 2> /dev/null
		output=stuck begin map -j1 "$G" 1 2
		started 1
		[ "$first" = before ] && tell INT "$pid"
		allow 1
		await_write "$pid"
		if [ "$first" = after ]; then
			kill -s INT "$pid"
			await_write "$pid"
		fi
		kill -s INT "$pid"
		finish "twice, a write is stuck $first the first" 130 '*' ''
		exec 5<&-
	done
else
	skip 'signals while a write is stuck' 'no /proc/PID/syscall'
fi

# What prun was told to ignore it ignores.
launch='env --ignore-signal=INT,HUP' begin map -j2 "$G" 1 2
started 2
kill -s INT -- "-$pid"
kill -s HUP -- "-$pid"
allow 2
finish 'INT and HUP that are ignored' 0 $'1\n2\n' ''
launch='env --ignore-signal=INT' begin map -j2 -a six "$G"
started 2
tell TERM "$pid"
allow 2
finish 'TERM where INT is ignored' 143 $'1\n2\n' "$(said 2 0)"$'\n'
launch='env --ignore-signal=CHLD' begin map -j1 "$FAULTS:misbehave" a _exit3
finish 'SIGCHLD that is ignored' 1 $'a\n' \
	'~prun: _exit3: the worker \(pid [0-9]+\) exited with code 3 after .*'

# As process 1 of a container, which does not die of what it raises.
if unshare -Urpf --mount-proc true 2> /dev/null; then
	launch='unshare -Urpf --mount-proc' begin map -j2 -a six "$G"
	started 2
	inside=$(ps -o pid= --ppid "$pid")
	tell TERM "${inside// /}"
	allow 2
	finish 'TERM to process 1' 143 $'1\n2\n' "$(said 2 0)"$'\n'
	check 'a reader that goes away from process 1' 0 $'y\n' '' \
		bash -c 'yes | { unshare -Urpf --mount-proc "$PRUN" map echo
			echo $? > status; } | head -n 1'
	same 'its status' 141 "$(cat status)"
else
	skip 'prun as process 1' 'no namespaces'
fi

# The workers. What the run has from one that was killed is right.
begin map -j2 -c 1 -a six "$G"
started 2
killed=${workers#* } item=${items#* }
kill -s KILL "$killed"
allow 6
grep -vx "$item" six > want
finish 'a worker is killed' 1 @want \
	"~prun: $item: the worker \(pid $killed\) was killed by SIGKILL \(signal 9\) after [0-9.]+ m?s"
begin map -j2 "$G" 1 2
started 2
for signal in INT TERM HUP; do
	kill -s "$signal" "${workers% *}"
done
allow 2
finish 'a worker does not mind INT, TERM and HUP' 0 $'1\n2\n' ''
begin map -j2 -a six "$G"
started 2
kill -s STOP "${workers% *}"
await T "${workers% *}"
allow 2
kill -s CONT "${workers% *}"
allow 4
finish 'a worker is stopped and goes on' 0 @six ''

begin map -j2 -a six "$G"
started 2
kill -s STOP "$pid"
await T "$pid"
allow 6
kill -s CONT "$pid"
finish 'prun is stopped and goes on' 0 @six ''
begin map -j2 -a six "$G"
started 2
kill -s STOP -- "-$pid"
await T "$pid"
kill -s INT "$pid"
kill -s CONT -- "-$pid"
await S "$pid"
allow 2
finish 'INT while prun is stopped' 130 $'1\n2\n' "$(said 2 0)"$'\n'

# No worker survives prun, however many there are. The shell has a word on it.
exec 2> /dev/null
seq 200 > many
begin map -j8 -c 1 -a many "$G"
started 8
kill -s KILL "$pid"
finish 'prun is killed' 137 '' ''
begin map -j8 -c 1 -a many "$G"
started 8
kill -s STOP -- "-$pid"
kill -s KILL "$pid"
finish 'prun is killed, all being stopped' 137 '' ''
begin map -j200 -c 1 -a many "$G"
started 200
allow 200
finish '200 workers' 0 @many ''
begin map -j200 -c 1 -a many "$G"
started 200
tell INT "-$pid"
kill -s INT -- "-$pid"
finish '200 workers, INT twice' 130 '' "$(said 0 0)"$'\n'
begin map -j200 -c 1 -a many "$G"
started 200
kill -s KILL "$pid"
finish '200 workers, prun is killed' 137 '' ''
