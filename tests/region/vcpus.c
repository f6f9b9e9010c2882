// SPDX-License-Identifier: GPL-2.0-only
/*
 * Four virtual CPUs of a guest of /dev/hmm_region, while the memory behind the guest
 * changes, disappears or comes late.
 *
 * Only virtual CPU p % VCPUS writes to page p, so it knows the page's content. It
 * writes at offset_of(p), which differs between pages.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "area.h"
#include "dmirror.h"
#include "guest.h"
#include "harness.h"
#include "suites.h"
#include "storm.h"

#define VCPUS		4
#define PAGES		256

/**
 * struct vcpu - a virtual CPU: a thread
 * @n: its number
 * @seed: its randomness
 * @thread: that is it
 * @steps: how many of its accesses have ended
 * @failed: how many of these failed
 */
struct vcpu {
	unsigned int n;
	unsigned int seed;
	pthread_t thread;
	atomic_ulong steps;
	atomic_ulong failed;
};

static struct vcpu vcpus[VCPUS];
static atomic_bool vcpus_stop;
static struct guest guest;

/* The expected word at offset_of(page) of each page. */
static uint64_t expected[2 * PAGES_IN_HUGE];

static void vcpus_begin(void *(*run)(void *))
{
	unsigned int seed = time(NULL);

	note("seed %u", seed);
	vcpus_stop = false;
	for (unsigned int i = 0; i < VCPUS; i++) {
		vcpus[i].n = i;
		vcpus[i].seed = seed + i;
		CHECK_EQ(pthread_create(&vcpus[i].thread, NULL, run, &vcpus[i]),
			 0);
	}
}

static void vcpus_join(void)
{
	for (unsigned int i = 0; i < VCPUS; i++)
		CHECK_EQ(pthread_join(vcpus[i].thread, NULL), 0);
}

static void vcpus_end(void)
{
	vcpus_stop = true;
	vcpus_join();
}

static unsigned long steps_of_all(void)
{
	unsigned long n = 0;

	for (unsigned int i = 0; i < VCPUS; i++)
		n += vcpus[i].steps;
	return n;
}

static size_t any_page(struct vcpu *vcpu)
{
	return rand_r(&vcpu->seed) % guest.area.pages;
}

static size_t own_page(struct vcpu *vcpu)
{
	return any_page(vcpu) / VCPUS * VCPUS + vcpu->n;
}

static size_t offset_of(size_t page)
{
	return page * 40 % PAGE;
}

static uint64_t *word_of(size_t page)
{
	return (uint64_t *)(guest.area.at + page * PAGE + offset_of(page));
}

static int access_word(uint32_t access, size_t page, uint64_t *word)
{
	struct hmm_region_access a = {
		.guest_pfn = GUEST + page,
		.offset = offset_of(page),
		.length = sizeof(*word),
		.access = access,
		.data = (uintptr_t)word,
	};

	return region_access(guest.fd, &a);
}

static int read_word(size_t page, uint64_t *word)
{
	return access_word(HMM_REGION_READ, page, word);
}

static int write_word(size_t page, uint64_t word)
{
	return access_word(HMM_REGION_WRITE, page, &word);
}

/* Check that @who, the guest or the process, has read the last word written. */
static void word_is(size_t page, uint64_t word, const char *who)
{
	if (word != expected[page])
		FAIL("page %zu: the %s has %#llx, to be %#llx", page, who,
		     (unsigned long long)word,
		     (unsigned long long)expected[page]);
}

static void all_words_are(void)
{
	uint64_t word;

	for (size_t i = 0; i < guest.area.pages; i++) {
		CHECK_EQ(read_word(i, &word), 0);
		word_is(i, word, "guest");
		word_is(i, *word_of(i), "process");
	}
}

/**
 * struct storm_kind - a storm: the memory, and how it is invalidated
 * @name: for the name of the case
 * @kind: of the memory
 * @invalidate: see struct storm; keeps the contents
 * @error: what a write may return beside success
 * @swap: needs swap. Where the kernel pages out, the process may see the old page for a
 *	  while, because the kernel flushes TLBs late
 */
struct storm_kind {
	const char *name;
	const struct kind *kind;
	void (*invalidate)(struct storm *storm, unsigned long round);
	int error;
	bool swap;
};

static const struct storm_kind *storm_kind;

/* Mostly parts, every eighth time all of it. */
static void part_discard(struct storm *storm, unsigned long round)
{
	struct storm part = { .at = storm->at, .pages = storm->pages };

	if (round % 8) {
		part.at += round * 37 % (storm->pages - 32) * PAGE;
		part.pages = 1 + round % 32;
	}
	storm_discard(&part, round);
}

