# SPDX-License-Identifier: GPL-2.0-only
#
# A stock Debian kernel, unpacked to build/kernels/NAME/VERSION.

# What belongs to a kernel, of all that its image and headers depend on.
readonly kernel_parts='linux-(image|binary|modules|base|headers|kbuild)-[0-9].*'

# debian_kernel LINE: a kernel_get. Takes the newest kernel of the line.
debian_kernel() {
	local line=$1 debian root

	debian=$(debian_of "$line")
	find_kernel newest_kernel stock "a kernel $line with headers"
	toolchain_bind "$root"
	kernel_image=$(echo "$root"/boot/vmlinuz-*)
	[ -e "$kernel_image" ] || kernel_image=$(echo "$root"/usr/lib/modules/*/vmlinuz)
	kernel_build=$(echo "$root"/usr/src/linux-headers-*-amd64)
	kernel_modules=$root
}

# find_kernel NEWEST KIND WHAT: sets the caller's root, by the function NEWEST, or to the
# newest kernel of an earlier run. KIND and WHAT are for messages.
find_kernel() {
	[ -n "$(host_debian)" ] ||
		die "$2 kernels need a Debian amd64 host; use --kernel-image FILE --kernel-build DIR"
	{ debian_lists && toolchain_use && "$1"; } ||
		{ debian_update && toolchain_use && "$1"; } ||
		{ toolchain_use && earlier_kernel; } ||
		die "cannot get $3 from Debian $debian; is the network up? see build/log/apt.log"
}

newest_kernel() {
	local image version

	image=$(newest_image) && version=$(deb_version "$image") || return
	root=$top/build/kernels/$kernel_name/$version
	[ -d "$root" ] || fetch_kernel "$image"
}

# Packages of older kernels stay in the archive, some without their headers.
newest_image() {
	local image

	while read -r image; do
		[ -z "$(deb_version "${image/image/headers}")" ] || break
	done < <(deb_names \
		"linux-image-${line/./\\.}\\.[0-9.]+([-+][a-z0-9]+)?-amd64" | sort -rV)
	[ -n "$image" ] && echo "$image"
}

earlier_kernel() {
	root=$(find "$top/build/kernels/$kernel_name" -mindepth 1 -maxdepth 1 \
		! -name '*.part' ! -name '*.old' 2>/dev/null |
		sort -V | tail -n 1)
	[ -n "$root" ] && say "using the $kernel_name kernel unpacked earlier: $(basename "$root")"
}

fetch_kernel() {
	local release=${1#linux-image-} parts
	local downloads=$top/build/downloads/${root##*/} unpacked=$scratch/kernel

	# The headers depend on the image, or on the same image without a signature.
	mapfile -t parts < <(deb_closure "$kernel_parts" \
		"$1" "linux-headers-$release" | grep -v -- '-unsigned$')
	need_disk 1500
	rm -rf "$unpacked"
	download_debs "$downloads" "${parts[@]}" &&
		unpack_debs "$downloads" "$unpacked" &&
		make_relocatable "$unpacked" "$unpacked/usr/src/linux-headers-$release/Makefile" &&
		depmod -b "$unpacked" "$release" || return
	rm -rf "$(dirname "$root")" "$downloads"
	mkdir -p "$(dirname "$root")" && mv "$unpacked" "$root"
}

# make_relocatable ROOT MAKEFILE: the headers' Makefile names its own folder, and includes
# another one, by paths in /usr/src. The headers are unpacked elsewhere, and the clone may be
# moved, so the paths become relative. Modules are in lib/ or in usr/lib/, and kmod of each
# release looks in one of them.
make_relocatable() {
	# shellcheck disable=SC2016
	sed -i -e 's,^include /usr/src/,include ../,' \
		-e 's,^KBUILD_OUTPUT=/usr/src/.*,KBUILD_OUTPUT=$(CURDIR),' "$2" || return
	mkdir -p "$1/usr/lib"
	if [ -d "$1/lib/modules" ]; then
		ln -sT ../../lib/modules "$1/usr/lib/modules"
	else
		ln -sT usr/lib "$1/lib"
	fi
}
