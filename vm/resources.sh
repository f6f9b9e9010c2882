# SPDX-License-Identifier: GPL-2.0-only
#
# Checks that end a run early, before a lack of memory or disk space does it late.

need_plain_path() {
	[[ $top != *[[:space:]:]* ]] ||
		die "kernel modules cannot be built in a path with spaces or colons: move $top"
}

need_disk() {
	local free

	free=$(df -Pm build | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$1" ] ||
		die "needs $1 MB of free disk in $top/build, there are $free MB"
}

# QEMU needs this in addition to the guest's memory.
readonly qemu_memory=300

free_memory() {
	awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo
}

# Prints how many guests of guest_memory may run at the same time.
guests_at_once() {
	local guests

	guests=$(($(free_memory) / (guest_memory + qemu_memory)))
	[ "$guests" -lt "$(nproc)" ] || guests=$(nproc)
	echo $((guests > 0 ? guests : 1))
}

need_memory() {
	local free need=$(($1 + qemu_memory))

	free=$(free_memory)
	[ "$free" -ge "$need" ] ||
		die "a guest of $1 MiB needs $need MiB of free memory, there are $free MiB; free some or lower --memory"
}
