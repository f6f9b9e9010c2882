// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exactly the access that is requested for each page is faulted, and no more, whatever
 * happens to the memory in the meantime.
 *
 * One range has pages in all "roles": each role is a state before the call, a request,
 * and what the entry must be afterwards. Neighbours have different roles, so a request
 * that is lost, or that spills over to a neighbour after a restart, shows in an entry,
 * in a count of faults, or in a page that a fault should not have copied.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "area.h"
#include "harness.h"
#include "suites.h"

#define PAGES	64
#define MANY	4096

#define FLAGS_MASK	(HMMU_PROBE_VALID | HMMU_PROBE_WRITE | HMMU_PROBE_ZERO)

/* Where a page is before the call. */
enum place { ABSENT, OWN, SHARED, CACHED };

/**
 * struct role - the state and the request of a page
 * @place: missing, registered with a userfaultfd; present and writable; shared after
 *	   fork(); or of a private file, in the page cache
 * @request: HMMU_PROBE_REQ_*
 * @flags: HMMU_PROBE_* that its entry must have after the call
 */
struct role {
	enum place place;
	uint8_t request;
	uint64_t flags;
};

/* Page i has role i % ARRAY_SIZE(roles). */
static const struct role roles[] = {
	{ ABSENT, HMMU_PROBE_REQ_WRITE, 0 },	/* which asks for nothing */
	{ ABSENT, READ_REQUEST, HMMU_PROBE_VALID | HMMU_PROBE_ZERO },
	{ ABSENT, WRITE_REQUEST, HMMU_PROBE_VALID | HMMU_PROBE_WRITE },
	{ OWN, READ_REQUEST, HMMU_PROBE_VALID | HMMU_PROBE_WRITE },
	{ SHARED, READ_REQUEST, HMMU_PROBE_VALID },
	{ SHARED, WRITE_REQUEST, HMMU_PROBE_VALID | HMMU_PROBE_WRITE },
	{ SHARED, 0, HMMU_PROBE_VALID },
	{ CACHED, READ_REQUEST, HMMU_PROBE_VALID },
};

/*
 * The first page of each of three roles; all are collected when the action takes place.
 */
#define ABSENT_READ	1
#define OWN_READ	3
#define CACHED_READ	7
#define NONE		PAGES

/**
 * struct action - what happens while a fault in the second half waits
 * @name: for the name of the case
 * @act: the action on page @page
 * @page: one of the first half, or NONE
 * @waits: faults on @page wait once more
 * @error: what the call must return, 0 or -errno
 */
struct action {
	const char *name;
	void (*act)(char *page);
	size_t page;
	bool waits;
	int error;
};

static void page_discard(char *page)
{
	CHECK_EQ(madvise(page, PAGE, MADV_DONTNEED), 0);
}

static void page_protect_read(char *page)
{
	CHECK_EQ(mprotect(page, PAGE, PROT_READ), 0);
}

static void share_all(char *page)
{
	fork_sharer();
}

static void page_unmap(char *page)
{
	CHECK_EQ(munmap(page, PAGE), 0);
}

static const struct action actions[] = {
	{ "nothing", NULL, NONE, false, 0 },
	{ "discard", page_discard, ABSENT_READ, true, 0 },
	{ "discard-file", page_discard, CACHED_READ, false, 0 },
	{ "mprotect", page_protect_read, OWN_READ, false, 0 },
	{ "fork", share_all, NONE, false, 0 },
	{ "munmap", page_unmap, ABSENT_READ, false, -EFAULT },
};

/**
 * struct mix - a range with pages in all roles
 * @at: start of the range
 * @uffd: the userfaultfd where it is registered
 * @before: /proc/self/pagemap of the range before the call
 * @waits: how often a fault on each page waited
 * @mirror: makes the call
 */
struct mix {
	char *at;
	int uffd;
	uint64_t before[PAGES];
	unsigned int waits[PAGES];
	struct mirror mirror;
};

static const struct role *page_role(size_t page)
{
	return &roles[page % ARRAY_SIZE(roles)];
}

static void fill_place(const struct area *area, enum place place)
{
	for (size_t i = 0; i < area->pages; i++)
		if (page_role(i)->place == place)
			content_fill(area->at + i * PAGE, SERIES, i, 1);
}

