# SPDX-License-Identifier: GPL-2.0-only

command_summary="Count instructions a page, and compare with the figures kept here."
command_options="accept kernel kernel-image kernel-build kernel-modules memory timeout append verbose"
command_arguments=""
default_kernel=6.1,6.12,7.3

# In percent: how far a figure may differ from the kept one.
gate_off_most=2
# In percent, as printed: the most that the engine may take of what the stock call takes.
gate_ratio_most=100.0
# Rows with a limit of their own: PAGES LIMIT. Where nothing is mapped the engine reads a page
# before it faults it, and so faults none in vain. The stock call faults the rest of the page
# table. With the tests between two faults that costs 9 to 24 instructions a page: nothing in
# two decimals where a page is allocated, and up to 2% where the zero page is mapped.
gate_ratio_exceptions="4k-missing 100.4 4k-zero 102.0"

gate_figures=bench/figures

command_main() {
	local kernel

	for kernel in "${selected_kernels[@]}"; do
		[[ $kernel != debug-* ]] ||
			usage_error "instructions of a debug kernel say nothing: the gate takes 6.1, 6.12 and 7.3, or a kernel of your own"
	done
	guest_settings 1024 300
	need_tools "${program_tools[@]}" "${build_tools[@]}" "${guest_tools[@]}"
	build_programs
	: >"$scratch/measured"
	for kernel in "${selected_kernels[@]}"; do
		kernel_prepare "$kernel"
		build_modules
		guest_run --exact gate hmmu-bench --exact --runs 5 >"$scratch/exact" ||
			die "nothing measured on $kernel"
		sed "s/^/$kernel /" "$scratch/exact" >>"$scratch/measured"
	done
	if [ -n "${option[accept]-}" ]; then
		accept_figures
	else
		compare_figures
	fi
}

# Replaces the figures of the measured kernels, and keeps the others.
accept_figures() {
	{
		grep '^#' "$gate_figures"
		{
			grep -v '^#' "$gate_figures" | awk '
				FNR == NR { measured[$1] = 1; next }
				!($1 in measured)' "$scratch/measured" -
			cat "$scratch/measured"
		} | sort
	} >"$scratch/figures"
	cat "$scratch/figures" >"$gate_figures"
	say "accepted: $gate_figures has the new figures"
	cat "$scratch/measured"
}

compare_figures() {
	awk -v "off_most=$gate_off_most" -v "ratio_most=$gate_ratio_most" \
		-v "exceptions=$gate_ratio_exceptions" '
	BEGIN {
		for (n = split(exceptions, word); n > 1; n -= 2)
			most_of[word[n - 1]] = word[n]
		format = "%-8s %-16s %-15s %-10s %10s %10s %9s\n"
		printf format, "result", "kernel", "pages", "call", "kept", "measured", "off by"
	}
	FNR == NR { if (!/^#/) kept[$1 " " $2 " " $3] = $4; next }
	{
		key = $1 " " $2 " " $3
		now[key] = $4
		seen[$1] = 1
		if (key in kept)
			judge(key, 100 * ($4 - kept[key]) / kept[key])
		else
			row("not ok", key, "none", $4, "-")
		if ($3 == "unlocked") {
			ratio = sprintf("%.1f", 100 * $4 / now[$1 " " $2 " stock"])
			most = $2 in most_of ? most_of[$2] : ratio_most
			over = ratio + 0 > most + 0
			over ? failed++ : passed++
			printf format, (over ? "over" : "reached"),
				$1, $2, "by stock", "<= " most "%", ratio "%", "-"
		}
	}
	function judge(key, off) {
		row(off > off_most || off < -off_most ? "not ok" : "ok", key,
			kept[key], now[key], sprintf("%+.2f%%", off))
	}
	function row(result, key, before, after, off, part) {
		split(key, part)
		result == "ok" ? passed++ : failed++
		printf format, result, part[1], part[2], part[3], before, after, off
	}
	END {
		for (key in kept) {
			split(key, part)
			if (part[1] in seen && !(key in now))
				row("not ok", key, kept[key], "none", "-")
		}
		if (failed)
			print "new figures, if they are meant: ./run gate --accept"
		printf "%d passed, %d failed, 0 skipped\n", passed, failed
		exit failed > 0 || !passed
	}' "$gate_figures" "$scratch/measured"
}
