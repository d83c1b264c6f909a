# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016,SC1003,SC1083 # for sh -c; braces
# prun exec: what a command is given, and what becomes of its output.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"

# usage NAME MESSAGE ARG...: exit 2 with the message and where to look
usage() {
	local name=$1 text=$2
	shift 2
	check "$name" 2 '' "prun: $text"$'\nTry \'prun exec --help\'.\n' \
		"$PRUN" exec "$@"
}

# Shows each of its arguments in brackets.
cat > show << 'END'
#!/bin/sh
printf '[%s]' "$@"
echo
END
chmod +x show

# ------------------------------------------------------------------ the words
check 'implicit {}' 0 $'[x][a]\n[x][b c]\n' '' "$PRUN" exec ./show x ::: a 'b c'
check 'from standard input' 0 $'[1]\n[2]\n' '' \
	bash -c 'seq 2 | "$PRUN" exec ./show'
check '{} in the middle, and twice' 0 $'[-a-][a][z]\n' '' \
	"$PRUN" exec ./show -{}- {} z ::: a
check 'parts of a name' 0 $'[d/e.f/g.tar.gz][d/e.f/g.tar][g.tar.gz][d/e.f][g.tar]\n' '' \
	"$PRUN" exec ./show {} {.} {/} {//} {/.} ::: d/e.f/g.tar.gz
check 'numbers' 0 $'[1][1][a]\n[2][1][b]\n' '' \
	"$PRUN" exec -j1 ./show {#} {%} {} ::: a b
check 'only a number' 0 $'[1]\n[2]\n' '' "$PRUN" exec ./show {#} ::: a b
check 'other braces' 0 $'[{}}][{x}][{0}][{/x}][{a]\n' '' \
	"$PRUN" exec -I @ ./show {}} {x} {0} {/x} {@ ::: a
check '-I' 0 $'[{}][a.b][-a.b-][a]\n' '' "$PRUN" exec -I ,, ./show {} ,, -,,- {.} ::: a.b
check '-I, long' 0 $'[a]\n' '' "$PRUN" exec --replace X ./show X ::: a
usage '-I: empty' '--replace: the text is empty' -I '' echo ::: a
check '-n' 0 $'[a][b]\n[c]\n' '' "$PRUN" exec -n 2 ./show ::: a b c
check '-n: an argument is repeated' 0 $'[x][-a-][-b-][y]\n[x][-c-][y]\n' '' \
	"$PRUN" exec -n2 ./show x -{}- y ::: a b c
check '-n: places' 0 $'[b-a.b][a.ba][b]\n[-c][cc][c]\n' '' \
	"$PRUN" exec -n2 ./show {2}-{1} {1}{1.}{3} {-1} ::: a.b b c
check '-n: of an empty input' 0 '' '' "$PRUN" exec -n 2 ./show
usage '-n: zero' "--max-args: '0' is less than 1" -n 0 echo
check 'the command is an item' 0 $'[a]\n' '' "$PRUN" exec {} a ::: ./show
check 'no item' 0 '' '' "$PRUN" exec ./show :::
check 'an empty item' 0 $'[]\n[a]\n' '' bash -c 'printf "\na\n" | "$PRUN" exec ./show'
usage 'no command' 'no command given' -j2
usage 'no command before :::' "no command before ':::'" ::: a

# Every byte but NUL, as an argument and as the shell's $1.
for i in $(seq 1 255); do
	printf '%b' "$(printf '\\%03o' "$i")"
done > bytes
printf '\0' >> bytes
head -c 255 bytes > want
printf '[' > want.shown
cat want >> want.shown
echo ']' >> want.shown
check 'SPCCHAR: every byte' 0 @want.shown '' "$PRUN" exec -0 -a bytes ./show
check 'SPCCHAR: every byte, --shell' 0 @want '' \
	"$PRUN" exec -0 -a bytes --shell 'printf %s "$1"'
check 'SPCCHAR: what a shell would read' 0 \
	$'[ a  b ]\n[$(id)]\n[`id`]\n["\']\n[*]\n[;|&<>]\n[-n]\n[\\]\n' '' \
	"$PRUN" exec ./show ::: ' a  b ' '$(id)' '`id`' $'"\'' '*' ';|&<>' -n '\'
check 'a NUL' 1 $'[b]\n' \
	$'prun: \'a\'$\'\\000\'\'b\': holds a NUL byte, which no argument can hold\n' \
	bash -c 'printf "a\0b\nb\n" | "$PRUN" exec ./show'

# ------------------------------------------------------------------ the shell
check 'COMPOSED' 0 $'2\n3\n' '' \
	"$PRUN" exec --shell 'x=$1; seq "$x" | wc -l' ::: 2 3
check '--shell: arguments' 0 $'x a\n' '' \
	"$PRUN" exec --shell 'echo "$1" "$2"' x ::: a
check '--shell: nothing is pasted' 0 $'{} a\n' '' \
	"$PRUN" exec --shell 'echo {} "$1"' ::: a
check '--shell: several' 0 $'2 a b\n' '' \
	"$PRUN" exec -n 2 --shell 'echo $# "$@"' ::: a b

# ------------------------------------------------------------------- the limits
# As many as fit: some commands, and nothing is lost or comes twice.
seq 200000 > numbers
"$PRUN" exec -X -a numbers -j2 --shell 'echo "$#"; printf "%s\n" "$@" >&2' \
	> counts 2> .all
sort -n .all | cmp -s - numbers
same 'INPUTSIZE: -X gives each item once' 0 $?
most=$(sort -n counts | tail -n 1)
if [ "$most" -gt 10000 ] && [ "$(wc -l < counts)" -gt 1 ]; then
	pass 'NUMWORDS: -X fills commands'
else
	fail 'NUMWORDS: -X fills commands' "got $(tr '\n' ' ' < counts)"
fi
check '-X and -n' 0 $'[a][b]\n[c]\n' '' "$PRUN" exec -X -n2 -j1 ./show ::: a b c
check '-X: all workers get some' 0 $'[1][2][3]\n[4][5]\n' '' \
	"$PRUN" exec -X -j2 ./show ::: 1 2 3 4 5
# Long items, of which a few fill a command, and a large environment.
for i in 1 2 3 4 5; do
	head -c 100000 /dev/zero | tr '\0' "$i"
	echo
done > long
for ((i = 0; i < 8; i++)); do
	declare -x "BALLAST$i=$(head -c 100000 /dev/zero | tr '\0' x)"
done
for stack in 8192 4096 unlimited; do
	ulimit -s "$stack" 2> /dev/null || continue
	for args in -n1 -n3 -X; do
		"$PRUN" exec -j1 $args -a long ./show x{} > .out 2> .err
		same "limits, $args, a stack of $stack: status" "0 " \
			"$? $(cut -c 1-300 .err)"
		tr -d '[]x\n' < .out | cmp -s - <(tr -d '\n' < long)
		same "limits, $args, a stack of $stack" 0 $?
	done
done
unset "${!BALLAST@}"
printf '%0131072d\n%0131071d\nok\n' 0 0 > long
"$PRUN" exec -a long --shell 'echo "${#1}"' > .out 2> .err
same 'the longest argument: status' 1 $?
same 'the longest argument' $'131071\n2' "$(< .out)"
same 'longer ones fail' "prun: 000...: cannot run '/bin/sh': Argument list too long" \
	"$(sed 's/00*/000/' .err)"
# -------------------------------------------------------------------- the output
cat > chat << 'END'
#!/bin/sh
# Long and short lines on both streams, in many pieces.
for i in 1 2 3 4 5 6 7 8 9 10; do
	printf "$1$1$1$1$1$1$1$1"
	echo "$1"
	echo "e$1" >&2
done
END
chmod +x chat
for i in $(seq 40); do
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		echo "$i$i$i$i$i$i$i$i$i"
	done
done > want
for i in $(seq 40); do
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		echo "e$i"
	done
done > want.err
seq 40 > forty
check 'MIX, STDERRMERGE' 0 @want @want.err "$PRUN" exec -j4 -a forty ./chat
"$PRUN" exec -j4 --unordered -a forty ./chat > .out 2> .err
same 'MIX, --unordered: each in one piece' 40 "$(uniq .out | wc -l)"
sort .out | cmp -s - <(sort want)
same 'MIX, --unordered: all' 0 $?
same 'STDERRMERGE, --unordered: each in one piece' 40 "$(uniq .err | wc -l)"
check 'both on one stream' 0 $'1\ne1\n2\ne2\n' '' \
	bash -c '"$PRUN" exec --shell "echo e\$1 >&2; echo \$1" ::: 1 2 2>&1'
check 'no newline at the end' 0 'ab' '' "$PRUN" exec printf %s ::: a b
check '--tag' 0 $'a b\tx\na b\ty\nc\tx\nc\ty\n' $'a b\te\nc\te\n' \
	"$PRUN" exec -t --shell 'printf "x\ny"; echo e >&2' ::: 'a b' c
check '--tag, several items' 0 $'a b\t[a][b]\n' '' "$PRUN" exec -n2 -t ./show ::: a b
check '--tag, --zero' 0 $'~a\tx\ny@a\tz@' '' \
	"$PRUN" exec -tz --shell 'printf "x\ny\0z"' ::: a
check '--tag, nothing' 0 '' '' "$PRUN" exec -t true ::: a
usage '--zero alone' '--zero: only with --tag, --line-buffer, --format or --dry-run; output is copied as it is otherwise' \
	-z echo ::: a
usage '--tag --ungroup' '--tag: with --ungroup prun sees no output' \
	-t --ungroup echo ::: a
usage '--tag --tty' '--tag: with --tty prun sees no output' --tag --tty echo ::: a
usage '--line-buffer --ungroup' '--line-buffer and --ungroup exclude each other' \
	--line-buffer --ungroup echo ::: a
usage '--tty -j2' '--tty: there is one terminal, so there can be one worker only' \
	--tty -j2 echo ::: a

# Lines as they come: the first line of a command that has not ended is there,
# and the second one's too. The commands meet by FIFOs.
mkfifo first second
check '--line-buffer: lines of several' 0 $'~1a\n(2a\n1b|1b\n2a)' '' \
	"$PRUN" exec --line-buffer -j2 --shell 'case $1 in
	1) echo 1a; echo > first; read x < second; echo 1b ;;
	2) read x < first; echo 2a; echo > second ;;
	esac' ::: 1 2
"$PRUN" exec --line-buffer -j2 --shell 'case $1 in
	1) printf 1; echo > first; read x < second; echo b ;;
	2) read x < first; echo 2; echo > second ;;
	esac' ::: 1 2 > .out
