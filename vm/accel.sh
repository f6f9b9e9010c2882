# SPDX-License-Identifier: GPL-2.0-only
#
# What executes a guest: KVM, or TCG, QEMU's emulation of a processor. A KVM that opens
# may still fail to run a kernel: where the host's processor does not support it, early
# boot code has stopped with an "emulation failure". So each kernel is booted once under
# KVM, as far as its init. The result is kept in build/accel/KERNEL.

readonly kvm_boot_seconds=20

# accel_choose: sets accelerator (kvm or tcg) for the prepared kernel, by --accel.
accel_choose() {
	local wanted=${option[accel]-auto} why

	accelerator=tcg
	[ "$wanted" != tcg ] || return 0
	if ! why=$(kvm_closed || kvm_fails); then
		accelerator=kvm
	elif [ "$wanted" = kvm ]; then
		die "--accel kvm does not work here: $why"
	fi
}

# Prints why KVM cannot be opened; fails if it can.
kvm_closed() {
	local error

	if [ ! -e /dev/kvm ]; then
		echo "this machine has no /dev/kvm"
	elif ! error=$({ : <>/dev/kvm; } 2>&1); then
		echo "/dev/kvm cannot be opened: ${error##*: }"
	else
		return 1
	fi
}

# Prints why the prepared kernel does not boot under KVM; fails if it does. A user who
# demands KVM gets a new try.
kvm_fails() {
	local kept=build/accel/$kernel_name key why='' tried=''

	key=$(kvm_key)
	{ read -r tried why <"$kept"; } 2>/dev/null
	if [ "$tried" != "$key" ] || [[ -n $why && $wanted = kvm ]]; then
		why=$(kvm_try)
		mkdir -p build/accel && echo "$key $why" >"$kept"
		[ -z "$why" ] || [ "$wanted" = kvm ] ||
			say "KVM does not boot $kernel_release here ($why): TCG is used"
	fi
	[ -n "$why" ] && echo "$why"
}

# A hash of all that decides whether the kernel boots under KVM. A host that starts again
# or loads KVM again may have another KVM.
kvm_key() {
	{
		cat /proc/sys/kernel/random/boot_id
		stat -c %Z /dev/kvm
		qemu-system-x86_64 --version
		sha256sum <"$kernel_image"
		declare -f qemu processors
	} | sha256sum | cut -c -12
}

# Boots the prepared kernel under KVM. Prints why its init does not run; prints nothing
# if it does.
kvm_try() {
	local accelerator=kvm exact='' disk='' guest_memory=512
	local guest_timeout=$kvm_boot_seconds
	local console=build/log/kvm-$kernel_name.console log=build/log/kvm-$kernel_name.log

	say "trying KVM with $kernel_release"
	make_trial_initramfs "$scratch/initramfs"
	: >"$scratch/status"
	qemu setsid </dev/null >/dev/null 2>"$log"
	[ ! -s "$scratch/status" ] || return 0
	grep -aoE -m 1 'emulation failure|failed to .*|internal error.*' "$log" ||
		echo "its init did not run within $kvm_boot_seconds s, see $console"
}

# Writes an initramfs to $1 whose init reports that it runs, and powers off.
make_trial_initramfs() {
	local root=$scratch/trial

	mkdir -p "$root"/{bin,dev}
	cp "$(command -v busybox)" "$root/bin/"
	cat >"$root/init" <<-'EOI'
		#!/bin/busybox sh
		busybox mount -t devtmpfs devtmpfs /dev
		busybox echo 0 >/dev/ttyS2
		busybox poweroff -f
	EOI
	chmod +x "$root/init"
	pack_initramfs "$root" "$1"
}
