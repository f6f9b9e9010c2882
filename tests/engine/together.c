// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several faults in flight: how many, of which call, for which pages, and how they end.
 *
 * That faults are in flight at the same time is proved by the page server (see
 * crowd.h): it answers none of them until the expected number waits.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "area.h"
#include "crowd.h"
#include "dmirror.h"
#include "harness.h"
#include "knob.h"
#include "suites.h"
#include "module.h"

#define PAGES		1024
#define FEW		64
#define IN_FLIGHT	32	/* what the module allows for one call */

/* Use as many as are allowed, whether or not that is faster. */
static void no_adaption(void)
{
	knob_lend(ENGINE_KNOB("faults_adapt"), "N");
}

/* Memory that only a crowd brings. */
struct scene {
	struct area area;
	struct mirror mirror;
	struct crowd crowd;
};

static struct scene scene_new(const struct kind *kind, size_t pages,
			      const struct how *how)
{
	struct scene s = { .area = area_new(kind, pages) };

	s.crowd = crowd_new(&s.area);
	mirror_init(&s.mirror, s.area.at, pages, how);
	return s;
}

static void check_all_there(const struct scene *s)
{
	const struct mirror *m = &s->mirror;

	CHECK_EQ(mirror_untrue(m), 0);
	CHECK_EQ(content_wrong(m->contents, SERIES, 0, m->pages), 0);
	CHECK_EQ(mirror_counted(m, HMM_UNLOCKED_RESTARTS), 0);
}

/* Each page is faulted once, and at most the allowed number of faults wait. */
static void in_flight(const struct how *how, size_t most)
{
	const size_t pages = most > 1 ? PAGES : FEW;
	struct scene s = scene_new(&kind_anon, pages, how);

	no_adaption();
	mirror_begin(&s.mirror);
	crowd_gather(&s.crowd, most + 1);
	CHECK_EQ(mirror_end(&s.mirror), 0);

	check_all_there(&s);
	CHECK_EQ(s.crowd.most, most);
	CHECK_EQ(s.crowd.answered, pages);
	CHECK_EQ(mirror_counted(&s.mirror, HMM_UNLOCKED_FAULTS), pages);
	CHECK_EQ(mirror_counted(&s.mirror, HMM_UNLOCKED_LOCK_DROPS), pages);
	CHECK_EQ(mirror_counted(&s.mirror, HMM_UNLOCKED_MOST_IN_FLIGHT),
		 most > 1 ? most : 0);
	CHECK_REL(mirror_counted(&s.mirror, HMM_UNLOCKED_ENTRIES_READ), <=,
		  3 * pages + mirror_counted(&s.mirror, HMM_UNLOCKED_THREADS));
}

static void together_in_flight(const void *variant)
{
	const struct variant *v = variant;

	in_flight(v->how, IN_FLIGHT);
}

static void together_limit(const void *variant)
{
	const struct variant *v = variant;

	knob_lend(ENGINE_KNOB("faults_in_flight"), "5");
	in_flight(v->how, 5);
}

static void together_one(const void *variant)
{
	const struct variant *v = variant;

	one_fault_at_a_time();
	in_flight(v->how, 1);
}

static void together_no_threads(const void *variant)
{
	const struct variant *v = variant;

	knob_lend(ENGINE_KNOB("fault_threads"), "0");
	in_flight(v->how, 1);
}

/*
 * A server whose only cost is waiting is asked for more pages at a time: on a quiet
 * machine from the second answer on, on a busy one sooner or later.
 */
static void together_adapts(const void *variant)
{
	const struct variant *v = variant;
	struct scene s = scene_new(&kind_anon, PAGES, v->how);

	mirror_begin(&s.mirror);
	crowd_gather(&s.crowd, CROWD_MAX);
	CHECK_EQ(mirror_end(&s.mirror), 0);
	check_all_there(&s);
	CHECK_REL(s.crowd.most, >=, 4);
}

