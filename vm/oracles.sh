# SPDX-License-Identifier: GPL-2.0-only
#
# Do the oracles see anything? Each is shown a bug of its kind in a guest of its
# own, and has to report it.

# What has to be in the console after a bug of oracles/control.c, all lines of it.
declare -rA oracle_reports=(
	[deadlock]=$'possible circular locking dependency\n\\[hmm_unlocked_control\\]\nlockdep has switched itself off'
	[sleep]=$'sleeping function called from invalid context\n\\[hmm_unlocked_control\\]'
	[rcu]=$'suspicious RCU usage\n\\[hmm_unlocked_control\\]'
	[leak]=$'kmemleak: [0-9]+ new suspected\ncomm "insmod"'
	[object]=$'ODEBUG: free active\n\\[hmm_unlocked_control\\]'
	[list]=$'list_del corruption\n\\[hmm_unlocked_control\\]'
	[vm]=$'VM_BUG_ON_PAGE\n\\[hmm_unlocked_control\\]'
	[hang]='task insmod:.* blocked for more than'
	[stall]=$'rcu_.*detected stall\n\\[hmm_unlocked_control\\]'
	[stay]='hmm_unlocked_control cannot be unloaded'
	[use-after-free]='KASAN: slab-use-after-free in use_after_free'
	[out-of-bounds]='KASAN: slab-out-of-bounds in out_of_bounds'
	[vmalloc]='KASAN: vmalloc-out-of-bounds in vmalloc_out_of_bounds'
	[race]='KCSAN: data-race in .*\[hmm_unlocked_control\]'
	[warn]='WARNING: .*warn.*\[hmm_unlocked_control\]'
	[oops]=$'Oops: \n\\[hmm_unlocked_control\\]'
)

# Of the kernels named; nothing is known of the user's own.
oracles_of() {
	local kernel_oracles kernel

	for kernel in "$@"; do
		[ "$kernel" = own ] || (. "$(kernel_file "$kernel")" && echo "$kernel_oracles")
	done | tr ' ' '\n' | sort -u
}

# Whether oracle $1 of the prepared kernel sees its bug, and the judge its report.
oracle_sees() {
	local console=build/log/oracle-$1-$kernel_name.console report
	local guest_memory=${option[memory]-512}

	(guest_run "oracle-$1" control "$1") >"$scratch/oracle" 2>&1
	[ $? -eq "$guest_failed" ] || return
	while IFS= read -r report; do
		grep -aqE "$report" "$console" || return
	done <<<"${oracle_reports[$1]}"
}
