/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading ahead: what no fault has asked for yet.
 *
 * First the pages of the recorded order, if there is one; then all that is missing, from
 * the first mapping's first page on.
 *
 * It yields to faults. No read begins while a fault waits. It starts with one read of a
 * window; each read during which no fault came doubles how many reads are in flight, up
 * to half of the slots. A fault sets that back to one.
 */
#ifndef LAZYMEM_AHEAD_H
#define LAZYMEM_AHEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "lazymem.h"
#include "order.h"
#include "pages.h"
#include "slot.h"

/**
 * struct ahead - how far reading ahead has come
 * @on: it is wanted; off after the client turned out to have lied about its mappings
 * @order: the recorded order, as far as it is read
 * @list_at: offset in the image of what is next in the current entry of the order
 * @list_left: bytes left of that entry
 * @look_on: the order has more to look at, at once: the loop was only to have its turn
 * @pages: mapping to go on in behind the order; NULL: all was looked at
 * @index: page to go on at
 * @depth: how many slots may be in use while it begins a read
 */
struct ahead {
	bool on;
	struct order_reader order;
	uint64_t list_at, list_left;
	bool look_on;
	struct pages *pages;
	uint64_t index;
	unsigned int depth;
};

/* Begin as the options say. Returns 0, or -errno with an explanation in @why. */
int ahead_open(struct lazymem *session, char why[LAZYMEM_WHY]);
/* Begin for a child of the client: without the order, which its parent follows. */
void ahead_open_child(struct lazymem *child);
/* Begin again, without the order, for LAZYMEM_FILL: bring all that was left out. */
void ahead_restart(struct lazymem *session);
/* @page was not read after all: go back to it, if that is behind. */
void ahead_go_back(struct lazymem *session, struct page_ref page);
/* @slot is wholly in place: read more at once if no fault came meanwhile. */
void ahead_widen(struct lazymem *session, const struct slot *slot);
/* Nothing is left to begin. */
bool ahead_is_over(const struct lazymem *session);

/* Begin reads. */
void ahead_run(struct lazymem *session, uint64_t now);
uint64_t ahead_due(const struct lazymem *session, uint64_t now);

#endif