static const struct kind *const quick[] = {
	&kind_anon, &kind_thp, &kind_shmem, &kind_hugetlb, &kind_file,
};

/* Where no fault waits, no fault is handed to a thread. */
static void together_no_wait(const void *variant)
{
	const struct variant *v = variant;
	const struct kind *kind = v->of;
	struct area area = area_new(kind, PAGES);
	uint64_t threads = counter_total(HMM_UNLOCKED_THREADS);
	struct mirror m;

	if (kind == &kind_file)
		area_fill_file(&area);
	mirror_init(&m, area.at, PAGES, v->how);
	CHECK_EQ(mirror_fault(&m), 0);
	CHECK_EQ(mirror_fault(&m), 0);
	CHECK_EQ(mirror_counted(&m, HMM_UNLOCKED_THREADS), 0);
	CHECK_EQ(counter_total(HMM_UNLOCKED_THREADS), threads);
}

/* Threads fault exactly the pages that were asked for. */
static void together_only_asked(const void *variant)
{
	const struct variant *v = variant;
	struct scene s = scene_new(&kind_anon, PAGES, v->how);

	no_adaption();
	mirror_ask(&s.mirror);
	s.crowd.wanted = 0;
	for (size_t i = 0; i < PAGES; i++) {
		s.mirror.requests[i] = i % 3 ? 0 : v->how->request;
		s.crowd.wanted += !(i % 3);
	}
	mirror_begin(&s.mirror);
	crowd_gather(&s.crowd, CROWD_MAX);
	CHECK_EQ(mirror_end(&s.mirror), 0);

	CHECK_EQ(s.crowd.most, IN_FLIGHT);
	CHECK_EQ(mirror_counted(&s.mirror, HMM_UNLOCKED_FAULTS), s.crowd.wanted);
	CHECK_EQ(mirror_with(&s.mirror, HMMU_PROBE_VALID), s.crowd.wanted);
	for (size_t i = 0; i < PAGES; i += 3)
		CHECK_EQ(content_wrong(s.mirror.contents + i * PAGE, SERIES, i, 1),
			 0);
}

/* Wait until faults are in flight; the case then changes the memory. */
static void scene_waits(struct scene *s, const struct how *how)
{
	no_adaption();
	*s = scene_new(&kind_anon, PAGES, how);
	mirror_begin(&s->mirror);
	crowd_gather(&s->crowd, IN_FLIGHT);
	CHECK_EQ(s->crowd.nr, IN_FLIGHT);
}

/* Pages that threads have collected are void once they are discarded. */
static void together_discarded(const void *variant)
{
	const struct variant *v = variant;
	struct scene s;

	scene_waits(&s, v->how);
	CHECK_EQ(madvise(s.area.at, PAGE, MADV_DONTNEED), 0);
	s.crowd.wanted++;
	crowd_gather(&s.crowd, CROWD_MAX);
	CHECK_EQ(mirror_end(&s.mirror), 0);
	CHECK_EQ(mirror_untrue(&s.mirror), 0);
	CHECK_EQ(content_wrong(s.mirror.contents, SERIES, 0, PAGES), 0);
	CHECK_REL(mirror_counted(&s.mirror, HMM_UNLOCKED_RESTARTS) +
		  s.mirror.run.loops, >, 1);
}

/* Half of the memory whose faults wait is unmapped, and its requests with it. */
static void together_unmapped(const void *variant)
{
	const struct variant *v = variant;
	struct scene s;
	size_t middle;

	scene_waits(&s, v->how);
	middle = s.crowd.waiting[IN_FLIGHT / 2];
	CHECK_EQ(munmap(s.area.at + middle * PAGE, (PAGES - middle) * PAGE), 0);
	close(s.crowd.uffd);
	CHECK_EQ(mirror_end(&s.mirror), -EFAULT);
}

/*
 * One of the waiting pages gets poisoned; the call fails when all faults have returned.
 */
