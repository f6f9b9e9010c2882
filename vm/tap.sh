# SPDX-License-Identifier: GPL-2.0-only
#
# Functions that read the TAP (Test Anything Protocol) output of a test program.

tap_passed() {
	grep '^ok ' "$1" | grep -cv '# SKIP'
}

tap_skipped() {
	grep -c '^ok .*# SKIP' "$1"
}

# Whether all the tests of the plan were reported.
tap_complete() {
	local planned

	planned=$(sed -n 's/^1\.\.\([0-9][0-9]*\)$/\1/p' "$1")
	[ -n "$planned" ] && [ "$planned" -eq "$(grep -cE '^(not )?ok ' "$1")" ]
}

tap_failures() {
	sed -n 's/^not ok [0-9]* - \([^ ]*\).*/\1/p' "$1"
}

# Prints "SECONDS NAME" lines.
tap_times() {
	sed -n 's/^ok [0-9]* - \([^ ]*\).*# time=\([0-9.]*\)s$/\2 \1/p' "$1"
}
