// SPDX-License-Identifier: GPL-2.0-only
/* `lazymem serve`: checks what can be checked before clients come, and serves. */
#include <signal.h>

#include "fail.h"
#include "options.h"
#include "output.h"
#include "report.h"
#include "server.h"

/* What is wrong with the image or the files ends the program here, not with a client. */
static void main_prepare(struct tool *tool)
{
	struct lazymem_options *options = &tool->options;
	char why[LAZYMEM_WHY];

	options->image = lazymem_image_open(tool->where, &tool->how, why);
	if (!options->image)
		die("image '%s': %s", tool->where, why);
	if (!lazymem_image_size(options->image))
		die("image '%s': it is empty", tool->where);
	if (options->replay && lazymem_order_check(options->replay, why))
		die("--replay: %s", why);
	if (tool->record) {
		options->record = lazymem_order_new(tool->record, why);
		if (!options->record)
			die("--record: %s", why);
	}
}

/* A recorded order is closed after all sessions have ended. */
int main(int argc, char **argv)
{
	struct tool tool = {
		.socket_mode = -1,
		.socket_user = -1,
		.socket_group = -1,
		.on_exit = LAZYMEM_FILL,
		.clients_most = 1024,
		.level = REPORT_INFO,
		.how = { .timeout = 30 },
		.options = { .window = 32 << 10, .prefetch = LAZYMEM_PREFETCH_ALL, .fill_wait = 5 },
	};
	int status;

	/* Output that nobody reads is an error of write(). */
	signal(SIGPIPE, SIG_IGN);
	/* So is a file beyond `ulimit -f`. */
	signal(SIGXFSZ, SIG_IGN);
	output_prepare();
	options_parse(&tool, argc, argv);
	tool.options.rate = lazymem_rate_new(tool.rate);
	main_prepare(&tool);
	status = server_serve(&tool);
	if (tool.options.record && lazymem_order_close(tool.options.record)) {
		report_error(0, "the recorded order could not be written");
		status = 1;
	}
	lazymem_image_close(tool.options.image);
	lazymem_rate_free(tool.options.rate);
	return status;
}