static void together_poisoned(const void *variant)
{
	const struct variant *v = variant;
	struct scene s;

	close(uffd_need(UFFD_FEATURE_POISON, "poison"));
	scene_waits(&s, v->how);
	CHECK_EQ(uffd_poison(s.crowd.uffd,
			     s.area.at + s.crowd.waiting[--s.crowd.nr] * PAGE,
			     PAGE), 0);
	crowd_answer(&s.crowd);
	s.crowd.wanted = s.crowd.answered;
	close(s.crowd.uffd);
	CHECK_EQ(mirror_end(&s.mirror), -EFAULT);
}

/* A process with faults in flight that are answered on command only. */
struct other {
	pid_t pid;
	int tell, hear;
};

static void other_run(struct other *o, size_t in_flight)
{
	const struct how how = { .call = HMMU_PROBE_UNLOCKED,
				 .request = READ_REQUEST };
	struct scene s = scene_new(&kind_anon, (2 * FEW), &how);
	char token;

	mirror_begin(&s.mirror);
	crowd_gather(&s.crowd, in_flight);
	CHECK_EQ(write(o->tell, "", 1), 1);
	CHECK_EQ(read(o->hear, &token, 1), 1);
	crowd_gather(&s.crowd, CROWD_MAX);
	CHECK_EQ(mirror_end(&s.mirror), 0);
	check_all_there(&s);
	exit(s.crowd.most);
}

static struct other other_new(size_t in_flight)
{
	int tell[2], hear[2];
	struct other o;
	char token;

	CHECK_EQ(pipe(tell), 0);
	CHECK_EQ(pipe(hear), 0);
	o = (struct other) { .tell = tell[1], .hear = hear[0], .pid = child_fork() };
	if (!o.pid)
		other_run(&o, in_flight);
	close(tell[1]);
	o.tell = hear[1];
	CHECK_EQ(read(tell[0], &token, 1), 1);
	return o;
}

