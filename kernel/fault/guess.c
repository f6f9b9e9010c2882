// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a call learns about the cost of reading and faulting.
 *
 * Batch. One fault may fill one page (4 KiB faults), some (fault-around, a page
 * server that answers in batches) or all of a page table (THP, hugetlb). Faulting
 * all that a snapshot found short would cost up to 511 idle faults a huge page;
 * reading the table after each fault would cost N squared entries. So:
 * - after a run, the walk reads what the run faulted and one page more that was
 *   short before it
 * - if that page was filled along, the walk reads on in steps that double, and the next
 *   run faults one page
 * - if it was not, the next run faults twice as many
 * - once a long run has filled no other page, each fault is taken to fill one page: the
 *   next table is faulted in two runs, one page and then all the others. The first run
 *   shows if that is still so
 * - if a fault dropped the lock, whatever was short may be there: one page again, and
 *   only one is read ahead; the other short pages of the table wait together, see crew.c
 *
 * Chunk. Of huge pages several tables are read at once, unless a page is short
 * there: then one, two, four, ... A page server that lifts write protection moves
 * the sequence with each answer; what was read of a chunk is read in vain then. So
 * after a sequence that moved while a fault waited the next chunk is small.
 *
 * With that, N pages cost 3 N entries at most while the sequence does not move,
 * whatever a fault fills; 4 N if some faults drop the lock and others do not.
 */
#include <linux/minmax.h>

#include "guess.h"

/* As many as a page table has: 512. */
#define BATCH_MAX	PTRS_PER_PTE

/* A run that is as long, and filled no other page, has shown what faults fill. */
#define BATCH_LONG	(PTRS_PER_PTE / 2)

/* What is faulted together must not leave out more than this between two pages. */
#define FILL_MAX	64U

/**
 * hmmu_guess_init() - nothing is learned yet
 * @guess: to be filled in
 */
void hmmu_guess_init(struct hmmu_guess *guess)
{
	*guess = (struct hmmu_guess) {
		.chunk_size = HMMU_CHUNK_SIZE_HUGE,
		.batch = 1,
		.fill = 1,
	};
}

/**
 * hmmu_guess_table_begins() - the walk enters another page table
 * @guess: what was learned
 *
 * What faults fill there is not known. The first one shows it.
 */
void hmmu_guess_table_begins(struct hmmu_guess *guess)
{
	guess->batch = 1;
}

/**
 * hmmu_guess_chunk_is_short() - a page of this chunk is short
 * @guess: what was learned
 *
 * Faulting it may move the sequence, and what was read beyond its table would be
 * read in vain.
 */
void hmmu_guess_chunk_is_short(struct hmmu_guess *guess)
{
	guess->chunk_size = min(guess->chunk_size, HMMU_CHUNK_SIZE);
}

/**
 * hmmu_guess_chunk_ends() - all of a chunk is collected
 * @guess: what was learned
 */
void hmmu_guess_chunk_ends(struct hmmu_guess *guess)
{
	guess->chunk_size = min(2 * guess->chunk_size, HMMU_CHUNK_SIZE_HUGE);
}

/**
 * hmmu_guess_sequence_moved() - the sequence has moved while a fault waited
 * @guess: what was learned
 */
void hmmu_guess_sequence_moved(struct hmmu_guess *guess)
{
	guess->chunk_size = HMMU_CHUNK_SIZE_MIN;
}

/**
 * hmmu_guess_run_ends() - a run of faults has ended
 * @guess: what was learned
 * @dropped: one of them dropped the lock
 */
void hmmu_guess_run_ends(struct hmmu_guess *guess, bool dropped)
{
	guess->one_by_one = !dropped &&
			    (guess->one_by_one || guess->batch >= BATCH_LONG);
	if (dropped)
		guess->batch = 1;
	else
		guess->batch = guess->one_by_one ? BATCH_MAX : 2 * guess->batch;
}

/**
 * hmmu_guess_run_filled_more() - a page that the run did not fault was filled along
 * @guess: what was learned
 */
void hmmu_guess_run_filled_more(struct hmmu_guess *guess)
{
	guess->one_by_one = false;
	guess->batch = 1;
}

/**
 * hmmu_guess_wait_filled() - a fault that waited has brought so much
 * @guess: what was learned
 * @bytes: from its page to the next that is short. Some of the pages may have been
 *	   there before, hence the bound
 */
void hmmu_guess_wait_filled(struct hmmu_guess *guess, unsigned long bytes)
{
	guess->fill = min_t(unsigned long, bytes >> PAGE_SHIFT, FILL_MAX);
}
