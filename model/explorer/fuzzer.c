// SPDX-License-Identifier: GPL-2.0-only
/*
 * A libFuzzer target: the bytes are the schedule of the scenario that the
 * environment names in MODEL_SCENARIO. Each byte answers one choice.
 */
#include <stdlib.h>

#include "explorer/run.h"
#include "explorer/scenario.h"
#include "explorer/state.h"

const char *__asan_default_options(void);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

const char *__asan_default_options(void)
{
	return "detect_leaks=0:detect_stack_use_after_return=0";
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static struct outcome only_one;
	const char *path = getenv("MODEL_SCENARIO");

	if (!path) {
		fprintf(stderr, "hmmu-fuzzer: set MODEL_SCENARIO to the path of a scenario\n");
		exit(2);
	}
	outcome = &only_one;
	scenario_load(path);
	state_begins();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	run_bytes(bytes, n);
	if (outcome->verdict != VIOLATED)
		return 0;
	telling = true;
	run_bytes(bytes, n);
	printf("      VIOLATED     %s\n", outcome->why);
	abort();
}
