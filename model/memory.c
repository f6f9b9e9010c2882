// SPDX-License-Identifier: GPL-2.0-only
/* In place of mirror/memory.c and mirror/migrate.c: no mirror here has device memory. */
#include "schedule.h"
#include "../mirror/memory.h"
#include "../mirror/mirror.h"

bool hmmu_migrate_window(struct hmmu_flight *flight, const struct hmm_range *range)
{
	return false;
}

struct hmmu_move *hmmu_move_new(unsigned int pages)
{
	violated("pages are to be moved, and nobody has asked for that");
}

void hmmu_move_free(struct hmmu_move *move)
{
	if (move)
		violated("a move is freed that was never made");
}

bool hmmu_memory_has(const struct hmmu_memory *memory, const struct page *page)
{
	violated("a page is looked for in device memory");
}

struct page *hmm_pfn_to_page(unsigned long entry)
{
	violated("a page is looked at");
}

bool is_device_coherent_page(const struct page *page)
{
	violated("a page is looked at");
}

bool is_device_private_page(const struct page *page)
{
	violated("a page is looked at");
}
