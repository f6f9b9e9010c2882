/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The mirror kit: the code that each driver needs which shares a process's address
 * space with its device.
 *
 * A driver embeds a struct hmmu_mirror in its struct for an address space, gives two
 * callbacks, and calls
 *
 *	hmmu_mirror_register()		begin to mirror the current process
 *	hmmu_mirror_populate()		the device faults: fault pages and map them
 *	hmmu_mirror_prefetch()		populate without waiting for it
 *	hmmu_mirror_snapshot()		look at what is present; never faults
 *	hmmu_mirror_migrate()		move to device memory or home: hmmu_memory.h
 *	hmmu_mirror_exclusive()		give the device exclusive access
 *	hmmu_mirror_cancel()		end all calls that are under way
 *	hmmu_mirror_unregister()	end; nothing of the kit runs afterwards
 *
 * docs/writing-a-driver.md shows a whole driver.
 *
 * Lock order: mmap lock -> what the invalidation holds -> mirror lock (the kit's
 * own, a spinlock) -> the driver's lock. A driver calls the kit with none of them held.
 */
#ifndef _LINUX_HMMU_MIRROR_H
#define _LINUX_HMMU_MIRROR_H

#include <linux/hmm_unlocked.h>
#include <linux/hmmu_memory.h>
#include <linux/list.h>
#include <linux/spinlock.h>

struct hmmu_mirror;
struct hmmu_mirror_state;
struct mm_struct;

/**
 * struct hmmu_pages - pages as the CPU has them mapped
 * @start: first address
 * @end: first address after
 * @entries: one entry a page, as of hmm_range_fault(): HMM_PFN_VALID, HMM_PFN_WRITE,
 *	     hmm_pfn_to_page(), hmm_pfn_to_map_order(). Without HMM_PFN_VALID there is no
 *	     page to map, and what the device has mapped there may stay
 */
struct hmmu_pages {
	unsigned long start;
	unsigned long end;
	const unsigned long *entries;
};

/**
 * struct hmmu_mirror_ops - a driver's callbacks
 */
struct hmmu_mirror_ops {
	/**
	 * @map: required. Map these pages in the device, and replace what it has
	 * mapped there. Writable only where the entry has HMM_PFN_WRITE.
	 *
	 * Guarantees: the pages are what the CPU has mapped, until @unmap is called
	 * for them: no reference is needed. At most 512 pages, of one PMD. @unmap may
	 * run for other addresses meanwhile.
	 *
	 * Context: the mirror lock is held: it must not sleep, and must not allocate
	 * but with GFP_NOWAIT.
	 *
	 * Return: 0; -ENOMEM: @prepare is called, then this again (without @prepare the
	 * populate fails); any other errno ends the populate with it. What was
	 * mapped before an error may stay mapped.
	 */
	int (*map)(struct hmmu_mirror *mirror, const struct hmmu_pages *pages);

	/**
	 * @unmap: required. When it returns, the device must not access [start, end)
	 * any more. What the device wrote must be in the page, and the page marked
	 * dirty, by then. It cannot fail.
	 *
	 * Guarantees: @map does not run for these addresses meanwhile. But @unmap may,
	 * and @map for other addresses. [start, end) may be the whole mirror.
	 *
	 * Context: process context, without the mirror lock. Reclaim may have called
	 * it: it takes no lock under which memory is allocated, and does not allocate
	 * with GFP_KERNEL. If @may_sleep is false (the OOM reaper) it must not sleep.
	 */
	void (*unmap)(struct hmmu_mirror *mirror, unsigned long start,
		      unsigned long end, bool may_sleep);

	/**
	 * @prepare: optional. Allocate in advance what @map of [start, end) needs.
	 *
	 * Context: no lock held; may sleep and allocate. @map, @unmap and another
	 * @prepare may run for these addresses meanwhile.
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
 * @ops: the driver's callbacks; they have to stay until hmmu_mirror_unregister() returns,
 *	 and may be called before hmmu_mirror_register() does
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
 * A driver embeds it, and may read these fields.
 */
struct hmmu_mirror {
	struct mm_struct *mm;
	unsigned long start;
	unsigned long end;
	struct hmmu_memory *memory;
	unsigned int faults_in_flight;

	/* private: */
	spinlock_t lock;	/* the mirror lock, see mirror/mirror.h */
	bool closing;		/* it is being unregistered: nothing begins any more */
	unsigned int users;	/* calls that are no flights and use @state */
	struct hmmu_mirror_state *state;	/* NULL once it is unregistered */
};

/**
 * enum hmmu_access - what a device wants to do with a page
 * @HMMU_ACCESS_NONE: no access: the page is neither faulted nor mapped
 * @HMMU_ACCESS_READ: read: the page is made present; a shared page stays shared
 * @HMMU_ACCESS_WRITE: write: the page is made writable, COW is broken
 */
enum hmmu_access {
	HMMU_ACCESS_NONE,
	HMMU_ACCESS_READ,
	HMMU_ACCESS_WRITE,
};

/**
 * enum hmmu_place - where a page is
 * @HMMU_PLACE_NONE: it was not asked for, or is not available
 * @HMMU_PLACE_SYSTEM: in the system's memory
 * @HMMU_PLACE_MEMORY: in the device's memory
 * @HMMU_PLACE_OTHER: in memory of another device, which this device can access
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
 * @access: access to all pages
 * @accesses: access to each page, enum hmmu_access, one byte a page, instead of @access;
 *	      or NULL
 * @best_effort: only pages of [@needed_start, @needed_end) are needed. Other pages get
 *		 less where they must: read access where the CPU may not write, none
 *		 where nothing is mapped or the fault fails
 * @needed_start: with @best_effort: first address that is needed, a multiple of
 *		  PAGE_SIZE
 * @needed_end: with @best_effort: first address after, likewise; if it equals
 *		@needed_start, no page is needed
 * @present_only: fault nothing, and map the pages that are present, with the access that
 *		  they have
 * @to_memory: move the pages to the mirror's device memory where the kernel can move
 *	       them: anonymous memory that is not MADV_MERGEABLE
 * @places: (out) with @to_memory: where each page was when it was mapped, enum
 *	    hmmu_place, one byte a page; or NULL
 * @timeout: limit of the time that invalidations may cost, in jiffies; 0: no limit. It
 *	     starts anew with each 2 MiB, each time that map() was short of memory, and when
 *	     pages were moved. It is checked between two passes: an invalidation that is
 *	     running is waited for to its end
 *
 * Ask for the access that the device needs. What the CPU may do with the memory is no
 * reason to ask for it: write access breaks COW.
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
 * struct hmmu_prefetch - a populate that no task waits for
 * @request: what to populate; @request.accesses and .places must stay until @done
 * @done: called when it has ended, with what hmmu_mirror_populate() would have
 *	  returned; exactly once for each hmmu_mirror_prefetch() that returned 0. May
 *	  sleep; must not unregister the mirror. It may free the struct, which the kit
 *	  does not access any more
 */
struct hmmu_prefetch {
	struct hmmu_request request;
	void (*done)(struct hmmu_prefetch *prefetch, int ret);

	/* private: */
	struct list_head list;
	bool cancelled;
};

/* Looks at @pages of a snapshot, under the mirror lock: must not sleep. */
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
