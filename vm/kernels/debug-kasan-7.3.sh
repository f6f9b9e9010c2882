# SPDX-License-Identifier: GPL-2.0-only
#
# Reports memory that is used after it was freed, or beyond its end.

kernel_oracles="use-after-free out-of-bounds vmalloc sleep list vm"

kernel_get() {
	debug_kernel 7.3 base atomic kasan
}
