# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # for sh -c; held.sh
# Plugins that misbehave, files that change, and limits of the system.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"
# shellcheck source=tests/cli/held.sh
. "$TESTS/held.sh"

F=$FAULTS:misbehave
seq 50 > fifty

# ------------------------------------------------------------------- plugins

# fault ITEM MESSAGE: it costs that item alone
fault() {
	check "plugin: $1" 1 $'a\nb\nc\n' "~prun: $1: $2" \
		"$PRUN" map -j1 "$F" a "$1" b c
}
died='the worker \(pid [0-9]+\)'
fault segv "$died was killed by SIGSEGV \\(signal 11\\) after [0-9.]+ m?s"
fault abort "$died was killed by SIGABRT \\(signal 6\\) after [0-9.]+ m?s"
fault kill "$died was killed by SIGKILL \\(signal 9\\) after [0-9.]+ m?s"
fault overrun "$died was killed by SIGXFSZ \\(signal 25\\) after [0-9.]+ m?s"
fault exit0 'the task called exit\(0\)'
fault exit3 'the task called exit\(3\)'
fault _exit0 "$died exited with code 0 after [0-9.]+ m?s"
fault _exit3 "$died exited with code 3 after [0-9.]+ m?s"

check 'plugin: prints on both streams' 0 $'a\nprint\nb\n' \
	$'printed twice\n' "$PRUN" map -j1 "$F" a print b
check 'plugin: closes its standard output' 0 $'a\nclose1\nb\n' '' \
	"$PRUN" map -j1 "$F" a close1 b
check 'plugin: closes all descriptors' 0 $'a\ncloseall\nb\ncloseall\nc\n' '' \
	"$PRUN" map -j1 "$F" a closeall b closeall c

# One that hangs ends with the second signal, and the pool with it.
begin map -j2 -c 1 "$F" a hang b hang c
await_text .out a
tell INT "$pid"
kill -s INT "$pid"
finish 'plugin: hangs' 130 '~a(
b)?(
c)?' '~prun: interrupted: [123] done, 0 failed, rest not run'

# loading WHAT STATUS STDOUT STDERR: its constructor does that
loading() {
	# The shell has a word on crashes.
	check "constructor: $1" "$2" "$3" "$4" \
		env FAULT_LOADING="$1" "$PRUN" map "$F" a 2> /dev/null
}
loading print 0 $'a\n' $'printed twice\n'
loading close1 0 $'a\n' ''
# Where one is loaded that crashes, prun crashes: it has no process yet.
loading segv 139 '' '*'
loading abort 134 '' '*'
called="prun: $FAULTS: called"
loading exit0 2 '' "$called exit(0) when it was loaded"$'\n'
loading exit3 2 '' "$called exit(3) when it was loaded"$'\n'
check 'constructor: print, funcs' 0 $'misbehave\ngate\n' $'printed twice\n' \
	env FAULT_LOADING=print "$PRUN" funcs "$FAULTS"
check 'constructor: exit0, funcs' 2 '' \
	"$called exit(0) when it was loaded"$'\n' \
	env FAULT_LOADING=exit0 "$PRUN" funcs "$FAULTS"
check 'the descriptors do not do for a plugin' 2 '' \
	"prun: $FAULTS: cannot open shared object file: Too many open files"$'\n' \
	bash -c 'ulimit -n 4 && exec "$PRUN" funcs "$FAULTS"'

# ---------------------------------------------------- files that are changing

# Too long to be read to its end. The worker is stopped between two reads, and
# $place bytes have been read.
holes=$((1 << 40))

# hold FILE: the worker of a run that reads it
hold() {
	local deadline=$((SECONDS + WAIT)) fd key
	place=0 worker=
	until [ "$place" -gt 0 ]; do
		[ "$SECONDS" -gt "$deadline" ] && break
		worker=$(pgrep -P "$pid") || continue
		for fd in "/proc/$worker/fd"/*; do
			[ "$fd" -ef "$1" ] || continue
			read -r key place < "/proc/$worker/fdinfo/${fd##*/}"
		done
	done 2> /dev/null
	kill -s STOP "$worker"
	await T "$worker"
	fd=$(find "/proc/$worker/fd" -lname "*/$1")
	read -r key place < "/proc/$worker/fdinfo/${fd##*/}"
}

# changing NAME STATUS STDERR COMMAND...: change file `growing`, with $place,
# while it is read. The lines wanted are in the file want.
changing() {
	local name=$1
	shift
	rm -f growing
	truncate -s "$holes" growing
	begin map -j1 sha256 growing fifty
	hold growing
	"$@"
	cp -f growing read 2> /dev/null
	{ sha256sum < "${copy:-read}" | sed 's/-$/growing/'; sha256sum fifty; } > want
	kill -s CONT "$worker"
	finish "$name" 0 @want ''
}
shrink() { truncate -s $((place + 1000)) growing; }
shrink_below() {
	truncate -s "$place" growing
	cp growing below
	truncate -s 10 growing
}
grow() {
	truncate -s "$place" growing
	seq 100000 >> growing
}
vanish() {
	exec 5<> growing
	grow
	cp growing gone
	rm growing
	exec 5<&-
}
replace() {
	grow
	cp growing gone
	mv growing old
	echo another > growing
}
if truncate -s "$holes" growing 2> /dev/null && have pgrep; then
	changing 'a file that shrinks' shrink
	copy=below changing 'a file that shrinks below' shrink_below
	changing 'a file that grows' grow
	copy=gone changing 'a file that vanishes' vanish
	copy=gone changing 'a file that is replaced' replace
	rm -f growing gone old below read

	# Two files of one batch are read when their worker is killed. Each is
	# read again, alone; standard input is so if it is a file, from where it
	# was when prun began, and else it is lost.
	truncate -s "$holes" growing
	truncate -s $((1 << 30)) input
	printf x >> input
	{
		tail -c +1001 input | md5sum
		: | md5sum | sed 's/-$/growing/'
	} > want
	printf '%s\n' '#!/bin/sh' 'head -c 1000 > skipped' 'exec "$@"' > skip
	chmod +x skip
	launch=./skip input=input begin map -j1 md5 - growing
	hold input
	truncate -s 0 growing
	kill -s KILL "$worker"
	finish 'a file as standard input, in a batch that dies' 0 @want ''
	rm -f input skip skipped

	truncate -s "$holes" growing
	mkfifo fifo
	exec 5<> fifo
	input=fifo begin map -j1 md5 - growing
	# More than a pipe holds, so it has been read from.
	head -c 200000 /dev/zero >&5
	hold growing
	truncate -s 0 growing
	kill -s KILL "$worker"
	: | md5sum | sed 's/-$/growing/' > want
	finish 'a pipe as standard input, in a batch that dies' 1 @want \
		$'prun: -: Standard input was lost with the worker that was reading it\n'
	exec 5<&-
	rm -f growing fifo