static void part_protect(struct storm *storm, unsigned long round)
{
	size_t first = round * 53 % (storm->pages - 64);
	char *at = storm->at + first * PAGE;

	CHECK_EQ(mprotect(at, 64 * PAGE, PROT_READ), 0);
	sched_yield();
	CHECK_EQ(mprotect(at, 64 * PAGE, PROT_READ | PROT_WRITE), 0);
}

static void part_protect_and_collapse(struct storm *storm, unsigned long round)
{
	part_protect(storm, round);
	/* This may find no huge page. */
	madvise(storm->at, storm->pages * PAGE, 25 /* MADV_COLLAPSE */);
}

static void fork_child(struct storm *storm, unsigned long round)
{
	pid_t pid = child_fork();

	if (!pid)
		_exit(0);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

static void page_out(struct storm *storm, unsigned long round)
{
	madvise(storm->at + round * 31 % (storm->pages - 16) * PAGE, 16 * PAGE,
		MADV_PAGEOUT);
}

static void map_again(struct storm *storm, unsigned long round)
{
	size_t first = round * 29 % (storm->pages - 16);

	CHECK(mmap(storm->at + first * PAGE, 16 * PAGE, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_FIXED, guest.area.fd, first * PAGE) !=
	      MAP_FAILED);
}

static const struct storm_kind storm_kinds[] = {
	{ "discard", &kind_shmem, part_discard },
	{ "protect", &kind_anon, part_protect, -EPERM },
	{ "collapse", &kind_thp, part_protect_and_collapse, -EPERM },
	{ "fork", &kind_anon, fork_child },
	{ "map", &kind_shmem, map_again },
	{ "page-out", &kind_anon, page_out, .swap = true },
};

static void step_in_storm(struct vcpu *vcpu)
{
	size_t page = own_page(vcpu);
	uint64_t word = (uint64_t)vcpu->steps << 8 | vcpu->n;
	int ret;

	if (rand_r(&vcpu->seed) % 2) {
		ret = write_word(page, word);
		if (!ret)
			expected[page] = word;
	} else {
		ret = read_word(page, &word);
		if (!ret)
			word_is(page, word, "guest");
		else
			CHECK_EQ(ret, -EBUSY);
	}
	if (ret && ret != -EBUSY)
		CHECK_EQ(ret, storm_kind->error);
	vcpu->failed += !!ret;
	if (!storm_kind->swap)
		word_is(page, *word_of(page), "process");
	vcpu->steps++;
}

static void *run_in_storm(void *arg)
{
	while (!vcpus_stop)
		step_in_storm(arg);
	return NULL;
}

#define STEPS		8000
#define INTERCEPTS	400
#define ROUNDS		20

static void vcpus_storm(const void *variant)
{
	const struct storm_kind *kind = variant;
	size_t pages = kind->kind == &kind_thp ? PAGES_IN_HUGE : PAGES;
	struct area area = area_new(kind->kind, pages);
	struct storm storm = { kind->invalidate, area.at, area.pages };
	struct hmm_region_query q;

	if (kind->swap)
		swap_new(4 * pages * PAGE);
	memset(area.at, 0, pages * PAGE);
	storm_kind = kind;
	guest = guest_new(&area, 16, 7, REGION_RW);
	vcpus_begin(run_in_storm);
	storms_begin(&storm, 1);
	do {
		sched_yield();
		q = region_query(guest.fd);
	} while (steps_of_all() < STEPS || q.intercepts < INTERCEPTS ||
		 storm.rounds < ROUNDS);
	storms_end(&storm, 1);
	vcpus_end();

	note("%lu rounds, %lu steps, %llu intercepts", storm.rounds,
	     steps_of_all(), (unsigned long long)q.intercepts);
	all_words_are();
	CHECK_EQ(region_unset(guest.fd, GUEST, pages), 0);
	CHECK_EQ(region_query(guest.fd).mapped_pages, 0);
	for (size_t i = 0; i < pages; i++)
		word_is(i, *word_of(i), "process");
}

/* Each waits for the page of its number, which no server brings. */
static void *wait_for_page(void *arg)
{
	struct vcpu *vcpu = arg;
	uint64_t word;

	CHECK_EQ(read_word(vcpu->n, &word), -ENXIO);
	return NULL;
}

static struct guest missing_guest_new(int *uffd, unsigned int window)
{
	struct area area = area_new(&kind_anon, PAGES);

	*uffd = uffd_need(0, "missing faults");
	CHECK_EQ(uffd_register(*uffd, area.at, PAGES * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	return guest_new(&area, window, 0, REGION_RW);
}

/* Accesses to another region are not affected. */
static void vcpus_unset_ends_waits(const void *unused)
{
	struct area other = area_new(&kind_anon, 1);
	struct uffd_msg msg;
	int uffd;

	guest = missing_guest_new(&uffd, 1);
	CHECK_EQ(region_set(guest.fd, GUEST + PAGES, 1, other.at, REGION_RO), 0);
	vcpus_begin(wait_for_page);
	for (unsigned int i = 0; i < VCPUS; i++)
		CHECK(uffd_next(uffd, &msg, 10000));
	CHECK_EQ(region_unset(guest.fd, GUEST, PAGES), 0);
	vcpus_join();
	CHECK_EQ(mirror_total("in_flight"), 0);
	CHECK_EQ(guest_access(guest.fd, HMM_REGION_READ, GUEST + PAGES, &msg, 1),
		 0);
	CHECK_EQ(region_set(guest.fd, GUEST, PAGES, guest.area.at, REGION_RW),
		 0);
}

/* What an access returns while the memory is unavailable. */
static int while_gone;

static void *write_while_there(void *arg)
{
	struct vcpu *vcpu = arg;
	int ret;

	while (!vcpus_stop) {
		ret = write_word(any_page(vcpu), rand_r(&vcpu->seed));
		if (ret)
			CHECK_EQ(ret, while_gone);
		vcpu->failed += !!ret;
		vcpu->steps++;
	}
	return NULL;
}

/* Wait until each virtual CPU has made @n more steps, beside those that were running. */
static void wait_for_steps(unsigned long n, bool that_fail)
{
	unsigned long before;

	for (unsigned int i = 0; i < VCPUS; i++) {
		before = that_fail ? vcpus[i].failed : vcpus[i].steps;
		while ((that_fail ? vcpus[i].failed : vcpus[i].steps) <
		       before + n)
			sched_yield();
	}
}

#define UNSETS	30

/* Once a region is unset the guest no longer writes to its memory, not one byte. */
static void vcpus_unset_in_access(const void *variant)
{
	uint32_t flags = REGION_RW | (variant ? HMM_REGION_SET_PREMAP : 0);
	struct area area = area_new(&kind_anon, PAGES);

	guest = guest_new(&area, 8, 3, flags);
	while_gone = -ENXIO;
	vcpus_begin(write_while_there);
	for (unsigned int i = 0; i < UNSETS; i++) {
		wait_for_steps(1 + i % 16, false);
		CHECK_EQ(region_unset(guest.fd, GUEST, PAGES), 0);
		CHECK_EQ(region_query(guest.fd).mapped_pages, 0);
		content_fill(area.at, i, 0, PAGES);
		wait_for_steps(2, true);
		CHECK_EQ(content_wrong(area.at, i, 0, PAGES), 0);
		CHECK_EQ(region_set(guest.fd, GUEST, PAGES, area.at, flags), 0);
	}
	vcpus_end();
}

#define MOVES		40
#define MOVED		(16 * PAGE)

static void memory_move(char *from, char *to)
{
	CHECK(mremap(from, MOVED, MOVED, MREMAP_MAYMOVE | MREMAP_FIXED, to) ==
	      to);
}

/* Once the process has moved its memory away, the guest no longer writes to it. */
static void vcpus_moved_in_access(const void *variant)
{
	struct area area = area_new(variant, MOVED / PAGE);
	char *aside = area_reserve(MOVED);
	static char copy[MOVED];

	memset(area.at, 0, MOVED);
	guest = guest_new(&area, 4, 0, REGION_RW);
	while_gone = -EFAULT;
	vcpus_begin(write_while_there);
	for (unsigned int i = 0; i < MOVES; i++) {
		wait_for_steps(1 + i % 16, false);
		memory_move(area.at, aside);
		memcpy(copy, aside, MOVED);
		wait_for_steps(2, true);
		CHECK(!memcmp(copy, aside, MOVED));
		memory_move(aside, area.at);
	}
	vcpus_end();
}

/*
 * Post-copy: pages arrive late and in any order, some of them twice. Each virtual CPU
 * visits all pages in an order of its own.
 */
static unsigned int copies[PAGES];

/* What is copied to the guest. */
static char series[PAGES * PAGE] __attribute__((aligned(PAGE)));

/* Compare a page, except the word that a virtual CPU writes. */
static void page_check(const char *page, size_t number)
{
	const char *source = series + number * PAGE;
	size_t at = offset_of(number);

	CHECK(!memcmp(page, source, at));
	CHECK(!memcmp(page + at + 8, source + at + 8, PAGE - at - 8));
}

static void postcopy_step(struct vcpu *vcpu, size_t page)
{
	char bytes[PAGE];

	if (page % VCPUS == vcpu->n)
		CHECK_EQ(write_word(page, ~page), 0);
	CHECK_EQ(guest_read(&guest, page, bytes, 1), 0);
	page_check(bytes, page);
	if (page % VCPUS == vcpu->n)
		CHECK_EQ(*(uint64_t *)(bytes + offset_of(page)), ~page);
	vcpu->steps++;
}

static void *run_postcopy(void *arg)
{
	struct vcpu *vcpu = arg;
	size_t first = any_page(vcpu);

	/* PAGES is a power of two, so an odd stride visits all pages. */
	for (size_t i = 0; i < PAGES; i++)
		postcopy_step(vcpu, (first + i * (2 * vcpu->n + 77)) % PAGES);
	return NULL;
}

static void copy_page(int uffd, size_t page)
{
	char *to = guest.area.at + page * PAGE;
	int ret = uffd_copy(uffd, to, series + page * PAGE, PAGE);

	CHECK_EQ(ret, copies[page] ? -EEXIST : 0);
	if (ret)
		uffd_wake(uffd, to, PAGE);
	copies[page]++;
}

/* Copy one page whose fault waits, from any place in the queue. */
static bool copy_wanted(int uffd, unsigned int *seed)
{
	static size_t wanted[VCPUS * PAGES * 4], n;
	struct uffd_msg msg;
	size_t i, page;

	while (n < ARRAY_SIZE(wanted) && uffd_next(uffd, &msg, 0))
		wanted[n++] = (msg.arg.pagefault.address -
			       (uintptr_t)guest.area.at) / PAGE;
	if (!n)
		return false;
	i = rand_r(seed) % n;
	page = wanted[i];
	wanted[i] = wanted[--n];
	copy_page(uffd, page);
	return true;
}

/*
 * Copy until all pages have been accessed. A page whose fault does not wait is copied
 * at each step of the virtual CPUs.
 */
static void copy_all(int uffd)
{
	unsigned long steps = 0;
	unsigned int seed = time(NULL);

	while (steps_of_all() < VCPUS * PAGES) {
		if (rand_r(&seed) % 2 && copy_wanted(uffd, &seed))
			continue;
		if (steps_of_all() == steps && rand_r(&seed) % 16) {
			sched_yield();
			continue;
		}
		steps = steps_of_all();
		copy_page(uffd, rand_r(&seed) % PAGES);
	}
}

static void vcpus_post_copy(const void *variant)
{
	unsigned int twice = 0;
	int uffd;

	content_fill(series, SERIES, 0, PAGES);
	guest = missing_guest_new(&uffd, (uintptr_t)variant);
	vcpus_begin(run_postcopy);
	copy_all(uffd);
	vcpus_join();
	for (size_t i = 0; i < PAGES; i++) {
		page_check(guest.area.at + i * PAGE, i);
		CHECK_EQ(*word_of(i), ~i);
		twice += copies[i] > 1;
	}
	CHECK_REL(twice, >, 0);
	CHECK_EQ(region_query(guest.fd).mapped_pages, PAGES);
}

/*
 * A live snapshot. The virtual CPUs pause when it begins, so that its content is known,
 * and write while it is taken.
 */
static pthread_rwlock_t still;

static void *run_in_snapshot(void *arg)
{
	struct vcpu *vcpu = arg;
	size_t page;

	while (!vcpus_stop) {
		page = own_page(vcpu);
		pthread_rwlock_rdlock(&still);
		expected[page] = vcpu->steps << 8 | vcpu->n;
		CHECK_EQ(write_word(page, expected[page]), 0);
		pthread_rwlock_unlock(&still);
		vcpu->steps++;
	}
	return NULL;
}

/**
 * struct snapshot - the saved content of the guest's memory
 * @uffd: the userfaultfd by which the memory is write-protected
 * @saved: the contents
 * @is: whether a page is in @saved
 * @left: how many pages are not
 * @pressed: how many were saved because a write waited
 */
struct snapshot {
	int uffd;
	char *saved;
	bool is[PAGES_IN_HUGE];
	size_t left, pressed;
};

static void save_page(struct snapshot *s, size_t page)
{
	char *at = guest.area.at + page * PAGE;

	if (!s->is[page]) {
		memcpy(s->saved + page * PAGE, at, PAGE);
		s->is[page] = true;
		s->left--;
	}
	CHECK_EQ(uffd_write_protect(s->uffd, at, PAGE, false), 0);
}

/* Returns whether a write waited. */
static bool save_pressing(struct snapshot *s)
{
	struct uffd_msg msg;

	if (!uffd_next(s->uffd, &msg, 0))
		return false;
	CHECK(msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP);
	s->pressed++;
	save_page(s, (msg.arg.pagefault.address -
		      (uintptr_t)guest.area.at) / PAGE);
	return true;
}

/* In the order of addresses, one page for each step of the virtual CPUs. */
static void save_all(struct snapshot *s)
{
	unsigned long steps = steps_of_all();
	size_t next = 0;

	while (s->left) {
		if (save_pressing(s))
			continue;
		if (steps_of_all() == steps) {
			sched_yield();
			continue;
		}
		steps = steps_of_all();
		while (next < guest.area.pages && s->is[next])
			next++;
		if (next < guest.area.pages)
			save_page(s, next);
	}
}

#define SNAPSHOTS	5

static void take_snapshot(struct snapshot *s, char *reference)
{
	size_t length = guest.area.pages * PAGE;

	memset(s->is, 0, sizeof(s->is));
	s->left = guest.area.pages;
	pthread_rwlock_wrlock(&still);
	memcpy(reference, guest.area.at, length);
	CHECK_EQ(uffd_write_protect(s->uffd, guest.area.at, length, true), 0);
	pthread_rwlock_unlock(&still);
	save_all(s);
	CHECK(!memcmp(s->saved, reference, length));
	CHECK(memcmp(guest.area.at, reference, length));
}

struct snapshot_kind {
	const struct kind *kind;
	uint64_t feature;
	size_t pages;
};

static const struct snapshot_kind snapshot_kinds[] = {
	{ &kind_anon, UFFD_FEATURE_PAGEFAULT_FLAG_WP, PAGES },
	{ &kind_thp, UFFD_FEATURE_PAGEFAULT_FLAG_WP, PAGES_IN_HUGE },
	{ &kind_shmem, UFFD_FEATURE_WP_HUGETLBFS_SHMEM, PAGES },
};

static void vcpus_live_snapshot(const void *variant)
{
	const struct snapshot_kind *kind = variant;
	struct snapshot s = { .uffd = uffd_need(kind->feature, "this mode") };
	struct area area = area_new(kind->kind, kind->pages);
	size_t length = area.pages * PAGE;
	char *reference = malloc(length);
	pthread_rwlockattr_t attr;

	s.saved = malloc(length);
	CHECK(s.saved && reference);
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&still, &attr);
	CHECK_EQ(uffd_register(s.uffd, area.at, length,
			       UFFDIO_REGISTER_MODE_WP), 0);
	area_fill(&area);
	for (size_t i = 0; i < area.pages; i++)
		memcpy(&expected[i], area.at + i * PAGE + offset_of(i), 8);
	guest = guest_new(&area, 8, 0, REGION_RW);
	vcpus_begin(run_in_snapshot);
	for (unsigned int i = 0; i < SNAPSHOTS; i++) {
		wait_for_steps(50, false);
		take_snapshot(&s, reference);
	}
	note("%zu of %zu pages saved for a write that waited", s.pressed,
	     SNAPSHOTS * area.pages);
	CHECK_REL(s.pressed, >, 0);
	vcpus_end();
	all_words_are();
}

void suite_region_vcpus(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(storm_kinds); i++)
		add_case(vcpus_storm, &storm_kinds[i], "region/storm/%s",
			 storm_kinds[i].name);
	add_case(vcpus_unset_ends_waits, NULL, "region/unset-ends-waits");
	add_case(vcpus_unset_in_access, (void *)0, "region/unset-in-access/demand");
	add_case(vcpus_unset_in_access, (void *)1, "region/unset-in-access/premap");
	add_case(vcpus_moved_in_access, &kind_anon, "region/moved-in-access/anon");
	add_case(vcpus_moved_in_access, &kind_shmem, "region/moved-in-access/shmem");
	add_case(vcpus_post_copy, (void *)1, "region/post-copy/window-1");
	add_case(vcpus_post_copy, (void *)16, "region/post-copy/window-16");
	add_case(vcpus_post_copy, (void *)PAGES, "region/post-copy/window-all");
	for (size_t i = 0; i < ARRAY_SIZE(snapshot_kinds); i++)
		add_case(vcpus_live_snapshot, &snapshot_kinds[i],
			 "region/live-snapshot/%s", snapshot_kinds[i].kind->name);
}
