# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016,SC1003 # for sh -c
# The command line: where options may stand, what they refuse, the workers.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"

# usage NAME TOPIC MESSAGE ARG...: exit 2 with the message and where to look
usage() {
	local name=$1 topic=$2 text=$3
	shift 3
	check "$name" 2 '' \
		"prun: $text"$'\n'"Try 'prun ${topic:+$topic }--help'."$'\n' \
		"$PRUN" "$@"
}

usage 'no command' '' 'no command given'
usage 'unknown command' '' "unknown command 'mop'" mop
usage 'a function as the command' '' \
	"unknown command 'md5'; did you mean 'prun map md5'?" md5 a
usage 'an option before the command' '' \
	"'-j2' stands before the command, and options come after it" -j2 map noop
usage 'no function' map 'no function given' map
usage 'no function, only options' map 'no function given' map -z
usage 'no function before :::' map "no function before ':::'" map ::: a
usage 'unknown long option' map "unrecognized option '--bogus'" map --bogus
usage 'unknown short option' map "invalid option -- 'x'" map -x
usage 'controls in an option' map "unrecognized option '--a?b?c'" \
	map $'--a\033b\302\233c'
usage 'missing argument' map "option requires an argument -- 'd'" map -d
usage 'missing argument, long' map "option '--workers' requires an argument" \
	map --workers
usage 'argument too many' map "option '--zero' doesn't allow an argument" \
	map --zero=1
usage 'chunksize: word' map "--chunksize: 'x' is not a number" map -c x noop
usage 'chunksize: empty' map "--chunksize: '' is not a number" map -c '' noop
usage 'chunksize: tail' map "--chunksize: '3k' is not a number" map -c 3k noop
usage 'chunksize: space' map "--chunksize: ' 3' is not a number" \
	map -c ' 3' noop
usage 'chunksize: sign' map "--chunksize: '+3' is not a number" map -c +3 noop
usage 'chunksize: zero' map "--chunksize: '0' is less than 1" map -c 0 noop
usage 'chunksize: large' map "--chunksize: '1048577' is more than 1048576" \
	map -c 1048577 noop
usage 'maxtasksperchild: word' map "--maxtasksperchild: 'x' is not a number" \
	map --maxtasksperchild x noop
usage 'maxtasksperchild: zero' map "--maxtasksperchild: '0' is less than 1" \
	map --maxtasksperchild=0 noop
usage 'total: word' map "--total: '-1' is not a number" map --total -1 noop
usage 'an alias by its own name' map \
	"--max-procs: 'x' is not a number, nor N%, +N or -N" map -P x noop
for text in x '' 1x % +x - -% +5% 1.5 0x10 ' 1'; do
	usage "workers: '$text'" map \
		"--workers: '$text' is not a number, nor N%, +N or -N" \
		map -j "$text" noop
done
for text in 4097 +4097 +99999999999999999999 99999999999999999999 \
	99999999999999999999% 9999999%; do
	usage "workers: $text" map "--workers: '$text' is more than 4096" \
		map -j "$text" noop
done
for text in '' ab '\q' '\400' '\8' '\x' '\x100' '\x0x1' '\nn'; do
	usage "delimiter: '$text'" map \
		"--delimiter: '$text' is not one character or an escape like \\t or \\x1f" \
		map -d "$text" noop
done
usage 'progress: word' map "--progress: 'x' is not none, auto, bar, line or json" \
	map --progress=x noop
for option in timeout kill-after retry-delay; do
	for text in '' x 5x -1 1e3 . 1,5 0x10 ' 5' '5 ' 5S 1ss ms; do
		usage "$option: '$text'" map \
			"--$option: '$text' is not a length of time, such as 10, 1.5m or 250ms" \
			map "--$option" "$text" noop
	done
	for text in 50d 9999999999 99999999999999999999h; do
		usage "$option: $text" map "--$option: '$text' is too long" \
			map "--$option" "$text" noop
	done
done
usage 'timeout: 0%' map "--timeout: '0' is less than 1" map --timeout 0% noop
usage 'timeout: large part' map "--timeout: '1000001' is more than 1000000" \
	map --timeout 1000001% noop
for text in % -1% 1.5% 1%% +5% 1m%; do
	case $text in
	%) want="'' is not a number" ;;
	*) want="'$text' is not a length of time, such as 10, 1.5m or 250ms" ;;
	esac
	usage "timeout: '$text'" map "--timeout: $want" map --timeout "$text" noop
done
usage 'inline and a part' map \
	'--timeout: not with --start-method=inline, which has no workers' \
	map --start-method=inline --timeout 200% noop
