# SPDX-License-Identifier: GPL-2.0-only
#
# Tests the oracles: for each, a guest makes a bug of its kind, and the oracle must
# report it.

# Patterns that must all be in the console after a bug of kernel/bugs/bugs.c.
declare -rA oracle_reports=(
	[deadlock]=$'possible circular locking dependency\n\\[hmm_unlocked_bugs\\]\nlockdep has switched itself off'
	[sleep]=$'sleeping function called from invalid context\n\\[hmm_unlocked_bugs\\]'
	[rcu]=$'suspicious RCU usage\n\\[hmm_unlocked_bugs\\]'
	[leak]=$'kmemleak: [0-9]+ new suspected\ncomm "insmod"'
	[object]=$'ODEBUG: free active\n\\[hmm_unlocked_bugs\\]'
	[list]=$'list_del corruption\n\\[hmm_unlocked_bugs\\]'
	[vm]=$'VM_BUG_ON_PAGE\n\\[hmm_unlocked_bugs\\]'
	[hang]='task insmod:.* blocked for more than'
	[stall]=$'rcu_.*detected stall\n\\[hmm_unlocked_bugs\\]'
	[stay]='hmm_unlocked_bugs cannot be unloaded'
	[use-after-free]='KASAN: slab-use-after-free in bug_use_after_free'
	[out-of-bounds]='KASAN: slab-out-of-bounds in bug_out_of_bounds'
	[vmalloc]='KASAN: vmalloc-out-of-bounds in bug_vmalloc_out_of_bounds'
	[race]='KCSAN: data-race in .*\[hmm_unlocked_bugs\]'
	[warn]='WARNING: .*bug_warn.*\[hmm_unlocked_bugs\]'
	[oops]=$'Oops: \n\\[hmm_unlocked_bugs\\]'
)

# oracles_of KERNEL...: prints their oracles. The user's own kernel has none.
oracles_of() {
	local kernel_oracles kernel

	for kernel in "$@"; do
		[ "$kernel" = own ] || (. "$(kernel_file "$kernel")" && echo "$kernel_oracles")
	done | tr ' ' '\n' | sort -u
}

# Whether oracle $1 of the prepared kernel reports its bug, and judge finds the report.
oracle_sees() {
	local console=build/log/oracle-$1-$kernel_name.console report
	local guest_memory=${option[memory]-512}

	(guest_run "oracle-$1" make-bug "$1") >"$scratch/oracle" 2>&1
	[ $? -eq "$guest_failed" ] || return
	while IFS= read -r report; do
		grep -aqE "$report" "$console" || return
	done <<<"${oracle_reports[$1]}"
}
