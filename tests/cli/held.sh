# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # shared with lib.sh
#
# A run that the test holds by pipes, with the function gate of faults.c:
#
#   begin map -j2 "$FAULTS:gate" 1 2 3   prun in the background; its pid is $pid
#   started 2                            two tasks run: their items are $items,
#                                        their workers $workers
#   allow 2                                two of them may end
#   finish NAME STATUS STDOUT STDERR     prun and all of its workers have ended
#
# Nothing here waits for time to pass: a worker says when it starts, and a pipe
# whose writing end prun and its workers inherit ends when the last of them does.

WAIT=60

mkfifo started gate alive

# begin ARG...: in a process group of its own, with the signals a shell gives to
# a job in the foreground. $launch may hold a command that runs prun.
begin() {
	exec 7<> started 8<> gate
	set -m
	${launch-} "$PRUN" "$@" < "${input:-/dev/null}" > "${output:-.out}" \
		2> .err 6<&- 9> alive &
	pid=$!
	set +m
	exec 6< alive
}

started() {
	local line
	items='' workers=''
	while [ "$(wc -w <<< "$workers")" -lt "$1" ]; do
		read -r -t "$WAIT" -u 7 line || {
			fail "$*" "no task started after $items"
			return
		}
		workers="$workers${workers:+ }${line%% *}"
		items="$items${items:+ }${line#* }"
	done
}

allow() {
	head -c "$1" /dev/zero >&8
}

# The state of a process: its letter; true if no signal waits for it. One that
# SIGKILL has ended may have that one still.
state() {
	local key value rest waiting=''
	while read -r key value rest; do
		case $key in
		State:) state=$value ;;
		SigPnd: | ShdPnd:) waiting=$waiting$value ;;
		esac
	done 2> /dev/null < "/proc/$1/status" || return 1
	[ "$state" = Z ] || [[ $waiting =~ ^0+$ ]]
}

# await STATE PID: it has seen all signals that were sent to it. One that has
# ended is finish()'s to judge: what had not started yet need not be waited for.
await() {
	local deadline=$((SECONDS + WAIT)) state=
	until state "$2" && [ "$state" = "$1" ]; do
		[ -d "/proc/$2" ] || return
		if [ "$SECONDS" -gt "$deadline" ]; then
			fail "await $*" "the last state seen is '$state'"
			return
		fi
	done
}

# await_text FILE TEXT: prun has written it
await_text() {
	local deadline=$((SECONDS + WAIT)) text=
	until [[ $text = *"$2"* ]]; do
		if [ "$SECONDS" -gt "$deadline" ]; then
			fail "await_text $*" "got $text"
			return
		fi
		text=$(< "$1")
	done
}

# tell SIGNAL PID: and wait until it has been acted upon, which is when the
# process sleeps again.
tell() {
	kill -s "$1" -- "$2"
	await S "${2#-}"
}

# gone NAME: no process of the run is left
gone() {
	local byte rc
	read -r -t "$WAIT" -u 6 -n 1 byte
	rc=$?
	if [ "$rc" -gt 128 ]; then
		fail "$1" "still running: $(ps -o pid,ppid,stat,args -g "$pid")"
		kill -s KILL -- "-$pid"
	fi
	[ "$rc" -eq 1 ]
}

finish() {
	local rc
	# The shell has a word on those that were killed.
	{
		gone "$1"
		wait "$pid"
		rc=$?
	} 2> /dev/null
	exec 6<&- 7<&- 8<&-
	verdict "$1" "$2" "$3" "$4" "$rc"
}
