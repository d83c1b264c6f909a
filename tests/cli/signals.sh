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
		let 2
		finish "$signal once, to the $whom" "${pair#*=}" $'1\n2\n' \
			"$(said 2 0)"$'\n'
	done
done
begin map -j1 -c 6 -a six "$G"
started 1
let 1
started 1
tell INT "$pid"
let 1
finish 'within a chunk' 130 $'1\n2\n' "$(said 2 0)"$'\n'
begin map -j2 --unordered --maxtasksperchild 1 -a six "$G"
started 2
let 2
started 2
tell INT "-$pid"
let 2
finish 'with new workers' 130 $'~[1-4]\n[1-4]\n[1-4]\n[1-4]' "$(said 4 0)"$'\n'
begin map -j2 -a six "$G"
started 2
killed=${workers% *}
kill -s KILL "$killed"
started 1
tell INT "$pid"
let 2
finish 'failed items are counted' 130 $'~[1-6]\n[1-6]' \
	"~prun: [12]: the worker \\(pid $killed\\) was killed by SIGKILL \\(signal 9\\) after [0-9.]+ m?s
$(said 2 1)"
begin map -j2 --progress=line -a six "$G"
started 2
tell INT "$pid"
let 2
finish 'with a last line of progress' 130 $'1\n2\n' "~(prun: [0-9].*
)*prun: 2/6, 33%, .*, in 0:[0-9]+
$(said 2 0)"

# An input that waits, and one that never ends.
mkfifo slow
begin map -a slow echo
exec 5> slow
await S "$pid"
kill -s INT "$pid"
finish 'while the input waits' 130 '' "$(said 0 0)"$'\n'
exec 5>&-

# Twice: what runs is killed.
for pair in INT=INT TERM=TERM HUP=HUP INT=TERM; do
	begin map -j2 -a six "$G"
	started 2
	let 1
	started 1
	tell "${pair%=*}" "-$pid"
	kill -s "${pair#*=}" -- "-$pid"
	status=130
	[ "${pair%=*}" = TERM ] && status=143
	[ "${pair%=*}" = HUP ] && status=129
	finish "${pair%=*}, then ${pair#*=}" "$status" '~[12]?' \
		"~$(said 1 0)"
done
