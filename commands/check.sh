# SPDX-License-Identifier: GPL-2.0-only

command_summary="Compile with all warnings; check names, includes, heads, scripts; boots nothing."
command_options="kernel kernel-image kernel-build kernel-modules"
command_arguments=""
default_kernel=6.1,6.12,7.3

command_main() {
	local kernel passed=0 failed=0

	need_tools "${program_tools[@]}" "${build_tools[@]}" "${lazymem_tools[@]}" \
		"${check_tools[@]}"
	check "user programs" build_programs
	check "page server" build_lazymem
	check "symbols of the page server's library" check_symbols
	check "users of the page server's library" check_users
	check "shellcheck" check_scripts
	check "user copies that can be made to fail" check_copies
	check "layers that include each other" check_includes
	check "names" check_names
	check "heads of files" check_heads
	for kernel in "${selected_kernels[@]}"; do
		kernel_prepare "$kernel"
		check "modules for $kernel_release" build_modules
		check "sparse for $kernel_release" check_sparse
		check "the driver of docs/writing-a-driver.md for $kernel_release" check_document
		check "the call of README.md for $kernel_release, with and without our include" \
			check_include
	done
	echo "$passed passed, $failed failed, 0 skipped"
	[ "$failed" -eq 0 ]
}

# In a subshell, because a build that fails ends it.
check() {
	if ("${@:2}"); then
		echo "ok $1"
		passed=$((passed + 1))
	else
		echo "not ok $1"
		failed=$((failed + 1))
	fi
}

check_scripts() {
	shellcheck run .ci/run vm/guest/* &&
		shellcheck -s sh kernel/compat/*.sh &&
		shellcheck -s bash vm/*.sh vm/kernels/*.sh model/*.sh commands/*
}

# Other names would collide with those of the programs that use it.
check_symbols() {
	{
		nm -g --defined-only build/liblazymem.a
		nm -D --defined-only build/liblazymem.so
	} | awk 'NF == 3 && $3 ~ /^lazymem_/ { n++; next }
		NF == 3 { print "liblazymem: the symbol " $3 " is visible" }
		END { if (!n) print "liblazymem: no symbols found" }' >"$scratch/symbols"
	cat "$scratch/symbols" >&2
	[ ! -s "$scratch/symbols" ]
}

# As users build: with what is installed, by pkg-config, in three languages, with the shared
# library and with the static one.
check_users() {
	local root=$scratch/lazymem failed=0 compiler

	rm -rf "$root"
	make install-lazymem "PREFIX=$root/usr" >build/log/install-lazymem.log 2>&1 || {
		cat build/log/install-lazymem.log >&2
		return 1
	}
	for compiler in "gcc -std=c99 -x c" "gcc -std=c11 -x c" "g++ -std=c++11 -x c++"; do
		check_user "$compiler" && continue
		echo "$compiler: a user cannot be built, or does not run" >&2
		failed=1
	done
	make uninstall-lazymem "PREFIX=$root/usr" >>build/log/install-lazymem.log
	[ -z "$(find "$root" ! -type d)" ] || {
		echo "left behind by uninstall-lazymem: $(find "$root" ! -type d)" >&2
		failed=1
	}
	[ "$failed" -eq 0 ]
}

# check_user COMPILER, which is words.
check_user() {
	local user=$scratch/user link flags

	for link in "" --static; do
		# shellcheck disable=SC2086
		flags=$(PKG_CONFIG_PATH=$root/usr/lib/pkgconfig pkg-config --cflags --libs $link lazymem) ||
			return
		[ -z "$link" ] || flags=${flags/-llazymem/-l:liblazymem.a}
		# shellcheck disable=SC2086
		$1 -Wall -Wextra -pedantic -Werror -o "$user" lazymem/test/user/user.c \
			-x none $flags || return
		LD_LIBRARY_PATH=$root/usr/lib "$user" /nonexistent/order >/dev/null || return
	done
}

# Fault injection does not reach get_user() and put_user(): the test devices, which the
# fault sweep is about, must not use them.
check_copies() {
	[ -d kernel/devices ] && ! grep -rnwE '(__)?(get|put)_user' kernel/devices >&2
}

# The engine knows nothing of the kit, and what is shared nothing of the page server.
check_includes() {
	local failed=0

	! grep -nE '^#include "(\.\./)?mirror/|^#include <linux/hmmu_' kernel/fault/*.[ch] >&2 ||
		failed=1
	! grep -nE '^#include "(.*/)?(lazymem|session)' lib/*.[ch] >&2 || failed=1
	[ "$failed" -eq 0 ]
}

# By universal-ctags. A static name must not stand twice in a module, or tracing and
# kallsyms lead to the wrong place; and a function of the engine or the kit carries its
# object, so its name has more than one word.
check_names() {
	local module

	{
		for module in $(module_names); do
			module_sources "$module" | tags_of fv |
				awk -v "module=$module.ko" '{ n++ }
				$2 == "file" && ++seen[$1] == 2 {
					print module ": the static name \"" $1 "\" stands twice" }
				END { if (!n) print module ": no names found; is kernel/Kbuild read rightly?" }'
		done
		[ -n "$(module_names)" ] || echo "no modules found in kernel/Kbuild"
		find kernel/fault kernel/mirror -name '*.[ch]' | tags_of f |
			awk '{ n++ }
			$1 !~ /_/ { print $3 ": the function \"" $1 "\" does not name its object" }
			END { if (!n) print "no functions found in kernel/fault and kernel/mirror" }'
		find lazymem -name '*.[ch]' | tags_of f |
			awk '{ n++ }
			$1 !~ /_/ { short++; names = names " " $1 }
			END { if (!n || short > n / 20)
				print "lazymem: " short + 0 " of " n + 0 " functions have names of one word, at most one in 20 may:" names }'
	} >"$scratch/names"
	cat "$scratch/names" >&2
	[ ! -s "$scratch/names" ]
}

