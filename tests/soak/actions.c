// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a process of the soak does with its memory, and the table of all actions.
 *
 * An action that changes something stands between change_begin() and change_end(), and
 * writes down in the model what it has left. If a call fails half-way, its pages are
 * unmapped: then their state is known, whatever the call had done to them.
 */
#include <linux/mman.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "soak.h"
#include "uffd.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

#define RUN_SHORT	32

/* The pages that all threads prefer, on both sides of a 2 MiB boundary. */
#define HOT_FIRST	504
#define HOT_PAGES	16
#define BURST		64

static struct shadow_page *page_of(struct actor *actor, size_t page)
{
	return &actor->life->shadow.pages[page];
}

static char *run_address(struct actor *actor, struct run run)
{
	return run_at(&actor->life->shadow, run);
}

static size_t draw_length(struct actor *actor)
{
	return 1 + actor_draw(actor, actor_draw(actor, 12) ? RUN_SHORT : RUN_MOST);
}

/* Half of the time among the preferred pages, or threads would hardly ever meet. */
static size_t draw_page(struct actor *actor)
{
	return actor_draw(actor, 2) ? HOT_FIRST + actor_draw(actor, HOT_PAGES) :
				actor_draw(actor, ARENA_PAGES);
}

struct run draw_any(struct actor *actor)
{
	struct run run = { .page = draw_page(actor), .pages = draw_length(actor) };

	if (actor->burst)
		return (struct run) { HOT_FIRST, HOT_PAGES };
	if (run.pages > ARENA_PAGES - run.page)
		run.pages = ARENA_PAGES - run.page;
	return run;
}

struct run draw_run(struct actor *actor, uint8_t flags)
{
	size_t most = draw_length(actor), from = draw_page(actor), i, page;
	struct run run = {};

	if (actor->burst)
		from = HOT_FIRST;
	for (i = 0; i < ARENA_PAGES; i++) {
		page = (from + i) % ARENA_PAGES;
		if ((page_of(actor, page)->flags & flags) == flags)
			break;
	}
	if (i == ARENA_PAGES)
		return run;
	run.page = page;
	while (run.pages < most && page < ARENA_PAGES &&
	       (page_of(actor, page)->flags & flags) == flags) {
		run.pages++;
		page++;
	}
	return run;
}

/* Call this between change_begin() and change_end(). */
static void run_unmapped(struct actor *actor, struct run run)
{
	if (munmap(run_address(actor, run), run.pages * PAGE))
		soak_fail(actor, "munmap() gave %s", strerror(errno));
	for (size_t i = run.page; i < run.page + run.pages; i++) {
		shadow_set(page_of(actor, i), VERSION_ZEROS);
		page_of(actor, i)->flags = 0;
	}
}

/* The page is missing now. What comes next is up to its server, if it has one. */
static void page_missing(struct actor *actor, size_t page)
{
	struct shadow_page *shadow = page_of(actor, page);

	shadow_set(shadow, VERSION_ZEROS);
	if (!(shadow->flags & PAGE_SERVED))
		return;
	shadow_add(shadow, VERSION_SERVED | page);
	shadow->flags |= PAGE_LOST;
}

/* Sometimes whole huge pages, or huge pages would never occur. */
static struct run draw_mapped(struct actor *actor)
{
	size_t huge = HUGE / PAGE;
	struct run run = draw_any(actor);

	if (!actor_draw(actor, 6))
		run = (struct run) { actor_draw(actor, ARENA_PAGES / huge) * huge, huge };
	return run;
}

/* Map new memory, with @flags. */
static int map_new(struct actor *actor, struct run run, uint8_t flags)
{
	int shared = flags & PAGE_SHARED ? MAP_SHARED : MAP_PRIVATE, ret;

	if (mmap(run_address(actor, run), run.pages * PAGE, PROT_READ | PROT_WRITE,
		 MAP_FIXED | MAP_ANONYMOUS | shared, -1, 0) == MAP_FAILED) {
		ret = -errno;
		run_unmapped(actor, run);
		return ret;
	}
	for (size_t i = run.page; i < run.page + run.pages; i++) {
		page_of(actor, i)->flags = flags;
		page_missing(actor, i);
	}
	return 0;
}

