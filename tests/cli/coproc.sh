# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # for sh -c; held.sh
# prun coproc: what a program is given, and what becomes of its answers.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"
# shellcheck source=tests/cli/held.sh
. "$TESTS/held.sh"

# usage NAME MESSAGE ARG...: exit 2 with the message and where to look
usage() {
	local name=$1 text=$2
	shift 2
	check "$name" 2 '' "prun: $text"$'\nTry \'prun coproc --help\'.\n' \
		"$PRUN" coproc "$@"
}

# Answers each item, and does what some of them say.
cat > talker << 'END'
#!/bin/bash
while IFS= read -r item; do
	case $item in
	segv) kill -s SEGV $$ ;;
	exit*) exit "${item#exit}" ;;
	half) printf 'half an ans'; exit 0 ;;
	halfkill) printf 'half an ans'; kill -s KILL $$ ;;
	two) printf 'one\ntwo\n' > both; cat both ;;
	deaf) exec < /dev/null > /dev/null; read -r item <> "${NEVER:-never}" ;;
	hang) read -r item <> "${NEVER:-never}" ;;
	pid) echo $$ ;;
	empty) echo ;;
	*) echo "<$item>" ;;
	esac
done
END
chmod +x talker
cat > talker0 << 'END'
#!/bin/bash
while IFS= read -r -d '' item; do printf '%s\0' "${#item}"; done
END
chmod +x talker talker0
mkfifo never
export NEVER=$PWD/never

# -------------------------------------------------------------- items and answers
check 'lines' 0 $'<a>\n<b c>\n' '' "$PRUN" coproc ./talker ::: a 'b c'
check 'from standard input' 0 $'1\n2\n3\n' '' bash -c 'seq 3 | "$PRUN" coproc cat'
check 'from a list, without an end' 0 $'1\n2' '' \
	bash -c 'printf "1\n2" > list; "$PRUN" coproc -a list cat | head -c 3'
check 'empty items' 0 $'<>\n<a>\n<>\n' '' \
	bash -c 'printf "\na\n\n" | "$PRUN" coproc ./talker'
check 'empty answers' 0 $'\n<a>\n\n' '' "$PRUN" coproc ./talker ::: empty a empty
check 'arguments of the program' 0 $'a-b\n' '' "$PRUN" coproc sed -u s/x/-/ ::: axb
check 'no item' 0 '' '' "$PRUN" coproc false :::
check 'no input' 0 '' '' "$PRUN" coproc false
check 'bytes' 0 $'\001\377\r \t\\\n' '' "$PRUN" coproc cat ::: $'\001\377\r \t\\'
seq 20000 > many
check 'order' 0 @many '' "$PRUN" coproc -j4 -a many cat
"$PRUN" coproc -j4 --unordered -a many cat > .out
sort -n .out | cmp -s - many
same '--unordered: all' 0 $?
sed 's/.*/pid/' many > pids
"$PRUN" coproc -j3 -a pids ./talker | sort -u > .out
same 'started once for each worker' 1 "$(($(wc -l < .out) <= 3))"
check 'standard error is its own' 0 $'a\n' $'e\n' \
	"$PRUN" coproc sh -c 'read x; echo e >&2; echo $x' ::: a
check 'its environment' 0 $'1 1 none none\n' '' env PRUN_SEQ=7 PRUN_ATTEMPT=8 \
	"$PRUN" coproc -j1 sh -c 'read x
	echo $PRUN_SLOT $PRUN_JOBS ${PRUN_SEQ-none} ${PRUN_ATTEMPT-none}' ::: a
check '--tag' 0 $'a\t<a>\nb\t<b>\n' '' "$PRUN" coproc -t ./talker ::: a b
check '--zero' 0 '~<a>@<b>@' '' "$PRUN" coproc -z ./talker ::: a b
check '--format' 1 '~\{"index":1,"item":"a","status":"ok",.*,"result":"<a>","error":null\}
\{"index":2,"item":"exit3","status":"PRUN_EFAILED",.*,"result":null,"error":"the program exited with status 3"\}' \
	'' "$PRUN" coproc -j1 --format jsonl -q ./talker ::: a exit3
check '--dry-run' 0 $'prun coproc ./talker x ::: a\nprun coproc ./talker x ::: \'b c\'\n' '' \
	"$PRUN" coproc -D ./talker x ::: a 'b c'
