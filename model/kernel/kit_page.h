/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kit's inline functions look into a page for. The model's pages are others. */
#ifndef MODEL_KIT_PAGE_H
#define MODEL_KIT_PAGE_H

#include <stdbool.h>

struct page {
	struct dev_pagemap *pgmap;
};

struct folio;

struct folio *page_folio(struct page *page);
bool folio_mapped(struct folio *folio);
void zone_device_page_init(struct page *page);

#endif
