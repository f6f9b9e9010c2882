/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mirror kit: what every driver that shares a process's address space writes
 * round the fault call.
 *
 * A driver embeds a struct hmmu_mirror in what it keeps of an address space, gives
 * two callbacks, and calls
 *
 *	hmmu_mirror_register()		begin to mirror the current process
 *	hmmu_mirror_populate()		the device faults: have these pages mapped
 *	hmmu_mirror_prefetch()		the same without waiting for it
 *	hmmu_mirror_snapshot()		what is there? Never faults
 *	hmmu_mirror_migrate()		move it to device memory, or back: hmmu_memory.h
 *	hmmu_mirror_exclusive()		let the device alone have access
 *	hmmu_mirror_cancel()		end all of these that are under way
 *	hmmu_mirror_unregister()	end; nothing of it runs afterwards
 *
 * docs/writing-a-driver.md shows a whole driver.
 *
 * Lock order: mmap lock -> what the invalidation holds -> mirror lock (the kit's
 * own, a spinlock) -> the driver's lock. A driver calls in here with none of them.
 */
#ifndef _LINUX_HMMU_MIRROR_H
#define _LINUX_HMMU_MIRROR_H

#include <linux/hmm_unlocked.h>
#include <linux/hmmu_memory.h>
#include <linux/list.h>

struct hmmu_mirror;
struct hmmu_mirror_state;
struct mm_struct;

/**
 * struct hmmu_pages - pages as the CPU has them mapped
 * @start: first address
 * @end: first address after
 * @entries: an entry a page, as hmm_range_fault() makes them: HMM_PFN_VALID,
 *	     HMM_PFN_WRITE, hmm_pfn_to_page(), hmm_pfn_to_map_order(). Without
 *	     HMM_PFN_VALID there is nothing to be mapped, and what the device has
 *	     mapped there may stay
 */
struct hmmu_pages {
	unsigned long start;
	unsigned long end;
	const unsigned long *entries;
};

/**
 * struct hmmu_mirror_ops - what a driver does itself
 */
struct hmmu_mirror_ops {
	/**
	 * @map: required. Map these pages in the device, replacing what it has
	 * mapped there. Writable only where the entry has HMM_PFN_WRITE.
	 *
	 * Guarantees: the pages are what the CPU has mapped, and stay so until
	 * @unmap was called for them: no reference is needed. 512 pages at most, of
	 * one PMD. The mirror lock is held: it must not sleep, and not allocate
	 * but with GFP_NOWAIT. @unmap may run for other addresses meanwhile.
	 *
	 * Return: 0; -ENOMEM to be called again after @prepare (without one the
	 * populate fails); any other errno ends the populate with it. What was
	 * mapped before an error may stay mapped.
	 */
	int (*map)(struct hmmu_mirror *mirror, const struct hmmu_pages *pages);

	/**
	 * @unmap: required. The device must not touch [start, end) any more when
	 * this returns. It cannot fail. What the device wrote has to be in the page
	 * and the page marked dirty by then.
	 *
	 * Guarantees: called in process context, without the mirror lock. @map runs
	 * for none of these addresses meanwhile, but @unmap may, and @map for
	 * others. [start, end) may be the whole mirror. Reclaim may be what called
	 * it: no lock under which memory is allocated, no GFP_KERNEL. If @may_sleep
	 * is false (the OOM reaper) it must not sleep either.
	 */
	void (*unmap)(struct hmmu_mirror *mirror, unsigned long start,
		      unsigned long end, bool may_sleep);

	/**
	 * @prepare: optional. Set memory aside, so that @map of [start, end) will not
	 * be short of it.
	 *
	 * Guarantees: no lock held, may sleep and allocate. Anything may happen to
	 * these addresses meanwhile.
	 *
	 * Return: 0, or an errno that ends the populate.
	 */
	int (*prepare)(struct hmmu_mirror *mirror, unsigned long start,
		       unsigned long end);
};

/**
 * struct hmmu_mirror_config - what a mirror is registered with
 * @name: of the device, for debugfs; not needed afterwards
 * @start: first address, a multiple of PAGE_SIZE
 * @end: first address after, likewise; (ULONG_MAX & PAGE_MASK): all memory
 * @ops: the driver's callbacks; they may be called before hmmu_mirror_register() returns
 * @memory: the device's own memory, or NULL. Pages there are given to map() like others
 * @faults_in_flight: see struct hmmu_mirror
 */
struct hmmu_mirror_config {
	const char *name;
	unsigned long start;
	unsigned long end;
	const struct hmmu_mirror_ops *ops;
	struct hmmu_memory *memory;
	unsigned int faults_in_flight;
};

/**
 * struct hmmu_mirror - memory of a process that a device mirrors
 * @mm: the address space; the kit keeps the struct from being freed
 * @start: first address that is mirrored
 * @end: first address after
 * @memory: the device's own memory, or NULL
 * @faults_in_flight: at most so many faults of one populate may wait at the same time; 0:
 *		      as the module's parameter of that name says. May be changed with
 *		      WRITE_ONCE() at any time
 *
 * A driver embeds it, and may read all but @state.
 */
