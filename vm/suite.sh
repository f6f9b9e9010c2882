# SPDX-License-Identifier: GPL-2.0-only
#
# The test suite of the kernel's own HMM test device, from Debian's sources of 6.12. It
# runs against hmm_dmirror, which has the ioctls of that device.

readonly suite_source=linux-source-6.12
readonly suite_parts=(tools/testing/selftests/mm/hmm-tests.c
	tools/testing/selftests/kselftest_harness.h tools/testing/selftests/kselftest.h
	mm/gup_test.h lib/test_hmm_uapi.h)

# Builds build/programs/hmm-tests. If that is impossible, prints why and fails.
suite_get() {
	local version folder debian

	debian=$(debian_of 6.12)
	debian_lists
	version=$(deb_version "$suite_source")
	if [ -z "$version" ]; then
		[ -x build/programs/hmm-tests ] && return
		echo "no package $suite_source: its sources come from there"
		return 1
	fi
	folder=build/suite/$version
	[ -e "$folder/made" ] && [ -x build/programs/hmm-tests ] && return
	need_tools gcc:gcc :libc6-dev xz:xz-utils
	if ! suite_unpack >&2; then
		echo "cannot fetch or unpack $suite_source; see build/log/apt.log"
		return 1
	fi
	if ! suite_compile; then
		echo "it does not compile; see build/log/suite.log"
		return 1
	fi
	: >"$folder/made"
}

# Takes the sources from the package that debug kernels are built from.
suite_unpack() {
	local downloads=build/downloads/$suite_source-$version

	compgen -G "$downloads/*.deb" >/dev/null ||
		download_debs "$downloads" "$suite_source" || return
	rm -rf build/suite
	mkdir -p "$folder"
	dpkg-deb --fsys-tarfile "$downloads"/*.deb |
		tar -xO "./usr/src/$suite_source.tar.xz" |
		tar -C "$folder" -xJ --strip-components=1 "${suite_parts[@]/#/$suite_source/}"
}

suite_compile() {
	mkdir -p build/programs
	gcc -O1 -w -static -I"$folder" -o build/programs/hmm-tests \
		"$folder/${suite_parts[0]}" -lpthread >build/log/suite.log 2>&1
}

# Prints the guest's command. On a kernel without private device memory, devices 0 and 1
# have no memory, and no device can have exclusive access: those cases are left out.
suite_command() {
	cat <<-'EOF'
		echo 64 >/proc/sys/vm/nr_hugepages
		if dmesg | grep -q 'hmm_dmirror: this kernel is without CONFIG_DEVICE_PRIVATE'; then
			set -- -T exclusive -T exclusive_mprotect -T exclusive_cow \
				-v hmm_device_coherent -v hmm2_device_coherent
		fi
		hmm-tests "$@" 2>&1 | sed 's/^\(ok\|not ok\) \([0-9]*\) /\1 \2 - suite\//'
	EOF
}
