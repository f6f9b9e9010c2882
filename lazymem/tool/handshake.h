/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a client sends first: its mappings and its userfaultfd. docs/lazymem-protocol.md
 * describes both forms.
 */
#ifndef LAZYMEM_HANDSHAKE_H
#define LAZYMEM_HANDSHAKE_H

#include "inbox.h"
#include "regions.h"

/**
 * struct hello - what a client has sent
 * @ranges: its mappings, REGIONS_MOST at most
 * @count: how many
 * @listed: a whole list or object came, right or wrong: a client waits to be served
 * @extension: it was an object
 * @acknowledge: the client waits for an answer
 */
struct hello {
	struct lazymem_range *ranges;
	size_t count;
	bool listed;
	bool extension;
	bool acknowledge;
};

/*
 * Read it, within 10 seconds; the userfaultfd is in @inbox. @hello->ranges has room for
 * REGIONS_MOST. Returns 0; or -EPROTO with an explanation in @why.
 */
int handshake_read(struct inbox *inbox, struct hello *hello, char why[LAZYMEM_WHY]);

#endif
