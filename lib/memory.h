/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory for programs that know how much of it they need. */
#ifndef LIB_MEMORY_H
#define LIB_MEMORY_H

#include <stddef.h>

/* End the program if less than @mib MiB are free. */
void memory_need(size_t mib);

/*
 * Anonymous memory that begins at a multiple of 2 MiB, with an @advice of
 * madvise(2): MADV_NOHUGEPAGE, MADV_HUGEPAGE. Ends the program on failure.
 */
void *memory_map(size_t pages, int advice);
void memory_unmap(void *at, size_t pages);

/*
 * Anonymous memory of hugetlb pages of 2 MiB, which are added to the kernel's pool for
 * it. NULL if that is impossible.
 */
void *memory_map_hugetlb(size_t pages);
void memory_unmap_hugetlb(void *at, size_t pages);

#endif
