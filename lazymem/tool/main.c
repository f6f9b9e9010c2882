// SPDX-License-Identifier: GPL-2.0-only
/* `lazymem serve`: checks what can be checked before clients come, and serves. */
#include "fail.h"
#include "options.h"
#include "order.h"
#include "report.h"
#include "server.h"

/* What is wrong with the image or the files ends the program here, not with a client. */
static void main_prepare(struct tool *tool)
{
	struct lazymem_options *options = &tool->options;
	struct order_reader order;
	char why[LAZYMEM_WHY];
	int64_t size = lazymem_image_size(options->image, why);

	if (size < 0)
		die("image '%s': %s", options->image, why);
	if (!size)
		die("image '%s': it is empty", options->image);
	options->image_size = size;
	if (options->replay) {
		if (order_open(&order, options->replay, why))
			die("--replay: %s", why);
		order_close(&order);
	}
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
		.on_exit = LAZYMEM_FILL,
		.clients_most = 64,
		.options = { .window = 32 << 10, .read_ahead = true,
			     .timeout = 30 },
	};
	int status;

	options_parse(&tool, argc, argv);
	main_prepare(&tool);
	status = server_serve(&tool);
	if (tool.options.record && lazymem_order_close(tool.options.record)) {
		report_message(0, "the recorded order could not be written");
		status = 1;
	}
	return status;
}
