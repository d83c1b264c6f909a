# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016,SC2034,SC2154 # for sh -c; held.sh's
# The tests that parallel_alternatives(7) has for tools of this kind, by the
# names that they have there, with `prun exec`. With PRUN_STRESS set, the line
# of the last one is as long as it is there.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"

# letters LETTER COUNT, for commands
cat > letters << 'END'
#!/bin/sh
head -c "$2" /dev/zero | tr '\0' "$1"
END
chmod +x letters

# Whether there may be a limit of address space, which sanitizers do not bear.
limited() {
	(ulimit -v 200000; "$PRUN" --version > .out 2>&1) && return
	skip "$1" 'no limit of address space'
	return 1
}

# ------------------------------------------------------------------------- MIX
# 'a c e' and 'b d f' stay together, a line for each command.
cat > mix << 'END'
#!/bin/sh
for pair in ab cd ef; do
	./letters "${pair%?}" 1000000; printf ' '
	{ ./letters "${pair#?}" 1000000; printf ' '; } >&2
done
echo
echo >&2
END
chmod +x mix
for how in --keep-order --unordered; do
	seq 8 | "$PRUN" exec -j8 "$how" ./mix > >(tr -s a-f > mix.out; : > mix.done) \
		2> >(tr -s a-f > mix.err; : > err.done)
	status=$?
	while ! [ -e mix.done ] || ! [ -e err.done ]; do wait; done
	same "MIX $how: status" 0 "$status"
	same "MIX $how: standard output" '8 a c e ' "$(uniq -c mix.out | sed 's/^ *//')"
	same "MIX $how: standard error" '8 b d f ' "$(uniq -c mix.err | sed 's/^ *//')"
	rm -f mix.done err.done
done

# ----------------------------------------------------------------- STDERRMERGE
cat > merge << 'END'
#!/bin/sh
echo stdout
echo stderr >&2
echo stdout
echo stderr >&2
END
chmod +x merge
check STDERRMERGE 0 $'stdout\nstdout\n' $'stderr\nstderr\n' \
	bash -c 'echo | "$PRUN" exec ./merge'

# ------------------------------------------------------------------------- RAM
# All at once, and together more than prun and its processes may have.
if limited RAM; then
	check RAM 0 $'402653184\n' '' bash -c 'ulimit -v 200000
		seq 4 | "$PRUN" exec -j4 --shell "head -c 96M /dev/zero" | wc -c'
fi

# -------------------------------------------------------------------- DISKFULL
# Each command fills the disk, writes what does not fit there then, and makes
# room again. Each has then either failed, or all of its output is there.
cat > diskfull << 'END'
#!/bin/sh
head -c 100M /dev/zero > "$TMPDIR/$$" 2> /dev/null
./letters X 3000000
echo This part is missing from incomplete output
rm "$TMPDIR/$$"
echo Final output
END
chmod +x diskfull
mkdir disk
if mount -t tmpfs -o size=8m none disk 2> /dev/null; then
	head -c 100M /dev/zero > disk/full 2> /dev/null
	TMPDIR=$PWD/disk check 'DISKFULL: it stays full' 1 '' \
		'~(prun: .: its output is lost: No space left on device.?){4}' \
		bash -c 'seq 4 | "$PRUN" exec -j4 ./diskfull'
	rm disk/full
	seq 10 | TMPDIR=$PWD/disk "$PRUN" exec -j10 ./diskfull > full.out 2> full.err
	status=$?
	lost=$(grep -c ': its output is lost: No space left on device$' full.err)
	same 'DISKFULL: nothing else is said' "$lost" "$(wc -l < full.err)"
	same 'DISKFULL: the status' "$((lost > 0))" "$status"
	same 'DISKFULL: no output is incomplete' $(((10 - lost) * (3000000 + 57))) \
		"$(wc -c < full.out)"
	same 'DISKFULL: each is in one piece' "$((10 - lost)) XThis part is missing from incomplete output, Final output" \
		"$(tr -s X < full.out | paste -d, - - | sed 's/,/, /' | sort | uniq -c |
			sed 's/^ *//' | grep . || echo '0 XThis part is missing from incomplete output, Final output')"
	umount disk
