// SPDX-License-Identifier: GPL-2.0-only
/* Messages after the first: add, remove, dirty; see conversation.h. */
#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "client.h"
#include "conversation.h"
#include "report.h"

/* Pieces of 4 KiB that are read in one call. */
#define PIECES_MOST	16
/* Pages that are looked at at once, and runs of dirty pages in one answer: 60 KiB of text. */
#define DIRTY_PAGES	1024UL
#define DIRTY_RUNS	2048UL
#define DIRTY_STEPS	256
#define BITS		(8 * sizeof(unsigned long))

/* All mappings as the session has them: with the page sizes that the kernel has told. */
static bool conversation_list(struct conversation *conversation, const struct lazymem *session)
{
	size_t count = lazymem_mappings(session, NULL, 0);
	struct lazymem_range *ranges = calloc(count + 1, sizeof(*ranges));

	if (!ranges)
		return false;
	free(conversation->ranges);
	conversation->ranges = ranges;
	conversation->count = lazymem_mappings(session, ranges, count);
	return true;
}

void conversation_begin(struct conversation *conversation, const struct lazymem *session,
			bool extension)
{
	conversation->extension = extension;
	conversation->deaf = !conversation_list(conversation, session);
}

void conversation_destroy(struct conversation *conversation)
{
	free(conversation->ranges);
	conversation->ranges = NULL;
}

/* Puts @answer. Returns false if the client does not read. */
static bool conversation_send(struct client *client, struct json_object *answer)
{
	const char *text = json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN);
	size_t length = strlen(text);
	struct iovec parts[] = { { (void *)text, length }, { "\n", 1 } };
	struct msghdr header = { .msg_iov = parts, .msg_iovlen = 2 };
	ssize_t sent = sendmsg(client->socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL);

	json_object_put(answer);
	if (sent == (ssize_t)length + 1)
		return true;
	report_error(client->who.number, "it does not read the answers: they end here");
	client->conversation.deaf = true;
	shutdown(client->socket, SHUT_WR);
	return false;
}

static struct json_object *conversation_answer(const char *name, bool done, const char *why)
{
	struct json_object *answer = json_object_new_object();

	json_object_object_add(answer, name, json_object_new_boolean(done));
	if (why)
		json_object_object_add(answer, "why", json_object_new_string(why));
	return answer;
}

void conversation_acknowledge(struct client *client, const struct hello *hello,
			      const char *why)
{
	struct json_object *answer;
	uint64_t bytes = 0;

	if (!hello->acknowledge)
		return;
	answer = conversation_answer("served", !why, why);
	json_object_object_add(answer, "client", json_object_new_int64(client->who.number));
	if (!why) {
		for (size_t i = 0; i < hello->count; i++)
			bytes += hello->ranges[i].size;
		json_object_object_add(answer, "bytes", json_object_new_uint64(bytes));
	}
	conversation_send(client, answer);
}

/* What the client asked for and does not get. */
static void conversation_refuse(struct client *client, const char *name, const char *why)
{
	report_error(client->who.number, "\"%s\" is refused: %s", name, why);
	conversation_send(client, conversation_answer(name, false, why));
}

/* All of the list or, if one of it is wrong, those before it. */
static void conversation_add(struct client *client, struct lazymem *session,
			     struct json_object *list)
{
	struct conversation *conversation = &client->conversation;
	struct lazymem_range *ranges = calloc(REGIONS_MOST, sizeof(*ranges));
	char why[LAZYMEM_WHY] = "out of memory";
	int count = -ENOMEM, error = 0;

	if (ranges && json_object_is_type(list, json_type_array))
		count = regions_read(list, ranges, why);
	else if (ranges)
		snprintf(why, sizeof(why), "it has no list of mappings");
	for (int i = 0; i < count && !error; i++)
		error = lazymem_map(session, &ranges[i], why);
	if (count > 0)
		conversation->deaf = !conversation_list(conversation, session);
	if (count <= 0 || error)
		conversation_refuse(client, "added", why);
	else
		conversation_send(client, conversation_answer("added", true, NULL));
	free(ranges);
}

