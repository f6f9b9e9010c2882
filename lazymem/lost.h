/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A client that waits for what cannot be brought. The reasons are many: its list of mappings
 * was refused, a page cannot be read, an address is in no mapping, a page does not fit what
 * is mapped. The rule is one: no fault waits for ever, and none gets wrong content unless
 * options->on_lost is LAZYMEM_LOST_DROP.
 *
 * The page is poisoned, so that the access gets SIGBUS. Where that is not possible the client
 * is killed. LAZYMEM_LOST_KILL tries both in the other order.
 */
#ifndef LAZYMEM_LOST_H
#define LAZYMEM_LOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lazymem;

/**
 * lost_page() - answer a fault that cannot be answered from the image
 * @session: the session
 * @address: of the page, a multiple of @size
 * @size: bytes per page as far as is known; other sizes are tried, too
 * @why: the reason, for the user
 *
 * Returns 0; -EAGAIN or -ENOMEM: call again later; or another -errno, after a message: the
 * fault stays.
 */
int lost_page(struct lazymem *session, uint64_t address, size_t size, const char *why);

/* Kill the client, if options->on_lost allows it. Returns whether it is killed. */
bool lost_kill(struct lazymem *session, const char *why);

#endif
