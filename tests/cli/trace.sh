# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # for sh -c; held.sh
# --trace, against the format.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"
# shellcheck source=tests/cli/held.sh
. "$TESTS/held.sh"

G=$FAULTS:gate
MISBEHAVE=$FAULTS:misbehave

check 'a trace that cannot be opened' 2 '' $'prun: no/t: No such file or directory\n' \
	"$PRUN" map --trace no/t echo a
check 'no command is run then' 2 '' '*' \
	"$PRUN" exec --trace / touch ::: ran
same 'indeed' no "$([ -e ran ] && echo yes || echo no)"
check 'a trace on a full disk' 3 '*' \
	$'prun: /dev/full: write error: No space left on device\n' \
	"$PRUN" map --trace /dev/full echo a
seq 300000 > many
check 'a full disk ends the run' 3 '*' \
	$'prun: /dev/full: write error: No space left on device\n' \
	bash -c '"$PRUN" map --trace /dev/full echo < <(cat many; exec sleep 1000)'
check 'a limit of its size' 3 '*' '~prun: t: write error: File too large' \
	bash -c 'ulimit -f 8; exec "$PRUN" map --trace t -a many noop'

if ! have python3; then
	skip 'what is written' 'no python3'
	exit 0
fi

# events NAME FILE WHAT [cut]
events() {
	same "$1" "$3" "$(python3 "$TESTS/trace_check.py" "$2" ${4+"$4"} 2>&1)"
}

# traced NAME STATUS WHAT PRUN-ARG...: of two workers at the most
traced() {
	local name=$1 want=$2 what=$3
	shift 3
	check "$name" "$want" '*' '*' "$PRUN" "$@"
	events "$name: its events" t "$what"
}

# pick EXPRESSION: of the events of the file t
pick() {
	python3 -c "import json; E = json.load(open('t')); print($1)"
}

