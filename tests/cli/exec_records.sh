# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016,SC1003,SC2140,SC1083 # for sh -c
# prun exec: items with columns, results as records, and runs without a run.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"

# ------------------------------------------------------------------------ columns
printf 'from,to dir,n.x\na b,c/d.txt,3\nx,"y\nz",4\n' > list.csv
check '--csv: each column is an argument' 0 \
	$'<from><to dir><n.x>\n<a b><c/d.txt><3>\n<x><y\nz><4>\n' '' \
	"$PRUN" exec --csv -a list.csv printf '<%s><%s><%s>\n'
check '--csv: by place' 0 $'n.x from n.x\n3 a b 3\n4 x 4\n' '' \
	"$PRUN" exec --csv -a list.csv echo {3} {1} {-1}
check '--csv: a place that is not there' 0 $'[b]<>\n' '' \
	"$PRUN" exec --csv echo '[{2}]<{3}>' ::: a,b
check '--header: by name' 0 $'3: a b\n4: x\n' '' \
	"$PRUN" exec --csv --header -a list.csv echo '{n.x}: {from}'
check '--header: parts of a column' 0 $'c/d.txt|c/d|d.txt|c|d\n' '' bash -c \
	'head -n 2 list.csv | "$PRUN" exec --csv --header echo \
		"{to dir}|{to dir.}|{to dir/}|{to dir//}|{to dir/.}"'
check '--header: all columns, without a name in it' 0 $'a b c/d.txt 3\n' '' \
	bash -c 'head -n 2 list.csv | "$PRUN" exec --csv --header echo'
check '--header: no such column' 1 '' \
	"~prun: .*a b.*: it has no column 'form'.prun: .*: it has no column 'form'" \
	"$PRUN" exec --csv --header -a list.csv echo {form}
check '--header: braces that are no name' 0 $'{$1} {} {a;b} 1\n' '' bash -c \
	'printf "n\n1\n" | "$PRUN" exec --csv --header -I % echo "{\$1}" {} "{a;b}" %'
check '--header: of each file' 0 $'1-2\n4-3\n' '' bash -c '
	printf "a,b\n1,2\n" > one; printf "b,a\n3,4\n" > two
	"$PRUN" exec --csv --header -a one -a two echo {a}-{b}'
check 'without names braces are left alone' 0 $'{from} a\n' '' \
	"$PRUN" exec --csv echo {from} {1} ::: a
check '--header: a name that is not UTF-8' 0 $'1\n' '' bash -c \
	'printf "\377\n1\n" | "$PRUN" exec --csv --header echo $'"'{\\377}'"
check '-C' 0 $'b a\n c\n' '' "$PRUN" exec -C : echo {2} {1} ::: a:b c
check '-C, an expression' 0 $'c\n' '' "$PRUN" exec -C '[;,]+' echo {3} ::: 'a;,b,c'
check '--tsv' 0 $'b\nc a\n' '' "$PRUN" exec --tsv echo {2} {1} ::: $'a\tb\\nc'
check '--jsonl: an object' 0 $'1.5,,x,{"y":[1]}\n' '' \
	"$PRUN" exec --jsonl echo {n},{no},{s},{l} ::: '{"n":1.5,"no":null,"s":"x","l":{"y":[1]}}'
check '--jsonl: an array, a string, a number' 0 $'2 1\n a b\n 3\n' '' \
	"$PRUN" exec --jsonl echo {2} {1} ::: '[1,2]' '"a b"' 3
check '--jsonl: an empty array' 0 $'x\n' '' "$PRUN" exec --jsonl echo x {} ::: '[]'
check '--jsonl: not JSON' 1 $'1\n' '~prun: standard input: line 2: not JSON.*' \
	bash -c 'printf "1\n{\n" | "$PRUN" exec --jsonl echo'
printf '\222\001\241a\201\241k\002' > values
check '--msgpack' 0 $'1 a\n2\n' '' "$PRUN" exec --msgpack -a values echo
check '--msgpack: by name' 1 $'2\n' "~prun: .*: it has no column 'k'" \
	"$PRUN" exec --msgpack -a values echo {k}
