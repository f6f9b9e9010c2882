# SPDX-License-Identifier: GPL-2.0-only

command_summary="Build the page server and test it on this machine's kernel."
command_options="case"
command_arguments=""

command_main() {
	need_tools "${build_tools[@]}" "${lazymem_tools[@]}"
	mkdir -p build/log
	say "building the page server"
	logged_make lazymem lazymem
	build/programs/lazymem-test build/programs/lazymem ${option[case]:+"${option[case]}"}
}
