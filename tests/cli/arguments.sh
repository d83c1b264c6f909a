# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Arguments of functions: FUNC,NAME=VALUE,...

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"

: > empty
printf 'one two\nthree\n' > text
usage=$'Try \'prun map --help\'.\n'

# gives FUNC VALUE: for the empty file
gives() {
	check "$1" 0 "$2  empty"$'\n' '' "$PRUN" map "$1" empty
}

# Seeds and values are those of xxHash's own tests.
gives xxh32,seed=2654435761 36b78ae7
gives xxh32,seed=0x9e3779B1 36b78ae7
gives xxh64,seed=2654435761 ac75fda2929b17ef
gives xxh3,seed=0x9E3779B185EBCA8D a8a6b918b2f0364a
gives xxh128,seed=2654435761 92220ae55e14ab505444f7869c671ab0
gives xxh64,seed=0 ef46db3751d8e999
gives xxh64,seed=7,seed=0 ef46db3751d8e999
# Of FIPS 202's examples.
gives shake128 7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26
gives shake128,length=8 7f
gives shake256,length=64 46b9dd2b0ba88d13
check 'shake256 has 512 bits' 0 '~[0-9a-f]{128}  empty' '' "$PRUN" map shake256 empty
check 'wc,count=lines' 0 $'2 text\n' '' "$PRUN" map wc,count=lines text
check 'wc,count=words' 0 $'3 text\n' '' "$PRUN" map wc,count=words text
check 'wc,count=bytes' 0 $'14 text\n' '' "$PRUN" map wc,count=bytes text
check 'with --bsd-tag' 0 $'SHAKE128 (empty) = 7f\n' '' \
	"$PRUN" map --bsd-tag shake128,length=8 empty
check 'with apply' 0 $'2 text\n' '' "$PRUN" apply wc,count=lines text
check 'with starmap' 0 $'2 text\n' '' "$PRUN" starmap wc,count=lines text
check 'with -D' 0 $'prun apply \'wc,count=lines\' text\n' '' \
	"$PRUN" map -D wc,count=lines text

# refuses FUNC MESSAGE
refuses() {
	check "refuses $1" 2 '' "prun: $2"$'\n'"$usage" "$PRUN" map "$1" empty
}
refuses md5,seed=1 "'md5' takes no arguments"
refuses md5, "'md5' takes no arguments"
refuses xxh64,sed=1 "'xxh64' takes no argument 'sed', but 'seed'"
refuses xxh64, "'xxh64' takes no argument '', but 'seed'"
refuses wc,count=lines,x "'wc' takes no argument 'x', but 'count'"
seed="'xxh64': its argument 'seed' is a number below 2^64, in decimal or as 0x..."
refuses xxh64,seed "$seed"
refuses xxh64,seed= "$seed"
refuses xxh64,seed=-1 "$seed"
refuses xxh64,seed=0x "$seed"
refuses xxh64,seed=1x "$seed"
refuses xxh64,seed=18446744073709551616 "$seed"
refuses xxh32,seed=4294967296 \
	"'xxh32': its argument 'seed' is a number below 2^32, in decimal or as 0x..."
length="'shake128': its argument 'length' is a number of bits, 8, 16, 24 ... 512"
refuses shake128,length=12 "$length"
refuses shake128,length=0 "$length"
refuses shake128,length=520 "$length"
refuses wc,count=l "'wc': its argument 'count' is lines, words or bytes"
check 'a plugin takes none' 2 '' \
	'~prun: .*: a plugin.s function takes no arguments but its items.*' \
	"$PRUN" map "$GOOD:rot13,x=1" a
check 'no function before the comma' 2 '' \
	$'prun: unknown function \'nope,x=1\'; \'prun funcs\' lists them\n' "$PRUN" map nope,x=1 a
# A path of a plugin may hold a comma.
mkdir a,b && cp "$GOOD" a,b/good.so
check 'a path with a comma' 0 $'n\n' '' "$PRUN" map a,b/good.so:rot13 a
