# SPDX-License-Identifier: GPL-2.0-only
#
# The options of all commands. Each file in commands/ sets:
#   command_summary    one line for ./run help
#   command_options    names of the options that the command takes
#   command_arguments  what may follow `--`, or empty
#   default_kernel     the default of --kernel, if the command takes that option
# and defines command_main, which reads option[NAME] and arguments.

declare -A option=()
declare -A option_kind=()
declare -A option_help=()
option_order=()
arguments=()
selected_kernels=()

define_option() {
	option_order+=("$1")
	option_kind[$1]=$2
	option_help[$1]=$3
}

kernel_choices=$({ kernel_names; echo all; } | paste -sd'|' | sed 's/|/, /g')

define_option kernel NAME "guest kernel: $kernel_choices; several with commas, where several are the default"
define_option kernel-image FILE "boot this bzImage (with --kernel-build)"
define_option kernel-build DIR "its build tree or headers (with --kernel-image)"
define_option kernel-modules DIR "root holding its lib/modules, for zram and virtio"
define_option memory MIB "guest memory"
define_option cpus N "guest processors (default 2)"
define_option guests N "run up to N guests at once (default: as many as processors and memory allow)"
define_option accel HOW "kvm, tcg (QEMU's emulation), or auto: KVM if it boots the kernel (default auto)"
define_option timeout SECONDS "end the guest after this long"
define_option append PARAMETERS "add to the guest kernel's command line"
define_option verbose "" "show the guest's kernel console live"
define_option case PATTERN "only what matches PATTERN: a name, its beginning, or a shell pattern"
define_option list "" "list the names and end"
define_option actions COUNT "number of actions of the actors, instead of each scenario's own"
define_option replay SCHEDULE "print each step of this schedule of the scenario of --case"
define_option loop "" "let actors begin again when they have ended"
define_option from-start "" "run each schedule from its start, as a check of the checkpoints"
define_option coverage "" "show how much of the engine was executed"
define_option accept "" "keep the measured figures as the ones to compare with"
define_option seconds SECONDS "duration: of fuzz (default 60), or of the soak in lazymem (instead of rounds)"
define_option minutes COUNT "minutes of each case on each kernel (default 10)"
define_option seed COUNT "seed of randomness; the same seed gives the same run"
define_option sanitize KIND "with a sanitizer of gcc: address (also undefined behaviour), thread, or address,thread at once"
define_option guided "" "let libFuzzer choose schedules, by the code that each has reached"
define_option csv PATH "write the rows of all tables to PATH"
define_option time "" "measure all parts in time, with two processors, not only those that need two"
define_option plots "" "draw docs/performance/*.svg again from the CSV files there, and end"
define_option snapshot FILE "restore this file instead of one made for the run"
define_option image FILE "restore this file instead of one made for the run"

show_option() {
	printf '  %-24s %s\n' "$1" "$2"
}

show_command_help() {
	local name

	echo "usage: ./run $command_name [options]${command_arguments:+ [-- $command_arguments]}"
	echo
	echo "$command_summary"
	echo
	for name in "${option_order[@]}"; do
		accepts "$name" || continue
		show_option "--$name${option_kind[$name]:+ ${option_kind[$name]}}" \
			"${option_help[$name]}"
	done
	show_option "--help" "show this help"
	if accepts kernel; then
		echo
		echo "The kernel is ${default_kernel} unless --kernel says otherwise."
	fi
}

