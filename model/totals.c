// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>

#include "kernel.h"
#include "totals.h"

static unsigned long long calls;

int (*model_debugfs_show)(struct seq_file *m, void *unused);

static void die(const char *what)
{
	fprintf(stderr, "hmmu-model: %s\n", what);
	exit(1);
}

void totals_begin(void)
{
	if (model_module_init() || !model_debugfs_show)
		die("the module's init did not make its file");
	calls = 0;
}

void totals_expect_call(void)
{
	calls++;
}

void totals_end(void)
{
	struct seq_file m;
	unsigned long long shown = 0;
	char *text = NULL;
	size_t size;

	m.file = open_memstream(&text, &size);
	if (!m.file)
		die("no memory");
	model_debugfs_show(&m, NULL);
	fclose(m.file);
	/* A run that was cut has begun a call and not ended it. */
	if (sscanf(text, "format 1\ncalls %llu", &shown) != 1 || shown != calls)
		die("the totals in debugfs are not those of the calls made");
	free(text);
	model_module_exit();
	if (model_debugfs_show)
		die("the module's exit has left its file");
}
