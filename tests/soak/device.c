// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a process of the soak does with its mirrors and guests. A guest's page is the
 * page of the arena with the same number, in every region.
 *
 * When a device's write fails, part of it may have been done: then each page has either
 * version. A guest's access reports how much was done.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "region.h"
#include "soak.h"

static int mirror_of(struct actor *actor)
{
	return actor->life->mirrors[actor_draw(actor, HMM_DMIRROR_NDEVICES)];
}

/* Mostly pages that the process may access; sometimes any pages. */
static struct run draw_accessible(struct actor *actor, uint8_t flags)
{
	return actor_draw(actor, 8) ? draw_run(actor, flags) : draw_any(actor);
}

static int mirror_call(struct actor *actor, unsigned long number, struct run run,
		       const void *ptr)
{
	return dmirror_call(mirror_of(actor), number,
			    run_at(&actor->life->shadow, run), run.pages, ptr, NULL);
}

/* A call that reads into the buffer, beside what else it does, and needs all pages. */
static int mirror_call_reading(struct actor *actor, unsigned long number, struct run run)
{
	int ret;

	shadow_watch(&actor->life->shadow, run, actor->changes);
	ret = mirror_call(actor, number, run, actor->buffer);
	if (!ret)
		check_content(actor, run, actor->buffer, BY_MIRROR);
	return ret;
}

int device_read(struct actor *actor)
{
	unsigned long number = actor_draw(actor, 2) ? HMM_DMIRROR_READ :
						HMM_DMIRROR_READ_UNLOCKED;
	struct run run = draw_accessible(actor, PAGE_READ);
	int ret;

	if (!run.pages)
		return ACTION_NOT_NOW;
	ret = mirror_call_reading(actor, number, run);
	check_access(actor, run, PAGE_READ, ret, BY_MIRROR);
	return ret;
}

/* Fill the buffer with new versions; returns the first. */
static uint32_t new_versions(struct actor *actor, struct run run)
{
	struct shadow *shadow = &actor->life->shadow;
	uint32_t first = shadow->version + 1;

	for (size_t i = 0; i < run.pages; i++)
		shadow_fill(shadow, actor->buffer + i * PAGE, ++shadow->version);
	return first;
}

/* Leave out pages that cannot take one more version: the write may fail. */
static struct run draw_written(struct actor *actor)
{
	struct run run = draw_accessible(actor, PAGE_RW);
	size_t pages = 0;

	while (pages < run.pages &&
	       actor->life->shadow.pages[run.page + pages].nr_may < VERSIONS_MOST)
		pages++;
	run.pages = pages;
	return run;
}

int device_write(struct actor *actor)
{
	struct shadow *shadow = &actor->life->shadow;
	struct run run = draw_written(actor);
	uint32_t first;
	int ret;

	if (!run.pages)
		return ACTION_NOT_NOW;
	first = new_versions(actor, run);
	change_begin(actor, run);
	ret = mirror_call(actor, HMM_DMIRROR_WRITE, run, actor->buffer);
	for (size_t i = 0; i < run.pages; i++) {
		struct shadow_page *page = &shadow->pages[run.page + i];

		if (!ret)
			shadow_set(page, first + i);
		else if (page->flags & PAGE_WRITE)
			shadow_add(page, first + i);
	}
	change_end(actor, run);
	shadow_watch(shadow, run, actor->changes);
	check_access(actor, run, PAGE_RW, ret, BY_MIRROR);
	return ret;
}

static uint64_t draw_populate(struct actor *actor)
{
	return actor_draw(actor, 4);
}

static uint8_t populate_needs(uint64_t flags)
{
	return flags & HMM_DMIRROR_POPULATE_WRITE ? PAGE_RW : PAGE_READ;
}

int device_prefetch(struct actor *actor)
{
	uint64_t flags = draw_populate(actor);
	struct run run = draw_accessible(actor, populate_needs(flags));

	if (!run.pages)
		return ACTION_NOT_NOW;
	return mirror_call(actor, HMM_DMIRROR_PREFETCH, run, (void *)(uintptr_t)flags);
}

