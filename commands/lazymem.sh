# SPDX-License-Identifier: GPL-2.0-only

command_summary="Build the page server and test it on this machine's kernel."
command_options="case list"
command_arguments=""

command_main() {
	local tap=$top/build/log/lazymem-host.tap passed failed
	local case_words=(${option[case]+--case "${option[case]}"})

	need_tools "${program_tools[@]}" "${lazymem_tools[@]}"
	build_lazymem
	if [ -n "${option[list]-}" ]; then
		build/programs/lazymem-test --list "${case_words[@]}"
		return
	fi
	build/programs/lazymem-test "${case_words[@]}" | tee "$tap"
	passed=$(tap_passed "$tap")
	failed=$(tap_failures "$tap" | wc -l)
	tap_complete "$tap" || failed=$((failed + 1))
	echo "$passed passed, $failed failed, $(tap_skipped "$tap") skipped"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