else
	skip 'files that change' 'no large files with holes'
fi

# -------------------------------------------------------- names and their files

ln -s loop2 loop1
ln -s loop1 loop2
loop='loop1: Too many levels of symbolic links'
check 'a loop of links' 1 '' "prun: $loop"$'\n' "$PRUN" map md5 loop1
check 'a loop of links for -a' 2 '' "prun: $loop"$'\n' "$PRUN" map -a loop1 echo
if [ -r /proc/self/mem ]; then
	md5sum fifty > want
	check 'a file that cannot be read at its start' 1 @want \
		$'prun: /proc/self/mem: Input/output error\n' \
		"$PRUN" map md5 /proc/self/mem fifty
fi

# The longest path there may be, and one byte more.
part=$(printf 'd%.0s' {1..254})
deep=$(printf "$part/%.0s" {1..16})
deep=./$deep
mkdir -p "$deep"
name=$(printf 'f%.0s' $(seq $((4095 - ${#deep}))))
echo deep > "$deep$name"
md5sum "$deep$name" > want
check 'a path of 4095 bytes' 0 @want '' "$PRUN" map md5 "$deep$name"
check 'a path of 4096 bytes' 1 '' \
	"prun: ${deep}f$name: File name too long"$'\n' \
	"$PRUN" map md5 "${deep}f$name"
rm -rf "./$part"

# ------------------------------------------------------- as somebody who may not

public=$(mktemp -d)
chmod 755 "$public"
cp "$PRUN" fifty "$public"
echo x > "$public/secret"
chmod 0 "$public/secret"
as=(setpriv --reuid 54321 --regid 54321 --clear-groups)
if [ "$(id -u)" -eq 0 ] && "${as[@]}" "$public/prun" --version > /dev/null 2>&1; then
	denied='secret: Permission denied'
	md5sum "$public/fifty" > want
	check 'unreadable, as another user' 1 @want "prun: $public/$denied"$'\n' \
		"${as[@]}" "$public/prun" map md5 "$public/secret" \
		"$public/fifty"
	check 'unreadable -a, as another user' 2 '' \
		"prun: $public/$denied"$'\n' \
		"${as[@]}" "$public/prun" map -a "$public/secret" echo
	check 'no process may be started' 3 '' \
		$'prun: cannot start 4 workers: Resource temporarily unavailable\n' \
		"${as[@]}" bash -c 'ulimit -u 3 && exec "$@"' - \
		"$public/prun" map -j4 noop 1 2 3 4
	# Five are enough: prun and four, and never more at once.
	check 'just enough processes' 0 @fifty '' \
		"${as[@]}" bash -c 'ulimit -u 5 && exec "$@"' - \
		"$public/prun" map -j4 --maxtasksperchild 1 -a "$public/fifty" \
		echo
else
	skip 'as another user' 'not root, or no setpriv'
fi
rm -rf "$public"

# -------------------------------------------------------------------- limits

check 'a limit of the size of files' 3 '' \
	$'prun: write error: File too large\n' \
	bash -c 'ulimit -f 1 && seq 10000 | "$PRUN" map echo > limited'
head -c 1024 <(seq 10000) > want
same 'what the limit leaves room for' "$(cksum < want)" "$(cksum < limited)"
if grep -q __asan_init "$PRUN"; then
	skip 'a limit of memory' 'AddressSanitizer takes more'
else
	check 'a limit of memory' 3 $'first\n' \
		$'prun: standard input: read error: Cannot allocate memory\n' \
		bash -c '{ echo first; head -c 100000000 /dev/zero; } |
			{ ulimit -v 100000; exec "$PRUN" map -j1 echo; }'
fi
check 'a full standard error' 1 '' '' \
	bash -c '"$PRUN" map md5 nope 2> /dev/full'
mkfifo unread
check 'a standard error that nobody reads' 1 '' '' bash -c \
	'exec 5<> unread 6> unread 5>&-; exec "$PRUN" map md5 nope 2>&6'

# From none that is enough for anything to one that is for all.
few='prun: cannot start 4 workers: Too many open files'
for n in {5..24}; do
	(ulimit -n "$n" && exec "$PRUN" map -j4 echo < fifty) > .out 2> .err
	case $?:$(< .err) in
	0:) cmp -s .out fifty || fail "$n descriptors" "got $(shown .out)" ;;
	3:"$few") [ ! -s .out ] || fail "$n descriptors" "got $(shown .out)" ;;
	*) fail "$n descriptors" "got $(shown .err)" ;;
	esac
done
pass 'few descriptors'
