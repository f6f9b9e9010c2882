/* SPDX-License-Identifier: GPL-2.0-only */
/* Device memory as 7.3 has it, on older kernels. */
#ifndef _COMPAT_DEVICE_MEMORY_H
#define _COMPAT_DEVICE_MEMORY_H

#include <linux/memremap.h>
#include <linux/mm.h>
#include <kernel_has.h>

#include "large_folio.h"

#if !IS_ENABLED(CONFIG_DEVICE_MIGRATION)
#error "this kernel is built without CONFIG_DEVICE_MIGRATION: it has no migrate_vma_setup()"
#endif

/* Before 6.15 the field was read. */
#if !HMMU_HAS_PAGE_PGMAP
static inline struct dev_pagemap *page_pgmap(const struct page *page)
{
	return page->pgmap;
}
#endif

/*
 * Before 6.19 the pagemap was in the page already, and all device pages were small. (Some
 * release candidates of 6.19 have a third form, which does not compile here.)
 */
#if !HMMU_HAS_ZONE_DEVICE_PAGE_INIT
static inline void hmmu_zone_device_page_init(struct page *page,
					      struct dev_pagemap *pgmap,
					      unsigned int order)
{
	zone_device_page_init(page);
}
#define zone_device_page_init hmmu_zone_device_page_init
#endif

/*
 * DEFINE_HMMU_PAGEMAP_OPS() - define a struct dev_pagemap_ops
 * @name: of the struct
 * @free: its folio_free()
 * @split: its folio_split()
 * @touch: its migrate_to_ram()
 *
 * Before 6.19 a page was freed.
 */
#if HMMU_HAS_FOLIO_FREE
#define DEFINE_HMMU_PAGEMAP_OPS(name, free, split, touch)	\
static const struct dev_pagemap_ops name = {			\
	.folio_free = free,					\
	HMMU_FOLIO_SPLIT(split)					\
	.migrate_to_ram = touch,				\
}
#else
#define DEFINE_HMMU_PAGEMAP_OPS(name, free, split, touch)	\
static void name##_page_free(struct page *page)			\
{								\
	free(page_folio(page));					\
}								\
static const struct dev_pagemap_ops name = {			\
	.page_free = name##_page_free,				\
	.migrate_to_ram = touch,				\
}
#endif

#endif