int device_cancel(struct actor *actor)
{
	return dmirror_cancel(mirror_of(actor));
}

/* Whether the process may access what the device reports. */
static bool byte_is_right(uint8_t byte, uint8_t flags)
{
	if (byte == HMM_DMIRROR_PROT_NONE || byte == HMM_DMIRROR_PROT_ERROR)
		return true;
	if (byte & HMM_DMIRROR_PROT_WRITE && !(flags & PAGE_WRITE))
		return false;
	return flags & PAGE_READ;
}

int device_snapshot(struct actor *actor)
{
	struct shadow *shadow = &actor->life->shadow;
	struct run run = draw_any(actor);
	int ret;

	shadow_watch(shadow, run, actor->changes);
	ret = mirror_call(actor, HMM_DMIRROR_SNAPSHOT, run, actor->buffer);
	for (size_t i = 0; !ret && i < run.pages; i++) {
		struct run one = { run.page + i, 1 };
		uint8_t byte = actor->buffer[i], flags = shadow->pages[one.page].flags;

		if (!byte_is_right(byte, flags) &&
		    shadow_stands(shadow, one, actor->changes + i))
			soak_fail_page(actor, one.page, "the snapshot has %#x, but the process has flags %#x",
				       byte, flags);
	}
	return ret;
}

static int mirror_compare_run(struct actor *actor, int fd, struct run run, uint64_t flags,
			      size_t *wrong)
{
	struct hmm_dmirror_cmd cmd;
	int ret = dmirror_call(fd, HMM_DMIRROR_COMPARE,
			       run_at(&actor->life->shadow, run), run.pages,
			       (void *)(uintptr_t)flags, &cmd);

	*wrong = ret ? 0 : cmd.faults;
	return ret;
}

/* The wrong page is looked for afterwards, when it may be right again. */
static int mirror_compare(struct actor *actor, int fd, struct run run, uint64_t flags)
{
	struct run one = { run.page, 1 };
	size_t wrong, still = 0;
	int ret = mirror_compare_run(actor, fd, run, flags, &wrong);

	if (!wrong)
		return ret;
	for (; one.page < run.page + run.pages; one.page++) {
		mirror_compare_run(actor, fd, one, flags, &still);
		if (still)
			break;
	}
	soak_fail_page(actor, still ? one.page : run.page,
		       "of %zu pages from %zu a mirror has %zu that the CPU has not; %s",
		       run.pages, run.page, wrong,
		       still ? "this still is one" : "none is so any more, the first");
}

/*
 * A page that was mapped though it was invalidated meanwhile is only wrong until the
 * next invalidation, so compare at once.
 */
int device_maps(struct actor *actor)
{
	uint64_t flags = draw_populate(actor);
	struct run run = draw_accessible(actor, populate_needs(flags));
	bool look = actor->burst || !actor_draw(actor, 4);
	int fd = mirror_of(actor), ret;

	if (!run.pages)
		return ACTION_NOT_NOW;
	shadow_watch(&actor->life->shadow, run, actor->changes);
	ret = dmirror_populate(fd, run_at(&actor->life->shadow, run), run.pages, flags);
	if (!(flags & HMM_DMIRROR_POPULATE_BEST))
		check_access(actor, run, populate_needs(flags), ret, BY_MIRROR);
	if (look)
		mirror_compare(actor, fd, run, HMM_DMIRROR_COMPARE_MAPPED);
	return ret;
}

int device_compare(struct actor *actor)
{
	int fd = mirror_of(actor);

	return mirror_compare(actor, fd, draw_any(actor), HMM_DMIRROR_COMPARE_MAPPED);
}

void device_compare_all(struct actor *actor)
{
	struct run all = { 0, ARENA_PAGES };
	size_t ended, failed;

	for (int i = 0; i < HMM_DMIRROR_NDEVICES; i++) {
		dmirror_wait(actor->life->mirrors[i], &ended, &failed);
		mirror_compare(actor, actor->life->mirrors[i], all, 0);
	}
}

