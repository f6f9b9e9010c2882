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

/* Or it is the device's alone, and the CPU has kept the entry for later. */
static bool device_is_right(unsigned int page, const struct device_entry *e)
{
	const struct page *p = &world.pages[page];

	if (e->alone)
		return p->kind == EXCLUSIVE && p->frame == e->frame;
	return mapped_alike(page, e->frame, e->writable);
}

bool contract_mapped_alike(unsigned int page, unsigned long entry)
{
	return mapped_alike(page, entry, entry & HMM_PFN_WRITE);
}

void contract_device(void)
{
	for (unsigned int page = 0; page < MAX_PAGES; page++) {
		const struct device_entry *e = &world.device[page];

		if (e->frame && !device_is_right(page, e))
			violated("the device maps frame %#x at page %u, the CPU does not (%s)",
				 e->frame, page, page_text(page));
	}
}
