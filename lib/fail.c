// SPDX-License-Identifier: GPL-2.0-only
/* Messages of programs that end; see fail.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"

/* Standard output first, so that the order of both is kept where they go to one file. */
static void die_say(const char *fmt, va_list args)
{
	fflush(stdout);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, fmt, args);
}

void die_errno(const char *fmt, ...)
{
	int error = errno;
	va_list args;

	va_start(args, fmt);
	die_say(fmt, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerror(error));
	exit(2);
}

void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	die_say(fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}
