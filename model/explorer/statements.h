/* SPDX-License-Identifier: GPL-2.0-only */
/* The statements that a scenario file is made of: docs/model.md tells what each means. */
#ifndef MODEL_STATEMENTS_H
#define MODEL_STATEMENTS_H

void statements_begin(const char *file);
/* Does what @line says, to `scenario`; @line is changed. */
void statement_read(char *line);
/* What is wrong from here on is wrong with the file as a whole. */
void statements_end(void);

/* Ends the program. */
void statement_wrong(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

#endif
