# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016,SC1003 # for sh -c
# Every digest against values that are known, and against the real tools.

# shellcheck source=tests/cli/lib.sh
. "$TESTS/lib.sh"

: > empty
printf abc > abc
head -c 1000000 /dev/zero | tr '\0' a > million
# Not a multiple of any block, and longer than one read.
seq 100000 | head -c 300001 > long

# known FUNC EMPTY ABC: digests of nothing and of "abc"
known() {
	check "$1 known values" 0 "$2  empty"$'\n'"$3  abc"$'\n' '' \
		"$PRUN" map "$1" empty abc
}

known md5 d41d8cd98f00b204e9800998ecf8427e 900150983cd24fb0d6963f7d28e17f72
known sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709 \
	a9993e364706816aba3e25717850c26c9cd0d89d
known sha224 d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f \
	23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7
known sha256 \
	e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 \
	ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
known sha512-256 \
	c672b8d1ef56ed28ab87c3622c5114069bdd3ad7b8f9737498d0c01ecef0967a \
	53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23
known sha3-224 6b4e03423667dbb73b6e15454f0eb1abd4597f9a1b078e3f5b5a6bc7 \
	e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf
known sha3-256 \
	a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a \
	3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532
known blake2s256 \
	69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9 \
	508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982
known ripemd160 9c1185a5c5e9fc54612808977ee8f548b2258d31 \
	8eb208f7e05d987a9b044a8e98c6b087f15a0bfc
known sm3 1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b \
	66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0
known crc32 00000000 352441c2
known xxh32 02cc5d05 32d153ff
known xxh64 ef46db3751d8e999 44bc2cf5ad770999
known xxh3 2d06800538d394c2 78af5f94892f3950
known xxh128 99aa06d3014798d86001c324468d497f 06b05ab6733a618578af5f94892f3950

check 'sha512 known value' 0 \
	'~ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f  abc' '' \
	"$PRUN" map sha512 abc
check 'sha384 known value' 0 \
	'~cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7  abc' '' \
	"$PRUN" map sha384 abc
check 'sha3-384 known value' 0 \
	'~ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25  abc' '' \
	"$PRUN" map sha3-384 abc
check 'sha3-512 known value' 0 \
	'~b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0  abc' '' \
	"$PRUN" map sha3-512 abc
check 'blake2b512 known value' 0 \
	'~ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923  abc' '' \
	"$PRUN" map blake2b512 abc
check 'crc32 of a million a' 0 $'dc25bfbc  million\n' '' \
	"$PRUN" map crc32 million

# against FUNC TOOL...: the lines of the tool itself, plain and tagged
against() {
	local func=$1
	shift
	have "$1" || { skip "$func against $1" 'not installed'; return; }
	"$@" empty abc million long > want
	check "$func against $1" 0 @want '' \
		"$PRUN" map "$func" empty abc million long
	"$@" --tag empty abc million long > want
	check "$func --bsd-tag against $1" 0 @want '' \
		"$PRUN" map --bsd-tag "$func" empty abc million long
}

against md5 md5sum
against sha1 sha1sum
against sha224 sha224sum
against sha256 sha256sum
against sha384 sha384sum
against sha512 sha512sum
against blake2b512 b2sum
against sm3 cksum -a sm3 --untagged
against xxh32 xxhsum -H0
against xxh64 xxhsum -H1
against xxh128 xxhsum -H2

# openssl writes coreutils' lines with -r, but with " *" before the name.
against_openssl() {
	openssl dgst -r "-$2" empty million long 2> /dev/null |
		sed 's/ \*/  /' > want
	if [ -s want ]; then
		check "$1 against openssl" 0 @want '' \
			"$PRUN" map "$1" empty million long
	else
		skip "$1 against openssl" 'it has none'
	fi
}

if have openssl; then
	against_openssl sha512-256 sha512-256
	against_openssl sha3-224 sha3-224
	against_openssl sha3-256 sha3-256
	against_openssl sha3-384 sha3-384
	against_openssl sha3-512 sha3-512
	against_openssl blake2s256 blake2s256
	against_openssl ripemd160 rmd160
	against_openssl sm3 sm3
else
	skip 'digests against openssl' 'not installed'
fi

# The tags that no tool is at hand for.
for pair in sha512-256=SHA512-256 sha3-224=SHA3-224 sha3-256=SHA3-256 \
	sha3-384=SHA3-384 sha3-512=SHA3-512 blake2s256=BLAKE2s \
	ripemd160=RMD160 crc32=CRC32 xxh32=XXH32 xxh64=XXH64 xxh3=XXH3 \
	xxh128=XXH128; do
	check "${pair%=*} --bsd-tag" 0 "~${pair#*=} \\(abc\\) = [0-9a-f]+" '' \
		"$PRUN" map --bsd-tag "${pair%=*}" abc
done

# Small blocks after one another in one worker leave nothing behind.
for i in $(seq 50); do echo "$i" > "f$i"; done
sha256sum f* > want
check 'many files in one worker' 0 @want '' "$PRUN" map -j1 sha256 f*

sha256sum f* > SUMS
check 'sha256sum -c reads the lines' 0 '*' '' sh -c \
	'"$PRUN" map sha256 f* | sha256sum -c --quiet -'
check 'sha256sum -c reads the tagged lines' 0 '*' '' sh -c \
	'"$PRUN" map --bsd-tag sha256 f* | sha256sum -c --quiet -'