static int do_map(struct actor *actor)
{
	struct run run = draw_mapped(actor);
	int ret;

	change_begin(actor, run);
	ret = map_new(actor, run, PAGE_RW | (actor_draw(actor, 3) ? 0 : PAGE_SHARED));
	change_end(actor, run);
	return ret;
}

static int do_unmap(struct actor *actor)
{
	struct run run = draw_any(actor);

	change_begin(actor, run);
	run_unmapped(actor, run);
	change_end(actor, run);
	return 0;
}

static int do_protect(struct actor *actor)
{
	static const struct {
		int protection;
		uint8_t flags;
	} ways[] = {
		{ PROT_NONE, 0 }, { PROT_READ, PAGE_READ },
		{ PROT_READ | PROT_WRITE, PAGE_READ | PAGE_WRITE },
	};
	struct run run = draw_run(actor, PAGE_MAPPED);
	unsigned int way = actor_draw(actor, 6);
	int ret;

	way = way < 2 ? way : 2;
	if (!run.pages)
		return ACTION_NOT_NOW;
	change_begin(actor, run);
	ret = mprotect(run_address(actor, run), run.pages * PAGE, ways[way].protection) ?
	      -errno : 0;
	for (size_t i = run.page; i < run.page + run.pages; i++) {
		page_of(actor, i)->flags &= ~(PAGE_READ | PAGE_WRITE);
		page_of(actor, i)->flags |= ways[way].flags;
	}
	if (ret)
		run_unmapped(actor, run);
	change_end(actor, run);
	return ret;
}

/* Pages that were moved no longer belong to their server; what stays behind does. */
static void run_moved(struct actor *actor, struct run from, struct run to, bool stays)
{
	for (size_t i = 0; i < from.pages; i++) {
		struct shadow_page *old = page_of(actor, from.page + i);
		struct shadow_page *new = page_of(actor, to.page + i);

		memcpy(new->may, old->may, sizeof(new->may));
		new->nr_may = old->nr_may;
		new->flags = old->flags & ~PAGE_SERVED;
		if (!stays)
			old->flags = 0;
		page_missing(actor, from.page + i);
	}
}

static bool page_is_mapped(struct actor *actor, size_t page)
{
	unsigned char resident;

	return !mincore(run_address(actor, (struct run){ page, 1 }), PAGE, &resident);
}

/*
 * A mremap() that fails may have unmapped the destination. From 6.17 on it moves several
 * mappings, one after the other, and ends at the first that cannot be moved, such as one with
 * a userfaultfd. Then those before it have been moved: nothing is known of the source.
 */
static void move_failed(struct actor *actor, struct run from, struct run to, bool stays)
{
	run_unmapped(actor, to);
	if (stays || !page_is_mapped(actor, from.page))
		run_unmapped(actor, from);
}

static int do_move(struct actor *actor)
{
	struct shadow *shadow = &actor->life->shadow;
	struct run from = draw_run(actor, PAGE_MAPPED), to = from;
	bool stays = !actor_draw(actor, 4) && !shadow_any(shadow, from, PAGE_SHARED);
	int ret = 0;

	if (!from.pages)
		return ACTION_NOT_NOW;
	to.page = actor_draw(actor, ARENA_PAGES - to.pages + 1);
	if (to.page < from.page + from.pages && from.page < to.page + to.pages)
		return ACTION_NOT_NOW;
	change_begin(actor, from);
	change_begin(actor, to);
	if (mremap(run_address(actor, from), from.pages * PAGE, from.pages * PAGE,
		   MREMAP_MAYMOVE | MREMAP_FIXED | (stays ? MREMAP_DONTUNMAP : 0),
		   run_address(actor, to)) == MAP_FAILED)
		ret = -errno;
	if (ret)
		move_failed(actor, from, to, stays);
	else
		run_moved(actor, from, to, stays);
	change_end(actor, to);
	change_end(actor, from);
	return ret;
}