usage 'timeout: 0' map "--timeout: '0' is too short" map --timeout 0 noop
usage 'timeout: 0.5ms' map "--timeout: '0.5ms' is too short" \
	map --timeout 0.5ms noop
check 'lengths of time' 0 $'a\n' '' \
	"$PRUN" map --timeout .5d --kill-after 0 --retry-delay 1.m echo a
for text in '' x -1 +1 1.5M 1Q M 1MiBs 1Bs 1mb ' 1' 0x10; do
	usage "memory-limit: '$text'" map \
		"--memory-limit: '$text' is not a size, such as 4096, 500M or 2GiB" \
		map --memory-limit "$text" noop
done
usage 'memory-limit: 0' map "--memory-limit: '0' is less than 1" \
	map --memory-limit 0 noop
for text in 18446744073709551616 16384P 99999999999999999999K; do
	usage "memory-limit: $text" map "--memory-limit: '$text' is too large" \
		map --memory-limit "$text" noop
done
usage 'retries: word' map "--retries: 'x' is not a number" map --retries x noop
usage 'retries: large' map "--retries: '201' is more than 200" \
	map --retries 201 noop
for text in '' x - +1 1.5 --1; do
	usage "nice: '$text'" map "--nice: '$text' is not a number" \
		map --nice "$text" noop
done
usage 'nice: high' map "--nice: '20' is more than 19" map --nice 20 noop
usage 'nice: low' map "--nice: '-21' is less than -20" map --nice=-21 noop
usage 'nice: very low' map "--nice: '-99999999999999999999' is less than -20" \
	map --nice=-99999999999999999999 noop
usage 'start-method: word' map \
	"--start-method: 'spawn' is not fork, inline or forkserver" \
	map --start-method spawn noop
for option in --nice=1 --pin --memory-limit=1G --timeout=1 --kill-after=1; do
	usage "inline and $option" map \
		"${option%=*}: not with --start-method=inline, which has no workers" \
		map --start-method=inline "$option" noop
done
for text in '' now 'now,' now,fail fail=1 soon=1 later,fail=1 now,fails=1 \
	now,fail:1 Never never,fail=1; do
	usage "halt: '$text'" map \
		"--halt: '$text' is not WHEN,WHAT=N or WHEN,WHAT=N%, with WHEN now or soon and WHAT fail, success or done" \
		map --halt "$text" noop
done
usage 'halt: no number' map "--halt: '' is not a number" map --halt now,fail= x
usage 'halt: per cent of none' map "--halt: '' is not a number" \
	map --halt now,fail=% x
usage 'halt: word' map "--halt: '1%%' is not a number" map --halt now,done=1%% x
usage 'halt: 0' map "--halt: '0' is less than 1" map --halt soon,success=0 x
usage 'halt: 0%' map "--halt: '0' is less than 1" map --halt soon,success=0% x
usage 'halt: 101%' map "--halt: '101' is more than 100" \
	map --halt soon,fail=101% x
usage 'halt: many digits' map \
	"--halt: '99999999999999999999999' is more than 100" \
	map --halt soon,fail=999999999999999999999999999% x
usage 'fail-fast: argument' map "option '--fail-fast' doesn't allow an argument" \
	map --fail-fast=1 x
usage '--tag with a digest' map \
	"--tag: a line of 'md5' has the name in it already; see --bsd-tag" \
	map -t md5 x
usage '--bsd-tag without a digest' map "--bsd-tag: 'wc' is not a digest" \
	map --bsd-tag wc x
usage '--special-files with stat' map \
	"--special-files: 'stat' reads no files for prun" \
	map --special-files stat x
usage 'standard input twice' map \
	'--arg-file: standard input cannot be read twice' \
	map -a - -a - noop
usage 'funcs: too many' funcs "'b' is one argument too many" funcs ./a b
usage 'funcs: option' funcs "invalid option -- 'x'" funcs -x
usage 'funcs: an option of map' funcs "option '--zero' is not for funcs, but for map, starmap, apply, exec, coproc, check, log" funcs --zero
usage 'help: unknown' help "there is no help on 'x'" help x
usage 'help: too many' help "'x' is one argument too many" help map x
usage 'help: option' help "invalid option -- 'j'" help -j1
usage '--help: too many' '' "'x' is one argument too many" --help x
usage 'version: too many' '' "'x' is one argument too many" --version x

for name in MD5:md5 md5sum:md5 Sha256Sum:sha256 b2sum:blake2b512; do
	check "unknown function: ${name%:*}" 2 '' \
		"prun: unknown function '${name%:*}'; did you mean '${name#*:}'?"$'\n' \
		"$PRUN" map "${name%:*}" a
done
check 'unknown function: a long name' 2 '' '~prun: unknown function .*lists them' \
	"$PRUN" map "$(printf '%0200d' 0)sum" a
