# SPDX-License-Identifier: GPL-2.0-only
#
# Packages of Debian releases, also of those that the host does not run. They are unpacked
# under build/, never installed.
#
# Each release has an apt of its own in build/apt/RELEASE: sources, lists, cache and state.
# So nothing here needs root, changes the host's apt, or depends on what the host's lists
# hold. The mirror is the one that the host's apt is configured for, and the host's proxies
# and keys are used. The signatures are checked as usual.
#
# Kernels of a line, as 6.12, are in one release or several. If the host runs one of these, the
# packages come from it and the host's compiler is used. Otherwise they come from the first
# one, and its compiler builds the kernel's modules: vm/toolchain.sh.

# Releases that have kernels of a line.
declare -rA line_debian=([6.1]=bookworm [6.12]="bookworm trixie" [7.2]=trixie [7.3]=trixie)

# Suites beside the release itself and its security updates.
declare -rA debian_suites=([trixie]=trixie-backports)

# The lists are fetched again if they are older than this.
readonly debian_days=7

# Prints the release of a host on which kernels can be fetched; nothing on others.
host_debian() (
	# shellcheck source=/dev/null
	. /etc/os-release && [ "$ID" = debian ] &&
		[ "$(dpkg --print-architecture)" = amd64 ] && echo "$VERSION_CODENAME"
) 2>/dev/null

# debian_of LINE: prints the release from which kernels of LINE, as 6.12, and their sources
# come: the host's, if it has them.
debian_of() {
	local first=${line_debian[$1]%% *} host

	host=$(host_debian)
	[[ " ${line_debian[$1]} " == *" ${host:-none} "* ]] || host=$first
	echo "$host"
}

# The functions below are about the release that the caller has in debian.

# debian_apt COMMAND...: apt-get or apt-cache, of that release.
debian_apt() {
	"$1" -c "$top/build/apt/$debian/apt.conf" "${@:2}"
}

# Makes sure that the package lists are there. Old ones do if there is no network, which
# must not take long to find out.
debian_lists() {
	local folder=$top/build/apt/$debian

	if [ -z "$(find "$folder/updated" -mtime "-$debian_days" 2>/dev/null)" ]; then
		debian_update -o Acquire::Retries=0
	else
		debian_configure
	fi
	[ -e "$folder/updated" ]
}

# debian_update [OPTION OF APT...]
debian_update() {
	local folder=$top/build/apt/$debian

	debian_configure && debian_sources || return
	say "fetching the package lists of Debian $debian"
	debian_apt apt-get update -o APT::Update::Error-Mode=any "$@" \
		>>build/log/apt.log 2>&1 &&
		: >"$folder/updated"
}

# Written for each run, as the clone may have moved. Hooks, pins and a default release of the
# host are not for these packages. As root, apt would download as another user, which may not
# write in the clone.
debian_configure() {
	local folder=$top/build/apt/$debian

	mkdir -p "$folder"/{lists,cache,state,none} && : >"$folder/state/status" || return
	cat >"$folder/apt.conf" <<-EOF
		Dir::Etc::SourceList "$folder/sources.list";
		Dir::Etc::SourceParts "$folder/none";
		Dir::Etc::Preferences "$folder/none/preferences";
		Dir::Etc::PreferencesParts "$folder/none";
		Dir::State "$folder/state";
		Dir::State::Lists "$folder/lists";
		Dir::State::Status "$folder/state/status";
		Dir::Cache "$folder/cache";
		Dir::Cache::PkgCache "packages.bin";
		APT::Default-Release "";
		APT::Sandbox::User "root";
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
	EOF
}

debian_sources() {
	local mirror security suite options="arch=amd64 target=Packages"
	local keys=/usr/share/keyrings/debian-archive-keyring.gpg

	[ ! -e "$keys" ] || options+=" signed-by=$keys"
	# An image of a container often has no lists, and without them apt names no mirrors.
	[ -n "$(host_mirror "")" ] || apt_update
	mirror=$(host_mirror "")
	security=$(host_mirror -security)
	if [ -z "$mirror" ]; then
		say "apt names no mirror of Debian $(host_debian): it has none in its sources, or no package lists (as root: apt-get update)"
		return 1
	fi
	{
		for suite in "$debian" ${debian_suites[$debian]-}; do
			echo "deb [$options] $mirror $suite main"
		done
		[ -z "$security" ] ||
			echo "deb [$options] $security $debian-security main"
	} >"$top/build/apt/$debian/sources.list"
}

# host_mirror SUFFIX: prints the URI from which the host's apt gets its own release, or that
# with -security. Other archives may name their suites alike: Debian's is preferred, which
# apt knows once it has fetched its lists.
host_mirror() {
	local host

	host=$(host_debian)
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(CREATED_BY) $(COMPONENT) $(RELEASE) $(REPO_URI) $(ORIGIN)' |
		awk -v "suites=$host$1 stable$1 oldstable$1" '
		BEGIN { n = split(suites, list); for (i = 1; i <= n; i++) wanted[list[i]] = 1 }
		$1 == "Packages" && $2 == "main" && $3 in wanted {
			found[$5 == "Debian"] = $4 }
		END { print 1 in found ? found[1] : found[0] }'
}

# deb_names PATTERN: prints the names of packages that match PATTERN as a whole.
deb_names() {
	debian_apt apt-cache pkgnames | grep -Ex "$1"
}

deb_version() {
	debian_apt apt-cache policy "$1" 2>/dev/null |
		sed -n 's/^ *Candidate: //p' | grep -v none
}

# deb_closure PATTERN PACKAGE...: prints the packages, and all that they depend on and that
# match PATTERN.
deb_closure() {
	local pattern=$1

	{
		debian_apt apt-cache depends --recurse --no-recommends --no-suggests \
			--no-conflicts --no-breaks --no-replaces --no-enhances \
			"${@:2}" 2>/dev/null | grep -v '^[ <]' | grep -Ex "$pattern"
		printf '%s\n' "${@:2}"
	} | sort -u
}

# download_debs FOLDER PACKAGE...
download_debs() {
	say "downloading ${*:2} (up to 170 MB)"
	fetch_debs "$@"
}

# fetch_debs FOLDER PACKAGE...: apt resumes a partial download and checks hashes.
fetch_debs() {
	local folder=$1 progress=build/log/apt.log

	shift
	[ ! -t 2 ] || progress=/dev/stderr
	mkdir -p "$folder" || return
	(
		exec >>"$progress" 2>>build/log/apt.log
		cd "$folder" && debian_apt apt-get download "$@"
	)
}

# unpack_debs FOLDER TARGET: unpacks all packages of FOLDER. Folders of TARGET may be links.
unpack_debs() {
	local deb

	say "unpacking into build/"
	mkdir -p "$2" || return
	for deb in "$1"/*.deb; do
		if ! (
			set -o pipefail
			dpkg-deb --fsys-tarfile "$deb" |
				tar -C "$2" -x --keep-directory-symlink
		); then
			say "$(basename "$deb") is damaged; it will be downloaded again"
			rm -f "$deb"
			return 1
		fi
	done
}