/* Shared memory keeps its content: other processes could have it. */
static int do_discard(struct actor *actor)
{
	struct run run = draw_run(actor, PAGE_MAPPED);
	int ret;

	if (!run.pages)
		return ACTION_NOT_NOW;
	change_begin(actor, run);
	ret = madvise(run_address(actor, run), run.pages * PAGE, MADV_DONTNEED) ? -errno : 0;
	for (size_t i = run.page; i < run.page + run.pages; i++)
		if (!(page_of(actor, i)->flags & PAGE_SHARED))
			page_missing(actor, i);
	if (ret)
		run_unmapped(actor, run);
	change_end(actor, run);
	return ret;
}

static int do_remove(struct actor *actor)
{
	struct run run = draw_run(actor, PAGE_RW | PAGE_SHARED);
	int ret;

	if (!run.pages)
		return ACTION_NOT_NOW;
	change_begin(actor, run);
	ret = madvise(run_address(actor, run), run.pages * PAGE, MADV_REMOVE) ? -errno : 0;
	for (size_t i = run.page; i < run.page + run.pages; i++)
		page_missing(actor, i);
	if (ret)
		run_unmapped(actor, run);
	change_end(actor, run);
	return ret;
}

/*
 * From now on the page may also be zeros, or what its server brings, until it is
 * written.
 */
static void page_given_back(struct actor *actor, size_t page)
{
	struct shadow_page *shadow = page_of(actor, page);

	shadow_add(shadow, VERSION_ZEROS);
	shadow->flags |= PAGE_LAZY;
	if (!(shadow->flags & PAGE_SERVED))
		return;
	shadow_add(shadow, VERSION_SERVED | page);
	shadow->flags |= PAGE_LOST;
}

static int do_free(struct actor *actor)
{
	struct run run = draw_run(actor, PAGE_MAPPED);
	size_t pages = 0;
	int ret;

	while (pages < run.pages &&
	       !(page_of(actor, run.page + pages)->flags & PAGE_SHARED) &&
	       page_of(actor, run.page + pages)->nr_may <= VERSIONS_MOST - 2)
		pages++;
	run.pages = pages;
	if (!run.pages)
		return ACTION_NOT_NOW;
	change_begin(actor, run);
	ret = madvise(run_address(actor, run), run.pages * PAGE, MADV_FREE) ? -errno : 0;
	for (size_t i = run.page; i < run.page + run.pages; i++)
		page_given_back(actor, i);
	if (ret)
		run_unmapped(actor, run);
	change_end(actor, run);
	return ret;
}

/* Advice without a visible effect. */
static int run_advise(struct actor *actor, int advice)
{
	struct run run = draw_run(actor, PAGE_MAPPED);

	if (!run.pages)
		return ACTION_NOT_NOW;
	return madvise(run_address(actor, run), run.pages * PAGE, advice) ? -errno : 0;
}

/* As run_advise(), for one whole huge page. */
static int run_advise_huge(struct actor *actor, int advice)
{
	size_t huge = HUGE / PAGE;
	struct run run = {
		.page = actor_draw(actor, ARENA_PAGES / huge) * huge, .pages = huge,
	};

	return madvise(run_address(actor, run), HUGE, advice) ? -errno : 0;
}

static int do_page_out(struct actor *actor)
{
	return run_advise(actor, MADV_PAGEOUT);
}

static int do_cold(struct actor *actor)
{
	return run_advise(actor, MADV_COLD);
}

static int do_merge(struct actor *actor)
{
	return run_advise(actor, MADV_MERGEABLE);
}

static int do_unmerge(struct actor *actor)
{
	return run_advise(actor, MADV_UNMERGEABLE);
}

static int do_huge(struct actor *actor)
{
	return run_advise_huge(actor, MADV_HUGEPAGE);
}

