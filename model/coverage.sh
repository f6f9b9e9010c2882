# SPDX-License-Identifier: GPL-2.0-only
#
# How much of the engine and the kit the scenarios have executed, by gcov.

# In percent.
lines_least=95
branches_least=90

report_coverage() {
	local notes file

	# What model/Makefile has built of kernel/, so that the list stands there alone.
	for notes in build/model/coverage/kernel/{,*/}*.gcno; do
		file=${notes#build/model/coverage/}
		gcov --stdout --branch-probabilities \
			--object-directory "${notes%/*}" "${file%.gcno}.c"
	done 2>/dev/null >"$scratch/gcov"
	awk -v "lines_least=$lines_least" -v "branches_least=$branches_least" \
		-f model/coverage.awk model/uncovered "$scratch/gcov"
}