/* Returns how many faults it had in flight at a time. */
static int other_ends(const struct other *o)
{
	int status;

	CHECK_EQ(write(o->tell, "", 1), 1);
	CHECK_EQ(waitpid(o->pid, &status, 0), o->pid);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/*
 * The first process, whose faults are not answered, has half of the threads. The second
 * gets half of the rest, and so on, until only one fault at a time is left.
 */
static void together_shares(const void *unused)
{
	static const size_t share[] = { 32, 16, 8, 4, 2, 1, 1 };
	struct other others[ARRAY_SIZE(share)];

	no_adaption();
	for (size_t i = 0; i < ARRAY_SIZE(share); i++)
		others[i] = other_new(share[i]);
	for (size_t i = ARRAY_SIZE(share); i--;)
		CHECK_REL(other_ends(&others[i]), >=, share[i]);
}

static void together_killed(const void *unused)
{
	struct other o;

	no_adaption();
	o = other_new(IN_FLIGHT);
	CHECK_EQ(kill(o.pid, SIGKILL), 0);
	CHECK_EQ(waitpid(o.pid, NULL, 0), o.pid);
	CHECK_EQ(module_references(PROBE_MODULE), 0);
	modules_unload();
	modules_load();
}

/*
 * By the mirror kit: a mirror has its own limit, and can cancel what its threads wait
 * for.
 */
struct populate {
	struct area area;
	struct crowd crowd;
	int fd;
	pthread_t thread;
};

static void *populate_run(void *arg)
{
	struct populate *p = arg;

	return (void *)(intptr_t)dmirror_populate(p->fd, p->area.at, PAGES, 0);
}

static void populate_begin(struct populate *p)
{
	no_adaption();
	*p = (struct populate) {
		.area = area_new(&kind_anon, PAGES),
		.fd = dmirror_open(0),
	};
	p->crowd = crowd_new(&p->area);
	CHECK_EQ(pthread_create(&p->thread, NULL, populate_run, p), 0);
}

static int populate_end(const struct populate *p)
{
	void *ret;

	CHECK_EQ(pthread_join(p->thread, &ret), 0);
	return (intptr_t)ret;
}

static void together_mirror_limit(const void *unused)
{
	struct populate p;
	size_t wrong;

	knob_lend("/sys/module/hmm_dmirror/parameters/faults_in_flight", "6");
	populate_begin(&p);
	crowd_gather(&p.crowd, CROWD_MAX);
	CHECK_EQ(populate_end(&p), 0);
	CHECK_EQ(p.crowd.most, 6);
	CHECK_EQ(dmirror_mapped(p.fd, p.area.at, PAGES, &wrong), PAGES);
	CHECK_EQ(wrong, 0);
}

static void together_mirror_populated(const void *unused)
{
	struct populate p;

	populate_begin(&p);
	crowd_gather(&p.crowd, CROWD_MAX);
	CHECK_EQ(populate_end(&p), 0);
	CHECK_EQ(p.crowd.most, IN_FLIGHT);
	CHECK_EQ(p.crowd.answered, PAGES);
}

static void together_mirror_cancelled(const void *unused)
{
	struct populate p;

	populate_begin(&p);
	crowd_gather(&p.crowd, IN_FLIGHT);
	CHECK_EQ(p.crowd.nr, IN_FLIGHT);
	CHECK_EQ(mirror_total("faults_outstanding"), IN_FLIGHT);
	CHECK_EQ(dmirror_cancel(p.fd), 0);
	CHECK_EQ(mirror_total("in_flight"), 0);
	CHECK_EQ(mirror_total("faults_outstanding"), 0);
	CHECK_EQ(populate_end(&p), -ECANCELED);
}

static void together_mirror_prefetch_cancelled(const void *unused)
{
	struct area area = area_new(&kind_anon, PAGES);
	struct crowd crowd = crowd_new(&area);
	int fd = dmirror_open(0);
	size_t ended, failed;

	no_adaption();
	CHECK_EQ(dmirror_prefetch(fd, area.at, PAGES, 0), 0);
	crowd_gather(&crowd, IN_FLIGHT);
	CHECK_EQ(crowd.nr, IN_FLIGHT);
	CHECK_EQ(dmirror_cancel(fd), 0);
	CHECK_EQ(dmirror_wait(fd, &ended, &failed), 0);
	CHECK_EQ(ended, 1);
	CHECK_EQ(failed, 1);
}

/* A fault that ends late must not end the next call: both use the same threads. */
static void together_mirror_cancelled_again(const void *unused)
{
	for (unsigned int i = 0; i < 5; i++) {
		together_mirror_cancelled(NULL);
		together_mirror_populated(NULL);
	}
}

void suite_together(void)
{
	add_our_hows(together_in_flight, NULL, "together/in-flight");
	add_our_hows(together_limit, NULL, "together/limit");
	add_our_hows(together_one, NULL, "together/one");
	add_our_hows(together_no_threads, NULL, "together/no-threads");
	for (size_t i = 0; i < ARRAY_SIZE(quick); i++)
		add_our_hows(together_no_wait, quick[i], "together/no-wait/%s",
			     quick[i]->name);
	add_our_hows(together_adapts, NULL, "together/adapts");
	add_our_hows(together_only_asked, NULL, "together/only-asked");
	add_our_hows(together_discarded, NULL, "together/discarded");
	add_our_hows(together_unmapped, NULL, "together/unmapped");
	add_our_hows(together_poisoned, NULL, "together/poisoned");
	add_case(together_shares, NULL, "together/shares");
	add_case(together_killed, NULL, "together/killed");
	add_case(together_mirror_limit, NULL, "together/mirror/limit");
	add_case(together_mirror_populated, NULL, "together/mirror/populated");
	add_case(together_mirror_cancelled, NULL, "together/mirror/cancelled");
	add_case(together_mirror_cancelled_again, NULL, "together/mirror/cancelled-again");
	add_case(together_mirror_prefetch_cancelled, NULL, "together/mirror/prefetch-cancelled");
}
