# SPDX-License-Identifier: GPL-2.0-only

command_summary="Explore the engine in the model, then test it in a guest of each kernel."
command_options="case list kernel kernel-image kernel-build kernel-modules memory cpus timeout verbose"
command_arguments=""
default_kernel=all

command_main() {
	local case_words=(${option[case]+--case "${option[case]}"}) kernel

	need_tools "${model_tools[@]}"
	build_programs
	select_scenarios model/
	cases=$(build/programs/hmmu-test --list "${case_words[@]}")
	[ -n "$cases${scenarios[*]}" ] ||
		die "no test case matches; ./run test --list shows all"
	if [ -n "${option[list]-}" ]; then
		list_cases
		return
	fi
	test_model
	if [ -n "$cases" ]; then
		guest_settings 2048 1200
		need_tools "${build_tools[@]}" "${guest_tools[@]}"
		for kernel in "${selected_kernels[@]}"; do
			test_on "$kernel"
		done
	fi
	report
}

list_cases() {
	local file

	for file in "${scenarios[@]}"; do
		echo "model/$(basename "$file")"
	done
	printf '%s' "${cases:+$cases$'\n'}"
}

# Needs no kernel and no guest, so whatever else is missing, this is answered.
test_model() {
	local passed failed start=$SECONDS

	[ ${#scenarios[@]} -gt 0 ] || return
	build_model sanitized
	explore_scenarios
	say "in the model: $passed passed, $failed failed, $(explored_totals)"
	explored_failures model/ >>"$scratch/failures"
	echo "model $passed $failed 0 $((SECONDS - start))" >>"$scratch/table"
}

# Adds the kernel's results to those in the scratch folder.
test_on() {
	local tap guest status passed failed skipped start=$SECONDS

	kernel_prepare "$1"
	build_modules
	tap=$top/build/log/test-$1.tap
	guest_run test hmmu-test "${case_words[@]}" | tee "$tap"
	status=${PIPESTATUS[0]}
	tap_count "$tap"
	tap_failures "$tap" | while read -r name; do
		echo "$name: $(again "$1" "$name")"
	done >>"$scratch/failures"
	if guest=$(guest_failure "$tap" "$status"); then
		echo "$guest" >>"$scratch/failures"
		failed=$((failed + 1))
	fi
	tap_times "$tap" | sed "s/\$/ ($1)/" >>"$scratch/times"
	echo "$1 $passed $failed $skipped $((SECONDS - start))" >>"$scratch/table"
}

# Prints what went wrong beside the failed cases; fails when nothing did.
guest_failure() {
	local culprit

	culprit=$(running_test "build/log/test-$kernel_name.console")
	culprit="${culprit:-no case}: $(again "$kernel_name" "$culprit")"
	if [ "$2" -eq "$guest_failed" ]; then
		echo "the guest failed, in $culprit"
	elif ! tap_complete "$1"; then
		echo "hmmu-test ended early with status $2, in $culprit"
	elif [ "$2" -ne 0 ] && [ "$failed" -eq 0 ]; then
		echo "hmmu-test ended with status $2 though no case failed on $kernel_name"
	else
		return 1
	fi
}

# The command that runs case $2 again on kernel $1.
again() {
	local words="--kernel $1" name

	if [ "$1" = own ]; then
		words=
		for name in kernel-image kernel-build kernel-modules; do
			words+="${option[$name]+--$name ${option[$name]} }"
		done
	fi
	echo "./run test ${words% }${2:+ --case $2}"
}

# Prints the results; fails unless tests ran and none failed.
report() {
	if [ -s "$scratch/times" ]; then
		printf '\nslowest cases:\n'
		sort -rn "$scratch/times" | head -n 5 |
			awk '{ printf "%10.3f s  %s %s\n", $1, $2, $3 }'
	fi
	if [ -s "$scratch/failures" ]; then
		printf '\nfailures:\n'
		sed 's/^/  /' "$scratch/failures"
	fi
	echo
	awk '
	BEGIN { format = "%-16s %8s %8s %8s %8s\n"
		printf format, "where", "passed", "failed", "skipped", "seconds" }
	{ printf format, $1, $2, $3, $4, $5; p += $2; f += $3; s += $4 }
	END { printf "%d passed, %d failed, %d skipped\n", p, f, s
		exit f > 0 || p == 0 }' "$scratch/table"
}
