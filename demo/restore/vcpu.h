/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual CPU: a thread that reads each page of the guest once, in a random order of
 * its own, and compares it with the file.
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
 * @image: what its memory has to be
 * @waited: how long accesses took of pages that were not mapped yet
 * @first_at: when the first access was over, by clock_ns()
 * @order: of the pages
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

/* @number makes the order. These end the program on failure. */
void vcpu_prepare(struct vcpu *vcpu, struct image *image, unsigned int number);
void vcpu_start(struct vcpu *vcpu, int guest);

/* Wait until it is through. */
void vcpu_join(struct vcpu *vcpu);

#endif
