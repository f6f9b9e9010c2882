# SPDX-License-Identifier: GPL-2.0-only

command_summary="Restore a guest from a file, lazily, beside a full copy before it starts."
command_options="image kernel kernel-image kernel-build kernel-modules memory cpus accel timeout append verbose"
command_arguments="OPTIONS OF hmmu-restore"
default_kernel=6.12

command_main() {
	local image=${option[image]-} bytes words=()

	# In the guest the output is always a terminal, so the program cannot tell.
	[ -t 1 ] || words=(--plain)

	if [ -z "$image" ]; then
		prepare_guest 1024 600
		guest_run restore hmmu-restore "${words[@]}" "${arguments[@]}"
	else
		bytes=$(stat -c %s "$image")
		[ "$bytes" -gt 0 ] || die "the image '$image' is empty"
		prepare_guest $((1024 + 2 * (bytes / 1048576 + 1))) 1800
		guest_run --disk "$image" restore hmmu-restore --file /dev/vda \
			--bytes "$bytes" "${words[@]}" "${arguments[@]}"
	fi
}