/* Missing pages are not faulted, so the access is not checked. */
int device_to_memory(struct actor *actor)
{
	struct run run = draw_run(actor, PAGE_READ);

	if (!run.pages)
		return ACTION_NOT_NOW;
	return mirror_call_reading(actor, HMM_DMIRROR_MIGRATE_TO_DEV, run);
}

int device_to_system(struct actor *actor)
{
	struct run run = draw_run(actor, PAGE_READ);

	if (!run.pages)
		return ACTION_NOT_NOW;
	return mirror_call(actor, HMM_DMIRROR_MIGRATE_TO_SYS, run, actor->buffer);
}

int device_populate_memory(struct actor *actor)
{
	bool write = actor_draw(actor, 2);
	uint8_t needs = write ? PAGE_RW : PAGE_READ;
	struct run run = draw_run(actor, needs);
	int ret;

	if (!run.pages)
		return ACTION_NOT_NOW;
	memset(actor->buffer, write ? HMM_DMIRROR_PROT_WRITE : HMM_DMIRROR_PROT_READ,
	       run.pages);
	shadow_watch(&actor->life->shadow, run, actor->changes);
	ret = mirror_call(actor, HMM_DMIRROR_POPULATE_DEV, run, actor->buffer);
	check_access(actor, run, needs, ret, BY_MIRROR);
	return ret;
}

int device_release(struct actor *actor)
{
	return mirror_call(actor, HMM_DMIRROR_RELEASE, (struct run) { 0, 1 }, NULL);
}

int device_exclusive(struct actor *actor)
{
	struct run run = draw_run(actor, PAGE_RW);

	if (!run.pages)
		return ACTION_NOT_NOW;
	return mirror_call_reading(actor, HMM_DMIRROR_EXCLUSIVE, run);
}

