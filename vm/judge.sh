# SPDX-License-Identifier: GPL-2.0-only
#
# Judges from the kernel console and QEMU's status whether a guest failed.

# What a kernel prints if something is wrong.
complaints=(
	'Kernel panic'
	'Oops'
	'(BUG|WARNING|UBSAN|KFENCE|ODEBUG):'
	'BUG [^ ]+ \('
	'kernel BUG at'
	'general protection fault'
	'INFO: task .* blocked'
	'INFO: trying to register non-static key'
	'possible (circular|recursive) locking'
	'rcu.*detected( expedited)? stall'
	'hard LOCKUP'
	'kmemleak: ([0-9]+ new suspected|.*detector disabled)'
	'Out of memory: Killed'
)

# judge CONSOLE QEMU_STATUS: returns the command's status; or prints what is wrong and
# returns guest_failed.
judge() {
	local status line test

	status=$(tr -cd '0-9' <"$scratch/status")
	line=$(complaint_line "$1")
	[ -z "$status" ] || [ -n "$line" ] || return "$status"
	if [ "$2" -eq 124 ]; then
		say "the guest was ended after $guest_timeout seconds (--timeout)"
	elif [ -z "$status" ]; then
		say "the guest ended before its command did (QEMU's status $2)"
	fi
	if [ -n "$line" ]; then
		say "the guest's kernel complained:"
		tail -n "+$line" "$1" | head -n 40 >&2
	fi
	test=$(running_test "$1")
	say "${test:+it ran the test $test; }the whole kernel console is in $1"
	return "$guest_failed"
}

# complaint_line CONSOLE: prints the number of the first line that is a complaint.
complaint_line() {
	local pattern

	pattern=$(printf '|%s' "${complaints[@]}")
	grep -anE -m 1 "${pattern:1}" "$1" | cut -d: -f1
}

# running_test CONSOLE: prints the test that ran at the first complaint, or else at the
# end of the console; prints nothing after the last test.
running_test() {
	local line

	line=$(complaint_line "$1")
	head -n "${line:--0}" "$1" |
		sed -n 's/.*hmm-unlocked-test: \([[:graph:]]*\).*/\1/p
			s/.*hmm-unlocked: over.*//p' | tail -n 1
}
