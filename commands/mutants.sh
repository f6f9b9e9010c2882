# SPDX-License-Identifier: GPL-2.0-only

command_summary="Break the engine on purpose, in many ways: the model must notice each."
command_options="case list"
command_arguments=""

command_main() {
	local mutants name begun=$SECONDS

	mapfile -t mutants < <(files_of_case "$top/model/mutants" "" | xargs -r -n 1 basename)
	[ ${#mutants[@]} -gt 0 ] ||
		die "no mutant matches; ./run mutants --list shows all"
	if [ -n "${option[list]-}" ]; then
		for name in "${mutants[@]}"; do
			printf '%-32s %s\n' "$name" "$(mutant_line What "$name")"
		done
		return
	fi
	need_tools "${model_tools[@]}" "${mutant_tools[@]}"
	build_model sanitized
	need_healthy_engine
	rm -rf build/mutants
	mkdir -p build/mutants "$scratch/table"
	printf '%-9s %-32s %-18s %s\n' result mutant scenario "what was noticed"
	for name in "${mutants[@]}"; do
		wait_for_processor
		try_mutant "$name" &
	done
	wait
	report_mutants "${#mutants[@]}"
	say "tried in $((SECONDS - begun)) s"
	[ "$failed" -eq 0 ]
}

# A scenario that fails without a mutant would fail with every mutant.
need_healthy_engine() {
	say "exploring the engine as it is"
	option[case]=
	select_scenarios ""
	explore_scenarios --brief >"$scratch/healthy"
	[ "$failed" -eq 0 ] ||
		die "the engine as it is fails in $(explored_failures "" | paste -sd' '); mend that first"
}

# mutant_line KEY MUTANT: prints the value of the line "KEY: value" in the mutant's head.
mutant_line() {
	sed -n "s/^$1: //p;/^---/q" "$top/model/mutants/$2"
}

# Always writes one line into the table.
try_mutant() {
	local tree=$top/build/mutants/$1 line

	line=$(make_mutant "$1" "$tree" && hunt "$1" "$tree")
	printf '%s\n' "$line" >"$scratch/table/$1"
	printf '%s\n' "$line"
	rm -rf "$tree"
}

# Copies the sources and the build of the model, with their times, so that make builds
# again only what the patch changes.
make_mutant() {
	local log=$top/build/log/mutant-$1.log

	mkdir -p "$2/build/model"
	cp -a kernel model "$2"
	cp -a build/model/sanitized build/model/seam "$2/build/model"
	if ! patch --forward --quiet -d "$2" -p1 <"model/mutants/$1" >"$log" 2>&1; then
		table_line broken "$1" - "does not apply: see build/log/mutant-$1.log"
	elif ! make -C "$2" -f model/Makefile lenient=-Wno-error >>"$log" 2>&1; then
		table_line broken "$1" - "does not compile: see build/log/mutant-$1.log"
	else
		return 0
	fi
	return 1
}

table_line() {
	printf '%-9s %-32s %-18s %s' "$@"
}

# Runs the scenario that is known to notice the mutant first, then the others.
hunt() {
	local said scenario first

	first=$(mutant_line First "$1")
	[ -f "model/scenarios/$first" ] ||
		{ table_line broken "$1" "$first" "is no scenario"; return; }
	for scenario in "$first" $(cd model/scenarios && printf '%s\n' * | grep -vxF "$first"); do
		said=$("$2/build/model/sanitized/hmmu-model" --brief "model/scenarios/$scenario" 2>&1) &&
			continue
		if [[ $said == 'not ok '* ]]; then
			table_line killed "$1" "$scenario" "$(tail -n 1 <<<"$said" | sed 's/^ *//')"
		else
			table_line broken "$1" "$scenario" "$said"
		fi
		return
	done
	table_line SURVIVED "$1" - "$(mutant_line What "$1")"
}

report_mutants() {
	local killed

	killed=$(cat "$scratch"/table/* | grep -c '^killed ')
	failed=$(($1 - killed))
	if [ "$failed" -gt 0 ]; then
		printf '\nnot noticed:\n'
		grep -hv '^killed ' "$scratch"/table/*
	fi
	echo
	echo "$killed passed, $failed failed, 0 skipped"
}