check '--dry-run: framing' 0 $'prun coproc --framing=msgpack ./talker ::: a\n' '' \
	"$PRUN" coproc -D --framing msgpack ./talker ::: a
check '--dry-run: values' 0 $'prun coproc --jsonl ./talker ::: \'[1,"x"]\'\n' '' \
	"$PRUN" coproc -D --jsonl ./talker ::: '[1, "x"]'
usage 'no command' 'no command given' -j2
usage 'no command before :::' "no command before ':::'" ::: a
usage '--framing' "--framing: 'words' is not auto, lines, null, jsonl or msgpack" \
	--framing words cat
usage '--start-method' "option '--start-method' is not for coproc, but for map, starmap, apply, exec, check" --start-method fork cat

# ---------------------------------------------------------------------- framing
check '-0: both ways' 0 $'a\nb\nc\n' '' \
	bash -c 'printf "a\nb\0c\0" | "$PRUN" coproc -0 cat'
check '-0 -z' 0 '~a.b@c@' '' bash -c 'printf "a\nb\0c\0" | "$PRUN" coproc -0z cat'
check '-0: the program sees NUL' 0 $'3\n' '' \
	bash -c 'printf "a\nb\0" | "$PRUN" coproc -0 ./talker0'
LF='holds a line feed, where the program would take it to end; see --framing'
check 'a line feed in an item' 1 $'c\n' "prun: 'a'\$'\\n''b': $LF"$'\n' \
	bash -c 'printf "a\nb\0c\0" | "$PRUN" coproc -0 --framing=lines cat'
check 'a line feed in an operand' 1 $'c\n' "prun: 'a'\$'\\n''b': $LF"$'\n' \
	"$PRUN" coproc cat ::: $'a\nb' c
check 'a line feed, --framing=null' 0 $'a\nb\n' '' \
	"$PRUN" coproc --framing null cat ::: $'a\nb'
check 'a NUL in an item' 1 '' \
	$'~prun: .*: holds a NUL, where the program would take it to end; see --framing' \
	"$PRUN" coproc --jsonl --framing=null cat ::: '"a\u0000b"'
check '-d' 0 $'a\nb\n' '' bash -c 'printf a,b | "$PRUN" coproc -d, cat'
check 'columns' 0 $'a\tb c\n1\t2\n' '' \
	bash -c 'printf "a,b c\n1,2\n" | "$PRUN" coproc --csv cat'
check 'columns: --colsep' 0 $'a\tb\n' '' "$PRUN" coproc -C: cat ::: a:b
check 'columns: --header' 0 $'1\t2\n' '' \
	bash -c 'printf "x\ty\n1\t2\n" | "$PRUN" coproc --tsv --header cat'
check 'columns: a TAB in one' 1 $'c\td\n' \
	'~prun: .*: holds a TAB, where the program would take a column to end; see --framing' \
	bash -c 'printf "\"a\tb\",c\nc,d\n" | "$PRUN" coproc --csv cat'
check 'columns as JSON' 0 $'["a\\tb","c"]\n' '' \
	bash -c 'printf "\"a\tb\",c\n" | "$PRUN" coproc --csv --framing jsonl cat'
printf '{"a": [1, 2.50], "b": null}\n"x"\n-7\n' > values
check '--jsonl' 0 $'{"a":[1,2.5],"b":null}\n"x"\n-7\n' '' \
	"$PRUN" coproc --jsonl -a values cat
check '--jsonl: the answer as it was written' 0 $'{"n" :  1e2}\n' '' \
	"$PRUN" coproc --jsonl sed -u 's/.*/{"n" :  1e2}/' ::: 1
check '--jsonl: the answer as a value' 0 '~.*,"result":\{"n":100.0\},"error":null\}' '' \
	"$PRUN" coproc --jsonl --format jsonl sed -u 's/.*/{"n" :  1e2}/' ::: 1
check '--jsonl: an answer that is none' 1 $'1\n' \
	'~prun: no: the answer is not JSON: .*' \
	"$PRUN" coproc -j1 --jsonl sed -u 's/"//g' ::: '"no"' 1
check '--jsonl: an item that is not UTF-8' 1 '' '~prun: .*: there is no JSON for it: .*' \
	"$PRUN" coproc --framing jsonl cat ::: $'\xff'
