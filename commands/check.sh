# SPDX-License-Identifier: GPL-2.0-only

command_summary="Compile with all warnings, run sparse and shellcheck; boots nothing."
command_options="kernel kernel-image kernel-build kernel-modules"
command_arguments=""
default_kernel=6.1,6.12

command_main() {
	local kernel passed=0 failed=0

	need_tools "${build_tools[@]}" "${check_tools[@]}"
	check "user programs" build_programs
	check "shellcheck" check_scripts
	check "user copies that can be made to fail" check_copies
	for kernel in "${selected_kernels[@]}"; do
		kernel_prepare "$kernel"
		check "modules for $kernel_release" build_modules
		check "sparse for $kernel_release" check_sparse
	done
	echo "$passed passed, $failed failed, 0 skipped"
	[ "$failed" -eq 0 ]
}

# In a subshell, for a build that fails ends it.
check() {
	if ("${@:2}"); then
		echo "ok $1"
		passed=$((passed + 1))
	else
		echo "not ok $1"
		failed=$((failed + 1))
	fi
}

check_scripts() {
	shellcheck run .ci/run vm/guest/* && shellcheck -s bash vm/*.sh vm/kernels/*.sh model/*.sh commands/*
}

# Those that the fault sweep reaches.
check_copies() {
	[ -d kernel/devices ] && ! grep -rnwE '(__)?(get|put)_user' kernel/devices >&2
}

# The kernel's own headers are not clean under sparse: only what it says of
# the modules' files counts.
check_sparse() {
	local log=build/log/sparse-$kernel_name.log

	build_modules C=2 CF=-D__CHECK_ENDIAN__
	mv "build/log/modules-$kernel_name.log" "$log"
	! grep -F "$modules_built/" "$log" | grep -E ': (warning|error):' >&2
}
