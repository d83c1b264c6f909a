# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016,SC2034,SC2207
# What the shells complete, in those of them that are here.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"

check 'no shell' 2 '' $'prun: no shell given\nTry \'prun completion --help\'.\n' \
	"$PRUN" completion
check 'another shell' 2 '' '~prun: .ksh. is not bash, zsh or fish.*' "$PRUN" completion ksh
check 'two shells' 2 '' '*' "$PRUN" completion bash zsh

mkdir -p bin files
ln -sf "$PRUN" bin/prun
PATH=$PWD/bin:$PATH
: > files/list.txt
long=$("$PRUN" map --=x 2>&1 | grep -o "'--[a-z][a-z-]*'" | tr -d "'" | sort -u)

# ----------------------------------------------------------------------- bash

"$PRUN" completion bash > prun.bash
# bash_says WORD...: what it proposes for the last one.
bash_says() {
	bash --norc -c '. ./prun.bash
		shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_prun
		printf "%s\n" "${COMPREPLY[@]}"' bash x "$@" | sort -u
}
same 'bash: commands' 'map' "$(bash_says prun ma)"
same 'bash: options' "$long" "$(bash_says prun map --)"
same 'bash: the end of an option' '--chunksize' "$(bash_says prun map --chu)"
same 'bash: functions' "$("$PRUN" funcs | grep -o '^sha[^ ]*' | sort)" \
	"$(bash_says prun map sha)"
same 'bash: functions behind options' 'noop' "$(bash_says prun map -j 2 --progress = bar -z noo)"
same 'bash: words of an option' $'fork\nforkserver' "$(bash_says prun map --start-method fo)"
same 'bash: words behind =' 'bar' "$(bash_says prun map --progress = ba)"
same 'bash: all words behind =' $'auto\nbar\njson\nline\nnone' "$(bash_says prun map --progress =)"
same 'bash: coproc' 'coproc' "$(bash_says prun cop)"
same 'bash: options of coproc' '--framing' "$(bash_says prun coproc --fra)"
same 'bash: framings' 'lines' "$(bash_says prun coproc --framing li)"
same 'bash: the program of coproc' 'printf' "$(bash_says prun coproc -j 2 printf | grep -x printf)"
same 'bash: files' 'files/list.txt' "$(bash_says prun map -a files/l)"
same 'bash: one letter, two options' 'sha512' "$(bash_says prun check -a sha5)"
same 'bash: a number is not guessed' '' "$(bash_says prun map -j '')"
same 'bash: items are files' '' "$(bash_says prun map md5 x)"
same 'bash: topics' 'funcs' "$(bash_says prun help fu)"
same 'bash: shells' $'bash\nfish\nzsh' "$(bash_says prun completion '')"
same 'bash: nothing about what is unknown' '' "$(bash_says prun frobnicate --)"

# ------------------------------------------------------------------------ zsh

"$PRUN" completion zsh > _prun
# zsh_says LINE: what a real zsh, with its own terminal, proposes for it.
zsh_says() {
	zsh -f -c '
		zmodload zsh/zpty
		zpty z zsh -f -i
		zpty -w z "PS1=; PROMPT=; unsetopt zle_bracketed_paste"
		zpty -w z "autoload -U compinit && compinit -u -D && source ./_prun"
		zpty -w z "zstyle '"':completion:*'"' list-grouped false; LISTMAX=10000"
		zpty -w z "bindkey \"^I\" complete-word; report() { print -r -- \"<\"\"<\$BUFFER>\"\">\"; exit }"
		zpty -w z "zle -N report; bindkey \"^X\" report"
		zpty -n -w z "$1"$'"'\t\x18'"'
		zpty -r z line "*<<*>>*" && print -r -- "${${line##*<<}%%>>*}"
	' zsh "$1" < /dev/null
}
if command -v zsh > /dev/null; then
	same 'zsh reads it' '' "$(zsh -n _prun 2>&1)"
	same 'zsh: commands' 'prun completion ' "$(zsh_says 'prun compl')"
	same 'zsh: options' 'prun map --chunksize=' "$(zsh_says 'prun map --chu')"
	same 'zsh: coproc' 'prun coproc ' "$(zsh_says 'prun copr')"
	same 'zsh: framings' 'prun coproc --framing=msgpack ' \
		"$(zsh_says 'prun coproc --framing=msg')"
	same 'zsh: functions' 'prun map noop ' "$(zsh_says 'prun map noo')"
	same 'zsh: words of an option' 'prun map --start-method=inline ' \
		"$(zsh_says 'prun map --start-method=in')"
	same 'zsh: items are files' 'prun map md5 files/list.txt ' \
		"$(zsh_says 'prun map md5 files/l')"
else
	skip 'zsh' 'not installed'
fi

# ----------------------------------------------------------------------- fish

"$PRUN" completion fish > prun.fish
fish_says() {
	HOME=$PWD fish --no-config -c "source ./prun.fish; complete -C '$1'" | cut -f 1 | grep -v '=$' | sort -u
}
if command -v fish > /dev/null; then
	same 'fish reads it' '' "$(fish -n prun.fish 2>&1)"
	same 'fish: commands' 'map' "$(fish_says 'prun ma')"
	same 'fish: options' "$long" "$(fish_says 'prun map --')"
	same 'fish: coproc' 'coproc' "$(fish_says 'prun copr')"
	same 'fish: framings' 'jsonl' "$(fish_says 'prun coproc --framing js')"
	same 'fish: functions' 'noop' "$(fish_says 'prun map noo')"
	same 'fish: words of an option' 'inline' "$(fish_says 'prun map --start-method in')"
	same 'fish: files of an option' 'files/list.txt' "$(fish_says 'prun map --arg-file files/l')"
	same 'fish: shells' $'bash\nfish\nzsh' "$(fish_says 'prun completion ')"
else
	skip 'fish' 'not installed'
fi
