/* SPDX-License-Identifier: GPL-2.0-only */
/* Each adds the cases of one file. */
#ifndef TESTS_SUITES_H
#define TESTS_SUITES_H

void suite_basic(void);
void suite_memory(void);
void suite_userfault(void);
void suite_errors(void);
void suite_asked(void);
void suite_waits(void);
void suite_together(void);
void suite_kill(void);
void suite_limits(void);
void suite_failures(void);
void suite_failures_dev(void);
void suite_dmirror(void);
void suite_mirror(void);
void suite_teardown(void);
void suite_migrate(void);
void suite_populate_dev(void);
void suite_exclusive(void);
void suite_pinned(void);
void suite_moving(void);
void suite_ends_dev(void);
void suite_template(void);
void suite_region(void);
void suite_windows(void);
void suite_large(void);
void suite_dirty(void);
void suite_hypervisor(void);
void suite_vcpus(void);
void suite_ends(void);
void suite_demo(void);
void suite_fuzz(void);
void suite_module(void);
void suite_soak(void);
void suite_stress(void);

#endif
