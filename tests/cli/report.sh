# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016 # for sh -c
# prun log --html.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"

check 'one of both' 2 '' '~prun: --html and --failed exclude each other
Try .*' "$PRUN" log --html --failed j
check 'no journal' 2 '' $'prun: none: No such file or directory\n' \
	"$PRUN" log --html none
"$PRUN" map -j1 --journal ten echo 1 2 3 > /dev/null
check 'a full disk' 3 '' $'prun: write error: No space left on device\n' \
	bash -c '"$PRUN" log --html ten > /dev/full'

if ! have python3; then
	skip 'what is in it' 'no python3'
	exit 0
fi

# page NAME JOURNAL RETRIED WORKERS BARS: its figures are those of prun log
page() {
	local status want
	"$PRUN" log "$2" > .summary 2> log.err
	status=$?
	check "$1" "$status" '*' @log.err "$PRUN" log --html "$2"
	cp .out page
	want=$(awk -v retried="$3" -v workers="$4" -v bars="$5" '
		/^(items|done|failed|runs):/ { sub(",.*", ""); printf "%s %s ", $1, $2 }
		/^time:/ {
			printf "retried: %s workers: %s rows: %s bars: %s ",
				retried, workers, workers, bars
			print "time: " $2 " of all items " $7
		}' .summary)
	same "$1: its figures" "$want" "$(python3 "$TESTS/page_check.py" page 2>&1)"
}

# items NAME TABLE JSON: the items in a table of the page, in any order
items() {
	same "$1" True "$(python3 "$TESTS/page_check.py" page "$2" 2>&1 |
		python3 -c 'import json, sys
got, want = sorted(json.load(sys.stdin) or []), sorted(json.loads(sys.argv[1]))
print(got == want or got)' "$3" 2>&1)"
}

page 'a few items' ten 0 1 True
items 'the slowest' slowest '["1", "2", "3"]'
items 'no failures' failures '[]'

"$PRUN" map --journal none noop :::
page 'no items' none 0 0 False

printf '%s\n' '<script>alert(1)</script>' '"&'"'"'</td>' $'\x1b[31m\x07' \
	$'a\xffb' $'\xe6\x97\xa5' $'\xc2\x9b' > odd
"$PRUN" map -j1 --journal odd.j -a odd md5 2> /dev/null
page 'texts from elsewhere' odd.j 0 1 True
odd='["<script>alert(1)</script>", "\"&'"'"'</td>",
	"\u241b[31m\u2407", "a\ufffdb", "\u65e5", "\ufffd"]'
items 'texts from elsewhere are texts' failures "$odd"
items 'among the slowest too' slowest "$odd"
"$PRUN" exec --journal command.j --shell 'echo "$1" "</pre><b>&" > /dev/null' \
	::: a
page 'a command with markup' command.j 0 1 True

printf '["a", 1]\n{\n7\n["b", null]\n' |
	"$PRUN" map -j1 --journal values.j --jsonl md5 > /dev/null 2>&1
page 'values' values.j 0 1 True
items 'values as text' failures '["a\u24091", "7", "b\u2409"]'

# Failed once, tried again, failed for another reason in the next run.
"$PRUN" exec -j1 --retries 2 --journal again.j --shell \
	'read -r code < "$1"; exit "$code"' ::: x y 2> /dev/null
echo 0 > x
echo 7 > y
"$PRUN" exec -j1 --journal again.j --resume --shell \
	'read -r code < "$1"; exit "$code"' ::: x y 2> /dev/null
page 'two runs' again.j 2 1 True
items 'what has failed in the end' failures '["y"]'
same 'and why it did at last' 1 \
	"$(grep -c '<bdi>y</bdi>.*exited with status 7' page)"

seq 200000 > many
"$PRUN" map -j1 -c100 --journal many.j -a many noop
page 'many items' many.j 0 1 False
if [ "$(stat -c %s page)" -lt 200000 ]; then
	pass 'a small page of many items'
else
	fail 'a small page of many items' "$(stat -c %s page) bytes"
fi
seq 2000 | "$PRUN" map -j64 -c1 --journal workers.j md5 2> /dev/null
"$PRUN" log --html workers.j > page
same 'many failures, of many workers' 'failed: 2000 rows: True' \
	"$(python3 "$TESTS/page_check.py" page |
		sed -E 's/.*(failed: [0-9]+).*workers: ([0-9]+) rows: \2 .*/\1 rows: True/')"
same 'some of them by name' 200 "$(python3 "$TESTS/page_check.py" page failures |
	grep -o '"[0-9]*"' | wc -l)"
seq 3 | "$PRUN" exec -j1 -n3 --journal batch.j true
page 'several items of a command' batch.j 0 1 True
same 'their one bar' 1 "$(grep -c '<title>3 items' page)"

# Of a run that was killed, and one without what is only for this page.
head -c -40 again.j > cut.j
page 'a journal that was cut' cut.j 2 1 True
python3 - again.j old.j << 'END'
import struct, sys
data = open(sys.argv[1], "rb").read()
out, at = data[:32], 32
while at < len(data):
    size = 32
    kind = data[at + 4:at + 5]
    if kind in (b"R", b"F", b"M"):
        size = 40 + struct.unpack_from("<I", data, at + 32)[0]
    if kind != b"M":
        out += data[at:at + size]
    at += size
open(sys.argv[2], "wb").write(out)
END
page 'a journal of failures alone' old.j 0 1 True
items 'whose names are there' failures '["y"]'
{ head -c 200 again.j; printf damage; tail -c +201 again.j; } > damaged.j
page 'a damaged journal' damaged.j 1 1 True

python3 "$TESTS/journal_made.py" seldom > seldom.j
if [ $? -eq 77 ]; then
	skip 'journals that no run has written' 'no libxxhash.so.0'
	exit 0
fi
page 'items of twenty minutes' seldom.j 0 1 True
same 'how many end a second' '<span>0.0005/s</span><dd>0.000333/s' \
	"$(grep -oE '<span>[0-9.]+/s</span>|<dd>[0-9.]+/s' page | sort -r |
		tr -d '\n')"

python3 "$TESTS/journal_made.py" many_runs > runs.j
page 'many runs' runs.j 0 64 False
if [ "$(stat -c %s page)" -lt 400000 ]; then
	pass 'a small page of many runs'
else
	fail 'a small page of many runs' "$(stat -c %s page) bytes"
fi

python3 "$TESTS/journal_made.py" no_times > no_times.j
page 'times that are none' no_times.j 0 1 True
same 'what is no time is not counted' 'time:    0.000 s, of all items 2.000 s' \
	"$("$PRUN" log no_times.j | tail -n 1)"

python3 "$TESTS/journal_made.py" words_without_an_end > words.j
same 'a command without an end' 'command: prun map --retries' \
	"$("$PRUN" log words.j | head -n 1)"
check 'what has failed of it' 0 $'x\n' '' "$PRUN" log --failed words.j
check 'it is of another command' 2 '' \
	$'prun: words.j: the journal of another command: prun map --retries\n' \
	bash -c 'tail -c +142 words.j > rest.j; head -c 32 words.j | cat - rest.j > last.j
		mv last.j words.j; exec "$PRUN" map --resume --journal words.j noop a'
ln -s "$PRUN" p\<un
same 'the name that the program has here' 1 \
	"$("$PWD/p<un" log --html workers.j | grep -c 'of them; p&lt;un log --failed')"
