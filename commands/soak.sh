# SPDX-License-Identifier: GPL-2.0-only

command_summary="Kill clients and sources of the page server at random, for as long as you like."
command_options="minutes seed kernel kernel-image kernel-build kernel-modules memory cpus append verbose"
command_arguments=""
default_kernel=6.1,6.12

command_main() {
	local minutes=${option[minutes]-10} kernel seed passed=0 failed=0

	seed=$(chosen_seed)
	need_tools "${program_tools[@]}" "${lazymem_tools[@]}" "${build_tools[@]}" \
		"${guest_tools[@]}"
	build_programs
	build_lazymem
	guest_settings 2048 $((minutes * 60 + 600))
	for kernel in "${selected_kernels[@]}"; do
		kernel_prepare "$kernel"
	done
	for kernel in "${selected_kernels[@]}"; do
		kernel_prepare "$kernel"
		build_modules
		soak
	done
	echo "$passed passed, $failed failed, 0 skipped"
	[ "$failed" -eq 0 ]
}

soak() {
	local tap=$top/build/log/soak-$kernel_name.tap

	say "soaking $kernel_name for $minutes minutes, seed $seed"
	guest_run soak lazymem-test --guest --case lazymem/soak \
		--seconds $((minutes * 60)) --seed "$seed" | tee "$tap"
	if [ "${PIPESTATUS[0]}" -eq 0 ] && tap_complete "$tap" &&
		[ "$(tap_passed "$tap")" -gt 0 ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "again: ./run soak --kernel $kernel_name --minutes $minutes --seed $seed"
	fi
}
