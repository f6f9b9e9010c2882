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

# QEMU needs 300 MiB in addition to the guest's memory.
need_memory() {
	local free need=$(($1 + 300))

	free=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)
	[ "$free" -ge "$need" ] ||
		die "a guest of $1 MiB needs $need MiB of free memory, there are $free MiB; free some or lower --memory"
}
