# SPDX-License-Identifier: GPL-2.0-only

command_summary="Run the engine in the model in long random schedules."
command_options="case seconds seed guided"
command_arguments=""

# Schedules of each scenario in a round, and most actions of the actors in a schedule.
round_schedules=1000
round_actions=40

command_main() {
	local seconds=${option[seconds]-60} seed

	seed=$(chosen_seed)

	select_scenarios ""
	[ ${#scenarios[@]} -gt 0 ] ||
		die "no scenario matches; ./run model --list shows all"
	need_tools "${model_tools[@]}"
	if [ -n "${option[guided]-}" ]; then
		guided "$seconds" "$seed"
	else
		roll_dice "$seconds" "$seed"
	fi
}

# The seed of a round is that of the round before plus 1.
roll_dice() {
	local end=$((SECONDS + $1)) seed=$2 rounds=0 all=0 said=$scratch/round

	build_model sanitized
	echo "seed $seed: the same again with --seed $seed"
	while [ "$SECONDS" -lt "$end" ]; do
		if ! explore_scenarios --random "$round_schedules" --loop --actions "$round_actions" \
			--seed "$seed" >"$said" || [ "$failed" -gt 0 ]; then
			grep -v '^ok ' "$said"
			break
		fi
		rounds=$((rounds + 1))
		all=$((all + round_schedules * passed))
		printf 'round %d, seed %d: %d schedules, none violates anything\n' \
			"$rounds" "$seed" "$all"
		seed=$((seed + 1))
	done
	echo "$rounds passed, $failed failed, 0 skipped"
	[ "$failed" -eq 0 ]
}

# libFuzzer looks for schedules that reach new code. It works on one scenario, and keeps
# its corpus in build/fuzz.
guided() {
	local name corpus

	[ ${#scenarios[@]} -eq 1 ] || scenarios=("$top/model/scenarios/wild")
	name=$(basename "${scenarios[0]}")
	corpus=$top/build/fuzz/$name
	need_tools "${fuzzer_tools[@]}"
	build_model fuzzer
	mkdir -p "$corpus"
	say "fuzzing $name with libFuzzer for $1 s"
	MODEL_SCENARIO=${scenarios[0]} "$model" -max_total_time="$1" -seed="$2" \
		-max_len=512 -print_final_stats=1 -artifact_prefix="$corpus-" "$corpus"
}
