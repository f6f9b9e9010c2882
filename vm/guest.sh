# SPDX-License-Identifier: GPL-2.0-only
#
# Boots a guest under QEMU and runs one command in it. Three serial ports keep three
# streams apart: ttyS0 the kernel console, ttyS1 the command's input and output, ttyS2 its
# exit status.

# What guest_run returns if the guest itself failed, whatever the command returned.
readonly guest_failed=99

# A kernel that has printed nothing for this many seconds, while its init does not run yet, has
# stopped. (Unpacking the initramfs is the longest silence: seconds, a minute on a busy host.)
readonly boot_silence_seconds=240

# guest_run [--interactive] [--exact] [--disk FILE] NAME COMMAND [ARGUMENT...]
# Returns the command's status. NAME names the logs. Boots the prepared kernel, with
# guest_memory MiB, for at most guest_timeout seconds (0: no limit). With --exact the guest
# has one processor and a clock that counts its instructions; otherwise it runs under the
# accelerator that accel_choose has set.
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
	[ -z "$exact" ] || local accelerator=tcg
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

# Before the guest's init reports to the console, no module is loaded: if a kernel dies
# before, or stops, it is booted again. Under emulation a CPU sometimes executes code that
# another CPU is patching, and a calibration of a timer may not end.
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
		say "the kernel died or stopped while it booted, before any module was loaded (see ${console%.console}.boot-$attempt): booting again"
	done
}

# On a busy host the calibration of the guest's local timer may fail; the guest then runs
# without that timer.
tell_coarse_timer() {
	! grep -aqE 'APIC timer disabled|APIC frequency too slow|Disabling APIC timer' "$console" ||
		say "the guest ran without its local timer, whose calibration may fail on a busy host: sleeps took whole ticks"
}

boot() {
	local status follower='' watcher=''

	say "booting $kernel_release (${accelerator^^}, ${guest_memory} MiB, console in $console)"
	: >"$console"
	: >"$scratch/status"
	if [ -n "${option[verbose]-}" ]; then
		tail -f "$console" >&2 &
		follower=$!
	fi
	if [ -n "$interactive" ]; then
		qemu
	else
		# In a session of its own QEMU does not get the terminal's Ctrl-C:
		# ./run ends QEMU in order.
		boot_watch >/dev/null &
		watcher=$!
		qemu setsid </dev/null
	fi
	status=$?
	# shellcheck disable=SC2086
	kill $follower $watcher 2>/dev/null
	return "$status"
}

# Ends QEMU if the kernel stops before its init runs.
boot_watch() {
	local size=0 now silent=0

	until grep -aqF 'hmm-unlocked: init' "$console"; do
		sleep 1
		now=$(stat -c %s "$console")
		silent=$((now == size ? silent + 1 : 0))
		size=$now
		if [ "$silent" -ge "$boot_silence_seconds" ]; then
			kill "$(<"$scratch/qemu.pid")"
			return
		fi
	done
}

# qemu [PREFIX...]: PREFIX is a command that runs QEMU.
qemu() {
	local drive=() processors

	mapfile -t processors < <(processors)
	[ -z "$disk" ] ||
		drive=(-drive "file=${disk//,/,,},format=raw,if=virtio,readonly=on")
	"$@" timeout --foreground -k 5 "$guest_timeout" \
		qemu-system-x86_64 -nodefaults -no-user-config -no-reboot \
		-machine q35 "${processors[@]}" \
		-m "$guest_memory" -display none -pidfile "$scratch/qemu.pid" \
		-kernel "$kernel_image" -initrd "$scratch/initramfs" \
		-append "$(kernel_parameters)" "${drive[@]}" \
		-chardev "file,id=console,path=$console" -serial chardev:console \
		-chardev stdio,id=command,signal=off -serial chardev:command \
		-chardev "file,id=status,path=$scratch/status" -serial chardev:status
}

# Prints QEMU's options for the guest's processors, a word a line.
processors() {
	if [ -n "$exact" ]; then
		printf '%s\n' -accel "tcg,thread=single,tb-size=256" \
			-icount "shift=0,sleep=off" -cpu max -smp 1
	elif [ "$accelerator" = tcg ]; then
		# TCG executes the string instructions a byte at a time.
		printf '%s\n' -accel "tcg,thread=multi,tb-size=256" \
			-cpu "max,-erms,-fsrm" -smp "${option[cpus]-2}"
	else
		# KVM without the processor's support cannot offer arch-capabilities.
		printf '%s\n' -accel kvm -cpu "max,-arch-capabilities" \
			-smp "${option[cpus]-2}"
	fi
}

# An oops ends the guest at once. Without mitigations the emulated CPU keeps its
# translations across system calls, which is much faster.
kernel_parameters() {
	echo console=ttyS0 oops=panic panic=-1 printk.devkmsg=on mitigations=off \
		"$(tsc_frequency)" "$(device_memory)" "${option[append]-}"
}

# Tells an emulated processor's kernel the frequency of its time stamp counter: see vm/tsc.c.
tsc_frequency() {
	[[ -z $exact && $accelerator = tcg ]] || return 0
	echo "tsc_early_khz=$(build/tsc)"
}

# Reserves RAM for two devices with coherent memory.
device_memory() {
	[ "$guest_memory" -lt 1024 ] ||
		echo "memmap=128M\$0x30000000 hmm_dmirror.memory_mib=64" \
			"hmm_dmirror.spm_addr_dev0=0x30000000" \
			"hmm_dmirror.spm_addr_dev1=0x34000000"
}

# Prints the script that becomes the guest's /command.
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
	# When the leader of a terminal's session ends, output that was not sent yet is
	# lost. stty waits until it is sent.
	cat <<-'EOF'
		status=$?
		stty sane
		exit $status
	EOF
}

# Prints the arguments, quoted for any shell.
quote() {
	local word words=()

	for word in "$@"; do
		words+=("'${word//\'/\'\\\'\'}'")
	done
	echo "${words[*]}"
}
