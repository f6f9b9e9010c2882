/* SPDX-License-Identifier: GPL-2.0-only */
/* The module's beginning and end, and the file in debugfs between them. */
#ifndef MODEL_TOTALS_H
#define MODEL_TOTALS_H

void totals_begin(void);

/* A call has returned: the totals have to know of it. */
void totals_expect_call(void);

/* Ends the program with a message if they do not. */
void totals_end(void);

#endif