static int conversation_remove_one(struct lazymem *session, struct json_object *object,
				   char why[LAZYMEM_WHY])
{
	uint64_t start, size;

	if (!json_object_is_type(object, json_type_object) ||
	    !regions_number(object, "base_host_virt_addr", &start) ||
	    !regions_number(object, "size", &size)) {
		snprintf(why, LAZYMEM_WHY, "each needs the numbers base_host_virt_addr and size");
		return -EINVAL;
	}
	if (!lazymem_unmap(session, start, size))
		return 0;
	snprintf(why, LAZYMEM_WHY, "0x%" PRIx64 ", %" PRIu64 " bytes: not whole pages that are served",
		 start, size);
	return -EINVAL;
}

static void conversation_remove(struct client *client, struct lazymem *session,
				struct json_object *list)
{
	char why[LAZYMEM_WHY] = "it has no list";
	size_t count = 0;
	int error = -EINVAL;

	if (json_object_is_type(list, json_type_array)) {
		count = json_object_array_length(list);
		error = 0;
	}
	if (count > REGIONS_MOST) {
		snprintf(why, sizeof(why), "it has more than %d parts", REGIONS_MOST);
		error = -EINVAL;
	}
	for (size_t i = 0; i < count && !error; i++)
		error = conversation_remove_one(session, json_object_array_get_idx(list, i), why);
	if (error)
		conversation_refuse(client, "removed", why);
	else
		conversation_send(client, conversation_answer("removed", true, NULL));
}

static bool conversation_bit(const unsigned long *bits, uint64_t i)
{
	return bits[i / BITS] >> i % BITS & 1;
}

/* Add the runs of set bits as [offset in the image, bytes]. */
static void conversation_add_runs(struct json_object *runs, const unsigned long *bits,
				  uint64_t count, uint64_t offset, uint64_t page_size)
{
	for (uint64_t i = 0; i < count; i++) {
		struct json_object *run;
		uint64_t first = i;

		while (i < count && conversation_bit(bits, i))
			i++;
		if (i == first)
			continue;
		run = json_object_new_array_ext(2);
		json_object_array_add(run, json_object_new_uint64(offset + first * page_size));
		json_object_array_add(run, json_object_new_uint64((i - first) * page_size));
		json_object_array_add(runs, run);
	}
}

/*
 * Take the bits of some pages, at the place where the last answer ended. Returns 0; 1 at the
 * end of all; -errno.
 */
static int conversation_take_dirty(struct conversation *conversation, struct lazymem *session,
				   struct json_object *runs)
{
	unsigned long bits[DIRTY_PAGES / BITS] = {};
	const struct lazymem_range *range;
	uint64_t left, count;
	int64_t ret;

	if (conversation->range >= conversation->count)
		return 1;
	range = &conversation->ranges[conversation->range];
	left = range->size / range->page_size - conversation->page;
	count = left < DIRTY_PAGES ? left : DIRTY_PAGES;
	ret = lazymem_dirty_take(session, conversation->range, conversation->page, count, bits);
	if (ret < 0)
		return ret;
	if (ret)
		conversation_add_runs(runs, bits, count, range->offset +
				      conversation->page * range->page_size,
				      range->page_size);
	conversation->page += count;
	if (count == left) {
		conversation->range++;
		conversation->page = 0;
	}
	return 0;
}

/*
 * Bits that are taken cannot be put back, so an answer ends before it might get too long. The
 * client asks for the rest by another message.
 */
