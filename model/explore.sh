# SPDX-License-Identifier: GPL-2.0-only
#
# How ./run builds the model and explores scenarios with it.

model_header=$(printf '%-7s %-32s %7s %10s %10s' result scenario actions schedules states)

# $1 is the variant, see model/Makefile; the program ends up in $model.
build_model() {
	local program=hmmu-model

	[ "$1" != fuzzer ] || program=hmmu-fuzzer
	model=$top/build/model/$1/$program
	say "building the model ($1)"
	logged_make "model-$1" -f model/Makefile "VARIANT=$1"
}

# Prints the files of folder $1 that --case means: the one whose name, after the
# prefix $2, it is, or else all that it fits.
files_of_case() {
	local file pattern=${option[case]-} exact

	exact=${pattern#"$2"}
	if [[ $pattern == "$2"?* && $exact != */* && -f $1/$exact ]]; then
		echo "$1/$exact"
		return
	fi
	for file in "$1"/*; do
		! case_means "$2$(basename "$file")" || echo "$file"
	done
}

# Sets scenarios; $1 is what their names begin with, for this command.
select_scenarios() {
	mapfile -t scenarios < <(files_of_case "$top/model/scenarios" "$1")
}

# Until fewer background jobs run than there are processors.
wait_for_processor() {
	while [ "$(jobs -pr | wc -l)" -ge "$(nproc)" ]; do
		wait -n
	done
}

# Runs $model with the words given on each of the scenarios, as many at a time as
# there are processors. Sets passed and failed.
explore_scenarios() {
	local file

	echo "$model_header"
	for file in "${scenarios[@]}"; do
		wait_for_processor
		explore_scenario "$file" "$@" &
	done
	wait
	passed=$(cat "$scratch"/explored/* | grep -c '^ok ')
	failed=$((${#scenarios[@]} - passed))
}

# What it says goes out in one piece, for others run beside it.
explore_scenario() {
	local said status
	said=$scratch/explored/$(basename "$1")

	mkdir -p "$scratch/explored"
	"$model" "${@:2}" "$1" >"$said" 2>&1
	status=$?
	[ "$status" -eq 0 ] || grep -q '^not ok ' "$said" ||
		echo "not ok  $(basename "$1"): hmmu-model ended with status $status" >>"$said"
	flock "$scratch/explored" cat "$said"
}

# The names of what failed, with the command to see it again.
explored_failures() {
	grep -l '^not ok ' "$scratch"/explored/* | while read -r file; do
		file=$(basename "$file")
		echo "$1$file: ./run model --case $file"
	done
}

explored_totals() {
	cat "$scratch"/explored/* | awk '
	/^(not )?ok / { runs += $(NF - 3); states += $(NF - 2) }
	END { printf "%d schedules, %d states\n", runs, states }'
}