check 'a value on a line' 1 $'x\n1\t2\n7\n' \
	'~prun: .*: is more than columns, and does not fit on a line; see --framing' \
	"$PRUN" coproc --jsonl --framing lines cat ::: '"x"' '[1,2]' '{"a":1}' 7
printf '\x93\x01\x02\xa1x\xc0\x82\xa1a\x01\xa1b\xc3\xda\x00\x02hi' > packed
check '--msgpack' 0 '~.*"result":\[1,2,"x"\].*"result":null.*"result":\{"a":1,"b":true\}.*"result":"hi".*' \
	'' "$PRUN" coproc --msgpack --format jsonl -a packed cat
check '--msgpack: text' 0 $'1\t2\tx\n{"a"=>1, "b"=>true}\nhi\n' '' \
	"$PRUN" coproc --msgpack -a packed cat
check '--msgpack: an item as it is' 0 $'c4 01 61\n' '' bash -c \
	'"$PRUN" coproc --framing msgpack --format msgpack cat ::: a |
		od -An -tx1 | tr -d "\n" | grep -o "c4 01 61" | tail -n 1'
check '--msgpack: an answer that is none' 1 '' \
	$'prun: a: the program\'s answer is not msgpack\nprun: b: the program\'s answer is not msgpack\n' \
	"$PRUN" coproc -j1 --framing msgpack bash -c \
	'while read -r -d "$(printf "\1")" x; do printf "\301"; done' ::: a b

# -------------------------------------------------------------- programs that end
check 'a signal' 1 $'<a>\n<b>\n' \
	$'prun: segv: the program was killed by SIGSEGV (signal 11)\n' \
	"$PRUN" coproc -j1 ./talker ::: a segv b
check 'an exit' 1 $'<a>\n<b>\n' $'prun: exit3: the program exited with status 3\n' \
	"$PRUN" coproc -j1 ./talker ::: a exit3 b
check 'an exit with 0' 1 $'<a>\n<b>\n' $'prun: exit0: the program exited with status 0\n' \
	"$PRUN" coproc -j1 ./talker ::: a exit0 b
check 'half an answer' 1 $'<b>\n' \
	$'prun: half: the program exited with status 0 in the middle of its answer\n' \
	"$PRUN" coproc -j1 ./talker ::: half b
check 'half an answer and a signal' 1 $'<b>\n' \
	$'prun: halfkill: the program was killed by SIGKILL (signal 9) in the middle of its answer\n' \
	"$PRUN" coproc -j1 ./talker ::: halfkill b
check 'closed pipes' 1 $'<b>\n' $'prun: deaf: the program closed its input or output\n' \
	"$PRUN" coproc -j1 ./talker ::: deaf b
check 'its child holds the pipes' 1 $'a\nb\nc\n' \
	$'prun: end: the program exited with status 5\n' "$PRUN" coproc -j1 bash -c '
	exec 3<&0
	while read -r x; do
		[ "$x" = end ] && { sleep 1000 <&3 & exit 5; }
		echo "$x"
	done' ::: a b end c
seq 200 | sed 's/.*[05]$/segv/' > crashes
sed '/segv/d; s/.*/<&>/' crashes > want
check 'many crashes cost one item each' 1 @want '*' "$PRUN" coproc -j4 -a crashes ./talker
same 'many crashes: messages' 40 "$(grep -c '^prun: segv: the program was killed by SIGSEGV' .err)"
check 'one that reads nothing' 1 '' \
	$'prun: a: the program exited with status 0\nprun: b: the program exited with status 0\n' \
	"$PRUN" coproc -j1 true ::: a b
check 'one an item' 0 $'got 1\ngot 2\ngot 3\n' '' \
	"$PRUN" coproc -j1 sh -c 'read x; echo "got $x"' ::: 1 2 3
check 'one an item, which fails then' 1 $'got 1\ngot 2\n' \
	$'prun: sh: exited with status 4, with no item in hand\nprun: sh: exited with status 4, with no item in hand\n' \
	"$PRUN" coproc -j1 sh -c 'read x; echo "got $x"; exit 4' ::: 1 2
check 'one that cannot be run any more' 1 $'<a>\n' \
	$'prun: exit1: the program exited with status 1\nprun: b: cannot run \'./gone\': No such file or directory\n' \
	bash -c 'cp talker gone; "$PRUN" coproc -j1 --unordered ./gone < <(
		echo a; while [ ! -s .out ]; do read -t 0.01 < "$NEVER"; done <> "$NEVER"
		rm gone; echo exit1; echo b)'

