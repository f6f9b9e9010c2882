# SPDX-License-Identifier: GPL-2.0-only

command_summary="Explore the engine in the model, then test it in guests of several kernels."
command_options="case list kernel kernel-image kernel-build kernel-modules memory cpus guests accel timeout append verbose"
command_arguments=""
default_kernel=6.1,6.12,7.3,debug-lockdep

# By kernel: why its suite cannot be built, or nothing.
declare -A why_no_suite=()

command_main() {
	local case_words=(${option[case]+--case "${option[case]}"}) kernel

	need_tools "${model_tools[@]}" "${program_tools[@]}" "${lazymem_tools[@]}"
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
	if [ -n "$(kernels_to_boot)" ]; then
		guest_settings 2048 3000
		need_tools "${build_tools[@]}" "${guest_tools[@]}"
	fi
	# Prepare all kernels first: one that is unavailable ends the run before any test.
	for kernel in $(kernels_to_boot); do
		kernel_prepare "$kernel"
		accel_choose
		build_modules
		[ -z "$suite_case" ] || why_no_suite[$kernel]=$(suite_get)
	done
	run_guests
	report
}

# Runs all guests, several at once: a guest waits for much of its time. Each line begins with
# the kernel's name. The longest guests come first, so that the last ones end at about the
# same time: all cases before all oracles, and debug kernels, which are named last, before the
# others.
run_guests() {
	local kernels kernel job running=0 most

	[ -n "$(kernels_to_boot)" ] || return 0
	most=${option[guests]-$(guests_at_once)}
	kernels=$(kernels_to_boot | tac)
	for job in cases lazymem suite oracles; do
		for kernel in $kernels; do
			job_meant "$job" "$kernel" || continue
			kernel_prepare "$kernel"
			accel_choose
			modules_built=$(modules_of_kernel)
			[ "$running" -lt "$most" ] || wait -n
			[ "$running" -eq "$most" ] || running=$((running + 1))
			{ (run_job "$job") || job_lost "$job"; } | name_lines "$kernel" &
		done
	done
	wait
}

# job_meant JOB KERNEL
job_meant() {
	case $1 in
	cases) [ -n "$cases" ] ;;
	lazymem) [ -n "$lazymem_cases" ] ;;
	suite) [ -n "$suite_case" ] ;;
	oracles) [ -n "$(chosen_oracles "$2")" ] ;;
	esac
}

# run_job JOB: on the prepared kernel; adds the results to those of the run.
run_job() {
	local results=$scratch scratch=$scratch/$kernel_name-$1
	local passed=0 failed=0 skipped=0 proved=() start=$SECONDS

	mkdir -p "$scratch"
	"job_$1"
	echo "$kernel_name $passed $failed $skipped $((SECONDS - start)) ${proved[*]}" >>"$results/table"
	rm -rf "$scratch"
}

# A job that ended itself, for want of disk space for example, has said why.
job_lost() {
	echo "the guest for $1 was not run: ./run test --kernel $kernel_name" >>"$scratch/failures"
	echo "$kernel_name 0 1 0 0 " >>"$scratch/table"
}

job_oracles() {
	local oracle

	for oracle in $(chosen_oracles "$kernel_name"); do
		prove_oracle "$oracle"
	done
}

job_cases() {
	run_cases test hmmu-test "${case_words[@]}"
}

job_lazymem() {
	run_cases lazymem lazymem-test --guest "${case_words[@]}"
}

job_suite() {
	if [ -z "${why_no_suite[$kernel_name]-}" ]; then
		run_cases suite sh -c "$(suite_command)" suite/hmm
	else
		echo "ok - suite/hmm # SKIP ${why_no_suite[$kernel_name]}"
		skipped=$((skipped + 1))
	fi
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

prove_oracle() {
	say "showing the oracles of $kernel_name a bug: $1"
	if oracle_sees "$1"; then
		echo "ok - oracle/$1"
		proved+=("$1")
		passed=$((passed + 1))
	else
		echo "not ok - oracle/$1"
		tail -n 20 "$scratch/oracle" >&2
		echo "oracle/$1 has not seen its bug: $(again "$kernel_name" "oracle/$1")" >>"$results/failures"
		failed=$((failed + 1))
	fi
}

# The suite runs as a whole: its cases cannot be selected one by one.
suite_meant() {
	case_means suite/hmm || [[ ${option[case]-} == suite/?* ]]
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
	done >>"$results/failures"
	failed=$((failed + bad))
	if guest=$(guest_failure "$2" "$tap" "$status" "$bad"); then
		echo "$guest" >>"$results/failures"
		failed=$((failed + 1))
	fi
	tap_times "$tap" | sed "s/\$/ ($kernel_name)/" >>"$results/times"
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

# Prints the results; fails unless tests ran and none failed. The seconds of a kernel are
# those of its guests; the kernel whose guest ended first comes first.
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
	!($1 in seconds) { order[n++] = $1 }
	{
		numbers = $1 " " $2 " " $3 " " $4 " " $5 " "
		proved[$1] = proved[$1] substr($0, length(numbers) + 1)
		passed[$1] += $2; failed[$1] += $3; skipped[$1] += $4; seconds[$1] += $5
		p += $2; f += $3; s += $4
	}
	END {
		format = "%-16s %8s %8s %8s %8s  %s\n"
		printf format, "where", "passed", "failed", "skipped", "seconds",
			"oracles that saw their bug"
		for (i = 0; i < n; i++) {
			name = order[i]
			printf format, name, passed[name], failed[name], skipped[name],
				seconds[name], proved[name]
		}
		printf "%d passed, %d failed, %d skipped\n", p, f, s
		exit f > 0 || p == 0
	}' "$scratch/table"
}