same '--line-buffer: half a line waits for the rest' $'1b\n2' "$(sort .out)"
"$PRUN" exec --line-buffer -j4 --shell '
	for i in 1 2 3 4 5 6 7 8; do
		head -c 700000 /dev/zero | tr "\0" "$1"
		echo
		head -c 20 /dev/zero | tr "\0" "$1"
		echo
	done' ::: a b c d > .out
same '--line-buffer: long lines are whole' '    32 20
    32 700000' "$(grep -xE '(a+|b+|c+|d+)' .out | awk '{ print length($0) }' | sort | uniq -c | sed 's/^ */    /' | sort)"
check '--line-buffer --tag on both streams' 0 $'a\tx\na\ty\n' $'a\te\n' \
	"$PRUN" exec --line-buffer -t --shell 'printf "x\ny"; echo e >&2' ::: a
check '--ungroup' 0 $'x\n' $'e\n' \
	"$PRUN" exec --ungroup --shell 'echo x; echo e >&2' ::: a

# ------------------------------------------------------------- large output
SIZE=67108864
"$PRUN" exec -j2 --shell 'head -c "$2" /dev/zero | tr "\0" "$1"; echo' {} $SIZE \
	::: a b c | tr -s abc > .out
same 'MIX, large output in one piece' $'a\nb\nc' "$(< .out)"
# Its peak in kB, by one who is told when the output has gone through.
"$PRUN" exec -j1 --shell 'head -c 1G /dev/zero
	grep VmHWM "/proc/$PPID/status" >&2' ::: a 2> peak | {
	wc -c > bytes.out
}
same 'RAM: 1 GiB of output' 1073741824 "$(tr -d ' ' < bytes.out)"
peak=$(tr -dc 0-9 < peak)
if [ "${peak:-0}" -gt 0 ] && [ "$peak" -lt 64000 ]; then
	pass 'RAM: of a worker'
