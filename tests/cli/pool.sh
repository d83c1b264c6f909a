# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016 # for sh -c
# What the options of the pool do to its workers.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"

check '--nice' 0 "$((3 + $(nice)))"$'\n' '' \
	"$PRUN" map --nice 3 "$VALUES:niceness" a
check 'no --nice' 0 "$(nice)"$'\n' '' "$PRUN" map "$VALUES:niceness" a
check '--pin' 0 $'1\n' '' "$PRUN" map --pin "$VALUES:cpus" a
check 'no --pin' 0 "$(nproc --all)"$'\n' '' \
	sh -c 'taskset -p -c 0-1023 $$ > /dev/null && exec "$PRUN" map "$VALUES:cpus" a'

# A sanitizer's own memory is beyond all limits.
if grep -qc __asan_init "$PRUN"; then
	skip '--memory-limit' 'a sanitizer has its own memory'
else
	check '--memory-limit' 0 $'yes\nno\n' '' \
		"$PRUN" map --memory-limit 64M "$VALUES:grab" 1 2000
fi
check 'no --memory-limit' 0 $'yes\nyes\n' '' "$PRUN" map "$VALUES:grab" 1 2000

# family METHOD: the pids of prun, of the worker's parent, and of the worker
family() {
	sh -c 'echo $$ && exec "$PRUN" map --start-method '"$1"' "$VALUES:family" a' |
		xargs
}
read -r prun parent worker <<< "$(family fork)"
same '--start-method fork: the parent' "$prun" "$parent"
same 'the default method' "$prun" "$parent"
if [ "$worker" = "$prun" ]; then
	fail '--start-method fork: a process' "$worker is prun"
else
	pass '--start-method fork: a process'
fi
read -r prun parent worker <<< "$(family forkserver)"
if [ "$parent" = "$prun" ] || [ "$worker" = "$prun" ]; then
	fail '--start-method forkserver' "prun $prun, $worker child of $parent"
else
	pass '--start-method forkserver'
fi
read -r prun parent worker <<< "$(family inline)"
same '--start-method inline: no process' "$prun" "$worker"
seq 1000 > want
check '--start-method inline: items of standard input' 0 @want '' \
	sh -c 'seq 1000 | "$PRUN" map --start-method inline echo'
check '--start-method inline: what is printed' 0 $'eof\n' $'loose\n' \
	"$PRUN" map --start-method inline "$VALUES:stdio" a
