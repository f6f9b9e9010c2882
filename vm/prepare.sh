# SPDX-License-Identifier: GPL-2.0-only

# prepare_guest MEMORY TIMEOUT: builds all that a guest on the selected kernel needs.
# MEMORY and TIMEOUT are the defaults of --memory and --timeout.
prepare_guest() {
	guest_settings "$1" "$2"
	need_tools "${program_tools[@]}" "${build_tools[@]}" "${guest_tools[@]}"
	build_programs
	kernel_prepare "${selected_kernels[0]}"
	accel_choose
	build_modules
}

guest_settings() {
	guest_memory=${option[memory]-$1}
	guest_timeout=${option[timeout]-$2}
	need_memory "$guest_memory"
}
