# SPDX-License-Identifier: GPL-2.0-only
#
# A debug kernel, built from Debian's sources with the fragments of vm/kernels/config,
# into build/kernels/NAME/KEY. The key is a hash of all that the kernel is made of. An
# interrupted build is resumed. The compiler is that of the sources' Debian release.

readonly debug_files=1200

# debug_kernel LINE FRAGMENT...: a kernel_get. The fragment LINE has the options that other
# lines do not have.
debug_kernel() {
	local fragments=("${@/#/$top/vm/kernels/config/}") debian root
	local debug_source=linux-source-$1

	debian=$(debian_of "$1")
	fragments=("${fragments[@]/%/.config}")
	find_kernel newest_source debug "$debug_source"
	kernel_image=$root/vmlinuz
	kernel_build=$root/tree
	kernel_modules=$root
}

newest_source() {
	local version

	version=$(deb_version "$debug_source") && [ -n "$version" ] || return
	root=$top/build/kernels/$kernel_name/$version-$(debug_key)
	[ -d "$root" ] || build_kernel || return
	remove_old
}

# Hash of the compiler, the fragments, and the functions that build a kernel.
debug_key() {
	{
		toolchain_run gcc --version
		[ -z "$kernel_toolchain" ] || cat "$kernel_toolchain/packages"
		cat "${fragments[@]}"
		declare -f unpack_source configure_kernel keep_kernel kernel_make
	} | sha256sum | cut -c -12
}

build_kernel() {
	local downloads=$top/build/downloads/$debug_source-$version
	local work=$root.part source=$root.part/source other
	# kernel_make passes it on to an environment that has nothing else.
	local PATH=$PATH

	PATH=$(toolchain_path)
	need_tools "${kernel_tools[@]}"
	need_disk "$([ -d "$source" ] && echo 1500 || echo 4000)"
	unpack_source || return
	configure_kernel
	compile_kernel
	keep_kernel
	mv "$work/kept" "$root" || die "cannot rename $work/kept"
	for other in "${root%/*}"/*; do
		[[ $other == "$root" || $other == *.old ]] || mv "$other" "$other.old"
	done
}

# Removes the sources and the objects of the build, 3 GB, and kernels of other keys. This takes
# a moment and may be interrupted, so what goes has another name first: half of the sources
# must not be resumed. The next run removes the rest.
remove_old() {
	[ ! -d "$root.part" ] || mv "$root.part" "$root.part.old" ||
		die "cannot rename $root.part"
	rm -rf "${root%/*}"/*.old
}

# Leaves out large folders that no configuration here uses.
unpack_source() {
	local unpacked=$scratch/source

	[ ! -d "$source" ] || return 0
	find build/downloads -name "$debug_source-*" ! -path "*/${downloads##*/}" \
		-prune -exec rm -rf {} + 2>/dev/null
	download_debs "$downloads" "$debug_source" &&
		unpack_debs "$downloads" "$unpacked" || return
	say "unpacking the sources of $debug_source $version"
	mkdir -p "$work"
	tar -C "$unpacked" -xf "$unpacked/usr/src/$debug_source.tar.xz" \
		--exclude='*/drivers/gpu/drm/amd/include' --exclude='*/tools/testing' ||
		die "cannot unpack the kernel's sources; is the disk full?"
	mv "$unpacked/$debug_source" "$source"
	rm -rf "$unpacked"
}

# Options that no fragment sets are off. An option that is missing in the result lacks
# one of its dependencies, which fails the build.
configure_kernel() {
	local wanted=$scratch/all.config missing

	{
		cat "${fragments[@]}"
		echo "CONFIG_LOCALVERSION=\"-$kernel_name\""
	} >"$wanted"
	kernel_make config "KCONFIG_ALLCONFIG=$wanted" allnoconfig
	missing=$(sed 's/^\(CONFIG_[^=]*\)=n$/# \1 is not set/' "$wanted" |
		grep '^CONFIG_\|is not set$' | grep -vxFf "$source/.config")
	[ -z "$missing" ] ||
		die "$debug_source does not take these options of vm/kernels/config: ${missing//$'\n'/, }"
}

# With ccache the same kernel builds again in a minute, also in another clone.
compile_kernel() {
	local follower status

	say "building the kernel $kernel_name with $(nproc) processors; about ten minutes on two, but once only"
	follow_build 9>&- &
	follower=$!
	(kernel_make build "-j$(nproc)" bzImage modules)
	status=$?
	kill "$follower"
	[ "$status" -eq 0 ] || exit 1
}

follow_build() {
	local log=build/log/$kernel_name-build.log begun=$SECONDS

	# The sleep may outlive this function, so it must not hold a pipe open.
	while sleep 30 >&- 2>&- && kill -0 $$; do
		say "$kernel_name: $(grep -c '^  CC' "$log") files of about $debug_files compiled in $((SECONDS - begun)) s"
	done
}

# Keeps the image, the modules, and the tree that external modules build with.
keep_kernel() {
	local kept=$work/kept

	rm -rf "$kept"
	mkdir -p "$kept"
	kernel_make keep modules_install "INSTALL_MOD_PATH=$kept" DEPMOD=true
	kernel_make keep run-command \
		"KBUILD_RUN_COMMAND=+scripts/package/install-extmod-build $kept/tree"
	{
		cp "$source/arch/x86/boot/bzImage" "$kept/vmlinuz" &&
			depmod -b "$kept" "$(release_of "$kept/tree")"
	} || die "cannot keep the kernel $kernel_name; is the disk full?"
}

# kernel_make LOG MAKE'S ARGUMENTS: with an empty environment, which is not in the key.
kernel_make() {
	local log=build/log/$kernel_name-$1.log

	shift
	toolchain_run env -i PATH="$PATH" HOME="${HOME-/}" LC_ALL=C "CCACHE_DIR=$(ccache_folder)" \
		KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 1970' \
		KBUILD_BUILD_USER=user KBUILD_BUILD_HOST=host \
		make -C "$source" ARCH=x86_64 CC='ccache gcc' HOSTCC='ccache gcc' "$@" \
		>"$log" 2>&1 && return
	tail -n 40 "$log" >&2
	die "building the kernel failed; all of the output is in $log"
}

# ccache's usual folder, if there is a home that can be written to.
ccache_folder() {
	if [ -n "${CCACHE_DIR-}" ]; then
		echo "$CCACHE_DIR"
	elif [[ -n ${HOME-} && -d $HOME && -w $HOME ]]; then
		echo "$HOME/.cache/ccache"
	else
		echo "$top/build/ccache"
	fi
}