struct hmmu_mirror {
	struct mm_struct *mm;
	unsigned long start;
	unsigned long end;
	struct hmmu_memory *memory;
	unsigned int faults_in_flight;

	/* private: */
	struct hmmu_mirror_state *state;
};

/**
 * enum hmmu_access - what a device wants to do with a page
 * @HMMU_ACCESS_NONE: nothing: it is left alone
 * @HMMU_ACCESS_READ: read: it is made present; a shared page stays shared
 * @HMMU_ACCESS_WRITE: write: it is made writable, COW is broken
 */
enum hmmu_access {
	HMMU_ACCESS_NONE,
	HMMU_ACCESS_READ,
	HMMU_ACCESS_WRITE,
};

/**
 * enum hmmu_place - where a page is
 * @HMMU_PLACE_NONE: it was not asked for, or could not be had
 * @HMMU_PLACE_SYSTEM: in the system's memory
 * @HMMU_PLACE_MEMORY: in the device's memory
 * @HMMU_PLACE_OTHER: in memory of another device, which this one can reach
 */
enum hmmu_place {
	HMMU_PLACE_NONE,
	HMMU_PLACE_SYSTEM,
	HMMU_PLACE_MEMORY,
	HMMU_PLACE_OTHER,
};

/**
 * struct hmmu_request - what a device asks for
 * @start: first address, a multiple of PAGE_SIZE
 * @end: first address after, likewise
 * @access: enum hmmu_access, for all pages
 * @accesses: the same for each page, a byte a page, in place of @access; or NULL
 * @best_effort: only pages of [@needed_start, @needed_end) are needed; the others
 *		 get what can be had: read access where the CPU may not write, none
 *		 where nothing is mapped or the fault fails
 * @needed_start: with @best_effort: first address that is needed, a multiple of
 *		  PAGE_SIZE
 * @needed_end: with @best_effort: first address after, likewise; no page is needed if
 *		the two are alike
 * @present_only: fault nothing: what is there is mapped, as it can be had
 * @to_memory: have the pages in the mirror's device memory, where they can be moved:
 *	       anonymous memory that is not MADV_MERGEABLE
 * @places: with @to_memory, or NULL: where each page is when it is mapped, enum
 *	    hmmu_place, a byte a page
 * @timeout: jiffies that invalidations may cost, 0 for no limit; begins again with
 *	     each 2 MiB, each time that map() was short of memory, and when pages were moved.
 *	     Looked at between two passes: one invalidation is waited for to its end
 *
 * Access comes from the device alone. What the CPU may do with the memory is never
 * a reason to ask for it: asking to write breaks COW.
 */
struct hmmu_request {
	unsigned long start;
	unsigned long end;
	enum hmmu_access access;
	const u8 *accesses;
	bool best_effort;
	unsigned long needed_start;
	unsigned long needed_end;
	bool present_only;
	bool to_memory;
	u8 *places;
	unsigned long timeout;
};

/**
 * struct hmmu_prefetch - a populate that nobody waits for
 * @request: what to populate; @request.accesses and .places have to stay until @done
 * @done: called when it has ended, with what hmmu_mirror_populate() would have
 *	  returned. May sleep; must not unregister the mirror. The kit does not touch
 *	  the struct any more once this is called: it may be freed there. It is called
 *	  exactly once for each hmmu_mirror_prefetch() that returned 0
 */
struct hmmu_prefetch {
	struct hmmu_request request;
	void (*done)(struct hmmu_prefetch *prefetch, int ret);

	/* private: */
	struct list_head list;
	bool cancelled;
};

/* Sees @pages of a snapshot, under the mirror lock: must not sleep. */
typedef void hmmu_see_fn(struct hmmu_mirror *mirror,
			 const struct hmmu_pages *pages, void *data);

/* Maps @pages as hmmu_mirror_ops.map() does, and with the same guarantees. */
typedef int hmmu_map_fn(struct hmmu_mirror *mirror,
			const struct hmmu_pages *pages);

int hmmu_mirror_register(struct hmmu_mirror *mirror,
			 const struct hmmu_mirror_config *config);
void hmmu_mirror_unregister(struct hmmu_mirror *mirror);
int hmmu_mirror_check_current(const struct hmmu_mirror *mirror);

int hmmu_mirror_populate(struct hmmu_mirror *mirror,
			 const struct hmmu_request *request);
int hmmu_mirror_snapshot(struct hmmu_mirror *mirror, unsigned long start,
			 unsigned long end, hmmu_see_fn *see, void *data);
int hmmu_mirror_migrate(struct hmmu_mirror *mirror, unsigned long start,
			unsigned long end, bool to_memory, unsigned long *moved);
int hmmu_mirror_exclusive(struct hmmu_mirror *mirror, unsigned long start,
			  unsigned long end, hmmu_map_fn *map);
int hmmu_mirror_prefetch(struct hmmu_mirror *mirror,
			 struct hmmu_prefetch *prefetch);
int hmmu_mirror_cancel_prefetch(struct hmmu_mirror *mirror,
				struct hmmu_prefetch *prefetch);
int hmmu_mirror_cancel(struct hmmu_mirror *mirror);

#endif
