/* SPDX-License-Identifier: GPL-2.0-only */
/* What the kit's inline functions look into a page for. The model's pages are others. */
#ifndef MODEL_KIT_PAGE_H
#define MODEL_KIT_PAGE_H

struct page {
	struct dev_pagemap *pgmap;
};

#endif
