# SPDX-License-Identifier: GPL-2.0-only
#
# How much of the engine and the kit the scenarios have executed, by gcov.

# In percent.
lines_least=95
branches_least=90

report_coverage() {
	local file

	for file in kernel/module.c kernel/fault/*.c kernel/mirror/{flight,populate,migrate,exclusive}.c; do
		gcov --stdout --branch-probabilities \
			--object-directory "build/model/coverage/${file%/*}" "$file"
	done 2>/dev/null >"$scratch/gcov"
	awk -v "lines_least=$lines_least" -v "branches_least=$branches_least" \
		-f model/coverage.awk model/uncovered "$scratch/gcov"
}
