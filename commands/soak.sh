# SPDX-License-Identifier: GPL-2.0-only

command_summary="Storms in address spaces, and a page server whose clients and sources are killed, for long."
command_options="minutes seed case kernel kernel-image kernel-build kernel-modules memory cpus accel append verbose"
command_arguments=""
default_kernel=6.1,6.12

# NAME and the command that runs it. Each runs for all the minutes, on each kernel.
soaks=(
	"soak/address-space hmmu-test"
	"lazymem/soak lazymem-test --guest"
)

command_main() {
	local minutes=${option[minutes]-10} kernel seed words chosen=() passed=0 failed=0

	[ "$minutes" -gt 0 ] || usage_error "--minutes needs a whole number above 0"
	for words in "${soaks[@]}"; do
		! case_means "${words%% *}" || chosen+=("$words")
	done
	[ ${#chosen[@]} -gt 0 ] ||
		die "no soak matches; there are: $(printf '%s\n' "${soaks[@]%% *}" | paste -sd' ')"
	seed=$(chosen_seed)
	need_tools "${program_tools[@]}" "${lazymem_tools[@]}" "${build_tools[@]}" \
		"${guest_tools[@]}"
	build_programs
	build_lazymem
	guest_settings 2048 $((minutes * 60 + 600))
	for kernel in "${selected_kernels[@]}"; do
		kernel_prepare "$kernel"
		accel_choose
	done
	for kernel in "${selected_kernels[@]}"; do
		kernel_prepare "$kernel"
		accel_choose
		build_modules
		for words in "${chosen[@]}"; do
			# shellcheck disable=SC2086
			soak $words
		done
	done
	echo "$passed passed, $failed failed, 0 skipped"
	[ "$failed" -eq 0 ]
}

# soak CASE PROGRAM [OPTION...], in a guest of its own.
soak() {
	local log=${1//\//-} tap=$top/build/log/${1//\//-}-$kernel_name.tap

	say "$1: soaking $kernel_name for $minutes minutes, seed $seed"
	guest_run "$log" "${@:2}" --case "$1" \
		--seconds $((minutes * 60)) --seed "$seed" | tee "$tap"
	if [ "${PIPESTATUS[0]}" -eq 0 ] && tap_complete "$tap" &&
		[ "$(tap_passed "$tap")" -gt 0 ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "again: ./run soak --kernel $kernel_name --case $1 --minutes $minutes --seed $seed"
	fi
}