# ------------------------------------------------------ more, or other, than asked
check 'two answers at once' 1 $'<a>\n<b>\n' \
	$'prun: two: the program wrote more than one answer\n' \
	"$PRUN" coproc -j1 ./talker ::: a two b
mkfifo twice
# The first one has been taken when it was written.
cat > later << 'END'
#!/bin/bash
while read -r item; do
	[ "$item" = a ] || { echo "<$item>"; continue; }
	echo 1
	until [ -s .out ]; do read -r -t 0.01 item <> "$NEVER"; done
	echo 2
	echo > twice
done
END
chmod +x later
check 'a second answer, later' 1 $'1\n<b>\n' \
	$'prun: ./later: wrote 2 bytes that no item had asked for; an answer before that may be wrong\n' \
	bash -c '(echo a; read x < twice; echo b) | "$PRUN" coproc -j1 ./later'
check 'a second answer, at the end' 1 $'1\n' \
	$'prun: sh: wrote 4 bytes that no item had asked for; an answer before that may be wrong\n' \
	"$PRUN" coproc sh -c 'read x; echo 1; while read x; do :; done; echo end' ::: a
check 'an answer to nothing' 1 '' \
	'~prun: a: the program (answered before it had read all of the item.*|wrote more than one answer)' \
	"$PRUN" coproc -j1 yes ::: a
check 'an answer before anything was read' 1 '' \
	'~prun: a: the program answered before it had read all of the item.*' \
	"$PRUN" coproc -j1 --kill-after 0 sh -c 'echo x; read y <> $NEVER' ::: a
check 'an answer before all was read' 1 '' \
	'~prun: x*...: the program answered before it had read all of the item.*' \
	bash -c 'head -c 100000 /dev/zero | tr "\0" x |
		"$PRUN" coproc -j1 sh -c "head -c 1 > /dev/null; echo y; read x <> $NEVER"'

# ------------------------------------------------------------------ large items
SIZE=67108864
head -c $SIZE /dev/zero | tr '\0' x > large
echo >> large
check 'large both ways' 0 @large '' "$PRUN" coproc -j1 -a large cat
check 'large in' 0 $'67108864\n' '' \
	"$PRUN" coproc -j1 -a large python3 -c 'print(len(input()))'
"$PRUN" coproc -j1 sh -c 'while read -r n; do head -c "$n" /dev/zero | tr "\0" y; echo; done' \
	::: $SIZE 3 | tr -s y > .out
same 'large out' $'y\ny' "$(< .out)"
check 'too large' 1 $'yy\n' $'prun: 300000000: the program\'s answer is longer than 256 MiB\n' \
	"$PRUN" coproc -j1 sh -c 'while read -r n; do head -c "$n" /dev/zero | tr "\0" y; echo; done' \
	::: 300000000 2
check 'too large by little' 1 $'yy\n' \
	$'prun: 268435455: the program\'s answer is longer than 256 MiB\n' \
	"$PRUN" coproc -j1 sh -c 'while read -r n; do head -c "$n" /dev/zero | tr "\0" y; echo; done' \
	::: 268435455 2

# -------------------------------------------------------------------- 126 and 127
check 'not found' 127 '' $'prun: ./none: No such file or directory\n' \
	"$PRUN" coproc ./none ::: a
check 'not found: a command line in one word' 127 '' \
	$'prun: cat -u: No such file or directory; a command is one word, and its arguments others (see --shell)\n' \
	"$PRUN" coproc 'cat -u' ::: a
check 'not found in PATH' 127 '' $'prun: no-such-program: No such file or directory\n' \
	"$PRUN" coproc no-such-program ::: a
check 'not executable' 126 '' $'prun: ./list: Permission denied\n' \
	"$PRUN" coproc ./list ::: a
check 'a directory' 126 '' $'prun: /tmp: Is a directory\n' "$PRUN" coproc /tmp ::: a
printf 'read x; echo "$x!"\n' > bare
chmod +x bare
check 'a text without an interpreter' 0 $'a!\n' '' "$PRUN" coproc ./bare ::: a

# ------------------------------------------------- limits, tries and replacements
check '--timeout' 1 $'<a>\n<b>\n' '~prun: hang: (the task had 1000.0 ms, and was killed|took too long).*' \
	"$PRUN" coproc -j1 --timeout 1 ./talker ::: a hang b
