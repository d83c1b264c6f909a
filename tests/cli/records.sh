# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016,SC1003 # for sh -c
# Items that are more than lines: columns, JSON and msgpack.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"

# What an argument looks like: a bin, an array of two bins.
bin() {
	printf 'c4%02x%s\n' ${#1} "$(printf '%s' "$1" | od -An -tx1 | tr -d ' \n')"
}
two() {
	printf '92%s%s\n' "$(bin "$1")" "$(bin "$2")"
}

# packed NAME OUT IN ARG...: the bytes of the arguments that IN, a printf format,
# gives
packed() {
	local name=$1 out=$2 in=$3
	shift 3
	printf '%b' "$in" > in
	check "$name" 0 "$out" '' sh -c '"$PRUN" map "$@" < in' sh "$@" "$VALUES:packed"
}

# ------------------------------------------------------------------- --colsep

packed '-C: one column is the item' "$(bin ab)"$'\n' 'ab\n' -C ,
packed '-C: two' "$(two a b)"$'\n' 'a,b\n' -C ,
packed '-C: empty ones' "$(two '' '')"$'\n' ',\n' --colsep ,
packed '-C: an empty line' "$(bin '')"$'\n' '\n' -C ,
packed '-C: an expression' "$(two a b)"$'\n' 'a  b\n' -C ' +'
packed '-C: alternatives' "$(two a b)"$'\n'"$(two c d)"$'\n' 'a;b\nc:d\n' -C ';|:'
packed '-C: \t' "$(two a b)"$'\n' 'a\tb\n' -C '\t'
packed '-C: \t in an expression' "$(two a b)"$'\n' 'a \t b\n' -C '[ \t]+'
packed '-C: \x2c' "$(two a b)"$'\n' 'a,b\n' -C '\x2c'
packed '-C: \x2e is no expression' "$(two a,b c)"$'\n' 'a,b.c\n' -C '\x2e'
packed '-C: an escaped dot' "$(two a,b c)"$'\n' 'a,b.c\n' -C '\.'
packed '-C: several characters' "$(two a b)"$'\n' 'a::b\n' -C ::
packed '-C: NUL within an item' "$(two a b)"$'\n' 'a\0b\n' -C '\0'
packed '-C: with -0' "$(two a b)"$'\n' 'a,b\0' -0 -C ,
packed '-C: ^ is only the start of the line' "$(two '' -a)"$'\n' '--a\n' -C '^-'
check '-C: operands too' 0 "$(two a b)"$'\n' '' "$PRUN" map -C , "$VALUES:packed" a,b
usage=$'Try \'prun map --help\'.\n'
check '-C: empty' 2 '' $'prun: --colsep: it is empty\n'"$usage" "$PRUN" map -C '' noop
check '-C: matches nothing' 2 '' \
	$'prun: --colsep: \'x*\' matches the empty text\n'"$usage" "$PRUN" map -C 'x*' noop
check '-C: no expression' 2 '' "~prun: --colsep: '\\(': Unmatched.*" "$PRUN" map -C '(' noop
check '-C: NUL in an expression' 2 '' '~prun: --colsep: .* NUL cannot be .*' \
	"$PRUN" map -C '\0+' noop

# ---------------------------------------------------------------------- --csv

packed '--csv' "$(two a b)"$'\n' 'a,b\n' --csv
packed '--csv: CR LF' "$(two a b)"$'\n'"$(two c d)"$'\n' 'a,b\r\nc,"d"\r\n' --csv
packed '--csv: no newline at the end' "$(two a b)"$'\n' 'a,"b"' --csv
packed '--csv: quotes' "$(two 'x,y' 'say "hi"')"$'\n' '"x,y","say ""hi"""\n' --csv
packed '--csv: an end of line in quotes' "$(two $'a\nb' c)"$'\n' '"a\nb",c\n' --csv
packed '--csv: CR LF in quotes' "$(two $'a\r\nb' c)"$'\n' '"a\r\nb",c\r\n' --csv
packed '--csv: empty columns' "$(two '' '')"$'\n'"$(bin '')"$'\n' ',""\n""\n' --csv
packed '--csv: white space stays' "$(two ' a ' ' b')"$'\n' ' a , b\n' --csv
packed '--csv: empty lines are none' "$(bin a)"$'\n'"$(bin b)"$'\n' '\na\n\r\nb\n\n' --csv
packed '--csv: a mark before UTF-8' "$(two a b)"$'\n' '\0357\0273\0277"a",b\n' --csv
packed '--csv: another comma' "$(two a,b c)"$'\n' 'a,b;c\n' --csv -C ';'
packed '--csv: a TAB' "$(two a,b c)"$'\n' 'a,b\tc\n' -C '\t' --csv
check '--csv: an operand of two lines' 0 "$(two $'a\nb' c)"$'\n' '' \
	"$PRUN" map --csv "$VALUES:packed" $'"a\nb",c'
check '--csv: an operand of two records' 3 '' $'prun: \'a\'$\'\\n\'\'b\': it is more than one record\n' \
	"$PRUN" map --csv noop $'a\nb'
check '--csv -C ::' 2 '' "~prun: --colsep: '::': with --csv .*" "$PRUN" map --csv -C :: noop

# csv_fails NAME MESSAGE IN: what was before is run
csv_fails() {
	printf 'first\n%b' "$3" > in
	check "--csv: $1" 3 $'first\n' "prun: standard input: $2"$'\n' \
		sh -c '"$PRUN" map --csv echo < in'
}
csv_fails 'text behind quotes' 'record 2, line 2: text behind a closing quote' '"a"b\n'
csv_fails 'a quote within' \
	'record 2, line 2: a quote in a column that does not begin with one' 'a"b\n'
csv_fails 'a quote left open' 'record 2, line 2: a quote that is not closed' 'a,"b\nc\nd'
printf 'a,"b\nc\n' > open
check '--csv: a quote left open, by name' 3 '' $'prun: open: record 1, line 1: a quote that is not closed\n' \
	"$PRUN" map --csv -a open noop

# ---------------------------------------------------------------------- --tsv

packed '--tsv' "$(two a 'b c')"$'\n' 'a\tb c\n' --tsv
packed '--tsv: escapes' "$(two $'1\t2\n3' $'4\r\\5')"$'\n' '1\\t2\\n3\t4\\r\\\\5\n' --tsv
packed '--tsv: other backslashes' "$(two 'C:\x' '\')"$'\n' 'C:\\x\t\\\n' --tsv
packed '--tsv: CR LF' "$(two a b)"$'\n' 'a\tb\r\n' --tsv

# ------------------------------------------------------------------- --header

packed '--header' "$(two 1 2)"$'\n' 'a,b\n1,2\n' --csv --header
packed '--header alone' '' 'a,b\n' --csv --header
packed '--header of an empty input' '' '' --csv --header
printf 'a,b\n1,2\n3\n4,5,6\n7,8\n' > in
check '--header: other columns' 1 "$(two 1 2)"$'\n'"$(two 7 8)"$'\n' \
	$'prun: in: record 2, line 3: it has 1 column, and the header 2
prun: in: record 3, line 4: it has 3 columns, and the header 2\n' \
	"$PRUN" map --csv --header -a in "$VALUES:packed"
check '--header: of each file' 0 "$(two 1 2)"$'\n'"$(bin 3)"$'\n' '' \
	sh -c 'printf "a,b\n1,2\n" > x; printf "c\n3\n" > y
	"$PRUN" map -C , --header -a x -a y "$VALUES:packed"'
check '--header: of operands' 0 $'x\n' '' "$PRUN" map --tsv --header echo name x
check '--header without columns' 2 '' '~prun: --header: only with .*' "$PRUN" map --header noop
check '--header --jsonl' 2 '' '~prun: --header: only with .*' "$PRUN" map --header --jsonl noop

# -------------------------------------------------------------------- --jsonl

packed '--jsonl: a string is the item' "$(bin ab)"$'\n' '"ab"\n' --jsonl
packed '--jsonl: escapes' "$(printf 'c403c3a90a')"$'\n' '"\\u00e9\\n"\n' --jsonl
packed '--jsonl: NUL' $'c40100\n' '"\\u0000"\n' --jsonl
packed '--jsonl: an array' $'93a16101c0\n' '["a",1,null]\n' --jsonl
packed '--jsonl: an object, in its order' $'82a162c3a161c2\n' '{"b":true,"a":false}\n' --jsonl
packed '--jsonl: numbers' $'cb3ff8000000000000\nff\ncf7fffffffffffffff\nd38000000000000000\n' \
	'1.5\n-1\n9223372036854775807\n-9223372036854775808\n' --jsonl
packed '--jsonl: blank lines are none' $'01\n02\n' '\n1\r\n \t\n2' --jsonl
packed '--jsonl -0' $'01\n02\n' '1\00002\n\0' --jsonl -0
check '--jsonl: operands' 0 $'9101\n' '' "$PRUN" map --jsonl "$VALUES:packed" '[1]'

# A line that is wrong is an item that fails.
json_fails() {
	printf '1\n%b\n2\n' "$3" > in
	check "--jsonl: $1" 1 $'01\n02\n' "~prun: in: line 2: $2" \
		"$PRUN" map --jsonl -a in "$VALUES:packed"
}
json_fails 'no JSON' "not JSON: .*" '[1'
json_fails 'two values' "not JSON: .*" '1 2'
json_fails 'a name twice' "not JSON: duplicate object key .*" '{"a":1,"a":2}'
json_fails 'a large integer' 'not JSON: too big integer .*' '9223372036854775808'
json_fails 'a large number' 'not JSON: real number overflow .*' '1e999'
json_fails 'no UTF-8' "not JSON: .*" '"\0377"'
json_fails 'deep' 'nested deeper than 32' "$(printf '[%.0s' {1..33}; printf ']%.0s' {1..33})"
json_fails 'very deep' "not JSON: maximum parsing depth.*" "$(printf '[%.0s' {1..9999})"
packed '--jsonl: 32 deep' "~(91){31}90" "$(printf '[%.0s' {1..32}; printf ']%.0s' {1..32})\n" --jsonl
check '--jsonl: an operand that is wrong' 1 $'1\n' $'prun: nul: not JSON: invalid token near \'nul\'\n' \
	"$PRUN" map --jsonl echo nul 1
check '--jsonl -q' 1 '' '' "$PRUN" map --jsonl -q echo nul

# ------------------------------------------------------------------ --msgpack

packed '--msgpack: values as they are' $'a3616263\nc40178\n930102c0\n81a16101\ncb3ff8000000000000\nc0\n' \
	'\0243abc\0304\001x\0223\01\02\0300\0201\0241a\01\0313\077\0370\0\0\0\0\0\0\0300' --msgpack
packed '--msgpack: nothing' '' '' --msgpack
printf '\001\223\001' > half
check '--msgpack: cut short' 3 $'1\n' $'prun: half: value 2: not msgpack, or cut short\n' \
	"$PRUN" map --msgpack -a half echo
printf '\001\301' > bad
check '--msgpack: no value' 3 $'1\n' $'prun: bad: value 2: not msgpack, or cut short\n' \
	"$PRUN" map --msgpack -a bad echo
{ printf '\221%.0s' {1..33}; printf '\300\002'; } > deep
check '--msgpack: deep' 1 $'2\n' $'prun: deep: value 1: nested deeper than 32\n' \
	"$PRUN" map --msgpack -a deep echo
check '--msgpack: operands' 2 '' "~prun: --msgpack: 'a' is an operand, .*" "$PRUN" map --msgpack echo a
# 300,000,000 bytes of one string, and a value behind it.
{ printf '\306\021\341\243\000'; head -c 300000000 /dev/zero; printf '\002'; } |
	"$PRUN" map --msgpack -j1 echo > out 2> err
same '--msgpack: a value that is too long' 1 $?
same '--msgpack: a value that is too long: the others' 2 "$(cat out)"
same '--msgpack: a value that is too long: message' 'prun: item 1: longer than 256 MiB' "$(cat err)"

# -------------------------------------------------------------------- together

check '--csv --jsonl' 2 '' '~prun: --jsonl: not with --csv.*' "$PRUN" map --csv --jsonl noop
check '--csv -0' 2 '' '~prun: --null: not with --csv.*' "$PRUN" map --csv -0 noop
check '--tsv -d' 2 '' '~prun: --delimiter: not with --tsv.*' "$PRUN" map -d, --tsv noop
check '--tsv -C' 2 '' '~prun: --colsep: not with --tsv.*' "$PRUN" map -C, --tsv noop
check 'columns for a function of one string' 1 '' \
	$'prun: \'a\'$\'\\t\'\'b\': the argument is an array, not a string\n' "$PRUN" map -C , md5 a,b

# The number of all items is that of records: half of three in six lines.
printf 'n,m\n1,"\n"\n\n2,b\n3,c\n' > in
check 'the number of records' 4 '*' '~prun: stopped .*|.*' \
	"$PRUN" map --csv --header --halt soon,done=67% -j1 -c1 -a in noop
seq 200000 | sed 's/.*/"&"/' > in
seq 200000 > want
check 'many records of CSV' 0 @want '' "$PRUN" map --csv -a in echo
check 'many lines of JSON' 0 @want '' "$PRUN" map --jsonl -a in echo

# A slow pipe: a record that comes in halves, and answers before the next.
mkfifo in.fifo out.fifo
"$PRUN" map --csv echo < in.fifo > out.fifo &
pid=$!
exec 3> in.fifo 4< out.fifo
printf '"one\n' >&3
printf '1"\n"tw' >&3
read -r -t 30 -u 4 answer
same 'a record in two lines' one "$answer"
read -r -t 30 -u 4 answer
same 'a record in two lines, its end' 1 "$answer"
printf 'o"\n' >&3
read -r -t 30 -u 4 answer
same 'a record in halves' two "$answer"
exec 3>&-
wait "$pid"
same 'the end of a slow pipe' 0 $?
exec 4<&-