check 'unknown function' 2 '' \
	$'prun: unknown function \'md6\'; \'prun funcs\' lists them\n' \
	"$PRUN" map md6 x
check 'a missing -a file' 2 '' $'prun: nope: No such file or directory\n' \
	"$PRUN" map -a nope echo
check 'an -a directory' 2 '' $'prun: .: Is a directory\n' \
	"$PRUN" map -a /dev/null -a . echo a

# Where options may stand.
check 'options after the function' 0 $'x\tx\n' '' "$PRUN" map echo -t x
check 'options after the items' 0 $'x\tx\n' '' "$PRUN" map echo x -t
check 'no environment variable changes that' 0 $'x\tx\n' '' \
	env POSIXLY_CORRECT=1 "$PRUN" map echo x -t
check 'after :::' 0 $'a\tx\n-t\tx\n:::\tx\n--\tx\n' '' \
	sh -c '"$PRUN" map -t echo ::: a -t ::: -- | sed "s/[^\t]*$/x/"'
check 'after --' 0 $'-t\n:::\n' '' "$PRUN" map echo -- -t :::
check '-- before the function' 0 $'-t\n' '' "$PRUN" map -- echo -t
check 'operands before :::' 0 $'a\nb\n' '' "$PRUN" map echo a ::: b
check 'an empty :::' 0 '' '' sh -c 'echo no | "$PRUN" map echo :::'
check 'an option that takes :::' 2 '' '*' "$PRUN" map -d ::: echo
check 'short options together' 0 '~a.a@' '' \
	sh -c 'printf "a\0" | "$PRUN" map -0ztk echo'
check 'abbreviated option' 0 $'a\n' '' "$PRUN" map --maxt 1 echo a
check 'accepted without effect' 0 '' '' "$PRUN" map -r --no-run-if-empty \
	-k --keep-order echo
check 'the last of -k and --unordered counts' 0 $'a\nb\n' '' \
	"$PRUN" map --unordered -k echo a b

# The workers. With MEET=n the tasks end only when n of them run at once.
meet() {
	local name=$1 n=$2
	shift 2
	# shellcheck disable=SC2046 # one item a word
	check "$name" 0 "$(printf 'met\n%.0s' $(seq "$n"))"$'\n' '' \
		env MEET="$n" "$@" "$VALUES:meet" ::: $(seq "$n")
}
meet '-j N' 3 "$PRUN" map -c 1 -j 3
meet '--workers=N' 3 "$PRUN" map -c 1 --workers=3
meet '--jobs N' 3 "$PRUN" map -c 1 --jobs 3
meet '-PN' 3 "$PRUN" map -c 1 -P3
meet '--max-procs N' 3 "$PRUN" map -c 1 --max-procs 3
meet '-j0: one an item' 9 "$PRUN" map -c 1 -j0
meet '-P 0: one an item' 9 "$PRUN" map -c 1 -P 0
if have taskset; then
	meet '-j +N' 4 taskset -c 0 "$PRUN" map -c 1 -j +3
	meet '-j N%' 3 taskset -c 0 "$PRUN" map -c 1 -j 300%
fi

# pids AT_MOST NAME ARG...: how many workers have answered
pids() {
	local most=$1 name=$2 n
	shift 2
	n=$(seq 300 | "$@" "$VALUES:pid" | sort -u | wc -l)
	if [ "$n" -ge 1 ] && [ "$n" -le "$most" ]; then
		pass "$name"
	else
		fail "$name" "want at most $most workers" "got  $n"
	fi
}
pids 1 '-j1 is one worker' "$PRUN" map -j1
pids 2 '-j2 is two workers' "$PRUN" map -c 1 -j2
pids 1 '-j -N is at least one' "$PRUN" map -c 1 -j -5000
pids 1 '-j N% is at least one' "$PRUN" map -c 1 -j 0%
if have taskset; then
	pids 1 'the CPUs allowed are the default' taskset -c 0 "$PRUN" map -c 1
	pids 3 '-j +N is no more' taskset -c 0 "$PRUN" map -c 1 -j +2
fi
same '--maxtasksperchild 1: a worker each' 20 \
	"$(seq 20 | "$PRUN" map --maxtasksperchild 1 "$VALUES:pid" | sort -u | wc -l)"
same '--maxtasksperchild 5 in one slot' 4 \
	"$(seq 20 | "$PRUN" map -j1 --maxtasksperchild 5 -c 5 "$VALUES:pid" |
		sort -u | wc -l)"
seq 300 > want
check '--chunksize beyond the items' 0 @want '' \
	"$PRUN" map -a want -c 1048576 echo
check '--chunksize auto' 0 @want '' "$PRUN" map -a want -c auto echo
