# SPDX-License-Identifier: GPL-2.0-only

kernel_oracles="warn oops hang stay"

kernel_get() {
	debian_kernel 7.3
}
