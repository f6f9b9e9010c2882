# SPDX-License-Identifier: GPL-2.0-only
#
# Reports data races.

kernel_oracles="race sleep list vm"

kernel_get() {
	debug_kernel 7.3 base atomic kcsan
}
