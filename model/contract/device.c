// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device maps nothing that the CPU does not map, at any moment.
 */
#include "contract/contract.h"
#include "explorer/schedule.h"
#include "kernel/world.h"

/* A page of the device must be the CPU's, and no more writable than there. */
static bool mapped_alike(unsigned int page, uint16_t frame, bool writable)
{
	const struct page *p = &world.pages[page];

	return (p->kind == PRESENT || p->kind == DEVICE_OURS) &&
	       p->frame == frame && (p->writable || !writable);
}

bool contract_mapped_alike(unsigned int page, unsigned long entry)
{
	return mapped_alike(page, entry, entry & HMM_PFN_WRITE);
}

void contract_device(void)
{
	for (unsigned int page = 0; page < MAX_PAGES; page++) {
		const struct device_entry *e = &world.device[page];

		if (e->frame && !mapped_alike(page, e->frame, e->writable))
			violated("the device maps frame %#x at page %u, the CPU does not (%s)",
				 e->frame, page, page_text(page));
	}
}
