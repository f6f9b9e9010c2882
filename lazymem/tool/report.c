// SPDX-License-Identifier: GPL-2.0-only
/* Messages, progress and the summary as text or JSON lines; see report.h. */
#include <inttypes.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "fail.h"
#include "output.h"
#include "report.h"

/*
 * @lock: held while something is written, so that lines of several threads do not mix
 * @level: which messages are shown
 * @json: JSON lines instead of text
 * @moving: there is a progress line; @shown: it is on the screen now
 * @began: when the program began
 * @at, @faults, @missing: of the last progress, to compute rates
 */
static struct {
	pthread_mutex_t lock;
	enum report_level level;
	bool json, moving, shown;
	uint64_t began, at, faults, missing;
} report = { .lock = PTHREAD_MUTEX_INITIALIZER, .level = REPORT_INFO };

static const char *const report_levels[] = { "quiet", "error", "info", "debug" };

void sums_add(struct sums *sums, const struct lazymem *session)
{
	struct lazymem_stats stats;

	lazymem_stats(session, &stats);
	sums->total += stats.total;
	sums->missing += stats.missing;
	sums->served += stats.served;
	sums->prefetched += stats.prefetched;
	sums->zero += stats.zero;
	sums->faults += stats.faults;
	sums->waiting += stats.waiting;
	sums->failed += stats.failed;
	sums->holes += stats.holes;
}

static void report_json(struct json_object *object)
{
	const char *line = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);

	pthread_mutex_lock(&report.lock);
	output_line(STDOUT_FILENO, line);
	pthread_mutex_unlock(&report.lock);
	json_object_put(object);
}

static void report_add(struct json_object *object, const char *name, uint64_t value)
{
	json_object_object_add(object, name, json_object_new_uint64(value));
}

static void report_add_text(struct json_object *object, const char *name, const char *text)
{
	json_object_object_add(object, name, json_object_new_string(text));
}

/* What each line begins with. */
static struct json_object *report_event(const char *name)
{
	struct json_object *object = json_object_new_object();

	report_add_text(object, "event", name);
	report_add(object, "milliseconds", (clock_ns() - report.began) / 1000000);
	return object;
}

static void report_add_sums(struct json_object *object, const struct sums *sums)
{
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
		output_text(STDERR_FILENO, "\r\033[K");
	report.shown = false;
}

/* die_reporter: the start has failed. */
static void report_start_error(const char *text)
{
	struct json_object *object = report_event("error");

	report_add_text(object, "text", text);
	report_json(object);
	if (output_failed())
		fprintf(stderr, "lazymem: %s\n", text);
}

void report_start(bool json, enum report_level level)
{
	report.json = json;
	report.level = level;
	report.moving = !json && isatty(STDERR_FILENO);
	report.began = report.at = clock_ns();
	if (json)
		die_reporter = report_start_error;
}

bool report_failed(void)
{
	return output_failed();
}

/* @left: seconds, or -1 if nothing was brought since the last time. */
static void report_show_line(const struct sums *sums, uint64_t rate, int64_t left)
{
	char line[512], rest[32] = "";

	if (left >= 0)
		snprintf(rest, sizeof(rest), ", %" PRIi64 " s left", left);
	snprintf(line, sizeof(line), "%u clients: %" PRIu64 " MiB served, %" PRIu64 " prefetched, %" PRIu64 " of %" PRIu64 " missing, %" PRIu64 " faults/s, %" PRIu64 " waiting%s",
		 sums->clients, sums->served >> 20, sums->prefetched >> 20,
		 sums->missing >> 20, sums->total >> 20, rate, sums->waiting, rest);
	pthread_mutex_lock(&report.lock);
	report_clear_line();
	output_text(STDERR_FILENO, line);
	report.shown = true;
	pthread_mutex_unlock(&report.lock);
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
	if (report.json) {
		struct json_object *object = report_event("progress");

		report_add(object, "clients", sums->clients);
		report_add_sums(object, sums);
		report_add(object, "faults_per_second", rate);
		if (left >= 0)
			report_add(object, "seconds_left", left);
		report_json(object);
	} else if (report.moving) {
		report_show_line(sums, rate, left);
	}
}

