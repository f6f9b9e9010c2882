# SPDX-License-Identifier: GPL-2.0-only

command_summary="Show memory that the stock call refuses reach a device."
command_options="snapshot kernel kernel-image kernel-build kernel-modules memory cpus accel timeout append verbose"
command_arguments=""
default_kernel=6.12

command_main() {
	local snapshot=${option[snapshot]-} bytes words=()

	# In the guest the output is always a terminal, so the program cannot tell.
	[ -t 1 ] || words=(--plain)

	if [ -z "$snapshot" ]; then
		prepare_guest 1024 600
		guest_run demo hmmu-demo "${words[@]}"
	else
		bytes=$(stat -c %s "$snapshot")
		[ "$bytes" -gt 0 ] || die "the snapshot '$snapshot' is empty"
		prepare_guest $((1024 + 2 * (bytes / 1048576 + 1))) 1800
		guest_run --disk "$snapshot" demo hmmu-demo --file /dev/vda --bytes "$bytes" \
			"${words[@]}"
	fi
}
