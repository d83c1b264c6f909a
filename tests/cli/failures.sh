# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # for sh -c; held.sh
# Items that fail: limits of time, second tries, and the end of a run by them.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"
# shellcheck source=tests/cli/held.sh
. "$TESTS/held.sh"

F=$FAULTS:misbehave

# ----------------------------------------------------------------------- time

check '--timeout: one that hangs fails alone' 1 $'a\nb\n' \
	'~prun: hang: the task had 50.0 ms, and was killed .*' \
	"$PRUN" map -j1 --timeout 50ms "$F" a hang b
check '--timeout: one that does not goes on' 0 $'a\nb\n' '' \
	"$PRUN" map --timeout 1h "$F" a b
check '--timeout: it is asked first' 0 $'stopped\n' '' \
	"$PRUN" map --timeout 10ms --kill-after 1h "$VALUES:obey" a
check '--kill-after: and killed then' 1 '' \
	'~prun: hang: the task had 10.0 ms, and was killed .*' \
	"$PRUN" map --timeout 10ms --kill-after 10ms "$F" hang

# A hundred thousand per cent of next to nothing is little, though the median of
# the others is known only behind the one that hangs.
check '--timeout N%' 1 $'a\nb\nc\nd\n' \
	'~prun: hang: the task had [0-9.]+ ms, and was killed .*' \
	"$PRUN" map -j2 -c 1 --timeout 100000% "$F" hang a b c d
check '--timeout N%: and then a time' 1 $'a\nb\n' \
	'~prun: hang: the task had 20.0 ms, and was killed .*' \
	"$PRUN" map --timeout 100% --timeout 20ms "$F" hang a b

# The first signal lets what runs end, within that time.
begin map -j1 --kill-after 10ms "$F" a hang b
await_text .out a
kill -s TERM "$pid"
finish '--kill-after: when prun is told to stop' 143 $'a\n' \
	$'prun: interrupted: 1 done, 0 failed, rest not run\n'

# ---------------------------------------------------------------------- tries

check '--retries: tries that are enough' 0 $'1\n2\n3\n' '' \
	"$PRUN" map --retries 2 "$VALUES:try" 1 2 3
check '--retries: one too few' 1 $'3\n' $'prun: 4: not yet\n' \
	"$PRUN" map --retries=2 "$VALUES:try" 3 4
check '--retries 0' 1 $'1\n' $'prun: 2: not yet\n' \
	"$PRUN" map --retries 0 "$VALUES:try" 1 2
check '--retries: of a worker that dies' 1 '' \
	'~prun: kill: the worker .* was killed by SIGKILL .*' \
	"$PRUN" map -j1 --retries 2 --maxtasksperchild 9 "$F" kill
check '--retries: of one that is late' 1 '' \
	'~prun: hang: the task had 10.0 ms, and was killed .*' \
	"$PRUN" map --retries 2 --timeout 10ms "$F" hang
# A delay of 100 ms, 200 ms and 400 ms: a try that comes sooner would show.
start=$EPOCHREALTIME
check '--retry-delay' 0 $'4\n' '' \
	"$PRUN" map --retries 3 --retry-delay 100ms "$VALUES:try" 4
end=$EPOCHREALTIME
if [ $((${end/[.,]/} - ${start/[.,]/})) -ge 700000 ]; then
	pass '--retry-delay: the time between the tries'
else
	fail '--retry-delay: the time between the tries' "$start to $end"
fi

# ------------------------------------------------------------------------ halt

# What is killed hangs for ever, so the run ends only if it is.
halted='~prun: halted: [0-9]+ done, [0-9]+ failed, rest not run'
check '--halt now,success=1' 4 '~(a)?
?(b)?' "$halted" "$PRUN" map -j2 -c 1 --halt now,success=1 "$F" hang a b
check '--halt now,done=2' 4 '~(a)?
?(b)?' "$halted" "$PRUN" map -j2 -c 1 --halt now,done=2 "$F" hang a b
check '--halt now: seen behind one that runs' 4 '*' \
	'~prun: exit3: the task called exit\(3\)
prun: halted: .*' "$PRUN" map -j2 -c 1 --fail-fast "$F" hang exit3 a b c
check '--halt now, --unordered' 4 '*' '~prun: exit3: .*
prun: halted: .*' "$PRUN" map -j2 -c 1 --unordered --fail-fast "$F" hang exit3 a
check '--halt with -q' 4 '' "$halted" \
	"$PRUN" map -q -j1 -c 1 --halt now,fail=1 "$F" exit3 hang

# The run is told to stop before its first result is written, and what has been
# begun until then is at most one item a worker.
begin map -j2 -c 1 --tag --unordered --halt soon,success=1 "$FAULTS:gate" \
	1 2 3 4 5 6
started 2
allow 1
await_text .out $'\t'
allow 6
finish '--halt soon: what runs is finished' 4 '~[1-6].[1-6]
[1-6].[1-6](
[1-6].[1-6])?' '~prun: halted: [23] done, 0 failed, rest not run'

check '--halt never' 1 '' $'prun: exit3: the task called exit(3)\n' \
	"$PRUN" map --fail-fast --halt never "$F" exit3
check '--fail-fast with nothing behind it' 4 '' '~prun: exit3: .*' \
	"$PRUN" map --fail-fast "$F" exit3
check '--fail-fast, all well' 0 $'a\nb\n' '' "$PRUN" map --fail-fast "$F" a b
# Of ten items three are 30 per cent, two are not.
ten=(a exit3 b exit3 c d e f g)
check '--halt N%: not reached' 1 $'a\nb\nc\nd\ne\nf\ng\nh\n' '*' \
	"$PRUN" map -j1 --halt soon,fail=30% "$F" "${ten[@]}" h
check '--halt N%: reached by the last one' 4 $'a\nb\nc\nd\ne\nf\ng\n' '*' \
	"$PRUN" map -j1 --halt soon,fail=30% "$F" "${ten[@]}" exit3
printf '%s\n' "${ten[@]}" h > list
check '--halt N% of a list' 1 '*' '*' \
	"$PRUN" map -a list --halt soon,fail=30% "$F"