else
	skip DISKFULL 'no right to mount'
fi

# --------------------------------------------------------------------- CLEANUP
# Killed while output waits on the disk: no file and no process is left.
cat > cleanup << 'END'
#!/bin/sh
./letters X 3000000
echo "$$ $1" > started
head -c 1 gate > taken.$1
END
chmod +x cleanup
mkdir tmp
(
	# shellcheck source=tests/cli/held.sh
	. "$TESTS/held.sh"
	# The shell has a word on those that were killed.
	exec 2> /dev/null
	launch="env TMPDIR=$PWD/tmp"
	begin exec -j3 ./cleanup ::: 1 2 3 4
	started 3
	same 'CLEANUP: no name during the run' '' "$(ls -A tmp)"
	kill -s KILL "$pid"
	finish CLEANUP 137 '' ''
)
same 'CLEANUP: no name is left' '' "$(ls -A tmp)"

# --------------------------------------------------------------------- SPCCHAR
name=$'My brother\'s 12" *** record  (costs $$$).jpg'
echo music > "$name"
check SPCCHAR 0 "$name"$'\n' '' bash -c 'ls My*jpg | "$PRUN" exec ls'
check 'SPCCHAR --shell' 0 $'music\n' '' bash -c 'ls My*jpg | "$PRUN" exec --shell '\''cat < "$1"'\'
check 'SPCCHAR: parts' 0 "${name%.jpg} ./$name"$'\n' '' \
	bash -c 'ls My*jpg | "$PRUN" exec echo {.} ./{/}'
check 'SPCCHAR: map' 0 "$(md5sum "$name")"$'\n' '' bash -c 'ls My*jpg | "$PRUN" map md5'

# ----------------------------------------------------- COMPOSED, and ONEREP
check COMPOSED 0 $'foo\nbar\n' '' bash -c 'echo bar | "$PRUN" exec --shell '\''echo foo; echo "$1"'\'
check ONEREP 0 $'bar foo bar\n' '' bash -c 'echo bar | "$PRUN" exec echo {} foo {}'

# ------------------------------------------------------------------- INPUTSIZE
# A line of 100 MB, of which the command gets three bytes.
{
	printf foo.
	./letters x 100000000
} > long
check INPUTSIZE 0 $'foo\n' '' bash -c '"$PRUN" exec echo {.} < long'
check 'INPUTSIZE: map' 0 $'100000005\n' '' bash -o pipefail -c '"$PRUN" map echo < long | wc -c'
check 'INPUTSIZE: an argument' 0 $'131001\n' '' \
	bash -o pipefail -c './letters x 131000 | "$PRUN" exec echo {} | wc -c'
rm long

# -------------------------------------------------------------------- NUMWORDS
cat > words << 'END'
#!/bin/sh
yes "$(seq 1000 | xargs)" | head -c 10M
echo
END
chmod +x words
for how in --keep-order --line-buffer; do
	check "NUMWORDS $how" 0 $'41943044\n' '' \
		bash -c 'seq 4 | "$PRUN" exec -j4 $0 ./words | wc -c' "$how"
done

# ------------------------------------------------------------------------- 4GB
# A line that is longer than the memory that prun and its processes may have.
size=300000000
if [ -n "${PRUN_STRESS-}" ]; then
	size=5000000000
	LIMIT=900
fi
room=$(df --output=avail -B1 "${TMPDIR:-/tmp}" | tail -n 1)
if [ "$room" -lt $((size + (1 << 28))) ]; then
	skip 4GB "no room for $size bytes in ${TMPDIR:-/tmp}"
elif limited 4GB; then
	for how in --keep-order --line-buffer --tag; do
		case $how in
		--keep-order) want="0 $size" ;;
		--line-buffer) want="1 $((size + 1))" ;;
		--tag) want="1 $((size + 3))" ;; # "1" and a tab before it
		esac
		check "4GB $how" 0 "$want"$'\n' '' bash -o pipefail -c \
			'ulimit -v 200000; "$PRUN" exec -j1 "$0" --shell "exec ./letters a $1" ::: 1 |
				wc -lc | xargs' "$how" "$size"
	done
fi