static int do_small(struct actor *actor)
{
	return run_advise(actor, MADV_NOHUGEPAGE);
}

static int do_collapse(struct actor *actor)
{
	return run_advise_huge(actor, MADV_COLLAPSE);
}

/*
 * Write through a file where the page may be poisoned: then poison is an error, and not
 * a SIGBUS.
 */
static int write_page(struct actor *actor, size_t page, uint32_t version)
{
	struct shadow *shadow = &actor->life->shadow;
	struct run run = { page, 1 };
	int ret = 0;

	change_begin(actor, run);
	if (page_of(actor, page)->flags & PAGE_LOST) {
		shadow_fill(shadow, actor->buffer, version);
		ret = cpu_write(actor, page, actor->buffer);
	} else {
		shadow_fill(shadow, run_address(actor, run), version);
	}
	if (!ret)
		shadow_set(page_of(actor, page), version);
	change_end(actor, run);
	return ret;
}

static int do_write(struct actor *actor)
{
	struct run run = draw_run(actor, PAGE_RW);
	int ret = 0;

	if (!run.pages)
		return ACTION_NOT_NOW;
	for (size_t i = run.page; i < run.page + run.pages; i++)
		ret = write_page(actor, i, ++actor->life->shadow.version) ?: ret;
	return ret;
}

/* Write equal pages, for KSM to merge. */
static int do_copy(struct actor *actor)
{
	struct run from = draw_run(actor, PAGE_READ), to = draw_run(actor, PAGE_RW);
	const struct shadow_page *page = page_of(actor, from.page);
	int ret = 0;

	if (!from.pages || !to.pages || page->nr_may != 1 ||
	    page->flags & (PAGE_LAZY | PAGE_LOST))
		return ACTION_NOT_NOW;
	for (size_t i = to.page; i < to.page + to.pages && i < to.page + RUN_SHORT; i++)
		ret = write_page(actor, i, page->may[0]) ?: ret;
	return ret;
}

static int do_read(struct actor *actor)
{
	struct run run = draw_run(actor, PAGE_READ), one = { .pages = 1 };
	int ret = 0;

	if (!run.pages)
		return ACTION_NOT_NOW;
	for (one.page = run.page; one.page < run.page + run.pages; one.page++) {
		shadow_watch(&actor->life->shadow, one, actor->changes);
		ret = cpu_read(actor, one.page, actor->buffer);
		check_access(actor, one, PAGE_READ, ret, BY_CPU);
		if (!ret)
			check_content(actor, one, actor->buffer, BY_CPU);
	}
	return ret;
}

static void server_end(pid_t *server)
{
	if (!*server)
		return;
	kill(*server, SIGKILL);
	waitpid(*server, NULL, 0);
	*server = 0;
}

static int do_serve(struct actor *actor)
{
	struct life *life = actor->life;
	pid_t *server = &life->servers[actor_draw(actor, SERVERS)];
	uint64_t random = random_branch(actor->random, 1);
	struct run run = draw_any(actor);
	int uffd, ret;

	server_end(server);
	uffd = uffd_open(0, 0);
	if (uffd < 0)
		return uffd;
	change_begin(actor, run);
	ret = map_new(actor, run, PAGE_RW | PAGE_SERVED);
	if (!ret)
		ret = uffd_register(uffd, run_address(actor, run), run.pages * PAGE,
				    UFFDIO_REGISTER_MODE_MISSING);
	change_end(actor, run);
	if (!ret) {
		*server = fork();
		if (!*server)
			server_run(life, uffd, random);
		if (*server < 0) {
			ret = -errno;
			*server = 0;
		}
	}
	close(uffd);
	return ret;
}

static int do_kill_server(struct actor *actor)
{
	pid_t *server = &actor->life->servers[actor_draw(actor, SERVERS)];

	if (!*server)
		return ACTION_NOT_NOW;
	server_end(server);
	return 0;
}

