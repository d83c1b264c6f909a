# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 # held.sh
# What -v and -vv say.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"
# shellcheck source=tests/cli/held.sh
. "$TESTS/held.sh"

ran='worker [0-9]+ \(pid [0-9]+\), from [0-9.]+ s for [0-9.]+ ms'
echo abc > abc

check '-v' 1 '~[0-9a-f]+  abc' "~prun: 1 worker forked
prun: abc: done, $ran
prun: nope: No such file or directory
prun: nope: failed, $ran" "$PRUN" map -j1 -v md5 abc nope
check '-v: several workers, no item' 0 '' '~prun: 1 worker forked' \
	"$PRUN" map -v echo :::
check '-v: another method' 0 $'a\nb\n' "~prun: 2 workers of a fork server
prun: a: done, $ran
prun: b: done, $ran" \
	"$PRUN" map -v -j2 --start-method forkserver echo a b
check '-v: no workers' 0 $'a\n' "~prun: 1 worker in prun itself
prun: a: done, $ran" "$PRUN" map -v --start-method inline echo a
check '-v: a second try' 0 $'2\n' "~prun: 1 worker forked
prun: 2: done, $ran, try 2" "$PRUN" apply -v --retries 1 "$VALUES:try" 2
check '-v: as an item is quoted' 0 $'a\nb\n' "~prun: 1 worker forked
prun: 'a'.'.n''b': done, $ran" "$PRUN" apply --verbose echo $'a\nb'
check '-v -q' 1 '' '' "$PRUN" map -v -q md5 nope
check '-q -v' 1 '' "~prun: 1 worker forked
prun: nope: No such file or directory
prun: nope: failed, $ran" "$PRUN" map -qv md5 nope

worker='worker 0 \(pid [0-9]+\)'
check '-vv' 0 '' "~prun: 1 worker forked
(.*
)?prun: $worker, items: 3, worked [0-9.]+ s, waited [0-9.]+ s, at most [0-9.]+ MiB" \
	"$PRUN" map -vv -j1 noop a b c
# One dies behind each item; the first and the last are seen in any case.
"$PRUN" map -j1 -vvv --maxtasksperchild 1 "$VALUES:pid" a b c > pids 2> said
same '-vv: the last worker is another' 3 "$(sort -u pids | wc -l)"
while read -r pid; do
	if grep -qE "prun: [abc]: done, worker 0 \\(pid $pid\\)" said; then
		pass "-vv: worker $pid"
	else
		fail "-vv: worker $pid" "$(cat said)"
	fi
done < pids

begin map -j1 -vv --maxtasksperchild 1 "$FAULTS:gate" a b
started 1
await_text .err 'number 1 in its place'
first=$workers
allow 1
started 1
await_text .err 'number 2 in its place'
allow 1
finish '-vv: births and deaths' 0 $'a\nb\n' "~prun: 1 worker forked
prun: worker 0 \\(pid $first\\) is there, number 1 in its place
prun: a: done, $ran
prun: worker 0 \\(pid $first\\) has ended, items: [01]
prun: worker 0 \\(pid $workers\\) is there, number 2 in its place
prun: b: done, $ran(
.*)?"
