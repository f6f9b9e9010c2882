# SPDX-License-Identifier: GPL-2.0-only
#
# Builds what runs in the guest, by the top Makefile.

# Builds into $modules_built. Arguments are passed to make.
build_modules() {
	modules_built=$(modules_of_kernel)
	say "building the modules for $kernel_release${*:+ ($*)}"
	logged "modules-$kernel_name" toolchain_run make "-j$(nproc)" modules \
		"KDIR=$kernel_build" W=1 KCFLAGS=-Werror HMMU_BUGS=m "$@"
}

# Prints the folder of the prepared kernel's modules.
modules_of_kernel() {
	echo "$top/build/modules/$kernel_release"
}

build_programs() {
	need_tools "${program_tools[@]}"
	say "building the user programs"
	logged_make programs programs
}

build_lazymem() {
	say "building the page server"
	logged_make lazymem lazymem
}

# build_lazymem_sanitized KIND: address (with undefined behaviour) or thread, beside the
# normal build.
build_lazymem_sanitized() {
	say "building the page server with the sanitizer: $1"
	logged_make "lazymem-$1" lazymem "SANITIZE=$1"
}

# logged_make LOG MAKE'S ARGUMENTS: by the host's compiler.
logged_make() {
	logged "$1" make -j"$(nproc)" WERROR=-Werror "${@:2}"
}

# logged LOG COMMAND...; prints the end of the log on failure.
logged() {
	local log=build/log/$1.log

	"${@:2}" >"$log" 2>&1 && return
	tail -n 60 "$log" >&2
	die "building the ${1%-*} failed; all of the output is in $log"
}
