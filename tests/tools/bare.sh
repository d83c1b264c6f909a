# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# bare_root PACKAGE[,PACKAGE...]: a Debian 12 of nothing but these, in the
# folder $root, until the script ends. in_bare COMMAND: run by its shell.

bare_cleanup() {
	umount -R -l "$root/dev" 2>/dev/null || true
	umount -l "$root/proc" 2>/dev/null || true
	rm -rf --one-file-system "$root"
}

bare_mirror() {
	local lists=(/etc/apt/sources.list /etc/apt/sources.list.d/*.list) mirror
	mirror=$(awk '$1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /^http/) { print $i; exit } }' \
		"${lists[@]}" 2>/dev/null || true)
	[ -n "$mirror" ] || mirror=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p' \
		/etc/apt/sources.list.d/*.sources 2>/dev/null | head -n 1)
	echo "${mirror:-http://deb.debian.org/debian}"
}

bare_root() {
	if [ "$(id -u)" != 0 ]; then
		echo "${0##*/}: needs root for debootstrap and chroot" >&2
		exit 1
	fi
	root=$(mktemp -d -p /var/tmp)
	trap bare_cleanup EXIT
	debootstrap --variant=minbase --include="$1,ca-certificates" bookworm "$root" \
		"$(bare_mirror)" >"$root.log" 2>&1 || { tail "$root.log"; exit 1; }
	rm -f "$root.log"
	cp /etc/resolv.conf "$root/etc/" 2>/dev/null || true
	cp /etc/apt/apt.conf.d/* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
	mount -t proc proc "$root/proc"
	mount --rbind /dev "$root/dev"
	mount --make-rslave "$root/dev"
}

in_bare() {
	chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
		http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" \
		DEBIAN_FRONTEND=noninteractive sh -c "$1"
}
