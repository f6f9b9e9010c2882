// SPDX-License-Identifier: GPL-2.0-only
/*
 * lazymem as the page server: a process of its own, with a cached file behind it, or
 * nbdkit with its delay filter. A fault brings a single page, or a window of neighbours.
 *
 * The file is in memory, so that no disk is measured.
 */
#include <stdio.h>

#include "cpus.h"
#include "work.h"

static const struct point {
	enum source source;
	unsigned int latency_us;
	unsigned int window_kib;
	size_t pages;
} points[] = {
	{ LAZYMEM_FILE, 0, 4, 1024 },
	{ LAZYMEM_FILE, 0, 32, 2048 },
	{ LAZYMEM_NBD, 0, 4, 512 },
	{ LAZYMEM_NBD, 1000, 4, 512 },
	{ LAZYMEM_NBD, 1000, 32, 2048 },
	{ LAZYMEM_NBD, 10000, 4, 64 },
};

static void source_measure(const struct bench *bench, const struct point *point)
{
	char title[96];
	const struct work work = {
		.part = "source",
		.title = title,
		.testbed = {
			.source = point->source,
			.latency_us = point->latency_us,
			.window_kib = point->window_kib,
			.pages = point->pages,
		},
		.request = READ_REQUEST,
		.ways = DROPPING_WAYS,
		.times = 1,
	};

	if (point->source == LAZYMEM_FILE)
		snprintf(title, sizeof(title),
			 "%zu pages, lazymem, a cached file, %u KiB a fault",
			 point->pages, point->window_kib);
	else
		snprintf(title, sizeof(title),
			 "%zu pages, lazymem, nbdkit with %g ms, %u KiB a fault",
			 point->pages, point->latency_us / 1e3, point->window_kib);
	work_compare(bench, &work);
}

void part_source(const struct bench *bench)
{
	cpu_set_t cpus = cpus_pin();

	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++)
		source_measure(bench, &points[i]);
	testbed_end();
	cpus_restore(&cpus);
}