static int do_fork(struct actor *actor)
{
	uint64_t random = random_branch(actor->random, 2);
	pid_t *child = NULL;

	for (int i = 0; i < CHILDREN; i++)
		if (!actor->life->children[i])
			child = &actor->life->children[i];
	if (!child)
		return ACTION_NOT_NOW;
	*child = fork();
	if (!*child)
		child_run(actor, random);
	if (*child > 0)
		return 0;
	*child = 0;
	return -errno;
}

const struct action actions[] = {
	{ "map", 12, do_map },
	{ "unmap", 4, do_unmap },
	{ "protect", 8, do_protect },
	{ "move", 8, do_move },
	{ "discard", 6, do_discard },
	{ "remove", 4, do_remove },
	{ "free", 4, do_free },
	{ "write", 30, do_write },
	{ "copy", 4, do_copy },
	{ "serve", 6, do_serve },
	{ "kill-server", 2, do_kill_server },
	{ "fork", 5, do_fork },
	{ "read", 12, do_read, true },
	{ "page-out", 6, do_page_out, true },
	{ "cold", 2, do_cold, true },
	{ "mergeable", 3, do_merge, true, EINVAL },
	{ "unmergeable", 1, do_unmerge, true, EINVAL },
	{ "huge-pages", 3, do_huge, true, EINVAL },
	{ "small-pages", 1, do_small, true, EINVAL },
	{ "collapse", 2, do_collapse, true, EINVAL },
	{ "device-write", 16, device_write },
	{ "device-read", 20, device_read, true },
	{ "device-populate", 12, device_maps, true },
	{ "device-prefetch", 6, device_prefetch, true },
	{ "device-cancel", 1, device_cancel, true },
	{ "device-snapshot", 6, device_snapshot, true },
	{ "device-compare", 6, device_compare, true },
	{ "device-reopen", 3, device_reopen },
	{ "migrate-to-device", 6, device_to_memory, true, EOPNOTSUPP },
	{ "migrate-to-system", 4, device_to_system, true, EOPNOTSUPP },
	{ "populate-device", 6, device_populate_memory, true, EOPNOTSUPP },
	{ "device-release", 1, device_release, true, EOPNOTSUPP },
	{ "device-exclusive", 2, device_exclusive, true, EOPNOTSUPP },
	{ "guest-set", 10, guest_set },
	{ "guest-unset", 4, guest_unset },
	{ "guest-write", 10, guest_writes },
	{ "guest-read", 10, guest_reads, true },
	{ "guest-dirty-log", 2, guest_dirty, true },
	{ "child", .by_child = true },
};

unsigned int actions_count(void)
{
	return sizeof(actions) / sizeof(actions[0]);
}

unsigned int action_of_child(void)
{
	return actions_count() - 1;
}

static bool is_for(const struct actor *actor, const struct action *action)
{
	return !action->by_child && (!actor->index || action->harmless);
}

static unsigned int draw_action(struct actor *actor)
{
	unsigned int all = 0, i, which;

	for (i = 0; i < actions_count(); i++)
		if (is_for(actor, &actions[i]))
			all += actions[i].weight;
	which = actor_draw(actor, all);
	for (i = 0; ; i++) {
		if (!is_for(actor, &actions[i]))
			continue;
		if (which < actions[i].weight)
			return i;
		which -= actions[i].weight;
	}
}

void count_act(unsigned int action, int ret)
{
	if (ret <= 0)
		soak_shared->done[action][-ret]++;
}

/*
 * Sometimes a harmless action is repeated many times on the same pages: two threads
 * that do so meet in the few instructions between a check and what depends on it.
 */
void actor_act(struct actor *actor)
{
	struct slot *slot = actor->life->slot;
	unsigned int times = 1;

	actor->action = draw_action(actor);
	actor->burst = actor->index && !actor_draw(actor, 16);
	if (actor->burst)
		times = BURST;
	slot->doing[actor->index] = actor->action;
	while (times-- && !actor->life->ending && !soak_shared->stop) {
		count_act(actor->action, actions[actor->action].fn(actor));
		slot->acts[actor->index]++;
	}
}
