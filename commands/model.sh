# SPDX-License-Identifier: GPL-2.0-only

command_summary="Run the engine in a model of the kernel, in all orders of events."
command_options="case list actions loop replay from-start coverage"
command_arguments=""

command_main() {
	local variant=sanitized words=() begun=$SECONDS

	select_scenarios ""
	[ ${#scenarios[@]} -gt 0 ] ||
		die "no scenario matches; ./run model --list shows all"
	if [ -n "${option[list]-}" ]; then
		list_scenarios
		return
	fi
	need_tools "${model_tools[@]}"
	if [ -n "${option[coverage]-}" ]; then
		# A run adds to the counts of an earlier one.
		rm -rf build/model/coverage
		variant=coverage
	fi
	build_model "$variant"
	[ -z "${option[actions]-}" ] || words+=(--actions "${option[actions]}")
	[ -z "${option[loop]-}" ] || words+=(--loop)
	[ -z "${option[from-start]-}" ] || words+=(--from-start)
	if [ -n "${option[replay]-}" ]; then
		replay "${words[@]}"
		return
	fi
	explore_scenarios "${words[@]}"
	echo
	explored_totals
	# With --case coverage is only shown: the verdict is about all scenarios.
	[ "$variant" != coverage ] || report_coverage ||
		[ -n "${option[case]-}" ] || failed=$((failed + 1))
	[ "$failed" -eq 0 ] || explored_failures ""
	echo "$passed passed, $failed failed, 0 skipped"
	say "explored in $((SECONDS - begun)) s"
	[ "$failed" -eq 0 ]
}

list_scenarios() {
	local file

	for file in "${scenarios[@]}"; do
		printf '%-32s %s\n' "$(basename "$file")" \
			"$(sed -n '/SPDX/!{s/^# //p;q}' "$file")"
	done
}

replay() {
	[ ${#scenarios[@]} -eq 1 ] ||
		die "--replay needs one scenario: give its name with --case"
	"$model" "$@" --replay "${option[replay]}" "${scenarios[0]}"
}
