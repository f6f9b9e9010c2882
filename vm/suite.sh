# SPDX-License-Identifier: GPL-2.0-only
#
# The suite that Linux has for its own HMM test device, from Debian's sources of 6.12:
# hmm_dmirror is to be taken for that device.

readonly suite_source=linux-source-6.12
readonly suite_parts=(tools/testing/selftests/mm/hmm-tests.c
	tools/testing/selftests/kselftest_harness.h tools/testing/selftests/kselftest.h
	mm/gup_test.h lib/test_hmm_uapi.h)

# Makes build/programs/hmm-tests; prints why, and fails, if it can't be had.
suite_get() {
	local version folder

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

# From the package that debug kernels are made of.
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

# What the guest runs. Without private memory devices 0 and 1 have none, and no device
# can have exclusive access.
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
