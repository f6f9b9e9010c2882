/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requester and page server on one CPU: handing over is a context switch then, not
 * the wake-up of another CPU, which on an emulated or a busy machine may take any
 * time.
 */
#ifndef LIB_CPUS_H
#define LIB_CPUS_H

#include <sched.h>

/* Keep this thread, and those it starts, on one CPU. */
cpu_set_t cpus_pin(void);
void cpus_restore(const cpu_set_t *cpus);

#endif