# One worker, so that it is known which processes there are.
one='-j1 --trace t'
# shellcheck disable=SC2086 # words
{
traced 'map' 0 'done 3, end: ended 1, process 1' map $one echo a b c
same 'the names of its rows' "['prun map echo', 'worker 0', 'prun']" \
	"$(pick "[e['args']['name'] for e in E if 'name' in e.get('args', [])]")"
traced 'no items' 0 'end: ended 1' map $one echo :::
traced 'starmap' 0 'done 2, end: ended 1, process 1' \
	starmap $one --jsonl "$VALUES:packed" ::: '["a", 1]' '["b", null]'
same 'an item of columns' "[['a', 1], ['b', None]]" \
	"$(pick "[e['args']['item'] for e in E if e['ph'] == 'X']")"
traced 'apply' 0 'done 1, end: ended 1, process 1' apply --trace t echo a
traced 'exec' 1 'done 1, end: ended 1, failed 2, process 1' \
	exec $one --shell 'exec sh -c "$1"' ::: true 'exit 3' 'kill -9 $$'
same 'exec: how it ended' "['ok None', 'PRUN_EFAILED exited with status 3', 'PRUN_EFAILED was killed by SIGKILL (signal 9)']" \
	"$(pick "['%(status)s %(error)s' % e['args'] for e in E if e['ph'] == 'X']")"
traced 'exec: a bar is of a command' 0 'done 2, end: ended 1, process 1' \
	exec $one -n2 true ::: a b c
traced 'failures' 1 'done 1, end: ended 1, failed 1, process 1' map $one md5 "$PRUN" no
traced 'crashes' 1 \
	'done 2, end: ended 1, failed 2, process 3, worker died 2' \
	map $one -c1 "$MISBEHAVE" a segv kill b
same 'how they died' '[11, 9]' \
	"$(pick "[e['args']['signal'] for e in E if e['name'] == 'worker died']")"
traced 'retries' 1 \
	'done 1, end: ended 1, failed 1, process 2, try 1' \
	map $one --retries 2 "$MISBEHAVE" a exit3
same 'the attempts' '[1, 3]' \
	"$(pick "[e['args']['attempt'] for e in E if e['ph'] == 'X']")"
traced 'timeout' 1 'end: ended 1, failed 1, process 1' \
	map $one --timeout 0.1 "$MISBEHAVE" hang
same 'its status' "['PRUN_ETIMEDOUT']" \
	"$(pick "[e['args']['status'] for e in E if e['ph'] == 'X']")"
same 'for as long as it ran' True \
	"$(pick "all(e['dur'] >= 1e5 for e in E if e['ph'] == 'X')")"
traced 'workers that are replaced' 0 'done 6, end: ended 1, process 3' \
	map $one --maxtasksperchild 2 -c1 echo 1 2 3 4 5 6
traced 'inline' 0 'done 2, end: ended 1, process 1' \
	map --start-method inline --trace t echo a b
traced 'what was wrong in itself' 1 \
	'done 1, end: ended 1, not run 1, process 1' \
	map $one --jsonl echo ::: '"a"' '{'
traced 'halted' 4 'end: halted 1, failed 1, process 1' \
	map $one -c1 --fail-fast "$MISBEHAVE" exit3 a b
printf '%s\n' $'a"\\\x01' $'\xff\xfe' "$(printf 'x%.0s' {1..2000})" > odd
traced 'odd items' 0 'done 3, end: ended 1, process 1' map $one -a odd echo
same 'as they are' True "$(pick "[e['args'].get('item', e['args'].get('item_b64'))
	for e in E if e['ph'] == 'X'] == ['a\"\\\\\\x01', '//4=', 'x' * 2000]")"
same 'and as names' True "$(pick "[e['name'] for e in E if e['ph'] == 'X'] ==
	['a\"\\\\\\x01', '\\ufffd\\ufffd', 'x' * 96 + '...']")"
}
"$PRUN" map -j2 md5 "$PRUN" many odd > sums
traced 'check' 1 'done 3, end: ended 1, failed 2, process 1' check -j1 --trace t - \
	< <(cat sums; echo "$(printf '0%.0s' {1..32})  many"
		echo "$(printf '0%.0s' {1..32})  no") 

# Whatever the order of the results: bars of a row never overlap.
find "$TESTS/../.." -maxdepth 3 -type f ! -path '*/build/*' | head -n 2000 > files
for how in -k --unordered; do
	check "tasks side by side, $how" 0 '*' '' \
		"$PRUN" map $how --trace t -a files md5
	same "tasks side by side, $how: its events" \
		"done $(wc -l < files), end: ended 1" \
		"$(python3 "$TESTS/trace_check.py" t 2>&1 | sed 's/, process.*//')"
	check "many short ones, $how" 0 '*' '' \
		"$PRUN" map $how -j4 --trace t -a many noop
	same "many short ones, $how: its events" 'done 300000, end: ended 1' \
		"$(python3 "$TESTS/trace_check.py" t 2>&1 | sed 's/, process.*//')"
done

# -------------------------------------------------------------- ended from outside

begin map -j2 --trace t "$G" 1 2 3 4
started 2
tell INT "$pid"
allow 2
finish 'interrupted' 130 $'1\n2\n' '~prun: interrupted: .*'
events 'interrupted: its events' t 'done 2, end: interrupted 1, process 2'
begin map -j1 -c1 --trace t "$G" 1 2 3 4
started 1
allow 1
started 1
tell INT "$pid"
kill -s INT "$pid"
finish 'interrupted twice' 130 $'1\n' '~prun: interrupted: .*'
events 'interrupted twice: its events' t 'done 1, end: interrupted 1, process 1'
begin map -j1 -c1 --trace t "$G" 1 2 3 4
started 1
allow 1
started 1
await_text t '"index":1'
{
	kill -s KILL "$pid"
	finish 'killed' 137 '*' '*'
} 2> /dev/null
events 'killed: what is there' t 'done 1, process 1' cut