/* Other threads use the same file number meanwhile. */
int device_reopen(struct actor *actor)
{
	unsigned int n = actor_draw(actor, HMM_DMIRROR_NDEVICES);
	char path[32];
	int fd, ret;

	snprintf(path, sizeof(path), "/dev/hmm_dmirror%u", n);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = dup3(fd, actor->life->mirrors[n], O_CLOEXEC) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

int guest_set(struct actor *actor)
{
	unsigned int p = actor_draw(actor, PARTITIONS), r = actor_draw(actor, REGIONS);
	struct guest_region *region = &actor->life->regions[p][r];
	uint32_t flags = HMM_REGION_READ | (actor_draw(actor, 4) ? HMM_REGION_WRITE : 0) |
			 (actor_draw(actor, 4) ? 0 : HMM_REGION_SET_PREMAP);
	struct run run = actor_draw(actor, 4) ? draw_run(actor, PAGE_RW) : draw_any(actor);
	int ret;

	if (region->run.pages || !run.pages)
		return ACTION_NOT_NOW;
	ret = region_set(actor->life->partitions[p], SOAK_GUEST + run.page, run.pages,
			 run_at(&actor->life->shadow, run), flags);
	if (!ret)
		*region = (struct guest_region) { run, flags };
	return ret;
}

int guest_unset(struct actor *actor)
{
	unsigned int p = actor_draw(actor, PARTITIONS), r = actor_draw(actor, REGIONS);
	struct guest_region *region = &actor->life->regions[p][r];
	struct run run = region->run;
	int ret;

	if (!run.pages)
		return ACTION_NOT_NOW;
	region->run.pages = 0;
	ret = region_unset(actor->life->partitions[p], SOAK_GUEST + run.page,
			   run.pages);
	if (ret)
		soak_fail(actor, "a region could not be unset: %s", strerror(-ret));
	return ret;
}

/* Mostly a part that the process may access as @needs says. */
static void run_cut(struct actor *actor, struct run *run, uint8_t needs)
{
	unsigned int from = actor_draw(actor, RUN_MOST), length = 1 + actor_draw(actor, 32);
	const struct shadow *shadow = &actor->life->shadow;
	size_t page, end = run->page + run->pages, n = 0;
	bool any = !actor_draw(actor, 8);

	page = run->page + from % run->pages;
	while (!any && page < end && !shadow_all(shadow, (struct run) { page, 1 }, needs))
		page++;
	while (page + n < end && n < length &&
	       (any || shadow_all(shadow, (struct run) { page + n, 1 }, needs)))
		n++;
	*run = (struct run) { page, n };
}

/* Part of a region; returns its partition, or -1. The region may be unset meanwhile. */
static int draw_guest(struct actor *actor, uint8_t needs, struct run *run,
		      uint32_t *flags)
{
	unsigned int p = actor_draw(actor, PARTITIONS), r = actor_draw(actor, REGIONS);
	const struct guest_region *region = &actor->life->regions[p][r];

	*run = region->run;
	*flags = region->flags;
	/* It may have been set anew between the two reads. */
	if (!run->pages || run->page + run->pages > ARENA_PAGES)
		return -1;
	run_cut(actor, run, needs);
	return run->pages ? actor->life->partitions[p] : -1;
}

static int run_access(struct actor *actor, int partition, struct run run,
		      uint32_t access, size_t *done)
{
	struct hmm_region_access a = {
		.guest_pfn = SOAK_GUEST + run.page,
		.length = run.pages * PAGE,
		.access = access,
		.data = (uintptr_t)actor->buffer,
	};
	int ret = region_access(partition, &a);

	if (a.done > a.length || a.done % PAGE || (!ret && a.done != a.length))
		soak_fail(actor, "an access of %u bytes gave %d, and %u were done",
			  a.length, ret, a.done);
	*done = a.done / PAGE;
	return ret;
}

int guest_reads(struct actor *actor)
{
	struct run run, done;
	uint32_t flags;
	int partition = draw_guest(actor, PAGE_READ, &run, &flags), ret;

	if (partition < 0)
		return ACTION_NOT_NOW;
	shadow_watch(&actor->life->shadow, run, actor->changes);
	done = run;
	ret = run_access(actor, partition, run, HMM_REGION_READ, &done.pages);
	check_access(actor, run, PAGE_READ, ret, BY_GUEST);
	check_content(actor, done, actor->buffer, BY_GUEST);
	return ret;
}

int guest_writes(struct actor *actor)
{
	struct shadow *shadow = &actor->life->shadow;
	struct run run;
	uint32_t flags, first;
	int partition = draw_guest(actor, PAGE_RW, &run, &flags), ret;
	size_t done;

	if (partition < 0)
		return ACTION_NOT_NOW;
	first = new_versions(actor, run);
	change_begin(actor, run);
	ret = run_access(actor, partition, run, HMM_REGION_WRITE, &done);
	for (size_t i = 0; i < done; i++)
		shadow_set(&shadow->pages[run.page + i], first + i);
	change_end(actor, run);
	if (!ret && !(flags & HMM_REGION_WRITE))
		soak_fail(actor, "a guest could write to a region that it may only read");
	shadow_watch(shadow, run, actor->changes);
	if (flags & HMM_REGION_WRITE)
		check_access(actor, run, PAGE_RW, ret, BY_GUEST);
	return ret;
}

int guest_dirty(struct actor *actor)
{
	uint64_t bitmap[RUN_MOST / 64] = {}, dirty;
	unsigned int p = actor_draw(actor, PARTITIONS);
	size_t page = actor_draw(actor, ARENA_PAGES / RUN_MOST) * RUN_MOST, bits = 0;
	int ret = region_dirty(actor->life->partitions[p], SOAK_GUEST + page, RUN_MOST,
			       bitmap, &dirty);

	for (size_t i = 0; i < RUN_MOST / 64; i++)
		bits += __builtin_popcountll(bitmap[i]);
	if (!ret && bits != dirty)
		soak_fail(actor, "the dirty log says %llu pages, and has %zu",
			  (unsigned long long)dirty, bits);
	return ret;
}
