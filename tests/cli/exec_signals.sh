# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # for sh -c; held.sh
# Signals to prun exec, to its guard and to its workers, with commands that
# leave processes behind; and that none of them survives.
#
# A run has ended when the last process that it has started has: they all have
# the writing end of a pipe that the test reads from.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"
# shellcheck source=tests/cli/held.sh
. "$TESTS/held.sh"

seq 6 > six

# A command that the test holds: see held.sh.
cat > gated << 'END'
#!/bin/sh
echo "$$" > "$1.pid"
echo "$$ $1" > started
head -c 1 gate > /dev/null
echo "$1"
END

# The same, with what it leaves behind: a child, one in a session of its own, a
# daemon by a double fork, and one that forks again and again. They ignore all
# signals that can be ignored.
cat > leaver << 'END'
#!/bin/bash
trap '' INT TERM HUP QUIT PIPE USR1 USR2 TSTP
tell() {
	echo "$BASHPID left" > started
}
(tell; exec sleep 1000) &
setsid bash -c 'echo "$$ left" > started; exec sleep 1000' > /dev/null 2>&1 &
(setsid bash -c '(echo "$BASHPID left" > started; exec sleep 1000) &' &)
(tell; while :; do (:); done) &
exec ./gated "$1"
END
chmod +x gated leaver

# said DONE FAILED
said() {
	printf 'prun: interrupted: %d done, %d failed, rest not run\n' "$1" "$2"
}

# The guard is the one child of prun that has its own name.
guard_of() {
	pgrep -P "$1" -x prun-forkserver
}

# Once: what runs is finished, whether the signal comes to prun alone or to all
# of its group; commands have groups of their own.
for pair in INT=130 TERM=143 HUP=129; do
	signal=${pair%=*}
	for whom in prun group; do
		begin exec -j2 -a six ./gated
		started 2
		target=$pid
		[ "$whom" = group ] && target=-$pid
		tell "$signal" "$target"
		allow 2
		finish "$signal once, to the $whom" "${pair#*=}" $'1\n2\n' \
			"$(said 2 0)"$'\n'
	done
done
# Twice: it is killed, with what it has left behind.
for pair in INT=130 TERM=143; do
	begin exec -j2 -a six ./leaver
	started 10
	tell "${pair%=*}" "-$pid"
	kill -s "${pair%=*}" -- "-$pid"
	finish "${pair%=*} twice" "${pair#*=}" '' "$(said 0 0)"$'\n'
done
begin exec -j2 -a six ./leaver
started 10
tell INT "$pid"
allow 2
finish 'INT once, with leftovers' 130 $'1\n2\n' "$(said 2 0)"$'\n'

# A run that ends as it should takes along what its commands have left.
begin exec -j2 ./leaver ::: 1 2 3
started 10
allow 3
finish 'an orderly end' 0 $'1\n2\n3\n' ''
begin exec -j1 --maxtasksperchild 1 ./leaver ::: 1 2
started 5
allow 1
started 5
allow 1
finish 'workers end one after the other' 0 $'1\n2\n' ''

# The shell has a word on those that were killed.
exec 2> /dev/null
begin exec -j2 -a six ./leaver
started 10
kill -s KILL "$pid"
finish 'prun is killed' 137 '' ''
begin exec -j2 -a six ./leaver
started 10
kill -s STOP -- "-$pid"
kill -s KILL "$pid"
finish 'prun is killed, all being stopped' 137 '' ''
begin exec -j2 -a six ./leaver
started 10
kill -s KILL "$(guard_of "$pid")"
finish 'the guard is killed' 3 '~1?.*' '~(.*
)?prun: the workers failed: the fork server died'
begin exec -j2 --line-buffer -a six ./leaver
started 10
kill -s KILL "$pid"
finish 'prun is killed, --line-buffer' 137 '' ''
begin exec -j2 --ungroup -a six ./leaver
started 10
kill -s KILL "$pid"
finish 'prun is killed, --ungroup' 137 '' ''

# Without anybody who could clean up the commands themselves go all the same.
begin exec -j2 --shell 'echo "$$ $1" > started; exec head -c 1 gate' ::: 1 2
started 2
kill -s KILL "$pid" "$(guard_of "$pid")"
finish 'prun and its guard are killed' 137 '' ''

# A worker that is killed fails its item alone, and takes along what that has
# left, while the others go on.
begin exec -j2 -c1 ./gated ::: 1 2 3
started 2
command=${workers%% *} item=${items%% *}
worker=$(ps -o ppid= "$command")
kill -s KILL "${worker// /}"
# What that has started reads from the gate as well, until it is gone, too.
while kill -0 -- "-$command" 2> /dev/null; do :; done
allow 2
finish 'a worker is killed' 1 '*' \
	"~prun: $item: the worker \(pid ${worker// /}\) was killed by SIGKILL .*"
same 'a worker is killed: the others' "$(seq 3 | grep -vx "$item")" "$(< .out)"

# A command that is killed fails its item, and the rest of its group is left to
# the end of the run.
begin exec -j1 ./leaver ::: 1
started 5
kill -s KILL "$(< 1.pid)"
finish 'a command is killed' 1 '' \
	$'prun: 1: was killed by SIGKILL (signal 9)\n'

# The terminal's stop and continue reach commands, too.
begin exec -j1 --shell 'echo "$$ $1" > started; exec head -c 1 gate' ::: 1
started 1
command=$workers
kill -s TSTP -- "-$pid"
await T "$pid"
await T "$command"
kill -s CONT -- "-$pid"
await S "$pid"
await S "$command"
allow 1
finish 'TSTP and CONT' 0 '*' ''

# What prun's caller left to it as children is not touched.
bash -c 'sleep 1000 & echo $! > theirs.pid; exec "$PRUN" exec true ::: 1'
if kill -0 "$(< theirs.pid)"; then
	pass 'children that were there before'
	kill "$(< theirs.pid)"
else
	fail 'children that were there before' 'is gone'
fi