else
	fail 'RAM: of a worker' "peak $peak kB"
fi
# Not where the program needs address space without end, as with sanitizers.
if (ulimit -v 200000; "$PRUN" --version > .out 2>&1); then
	check 'RAM: of prun and all of its processes, 200 MB of address space' 0 \
		$'268435456\n' '' bash -c 'ulimit -v 200000
		"$PRUN" exec -j2 head -c 128M ::: /dev/zero /dev/zero | wc -c'
	check 'RAM: --line-buffer, a line of 256 MB' 0 $'268435457\n' '' \
		bash -c 'ulimit -v 200000
		"$PRUN" exec -j1 --line-buffer head -c 256M ::: /dev/zero | wc -c'
	# A line that no item can hold, as 4 GB are.
	head -c 300M /dev/zero | tr '\0' a > huge
	check 'a huge line' 1 '' $'prun: item 1: longer than 256 MiB\n' \
		bash -c 'ulimit -v 1500000; "$PRUN" exec -j1 -a huge wc'
	rm huge
else
	skip 'RAM' 'no limit of address space'
fi

# A disk that is full.
mkdir tmp
export TMPDIR=$PWD/tmp
if mount -t tmpfs -o size=2m none tmp 2> /dev/null; then
	check 'DISKFULL' 1 $'1000\n' \
		$'prun: 5000000: its output is lost: No space left on device\n' \
		bash -o pipefail -c '"$PRUN" exec --shell "head -c \$1 /dev/zero" ::: 5000000 1000 | wc -c'
	check 'DISKFULL, --line-buffer' 1 $'1000\n' \
		$'prun: 5000000: its output is lost: No space left on device\n' \
		bash -o pipefail -c '"$PRUN" exec --line-buffer --shell "head -c \$1 /dev/zero" ::: 5000000 999 | wc -c'
	# What has been written is given back: 8 times the disk goes through.
	# Commands run ahead of what is written, by few one at a time.
	check 'the disk is given back' 0 $'16777216\n' '' \
		bash -c 'seq 32 | "$PRUN" exec -j1 -c1 --shell "head -c 524288 /dev/zero" | wc -c'
	# So is what a worker had there that was killed.
	check 'the disk is given back by the dead' 1 $'524288\n' \
		'~(prun: [1-9]: the worker .* was killed by SIGKILL .*){9}' bash -o pipefail -c 'seq 10 | "$PRUN" exec -j1 -c1 --shell "
		head -c 524288 /dev/zero
		[ \$1 = 10 ] || kill -s KILL \$PPID" | wc -c'
	same 'CLEANUP: no name is left' '' "$(ls tmp)"
	umount tmp
