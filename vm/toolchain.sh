# SPDX-License-Identifier: GPL-2.0-only
#
# The compiler of a Debian release that is not the host's, with all that building modules and
# kernels needs, in build/toolchain/RELEASE. Kernels of that release build with it: their
# headers hold programs that need its C library, and flags that an older compiler does not
# know.
#
# The packages are only unpacked, so making the folder needs no root. bubblewrap runs commands
# with the folder's usr/ as /usr and the clone at its own path, so the clone may be moved. As
# root bubblewrap works anywhere but in containers that forbid mounting; other users need the
# kernel's user namespaces.
#
# kernel_prepare sets kernel_toolchain to the folder, or to nothing for the host's compiler.
# toolchain_run is the one way to run what depends on it.

toolchain_packages=(gcc make libc6-dev dash bash coreutils diffutils findutils grep sed mawk tar
	gzip xz-utils kmod pahole perl python3 libssl3 sparse flex bison bc libelf-dev ccache)
readonly toolchain_mb=500

# Chooses the compiler of the release that the caller has in debian, and makes it if
# necessary. Fails if that is impossible for now.
toolchain_use() {
	kernel_toolchain=
	[ "$debian" != "$(host_debian)" ] || return 0
	need_tools bwrap:bubblewrap
	kernel_toolchain=$top/build/toolchain/$debian
	[ "$(cat "$kernel_toolchain/packages" 2>/dev/null)" = "${toolchain_packages[*]}" ] ||
		toolchain_make || return
	toolchain_run true 2>>build/log/toolchain.log ||
		die "bubblewrap cannot run $kernel_toolchain: run as root, or allow user namespaces (see build/log/toolchain.log)"
}

# The folder gets its name when it is complete. Its list of packages tells whether it is the
# one that is wanted.
toolchain_make() {
	local unpacked=$scratch/toolchain packages folder
	local downloads=$top/build/downloads/toolchain-$debian

	mapfile -t packages < <(toolchain_closure)
	[ ${#packages[@]} -gt 0 ] || return
	say "making the compiler of Debian $debian in build/toolchain: downloading about 100 MB; it takes $toolchain_mb MB of disk, $((2 * toolchain_mb)) while it is made"
	need_disk $((2 * toolchain_mb))
	rm -rf "$unpacked"
	mkdir -p "$unpacked"
	for folder in bin sbin lib lib64; do
		mkdir -p "$unpacked/usr/$folder" && ln -s "usr/$folder" "$unpacked/$folder"
	done
	fetch_debs "$downloads" "${packages[@]}" &&
		unpack_debs "$downloads" "$unpacked" || return
	# Otherwise a script of the package makes this link.
	ln -s mawk "$unpacked/usr/bin/awk"
	rm -rf "$unpacked/usr/share/"{doc,locale,man,info}
	echo "${toolchain_packages[*]}" >"$unpacked/packages"
	rm -rf "$kernel_toolchain"
	mkdir -p "${kernel_toolchain%/*}"
	mv "$unpacked" "$kernel_toolchain" && rm -rf "$downloads"
}

# Prints the packages and all that they depend on, as apt chooses for an empty system.
toolchain_closure() {
	debian_apt apt-get -s --no-install-recommends install "${toolchain_packages[@]}" \
		2>>build/log/apt.log | sed -n 's/^Inst \([^ ]*\) .*/\1/p'
}

# toolchain_run COMMAND...: runs it with the compiler of the prepared kernel.
toolchain_run() {
	local cache

	if [ -z "$kernel_toolchain" ]; then
		"$@"
		return
	fi
	cache=$(ccache_folder)
	mkdir -p "$cache"
	# A place for the clone, if it lies in what is replaced.
	[[ $top != /usr/* ]] || mkdir -p "$kernel_toolchain$top"
	bwrap --die-with-parent --ro-bind "$kernel_toolchain/usr" /usr \
		--symlink usr/bin /bin --symlink usr/sbin /sbin \
		--symlink usr/lib /lib --symlink usr/lib64 /lib64 \
		--dev-bind /dev /dev --bind /proc /proc --tmpfs /tmp \
		--bind "$cache" "$cache" --bind "$top" "$top" --chdir "$PWD" \
		--setenv PATH /usr/bin:/usr/sbin "$@"
}