static void map_cached(const struct area *area)
{
	struct area file = area_new(&kind_shmem, area->pages);
	volatile char *page;

	area_fill(&file);
	for (size_t i = 0; i < area->pages; i++) {
		if (page_role(i)->place != CACHED)
			continue;
		page = mmap(area->at + i * PAGE, PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_FIXED, file.fd, i * PAGE);
		CHECK(page != MAP_FAILED);
		(void)*page;
	}
}

static void mix_init(struct mix *mix, const struct how *how)
{
	/* The two halves are in two page tables, so in two chunks. */
	char *at = area_reserve(2 * HUGE) + HUGE - PAGES / 2 * PAGE;
	struct area area = area_at(at, &kind_anon, PAGES);

	*mix = (struct mix) { .at = area.at, .uffd = uffd_need(0, "anything") };
	fill_place(&area, SHARED);
	fork_sharer();
	fill_place(&area, OWN);
	CHECK_EQ(uffd_register(mix->uffd, area.at, PAGES * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	map_cached(&area);
	pagemap_read(area.at, PAGES, mix->before);

	mirror_init(&mix->mirror, area.at, PAGES, how);
	mirror_ask(&mix->mirror);
	for (size_t i = 0; i < PAGES; i++)
		mix->mirror.requests[i] = page_role(i)->request;
}

static void mix_answer(struct mix *mix, size_t page)
{
	char content[PAGE] __attribute__((aligned(PAGE)));

	if (page_role(page)->request == WRITE_REQUEST) {
		content_fill(content, SERIES, page, 1);
		CHECK_EQ(uffd_copy(mix->uffd, mix->at + page * PAGE, content,
				   PAGE), 0);
	} else {
		CHECK_EQ(uffd_zeropage(mix->uffd, mix->at + page * PAGE, PAGE),
			 0);
	}
}

/* Answer all faults, and act once in between. Returns the result of the call. */
static int mix_fault(struct mix *mix, const struct action *action)
{
	void (*act)(char *page) = action->act;
	struct uffd_msg msg;
	size_t page;

	mirror_begin(&mix->mirror);
	while (mirror_waits(&mix->mirror, mix->uffd, &msg)) {
		page = mirror_page(&mix->mirror, &msg);
		mix->waits[page]++;
		CHECK_EQ(!!(msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WRITE),
			 page_role(page)->request == WRITE_REQUEST);
		if (act && page >= PAGES / 2) {
			act(mix->at + action->page * PAGE);
			act = NULL;
		}
		mix_answer(mix, page);
	}
	CHECK(!act);
	return mirror_end(&mix->mirror);
}

/* How often the call began to collect entries anew. */
static uint64_t begun_again(const struct mirror *m)
{
	return mirror_counted(m, HMM_UNLOCKED_RESTARTS) + m->run.loops - 1;
}

static unsigned int expected_waits(size_t page, const struct action *action)
{
	if (page_role(page)->place != ABSENT || !(page_role(page)->request & READ_REQUEST))
		return 0;
	return 1 + (action->waits && page == action->page);
}

static uint64_t expected_flags(size_t page, const struct action *action)
{
	uint64_t flags = page_role(page)->flags;

	if (page_role(page)->place == OWN &&
	    (action->act == share_all || page == action->page))
		flags &= ~HMMU_PROBE_WRITE;
	return flags;
}

static void check_page(const struct mix *mix, size_t page,
		       const struct action *action)
{
	const struct mirror *m = &mix->mirror;
	uint64_t pfn = HMMU_PROBE_PFN(m->entries[page]);
	bool written = page_role(page)->request == WRITE_REQUEST;

	CHECK_EQ(m->entries[page] & FLAGS_MASK, expected_flags(page, action));
	if (page_role(page)->place != ABSENT)
		CHECK_EQ(pfn == PAGEMAP_PFN(mix->before[page]), !written);
	if (page_role(page)->place != ABSENT || written)
		CHECK_EQ(content_wrong(m->contents + page * PAGE, SERIES, page, 1),
			 0);
}

/* The number of pages that have to be faulted, each once. */
static size_t needed_faults(void)
{
	size_t n = 0;

	for (size_t i = 0; i < PAGES; i++)
		n += page_role(i)->request == WRITE_REQUEST ||
		     (page_role(i)->request == READ_REQUEST &&
		      page_role(i)->place == ABSENT);
	return n;
}

static void check_mix(const struct mix *mix, const struct action *action)
{
	const struct mirror *m = &mix->mirror;

	for (size_t i = 0; i < PAGES; i++) {
		check_page(mix, i, action);
		CHECK_EQ(mix->waits[i], expected_waits(i, action));
	}
	if (!action->act)
		CHECK_COUNTED(m, HMM_UNLOCKED_FAULTS, ==,
			 needed_faults());
}

static void asked_mixed(const void *variant)
{
	const struct variant *v = variant;
	const struct action *action = v->of;
	struct mix mix;

	mix_init(&mix, v->how);
	CHECK_EQ(mix_fault(&mix, action), action->error);
	CHECK_REL(begun_again(&mix.mirror), >, 0);
	if (v->how->call == HMMU_PROBE_UNLOCKED)
		CHECK_EQ(mix.mirror.run.loops, 1);
	if (action->error) {
		CHECK_EQ(memcmp(mix.mirror.after, mix.mirror.requests, PAGES), 0);
		return;
	}
	check_mix(&mix, action);
}

/* A call that reports a dropped lock leaves the requests as they were. */
static void asked_completed(const void *variant)
{
	const struct variant *v = variant;
	struct area area = area_new(&kind_shmem, PAGES);
	struct mirror m;
	size_t drops = 0;

	mirror_init(&m, area.at, PAGES, v->how);
	mirror_ask(&m);
	for (size_t i = 0; i < PAGES; i++)
		m.requests[i] = i % 4;
	m.run.flags = HMMU_PROBE_EXACT;
	CHECK_EQ(mirror_fault(&m), 0);
	for (; !m.run.locked; drops++) {
		CHECK_EQ(memcmp(m.after, m.requests, PAGES), 0);
		CHECK_COUNTED(&m, HMM_UNLOCKED_LOCK_DROPS, ==, 1);
		CHECK_COUNTED(&m, HMM_UNLOCKED_FAILURES, ==, 0);
		CHECK_EQ(mirror_fault(&m), 0);
	}

	CHECK_EQ(drops, PAGES / 4);
	for (size_t i = 0; i < PAGES; i++)
		CHECK_EQ(!!(m.entries[i] & HMMU_PROBE_VALID), i % 2);
}

/**
 * struct combination - a combination of the three places that can hold a request
 * @default_flags: for all pages
 * @mask: what a single page's request may add
 * @asked: the resulting request for pages with HMMU_PROBE_REQ_* number 0, 1, 2, 3:
 *	   nothing (.), readable (r), writable (w)
 */
struct combination {
	uint64_t default_flags;
	uint64_t mask;
	const char *asked;
};

static const struct combination combinations[] = {
	{ 0, 0, "...." }, { 0, 1, ".r.r" }, { 0, 2, "...." }, { 0, 3, ".r.w" },
	{ 1, 0, "rrrr" }, { 1, 1, "rrrr" }, { 1, 2, "rrww" }, { 1, 3, "rrww" },
	{ 2, 0, "...." }, { 2, 1, ".w.w" }, { 2, 2, "...." }, { 2, 3, ".w.w" },
	{ 3, 0, "wwww" }, { 3, 1, "wwww" }, { 3, 2, "wwww" }, { 3, 3, "wwww" },
};

static char was_asked(uint64_t entry)
{
	switch (entry & FLAGS_MASK) {
	case 0:
		return '.';
	case HMMU_PROBE_VALID | HMMU_PROBE_ZERO:
		return 'r';
	case HMMU_PROBE_VALID | HMMU_PROBE_WRITE:
		return 'w';
	default:
		return '?';
	}
}

static void combination_check(const struct how *how, const struct combination *c)
{
	struct area area = area_new(&kind_anon, 4);
	char asked[5] = "";
	struct mirror m;

	mirror_init(&m, area.at, 4, how);
	mirror_ask(&m);
	m.run.default_flags = c->default_flags;
	m.run.pfn_flags_mask = c->mask;
	for (size_t i = 0; i < 4; i++)
		m.requests[i] = i;
	CHECK_EQ(mirror_fault(&m), 0);
	for (size_t i = 0; i < 4; i++)
		asked[i] = was_asked(m.entries[i]);
	if (strcmp(asked, c->asked))
		FAIL("defaults %d with mask %d ask \"%s\", not \"%s\"",
		     (int)c->default_flags, (int)c->mask, asked, c->asked);
}

static void asked_combined(const void *variant)
{
	const struct variant *v = variant;

	for (size_t i = 0; i < ARRAY_SIZE(combinations); i++)
		combination_check(v->how, &combinations[i]);
}

/* Reading a page that is shared after fork() does not break COW. */
static void asked_shared(const void *variant)
{
	const struct variant *v = variant;
	struct area area = area_new(v->of, PAGES_IN_HUGE);
	uint64_t before[PAGES_IN_HUGE];
	struct mirror m;

	area_fill(&area);
	fork_sharer();
	pagemap_read(area.at, area.pages, before);
	mirror_init(&m, area.at, area.pages, v->how);
	CHECK_EQ(mirror_fault(&m), 0);

	for (size_t i = 0; i < area.pages; i++)
		CHECK_EQ(HMMU_PROBE_PFN(m.entries[i]), PAGEMAP_PFN(before[i]));
	CHECK_EQ(mirror_untrue(&m), 0);
	CHECK_EQ(mirror_with(&m, HMMU_PROBE_WRITE), 0);
	CHECK_EQ(content_wrong(m.contents, SERIES, 0, area.pages), 0);
	CHECK_COUNTED(&m, HMM_UNLOCKED_FAULTS, ==, 0);
	CHECK_COUNTED(&m, HMM_UNLOCKED_ENTRIES_READ, ==, area.pages);
}

/* Only the zero pages that are asked for write are replaced. */
static void asked_zero_pages(const void *variant)
{
	const struct variant *v = variant;
	struct area area = area_new(&kind_anon, PAGES);
	struct mirror m;

	CHECK_EQ(content_not_zero(area.at, PAGES), 0);
	mirror_init(&m, area.at, PAGES, v->how);
	mirror_ask(&m);
	for (size_t i = 0; i < PAGES; i++)
		m.requests[i] = i % 4 ? READ_REQUEST : v->how->request;
	CHECK_EQ(mirror_fault(&m), 0);

	CHECK_EQ(mirror_untrue(&m), 0);
	for (size_t i = 0; i < PAGES; i++)
		CHECK_EQ(was_asked(m.entries[i]),
			 m.requests[i] == WRITE_REQUEST ? 'w' : 'r');
	CHECK_COUNTED(&m, HMM_UNLOCKED_FAULTS, ==,
		 mirror_with(&m, HMMU_PROBE_WRITE));
}

/*
 * Each COW fault invalidates. What was collected is then lost a whole chunk at a time,
 * not page by page.
 */
static void asked_cow(const void *variant)
{
	const struct variant *v = variant;
	struct area area = area_new(v->of, MANY);
	static uint64_t before[MANY];
	const size_t chunks = MANY / PAGES_IN_HUGE;
	/* A huge page is split first, then its pages are copied. */
	const size_t again = kind_order(v->of) ? 2 * chunks : chunks;
	struct mirror m;

	area_fill(&area);
	fork_sharer();
	pagemap_read(area.at, MANY, before);
	mirror_init(&m, area.at, MANY, v->how);
	CHECK_EQ(mirror_fault(&m), 0);

	CHECK_EQ(mirror_untrue(&m), 0);
	CHECK_EQ(mirror_with(&m, HMMU_PROBE_WRITE), MANY);
	CHECK_EQ(content_wrong(m.contents, SERIES, 0, MANY), 0);
	for (size_t i = 0; i < MANY; i++)
		CHECK(HMMU_PROBE_PFN(m.entries[i]) != PAGEMAP_PFN(before[i]));
	if (mirror_is_ours(&m)) {
		CHECK_REL(begun_again(&m), >, 0);
		CHECK_REL(begun_again(&m), <=, again + 1);
	}
	CHECK_COUNTED(&m, HMM_UNLOCKED_FAULTS, <=, MANY + chunks);
	if (v->how->call == HMMU_PROBE_UNLOCKED)
		CHECK_COUNTED(&m, HMM_UNLOCKED_ENTRIES_READ, <=,
			  4 * MANY);
}

void suite_asked(void)
{
	static const struct variant unlockable = { .how = &hows[3] };

	add_our_calls(asked_combined, NULL, READ_REQUEST, "asked/combined");
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		add_our_calls(asked_mixed, &actions[i], READ_REQUEST,
			      "asked/mixed/%s", actions[i].name);
	add_case(asked_completed, &unlockable, "asked/completed");
	add_each_call(asked_shared, &kind_anon, READ_REQUEST,
		      "asked/shared/anon");
	add_each_call(asked_shared, &kind_thp, READ_REQUEST, "asked/shared/thp");
	add_our_hows(asked_zero_pages, NULL, "asked/zero-pages");
	add_each_call(asked_cow, &kind_anon, WRITE_REQUEST, "asked/cow/anon");
	add_each_call(asked_cow, &kind_thp, WRITE_REQUEST, "asked/cow/thp");
}
