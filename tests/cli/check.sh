# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016 # for sh -c
# prun check, against md5sum -c, and what it does beyond that.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"

# Other versions write and accept a little less or more.
if ! have python3; then
	skip 'against md5sum' 'no python3'
elif ! md5sum --version | grep -q 'coreutils) 9\.1$'; then
	skip 'against md5sum' 'not that of coreutils 9.1'
else
	mkdir peer
	(cd peer && python3 "$TESTS/check_peer.py") ||
		fail 'against md5sum' 'ended early'
fi
