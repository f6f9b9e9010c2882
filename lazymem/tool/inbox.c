// SPDX-License-Identifier: GPL-2.0-only
/* Reading JSON values and descriptors from a socket; see inbox.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "inbox.h"
#include "lazymem.h"

/* The kernel passes at most 253 descriptors with a message (SCM_MAX_FD). */
#define FDS_MOST	253
#define PIECE		4096

void inbox_init(struct inbox *inbox, int socket)
{
	*inbox = (struct inbox) { .socket = socket, .uffd = -1 };
}

void inbox_destroy(struct inbox *inbox)
{
	if (inbox->uffd >= 0)
		close(inbox->uffd);
	for (unsigned int i = 0; i < inbox->nr_extra; i++)
		close(inbox->extra[i]);
	if (inbox->tokener)
		json_tokener_free(inbox->tokener);
	inbox_init(inbox, inbox->socket);
}

static void inbox_take_fd(struct inbox *inbox, int fd)
{
	if (!lazymem_is_uffd(fd)) {
		inbox->others++;
		close(fd);
	} else if (inbox->uffd < 0) {
		inbox->uffd = fd;
	} else if (inbox->nr_extra < INBOX_EXTRA) {
		inbox->extra[inbox->nr_extra++] = fd;
	} else {
		close(fd);
	}
}

static void inbox_take_fds(struct inbox *inbox, struct msghdr *header)
{
	struct cmsghdr *cmsg;

	if (header->msg_flags & MSG_CTRUNC)
		inbox->lost = true;
	for (cmsg = CMSG_FIRSTHDR(header); cmsg; cmsg = CMSG_NXTHDR(header, cmsg)) {
		size_t count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd));
			inbox_take_fd(inbox, fd);
		}
	}
}

/* Take @length bytes, which are there, with the descriptors beside them. */
static int inbox_consume(struct inbox *inbox, size_t length)
{
	char text[PIECE];
	union {
		char bytes[CMSG_SPACE(FDS_MOST * sizeof(int))];
		struct cmsghdr align;
	} control;

	while (length) {
		struct iovec iov = { .iov_base = text, .iov_len = length };
		struct msghdr header = {
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control.bytes,
			.msg_controllen = sizeof(control.bytes),
		};
		ssize_t got = recvmsg(inbox->socket, &header,
				      MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

		if (got <= 0)
			return got ? -errno : -EPIPE;
		inbox_take_fds(inbox, &header);
		inbox->heard = true;
		length -= got;
	}
	return 0;
}

static int inbox_fail(char why[LAZYMEM_WHY], const char *text)
{
	snprintf(why, LAZYMEM_WHY, "%s", text);
	return -EPROTO;
}

/*
 * Between two values: blanks, zeros, and a byte of any kind that is there only because a
 * descriptor needs one to go with. Returns how many bytes are no part of a value; -EPROTO.
 */
static int inbox_skip(struct inbox *inbox, const char *text, size_t length,
		      char why[LAZYMEM_WHY])
{
	size_t skip = 0;
	unsigned int fds;

	while (skip < length && (unsigned char)text[skip] <= ' ')
		skip++;
	if (skip || text[0] == '[' || text[0] == '{')
		return skip;
	fds = inbox->others + inbox->nr_extra + (inbox->uffd >= 0);
	if (inbox_consume(inbox, 1))
		return inbox_fail(why, "it hung up");
	if (fds == inbox->others + inbox->nr_extra + (inbox->uffd >= 0))
		return inbox_fail(why, "what it sent is not JSON: it begins with neither [ nor {");
	return 0;
}

/* Parse more of a value. Returns 1 if it is complete, 0 or -errno. */
static int inbox_parse(struct inbox *inbox, const char *text, size_t length,
		       struct json_object **json, char why[LAZYMEM_WHY])
{
	enum json_tokener_error state;
	size_t used = length;

	*json = json_tokener_parse_ex(inbox->tokener, text, length);
	state = json_tokener_get_error(inbox->tokener);
	if (state == json_tokener_success)
		used = json_tokener_get_parse_end(inbox->tokener);
	if (inbox_consume(inbox, used))
		return -EPIPE;
	inbox->bytes += used;
	if (state == json_tokener_success) {
		json_tokener_reset(inbox->tokener);
		inbox->bytes = 0;
		return 1;
	}
	if (state != json_tokener_continue) {
		snprintf(why, LAZYMEM_WHY, "what it sent is not JSON: %s",
			 json_tokener_error_desc(state));
		return -EPROTO;
	}
	if (inbox->bytes > INBOX_BYTES)
		return inbox_fail(why, "what it sent is longer than 256 KiB");
	return 0;
}

int inbox_read(struct inbox *inbox, struct json_object **json, char why[LAZYMEM_WHY])
{
	char text[PIECE];
	ssize_t length;
	int skip;

	if (!inbox->tokener)
		inbox->tokener = json_tokener_new();
	if (!inbox->tokener)
		return inbox_fail(why, "out of memory");
	length = recv(inbox->socket, text, sizeof(text), MSG_PEEK | MSG_DONTWAIT);
	if (length < 0 && errno == EINTR)
		return 0;
	if (length <= 0)
		return length && errno == EAGAIN ? -EAGAIN : -EPIPE;
	if (inbox->bytes)
		return inbox_parse(inbox, text, length, json, why);
	skip = inbox_skip(inbox, text, length, why);
	if (skip > 0)
		return inbox_consume(inbox, skip) ? -EPIPE : 0;
	if (skip < 0 || (text[0] != '[' && text[0] != '{'))
		return skip;
	return inbox_parse(inbox, text, length, json, why);
}
