# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016 # for bash -c
# Digests of many files side by side: lengths of every kind, in one run.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"

mkdir files
# Around the ends of blocks, of what is read at a time, and far beyond it.
for n in {0..300} 16319 16320 16383 16384 16385 32767 32768 32769 \
	65535 65536 65537 1000003 3000017; do
	echo "$n"
done | shuf --random-source=/bin/ls > lengths
while read -r n; do
	head -c "$n" /dev/urandom > "files/$n"
	echo "files/$n"
done < lengths > list

for name in md5 sha1 sha224 sha256; do
	xargs "${name}sum" < list > wanted
	for j in 1 3; do
		check "$name, $j workers" 0 @wanted '' \
			"$PRUN" map -j "$j" "$name" -a list
	done
	check "$name, one task at a time" 0 @wanted '' \
		"$PRUN" map -j 2 -c 1 --special-files "$name" -a list
	check "$name, workers that do not last" 0 @wanted '' \
		"$PRUN" map -j 2 --maxtasksperchild 7 "$name" -a list
done

# What cannot be read fails alone, whatever is beside it.
{
	sed 20q list
	echo missing
	echo files
	sed -n '21,60p' list
} > mixed
xargs md5sum < mixed > wanted 2> /dev/null
check 'failures in between' 1 @wanted \
	'~prun: missing: No such file or directory
prun: files: Is a directory' "$PRUN" map -j 1 md5 -a mixed

# Standard input has nothing yet while the others go on, and ends last.
mkfifo gate
sed 40q list > some
{
	xargs md5sum < some
	printf 'late' | md5sum
} | sort > wanted
{
	# Opened only when all the others have been seen.
	while read -r _; do
		seen=$((${seen:-0} + 1))
		[ "$seen" -ne 40 ] || break
	done < gate
	printf 'late'
} | {
	timeout "$LIMIT" "$PRUN" map --unordered -j 1 md5 - -a some 2> .err
	echo "$?" > .status
} | tee gate > got
sort got > .out
verdict 'standard input that waits' 0 @wanted '' "$(cat .status)"

# As much of it as is no block yet, and then nothing: the same.
rm got
{
	xargs md5sum < some
	printf 'early late' | md5sum
} | sort > wanted
{
	printf 'early '
	while read -r _; do
		shown=$((${shown:-0} + 1))
		[ "$shown" -ne 40 ] || break
	done < gate
	printf 'late'
} | {
	timeout "$LIMIT" "$PRUN" map --unordered -j 1 md5 - -a some 2> .err
	echo "$?" > .status
} | tee gate > got
sort got > .out
verdict 'standard input that waits in a block' 0 @wanted '' "$(cat .status)"

# Fewer descriptors than lanes: a file waits for one, as it would by itself.
xargs md5sum < list > wanted
check 'fewer descriptors than lanes' 0 @wanted '' \
	bash -c 'ulimit -n 20 && exec "$0" map -j 1 md5 -a list' "$PRUN"
