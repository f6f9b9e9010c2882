# SPDX-License-Identifier: GPL-2.0-only
#
# A run of ./run from start to end: the lock, the scratch folder, the signals.

# The command runs in the background, because bash handles a signal only between
# foreground commands, and a guest may run for minutes.
supervise() {
	local status

	{ mkdir -p build/log && exec 9<>build/lock; } 2>/dev/null ||
		die "cannot write $top/build; is it another user's?"
	scratch=$top/build/tmp/$$
	terminal=$(stty -g 2>/dev/null)
	trap 'stop 130' INT
	trap 'stop 143' TERM
	trap 'stop 129' HUP
	begin "$@" <&0 &
	wait $!
	status=$?
	clean_up
	exit "$status"
}

begin() {
	take_lock
	# A run that was killed may have left files.
	rm -rf build/tmp
	mkdir -p "$scratch"
	"$@"
}

take_lock() {
	if ! flock -n 9; then
		say "waiting for another ./run in this clone to end (Ctrl-C gives up)"
		flock 9 || die "cannot lock $top/build/lock"
	fi
}

stop() {
	local processes

	trap '' INT TERM HUP
	mapfile -t processes < <(descendants)
	signal TERM
	for _ in {1..30}; do
		signal 0 || break
		sleep 0.1
	done
	signal KILL
	clean_up
	say "interrupted"
	exit "$1"
}

signal() {
	kill -s "$1" "${processes[@]}" 2>/dev/null
}

clean_up() {
	rm -rf "$scratch"
	[ -z "$terminal" ] || stty "$terminal"
}

# Parents first, so that no parent lives to report the end of its child.
descendants() {
	local file line parent found=($$) next=0
	local -A children=()

	for file in /proc/[0-9]*/stat; do
		{ read -r line <"$file"; } 2>/dev/null || continue
		# The name in parentheses may hold spaces.
		read -r _ parent _ <<<"${line##*) }"
		children[$parent]+=" ${line%% *}"
	done
	while [ "$next" -lt ${#found[@]} ]; do
		# shellcheck disable=SC2206
		found+=(${children[${found[next]}]-})
		next=$((next + 1))
	done
	printf '%s\n' "${found[@]:1}"
}
