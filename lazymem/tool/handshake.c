// SPDX-License-Identifier: GPL-2.0-only
/*
 * The message that Firecracker documents for its page-fault handlers: a JSON array of
 * mappings, with the userfaultfd beside its first byte (SCM_RIGHTS).
 *
 * Nothing in it is trusted. Its length and the time it takes are bounded here; what the
 * mappings say is checked by ranges_set().
 */
#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "handshake.h"

#define BYTES_MOST	(256 << 10)
#define WAIT_MS		10000
#define FDS_MOST	16

/**
 * struct message - what has come so far
 * @tokener: parses it as it comes
 * @json: the whole message, once it is complete
 * @bytes: its length so far
 * @uffd: the first descriptor that came, or -1
 */
struct message {
	struct json_tokener *tokener;
	struct json_object *json;
	size_t bytes;
	int uffd;
};

static int handshake_fail(char why[LAZYMEM_WHY], const char *text)
{
	snprintf(why, LAZYMEM_WHY, "%s", text);
	return -EPROTO;
}

/* Keep the first descriptor. The kernel has opened the others as well: close them. */
static void handshake_take_fds(struct message *message, struct msghdr *header)
{
	struct cmsghdr *cmsg;

	for (cmsg = CMSG_FIRSTHDR(header); cmsg; cmsg = CMSG_NXTHDR(header, cmsg)) {
		size_t count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd));
			if (message->uffd < 0)
				message->uffd = fd;
			else
				close(fd);
		}
	}
}

/* Wait for the next piece. Returns its bytes, 0 if the client hung up, or -errno. */
static ssize_t handshake_receive(struct message *message, int socket, char *text, size_t room,
				 uint64_t until)
{
	char control[CMSG_SPACE(FDS_MOST * sizeof(int))];
	struct iovec iov = { .iov_base = text, .iov_len = room };
	struct msghdr header = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct pollfd fd = { .fd = socket, .events = POLLIN };
	uint64_t now = clock_ns();
	ssize_t got;

	if (now >= until || poll(&fd, 1, (until - now) / 1000000 + 1) <= 0)
		return -ETIMEDOUT;
	got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (got < 0)
		return -errno;
	handshake_take_fds(message, &header);
	return got;
}

/* Until the JSON value is complete, whatever follows it. Returns 0 or -errno. */
static int handshake_read_json(struct message *message, int socket, char why[LAZYMEM_WHY])
{
	uint64_t until = clock_ns() + WAIT_MS * 1000000ULL;
	enum json_tokener_error state = json_tokener_continue;
	char text[4096];

	while (state == json_tokener_continue) {
		ssize_t got = handshake_receive(message, socket, text, sizeof(text), until);

		if (got == -EINTR || got == -EAGAIN)
			continue;
		if (got == -ETIMEDOUT)
			return handshake_fail(why, "no list of mappings within 10 seconds");
		if (got <= 0)
			return handshake_fail(why, "it hung up before the end of its list of mappings");
		message->bytes += got;
		if (message->bytes > BYTES_MOST)
			return handshake_fail(why, "its list of mappings is longer than 256 KiB");
		message->json = json_tokener_parse_ex(message->tokener, text, got);
		state = json_tokener_get_error(message->tokener);
	}
	if (state == json_tokener_success)
		return 0;
	snprintf(why, LAZYMEM_WHY, "its list of mappings is not JSON: %s",
		 json_tokener_error_desc(state));
	return -EPROTO;
}

/* A member that is a whole number and not negative. */
static bool handshake_number(struct json_object *object, const char *name, uint64_t *to)
{
	struct json_object *field;

	if (!json_object_object_get_ex(object, name, &field) ||
	    !json_object_is_type(field, json_type_int) ||
	    json_object_get_int64(field) < 0)
		return false;
	*to = json_object_get_int64(field);
	return true;
}

/*
 * page_size_kib, the older name, should be KiB, but Firecracker gives bytes there. No page
 * has 4096 KiB or more, so such a value is bytes. Without either it is 4096.
 */
static uint64_t handshake_page_size(struct json_object *object)
{
	uint64_t size = 4096;

	if (handshake_number(object, "page_size", &size))
		return size;
	if (handshake_number(object, "page_size_kib", &size) && size < 4096)
		return size << 10;
	return size;
}

/* One mapping. Returns 0 or -errno. */
static int handshake_range(struct json_object *object, size_t i, struct lazymem_range *range,
			   char why[LAZYMEM_WHY])
{
	const char *missing = NULL;

	if (!json_object_is_type(object, json_type_object)) {
		snprintf(why, LAZYMEM_WHY, "mapping %zu is not an object", i);
		return -EPROTO;
	}
	if (!handshake_number(object, "base_host_virt_addr", &range->start))
		missing = "base_host_virt_addr";
	else if (!handshake_number(object, "size", &range->size))
		missing = "size";
	else if (!handshake_number(object, "offset", &range->offset))
		missing = "offset";
	if (missing) {
		snprintf(why, LAZYMEM_WHY, "mapping %zu has no number \"%s\"", i,
			 missing);
		return -EPROTO;
	}
	range->page_size = handshake_page_size(object);
	return 0;
}

/* Returns how many mappings there are, or -errno. */
static int handshake_ranges(struct json_object *json,
			    struct lazymem_range ranges[RANGES_MOST],
			    char why[LAZYMEM_WHY])
{
	size_t count;

	if (!json_object_is_type(json, json_type_array))
		return handshake_fail(why, "its list of mappings is not a JSON array");
	count = json_object_array_length(json);
	if (!count || count > RANGES_MOST)
		return handshake_fail(why, "it does not have from 1 to 1024 mappings");
	for (size_t i = 0; i < count; i++) {
		struct json_object *object = json_object_array_get_idx(json, i);
		int error = handshake_range(object, i, &ranges[i], why);

		if (error)
			return error;
	}
	return count;
}

int handshake_read(int socket, struct lazymem_range ranges[RANGES_MOST], int *uffd,
		   char why[LAZYMEM_WHY])
{
	struct message message = { .tokener = json_tokener_new(), .uffd = -1 };
	int ret;

	if (!message.tokener)
		return handshake_fail(why, "out of memory");
	ret = handshake_read_json(&message, socket, why);
	if (!ret)
		ret = handshake_ranges(message.json, ranges, why);
	if (ret > 0 && message.uffd < 0)
		ret = handshake_fail(why, "no file descriptor came with its list of mappings");
	json_object_put(message.json);
	json_tokener_free(message.tokener);
	if (ret < 0 && message.uffd >= 0)
		close(message.uffd);
	*uffd = message.uffd;
	return ret;
}