else
	skip 'DISKFULL' 'no right to mount'
fi
TMPDIR=$PWD/none check 'no directory for it' 1 $'x\n' \
	'~prun: b: its output is lost: No such file or directory' \
	"$PRUN" exec --shell '[ "$1" = a ] && echo x || head -c 1M /dev/zero' ::: a b
unset TMPDIR
check 'a limit of the size of files' 1 $'2\n' \
	$'prun: 9999999: its output is lost: File too large\n' \
	bash -o pipefail -c 'ulimit -f 512
	"$PRUN" exec --shell "head -c \$1 /dev/zero" ::: 9999999 2 | wc -c'
check 'a full standard output' 3 '' $'prun: write error: No space left on device\n' \
	bash -c '"$PRUN" exec seq ::: 100000 > /dev/full'
check 'a full standard output, --line-buffer' 3 '' \
	$'prun: write error: No space left on device\n' \
	bash -c '"$PRUN" exec --line-buffer seq ::: 100000 > /dev/full'
for how in '' --line-buffer; do
	check "nobody reads $how" 0 $'1\n' '' bash -c '
		seq 100000 | { "$PRUN" exec $0 -j2 -n1 seq 1 {}; echo $? > status; } | head -n 1' \
		"$how"
	same "nobody reads $how: status" 141 "$(< status)"
done

# --------------------------------------------------------------------- failures
check 'ONEREP: others go on' 1 $'1\n3\n' $'prun: 2: exited with status 7\n' \
	"$PRUN" exec -j1 --shell '[ "$1" = 2 ] && exit 7; echo "$1"' ::: 1 2 3
