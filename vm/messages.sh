# SPDX-License-Identifier: GPL-2.0-only
#
# Messages of ./run: results go to stdout, everything else to stderr.

say() {
	printf '%s\n' "run: $*" >&2
}

die() {
	say "$*"
	exit 1
}

usage_error() {
	say "$*"
	exit 2
}

# Copies lines, with NAME before each.
name_lines() {
	sed -u "s/^/$1: /"
}
