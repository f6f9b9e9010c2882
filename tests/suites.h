/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The suites, in the order in which they run: SUITE(word, function).
 *
 * @word is the first word of the names of all cases that @function adds, which the program
 * checks. It is also where these cases are: the file tests/FOLDER/WORD.c ('-' is '_' there),
 * or the files of the folder tests/WORD/, a function each.
 */
#ifndef TESTS_SUITES_H
#define TESTS_SUITES_H

#define TEST_SUITES(SUITE)				\
	SUITE("basic", suite_basic)			\
	SUITE("memory", suite_memory)			\
	SUITE("userfault", suite_userfault)		\
	SUITE("sticky", suite_sticky)			\
	SUITE("errors", suite_errors)			\
	SUITE("asked", suite_asked)			\
	SUITE("waits", suite_waits)			\
	SUITE("together", suite_together)		\
	SUITE("kill", suite_kill)			\
	SUITE("limits", suite_limits)			\
	SUITE("mainline", suite_mainline)		\
	SUITE("sweep", suite_sweep_calls)		\
	SUITE("sweep", suite_sweep_device)		\
	SUITE("dmirror", suite_dmirror)			\
	SUITE("mirror", suite_mirror)			\
	SUITE("protect", suite_protect)			\
	SUITE("teardown", suite_teardown)		\
	SUITE("migrate", suite_migrate)			\
	SUITE("huge", suite_huge)			\
	SUITE("populate-dev", suite_populate_dev)	\
	SUITE("exclusive", suite_exclusive)		\
	SUITE("pinned", suite_pinned)			\
	SUITE("moving", suite_moving)			\
	SUITE("device", suite_device)			\
	SUITE("template", suite_template)		\
	SUITE("region", suite_region_calls)		\
	SUITE("region", suite_region_windows)		\
	SUITE("region", suite_region_large)		\
	SUITE("region", suite_region_dirty)		\
	SUITE("region", suite_region_hypervisor)	\
	SUITE("region", suite_region_vcpus)		\
	SUITE("region", suite_region_ends)		\
	SUITE("demo", suite_demo)			\
	SUITE("fuzz", suite_fuzz)			\
	SUITE("module", suite_module)			\
	SUITE("stress", suite_stress)			\
	SUITE("soak", suite_soak)

#define SUITE_DECLARE(word, function)	void function(void);

TEST_SUITES(SUITE_DECLARE)

#endif
