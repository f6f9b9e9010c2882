# SPDX-License-Identifier: GPL-2.0-only

command_summary="Explore the engine in the model, then test it in guests of several kernels."
command_options="case list kernel kernel-image kernel-build kernel-modules memory cpus accel timeout append verbose"
command_arguments=""
default_kernel=6.1,6.12,debug-lockdep

command_main() {
	local case_words=(${option[case]+--case "${option[case]}"}) kernel

	need_tools "${model_tools[@]}" "${lazymem_tools[@]}"
	build_programs
	build_lazymem
	select_scenarios model/
	cases=$(build/programs/hmmu-test --list "${case_words[@]}")
	lazymem_cases=$(build/programs/lazymem-test --list "${case_words[@]}")
	suite_case=$(! suite_meant || echo suite/hmm)
	[ -n "$cases$lazymem_cases$suite_case${scenarios[*]}$(chosen_oracles)" ] ||
		die "no test case matches; ./run test --list shows all"
	if [ -n "${option[list]-}" ]; then
		list_cases
		return
	fi
	test_model
	why_no_suite=
	[ -z "$suite_case" ] || why_no_suite=$(suite_get)
	if [ -n "$(kernels_to_boot)" ]; then
		guest_settings 2048 1200
		need_tools "${build_tools[@]}" "${guest_tools[@]}"
	fi
	# Prepare all kernels first: one that is unavailable ends the run before any test.
	for kernel in $(kernels_to_boot); do
		kernel_prepare "$kernel"
		accel_choose
	done
	for kernel in $(kernels_to_boot); do
		test_on "$kernel"
	done
	report
}

kernels_to_boot() {
	local kernel

	for kernel in "${selected_kernels[@]}"; do
		[ -z "$cases$lazymem_cases$suite_case$(chosen_oracles "$kernel")" ] || echo "$kernel"
	done
}

# chosen_oracles [KERNEL]: prints the oracles of KERNEL, or of all selected kernels, that
# --case selects.
chosen_oracles() {
	local oracle

	for oracle in $(oracles_of "${1-${selected_kernels[@]}}"); do
		! case_means "oracle/$oracle" || echo "$oracle"
	done
}

list_cases() {
	local file oracle

	for file in "${scenarios[@]}"; do
		echo "model/$(basename "$file")"
	done
	for oracle in $(chosen_oracles); do
		echo "oracle/$oracle"
	done
	printf '%s' "${cases:+$cases$'\n'}" "${lazymem_cases:+$lazymem_cases$'\n'}" \
		"${suite_case:+$suite_case$'\n'}"
}

# Needs no kernel and no guest, so it runs first.
test_model() {
	local passed failed start=$SECONDS

	[ ${#scenarios[@]} -gt 0 ] || return
	build_model sanitized
	explore_scenarios
	say "in the model: $passed passed, $failed failed, $(explored_totals)"
	explored_failures model/ >>"$scratch/failures"
	echo "model $passed $failed 0 $((SECONDS - start))" >>"$scratch/table"
}

# test_on KERNEL: adds the kernel's results to those in the scratch folder.
test_on() {
	local passed=0 failed=0 skipped=0 proved=() oracles start=$SECONDS

	mapfile -t oracles < <(chosen_oracles "$1")
	kernel_prepare "$1"
	accel_choose
	build_modules
	prove_oracles "${oracles[@]}"
	[ -z "$cases" ] || run_cases test hmmu-test "${case_words[@]}"
	[ -z "$lazymem_cases" ] ||
		run_cases lazymem lazymem-test --guest "${case_words[@]}"
	[ -z "$suite_case" ] || run_suite
	echo "$1 $passed $failed $skipped $((SECONDS - start)) ${proved[*]}" >>"$scratch/table"
}

# Runs before the tests: a kernel with a silent oracle proves nothing.
prove_oracles() {
	local oracle

	for oracle in "$@"; do
		say "showing the oracles of $kernel_name a bug: $oracle"
		if oracle_sees "$oracle"; then
			echo "ok - oracle/$oracle"
			proved+=("$oracle")
			passed=$((passed + 1))
		else
			echo "not ok - oracle/$oracle"
			tail -n 20 "$scratch/oracle" >&2
			echo "oracle/$oracle has not seen its bug: $(again "$kernel_name" "oracle/$oracle")" >>"$scratch/failures"
			failed=$((failed + 1))
		fi
	done
}

# The suite runs as a whole: its cases cannot be selected one by one.
suite_meant() {
	case_means suite/hmm || [[ ${option[case]-} == suite/?* ]]
}

run_suite() {
	if [ -z "$why_no_suite" ]; then
		run_cases suite sh -c "$(suite_command)" suite/hmm
	else
		echo "ok - suite/hmm # SKIP $why_no_suite"
		skipped=$((skipped + 1))
	fi
}

# run_cases NAME PROGRAM [OPTION...]; NAME names the logs.
run_cases() {
	local tap=$top/build/log/$1-$kernel_name.tap guest status bad

	guest_run "$@" | tee "$tap"
	status=${PIPESTATUS[0]}
	bad=$(tap_failures "$tap" | wc -l)
	passed=$((passed + $(tap_passed "$tap")))
	skipped=$((skipped + $(tap_skipped "$tap")))
	tap_failures "$tap" | while read -r name; do
		echo "$name: $(again "$kernel_name" "$name")"
	done >>"$scratch/failures"
	failed=$((failed + bad))
	if guest=$(guest_failure "$2" "$tap" "$status" "$bad"); then
		echo "$guest" >>"$scratch/failures"
		failed=$((failed + 1))
	fi
	tap_times "$tap" | sed "s/\$/ ($kernel_name)/" >>"$scratch/times"
}

# guest_failure PROGRAM TAP STATUS FAILED: prints what went wrong apart from failed cases;
# fails if nothing did.
guest_failure() {
	local culprit

	culprit=$(running_test "${2%.tap}.console")
	culprit="${culprit:-no case}: $(again "$kernel_name" "$culprit")"
	if [ "$3" -eq "$guest_failed" ]; then
		echo "the guest failed, in $culprit"
	elif ! tap_complete "$2"; then
		echo "$1 ended early with status $3, in $culprit"
	elif [ "$3" -ne 0 ] && [ "$4" -eq 0 ]; then
		echo "$1 ended with status $3 though no case failed on $kernel_name"
	else
		return 1
	fi
}

# again KERNEL CASE: prints the command that runs the case again.
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
	BEGIN { format = "%-16s %8s %8s %8s %8s  %s\n"
		printf format, "where", "passed", "failed", "skipped", "seconds",
			"oracles that saw their bug" }
	{
		numbers = $1 " " $2 " " $3 " " $4 " " $5 " "
		printf format, $1, $2, $3, $4, $5, substr($0, length(numbers) + 1)
		p += $2; f += $3; s += $4
	}
	END { printf "%d passed, %d failed, %d skipped\n", p, f, s
		exit f > 0 || p == 0 }' "$scratch/table"
}