check 'killed by a signal' 1 'x' $'prun: a: was killed by SIGUSR1 (signal 10)\n' \
	"$PRUN" exec --shell 'printf x; kill -USR1 $$' ::: a
check 'status 255 is as any other' 1 $'b\n' $'prun: a: exited with status 255\n' \
	"$PRUN" exec -j1 --shell '[ "$1" = a ] && exit 255; echo "$1"' ::: a b
check '--quiet' 1 '' '' "$PRUN" exec -q false ::: a
check 'several items' 1 '' $'prun: a b: exited with status 1\n' \
	"$PRUN" exec -n2 false ::: a b
check 'not found' 127 '' $'prun: no-such-command: No such file or directory\n' \
	"$PRUN" exec no-such-command ::: a
check 'not found: a path' 127 '' $'prun: ./none: No such file or directory\n' \
	"$PRUN" exec ./none ::: a
check 'not found: a command line in one word' 127 '' \
	$'prun: wc -l: No such file or directory; a command is one word, and its arguments others (see --shell)\n' \
	"$PRUN" exec 'wc -l' ::: a
check 'not found: such a one for each item' 1 '' \
	$'prun: a: cannot run \'echo a\': No such file or directory; a command is one word, and its arguments others (see --shell)\n' \
	"$PRUN" exec 'echo {}' ::: a
check 'not found: nothing is read' 127 '' $'prun: none: No such file or directory\n' \
	bash -c '"$PRUN" exec none < /dev/zero'
: > plain
check 'not executable' 126 '' $'prun: ./plain: Permission denied\n' \
	"$PRUN" exec ./plain ::: a
check 'a directory' 126 '' $'prun: ./: Is a directory\n' "$PRUN" exec ./ ::: a
PATH=$PWD:$PATH check 'not executable, and found later' 0 '*' '' \
	bash -c ': > true; chmod -x true; "$PRUN" exec true ::: a'
rm -f true
check 'not found, in an item' 1 $'[a]\n' \
	$'prun: ./none: cannot run \'./none\': No such file or directory\n' \
	"$PRUN" exec -j1 {} a ::: ./none ./show
echo 'echo script "$@"' > script
chmod +x script
check 'a script without a first line' 0 $'script a\n' '' "$PRUN" exec ./script ::: a
printf '#!/none\n' > badscript
chmod +x badscript
check 'a script without interpreter' 1 '' \
	$'prun: a: cannot run \'./badscript\': No such file or directory\n' \
	"$PRUN" exec ./badscript ::: a

# ------------------------------------------------------------ what a command sees
check 'the environment' 0 $'1 1 1 1\n2 1 1 1\n' '' "$PRUN" exec -j1 --shell \
	'echo $PRUN_SEQ $PRUN_SLOT $PRUN_JOBS $PRUN_ATTEMPT' ::: a b
check 'the environment within a prun' 0 $'1\n' '' env PRUN_SEQ=9 \
	"$PRUN" exec --shell 'env | grep -c "^PRUN_SEQ=1$"' ::: a
check 'standard input is empty' 0 $'0\n' '' bash -c \
	'seq 3 | head -n 1 | "$PRUN" exec --shell "wc -c"'
fds='cd /proc/self/fd; echo [0-9]*'
check 'no descriptor of prun is open' 0 "$(sh -c "$fds")"$'\n' '' \
	"$PRUN" exec --shell "$fds" ::: a
# (posix_spawn(), which make uses, leaves glibc's own two signals ignored.)
env --ignore-signal=INT,HUP,USR1 "$PRUN" exec cat ::: /proc/self/status > .out
same 'signals are as by default' 'SigBlk SigIgn SigCgt' \
	"$(awk '/^Sig(Blk|Ign|Cgt):\t0+(180000000)?$/ { sub(":", ""); print $1 }' .out | xargs)"
check 'a process group of its own' 0 $'leader\n' '' "$PRUN" exec bash -c '
	read -r _ _ _ _ group _ < /proc/$$/stat
	[ "$group" = $$ ] && echo leader' ::: a

