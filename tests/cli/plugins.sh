# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016,SC1003 # for sh -c
# Functions of a plugin: their results, their failures, their output.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"

dir=$(dirname "$GOOD")

check 'rot13' 0 $'Uryyb\na\n' '' "$PRUN" map "$GOOD:rot13" Hello n
cp "$GOOD" ./with:colon.so
check 'a path with a colon' 0 $'a\n' '' "$PRUN" map ./with:colon.so:rot13 n
check 'funcs of a plugin' 0 '~rot13         letters 13 places on(
[a-z0-9]+ +.*)+' '' "$PRUN" funcs "$GOOD"
check 'funcs without help' 0 $'meet\nparams\npacked\nfamily\nniceness\ncpus\ngrab\ntry\nobey\npid           the worker\'s pid\nstdio\nvalue\n' '' \
	"$PRUN" funcs "$VALUES"

check 'no path' 2 '' \
	$'prun: unknown function \'good.so:rot13\'; a plugin\'s path must hold a \'/\', as in ./good.so:rot13\n' \
	"$PRUN" map good.so:rot13 a
check 'no function in a plugin' 2 '' \
	$'prun: \'./good.so\' names no function: give it as PLUGIN:FUNCTION\nTry \'prun map --help\'.\n' \
	"$PRUN" map ./good.so a
check 'unknown function of a plugin' 2 '' \
	"prun: $GOOD: no function 'rot14'; 'prun funcs $GOOD' lists those it has"$'\n' \
	"$PRUN" map "$GOOD:rot14" a
check 'a missing plugin' 2 '' '~prun: ./nope.so: .*No such file or directory' \
	"$PRUN" map ./nope.so:f a
for bad in nosymbol noversion badtable; do
	check "plugin $bad" 2 '' "~prun: $dir/$bad.so: .+" \
		"$PRUN" map "$dir/$bad.so:f" a
	check "funcs of plugin $bad" 2 '' "~prun: $dir/$bad.so: .+" \
		"$PRUN" funcs "$dir/$bad.so"
done
echo text > text.so
check 'a plugin that is no shared object' 2 '' '~prun: .*\./text\.so.*' \
	"$PRUN" map ./text.so:f a
check 'funcs: a path without /' 2 '' \
	$'prun: \'good.so\': a plugin\'s path must hold a \'/\'\nTry \'prun funcs --help\'.\n' \
	"$PRUN" funcs good.so

# Results of every kind.
check 'values' 0 \
	$'-42\n18446744073709551615\n0.1\n0.3333333333333333\ntrue\na\\b\377\none\ntwo\n1\ttwo\t\ttrue\t2.5\n\n{"a"=>[1, 2], "b"=>"c"}\n' '' \
	"$PRUN" map "$VALUES:value" nil int uint float third bool bin lines \
	array empty nested
check 'values, --zero' 0 '~-42@a.b.@one.two@' '' \
	"$PRUN" map -z "$VALUES:value" nil int bin lines

# What goes wrong costs that item alone.
printf 'a\nb\n' > list
check 'a failure' 1 '' \
	$'prun: a: no luck with \'a\'\nprun: b: no luck with \'b\'\n' \
	"$PRUN" map -a list "$GOOD:fail"
check 'an item of another type' 1 '' '~prun: 1: .*expected an array.*' \
	"$PRUN" map "$GOOD:sum" 1
check 'a crash' 1 '' '~prun: a: the worker \(pid [0-9]+\) was killed by SIGSEGV.*
prun: b: the worker \(pid [0-9]+\) was killed by SIGSEGV.*' \
	"$PRUN" map -a list "$GOOD:crash"
check 'exit()' 1 '' '~prun: a: .*exit\(7\).*
prun: b: .*exit\(7\).*' "$PRUN" map -a list "$GOOD:exit7"
seq 200 > list
check 'many crashes' 1 '' '*' "$PRUN" map -j4 -a list "$GOOD:crash"
same 'one message a crash' 200 "$(grep -c 'killed by SIGSEGV' .err)"
check 'a crash, --quiet' 1 '' '' "$PRUN" map -q "$GOOD:crash" a

# A plugin's own output is not among the results; its input is empty.
check 'print' 0 $'a\nb\n' $'a\nb\n' "$PRUN" map -j1 "$GOOD:print" a b
check 'standard input and output of a worker' 0 $'eof\n' $'loose\n' \
	sh -c 'yes | "$PRUN" map "$VALUES:stdio" a'
