// SPDX-License-Identifier: GPL-2.0-only
/* The page server by hand that lets faults gather. */
#include <errno.h>

#include "crowd.h"
#include "harness.h"

#define QUIET_MS	5

struct crowd crowd_new(const struct area *area)
{
	struct crowd crowd = {
		.uffd = uffd_need(0, "missing faults"), .base = area->at,
		.pages = area->pages, .wanted = area->pages,
	};

	CHECK_EQ(uffd_register(crowd.uffd, crowd.base, crowd.pages * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	return crowd;
}

/* No page is asked for twice, and none that is present. */
static void crowd_add(struct crowd *crowd, const struct uffd_msg *msg)
{
	size_t page = (msg->arg.pagefault.address - (uintptr_t)crowd->base) / PAGE;

	CHECK_EQ(msg->event, UFFD_EVENT_PAGEFAULT);
	CHECK_REL(page, <, crowd->pages);
	for (size_t i = 0; i < crowd->nr; i++)
		CHECK_REL(crowd->waiting[i], !=, page);
	CHECK_REL(crowd->nr, <, CROWD_MAX);
	crowd->waiting[crowd->nr++] = page;
	if (crowd->nr > crowd->most)
		crowd->most = crowd->nr;
}

void crowd_answer(struct crowd *crowd)
{
	static char content[PAGE] __attribute__((aligned(PAGE)));
	size_t page;

	while (crowd->nr) {
		page = crowd->waiting[--crowd->nr];
		content_fill(content, SERIES, page, 1);
		CHECK_EQ(uffd_copy(crowd->uffd, crowd->base + page * PAGE,
				   content, PAGE), 0);
		crowd->answered++;
	}
}

void crowd_gather(struct crowd *crowd, size_t n)
{
	struct uffd_msg msg;

	while (crowd->nr < n && crowd->answered < crowd->wanted) {
		if (uffd_next(crowd->uffd, &msg, QUIET_MS))
			crowd_add(crowd, &msg);
		else
			crowd_answer(crowd);
	}
}
