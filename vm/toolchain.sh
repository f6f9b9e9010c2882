# SPDX-License-Identifier: GPL-2.0-only
#
# The compiler of a Debian release that is not the host's, in build/toolchain/RELEASE. Kernels
# of that release build with it: they are built with flags that an older compiler does not
# know, and their headers hold programs that need its C library.
#
# The packages are only unpacked. Their programs start with the loader and the libraries of
# the folder, because patchelf wrote its path into them. So they run without root, without
# namespaces, and in any container. The compiler takes the C library's headers and what it
# links from the host, so what it makes runs on the host.
#
# kernel_prepare sets kernel_toolchain to the folder, or to nothing for the host's compiler.
# toolchain_run is the one way to run what depends on it.

# The libraries are for the programs in a kernel's headers.
toolchain_packages=(gcc pahole linux-libc-dev libelf1 libssl3)
readonly toolchain_mb=200
readonly toolchain_libraries=usr/lib/x86_64-linux-gnu
readonly host_loader=/lib64/ld-linux-x86-64.so.2

# Chooses the compiler of the release that the caller has in debian, and makes it if
# necessary. Fails if that is impossible for now.
toolchain_use() {
	kernel_toolchain=
	[ "$debian" != "$(host_debian)" ] || return 0
	kernel_toolchain=$top/build/toolchain/$debian
	[ "$(cat "$kernel_toolchain/packages" 2>/dev/null)" = "${toolchain_packages[*]}" ] ||
		toolchain_make || return
	toolchain_bind "$kernel_toolchain"
}

# The folder gets its name when it is complete. Its list of packages tells whether it is the
# one that is wanted.
toolchain_make() {
	local unpacked=$scratch/toolchain packages folder
	local downloads=$top/build/downloads/toolchain-$debian

	mapfile -t packages < <(toolchain_closure)
	[ ${#packages[@]} -gt 0 ] || return
	say "making the compiler of Debian $debian in build/toolchain: downloading about 60 MB; it takes $toolchain_mb MB of disk, $((2 * toolchain_mb)) while it is made"
	need_disk $((2 * toolchain_mb))
	rm -rf "$unpacked"
	mkdir -p "$unpacked"
	for folder in bin sbin lib lib64; do
		mkdir -p "$unpacked/usr/$folder" && ln -s "usr/$folder" "$unpacked/$folder"
	done
	fetch_debs "$downloads" "${packages[@]}" &&
		unpack_debs "$downloads" "$unpacked" || return
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

# toolchain_bind FOLDER: makes the programs of FOLDER start with the C library of the prepared
# kernel's compiler. The file FOLDER/loader holds the loader that they start with now. It is
# another one if the clone was moved, or is used on another release.
toolchain_bind() {
	local libraries=${kernel_toolchain:+$kernel_toolchain/$toolchain_libraries}
	local loader=${libraries:+$libraries/${host_loader##*/}} program

	[ "$(cat "$1/loader" 2>/dev/null)" != "$loader" ] || return 0
	need_tools "${toolchain_tools[@]}"
	rm -f "$1/loader"
	while read -r program; do
		toolchain_bind_program "$program" ||
			die "patchelf failed on $program; see build/log/toolchain.log"
	done < <(find "$1" -type f -perm -100 ! -name '*.so*' ! -name '*.new')
	echo "$loader" >"$1/loader"
}

# toolchain_bind_program FILE: to the caller's loader and libraries. Scripts and static programs
# have no loader. The time stays, because ccache takes a compiler with another time for another
# compiler.
toolchain_bind_program() {
	local rpath=(--remove-rpath)

	patchelf --print-interpreter "$1" >/dev/null 2>&1 || return 0
	[ -z "$libraries" ] || rpath=(--force-rpath --set-rpath "$libraries")
	patchelf --set-interpreter "${loader:-$host_loader}" "${rpath[@]}" \
		--output "$1.new" "$1" 2>>build/log/toolchain.log &&
		touch -r "$1" "$1.new" && mv "$1.new" "$1"
}

# Prints the PATH with which programs find the prepared kernel's compiler.
toolchain_path() {
	echo "${kernel_toolchain:+$kernel_toolchain/usr/bin:}$PATH"
}

# Prints options with which programs are compiled with the kernel's headers of the compiler's
# release. The host's may be too old.
toolchain_headers() {
	local headers=$kernel_toolchain/usr/include

	[ -z "$kernel_toolchain" ] ||
		echo "-isystem $headers -isystem $headers/x86_64-linux-gnu"
}

# toolchain_run COMMAND...: runs it with the compiler of the prepared kernel.
toolchain_run() {
	PATH=$(toolchain_path) "$@"
}
