# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016,SC1003 # for sh -c
# The texts: what they mention, and how wide they are.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"

MAN=$TESTS/../../docs/man

check '--version' 0 $'prun 0.1.0\n' '' "$PRUN" --version
check 'help' 0 '~prun runs a function .*' '' "$PRUN" help
cp .out help
check '--help' 0 @help '' "$PRUN" --help
check 'help map' 0 '~Usage: prun map .*' '' "$PRUN" help map
cp .out help.map
check 'map --help' 0 @help.map '' "$PRUN" map --help
check 'map FUNC --help' 0 @help.map '' "$PRUN" map echo a --help
check 'help starmap' 0 '~Usage: prun starmap .*' '' "$PRUN" help starmap
cp .out help.starmap
check 'starmap --help' 0 @help.starmap '' "$PRUN" starmap --help
check 'help apply' 0 '~Usage: prun apply .*' '' "$PRUN" help apply
cp .out help.apply
check 'apply --help' 0 @help.apply '' "$PRUN" apply --help
check 'help help' 0 '~Usage: prun help .*' '' "$PRUN" help help
cp .out help.help
check 'help --help' 0 @help.help '' "$PRUN" help --help
check 'help funcs' 0 '~Usage: prun funcs .*' '' "$PRUN" help funcs
cp .out help.funcs
check 'funcs --help' 0 @help.funcs '' "$PRUN" funcs --help
check 'help completion' 0 '~Usage: prun completion .*' '' "$PRUN" help completion
cp .out help.completion
check 'completion --help' 0 @help.completion '' "$PRUN" completion --help
check 'help exec' 0 '~Usage: prun exec .*' '' "$PRUN" help exec
cp .out help.exec
check 'exec --help' 0 @help.exec '' "$PRUN" exec --help
check 'help log' 0 '~Usage: prun log .*' '' "$PRUN" help log
cp .out help.log
check 'log --help' 0 @help.log '' "$PRUN" log --help
check 'funcs' 0 '~md5           MD5, as md5sum prints it.*' '' "$PRUN" funcs
cp .out funcs
for file in help help.map help.starmap help.apply help.exec help.log help.help \
	help.funcs help.completion funcs; do
	same "$file: 80 columns" '' "$(grep -nE '.{81}' $file)"
	same "$file: no blank at a line's end" '' "$(grep -nE ' $' $file)"
done

# documented COMMAND PAGE LEAST LETTERS: all options, in help and manual
documented() {
	local command=$1 page=$MAN/$2 least=$3 options option letters letter
	# The empty name is the start of every long option, so getopt lists
	# them all.
	options=$("$PRUN" "$command" --=x 2>&1 | grep -o "'--[a-z][a-z-]*'" |
		tr -d "'")
	if [ "$(wc -w <<< "$options")" -ge "$least" ]; then
		pass "getopt lists the options of $command"
	else
		fail "getopt lists the options of $command" "got $options"
	fi
	for option in $options; do
		if grep -q -e "$option\\b" "help.$command"; then
			pass "help $command mentions $option"
		else
			fail "help $command mentions $option" "$option"
		fi
		if grep -qE "Fl Fl ${option#--}( |\$)" "$page"; then
			pass "the manual of $command mentions $option"
		else
			fail "the manual of $command mentions $option" "$option"
		fi
	done
	letters=$(sed -n 's/^  -\(.\), --.*/\1/p' "help.$command")
	same "letters of the options of $command" "$4" "$(xargs <<< "$letters")"
	for letter in $letters; do
		if grep -q "Fl $letter " "$page"; then
			pass "the manual of $command mentions -$letter"
		else
			fail "the manual of $command mentions -$letter" "-$letter"
		fi
	done
}
documented map prun.1 18 '0 d a C r j P c k z t D q v p'
documented log prun-log.1 4 'z'
documented exec prun-exec.1 20 'I n X 0 d a r j P c k z t q v p'

# Every function of the list can be run, and has its word of help.
printf abc > abc
while read -r func help; do
	[ -n "$help" ] || fail "help of $func" 'none'
	check "$func runs" 0 '*' '' "$PRUN" map "$func" abc
done < funcs
for topic in map starmap apply exec check log funcs completion help; do
	if grep -q "prun $topic" help; then
		pass "help mentions $topic"
	else
		fail "help mentions $topic" "$topic"
	fi
done

# Under another name it speaks of itself by that, and by no other.
ln -sf "$PRUN" xrun
check 'a name of its own' 2 '' $'xrun: no function given\nTry \'xrun map --help\'.\n' ./xrun map
check 'its version' 0 $'xrun 0.1.0\n' '' ./xrun --version
same 'its help' '' "$(./xrun help map | grep -w prun)"
same 'its completions' '' "$(./xrun completion zsh | grep -w prun)"
check 'a plugin without the function' 2 '' '~xrun: .*; .xrun funcs .*values.so. lists those it has' \
	./xrun map "$VALUES:nothing"
