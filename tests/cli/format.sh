# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016 # for sh -c
# --format: a record for each item, in three forms.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"

# What differs from run to run: the time, and who ran it.
steady() {
	sed -E 's/"ms":[0-9]+\.[0-9]{3},"worker":[0-9]+/"ms":T,"worker":W/'
}
steady_tsv() {
	awk -F '\t' -v OFS='\t' 'NR > 1 { if ($4 !~ /^[0-9]+\.[0-9][0-9][0-9]$/) $4 = "bad"
		else $4 = "T"; if ($5 ~ /^[0-9]+$/) $5 = "W" } { print }'
}

# record INDEX ITEM-MEMBER RESULT-MEMBER: one that did well
record() {
	printf '{"index":%s,%s,"status":"ok","ms":T,"worker":W,%s,"error":null}\n' "$@"
}

# jsonl NAME STATUS OUT ERR ARG...
jsonl() {
	local name=$1 want=$2 out=$3 err=$4
	shift 4
	timeout -k 5 "$LIMIT" "$PRUN" map --format jsonl "$@" > raw 2> .err
	status=$?
	steady < raw > .out
	verdict "jsonl: $name" "$want" "$out" "$err" "$status"
}
tsv() {
	local name=$1 want=$2 out=$3 err=$4
	shift 4
	timeout -k 5 "$LIMIT" "$PRUN" map --format tsv "$@" > raw 2> .err
	status=$?
	steady_tsv < raw > .out
	verdict "tsv: $name" "$want" $'index\titem\tstatus\tms\tworker\tresult\terror\n'"$out" \
		"$err" "$status"
}

printf abc > abc
sum=900150983cd24fb0d6963f7d28e17f72

# ---------------------------------------------------------------------- jsonl

jsonl 'a string' 0 "$(record 1 '"item":"a"' '"result":"a"')"$'\n' '' echo a
jsonl 'a digest' 0 "$(record 1 '"item":"abc"' "\"result\":\"$sum\"")"$'\n' '' md5 abc
jsonl 'wc' 0 "$(record 1 '"item":"abc"' '"result":"0 1 3"')"$'\n' '' wc abc
jsonl 'a failure' 1 \
	$'{"index":1,"item":"no","status":"ENOENT","ms":T,"worker":W,"result":null,"error":"No such file or directory"}\n' \
	$'prun: no: No such file or directory\n' md5 no
jsonl '-q' 1 '~.*"status":"ENOENT".*' '' -q md5 no
jsonl 'not UTF-8' 0 "$(record 1 '"item_b64":"/w=="' '"result_b64":"/w=="')"$'\n' '' echo $'\377'
jsonl 'base64 of two bytes' 0 "$(record 1 '"item_b64":"Yf8="' '"result":null')"$'\n' '' \
	noop $'a\377'
jsonl 'base64 of three bytes' 0 "$(record 1 '"item_b64":"+/7/"' '"result":null')"$'\n' '' \
	noop $'\373\376\377'
{
	record 1 '"item":"nil"' '"result":null'
	record 2 '"item":"int"' '"result":-42'
	record 3 '"item":"uint"' '"result":18446744073709551615'
	record 4 '"item":"third"' '"result":0.3333333333333333'
	record 5 '"item":"bool"' '"result":true'
	record 6 '"item":"bin"' '"result_b64":"YVxi/w=="'
	record 7 '"item":"lines"' '"result":"one\ntwo"'
	record 8 '"item":"array"' '"result":[1,"two",null,true,2.5]'
	record 9 '"item":"empty"' '"result":[]'
	record 10 '"item":"nested"' '"result":{"a":[1,2],"b":"c"}'
} > want
jsonl 'values' 0 @want '' "$VALUES:value" nil int uint third bool bin lines array empty nested
jsonl 'values of JSON' 0 "$(record 1 '"item":{"a":[1,2.0,{}]}' '"result":{"a":[1,2.0,{}]}')"$'\n' '' \
	--jsonl echo '{"a":[1,2.0,{}]}'
