# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the parts of hmmu-bench in two guests: one whose clock counts instructions, and one
# in time, for parts that need two processors.

command_summary="Measure what the calls cost, beside the stock call and beside beginning again."
command_options="list time csv plots kernel kernel-image kernel-build kernel-modules memory cpus accel timeout append verbose"
command_arguments="[--runs N] [--strict] PART..."
default_kernel=6.12

command_main() {
	local plan

	if [ -n "${option[plots]-}" ]; then
		draw_plots
		return
	fi
	need_tools "${build_tools[@]}"
	build_programs
	if [ -n "${option[list]-}" ]; then
		build/programs/hmmu-bench --list
		return
	fi
	plan=$(planned) || exit
	say "will measure $plan; --list shows all parts, -- PART... chooses"
	build_page_server
	prepare_guest 3072 3600
	measure
}

# planned [OPTION...]: prints the plan; nothing if no part is chosen. The options are
# those of hmmu-bench.
planned() {
	build/programs/hmmu-bench --plan "$@" "${arguments[@]}"
}

# Builds the page server, and installs its libraries, only if the plan measures it.
build_page_server() {
	[[ $plan == *source* || $plan == *prefetch* ]] || return 0
	need_tools "${lazymem_tools[@]}"
	build_lazymem
}

# Parts that need two processors, or all with --time, run in a guest of their own.
measure() {
	local reached=0 missed=0 status=0

	: >"$scratch/rows"
	if [ -n "${option[time]-}" ]; then
		measure_in bench
	else
		[ -z "$(planned --clock instructions)" ] ||
			measure_in --exact bench-exact --clock instructions
		[ -z "$(planned --clock time)" ] ||
			measure_in bench --clock time
	fi
	keep_rows
	printf '\n%s reached, %s not reached\n' "$reached" "$missed"
	return "$status"
}

# measure_in [--exact] NAME [OPTION...]; the options are those of hmmu-bench.
measure_in() {
	local words=() this

	if [ "$1" = --exact ]; then
		words=(--exact)
		shift
	fi
	[ ${#words[@]} -gt 0 ] || printf 'Time is from a guest under %s.\n' "${accelerator^^}"
	guest_run "${words[@]}" "$1" hmmu-bench --rows "${@:2}" "${arguments[@]}" |
		sort_lines
	this=${PIPESTATUS[0]}
	[ "$this" -eq 0 ] || status=$this
	[ -s "$scratch/sums" ] || return 0
	reached=$((reached + $(cut -d' ' -f1 "$scratch/sums")))
	missed=$((missed + $(cut -d' ' -f3 "$scratch/sums")))
	rm "$scratch/sums"
}

# Each guest prints the names of the columns; only the first line of them is kept. The
# clock of rows in time is "time" under TCG, "time-kvm" under KVM.
keep_rows() {
	[ -n "${option[csv]-}" ] || return 0
	awk -F, -v OFS=, -v "accelerator=$accelerator" '
		$2 == "time" && accelerator != "tcg" { $2 = "time-" accelerator }
		NR == 1 || !/^kernel,/' "$scratch/rows" >"${option[csv]}" ||
		die "cannot write ${option[csv]}"
	say "$(($(wc -l <"${option[csv]}") - 1)) rows in ${option[csv]}"
}

# Sorts the output of hmmu-bench --rows: rows go into a file, progress to the terminal.
sort_lines() {
	local line shown='' last=''

	while IFS= read -r line; do
		case $line in
		'csv '*)
			echo "${line#csv }" >>"$scratch/rows"
			;;
		'progress '*)
			show_progress "${line#progress }"
			;;
		[0-9]*' reached, '*)
			echo "$line" >"$scratch/sums"
			;;
		*)
			hide_progress
			printf '%s\n' "$line"
			;;
		esac
	done
	hide_progress
}

# On a terminal one line that changes; otherwise a line for each table.
show_progress() {
	local text=${1%, run *}

	if [ -t 2 ]; then
		printf '\r\033[K%s' "${1:0:$(($(tput cols 2>/dev/null || echo 80) - 1))}" >&2
		shown=yes
	elif [ "$text" != "$last" ]; then
		say "$text"
		last=$text
	fi
}

hide_progress() {
	[ -z "$shown" ] || printf '\r\033[K' >&2
	shown=
}

# Each bench/plots/NAME.gp makes docs/performance/NAME.svg.
draw_plots() {
	local plot name

	need_tools "${plot_tools[@]}"
	for plot in bench/plots/*.gp; do
		name=$(basename "$plot" .gp)
		[ "$name" != common ] || continue
		(cd docs/performance && gnuplot -e "plots = '../../bench/plots'" \
			"../../$plot") >"$scratch/plot" ||
			die "gnuplot could not draw $plot"
		cp "$scratch/plot" "docs/performance/$name.svg"
		echo "docs/performance/$name.svg"
	done
}
