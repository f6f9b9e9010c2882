/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers that options have. */
#ifndef LIB_NUMBER_H
#define LIB_NUMBER_H

/* The number that @text, of option @name, is. Ends the program if it is none. */
unsigned long long number(const char *name, const char *text,
			  unsigned long long least, unsigned long long most);

#endif
