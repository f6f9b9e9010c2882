/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A user of the installed library, compiled as C99, C11 and C++ by `./run check`, with the
 * strictest warnings. So it keeps to what these languages have in common.
 */
#include <stdio.h>

#include <lazymem.h>

static void user_message(void *arg, const char *text)
{
	(void)arg;
	puts(text);
}

/* Never called: it must compile and link. */
static int user_serve(struct lazymem_options *options, int uffd, struct lazymem_range *range,
		      char *why)
{
	struct lazymem_stats stats;
	struct lazymem *session;
	int error;

	options->message = user_message;
	session = lazymem_new(options, NULL, uffd, -1, range, 1, why);
	if (!session)
		return -1;
	lazymem_stop(session, LAZYMEM_FILL);
	error = lazymem_run(session);
	lazymem_stats(session, &stats);
	lazymem_free(session);
	return error ? error : (int)stats.failed;
}

/* Any argument asks for a call that fails, and prints the library's explanation. */
int main(int argc, char **argv)
{
	int (*volatile serve)(struct lazymem_options *options, int uffd,
			      struct lazymem_range *range, char *why) = user_serve;
	char why[LAZYMEM_WHY];

	if (argc < 2 || !serve)
		return 2;
	if (!lazymem_order_check(argv[1], why))
		return 1;
	user_message(NULL, why);
	return 0;
}
