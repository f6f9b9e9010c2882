/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual CPU: a thread that reads each page of the guest once, in a random order of
 * its own, and compares the page with the file.
 */
#ifndef RESTORE_VCPU_H
#define RESTORE_VCPU_H

#include <pthread.h>
#include <stdint.h>

#include "image.h"
#include "latency.h"

/**
 * struct vcpu - a virtual CPU
 * @guest: file of the guest
 * @image: what the guest's memory must contain
 * @waited: times of accesses to pages that were not mapped yet
 * @first_at: clock_ns() at the end of the first access
 * @order: order in which the pages are read
 * @thread: its thread
 */
struct vcpu {
	int guest;
	struct image *image;
	struct latency waited;
	uint64_t first_at;
	/* private */
	uint32_t *order;
	pthread_t thread;
};

/* @number seeds the order. These functions end the program on failure. */
void vcpu_prepare(struct vcpu *vcpu, struct image *image, unsigned int number);
void vcpu_start(struct vcpu *vcpu, int guest);

/* Wait until the virtual CPU has read all pages. */
void vcpu_join(struct vcpu *vcpu);

#endif