check '--tag: the columns' 0 $'a\tb\t1a\n' '' "$PRUN" exec -t -C, echo {#}{1} ::: a,b
check '--shell: the columns are its arguments' 0 $'b a\n' '' \
	"$PRUN" exec -C, --shell 'echo $2 $1' ::: a,b
check 'a column with a NUL' 1 '' '~prun: .*: holds a NUL byte, which no argument can hold' \
	"$PRUN" exec --jsonl echo ::: '["a\u0000"]'
check 'not with --max-args' 2 '' '~prun: --max-args: not with --csv, .*' \
	"$PRUN" exec --csv -n 2 echo ::: a
check 'nor with -X' 2 '' '~prun: --many: not with --colsep, .*' \
	"$PRUN" exec -C, -X echo ::: a
check 'a record is one item' 1 '*' '~.*"done":3,"total":3,"failed":2,.*' bash -c \
	'printf "0,a,b\n1,a,b\n1,c,d\n" |
	"$PRUN" exec -q --csv --progress=json sh -c "exit \$0" {1}'
check '--joblog has the expanded command' 0 '*' '' \
	"$PRUN" exec --csv --header -a list.csv --joblog log echo {from} '{to dir/}'
same '--joblog: the commands' $'Command\necho \'a b\' d.txt' \
	"$(head -n 2 log | cut -f 9)"

# A journal: the same records, in another order, and one more.
printf 'k,v\n1,0\n2,1\n3,0\n' > first
printf 'k,v\n4,0\n3,0\n2,1\n1,0\n' > second
run='"$PRUN" exec --csv --header --journal J -a "$1" sh -c "echo \$0; exit \$1" {k} {v}'
check '--journal' 1 $'1\n2\n3\n' '*' bash -c "$run" x first
check '--journal: gone on with' 1 $'4\n2\n' '*' \
	bash -c "${run/exec/exec --resume}" x second
check '--journal: once more' 1 $'2\n' '*' bash -c "${run/exec/exec --retry-failed}" x second
# Columns without names: an item is all of them, and not each.
run='"$PRUN" exec -C , --journal K sh -c "echo \$0; exit \$1" {1} {2} ::: "$@"'
check '--journal: columns' 1 $'1\n0\n' $'prun: \'0\'$\'\\t\'\'1\': exited with status 1\n' \
	bash -c "$run" x 1,0 0,1
check '--journal: columns, gone on with' 1 $'0\n0\n' '*' \
	bash -c "${run/exec/exec --resume}" x 0,1 0,0 1,0
check '--journal: what has failed' 0 $'["0","1"]\n' '' "$PRUN" log --failed K
check '--journal: what has failed, with names' 0 $'{"k":"2","v":"1"}\n' '' \
	"$PRUN" log --failed J
check '--journal: what has failed, fed back' 0 $'2\n' '' bash -c \
	'"$PRUN" log --failed J | "$PRUN" exec --jsonl echo {k}'
# A string and a number whose packed form is the same byte, apart.
check '--journal: values' 1 '' '*' "$PRUN" exec --journal V --jsonl \
	sh -c '[ $0 = a ]' ::: 97 '"a"'
check '--journal: values, gone on with' 1 '' $'prun: 97: exited with status 1\n' "$PRUN" exec --resume --journal V \
	--jsonl sh -c '[ $0 = a ]' ::: '"a"' 97
check '--journal: a value that has failed' 0 $'97\n' '' "$PRUN" log --failed V
check '--journal: no JSON for it' 1 '' '~prun: there is no JSON for some items, .*' bash -c '
	"$PRUN" exec -q -C , --journal W false ::: $'"'a,\\377'"'
	"$PRUN" log --failed W'
check '--journal: words of a command that look like it' 0 $'x\n' '' bash -c '
	"$PRUN" exec -q -I --csv --journal Y false --csv --jsonl ::: x
	"$PRUN" log --failed Y'

# ------------------------------------------------------------------------- --format
check '--format jsonl' 1 \
	'~."index":1,"item":"0","status":"ok","ms":[0-9.]+,"worker":0,"result":"out\\n","error":null,"exit":0,"signal":null}.."index":2,"item":"3","status":"PRUN_EFAILED","ms":[0-9.]+,"worker":0,"result":"out\\n","error":"exited with status 3","exit":3,"signal":null}' \
	$'err\nerr\nprun: 3: exited with status 3\n' \
	"$PRUN" exec -j1 --format jsonl --shell 'echo out; echo err >&2; exit $1' ::: 0 3
check '--format jsonl: killed' 1 \
	'~.*"result":"","error":"was killed by SIGKILL .signal 9.","exit":null,"signal":9}' '*' \
	"$PRUN" exec --format jsonl --shell 'kill -9 $$' ::: a
check '--format jsonl: never begun' 1 \
	"~.*\"status\":\"ENOENT\",.*\"result\":null,\"error\":\"cannot run './gone.*\",\"exit\":null,\"signal\":null}" '*' \
	"$PRUN" exec --format jsonl ./{} ::: gone
check '--format jsonl: wrong in itself' 1 \
	'~.*"item":null,"status":"PRUN_EVALUE",.*"exit":null,"signal":null}' '*' \
	"$PRUN" exec --jsonl --format jsonl echo ::: '{'
check '--format jsonl: columns with names' 0 '~.*"item":."a":"1","b":"x y".,.*' '' \
	bash -c 'printf "a,b\n1,x y\n" | "$PRUN" exec --csv --header --format jsonl true {a}'
check '--format jsonl: several items' 0 '~.*"item":."a","b".,.*' '' \
	"$PRUN" exec --format jsonl -n 2 true ::: a b
check '--format jsonl: output that is no text' 0 '~.*"result_b64":"/w==",.*' '' \
	"$PRUN" exec --format jsonl --shell 'printf "\377"' ::: a
check '--format tsv' 1 \
	'~index.item.status.ms.worker.result.error.exit.signal.1.2.PRUN_EFAILED.[0-9.]+.0.a\\tb\\n.exited with status 2.2.' '*' \
	"$PRUN" exec --format tsv --shell 'printf "a\tb\n"; exit $1' ::: 2
# The record of one command, by hand: what else is in it is as for prun map.
check '--format msgpack' 0 \
	'~.*xa6result.xa2x.n.xa5error.xc0.xa4exit.x00.xa6signal.xc0' '' bash -c \
	'"$PRUN" exec --format msgpack echo ::: x | python3 -c "import sys
print(repr(sys.stdin.buffer.read())[2:-1])"'
# The second one sees what is left of it in the worker's file without a name.
check '--format: too much output' 1 '~(.*
)?.*"status":"PRUN_ETOOBIG".*"error":"its output is longer than 256 MiB".*
.*"result":"kept 0..",.*' $'prun: 1: its output is longer than 256 MiB\n' \
	"$PRUN" exec -j1 --format jsonl --shell '
	[ "$1" = 2 ] || exec head -c 257M /dev/zero
	until [ -s .err ]; do sleep 0.01; done
	for fd in /proc/$PPID/fd/*; do
		[ -f "$fd" ] && stat -Lc "%h %b" "$fd"
	done | sed -n "s/^0 /kept /p"' ::: 1 2
check '--format: a lot of output' 0 $'1000001 ok\n' '' bash -c '
	"$PRUN" exec --format jsonl --shell "head -c 1000000 /dev/zero | tr \"\\0\" x; echo" ::: a |
	python3 -c "import json, sys
for line in sys.stdin:
    r = json.loads(line)
    print(len(r[\"result\"]), r[\"status\"])"'
check '--format and NUL' 0 '~."index":1.*}@' '' "$PRUN" exec -z --format jsonl true ::: a
for option in --ungroup --line-buffer; do
	check "--format: not with $option" 2 '' "~prun: --format: with $option .*" \
		"$PRUN" exec --format jsonl "$option" echo ::: a
done
check '--format: not with --tag' 2 '' '~prun: --tag: not with --format=tsv.*' \
	"$PRUN" exec --format tsv --tag echo ::: a

# ------------------------------------------------------------------------ --dry-run
check '--dry-run' 0 $'rm -- \'a b\'\nrm -- \'it\'\\\'\'s\'\nrm -- \'\'\n' '' \
	"$PRUN" exec -D rm -- ::: 'a b' "it's" ''
: > kept
check '--dry-run runs nothing' 0 $'rm kept\n' '' "$PRUN" exec --dry-run rm ::: kept
same '--dry-run runs nothing: seen' kept "$(ls kept)"
check '--dry-run: what a shell makes of it' 0 $'[a b][$c][d\ne]\n' '' bash -c \
	'"$PRUN" exec -n 3 -D printf "[%s][%s][%s]\n" ::: "a b" "\$c" "d
e" | sh'
check '--dry-run: --shell' 0 $'/bin/sh -c \'echo $1\' sh a\n' '' \
	"$PRUN" exec -D --shell 'echo $1' ::: a
check '--dry-run: NUL' 0 '~echo a@echo b@' '' "$PRUN" exec -D -z echo ::: a b
check '--dry-run: --tag' 0 $'a\techo a\n' '' "$PRUN" exec -D -t echo ::: a
check '--dry-run: columns' 0 $'cp \'a b\' c/d.txt\n' '' bash -c \
	'head -n 2 list.csv | "$PRUN" exec -D --csv --header cp {from} "{to dir}"'
run='"$PRUN" exec --csv --header --journal J -a "$1" sh -c "echo \$0; exit \$1" {k} {v}'
check '--dry-run: --resume' 0 $'sh -c \'echo $0; exit $1\' 2 1\n' '' \
	bash -c "${run/exec/exec -D --retry-failed}" x second
check '--dry-run: --format' 0 '~.*"result":"echo a","error":null,.*' '' \
	"$PRUN" exec -D --format jsonl echo ::: a
check '--dry-run: no such command' 127 '' '~prun: ./gone: No such file or directory' \
	"$PRUN" exec -D ./gone ::: a

# -------------------------------------------------------------- what they may take
check '--memory-limit' 0 $'51200 51200\n' '' "$PRUN" exec --memory-limit 50M \
	--shell 'echo $(ulimit -Sv) $(ulimit -Hv)' ::: a
# (A sanitizer's program needs all addresses.)
if (ulimit -v 40000 && "$PRUN" --version) > .out 2>&1; then
	check '--memory-limit: not above what there was' 0 $'40000\n' '' bash -c \
		'ulimit -v 40000; exec "$PRUN" exec --memory-limit 1G --shell "ulimit -v" ::: a'
else
	skip '--memory-limit: not above what there was' 'no limit of address space'
fi
check '--memory-limit: an allocation fails' 1 '' '~.*MemoryError.prun: a: exited with status 1' \
	"$PRUN" exec --memory-limit 100M python3 -S -c 'bytearray(10**9)' ::: a
check '--memory-limit: killed' 1 '' \
	'~prun: a: was killed by SIGSEGV .signal 11.; it could have 52428800 bytes of memory' \
	"$PRUN" exec --memory-limit 50M --shell 'kill -SEGV $$' ::: a
check '--memory-limit: the worker has none' 0 "$(grep 'address space' /proc/self/limits)"$'\n' '' \
	"$PRUN" exec --memory-limit 100M --shell 'grep "address space" /proc/$PPID/limits' ::: a
check '--start-method fork' 2 '' '~prun: --start-method: exec has the fork server always, .*' \
	"$PRUN" exec --start-method fork echo ::: a
check '--start-method forkserver' 0 $'a\n' '' \
	"$PRUN" exec --start-method forkserver echo ::: a
check '--nice' 0 $'5\n' '' bash -c 'renice -n 0 $$ > /dev/null; "$PRUN" exec --nice 5 --shell nice ::: a'
check '--pin' 0 $'1\n' '' "$PRUN" exec -j1 --pin --shell 'nproc' ::: a
check 'an option of another' 2 '' \
	'~prun: option .--bsd-tag. is not for exec, but for map, starmap, apply.*' \
	"$PRUN" exec --bsd-tag echo ::: a
