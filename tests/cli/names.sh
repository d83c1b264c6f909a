# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016,SC1003 # for sh -c
# Awkward names, in results and in messages.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"

# A file for every byte that a name can hold, at its end and inside.
mkdir bytes && cd bytes || exit 1
for i in $(seq 1 255); do
	[ "$i" -eq 47 ] && continue
	byte=$(printf '\\%03o' "$i")
	# The x keeps a newline from being stripped.
	name=$(printf '%bx' "$byte")
	name=${name%x}
	echo "$i" > "a$name"
	echo "$i" > "a${name}b"
done
echo > 'back\\slash\n'
echo > $'\\\n\r'
printf '%s\0' ./* > ../list
md5sum ./* > ../md5
md5sum -z ./* > ../md5z
md5sum --tag ./* > ../md5tag
md5sum --tag -z ./* > ../md5tagz
b2sum --tag ./* > ../b2tag

check 'every byte in a name' 0 @../md5 '' "$PRUN" map -0 -a ../list md5
check 'every byte, --zero' 0 @../md5z '' "$PRUN" map -0z -a ../list md5
check 'every byte, --bsd-tag' 0 @../md5tag '' \
	"$PRUN" map -0 --bsd-tag -a ../list md5
check 'every byte, --bsd-tag --zero' 0 @../md5tagz '' \
	"$PRUN" map -0z --bsd-tag -a ../list md5
check 'every byte, blake2b512' 0 @../b2tag '' \
	"$PRUN" map -0 --bsd-tag -a ../list blake2b512
check 'every byte as an operand' 0 @../md5 '' "$PRUN" map md5 -- ./*
cd ..
rm -rf bytes

printf x > $'new\nline'
printf x > 'back\slash'
check 'wc escapes as md5sum does' 0 \
	$'\\0 1 1 new\\nline\n\\0 1 1 back\\\\slash\n' '' \
	"$PRUN" map wc $'new\nline' 'back\slash'
check 'stat escapes as md5sum does' 0 $'\\1 regular file new\\nline\n' '' \
	"$PRUN" map stat $'new\nline'
check 'stat --zero does not' 0 '~1 regular file new.line@' '' \
	"$PRUN" map -z stat $'new\nline'

# Messages: control characters as md5sum quotes them.
for i in $(seq 1 31) 127; do
	byte=$(printf '\\%03o' "$i")
	name=$(printf '%bx' "$byte")
	printf '%s\0' "./no${name%x}pe" "./no${name}" "./${name%x}${name%x}"
done > list
xargs -0 md5sum < list 2>&1 | sed 's/^md5sum/prun/' > want
check 'control characters in messages' 1 '' @want \
	"$PRUN" map -0 -j1 -a list md5
check 'a quote beside a control character' 1 '' \
	$'prun: \'./it\'\\\'\'s\'$\'\\n\': No such file or directory\n' \
	"$PRUN" map md5 $'./it\'s\n'
check 'controls in UTF-8' 1 '' \
	$'prun: \'./a\'$\'\\302\\233\'\'b\': No such file or directory\n' \
	"$PRUN" map md5 $'./a\302\233b'
check 'no UTF-8' 1 '' \
	$'prun: \'./a\'$\'\\233\'\'b\'$\'\\303\': No such file or directory\n' \
	"$PRUN" map md5 $'./a\233b\303'
check 'other UTF-8 beside a control character' 1 '' \
	$'prun: \'./\303\251\'$\'\\n\'\'\342\202\254\': No such file or directory\n' \
	"$PRUN" map md5 $'./\303\251\n\342\202\254'
check 'overlong UTF-8, and half of a pair' 1 '' \
	$'prun: \'\'$\'\\300\\257\\340\\202\\233\\355\\240\\200\': No such file or directory\n' \
	"$PRUN" map md5 $'\300\257\340\202\233\355\240\200'
check 'other names are not quoted' 1 '' \
	$'prun: ./a b\\c"\303\251\'d: No such file or directory\n' \
	"$PRUN" map md5 $'./a b\\c"\303\251\'d'
check 'the empty name' 1 '' $'prun: \'\': No such file or directory\n' \
	"$PRUN" map md5 ''
printf 'a\0b\n' > list
check 'a NUL in a name' 1 '' \
	$'prun: \'a\'$\'\\000\'\'b\': A file name cannot hold a NUL byte\n' \
	"$PRUN" map -a list md5
long=$(printf '%05000d' 0)
check 'a name too long for the system' 1 '' \
	'~prun: 0{4096}\.\.\.: File name too long' "$PRUN" map md5 "$long"
# It is cut between two characters.
check 'a long name that is cut' 1 '' \
	"~prun: 0{4095}\.\.\.: File name too long" \
	"$PRUN" map md5 "${long:0:4095}"$'\303\251'
