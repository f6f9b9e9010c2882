// SPDX-License-Identifier: GPL-2.0-only
#include "harness.h"
#include "requester.h"

static void *request(void *arg)
{
	struct requester *requester = arg;

	probe_run(requester->probe, &requester->run);
	return NULL;
}

void requester_start(struct requester *requester, int probe,
		     const struct hmmu_probe_run *run)
{
	requester->probe = probe;
	requester->run = *run;
	CHECK_EQ(pthread_create(&requester->thread, NULL, request, requester), 0);
}

int requester_end(struct requester *requester)
{
	CHECK_EQ(pthread_join(requester->thread, NULL), 0);
	return requester->run.error;
}