static struct json_object *report_client_event(const char *name,
					       const struct report_client *client)
{
	struct json_object *object = report_event(name);

	report_add(object, "client", client->number);
	if (client->pid > 0)
		report_add(object, "pid", client->pid);
	if (client->name[0])
		report_add_text(object, "name", client->name);
	if (client->parent)
		report_add(object, "parent", client->parent);
	return object;
}

void report_client_progress(const struct report_client *client, const struct sums *sums)
{
	struct json_object *object;

	if (!report.json)
		return;
	object = report_client_event("client_progress", client);
	report_add_sums(object, sums);
	report_json(object);
}

/* As text, for messages about the begin and the end of a client. */
static const char *report_client_text(const struct report_client *client, char text[64])
{
	if (client->parent)
		snprintf(text, 64, "child of client %u", client->parent);
	else
		snprintf(text, 64, "process %d, %s", client->pid,
			 client->name[0] ? client->name : "?");
	return text;
}

void report_client_begin(const struct report_client *client, uint64_t bytes)
{
	struct json_object *object;
	char text[64];

	if (!report.json) {
		report_debug(client->number, "begins (%s): %" PRIu64 " bytes",
			     report_client_text(client, text), bytes);
		return;
	}
	object = report_client_event("client_begin", client);
	report_add(object, "bytes", bytes);
	report_json(object);
}

void report_client_end(const struct report_client *client, const char *how,
		       const struct sums *sums)
{
	struct json_object *object;
	char text[64];

	if (!report.json) {
		report_debug(client->number, "%s (%s)", how,
			     report_client_text(client, text));
		return;
	}
	object = report_client_event("client_end", client);
	report_add_text(object, "how", how);
	report_add_sums(object, sums);
	report_json(object);
}

static void report_message_json(enum report_level level, unsigned int client, const char *text)
{
	struct json_object *object = report_event("message");

	report_add_text(object, "level", report_levels[level]);
	if (client)
		report_add(object, "client", client);
	report_add_text(object, "text", text);
	report_json(object);
}

static void report_message_text(unsigned int client, const char *text)
{
	char line[1024];

	if (client)
		snprintf(line, sizeof(line), "client %u: %s", client, text);
	pthread_mutex_lock(&report.lock);
	report_clear_line();
	output_line(STDERR_FILENO, client ? line : text);
	pthread_mutex_unlock(&report.lock);
}

static void report_message(enum report_level level, unsigned int client, const char *fmt,
			   va_list args)
{
	char text[600];

	if (level > report.level)
		return;
	vsnprintf(text, sizeof(text), fmt, args);
	if (report.json)
		report_message_json(level, client, text);
	else
		report_message_text(client, text);
}

/*
 * With JSON lines this one is written at any level: it says that the output works, and those
 * who start the program wait for it.
 */
bool report_ready(void)
{
	if (report.json)
		report_message_json(REPORT_INFO, 0, "ready");
	else
		report_info(0, "ready");
	return !report.json || !output_failed();
}

void report_error(unsigned int client, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report_message(REPORT_ERROR, client, fmt, args);
	va_end(args);
}

void report_info(unsigned int client, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report_message(REPORT_INFO, client, fmt, args);
	va_end(args);
}

void report_debug(unsigned int client, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report_message(REPORT_DEBUG, client, fmt, args);
	va_end(args);
}

static void report_summary_text(const struct sums *sums)
{
	char line[512];

	snprintf(line, sizeof(line), "%u clients served in %.1f s: %" PRIu64 " faults, %" PRIu64 " KiB served, %" PRIu64 " KiB prefetched, %" PRIu64 " KiB of them zero, %" PRIu64 " faults failed",
		 sums->served_clients, (clock_ns() - report.began) / 1e9, sums->faults,
		 sums->served >> 10, sums->prefetched >> 10, sums->zero >> 10,
		 sums->failed);
	report_clear_line();
	output_line(STDOUT_FILENO, line);
}

/* No other thread is left. */
void report_summary(const struct sums *sums)
{
	struct json_object *object;

	output_be_patient();
	if (!report.json) {
		report_summary_text(sums);
		return;
	}
	object = report_event("summary");
	report_add(object, "clients", sums->clients);
	report_add_sums(object, sums);
	report_add(object, "clients_served", sums->served_clients);
	report_json(object);
}
