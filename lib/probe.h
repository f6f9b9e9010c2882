/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The probe device from user space: it makes one call of the engine, or of the stock
 * kernel, and returns entries, contents and counters. See <hmm_unlocked_probe.h>.
 */
#ifndef LIB_PROBE_H
#define LIB_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hmm_unlocked_counters.h>
#include <hmm_unlocked_probe.h>

#define READ_REQUEST	HMMU_PROBE_REQ_FAULT
#define WRITE_REQUEST	(HMMU_PROBE_REQ_FAULT | HMMU_PROBE_REQ_WRITE)

/* Open the device for the memory of this process. Ends the program on failure. */
int probe_open(void);

/* Describe a run of @call over @pages pages at @start, asking @request for each page. */
struct hmmu_probe_run probe_range(enum hmmu_probe_call call, const void *start,
				  size_t pages, uint64_t request);

/* Make the run. Ends the program if the probe refuses it; returns run->error. */
int probe_run(int fd, struct hmmu_probe_run *run);

/* As probe_run(), but a refusal is returned as -errno. */
int probe_try(int fd, struct hmmu_probe_run *run);

/* Does the kernel have @call? One call is the kernel's own: HMMU_PROBE_MAINLINE. */
bool probe_has_call(int fd, enum hmmu_probe_call call);

static inline uint64_t counted(const struct hmmu_probe_run *run,
			       enum hmm_unlocked_counter which)
{
	return run->counters[which];
}

/* The counter's name, such as "entries_read". */
const char *counter_name(enum hmm_unlocked_counter which);

/* The counter's total of all calls since the module was loaded, from debugfs. */
uint64_t counter_total(enum hmm_unlocked_counter which);

#endif
