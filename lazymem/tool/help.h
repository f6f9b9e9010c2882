/* SPDX-License-Identifier: GPL-2.0-only */
/* --help and --version. Both end the program, with status 1 if they cannot be written. */
#ifndef LAZYMEM_HELP_H
#define LAZYMEM_HELP_H

void help_show(void) __attribute__((noreturn));
void help_version(void) __attribute__((noreturn));

#endif
