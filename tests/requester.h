/* SPDX-License-Identifier: GPL-2.0-only */
/* A run of the probe in a thread of its own, for tests that act meanwhile. */
#ifndef TESTS_REQUESTER_H
#define TESTS_REQUESTER_H

#include <pthread.h>

#include "probe.h"

struct requester {
	pthread_t thread;
	int probe;
	struct hmmu_probe_run run;
};

/* Begin @run; end and see what became of it in requester->run. */
void requester_start(struct requester *requester, int probe,
		     const struct hmmu_probe_run *run);
int requester_end(struct requester *requester);

#endif