check '--timeout --kill-after' 1 $'<a>\n<b>\n' \
	$'prun: hang: took too long, and the program was asked to end\n' \
	"$PRUN" coproc -j1 --timeout 1 --kill-after 50 ./talker ::: a hang b
mkfifo go
check '--timeout: an answer when asked to end' 0 $'asked\nb\n' '' \
	"$PRUN" coproc -j1 --timeout 5 --kill-after 50 bash -c '
	trap "echo asked; exit 1" TERM
	while read x; do [ $x = a ] && read y <> go; echo $x; done' ::: a b
check '--timeout, in per cent of the median' 1 '*' '~.*prun: hang: (the task had|took too long).*' \
	"$PRUN" coproc -j1 --timeout 1000% ./talker ::: 1 2 3 4 5 6 7 8 hang
# A try that fails leaves a mark; the one that finds it does well.
cat > trier << 'END'
#!/bin/bash
while read -r item; do
	[ -e "$item.tried" ] || { : > "$item.tried"; kill -s KILL $$; }
	echo "$item again"
done
END
chmod +x trier
check '--retries' 0 $'a again\nb again\n' '' \
	"$PRUN" coproc -j1 --retries 1 --retry-delay 0.01 ./trier ::: a b
check '--retries: in vain' 1 $'<a>\n' $'prun: segv: the program was killed by SIGSEGV (signal 11)\n' \
	"$PRUN" coproc -j1 --retries 2 ./talker ::: a segv
check '--maxtasksperchild' 0 '*' '' \
	"$PRUN" coproc -j1 -c1 --maxtasksperchild 2 ./talker ::: pid pid pid pid pid
same '--maxtasksperchild: how many' '2 2 1' "$(uniq -c .out | awk '{ print $1 }' | xargs)"
check '--halt' 4 $'<a>\n' '~prun: segv: .*.prun: halted: 1 done, 1 failed, rest not run' \
	"$PRUN" coproc -j1 -c1 --halt now,fail=1 ./talker ::: a segv hang c
if (ulimit -v 200000; "$PRUN" --version > .out 2>&1); then
	check '--memory-limit' 0 $'ok\nno memory\n' '' "$PRUN" coproc -j1 \
		--memory-limit 400M python3 -c 'if 1:
		import sys
		for line in sys.stdin:
			try:
				bytearray(int(line))
				print("ok", flush=True)
			except MemoryError:
				print("no memory", flush=True)' ::: 1000 500000000
fi
check '--nice' 0 $'7\n' '' "$PRUN" coproc --nice 7 sh -c 'read x; nice' ::: a
check '--verbose' 0 $'<a>\n' '~.*prun: a: done, worker 0 .*' "$PRUN" coproc -v ./talker ::: a

# --------------------------------------------------------------- going on with it
check '--journal' 1 $'<a>\n<b>\n' '*' "$PRUN" coproc -j1 --journal j ./talker ::: a segv b
check '--resume' 1 $'<c>\n' '~prun: segv: .*' \
	"$PRUN" coproc -j1 --journal j --resume ./talker ::: a segv b c
check '--resume: another program' 2 '' '~prun: j: .*' \
	"$PRUN" coproc -j1 --journal j --resume cat ::: a segv b c
check '--joblog' 1 $'<a>\n' '*' "$PRUN" coproc -j1 --joblog l ./talker ::: a exit3 segv halfkill exit0
same '--joblog: lines' $'1\t:\t4\t0\t0\tprun coproc ./talker ::: a
2\t:\t0\t3\t0\tprun coproc ./talker ::: exit3
3\t:\t0\t0\t11\tprun coproc ./talker ::: segv
4\t:\t0\t0\t9\tprun coproc ./talker ::: halfkill
5\t:\t0\t1\t0\tprun coproc ./talker ::: exit0' \
	"$(sed 1d l | cut -f 1,2,6-9 | sed 's/^\([1-5]\t:\t[04]\)\t/\1\t/')"

# -------------------------------------------------------------------------- the end
check 'it fails at the end' 1 $'a\n' $'prun: sh: exited with status 7, with no item in hand\n' \
	"$PRUN" coproc sh -c 'while read x; do echo $x; done; exit 7' ::: a
check 'it does its work at the end' 0 $'a\n' $'sum of 1\n' \
	"$PRUN" coproc sh -c 'while read x; do echo $x; done; echo "sum of 1" >&2' ::: a
