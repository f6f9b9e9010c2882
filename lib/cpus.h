/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keeping requester and page server on one CPU. Handing over is then a context switch,
 * and not the wake-up of another CPU, which on an emulated or busy machine may take any
 * time.
 */
#ifndef LIB_CPUS_H
#define LIB_CPUS_H

#include <sched.h>

/*
 * Keep this thread, and those it starts, on one CPU. Returns what cpus_restore() needs.
 */
cpu_set_t cpus_pin(void);
void cpus_restore(const cpu_set_t *cpus);

#endif
