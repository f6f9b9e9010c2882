# SPDX-License-Identifier: GPL-2.0-only
#
# probe.sh PROBES RELEASE COMPILER [FLAG...]: prints a header with HMMU_HAS_NAME, 1 or 0, for
# each probe of the file PROBES: see probe.c.

probes=$1
release=$2
shift 2
messages=$(LC_ALL=C "$@" -fsyntax-only "$probes" 2>&1)
names=$(sed -n 's/^#line 1 "\(.*\)"$/\1/p' "$probes")

absent() {
	printf '%s\n' "$messages" | grep -q "^$1:.* error: "
}

stop() {
	printf '%s\n' "$messages" "probe.sh: cannot find out what the kernel has: $1" >&2
	exit 1
}

absent control_present && stop "the control that must compile does not"
absent control_absent || stop "the control that must not compile does, or was not reached"
others=$(printf '%s\n' "$messages" | grep ' error: ')
for name in $names; do
	others=$(printf '%s\n' "$others" | grep -v "^$name:")
done
[ -z "$others" ] || stop "there are errors outside the probes"

echo "/* Of the headers of $release, by compat/probe.sh. */"
for name in $(printf '%s\n' "$names" | grep -v '^control_'); do
	absent "$name" && has=0 || has=1
	echo "#define HMMU_HAS_$(echo "$name" | tr '[:lower:]' '[:upper:]') $has"
done
