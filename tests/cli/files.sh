# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016,SC1003 # for sh -c
# What is not a plain file that can be read; standard input as an item.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"

printf 'abc\n' > file
mkdir dir
mkfifo fifo
ln -s file link
ln -s nowhere dangling
sum=0bee89b07a248e27c83fc3d5951213c1

check 'missing' 1 '' $'prun: nope: No such file or directory\n' \
	"$PRUN" map md5 nope
check 'the run goes on' 1 "$sum  file"$'\n'"$sum  link"$'\n' \
	$'prun: nope: No such file or directory\n' \
	"$PRUN" map md5 file nope link
check 'a path through a file' 1 '' $'prun: file/x: Not a directory\n' \
	"$PRUN" map md5 file/x
check 'directory' 1 '' $'prun: dir: Is a directory\n' "$PRUN" map md5 dir
check 'dangling link' 1 '' $'prun: dangling: No such file or directory\n' \
	"$PRUN" map md5 dangling
if [ "$(id -u)" -eq 0 ]; then
	skip 'unreadable' 'root reads everything'
else
	printf x > closed
	chmod 0 closed
	check 'unreadable' 1 '' $'prun: closed: Permission denied\n' \
		"$PRUN" map md5 closed
fi

hint='not a regular file \(see --special-files\)'
for func in md5 crc32 xxh64 wc; do
	check "$func of a fifo" 1 '' "~prun: fifo: Is a fifo, $hint" \
		"$PRUN" map "$func" fifo
done
check 'a device' 1 '' "~prun: /dev/zero: Is a character device, $hint" \
	"$PRUN" map md5 /dev/zero
if have python3; then
	python3 -c 'import socket
socket.socket(socket.AF_UNIX).bind("socket")'
	check 'a socket' 1 '' "~prun: socket: Is a socket, $hint" \
		"$PRUN" map md5 socket
	check 'a socket with --special-files' 1 '' \
		$'prun: socket: No such device or address\n' \
		"$PRUN" map --special-files md5 socket
	rm socket
fi
check '--special-files: a device' 0 \
	$'d41d8cd98f00b204e9800998ecf8427e  /dev/null\n' '' \
	"$PRUN" map --special-files md5 /dev/null
cat file > fifo &
check '--special-files: a fifo' 0 "$sum  fifo"$'\n' '' \
	"$PRUN" map --special-files md5 fifo
check '--special-files: still no directory' 1 '' \
	$'prun: dir: Is a directory\n' "$PRUN" map --special-files md5 dir
if [ -r /proc/self/stat ]; then
	# A regular file that says it has no bytes.
	check 'a file of /proc' 0 '~1 [0-9]+ [0-9]+ /proc/version' '' \
		"$PRUN" map wc /proc/version
fi

check 'stat' 1 '~4 regular file file
7 symbolic link dangling
0 fifo fifo
0 character device /dev/null
[0-9]+ directory dir' $'prun: nope: No such file or directory\n' \
	"$PRUN" map stat file dangling fifo /dev/null dir nope

# What LC_ALL=C wc counts, but for words of bytes that are not printable: as
# POSIX says, and the newer of the real ones, these are words here.
printf 'one two\n\tthree\v\f four\r\n\n  five' > text
: > empty
seq 50000 > numbers
printf 'a%.0s' $(seq 200) > word
wc text empty numbers word | sed -e '$d' -e 's/^ *//' -e 's/  */ /g' > want
check 'wc against the real one' 0 @want '' "$PRUN" map wc text empty numbers word
printf '\303\251 \001 x' > bytes
check 'wc: bytes that are not printable' 0 $'0 3 6 bytes\n' '' \
	"$PRUN" map wc bytes

check '- is standard input' 0 "$sum  -"$'\n' '' \
	sh -c 'printf "abc\n" | "$PRUN" map md5 -'
check '- among other items' 0 "$sum  file"$'\n'"$sum  -"$'\n' '' \
	sh -c '"$PRUN" map md5 file - < file'
echo - > list
check '- from an -a file' 0 "$sum  -"$'\n' '' \
	sh -c '"$PRUN" map -a list md5 < file'
check '- can be read once' 1 "~[0-9a-f]{32}  -" \
	$'prun: -: Standard input is read only once\n' \
	sh -c '"$PRUN" map --unordered md5 - - < file'
check '- when standard input has the items' 1 '' \
	"~prun: -: Standard input holds the items .*" \
	sh -c 'echo - | "$PRUN" map md5'
check 'wc of standard input' 0 $'1 1 4 -\n' '' \
	sh -c '"$PRUN" map wc - < file'
check '- when standard input is closed' 1 '' \
	$'prun: -: Bad file descriptor\n' sh -c '"$PRUN" map md5 - <&-'
check 'a file called -' 0 "$sum  ./-"$'\n' '' \
	sh -c 'cp file ./- && "$PRUN" map md5 ./-'
