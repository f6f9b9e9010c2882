# SPDX-License-Identifier: GPL-2.0-only

kernel_oracles="warn oops"

kernel_get() {
	debian_kernel linux-image-amd64
}