show_help() {
	local file

	echo "usage: ./run COMMAND [options]"
	echo
	for file in "$top"/commands/*.sh; do
		(
			. "$file"
			printf '  %-8s %s\n' "$(basename "$file" .sh)" "$command_summary"
		)
	done
	echo
	echo "./run COMMAND --help shows a command's options."
}

# Prints the seed of --seed, or a random one.
chosen_seed() {
	echo "${option[seed]-$((RANDOM * 32768 + RANDOM))}"
}

accepts() {
	[[ " $command_options " == *" $1 "* ]]
}

parse_options() {
	while [ $# -gt 0 ]; do
		case $1 in
		--help | -h)
			show_command_help
			exit 0
			;;
		--)
			take_arguments "${@:2}"
			break
			;;
		--*=*)
			set -- "${1%%=*}" "${1#*=}" "${@:2}"
			continue
			;;
		--*)
			take_option "$@"
			shift "$taken"
			;;
		*)
			usage_error "unexpected '$1'; ./run $command_name --help shows the options"
			;;
		esac
	done
	select_kernels
}

take_arguments() {
	[[ -n $command_arguments || $# -eq 0 ]] ||
		usage_error "$command_name takes nothing after --"
	arguments=("$@")
}

# Sets taken to the number of arguments used.
take_option() {
	local name=${1#--}

	accepts "$name" ||
		usage_error "$command_name has no option '$1'; ./run $command_name --help shows those it has"
	taken=1
	option[$name]=yes
	[ -n "${option_kind[$name]}" ] || return 0
	taken=2
	[[ $# -ge 2 && -n $2 && $2 != -- ]] ||
		usage_error "$1 needs a value: $1 ${option_kind[$name]}"
	check_value "$name" "$2"
}

check_value() {
	local value=$2

	case ${option_kind[$1]} in
	HOW)
		[[ $value =~ ^(auto|tcg|kvm)$ ]] ||
			usage_error "--$1 is auto, tcg or kvm, not '$value'"
		;;
	PATH)
		touch -- "$value" 2>/dev/null ||
			usage_error "--$1: '$value' cannot be written"
		value=$(readlink -f "$value")
		;;
	MIB | N | SECONDS)
		[[ $value =~ ^[1-9][0-9]{0,6}$ ]] ||
			usage_error "--$1 needs a whole number above 0, not '$value'"
		;;
	COUNT)
		[[ $value =~ ^(0|[1-9][0-9]{0,17})$ ]] ||
			usage_error "--$1 needs a whole number, not '$value'"
		;;
	FILE)
		[[ -f $value && -r $value ]] ||
			usage_error "--$1: '$value' is not a file that can be read"
		value=$(readlink -f "$value")
		;;
	DIR)
		[[ -d $value && -x $value ]] ||
			usage_error "--$1: '$value' is not a folder that can be entered"
		value=$(readlink -f "$value")
		;;
	esac
	option[$1]=$value
}

select_kernels() {
	local wanted kernel

	accepts kernel || return 0
	wanted=${option[kernel]-$default_kernel}
	if [ -n "${option[kernel-image]-}${option[kernel-build]-}${option[kernel-modules]-}" ]; then
		select_own_kernel
		return
	fi
	[ "$wanted" != all ] || wanted=$(kernel_names | paste -sd,)
	IFS=, read -ra selected_kernels <<<"$wanted"
	[[ ${#selected_kernels[@]} -eq 1 || $default_kernel == *,* ]] ||
		usage_error "$command_name runs on one kernel; name one with --kernel"
	for kernel in "${selected_kernels[@]}"; do
		[[ $kernel =~ ^[a-z0-9.-]+$ && -f $(kernel_file "$kernel") ]] ||
			usage_error "unknown kernel '$kernel'; there are: $kernel_choices"
	done
}

# Whether --case selects the name $1: the name begins with its value or matches it.
case_means() {
	# shellcheck disable=SC2053
	[[ $1 == ${option[case]-} || $1 == "${option[case]-}"* ]]
}

select_own_kernel() {
	[ -z "${option[kernel]-}" ] ||
		usage_error "--kernel and --kernel-image exclude each other"
	[ -n "${option[kernel-image]-}" ] ||
		usage_error "--kernel-build and --kernel-modules need --kernel-image FILE too"
	[ -n "${option[kernel-build]-}" ] ||
		usage_error "--kernel-image needs --kernel-build DIR too"
	selected_kernels=(own)
}
