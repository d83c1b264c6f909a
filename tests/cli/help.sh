# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016,SC1003 # for sh -c
# The texts: what they mention, and how wide they are.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"

MAN=$TESTS/../../docs/man/prun.1

check '--version' 0 $'prun 0.1.0\n' '' "$PRUN" --version
check 'help' 0 '~prun runs a function .*' '' "$PRUN" help
cp .out help
check '--help' 0 @help '' "$PRUN" --help
check 'help map' 0 '~Usage: prun map .*' '' "$PRUN" help map
cp .out help.map
check 'map --help' 0 @help.map '' "$PRUN" map --help
check 'map FUNC --help' 0 @help.map '' "$PRUN" map echo a --help
check 'help apply' 0 '~Usage: prun apply .*' '' "$PRUN" help apply
cp .out help.apply
check 'apply --help' 0 @help.apply '' "$PRUN" apply --help
check 'help help' 0 '~Usage: prun help .*' '' "$PRUN" help help
cp .out help.help
check 'help --help' 0 @help.help '' "$PRUN" help --help
check 'help funcs' 0 '~Usage: prun funcs .*' '' "$PRUN" help funcs
cp .out help.funcs
check 'funcs --help' 0 @help.funcs '' "$PRUN" funcs --help
check 'help log' 0 '~Usage: prun log .*' '' "$PRUN" help log
cp .out help.log
check 'log --help' 0 @help.log '' "$PRUN" log --help
check 'funcs' 0 '~md5           MD5, as md5sum prints it.*' '' "$PRUN" funcs
cp .out funcs
for file in help help.map help.apply help.help help.funcs help.log funcs; do
	same "$file: 80 columns" '' "$(grep -nE '.{81}' $file)"
	same "$file: no blank at a line's end" '' "$(grep -nE ' $' $file)"
done

# The empty name is the start of every long option, so getopt lists them all.
options=$("$PRUN" map --=x 2>&1 | grep -o "'--[a-z][a-z-]*'" | tr -d "'")
if [ "$(wc -w <<< "$options")" -ge 18 ]; then
	pass 'getopt lists its options'
else
	fail 'getopt lists its options' "got $options"
fi
for option in $options; do
	if grep -q -e "$option\\b" help.map; then
		pass "help mentions $option"
	else
		fail "help mentions $option" "$option"
	fi
	if grep -qE "Fl Fl ${option#--}( |\$)" "$MAN"; then
		pass "the manual mentions $option"
	else
		fail "the manual mentions $option" "$option"
	fi
done
letters=$(sed -n 's/^  -\(.\), --.*/\1/p' help.map)
same 'letters of the options' '0 d a r j P c k z t D q v p' "$(xargs <<< "$letters")"
for letter in $letters; do
	if grep -q "Fl $letter " "$MAN"; then
		pass "the manual mentions -$letter"
	else
		fail "the manual mentions -$letter" "-$letter"
	fi
done

# Every function of the list can be run, and has its word of help.
printf abc > abc
while read -r func help; do
	[ -n "$help" ] || fail "help of $func" 'none'
	check "$func runs" 0 '*' '' "$PRUN" map "$func" abc
done < funcs
for topic in map apply log funcs help; do
	if grep -q "prun $topic" help; then
		pass "help mentions $topic"
	else
		fail "help mentions $topic" "$topic"
	fi
done
