# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016 # for sh -c
# One call, and runs that run nothing.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"

echo abc > 'a b'
md5sum 'a b' > want
check 'a digest' 0 @want '' "$PRUN" apply md5 'a b'
check 'its options' 0 'MD5 (a b) = 0bee89b07a248e27c83fc3d5951213c1@' '' \
	sh -c '"$PRUN" apply -z --bsd-tag md5 "a b" | tr "\0" @'
check 'one argument is an item' 0 $'-42\n' '' "$PRUN" apply "$VALUES:value" int
check 'an empty argument' 0 $'[]\n' '' "$PRUN" apply "$VALUES:params" ''
check 'several are parameters' 0 $'[a][b c][]\n' '' \
	"$PRUN" apply "$VALUES:params" a 'b c' ''
check 'none are no parameters' 0 $'\n' '' \
	sh -c 'echo no | "$PRUN" apply "$VALUES:params"'
check 'after ::: and --' 0 $'[-z][:::][--]\n' '' \
	"$PRUN" apply "$VALUES:params" ::: -z ::: --
check 'an empty :::' 0 $'\n' '' "$PRUN" apply "$VALUES:params" :::
check '- is standard input' 0 $'ba1f2511fc30423bdbb183fe33f3dd0f  -\n' '' \
	sh -c 'echo 123 | "$PRUN" apply md5 -'
check 'it fails' 1 '' $'prun: nope: No such file or directory\n' \
	"$PRUN" apply md5 nope
check 'it fails, quietly' 1 '' '' "$PRUN" apply -q md5 nope
check 'it fails, several arguments' 1 '' \
	$'prun: echo: the task has 2 parameters, not one\n' \
	"$PRUN" apply echo a b
check 'it fails, several, quietly' 1 '' '' "$PRUN" apply -q echo a b
check 'a second try' 0 $'2\n' '' "$PRUN" apply --retries 1 "$VALUES:try" 2
check 'no time' 1 '' '~prun: hang: the task had 10.0 ms, and was killed .*' \
	"$PRUN" apply --timeout 10ms "$FAULTS:misbehave" hang
check 'one worker' 0 "$(nice)"$'\n' '' "$PRUN" apply "$VALUES:niceness" a b c
check 'an option of map' 2 '' \
	$'prun: invalid option -- \'j\'\nTry \'prun apply --help\'.\n' \
	"$PRUN" apply -j2 echo a
check 'no function' 2 '' \
	$'prun: no function given\nTry \'prun apply --help\'.\n' "$PRUN" apply
check 'an unknown function' 2 '' '~prun: unknown function .*' \
	"$PRUN" apply nope a

# What --dry-run writes does what the run would have done.
names=('a b' "it's" '-x' ':::' $'new\nline' 'a"b' "\$HOME" plain '*' '~' '#')
touch -- "${names[@]}"
"$PRUN" map sha256 ::: "${names[@]}" > want
"$PRUN" map --dry-run sha256 ::: "${names[@]}" > commands
check '--dry-run: the commands' 0 @want '' \
	sh -c 'prun() { "$PRUN" "$@"; }; . ./commands'
check '--dry-run: nothing is run' 0 \
	$'prun apply '"$FAULTS"$':misbehave segv\n' '' \
	"$PRUN" map -D "$FAULTS:misbehave" segv
check '--dry-run: words that need no quotes' 0 \
	$'prun apply md5 /usr/a-b_c.d@e:f=g\n' '' \
	sh -c '"$PRUN" map -D md5 "/usr/a-b_c.d@e:f=g" | tr -d "'"'"'"'
check '--dry-run: no word' 0 $'prun apply echo \'\'\n' '' \
	sh -c 'echo | "$PRUN" map -D echo'
check '--dry-run: of apply' 0 $'prun apply echo a \'b c\' -- -d\n' '' \
	"$PRUN" apply -D echo ::: a 'b c' -d
check '--dry-run: of a digest with --bsd-tag' 0 $'prun apply md5 x\n' '' \
	"$PRUN" map -D --bsd-tag md5 x
check '--dry-run: an unknown function' 2 '' '~prun: unknown function .*' \
	"$PRUN" map -D nope a
