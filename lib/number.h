/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers given as options. */
#ifndef LIB_NUMBER_H
#define LIB_NUMBER_H

/*
 * Parse @text, the value of option @name. Ends the program if it is not a number from
 * @least to @most.
 */
unsigned long long number(const char *name, const char *text,
			  unsigned long long least, unsigned long long most);

#endif
