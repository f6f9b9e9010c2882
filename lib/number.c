// SPDX-License-Identifier: GPL-2.0-only
/* Numbers in options; see number.h. */
#include <stdlib.h>

#include "fail.h"
#include "number.h"

unsigned long long number(const char *name, const char *text,
			  unsigned long long least, unsigned long long most)
{
	char *end;
	unsigned long long n = strtoull(text, &end, 10);

	if (end == text || *end || *text == '-' || n < least || n > most)
		die("%s is a number from %llu to %llu, not \"%s\"", name,
		    least, most, text);
	return n;
}
