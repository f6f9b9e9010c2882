# SPDX-License-Identifier: GPL-2.0-only
#
# The guest's root file system.

# Writes an initramfs to $1 whose init runs the script in file $2.
make_initramfs() {
	local root=$scratch/root

	rm -rf "$root"
	mkdir -p "$root"/{bin,dev,modules,proc,root,sys,tmp}
	cp "$(command -v busybox)" vm/guest/load vm/guest/make-bug "$root/bin/"
	ln -s busybox "$root/bin/sh"
	cp vm/guest/init vm/kernels/known-races "$root/"
	cp "$2" "$root/command"
	find build/programs -maxdepth 1 -type f -executable -exec cp {} "$root/bin/" \;
	add_nbdkit
	add_libraries
	add_modules
	pack_initramfs "$root" "$1"
}

# pack_initramfs FOLDER FILE
pack_initramfs() {
	(cd "$1" && find . | cpio --quiet -o -H newc) >"$2" ||
		die "cannot write the guest's file system; is the disk full?"
}

# nbdkit with the parts that the page server's tests use, and certtool for its certificates;
# if they are installed.
add_nbdkit() {
	local part

	[[ -x $root/bin/lazymem-test ]] && has_tool nbdkit || return 0
	cp "$(command -v nbdkit)" "$root/bin/"
	! has_tool certtool || cp "$(command -v certtool)" "$root/bin/"
	for part in plugin:{file,eval,pattern} filter:{blocksize-policy,ddrescue,delay,error,exitlast,limit}; do
		part=$(nbdkit_part "${part%:*}" "${part#*:}")
		mkdir -p "$root$(dirname "$part")"
		cp "$part" "$root$part"
	done
}

# nbdkit_part KIND NAME: prints the file of a plugin or filter.
nbdkit_part() {
	nbdkit --dump-config | sed -n "s|^$1dir=\(.*\)|\1/nbdkit-$2-$1.so|p"
}

# Adds the shared libraries of the programs.
add_libraries() {
	local library

	{
		ldd "$root"/bin/*
		find "$root/usr" -name '*.so' -exec ldd {} +
	} 2>/dev/null | sed -n 's|^.*[[:space:]]\(/[^ :]*\.so[^ :]*\) (.*|\1|p' | sort -u |
		while read -r library; do
			mkdir -p "$root$(dirname "$library")"
			cp -L "$library" "$root$library"
		done
}

add_modules() {
	local module

	for module in "$modules_built"/*.ko; do
		strip --strip-debug -o "$root/modules/$(basename "$module")" "$module"
	done
	[ -n "$kernel_modules" ] || return 0
	add_kernel_module zram
	add_kernel_module virtio_blk virtio_pci
}

# add_kernel_module NAME [MODULE...]: `load NAME` in the guest loads the MODULEs and
# NAME, each after its dependencies.
add_kernel_module() {
	local list=$root/modules/$1.list kind file module

	for module in "${@:2}" "$1"; do
		# Ignore the host's modprobe configuration.
		modprobe -C /dev/null -d "$kernel_modules" -S "$kernel_release" \
			--show-depends "$module" 2>/dev/null
	done | while read -r kind file _; do
		case $kind in
		insmod) unpack_module "$file" ;;
		builtin) echo builtin ;;
		esac
	done >"$list"
}

# Prints the module's name in the guest.
unpack_module() {
	local name

	name=$(basename "$1")
	name=${name%%.*}.ko
	case $1 in
	*.xz) xz -dc "$1" ;;
	*.gz) gzip -dc "$1" ;;
	*) cat "$1" ;;
	esac >"$root/modules/$name"
	echo "$name"
}
