/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Huge pages in migrations: from about 6.19 if asked for. On kernels without, the flags are
 * 0: no page is ever marked as huge, and the compiler drops what is for huge pages only.
 */
#ifndef _COMPAT_COMPOUND_H
#define _COMPAT_COMPOUND_H

#include <linux/migrate.h>

#ifdef MIGRATE_PFN_COMPOUND
#define HMMU_HAS_LARGE_DEVICE_FOLIOS	1
#else
#define HMMU_HAS_LARGE_DEVICE_FOLIOS	0
#define MIGRATE_PFN_COMPOUND		0UL
#define MIGRATE_VMA_SELECT_COMPOUND	0
#endif

#endif
