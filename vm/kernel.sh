# SPDX-License-Identifier: GPL-2.0-only
#
# Guest kernels. vm/kernels/NAME.sh describes one kernel:
#   kernel_oracles bugs of kernel/bugs/bugs.c that an oracle of this kernel must report
#   kernel_get     sets kernel_image (bzImage), kernel_build (build tree or headers),
#                  kernel_modules (root of lib/modules, or empty) and kernel_toolchain
#                  (see vm/toolchain.sh)

kernel_file() {
	echo "$top/vm/kernels/$1.sh"
}

kernel_names() {
	basename -a -s .sh "$top"/vm/kernels/*.sh | sort -V
}

# kernel_prepare NAME: runs kernel_get; sets kernel_name and kernel_release too.
kernel_prepare() {
	kernel_name=$1
	kernel_toolchain=
	if [ "$1" = own ]; then
		kernel_image=${option[kernel-image]}
		kernel_build=${option[kernel-build]}
		kernel_modules=${option[kernel-modules]-}
	else
		. "$(kernel_file "$1")"
		kernel_get
	fi
	kernel_release=$(release_of "$kernel_build")
	[ -n "$kernel_release" ] ||
		die "$kernel_build holds no configured kernel: it lacks include/generated/utsrelease.h"
}

release_of() {
	sed -n 's/^#define UTS_RELEASE "\(.*\)"$/\1/p' \
		"$1/include/generated/utsrelease.h" 2>/dev/null
}
