# SPDX-License-Identifier: GPL-2.0-only
#
# Checks locks, RCU, sleeping where that is forbidden, leaks, lifetimes of objects.

kernel_oracles="deadlock sleep rcu leak object list vm hang stall stay"

kernel_get() {
	debug_kernel 7.3 base lockdep
}