jsonl 'columns' 0 "$(record 1 '"item":["a","b"]' '"result":null')"$'\n' '' -C , noop a,b
jsonl 'columns that are not UTF-8' 0 \
	"$(record 1 '"item_msgpack_b64":"ksQBYcQB/w=="' '"result":null')"$'\n' '' -C , noop $'a,\377'
# An infinity, an ext, a map with a number for a key.
printf '\313\177\360\0\0\0\0\0\0\324\001x\201\001\002' > in
{
	record 1 '"item_msgpack_b64":"y3/wAAAAAAAA"' '"result":null'
	record 2 '"item_msgpack_b64":"1AF4"' '"result":null'
	record 3 '"item_msgpack_b64":"gQEC"' '"result":null'
} > want
jsonl 'values that JSON has not' 0 @want '' --msgpack -a in noop
printf '1\n{\n' > in
{
	record 1 '"item":1' '"result":1'
	printf '{"index":2,"item":null,"status":"PRUN_EVALUE","ms":0.000,"worker":null,'
	printf '"result":null,"error":"%s"}\n' \
		"line 2: not JSON: string or '}' expected near end of file"
} > want
jsonl 'a record that is wrong' 1 @want \
	$'prun: in: line 2: not JSON: string or \'}\' expected near end of file\n' --jsonl -a in echo
{ head -c 300000000 /dev/zero | tr '\0' a; echo; } > long
jsonl 'an item that is too long' 1 \
	$'{"index":1,"item":null,"status":"PRUN_ETOOBIG","ms":0.000,"worker":null,"result":null,"error":"longer than 256 MiB"}\n' \
	$'prun: item 1: longer than 256 MiB\n' -a long noop
rm long
jsonl 'a crash' 1 '~\{"index":1,"item":"a","status":"PRUN_EWORKER",.*"error":"[^"]+"\}' '*' \
	"$GOOD:crash" a
jsonl 'nothing' 0 '' '' -a /dev/null echo
check 'jsonl -z' 0 '~.*"error":null\}@.*"error":null\}@' '' "$PRUN" map --format jsonl -z echo a b
check 'jsonl of apply' 0 '~\{"index":1,"item":\["a","b"\],.*' '' \
	"$PRUN" apply --format=jsonl noop a b
check 'jsonl of an apply that fails' 1 '~\{"index":1,"item":"no","status":"ENOENT",.*' '*' \
	"$PRUN" apply --format=jsonl md5 no
check 'jsonl of starmap' 0 '~\{"index":1,"item":\["a","b"\],.*"result":"\[a\]\[b\]".*' '' \
	"$PRUN" starmap --format jsonl -C , "$VALUES:params" a,b

# Every byte but NUL and LF, alone and beside others, read by others; and back.
python3 - > bytes << 'END'
import sys
for i in range(1, 256):
    if i != 10:
        sys.stdout.buffer.write(bytes([i]) + b"\n" + "é".encode() + bytes([i]) + b"x\n")
END
"$PRUN" map --format jsonl -a bytes echo > out
python3 - << 'END' > back
import base64, json, sys
for line in open("out", encoding="utf-8", newline="\n"):
    r = json.loads(line)
    item = r["item"].encode() if "item" in r else base64.b64decode(r["item_b64"], validate=True)
    result = r["result"].encode() if "result" in r else base64.b64decode(r["result_b64"], validate=True)
    assert item == result and r["error"] is None, line
    sys.stdout.buffer.write(item + b"\n")
END
check 'jsonl: every byte' 0 @bytes '' cat back
"$PRUN" map --format tsv -a bytes echo > out
check 'tsv: every byte, read again' 0 '' '' sh -c '"$PRUN" starmap --tsv --header -a out \
	"$VALUES:params" | LC_ALL=C sed "s/^\[[0-9]*\]\[//; s/\]\[ok\].*//" | cmp - bytes'

# ------------------------------------------------------------------------ tsv

