# SPDX-License-Identifier: GPL-2.0-only
#
# Debian packages that are unpacked under build/, never installed.

# deb_depends PACKAGE PATTERN: prints the packages that PACKAGE depends on and that
# match PATTERN. Fails if none does.
deb_depends() {
	apt-cache depends "$1" 2>/dev/null |
		sed -n 's/^ *|\{0,1\}Depends: //p' | grep -Ex "$2"
}

deb_version() {
	apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: //p' | grep -v none
}

# download_debs FOLDER PACKAGE...: apt resumes a partial download and checks hashes.
download_debs() {
	local folder=$1 sandbox=() progress=build/log/apt.log

	shift
	say "downloading $* (up to 150 MB)"
	# As root, apt downloads as another user, which may not write in the clone.
	[ "$(id -u)" -ne 0 ] || sandbox=(-o APT::Sandbox::User=root)
	[ ! -t 2 ] || progress=/dev/stderr
	mkdir -p "$folder" || return
	(
		exec >>"$progress" 2>>build/log/apt.log
		cd "$folder" && apt-get "${sandbox[@]}" download "$@"
	)
}

# unpack_debs FOLDER TARGET: unpacks all packages of FOLDER.
unpack_debs() {
	local deb

	say "unpacking into build/"
	mkdir -p "$2" || return
	for deb in "$1"/*.deb; do
		if ! dpkg-deb -x "$deb" "$2"; then
			say "$(basename "$deb") is damaged; it will be downloaded again"
			rm -f "$deb"
			return 1
		fi
	done
}
