// SPDX-License-Identifier: GPL-2.0-only
/* Messages of programs that end; see fail.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"

void (*die_reporter)(const char *text);

/*
 * @error: its text follows; 0 for no such text. Standard output first, so that the order of
 * both is kept where they go to one file.
 */
static void __attribute__((noreturn, format(printf, 2, 0)))
die_say(int error, const char *fmt, va_list args)
{
	char text[1024];
	int length = vsnprintf(text, sizeof(text), fmt, args);

	if (error && length >= 0 && (size_t)length < sizeof(text))
		snprintf(text + length, sizeof(text) - length, ": %s", strerror(error));
	fflush(stdout);
	if (die_reporter)
		die_reporter(text);
	else
		fprintf(stderr, "%s: %s\n", program_invocation_short_name, text);
	exit(2);
}

void die_errno(const char *fmt, ...)
{
	int error = errno;
	va_list args;

	va_start(args, fmt);
	die_say(error, fmt, args);
}

void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	die_say(0, fmt, args);
}
