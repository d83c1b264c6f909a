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
COMMANDS=$(sed -n '/^Examples/q; s/^  prun \([a-z]*\) .*/\1/p' help)
same 'the commands' 'map starmap apply exec coproc check log funcs completion help' \
	"$(xargs <<< "$COMMANDS")"
for command in $COMMANDS; do
	check "help $command" 0 "~Usage: prun $command .*" '' "$PRUN" help "$command"
	cp .out "help.$command"
	check "$command --help" 0 "@help.$command" '' "$PRUN" "$command" --help
	same "help $command names its page" "prun-$command(1)" \
		"$(tail -n 1 "help.$command" | grep -oE "prun-[a-z]*\([0-9]\)")"
	[ -e "$MAN/prun-$command.1" ] || fail "the page of $command" 'none'
	same "the page of $command has its name" "prun-$command" \
		"$(sed -n '/^.Sh NAME/,/^.Nd/s/^.Nm //p' "$MAN/prun-$command.1")"
	same "prun.1 names the page of $command" "prun-$command 1 ." \
		"$(sed -n "s/^.Xr \(prun-$command 1 .\)\$/\1/p" "$MAN/prun.1" | head -n 1)"
done
check 'map FUNC --help' 0 @help.map '' "$PRUN" map echo a --help
same 'no page of a command that is not there' '' \
	"$(for page in "$MAN"/prun-*.1; do
		command=${page##*/prun-}
		[ -e "help.${command%.1}" ] || echo "$page"
	done)"
check 'funcs' 0 '~md5           MD5, as md5sum prints it.*' '' "$PRUN" funcs
cp .out funcs
for file in help funcs help.*; do
	same "$file: 80 columns" '' "$(grep -nE '.{81}' "$file")"
	same "$file: no blank at a line's end" '' "$(grep -nE ' $' "$file")"
done

# What the pages refer to of our own is there: a page, or a name that one gives
# itself.
same 'pages that are not there' '' \
	"$(comm -13 <(for page in "$MAN"/*.[13]; do
		basename "$page" | tr . ' '
		sed -n "/^.Sh NAME/,/^.Nd/s/^.Nm \([^ ]*\).*/\1 ${page##*.}/p" "$page"
	done | sort -u) \
		<(sed -n 's/^.Xr \([a-z]*prun[^ ]* [13]\).*/\1/p' "$MAN"/*.[13] | sort -u))"

# described PAGE OPTION: it has an item with text below it
described() {
	awk -v option="Fl Fl ${2#--}" '
		/^\.It / { if (index($0 " ", option " ")) pending = 1; next }
		pending && !/^\.(El|Ss|Sh)/ { found = 1 }
		{ pending = 0 }
		END { exit !found }' "$1"
}

# documented COMMAND LEAST LETTERS: all options, in help and manual, and each
# is described in the page of the command or in one that it refers to
documented() {
	local command=$1 page=$MAN/prun-$1.1 least=$2 options option letters letter
	local pages=("$page") other
	while read -r other; do
		pages+=("$MAN/$other.1")
	done < <(sed -n 's/^\.Xr \(prun[a-z-]*\) 1.*/\1/p' "$page" | sort -u)
	# The empty name is the start of every long option, so getopt lists
	# them all.
	options=$("$PRUN" "$command" --=x 2>&1 | grep -o "'--[a-z][a-z-]*'" |
		tr -d "'")
	# Where there is but one it is taken for that.
	[ -n "$options" ] || options=--help
	if [ "$(wc -w <<< "$options")" -ge "$least" ]; then
		pass "getopt lists the options of $command"
	else
		fail "getopt lists the options of $command" "got $options"
	fi
	for option in $options; do
		if grep -q -e "$option\b" "help.$command"; then
			pass "help $command mentions $option"
		else
			fail "help $command mentions $option" "$option"
		fi
		if grep -qE "Fl Fl ${option#--}( |\$)" "$page"; then
			pass "the manual of $command mentions $option"
		else
			fail "the manual of $command mentions $option" "$option"
		fi
		[ "$option" = --help ] && continue
		for other in "${pages[@]}"; do
			described "$other" "$option" && continue 2
		done
		fail "$option of $command is described" "not in ${pages[*]}"
	done
	letters=$(sed -n 's/^  -\(.\), --.*/\1/p' "help.$command")
	same "letters of the options of $command" "$3" "$(xargs <<< "$letters")"
	for letter in $letters; do
		if grep -q "Fl $letter " "$page"; then
			pass "the manual of $command mentions -$letter"
		else
			fail "the manual of $command mentions -$letter" "-$letter"
		fi
	done
}
documented map 30 '0 d a C r j P c k z t D q v p'
documented starmap 30 '0 d a C r j P c k z t D q v p'
documented apply 14 'z D q v'
documented exec 40 'I n X 0 d a C r j P c k z t D q v p'
documented coproc 40 '0 d a C r j P c k z t D q v p'
documented check 25 'j P c z p a q w'
documented log 4 'z'
documented funcs 1 ''
documented completion 1 ''
documented help 1 ''

# Every function of the list can be run, and has its word of help.
printf abc > abc
while read -r func help; do
	[ -n "$help" ] || fail "help of $func" 'none'
	check "$func runs" 0 '*' '' "$PRUN" map "$func" abc
done < funcs
# Under another name it speaks of itself by that, and by no other.
ln -sf "$PRUN" xrun
check 'a name of its own' 2 '' $'xrun: no function given\nTry \'xrun map --help\'.\n' ./xrun map
check 'its version' 0 $'xrun 0.1.0\n' '' ./xrun --version
same 'its help' '' "$(./xrun help map | grep -w prun)"
same 'its completions' '' "$(./xrun completion zsh | grep -w prun)"
check 'a plugin without the function' 2 '' '~xrun: .*; .xrun funcs .*values.so. lists those it has' \
	./xrun map "$VALUES:nothing"
