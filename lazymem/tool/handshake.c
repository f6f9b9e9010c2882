// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first message: an array of mappings, which Firecracker documents for its page-fault
 * handlers, or an object with the array in it; see handshake.h.
 *
 * Nothing in it is trusted. Its length and the time it takes are bounded here; what the
 * mappings say is checked by lazymem_new(). The userfaultfd usually comes beside the first
 * byte, but may come later, and among other descriptors.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "handshake.h"

#define WAIT_MS		10000

static int handshake_fail(char why[LAZYMEM_WHY], const char *text)
{
	snprintf(why, LAZYMEM_WHY, "%s", text);
	return -EPROTO;
}

/* Returns whether something has come; false after the time. */
static bool handshake_wait(struct inbox *inbox, uint64_t until)
{
	struct pollfd fd = { .fd = inbox->socket, .events = POLLIN };
	uint64_t now = clock_ns();
	int ret = 0;

	while (now < until) {
		ret = poll(&fd, 1, (until - now) / 1000000 + 1);
		if (ret > 0 || (ret < 0 && errno != EINTR))
			break;
		now = clock_ns();
	}
	return ret > 0;
}

/* An object that is none of ours. Often it has the list in it: say what would be right. */
static int handshake_not_ours(struct json_object *json, char why[LAZYMEM_WHY])
{
	json_object_object_foreach(json, name, value) {
		if (!json_object_is_type(value, json_type_array))
			continue;
		snprintf(why, LAZYMEM_WHY, "it sent an object, not a list of mappings: send the list in \"%.40s\" alone, or {\"lazymem\": 1, \"mappings\": [...]}",
			 name);
		return -EPROTO;
	}
	return handshake_fail(why, "it sent an object, not a list of mappings: send the list alone, or {\"lazymem\": 1, \"mappings\": [...]}");
}

static int handshake_object(struct json_object *json, struct hello *hello,
			    char why[LAZYMEM_WHY])
{
	struct json_object *list = NULL, *acknowledge = NULL;
	uint64_t version = 0;

	if (!json_object_object_get_ex(json, "lazymem", NULL))
		return handshake_not_ours(json, why);
	hello->extension = true;
	/* First: a refusal is acknowledged as well. */
	if (json_object_object_get_ex(json, "acknowledge", &acknowledge))
		hello->acknowledge = json_object_get_boolean(acknowledge);
	json_object_object_get_ex(json, "mappings", &list);
	json_object_object_foreach(json, name, value) {
		if (strcmp(name, "lazymem") && strcmp(name, "mappings") &&
		    strcmp(name, "acknowledge")) {
			(void)value;
			snprintf(why, LAZYMEM_WHY, "its object has a field \"%.40s\", which is not known: lazymem, mappings and acknowledge are",
				 name);
			return -EPROTO;
		}
	}
	if (!regions_number(json, "lazymem", &version) || version != 1)
		return handshake_fail(why, "its \"lazymem\" is not 1, the only version that is known");
	if (!list || !json_object_is_type(list, json_type_array))
		return handshake_fail(why, "its object has no list \"mappings\"");
	return regions_read(list, hello->ranges, why);
}

static int handshake_take(struct json_object *json, struct hello *hello,
			  char why[LAZYMEM_WHY])
{
	int count;

	if (json_object_is_type(json, json_type_object))
		count = handshake_object(json, hello, why);
	else
		count = regions_read(json, hello->ranges, why);
	if (count < 0)
		return count;
	hello->count = count;
	return 0;
}

/* The next value. Returns 0, or -errno with an explanation. */
static int handshake_value(struct inbox *inbox, uint64_t until, struct json_object **json,
			   char why[LAZYMEM_WHY])
{
	int ret;

	do {
		if (!handshake_wait(inbox, until))
			return handshake_fail(why, "no list of mappings within 10 seconds");
		ret = inbox_read(inbox, json, why);
	} while (!ret || ret == -EAGAIN);
	if (ret == -EPIPE)
		return handshake_fail(why, inbox->bytes ?
				      "it hung up before the end of its list of mappings" :
				      "it hung up and sent no list of mappings");
	return ret < 0 ? ret : 0;
}

/*
 * The list is there: the userfaultfd may come with a byte that means nothing. Another list
 * that comes first is not one.
 */
static int handshake_uffd(struct inbox *inbox, uint64_t until, char why[LAZYMEM_WHY])
{
	struct json_object *json = NULL;
	int ret = 0;

	while (inbox->uffd < 0 && !inbox->others && !inbox->lost) {
		if (!handshake_wait(inbox, until))
			ret = -EPIPE;
		if (!ret)
			ret = inbox_read(inbox, &json, why);
		if (ret > 0) {
			json_object_put(json);
			return handshake_fail(why, "no file descriptor came with its list of mappings");
		}
		if (ret == -EAGAIN)
			ret = 0;
		if (ret < 0)
			break;
	}
	if (inbox->uffd >= 0)
		return 0;
	if (inbox->lost)
		return handshake_fail(why, "there is no room for its file descriptor: too many are open");
	if (!inbox->others)
		return handshake_fail(why, "no file descriptor came with its list of mappings");
	snprintf(why, LAZYMEM_WHY, "no userfaultfd is among the %u file descriptors that came",
		 inbox->others);
	return -EPROTO;
}

int handshake_read(struct inbox *inbox, struct hello *hello, char why[LAZYMEM_WHY])
{
	uint64_t until = clock_ns() + WAIT_MS * 1000000ULL;
	struct json_object *json = NULL;
	int ret = handshake_value(inbox, until, &json, why);

	if (ret)
		return ret;
	hello->listed = true;
	ret = handshake_take(json, hello, why);
	json_object_put(json);
	return ret ?: handshake_uffd(inbox, until, why);
}
