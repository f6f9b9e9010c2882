# SPDX-License-Identifier: GPL-2.0-only

command_summary="Measure what the calls cost, side by side with the stock call."
command_options="kernel kernel-image kernel-build kernel-modules memory cpus timeout append verbose"
command_arguments="OPTIONS OF hmmu-bench"
default_kernel=6.12

command_main() {
	prepare_guest 3072 1800
	guest_run bench hmmu-bench "${arguments[@]}"
}
