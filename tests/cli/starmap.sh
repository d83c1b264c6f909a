# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016 # for sh -c
# prun starmap: columns as parameters.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"

printf 'a,b\n1,"x ""y"""\n3,\n' > in
check 'columns of CSV' 0 $'[a][b]\n[1][x "y"]\n[3][]\n' '' \
	"$PRUN" starmap --csv -a in "$VALUES:params"
check 'with a header' 0 $'[1][x "y"]\n[3][]\n' '' \
	"$PRUN" starmap --csv --header -a in "$VALUES:params"
check 'an expression' 0 $'[a][b][c]\n' '' "$PRUN" starmap -C '[;,]' "$VALUES:params" 'a;b,c'
check 'one column is one parameter' 0 $'9103\n91c40161\n' '' \
	sh -c 'printf "3\n\"a\"\n" | "$PRUN" starmap --jsonl "$VALUES:packed"'
check 'a line is one parameter' 0 $'91c403612c62\n' '' "$PRUN" starmap "$VALUES:packed" a,b
check 'an empty line too' 0 $'91c400\n' '' sh -c 'echo | "$PRUN" starmap "$VALUES:packed"'
check 'arrays of JSON' 0 $'9201a161\n90\n' '' \
	"$PRUN" starmap --jsonl "$VALUES:packed" '[1,"a"]' '[]'
check 'an object' 1 $'9101\n' \
	$'prun: {"a":1}: an object\'s columns have names, but no order\n' \
	"$PRUN" starmap --jsonl "$VALUES:packed" '{"a":1}' '[1]'
printf '\222\001\241a\201\001\002\007' > in
check 'msgpack' 1 $'9201a161\n9107\n' \
	$'prun: in: value 2: a map\'s columns have names, but no order\n' \
	"$PRUN" starmap --msgpack -a in "$VALUES:packed"
check 'too many for a function' 1 '' \
	$'prun: \'a\'$\'\\t\'\'b\': the task has 2 parameters, not one\n' \
	"$PRUN" starmap -C , md5 a,b
check 'none for a function' 1 '' $'prun: \'\': the task has 0 parameters, not one\n' \
	"$PRUN" starmap --jsonl echo '[]'
echo hello > file
check 'a digest' 0 $'b1946ac92492d2347c6235b4d2611184  file\n' '' "$PRUN" starmap md5 file
check '--tag' 0 $'a\tb\t[a][b]\n' '' "$PRUN" starmap -t -C , "$VALUES:params" a,b
check '--tag of wc' 0 $'file\t1 1 6 file\n' '' "$PRUN" starmap -t wc file
check '-D' 0 $'prun apply f a b\nprun apply f -- -a\n' '' \
	sh -c 'cp "$VALUES" ./p.so; "$PRUN" starmap -D -C , ./p.so:params a,b -- -a |
		sed "s|./p.so:params|f|"'
check '-D with values' 0 $'prun starmap --jsonl noop ::: \'[1,"a",{"b":2.0}]\'
prun starmap --jsonl noop ::: \'[5]\'\n' '' \
	"$PRUN" starmap -D --jsonl noop '[1,"a",{"b":2.0}]' 5
check '-D of map with columns' 0 $'prun map --jsonl noop ::: \'["a","b"]\'\n' '' \
	"$PRUN" map -D -C , noop a,b
check '-D without JSON for it' 1 '' '~prun: .*: there is no JSON for this item' \
	"$PRUN" map -D -C , noop $'a,\377'
check 'no function' 2 '' "~prun: no function given.*" "$PRUN" starmap
