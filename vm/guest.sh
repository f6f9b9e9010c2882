# SPDX-License-Identifier: GPL-2.0-only
#
# Boots a guest under QEMU's own CPU emulation and runs one command in it.
# Three serial ports keep apart what would mix: ttyS0 the kernel console,
# ttyS1 the command's input and output, ttyS2 its exit status.

# What guest_run returns when the guest itself failed, whatever the command did.
readonly guest_failed=99

# guest_run [--interactive] [--exact] [--disk FILE] NAME COMMAND [ARGUMENT...]
# Returns the command's status. NAME names the logs; the kernel is the prepared
# one; guest_memory and guest_timeout (0: none) say the rest.
guest_run() {
	local interactive='' exact='' disk='' status

	while [[ $1 == --* ]]; do
		case $1 in
		--interactive) interactive=yes ;;
		--exact) exact=yes ;;
		--disk)
			disk=$2
			shift
			;;
		esac
		shift
	done
	local console=build/log/$1-$kernel_name.console
	shift
	need_disk 300
	command_script "$@" >"$scratch/command"
	make_initramfs "$scratch/initramfs" "$scratch/command"
	boot_until_init
	status=$?
	tell_coarse_timer
	judge "$console" "$status"
}

# Until init has said so nothing of ours is in the guest: what a kernel dies of
# before that is not ours to judge. Under emulation a CPU now and then comes upon
# code that another one is patching.
boot_until_init() {
	local attempt status

	for attempt in 1 2 3; do
		boot
		status=$?
		if [ "$status" -ne 0 ] || [ "$attempt" -eq 3 ] ||
			[ -s "$scratch/status" ] ||
			grep -aqF 'hmm-unlocked: init' "$console"; then
			return "$status"
		fi
		cp "$console" "${console%.console}.boot-$attempt"
		say "the kernel died while it booted, before anything of ours ran (see ${console%.console}.boot-$attempt): booting again"
	done
}

# On a busy host a guest's calibration of its timer may fail; it does without then.
tell_coarse_timer() {
	! grep -aqE 'APIC timer disabled|APIC frequency too slow|Disabling APIC timer' "$console" ||
		say "the guest did without its local timer, whose calibration fails now and then on a busy host: sleeps took steps of a tick"
}

boot() {
	local status follower=''

	say "booting $kernel_release (${guest_memory} MiB, console in $console)"
	: >"$console"
	: >"$scratch/status"
	if [ -n "${option[verbose]-}" ]; then
		tail -f "$console" >&2 &
		follower=$!
	fi
	if [ -n "$interactive" ]; then
		qemu
	else
		# A session of its own keeps the terminal's Ctrl-C from QEMU:
		# ./run ends it, in order.
		qemu setsid </dev/null
	fi
	status=$?
	[ -z "$follower" ] || kill "$follower"
	return "$status"
}

# Words given are put before QEMU's own.
qemu() {
	local drive=() processors=(-accel "tcg,thread=multi,tb-size=256"
		-smp "${option[cpus]-2}")

	# One processor, and a clock that counts its instructions.
	[ -z "$exact" ] || processors=(-accel "tcg,thread=single,tb-size=256"
		-icount "shift=0,sleep=off" -smp 1)

	[ -z "$disk" ] ||
		drive=(-drive "file=${disk//,/,,},format=raw,if=virtio,readonly=on")
	"$@" timeout --foreground -k 5 "$guest_timeout" \
		qemu-system-x86_64 -nodefaults -no-user-config -no-reboot \
		-machine q35 "${processors[@]}" -cpu max \
		-m "$guest_memory" -display none \
		-kernel "$kernel_image" -initrd "$scratch/initramfs" \
		-append "$(kernel_parameters)" "${drive[@]}" \
		-chardev "file,id=console,path=$console" -serial chardev:console \
		-chardev stdio,id=command,signal=off -serial chardev:command \
		-chardev "file,id=status,path=$scratch/status" -serial chardev:status
}

# An oops ends the guest at once. Without mitigations the emulated CPU keeps
# its translations across system calls, which makes it much faster.
kernel_parameters() {
	echo console=ttyS0 oops=panic panic=-1 printk.devkmsg=on mitigations=off \
		"$(device_memory)" "${option[append]-}"
}

# RAM that the system leaves alone, for two devices with coherent memory.
device_memory() {
	[ "$guest_memory" -lt 1024 ] ||
		echo "memmap=128M\$0x30000000 hmm_dmirror.memory_mib=64" \
			"hmm_dmirror.spm_addr_dev0=0x30000000" \
			"hmm_dmirror.spm_addr_dev1=0x34000000"
}

# The guest's /command.
command_script() {
	[ -z "$disk" ] || echo 'load virtio_blk || exit'
	if [ -n "$interactive" ]; then
		echo "export TERM=$(quote "${TERM-dumb}")"
		stty size | while read -r rows columns; do
			[ "$rows" -eq 0 ] || echo "stty rows $rows cols $columns"
		done
	else
		echo 'stty raw -echo'
	fi
	quote "$@"
	# When the leader of a terminal's session ends, what was not sent yet is
	# thrown away. Setting a terminal waits until it is sent.
	cat <<-'EOF'
		status=$?
		stty sane
		exit $status
	EOF
}

# Each word in quotes that any shell takes.
quote() {
	local word words=()

	for word in "$@"; do
		words+=("'${word//\'/\'\\\'\'}'")
	done
	echo "${words[*]}"
}
