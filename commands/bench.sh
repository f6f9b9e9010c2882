# SPDX-License-Identifier: GPL-2.0-only

command_summary="Measure in a guest how long readers and writers wait."
command_options="kernel kernel-image kernel-build kernel-modules memory cpus timeout verbose"
command_arguments="OPTIONS OF hmmu-bench"
default_kernel=6.12

command_main() {
	prepare_guest 3072 1800
	guest_run bench hmmu-bench "${arguments[@]}"
}
