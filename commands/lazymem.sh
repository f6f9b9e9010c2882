# SPDX-License-Identifier: GPL-2.0-only

command_summary="Build the page server and test it on this machine's kernel, also with sanitizers."
command_options="case list sanitize seconds"
command_arguments=""

# With sanitizers a few rounds of the soak are enough: ./run test soaks in guests.
soak_rounds_sanitized=3

command_main() {
	local case_words=(${option[case]+--case "${option[case]}"}) kind kinds why

	IFS=, read -ra kinds <<<"${option[sanitize]-none}"
	need_tools "${program_tools[@]}" "${lazymem_tools[@]}"
	for kind in "${kinds[@]}"; do
		build_kind "$kind"
	done
	if [ -n "${option[list]-}" ]; then
		"$(programs_of "$kind")/lazymem-test" --list "${case_words[@]}"
		return
	fi
	if why=$(userfaultfd_is_missing "$(programs_of "$kind")"); then
		echo "nothing was tested: $why"
		echo "0 passed, 0 failed, 1 skipped"
		return
	fi
	if [ ${#kinds[@]} -eq 1 ]; then
		test_lazymem "$kind"
	else
		test_at_once
	fi
}

build_kind() {
	case $1 in
	none) build_lazymem ;;
	address | thread) build_lazymem_sanitized "$1" ;;
	*) usage_error "--sanitize is address, thread or both with a comma, not '$1'" ;;
	esac
}

programs_of() {
	if [ "$1" = none ]; then
		echo build/programs
	else
		echo "build/sanitize/$1/programs"
	fi
}

# The tests wait for much of their time. Each line begins with the sanitizer's name.
test_at_once() {
	local tests=() test status=0

	for kind in "${kinds[@]}"; do
		(set -o pipefail && test_lazymem "$kind" | name_lines "$kind") &
		tests+=($!)
	done
	for test in "${tests[@]}"; do
		wait "$test" || status=1
	done
	return "$status"
}

# Prints why there is no userfaultfd; fails if there is one.
userfaultfd_is_missing() {
	"$1/lazymem-test" --case lazymem/serve/private |
		sed -n 's/^ok .* # SKIP //p' | grep .
}

# test_lazymem KIND
test_lazymem() {
	local passed failed reports=$scratch/reports-$1 fixed=() soak=()
	local tap=$top/build/log/lazymem-$1.tap

	mkdir -p "$reports"
	[ "$1" = none ] || soak=(--rounds "$soak_rounds_sanitized")
	[ -z "${option[seconds]-}" ] || soak=(--seconds "${option[seconds]}")
	# gcc's ThreadSanitizer does not start where addresses are too random.
	[ "$1" != thread ] || ! setarch -R true 2>/dev/null || fixed=(setarch -R)
	ASAN_OPTIONS=detect_stack_use_after_return=1:log_path=$reports/report \
		UBSAN_OPTIONS=print_stacktrace=1:log_path=$reports/report \
		TSAN_OPTIONS=log_path=$reports/report \
		"${fixed[@]}" "$(programs_of "$1")/lazymem-test" "${case_words[@]}" "${soak[@]}" |
		tee "$tap"
	passed=$(tap_passed "$tap")
	failed=$(tap_failures "$tap" | wc -l)
	tap_complete "$tap" || failed=$((failed + 1))
	failed=$((failed + $(sanitizer_reports "$reports")))
	echo "$passed passed, $failed failed, $(tap_skipped "$tap") skipped"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

# A file for each process that had something to report, whether or not a case looked at the
# process's status. Prints how many there are, and shows them.
sanitizer_reports() {
	local file n=0

	for file in "$1"/*; do
		[ -e "$file" ] || continue
		n=$((n + 1))
		cat "$file" >&2
	done
	echo "$n"
}