check 'it does not end' 1 $'a\n' \
	$'prun: sh: was killed, as it had not ended 0.5 s after its last item\n' \
	"$PRUN" coproc --kill-after 0.5 sh -c 'read x; echo $x; read y <> $NEVER' ::: a
check 'an output that nobody reads' 0 $'y\ny\n' '' \
	bash -c 'yes | "$PRUN" coproc cat | head -n 2'
check 'a full standard output' 3 '' $'prun: write error: No space left on device\n' \
	bash -c 'seq 100000 | "$PRUN" coproc cat > /dev/full'

# --------------------------------------------------- signals, and what is left behind
# A program that the test holds: see held.sh.
cat > gated << 'END'
#!/bin/bash
while IFS= read -r item; do
	echo "$$ $item" > started
	head -c 1 gate > /dev/null
	echo "$item"
done
END
# The same, with what it leaves behind, which ignores all that can be ignored.
cat > leaver << 'END'
#!/bin/bash
trap '' INT TERM HUP QUIT PIPE USR1 USR2 TSTP
(echo "$BASHPID left" > started; exec sleep 1000) &
setsid bash -c 'echo "$$ left" > started; exec sleep 1000' > /dev/null 2>&1 < /dev/null &
(setsid bash -c '(echo "$BASHPID left" > started; exec sleep 1000) &' &)
exec ./gated
END
chmod +x gated leaver
seq 6 > six

begin coproc -j2 -c1 -a six ./gated
started 2
tell INT "$pid"
allow 2
finish 'INT once' 130 $'1\n2\n' $'prun: interrupted: 2 done, 0 failed, rest not run\n'
begin coproc -j2 -c1 -a six ./leaver
started 8
tell INT "-$pid"
kill -s INT -- "-$pid"
finish 'INT twice' 130 '' $'prun: interrupted: 0 done, 0 failed, rest not run\n'
begin coproc -j2 ./leaver ::: 1 2
started 8
allow 2
finish 'an orderly end' 0 $'1\n2\n' ''
# One that does not end holds the run, but not against two signals.
begin coproc -j1 bash -c 'read x; echo $x; while read x; do :; done
	echo "$$ end" > started; head -c 1 gate > /dev/null' ::: 1
started 1
tell TERM "$pid"
kill -s TERM "$pid"
finish 'TERM twice, at the end' 143 $'1\n' ''
begin coproc -j1 bash -c 'read x; echo $x; while read x; do :; done
	echo "$$ end" > started; head -c 1 gate > /dev/null' ::: 1
started 1
tell TERM "$pid"
allow 1
finish 'TERM once, at the end' 143 $'1\n' ''

exec 2> /dev/null # the shell has a word on those that were killed
begin coproc -j2 -a six ./leaver
started 8
kill -s KILL "$pid"
finish 'prun is killed' 137 '' ''
begin coproc -j2 -a six ./leaver
started 8
kill -s KILL "$(pgrep -P "$pid" -x prun-forkserver)"
finish 'the guard is killed' 3 '' '~(.*
)?prun: the workers failed: the fork server died'
begin coproc -j1 -c1 ./gated ::: 1 2
started 1
worker=$(ps -o ppid= "$workers")
kill -s KILL "${worker// /}"
started 1
allow 2
finish 'a worker is killed' 1 $'2\n' \
	"~prun: 1: the worker \(pid ${worker// /}\) was killed by SIGKILL .*"
# Between two items it is nobody's fault.
mkfifo items next
{
	echo 1
	read -r _ < next
	echo 2
} > items &
input=items begin coproc -j1 ./gated
started 1
allow 1
await_text .out 1
kill -s KILL "$workers"
await Z "$workers"
echo > next
started 1
allow 1
finish 'killed between two items' 1 $'1\n2\n' \
	$'prun: ./gated: was killed by SIGKILL (signal 9), with no item in hand\n'

# The terminal's stop and continue reach programs, too.
begin coproc -j1 bash -c 'read x; echo "$$ $x" > started; exec head -c 1 gate' ::: 1
started 1
program=$workers
kill -s TSTP -- "-$pid"
await T "$pid"
await T "$program"
kill -s CONT -- "-$pid"
await S "$pid"
await S "$program"
allow 1
finish 'TSTP and CONT' 1 '*' '~prun: 1: the program exited with status 0 in the middle of its answer'