tsv 'strings and a failure' 1 $'1\tabc\tok\tT\tW\t'$sum$'\t
2\tno\\tb\\\\\tENOENT\tT\tW\t\tNo such file or directory\n' '*' md5 abc $'no\tb\\'
tsv 'values' 0 $'1\tnil\tok\tT\tW\t\t
2\tint\tok\tT\tW\t-42\t
3\tbin\tok\tT\tW\ta\\\\b\377\t
4\tlines\tok\tT\tW\tone\\ntwo\t
5\tarray\tok\tT\tW\t[1,"two",null,true,2.5]\t\n' '' "$VALUES:value" nil int bin lines array
tsv 'a value that JSON has not' 0 $'1\tmsgpack_b64:gQEC\tok\tT\tW\t\t\n' '' \
	--msgpack -a <(printf '\201\001\002') noop
tsv 'nothing' 0 '' '' -a /dev/null echo
tsv 'a record that is wrong' 1 $'1\t\tPRUN_EVALUE\tT\t\t\tline 1: nested deeper than 32\n' '*' \
	--jsonl -a <(printf '[%.0s' {1..33}; printf ']%.0s' {1..33}) echo 2> /dev/null

# -------------------------------------------------------------------- msgpack

"$PRUN" map --format msgpack echo abc $'\377' > out
check 'msgpack: maps' 0 '~87a5696e64657801a46974656dc403616263a6737461747573a26f6ba26d73cb[0-9a-f]{16}a6776f726b65720.a6726573756c74c403616263a56572726f72c087a5696e64657802a46974656dc401ff.*' '' \
	sh -c 'od -An -v -tx1 < out | tr -d " \n"'
check 'msgpack: read again' 0 \
	'~.*"result":\{"index":1,"item":"no","status":"ENOENT","ms":[0-9.e-]+,"worker":0,"result":null,"error":"No such file or directory"\},"error":null\}' '' \
	sh -c '"$PRUN" map -q -j1 --format msgpack md5 no | "$PRUN" map --msgpack --format jsonl echo'

# ------------------------------------------------------------------- together

seq 3000 > in
"$PRUN" map --unordered --format jsonl -a in echo > out
same 'unordered: indices are those of the items' "$(cat in)" \
	"$(sed -E 's/.*"index":([0-9]+),"item":"([0-9]+)".*"result":"([0-9]+)".*/\1 \2 \3/' out |
		awk '$1 == $2 && $2 == $3 { print $1 }' | sort -n)"
check 'what was not run has no record' 4 '~[^@]*"status":"ENOENT"[^@]*@' '*' \
	"$PRUN" map -z --start-method inline -c1 --fail-fast --format jsonl md5 no no2 no3
if [ -w /dev/full ]; then
	for format in jsonl tsv msgpack; do
		check "$format: a full disk" 3 '' $'prun: write error: No space left on device\n' \
			sh -c '"$PRUN" map --format "$1" echo a > /dev/full' sh "$format"
	done
	check 'tsv: a full disk without items' 3 '' $'prun: write error: No space left on device\n' \
		sh -c '"$PRUN" map --format tsv -a /dev/null echo > /dev/full'
	check 'jsonl: a full disk and failures' 3 '' '~.*prun: write error: No space left on device' \
		sh -c '"$PRUN" map --format jsonl md5 no > /dev/full'
fi
check '--format text' 0 $'a\n' '' "$PRUN" map --format text echo a
check '--format xml' 2 '' "~prun: --format: 'xml' .*" "$PRUN" map --format xml echo a
check '--tag' 2 '' '~prun: --tag: not with --format=jsonl.*' "$PRUN" map -t --format jsonl echo a
check '--bsd-tag' 2 '' '~prun: --bsd-tag: not with --format=tsv.*' \
	"$PRUN" map --bsd-tag --format tsv md5 a
check 'msgpack -z' 2 '' '~prun: --zero: not with --format=msgpack.*' \
	"$PRUN" map -z --format msgpack echo a
check '--dry-run' 0 '~.*"result":"prun apply md5 a".*' '' "$PRUN" map -D --format jsonl md5 a
