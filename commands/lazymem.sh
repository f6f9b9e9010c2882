# SPDX-License-Identifier: GPL-2.0-only

command_summary="Build the page server and test it on this machine's kernel, also with sanitizers."
command_options="case list sanitize seconds"
command_arguments=""

# The soak's, if --seconds does not say otherwise. With sanitizers a few rounds are enough:
# ./run test soaks in guests.
soak_seconds=60
soak_seconds_sanitized=10

command_main() {
	local case_words=(${option[case]+--case "${option[case]}"}) kind=${option[sanitize]-}
	local programs=build/programs tap=$top/build/log/lazymem-host.tap why

	need_tools "${program_tools[@]}" "${lazymem_tools[@]}"
	case $kind in
	"") build_lazymem ;;
	address | thread)
		programs=build/sanitize/$kind/programs
		tap=$top/build/log/lazymem-$kind.tap
		soak_seconds=$soak_seconds_sanitized
		build_lazymem_sanitized "$kind"
		;;
	*) usage_error "--sanitize is address or thread, not '$kind'" ;;
	esac
	if [ -n "${option[list]-}" ]; then
		"$programs/lazymem-test" --list "${case_words[@]}"
		return
	fi
	if why=$(userfaultfd_is_missing "$programs"); then
		echo "nothing was tested: $why"
		echo "0 passed, 0 failed, 1 skipped"
		return
	fi
	test_lazymem
}

# Prints why there is no userfaultfd; fails if there is one.
userfaultfd_is_missing() {
	"$1/lazymem-test" --case lazymem/serve/private |
		sed -n 's/^ok .* # SKIP //p' | grep .
}

test_lazymem() {
	local passed failed reports=$scratch/reports fixed=()

	mkdir -p "$reports"
	# gcc's ThreadSanitizer does not start where addresses are too random.
	[ "$kind" != thread ] || ! setarch -R true 2>/dev/null || fixed=(setarch -R)
	ASAN_OPTIONS=detect_stack_use_after_return=1:log_path=$reports/report \
		UBSAN_OPTIONS=print_stacktrace=1:log_path=$reports/report \
		TSAN_OPTIONS=log_path=$reports/report \
		"${fixed[@]}" "$programs/lazymem-test" "${case_words[@]}" \
		--seconds "${option[seconds]-$soak_seconds}" | tee "$tap"
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