# The output is still held when the command has ended: its child writes later.
mkfifo late
check 'a child holds the output' 0 $'x\n' '' bash -c '
	"$PRUN" exec --shell "echo x; (read y < late; echo late) &" ::: a'
check 'a child floods the output' 0 '*' '' \
	"$PRUN" exec --shell 'yes & echo x' ::: a

# The terminal, by python's pty.
cat > on_terminal << 'END'
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
os.write(fd, b"typed\n")
text = b""
while True:
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    text += data
sys.stdout.write(text.decode().replace("\r\n", "\n"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
check '--tty' 0 $'typed\ngot typed 1\n' '' python3 on_terminal \
	"$PRUN" exec --tty --shell 'read x; echo got $x $1' ::: 1
check 'one that wants the terminal' 1 \
	$'typed\nprun: 1: was killed, for it waited for the terminal (see --tty)\n' '' \
	python3 on_terminal "$PRUN" exec --shell 'read x < /dev/tty; echo got $x' ::: 1
check '--tty without one' 3 '' '~prun: /dev/tty: .*' \
	setsid "$PRUN" exec --tty cat ::: 1

# ------------------------------------------------------------ commands that fail
check '--retries' 0 $'try 3\n' '' "$PRUN" exec --retries 3 \
	--shell 'echo "try $PRUN_ATTEMPT"; [ "$PRUN_ATTEMPT" = 3 ]' ::: a
check '--retries: none is left' 1 $'try 2\nb\n' $'prun: a: exited with status 5\n' \
	"$PRUN" exec --retries 1 --retry-delay 0.01 --shell \
	'[ "$1" = b ] && echo b && exit; echo "try $PRUN_ATTEMPT"; exit 5' ::: a b
check '--retries: a lot of output' 0 '~600003' '' bash -c '
	"$PRUN" exec --retries 1 --shell "head -c 600000 /dev/zero; echo .\$PRUN_ATTEMPT
		[ \$PRUN_ATTEMPT = 2 ]" ::: a | wc -c'
check '--retries: by a signal' 1 '' $'prun: a: was killed by SIGKILL (signal 9)\n' \
	"$PRUN" exec --retries 1 --shell 'kill -9 $$' ::: a
check '--timeout' 1 '' $'prun: a: took too long, and was asked to end\n' \
	"$PRUN" exec --timeout 0.1 --kill-after 50 --shell 'echo x; sleep 100' ::: a
check '--timeout, where the signal was ignored' 1 '' \
	$'prun: a: took too long, and was asked to end\n' bash -c 'trap "" RTMIN
	exec "$PRUN" exec --timeout 0.1 --kill-after 50 sh -c "sleep 100" ::: a'
# Some of them just when the command starts.
check '--timeout, soon' 1 '' '~(prun: [0-9]+: took too long, and was asked to end.?){40}' \
	bash -c 'seq 40 | "$PRUN" exec -j4 --timeout 0.001 --kill-after 300 sleep 1000'
check '--timeout, killed' 1 '' '~prun: a: (the task had 100.0 ms, and was killed|took too long).*' \
	"$PRUN" exec --timeout 0.1 --shell 'sleep 100' ::: a
check '--timeout, tried again' 0 $'2\n' '' "$PRUN" exec --timeout 1 --kill-after 50 --retries 9 \
	--shell '[ "$PRUN_ATTEMPT" = 1 ] && sleep 100; echo "$PRUN_ATTEMPT"' ::: a
mkfifo go
check '--timeout: ends as it should when asked' 0 $'asked\n' '' \
	"$PRUN" exec --timeout 5 --kill-after 50 --shell \
	'trap "echo asked; exit 0" TERM; read x <> go' ::: a
check '--halt' 4 '' '~prun: a: exited with status 3.prun: halted: 0 done, 1 failed, .*' \
	"$PRUN" exec -j1 --halt now,fail=1 --shell 'exit 3' ::: a b c d
check '--fail-fast kills' 4 '' '*' "$PRUN" exec -j2 --unordered --fail-fast \
	--shell '[ "$1" = a ] && sleep 100; exit 1' ::: a b
check '--verbose' 0 $'x a\n' '~prun: 1 worker of a fork server.*prun: a: done, worker 0 .*' \
	"$PRUN" exec -v -j1 echo x ::: a
