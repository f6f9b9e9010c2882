/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's files of one value. A failure ends the case. */
#ifndef TESTS_KNOB_H
#define TESTS_KNOB_H

#include <stddef.h>

void knob_write(const char *path, const char *text);
void knob_write_number(const char *path, size_t number);
size_t knob_read_number(const char *path);

#endif
