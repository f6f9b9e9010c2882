/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers in options of the command line. */
#ifndef LIB_NUMBER_H
#define LIB_NUMBER_H

/*
 * The decimal number in @text, from @least to @most. Anything else ends the program with a
 * message that names the option @name.
 */
unsigned long long number(const char *name, const char *text,
			  unsigned long long least, unsigned long long most);

#endif
