/* SPDX-License-Identifier: GPL-2.0-only */
/* A system without a free huge page. */
#ifndef TESTS_FRAGMENT_H
#define TESTS_FRAGMENT_H

/*
 * Pin one small page in each 2 MiB of free memory until the process ends, and free the
 * rest. So there is memory, but no huge page. Skips the case if the kernel still finds
 * one.
 */
void memory_fragment(void);

#endif
