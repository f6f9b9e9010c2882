/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much to read and to fault at a time: guesses, learned as the walk goes on.
 *
 * Principle: a guess changes what a call costs, never what it returns. Nothing here
 * is needed for a result to be true; that is in struct hmmu_call.
 */
#ifndef _FAULT_GUESS_H
#define _FAULT_GUESS_H

#include <linux/mm.h>

#include "pace.h"

/* Entries are collected in pieces that share the last level of page table. */
#define HMMU_CHUNK_SIZE		PMD_SIZE

/*
 * Of huge pages one entry each is read. Reading this much takes no longer than a table of
 * 4 KiB pages.
 */
#define HMMU_CHUNK_SIZE_HUGE	(8 * PMD_SIZE)

/* Where answers to faults move the sequence, chunks are smaller at first. */
#define HMMU_CHUNK_SIZE_MIN	(8 * PAGE_SIZE)

/**
 * struct hmmu_guess - what a call has learned
 * @chunk_size: how much to read at once, in bytes
 * @batch: how many pages to fault before reading again
 * @one_by_one: faults have turned out to fill their own page only
 * @fill: how many pages the last fault that waited has brought
 * @pace: how many faults to have in flight; NULL: never more than one
 * @own_pace: where @pace points to, unless the caller's hooks keep one
 */
struct hmmu_guess {
	unsigned long chunk_size;
	unsigned int batch;
	bool one_by_one;
	unsigned int fill;
	struct hmmu_pace *pace;
	struct hmmu_pace own_pace;
};

void hmmu_guess_init(struct hmmu_guess *guess);
void hmmu_guess_table_begins(struct hmmu_guess *guess);
void hmmu_guess_chunk_is_short(struct hmmu_guess *guess);
void hmmu_guess_chunk_ends(struct hmmu_guess *guess);
void hmmu_guess_sequence_moved(struct hmmu_guess *guess);
void hmmu_guess_run_ends(struct hmmu_guess *guess, bool dropped);
void hmmu_guess_run_filled_more(struct hmmu_guess *guess);
void hmmu_guess_wait_filled(struct hmmu_guess *guess, unsigned long bytes);

#endif
