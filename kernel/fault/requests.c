// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is asked of each page.
 *
 * A caller asks with range->default_flags for all pages and, where
 * range->pfn_flags_mask permits, with the entry of a page for that page. The results
 * go into the same entries, and the bits are the same: VALID is REQ_FAULT, WRITE is
 * REQ_WRITE. So reading a page destroys its request. Where an entry can add to the
 * defaults, its two request bits are saved for the whole call, two bits a page, and
 * written back if the call fails: the same call may then be made again.
 */
#include <linux/slab.h>

#include "call.h"

#define REQUEST_BITS		(HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE)
#define REQUEST_SHIFT		(BITS_PER_LONG - 2)
#define REQUESTS_PER_WORD	(BITS_PER_LONG / 2)

static unsigned int word_shift(unsigned long index)
{
	return 2 * (index % REQUESTS_PER_WORD);
}

/* REQ_WRITE without REQ_FAULT asks for nothing, as for hmm_range_fault(). */
static unsigned long range_need(const struct hmm_range *range, unsigned long asked)
{
	asked = (asked & range->pfn_flags_mask) | range->default_flags;
	return asked & HMM_PFN_REQ_FAULT ? asked & REQUEST_BITS : 0;
}

/* Can the entry of a page ask for more than the defaults do? */
static bool range_asks_per_page(const struct hmm_range *range)
{
	return range_need(range, REQUEST_BITS) != range_need(range, 0);
}

/**
 * hmmu_call_requests_save() - save the requests of a call
 * @call: a call that has not read any entry yet
 *
 * Context: Sleeps for memory. No lock held that reclaim may take.
 * Return: %0, or %-ENOMEM with nothing changed.
 */
int hmmu_call_requests_save(struct hmmu_call *call)
{
	struct hmm_range *range = call->range;
	unsigned long n = (range->end - range->start) >> PAGE_SHIFT;
	struct hmmu_call_requests *req = &call->requests;
	unsigned long words = DIV_ROUND_UP(n, REQUESTS_PER_WORD);
	unsigned long i;

	req->every = range_need(range, 0);
	req->saved = NULL;
	if (!range_asks_per_page(range))
		return 0;

	req->saved = kvcalloc(words, sizeof(*req->saved), GFP_KERNEL);
	if (!req->saved)
		return -ENOMEM;
	hmmu_call_count_max(call, HMM_UNLOCKED_SCRATCH_BYTES,
			    words * sizeof(*req->saved));

	for (i = 0; i < n; i++)
		req->saved[i / REQUESTS_PER_WORD] |=
			range->hmm_pfns[i] >> REQUEST_SHIFT << word_shift(i);
	return 0;
}

/**
 * hmmu_call_requests_set_one() - set the request of a call over one page
 * @call: the call; it needs no hmmu_call_requests_free()
 * @word: where to keep the request while the call runs
 * @request: what hmmu_call_request() of another call returned for that page
 */
void hmmu_call_requests_set_one(struct hmmu_call *call, unsigned long *word,
				unsigned long request)
{
	*word = request >> REQUEST_SHIFT;
	call->range->pfn_flags_mask = REQUEST_BITS;
	call->requests.saved = word;
}

static unsigned long saved_bits(const struct hmmu_call_requests *req,
				unsigned long index)
{
	unsigned long word = req->saved[index / REQUESTS_PER_WORD];

	return (word >> word_shift(index)) << REQUEST_SHIFT;
}

/**
 * hmmu_call_requests_restore() - write the requests back into the entries
 * @call: a call that failed
 */
void hmmu_call_requests_restore(struct hmmu_call *call)
{
	struct hmm_range *range = call->range;
	unsigned long n = (range->end - range->start) >> PAGE_SHIFT;
	unsigned long i;

	if (!call->requests.saved)
		return;
	for (i = 0; i < n; i++)
		range->hmm_pfns[i] = (range->hmm_pfns[i] & ~REQUEST_BITS) |
				     saved_bits(&call->requests, i);
}

/**
 * hmmu_call_requests_free() - free what hmmu_call_requests_save() allocated, if anything
 * @call: the call
 */
void hmmu_call_requests_free(struct hmmu_call *call)
{
	kvfree(call->requests.saved);
}

/**
 * hmmu_call_request_saved() - hmmu_call_request() of a call with requests of its own
 * @call: a call whose requests are not all alike
 * @addr: page address in the call's range
 *
 * Return: as hmmu_call_request().
 */
unsigned long hmmu_call_request_saved(const struct hmmu_call *call,
				      unsigned long addr)
{
	return range_need(call->range,
			  saved_bits(&call->requests,
				     hmmu_call_page_index(call, addr)));
}

/**
 * hmmu_call_request_lower() - ask less of a page that cannot be faulted as asked
 * @call: the call
 * @addr: page address in the call's range
 * @to: the request from now on: %0, or HMM_PFN_REQ_FAULT
 *
 * Return: true if lowered; false if the page is needed: the call has to fail.
 */
bool hmmu_call_request_lower(struct hmmu_call *call, unsigned long addr,
			     unsigned long to)
{
	const struct hmmu_hooks *hooks = call->hooks;
	unsigned long index = hmmu_call_page_index(call, addr);
	unsigned long *word;

	if (!hooks->needed || hooks->needed(call->range, addr) ||
	    WARN_ON_ONCE(!call->requests.saved))
		return false;
	word = &call->requests.saved[index / REQUESTS_PER_WORD];
	*word &= ~(REQUEST_BITS >> REQUEST_SHIFT << word_shift(index));
	*word |= to >> REQUEST_SHIFT << word_shift(index);
	return true;
}