# The modules of kernel/Kbuild.
module_names() {
	sed -n 's/^\([a-z_]*\)-y := .*/\1/p' kernel/Kbuild
}

# Sources of module $1, by kernel/Kbuild.
module_sources() {
	sed -e :a -e '/\\$/{N;s/\\\n//;ba' -e '}' kernel/Kbuild |
		sed -n "s/^$1-y := //p" | tr -s '[:space:]' '\n' |
		sed -n 's/\.o$/.c/p' | sed 's|^|kernel/|'
}

# The tags of kinds $1 in the C files named on stdin: NAME, "file" if it is static, FILE.
tags_of() {
	ctags -L - -x --language-force=C --kinds-C="$1" --_xformat='%N %f %F'
}

# A file's first comment after the licence tells what the file is. (A kernel build that is
# pointed at kernel/ itself leaves *.mod.c there.)
check_heads() {
	local file failed=0

	while read -r file; do
		[[ $(sed -n 2p "$file") == '/*'* ]] && continue
		echo "$file: line 2 does not begin a comment that tells what this file is" >&2
		failed=1
	done < <(find kernel lazymem lib tests model bench demo -name '*.[ch]' ! -name '*.mod.c')
	[ "$failed" -eq 0 ]
}

# The page's blocks of C are one driver, in their order, and it has a Kbuild. It is built as a
# reader builds it: against what `make install` has installed.
check_document() {
	local page=docs/writing-a-driver.md root=$scratch/installed driver=$scratch/driver
	local log=$top/build/log/document-$kernel_name.log

	rm -rf "$root" "$driver"
	mkdir -p "$driver"
	awk '/^```c$/ { code = 1; next } /^```$/ { code = 0 } code' "$page" >"$driver/my_driver.c"
	awk '/^```make$/ { code = 1; next } /^```$/ { code = 0 } code' "$page" |
		sed "s|/usr/src|$root&|" >"$driver/Kbuild"
	{ toolchain_run make install "KDIR=$kernel_build" "DESTDIR=$root" &&
		toolchain_run make -C "$kernel_build" "M=$driver" W=1 KCFLAGS=-Werror \
			modules; } >"$log" 2>&1 &&
		[ -s "$driver/my_driver.ko" ] && return
	tail -n 40 "$log" >&2
	return 1
}

# The call that README.md shows, in a driver, against what check_document has installed. A
# driver moves to mainline's call by deleting an include: so without it the same source calls
# the kernel's function, where the kernel has one, and does not build where it has none.
check_include() {
	include_build with && include_calls with hmmu_range_fault_unlocked || return
	if grep -qw hmm_range_fault_unlocked_timeout "$kernel_build/Module.symvers"; then
		include_build without &&
			include_calls without hmm_range_fault_unlocked_timeout
	else
		! include_build without 2>/dev/null &&
			grep -q ': error: implicit declaration of function .*hmm_range_fault_unlocked_timeout' \
				"$top/build/log/include-without-$kernel_name.log"
	fi
}

# include_build with|without: builds the driver in $scratch/include-with, ...
include_build() {
	local root=$scratch/installed driver=$scratch/include-$1
	local log=$top/build/log/include-$1-$kernel_name.log

	rm -rf "$driver"
	mkdir -p "$driver"
	include_source "$1" >"$driver/my_driver.c"
	awk '/^```make$/ { code = 1; next } /^```$/ { code = 0 } code' \
		docs/writing-a-driver.md | sed "s|/usr/src|$root&|" >"$driver/Kbuild"
	LC_ALL=C toolchain_run make -C "$kernel_build" "M=$driver" W=1 KCFLAGS=-Werror \
		modules >"$log" 2>&1 && return
	tail -n 40 "$log" >&2
	return 1
}

# The block of README.md that has the loop, in a function.
include_source() {
	echo '#include <linux/hmm.h>'
	[ "$1" = without ] || echo '#include <linux/hmm_unlocked.h>'
	cat <<-'END'
		#include <linux/mmu_notifier.h>
		#include <linux/module.h>
		#include <linux/mutex.h>
		#include <linux/sched/signal.h>

		struct driver {
			struct mutex lock;
		};

		int driver_collect(struct driver *driver, struct hmm_range range);
		int driver_collect(struct driver *driver, struct hmm_range range)
		{
			int ret;

	END
	awk '/^```c$/ { code = 1; block = ""; next }
		/^```$/ { if (block ~ /again:/) printf "%s", block; code = 0 }
		code { block = block $0 "\n" }' README.md
	printf '\treturn 0;\n}\n\nMODULE_DESCRIPTION("The call of README.md");\nMODULE_LICENSE("GPL");\n'
}

# include_calls with|without FUNCTION: of the two only FUNCTION is called.
include_calls() {
	[ "$(nm -u "$scratch/include-$1/my_driver.ko" |
		grep -oE 'hmmu?_range_fault_unlocked.*')" = "$2" ] && return
	echo "the driver $1 our include does not call $2()" >&2
	return 1
}

# The kernel's own headers are not clean under sparse: only what it says of
# the modules' files counts.
check_sparse() {
	local log=build/log/sparse-$kernel_name.log

	build_modules C=2 CF=-D__CHECK_ENDIAN__
	mv "build/log/modules-$kernel_name.log" "$log"
	! grep -F "$modules_built/" "$log" | grep -E ': (warning|error):' >&2
}
