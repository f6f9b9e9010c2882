# SPDX-License-Identifier: GPL-2.0-only

command_summary="Open a shell, or run a command, in a guest with the modules loaded."
command_options="kernel kernel-image kernel-build kernel-modules memory cpus accel timeout append verbose"
command_arguments="COMMAND [ARGUMENT...]"
default_kernel=6.12

greeting='The modules are loaded; hmmu-* are the programs, dmesg the kernel log; exit ends the guest.'

command_main() {
	[ -t 0 ] || [ ${#arguments[@]} -gt 0 ] ||
		die "stdin is no terminal; give a command: ./run shell -- COMMAND"
	prepare_guest 1024 0
	if [ ${#arguments[@]} -gt 0 ]; then
		guest_run shell "${arguments[@]}"
	else
		guest_run --interactive shell sh -c "echo '$greeting'; exec sh"
	fi
}
