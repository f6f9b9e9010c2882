# SPDX-License-Identifier: GPL-2.0-only
#
# A stock Debian kernel, unpacked to build/kernels/NAME/VERSION.

# debian_kernel METAPACKAGE: a kernel_get. The metapackage depends on the newest image.
debian_kernel() {
	local metapackage=$1 root

	find_kernel newest_kernel stock "$metapackage" "bookworm and bookworm-security suites"
	kernel_image=$(echo "$root"/boot/vmlinuz-*)
	kernel_build=$(echo "$root"/usr/src/linux-headers-*-amd64)
	kernel_modules=$root
}

# find_kernel NEWEST KIND PACKAGE SUITES: sets the caller's root, by the function
# NEWEST, or to the newest kernel of an earlier run. The other arguments are for
# messages.
find_kernel() {
	on_debian_12 ||
		die "$2 kernels need Debian 12 amd64; use --kernel-image FILE --kernel-build DIR"
	if ! "$1"; then
		apt_update
		"$1" || earlier_kernel ||
			die "cannot get $3; check the network, and that apt has the $4"
	fi
}

newest_kernel() {
	local image version

	image=$(deb_depends "$metapackage" 'linux-image-.*') &&
		version=$(deb_version "$image") || return
	root=$top/build/kernels/$kernel_name/$version
	[ -d "$root" ] || fetch_kernel "$image"
}

earlier_kernel() {
	root=$(find "$top/build/kernels/$kernel_name" -mindepth 1 -maxdepth 1 \
		! -name '*.part' ! -name '*.old' 2>/dev/null |
		sort -V | tail -n 1)
	[ -n "$root" ] && say "using the $kernel_name kernel unpacked earlier: $(basename "$root")"
}

fetch_kernel() {
	local release=${1#linux-image-} headers parts
	local downloads=$top/build/downloads/${root##*/} unpacked=$scratch/kernel

	headers=linux-headers-$release
	mapfile -t parts < <(deb_depends "$headers" 'linux-headers-.*-common|linux-kbuild-.*')
	need_disk 1500
	rm -rf "$unpacked"
	download_debs "$downloads" "$1" "$headers" "${parts[@]}" &&
		unpack_debs "$downloads" "$unpacked" &&
		make_relocatable "$unpacked/usr/src/$headers/Makefile" &&
		depmod -b "$unpacked" "$release" || return
	rm -rf "$(dirname "$root")" "$downloads"
	mkdir -p "$(dirname "$root")" && mv "$unpacked" "$root"
}

# The headers' Makefile includes another one by its path in /usr/src. The headers are
# unpacked elsewhere, and the clone may be moved, so the path becomes relative.
make_relocatable() {
	sed -i 's,^include /usr/src/,include ../,' "$1"
}
