# SPDX-License-Identifier: GPL-2.0-only
#
# Tools of the host, Debian 12 or 13. Everything else that the scripts call is in Debian's
# essential packages.

# command:package, or :package for a package without a command. The compiler and the
# kernel's build programs need libraries; the check of kernel-doc comments needs all of
# Perl.
model_tools=(gcc:gcc make:make :libc6-dev :libxxhash-dev)
build_tools=(gcc:gcc make:make :libc6-dev :libelf1 :libssl3 :perl pahole:pahole
	depmod:kmod xz:xz-utils)
guest_tools=(qemu-system-x86_64:qemu-system-x86 busybox:busybox-static cpio:cpio)
# In addition to build_tools, which every command that prepares a kernel has installed: for
# kernels of another Debian release, and for debug kernels.
toolchain_tools=(patchelf:patchelf)
kernel_tools=(flex:flex bison:bison bc:bc ccache:ccache :libelf-dev)
check_tools=(sparse:sparse shellcheck:shellcheck ctags:universal-ctags g++:g++ pkg-config:pkgconf)
# The demonstrations contain the page server.
program_tools=(gcc:gcc make:make :libc6-dev :liburing-dev :libnbd-dev)
# In addition to program_tools; nbdkit and certtool are for the page server's tests.
lazymem_tools=(:libjson-c-dev nbdkit:nbdkit certtool:gnutls-bin)
plot_tools=(gnuplot:gnuplot-nox)
mutant_tools=(patch:patch)
fuzzer_tools=(clang:clang :libclang-rt-dev)
all_tools=("${model_tools[@]}" "${build_tools[@]}" "${guest_tools[@]}" "${toolchain_tools[@]}"
	"${kernel_tools[@]}" "${check_tools[@]}" "${program_tools[@]}" "${lazymem_tools[@]}"
	"${plot_tools[@]}" "${mutant_tools[@]}" "${fuzzer_tools[@]}")

# How hosts that do not have Debian's packages tell that one is missing.
declare -rA package_header=([libc6-dev]=stdio.h [libxxhash-dev]=xxhash.h [libelf-dev]=libelf.h
	[liburing-dev]=liburing.h [libnbd-dev]=libnbd.h [libjson-c-dev]=json-c/json.h)

# Debian releases on which packages are installed by these names.
readonly supported_releases="bookworm trixie"

on_supported_debian() {
	local host

	host=$(host_debian)
	[[ -n $host && " $supported_releases " == *" $host "* ]]
}

# need_tools COMMAND:PACKAGE...: installs what is missing, or ends the run.
need_tools() {
	local packages

	mapfile -t packages < <(missing_tools "$@")
	[ ${#packages[@]} -gt 0 ] || return 0
	on_supported_debian ||
		die "this is not Debian 12 or 13 on amd64: install ${packages[*]} (or what they are called here) yourself and run again"
	install_packages "${packages[@]}"
}

missing_tools() {
	local word tool package

	for word in "$@"; do
		tool=${word%%:*}
		package=${word#*:}
		if [ -n "$tool" ]; then
			has_tool "$tool" || echo "$package"
		elif on_supported_debian; then
			has_package "$package" || echo "$package"
		elif [ -n "${package_header[$package]-}" ]; then
			has_header "${package_header[$package]}" || echo "$package"
		fi
	done | sort -u
}

has_tool() {
	command -v "$1" >/dev/null || return
	# A busybox with shared libraries does not run in the guest.
	[ "$1" != busybox ] || ! ldd "$(command -v busybox)" >/dev/null 2>&1
}

# Whether the package, or one that provides it, is installed: Debian 13 has libelf1t64 for
# libelf1.
has_package() {
	dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides}\n' |
		grep -qE "^installed ([^ ].* )?$1( |,|\$)"
}

has_header() {
	echo "#include <$1>" | gcc -E - >/dev/null 2>&1
}

install_packages() {
	can_be_root ||
		die "missing Debian packages, and no root or sudo to install them; as root: apt-get install $*
For all commands of ./run: apt-get install $(missing_tools "${all_tools[@]}" | paste -sd ' ')"
	say "installing Debian packages: $*"
	# Completes an interrupted installation.
	as_root dpkg --configure -a >>build/log/apt.log 2>&1
	apt_install "$@" || { apt_update && apt_install "$@"; } ||
		die "cannot install $*; is the network up? see build/log/apt.log"
}

# A machine that has just started may be installing upgrades: apt waits for their end.
apt_install() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y \
		-o DPkg::Lock::Timeout=300 --no-install-recommends "$@" >>build/log/apt.log 2>&1
}

apt_update() {
	can_be_root || return
	say "updating apt's package lists"
	as_root apt-get update >>build/log/apt.log 2>&1
}

can_be_root() {
	[ "$(id -u)" -eq 0 ] || { command -v sudo >/dev/null && sudo true; }
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}
