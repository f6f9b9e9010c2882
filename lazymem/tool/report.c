// SPDX-License-Identifier: GPL-2.0-only
/* Messages, progress and the summary; see report.h. */
#include <inttypes.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "report.h"

/*
 * @lock: held while something is written, so that lines of several threads do not mix
 * @json: JSON lines instead of text
 * @moving: there is a progress line; @shown: it is on the screen now
 * @began: when the program was ready
 * @at, @faults, @missing: of the last progress, to compute rates
 */
static struct {
	pthread_mutex_t lock;
	bool json, moving, shown;
	uint64_t began, at, faults, missing;
} report = { .lock = PTHREAD_MUTEX_INITIALIZER };

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

void report_start(bool json)
{
	report.json = json;
	report.moving = !json && isatty(STDERR_FILENO);
	report.began = report.at = clock_ns();
}

/* Flushed, for a program that reads line by line. */
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

/* What each line begins with. */
static struct json_object *report_event(const char *name)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "event", json_object_new_string(name));
	report_add(object, "milliseconds", (clock_ns() - report.began) / 1000000);
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

/* Before other text, so that the progress line does not stay in it. */
static void report_clear_line(void)
{
	if (report.shown)
		fputs("\r\033[K", stderr);
	report.shown = false;
}

/* @left: seconds, or -1 if nothing was brought since the last time. */
static void report_show_line(const struct sums *sums, uint64_t rate, int64_t left)
{
	report_clear_line();
	fprintf(stderr, "%u clients: %" PRIu64 " MiB served, %" PRIu64 " prefetched, %" PRIu64 " of %" PRIu64 " missing, %" PRIu64 " faults/s, %" PRIu64 " waiting",
		sums->clients, sums->served >> 20, sums->prefetched >> 20,
		sums->missing >> 20, sums->total >> 20, rate, sums->waiting);
	if (left >= 0)
		fprintf(stderr, ", %" PRIi64 " s left", left);
	report.shown = true;
}

/* The rate and the time left are those of the last second. */
void report_progress(const struct sums *sums)
{
	uint64_t now = clock_ns(), past = now - report.at;
	uint64_t rate = (sums->faults - report.faults) * 1000000000 / (past ?: 1);
	uint64_t brought = report.missing > sums->missing ?
			   report.missing - sums->missing : 0;
	int64_t left = brought ?
		       (int64_t)(sums->missing / brought * past / 1000000000) : -1;

	report.at = now;
	report.faults = sums->faults;
	report.missing = sums->missing;
	pthread_mutex_lock(&report.lock);
	if (report.json) {
		struct json_object *object = report_event("progress");

		report_add_sums(object, sums);
		report_add(object, "faults_per_second", rate);
		if (left >= 0)
			report_add(object, "seconds_left", left);
		report_json(object);
	} else if (report.moving) {
		report_show_line(sums, rate, left);
	}
	pthread_mutex_unlock(&report.lock);
}

void report_message(unsigned int client, const char *text)
{
	pthread_mutex_lock(&report.lock);
	if (report.json) {
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
	pthread_mutex_unlock(&report.lock);
}

void report_summary(const struct sums *sums)
{
	pthread_mutex_lock(&report.lock);
	report_clear_line();
	if (report.json) {
		struct json_object *object = report_event("summary");

		report_add_sums(object, sums);
		report_add(object, "clients_served", sums->served_clients);
		report_json(object);
	} else {
		printf("%u clients served in %.1f s: %" PRIu64 " faults, %" PRIu64 " KiB served, %" PRIu64 " KiB prefetched, %" PRIu64 " KiB of them zero, %" PRIu64 " faults failed\n",
		       sums->served_clients, (clock_ns() - report.began) / 1e9, sums->faults,
		       sums->served >> 10, sums->prefetched >> 10, sums->zero >> 10,
		       sums->failed);
	}
	pthread_mutex_unlock(&report.lock);
}
