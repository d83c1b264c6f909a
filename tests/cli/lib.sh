# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# check NAME STATUS STDOUT STDERR COMMAND [ARG...]
#
# Runs the command and compares. What is expected on a stream is its bytes, or
#   @FILE   the bytes of a file
#   ~REGEX  an extended regular expression for the whole, without the last LF
#   '*'     anything
# A status of 128 + n is a death by signal n.

set -u
: "${CASE:?}" "${RESULTS:?}" "${PRUN:?}" "${GOOD:?}" "${VALUES:?}" "${FAULTS:?}"

LIMIT=60

pass() {
	echo "ok $CASE: $1" >> "$RESULTS"
}

# Says why on stdout, as "want" and "got".
fail() {
	echo "FAIL $CASE: $1" | tee -a "$RESULTS"
	shift
	printf '    %s\n' "$@"
}

skip() {
	echo "skip $CASE: $1 ($2)" >> "$RESULTS"
}

# stream_is EXPECTED FILE
stream_is() {
	case $1 in
	'*') true ;;
	@*) cmp -s "${1#@}" "$2" ;;
	'~'*) [[ $(tr '\0' '@' < "$2") =~ ^(${1#\~})$ ]] ;;
	*) printf '%s' "$1" | cmp -s - "$2" ;;
	esac
}

# The start of a stream for people: control characters made visible.
shown() {
	head -c 600 "$1" | cat -v
}

# verdict NAME STATUS STDOUT STDERR GOT_STATUS: on the files .out and .err
verdict() {
	local bad=()
	[ "$2" = "$5" ] || bad+=("status: want $2, got $5")
	stream_is "$3" .out || bad+=("stdout: want $3" "stdout: got  $(shown .out)")
	stream_is "$4" .err || bad+=("stderr: want $4" "stderr: got  $(shown .err)")
	if [ ${#bad[@]} -eq 0 ]; then
		pass "$1"
	else
		fail "$1" "${bad[@]}" "stderr: $(shown .err)"
	fi
}

check() {
	local name=$1 want=$2 out=$3 err=$4
	shift 4
	timeout -k 5 "$LIMIT" "$@" > .out 2> .err
	verdict "$name" "$want" "$out" "$err" $?
}

# same NAME EXPECTED GOT: two strings
same() {
	if [ "$2" = "$3" ]; then
		pass "$1"
	else
		fail "$1" "want $2" "got  $3"
	fi
}

have() {
	command -v "$1" > /dev/null
}
