/* SPDX-License-Identifier: GPL-2.0-only */
/* How often this thread calls a function of the kernel, counted by a kprobe of perf. */
#ifndef TESTS_CALLS_H
#define TESTS_CALLS_H

#include <stdint.h>

/*
 * Count from now on. Returns a file for calls_counted(). Skips the case on a kernel without
 * kprobes of perf.
 */
int calls_count(const char *function);

uint64_t calls_counted(int fd);

#endif
