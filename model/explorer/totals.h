/* SPDX-License-Identifier: GPL-2.0-only */
/* The module's beginning and end, and the file in debugfs between them. */
#ifndef MODEL_TOTALS_H
#define MODEL_TOTALS_H

#include <linux/hmm_unlocked.h>

void totals_begin(void);

/* A call has returned: the totals have to know of it. @counters may be NULL. */
void totals_expect_call(const struct hmm_unlocked_counters *counters);

/* If they do not, that is the verdict. */
void totals_end(void);

#endif
