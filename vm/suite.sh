# SPDX-License-Identifier: GPL-2.0-only
#
# The test suites of the kernel's own HMM test device, from Debian's sources: that of 7.3 for
# kernels from 7.0, that of 6.12 for older ones. They run against hmm_dmirror, which has the
# ioctls of that device.

# The sources of each suite in the kernel's tree, and what all of them include.
declare -rA suite_sources=(
	[6.12]="mm/hmm-tests.c"
	[7.3]="mm/hmm-tests.c mm/vm_util.c mm/hugepage_settings.c"
)
declare -rA suite_headers=(
	[6.12]=""
	[7.3]="mm/vm_util.h mm/hugepage_settings.h"
)
readonly suite_folder=tools/testing/selftests
readonly suite_common=("$suite_folder"/kselftest{,_harness}.h mm/gup_test.h lib/test_hmm_uapi.h)

# Prints the line of the prepared kernel's suite.
suite_line() {
	case $kernel_release in
	[1-6].*) echo 6.12 ;;
	*) echo 7.3 ;;
	esac
}

# Builds the suite of the prepared kernel, build/programs/hmm-tests-LINE. If that is
# impossible, prints why and fails.
suite_get() {
	local line version folder debian package program kernel_toolchain

	line=$(suite_line)
	package=linux-source-$line
	program=build/programs/hmm-tests-$line
	debian=$(debian_of "$line")
	debian_lists
	version=$(deb_version "$package")
	if [ -z "$version" ]; then
		[ -x "$program" ] && return
		echo "no package $package: its sources come from there"
		return 1
	fi
	folder=build/suite/$line/$version
	[ -e "$folder/made" ] && [ -x "$program" ] && return
	need_tools gcc:gcc :libc6-dev xz:xz-utils
	if ! suite_unpack >&2; then
		echo "cannot fetch or unpack $package; see build/log/apt.log"
		return 1
	fi
	if ! { toolchain_use && suite_compile; } >&2; then
		echo "it does not compile; see build/log/suite-$line.log"
		return 1
	fi
	: >"$folder/made"
}

# Takes the sources from the package that debug kernels are built from.
suite_unpack() {
	local downloads=build/downloads/$package-$version parts

	compgen -G "$downloads/*.deb" >/dev/null ||
		download_debs "$downloads" "$package" || return
	rm -rf "build/suite/$line"
	mkdir -p "$folder"
	read -ra parts <<<"${suite_sources[$line]} ${suite_headers[$line]}"
	parts=("${parts[@]/#/$suite_folder/}" "${suite_common[@]}")
	dpkg-deb --fsys-tarfile "$downloads"/*.deb |
		tar -xO "./usr/src/$package.tar.xz" |
		tar -C "$folder" -xJ --strip-components=1 "${parts[@]/#/$package/}"
}

suite_compile() {
	local sources headers

	read -ra headers < <(toolchain_headers)
	read -ra sources <<<"${suite_sources[$line]}"
	mkdir -p build/programs
	toolchain_run gcc -O1 -w -static -D_GNU_SOURCE= "${headers[@]}" \
		-I"$folder" -I"$folder/$suite_folder" -o "$program" \
		"${sources[@]/#/$folder/$suite_folder/}" -lpthread \
		>"build/log/suite-$line.log" 2>&1
}

# Prints the guest's command. Cases that are left out are reported as skipped:
#
# - On a kernel without private device memory, devices 0 and 1 have no memory, and no device
#   can have exclusive access.
# - 7.3's benchmark is no test: it measures times. It moves up to 256 MiB there and back, and the
#   devices have 64 (device_memory() in vm/guest.sh), so it always fails. With devices of 256
#   MiB all of it was moved, but once there and back took 7 to 10 s under emulation. It does
#   that twelve times, and the suite allows 120 s.
suite_command() {
	echo "suite=hmm-tests-$(suite_line)"
	cat <<-'EOF'
		left= large=
		echo 64 >/proc/sys/vm/nr_hugepages
		if dmesg | grep -q 'hmm_dmirror: this kernel is without CONFIG_DEVICE_PRIVATE'; then
			left="hmm.hmm_device_private hmm2.hmm2_device_private exclusive exclusive_mprotect exclusive_cow"
			set -- -T exclusive -T exclusive_mprotect -T exclusive_cow \
				-v hmm_device_coherent -v hmm2_device_coherent
		elif [ "$suite" = hmm-tests-7.3 ]; then
			large="hmm.hmm_device_private.benchmark_thp_migration hmm.hmm_device_coherent.benchmark_thp_migration"
			set -- -T benchmark_thp_migration
		fi
		$suite "$@" 2>&1 | awk -v left="$left" -v large="$large" '
			function skip(names, why, list, n) {
				for (n = split(names, list); n > 0; n--)
					print "ok " ++planned " - suite/" list[n] " # SKIP " why
			}
			/^1\.\./ { planned = substr($0, 4); next }
			/^(not )?ok / { sub(/ok [0-9]+ /, "&- suite/") }
			{ print; fflush() }
			END {
				if (!planned)
					exit
				skip(left, "the kernel is without CONFIG_DEVICE_PRIVATE")
				skip(large, "a benchmark of times, which moves 256 MiB: the devices have 64")
				print "1.." planned
			}'
	EOF
}