static void conversation_dirty(struct client *client, struct lazymem *session)
{
	struct conversation *conversation = &client->conversation;
	struct json_object *answer, *runs;
	int ret = 0;

	if (!client->server->tool->options.track_dirty) {
		conversation_refuse(client, "dirty", "dirty pages are not watched without --track-dirty");
		return;
	}
	runs = json_object_new_array();
	for (int i = 0; i < DIRTY_STEPS && !ret &&
	     json_object_array_length(runs) <= DIRTY_RUNS - DIRTY_PAGES / 2; i++)
		ret = conversation_take_dirty(conversation, session, runs);
	/* Bits that were taken are told, whatever comes after them. */
	if (ret < 0 && !json_object_array_length(runs)) {
		json_object_put(runs);
		conversation_refuse(client, "dirty", "this client's pages cannot be watched: register its memory in write-protect mode as well, without UFFD_FEATURE_WP_ASYNC");
		return;
	}
	if (ret > 0)
		conversation->range = 0;
	answer = json_object_new_object();
	json_object_object_add(answer, "dirty", runs);
	json_object_object_add(answer, "more", json_object_new_boolean(ret <= 0));
	conversation_send(client, answer);
}

/*
 * It may wait for what it will not get. An answer is only for those who know that there are
 * some.
 */
static void conversation_lost(struct client *client, const char *why)
{
	report_error(client->who.number, "refused: %s", why);
	if (client->conversation.extension)
		conversation_send(client, conversation_answer("understood", false, why));
	if (client->server->tool->options.on_lost == LAZYMEM_LOST_KILL)
		client_kill(client, why);
}

static void conversation_object(struct client *client, struct lazymem *session,
				struct json_object *json)
{
	struct json_object *field;
	char why[LAZYMEM_WHY], names[128] = "";

	if (json_object_object_get_ex(json, "add", &field)) {
		conversation_add(client, session, field);
		return;
	}
	if (json_object_object_get_ex(json, "remove", &field)) {
		conversation_remove(client, session, field);
		return;
	}
	if (json_object_object_get_ex(json, "dirty", &field)) {
		conversation_dirty(client, session);
		return;
	}
	json_object_object_foreach(json, name, value) {
		size_t length = strlen(names);

		(void)value;
		snprintf(names + length, sizeof(names) - length, "%s%.40s",
			 length ? ", " : "", name);
	}
	snprintf(why, sizeof(why), "a message that is not known, with the fields: %s", names);
	conversation_lost(client, why);
}

static void conversation_take(struct client *client, struct lazymem *session,
			      struct json_object *json)
{
	if (json_object_is_type(json, json_type_object))
		conversation_object(client, session, json);
	else
		conversation_lost(client, "a second list of mappings on one connection: use a connection for each userfaultfd, or {\"add\": [...]}");
}

/* A userfaultfd that comes later has no mappings. Its faults must not wait for ever. */
static void conversation_refuse_fds(struct client *client)
{
	struct inbox *inbox = &client->inbox;

	if (inbox->uffd >= 0)
		client_refuse_extra(client, inbox->uffd, "a second userfaultfd on one connection");
	inbox->uffd = -1;
	while (inbox->nr_extra)
		client_refuse_extra(client, inbox->extra[--inbox->nr_extra],
				    "a second userfaultfd on one connection");
}

/* What is not understood is read nonetheless: the socket would stay readable. */
static int conversation_drain(struct client *client)
{
	char text[4096];
	ssize_t got = 1;

	for (int i = 0; i < PIECES_MOST && got > 0; i++)
		got = recv(client->socket, text, sizeof(text), MSG_DONTWAIT);
	return got ? 0 : -EPIPE;
}

int conversation_run(struct client *client, struct lazymem *session)
{
	char why[LAZYMEM_WHY];
	int ret = 0;

	if (client->conversation.deaf)
		return conversation_drain(client);
	for (int i = 0; i < PIECES_MOST && ret >= 0 && !client->conversation.deaf; i++) {
		struct json_object *json = NULL;

		ret = inbox_read(&client->inbox, &json, why);
		if (ret > 0)
			conversation_take(client, session, json);
		conversation_refuse_fds(client);
		json_object_put(json);
	}
	if (ret == -EPROTO) {
		conversation_lost(client, why);
		client->conversation.deaf = true;
	}
	return ret == -EPIPE ? ret : 0;
}
