// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the user sees: messages on stderr; a line that moves, if that is a terminal; or
 * JSON lines on stdout in place of both. Messages come from all threads.
 */
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "tool.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool json, moving, shown;
static uint64_t began, last_at, last_faults, last_missing;

void sums_add(struct sums *sums, const struct lazymem_stats *stats)
{
	sums->total += stats->total;
	sums->missing += stats->missing;
	sums->served += stats->served;
	sums->prefetched += stats->prefetched;
	sums->zero += stats->zero;
	sums->faults += stats->faults;
	sums->waiting += stats->waiting;
	sums->failed += stats->failed;
	sums->holes += stats->holes;
}

void report_start(bool as_json)
{
	json = as_json;
	moving = !json && isatty(STDERR_FILENO);
	began = last_at = clock_ns();
}

static void report_json(struct json_object *object)
{
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
	fflush(stdout);
	json_object_put(object);
}

static void report_add(struct json_object *object, const char *name, uint64_t value)
{
	json_object_object_add(object, name, json_object_new_uint64(value));
}

static struct json_object *report_event(const char *name)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "event", json_object_new_string(name));
	report_add(object, "milliseconds", (clock_ns() - began) / 1000000);
	return object;
}

static void report_add_sums(struct json_object *object, const struct sums *sums)
{
	report_add(object, "clients", sums->clients);
	report_add(object, "total", sums->total);
	report_add(object, "missing", sums->missing);
	report_add(object, "served", sums->served);
	report_add(object, "prefetched", sums->prefetched);
	report_add(object, "zero", sums->zero);
	report_add(object, "faults", sums->faults);
	report_add(object, "waiting", sums->waiting);
	report_add(object, "failed", sums->failed);
	report_add(object, "holes", sums->holes);
}

static void report_clear_line(void)
{
	if (shown)
		fputs("\r\033[K", stderr);
	shown = false;
}

/* @left: seconds, or negative if there is no telling. */
static void report_show_line(const struct sums *sums, uint64_t rate, int64_t left)
{
	report_clear_line();
	fprintf(stderr, "%u clients: %" PRIu64 " MiB served, %" PRIu64 " prefetched, %" PRIu64 " of %" PRIu64 " missing, %" PRIu64 " faults/s, %" PRIu64 " waiting",
		sums->clients, sums->served >> 20, sums->prefetched >> 20,
		sums->missing >> 20, sums->total >> 20, rate, sums->waiting);
	if (left >= 0)
		fprintf(stderr, ", %" PRIi64 " s left", left);
	shown = true;
}

void report_progress(const struct sums *sums)
{
	uint64_t now = clock_ns(), past = now - last_at;
	uint64_t rate = (sums->faults - last_faults) * 1000000000 / (past ?: 1);
	uint64_t brought = last_missing > sums->missing ?
			   last_missing - sums->missing : 0;
	int64_t left = brought ?
		       (int64_t)(sums->missing / brought * past / 1000000000) : -1;

	last_at = now;
	last_faults = sums->faults;
	last_missing = sums->missing;
	pthread_mutex_lock(&lock);
	if (json) {
		struct json_object *object = report_event("progress");

		report_add_sums(object, sums);
		report_add(object, "faults_per_second", rate);
		if (left >= 0)
			report_add(object, "seconds_left", left);
		report_json(object);
	} else if (moving) {
		report_show_line(sums, rate, left);
	}
	pthread_mutex_unlock(&lock);
}

void report_message(unsigned int client, const char *text)
{
	pthread_mutex_lock(&lock);
	if (json) {
		struct json_object *object = report_event("message");

		if (client)
			report_add(object, "client", client);
		json_object_object_add(object, "text", json_object_new_string(text));
		report_json(object);
	} else {
		report_clear_line();
		if (client)
			fprintf(stderr, "client %u: %s\n", client, text);
		else
			fprintf(stderr, "%s\n", text);
	}
	pthread_mutex_unlock(&lock);
}

void report_summary(const struct sums *sums)
{
	pthread_mutex_lock(&lock);
	report_clear_line();
	if (json) {
		struct json_object *object = report_event("summary");

		report_add_sums(object, sums);
		report_add(object, "clients_served", sums->served_clients);
		report_json(object);
	} else {
		printf("%u clients served in %.1f s: %" PRIu64 " faults, %" PRIu64 " KiB served, %" PRIu64 " KiB prefetched, %" PRIu64 " KiB of them zero, %" PRIu64 " faults failed\n",
		       sums->served_clients, (clock_ns() - began) / 1e9, sums->faults,
		       sums->served >> 10, sums->prefetched >> 10, sums->zero >> 10,
		       sums->failed);
	}
	pthread_mutex_unlock(&lock);
}
