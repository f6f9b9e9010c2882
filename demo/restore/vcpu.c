// SPDX-License-Identifier: GPL-2.0-only
/* The thread of a virtual CPU. Its order of pages is the same in each run. */
#include <stdlib.h>

#include "check.h"
#include "clock.h"
#include "content.h"
#include "fail.h"
#include "guest.h"
#include "vcpu.h"

static void order_shuffle(uint32_t *order, size_t pages, unsigned int number)
{
	unsigned short seed[3] = { 0, number, 0 };

	for (size_t i = 0; i < pages; i++) {
		size_t j = nrand48(seed) % (i + 1);

		order[i] = order[j];
		order[j] = i;
	}
}

void vcpu_prepare(struct vcpu *vcpu, struct image *image, unsigned int number)
{
	*vcpu = (struct vcpu) {
		.image = image,
		.order = calloc(image->pages, sizeof(*vcpu->order)),
	};
	if (!vcpu->order)
		die_errno("no memory for an order of %zu pages", image->pages);
	order_shuffle(vcpu->order, image->pages, number);
}

static void vcpu_access(struct vcpu *vcpu, size_t page)
{
	unsigned char seen[PAGE];
	uint64_t begun = clock_ns(), over;
	unsigned int intercepts = guest_read(vcpu->guest, page, 1, seen);

	over = clock_ns();
	if (intercepts)
		latency_add(&vcpu->waited, over - begun);
	if (!vcpu->first_at)
		vcpu->first_at = over;
	check_page(vcpu->image, page, seen);
}

static void *vcpu_run(void *arg)
{
	struct vcpu *vcpu = arg;

	for (size_t i = 0; i < vcpu->image->pages; i++)
		vcpu_access(vcpu, vcpu->order[i]);
	return NULL;
}

void vcpu_start(struct vcpu *vcpu, int guest)
{
	vcpu->guest = guest;
	if (pthread_create(&vcpu->thread, NULL, vcpu_run, vcpu))
		die("cannot start a virtual CPU's thread");
}

void vcpu_join(struct vcpu *vcpu)
{
	pthread_join(vcpu->thread, NULL);
	free(vcpu->order);
}
