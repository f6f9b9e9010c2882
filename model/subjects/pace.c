// SPDX-License-Identifier: GPL-2.0-only
/*
 * kernel/fault/pace.c, alone: how many faults it has in flight behind made-up servers.
 *
 * Principle: a table of pages is faulted as crew.c does, one page first and then in
 * rounds, and the server says how long a round takes. No time passes and nothing is
 * chosen, so each run is the same, and what it took can be held against what the best
 * number takes from the beginning.
 */
#include "explorer/schedule.h"
#include "kernel/learned.h"
#include "subjects/subjects.h"

#define TABLE		512U
#define TABLES		8U
#define LIMIT		32U
#define LIMIT_MOST	200U
#define US		1000ULL
#define MS		(1000 * US)
#define STALL		(40 * MS)

/* How long so many pages take, so many of them at a time. */
typedef u64 server_fn(unsigned int width, unsigned int pages);

/**
 * struct drive - pages that are faulted one table after the other
 * @what: in the story
 * @server: who brings them
 * @limit: of faults in flight
 * @noise: where randomness begins, 0 for none
 * @stall: how many rounds until one takes STALL longer, 0 for none
 * @pace: what was learned
 * @took: time for all pages so far
 * @pages: of the table that was faulted last, by how many were in flight
 */
struct drive {
	const char *what;
	server_fn *server;
	unsigned int limit;
	u64 noise;
	unsigned int stall;
	struct hmmu_pace pace;
	u64 took;
	unsigned int pages[LIMIT_MOST + 1];
};

static u64 latency(unsigned int width, unsigned int pages)
{
	return DIV_ROUND_UP(pages, width) * MS;
}

/* More at a time is only more to do. */
static u64 one_by_one(u64 page, unsigned int width, unsigned int pages)
{
	return pages * (width > 1 ? page + page / 5 : page);
}

static u64 at_once(unsigned int width, unsigned int pages)
{
	return one_by_one(10 * US, width, pages);
}

/* As under emulation: it answers at once, and to wake threads takes half a millisecond. */
static u64 dear(unsigned int width, unsigned int pages)
{
	return pages * 40 * US + (width > 1 ? 600 * US : 0);
}

static u64 serial(unsigned int width, unsigned int pages)
{
	return one_by_one(1 * MS, width, pages);
}

static u64 saturates(unsigned int width, unsigned int pages)
{
	u64 us = width < 4 ? 1000 : 300;

	return pages * us * US;
}

static u64 crowded(unsigned int width, unsigned int pages)
{
	u64 us = width < 4 ? 1000 : width < 16 ? 250 : width < 32 ? 70 : 140;

	return pages * us * US;
}

static u64 narrow(unsigned int width, unsigned int pages)
{
	u64 us = width < 4 ? 1000 : width == 4 ? 250 : 500;

	return pages * us * US;
}

/* Half to three times as long. */
static u64 noisy(u64 *noise, u64 ns)
{
	if (!*noise)
		return ns;
	*noise = *noise * 6364136223846793005ULL + 1442695040888963407ULL;
	return ns / 2 + ns * (*noise >> 32) * 5 / 2 / UINT_MAX;
}

static u64 wait_for(struct drive *drive, unsigned int width, unsigned int pages)
{
	u64 ns = noisy(&drive->noise, drive->server(width, pages));

	if (drive->stall && !--drive->stall)
		ns += STALL;
	drive->took += ns;
	drive->pages[width] += pages;
	return ns;
}

/* That of crew.c. Returns whether there is to be another. */
static bool one_round(struct drive *drive, unsigned int asked, unsigned int *left)
{
	unsigned int width = min(asked, *left);
	unsigned int pages = min(hmmu_pace_pages(&drive->pace, asked), *left);
	u64 ns;

	if (asked > drive->limit)
		violated("%s: %u in flight, %u are allowed", drive->what, asked,
			 drive->limit);
	if (width < 2)
		return false;
	ns = wait_for(drive, width, pages);
	*left -= pages;
	if (width == asked)
		hmmu_pace_note(&drive->pace, width, pages, ns);
	return *left > 0;
}

/* As hmmu_call_crew_run(), each time that a page has had to be waited for. */
static void fault_together(struct drive *drive, unsigned int *left)
{
	unsigned int width;

	if (*left < 2)
		return;
	width = hmmu_pace_next(&drive->pace, drive->limit);
	while (width > 1 && one_round(drive, width, left))
		width = hmmu_pace_next(&drive->pace, drive->limit);
}

static unsigned int most_used(const struct drive *drive)
{
	unsigned int most = 1;

	for (unsigned int width = 1; width <= LIMIT_MOST; width++)
		if (drive->pages[width] > drive->pages[most])
			most = width;
	return most;
}

/* Returns how many were in flight for most of the pages. */
static unsigned int fault_table(struct drive *drive, unsigned int left)
{
	u64 begun = drive->took;

	memset(drive->pages, 0, sizeof(drive->pages));
	while (left) {
		hmmu_pace_note(&drive->pace, 1, 1, wait_for(drive, 1, 1));
		left--;
		fault_together(drive, &left);
	}
	tell("pace", "%s: mostly %u in flight, %llu us", drive->what,
	     most_used(drive), (drive->took - begun) / US);
	return most_used(drive);
}

static void fault_tables(struct drive *drive, unsigned int tables)
{
	while (tables--)
		fault_table(drive, TABLE);
}

/* For most of the pages of each table. */
static void must_stay_at(struct drive *drive, unsigned int width,
			 unsigned int tables)
{
	while (tables--) {
		unsigned int now = fault_table(drive, TABLE);

		if (now != width)
			violated("%s: mostly %u in flight, best are %u",
				 drive->what, now, width);
	}
}

/* In percent of what they would have taken with @width in flight all the time. */
static void must_have_taken(const struct drive *drive, unsigned int percent,
			    unsigned int width, unsigned int pages)
{
	u64 all = drive->server(width, pages);

	if (drive->took * 100 > all * percent)
		violated("%s: %u pages took %llu us, more than %u%% of the %llu us with %u in flight",
			 drive->what, pages, drive->took / US, percent, all / US, width);
}

static void check_latency(void)
{
	struct drive drive = { "1 ms away", latency, LIMIT };

	must_stay_at(&drive, LIMIT, TABLES);
	must_have_taken(&drive, 5, 1, TABLES * TABLE);
}

/* To try is to cost next to nothing where it is of no use. */
static void check_no_use(server_fn *server, const char *what)
{
	struct drive all = { what, server, LIMIT };
	struct drive few = { what, server, LIMIT };

	must_stay_at(&all, 1, TABLES);
	must_have_taken(&all, 102, 1, TABLES * TABLE);
	fault_table(&few, 64);
	must_have_taken(&few, 105, 1, 64);
}

/* A call that has a pace of its own. */
static void fault_anew(struct drive *drive, unsigned int pages)
{
	drive->pace = (struct hmmu_pace){};
	drive->took = 0;
	fault_table(drive, pages);
}

/* Short calls are over before they know; others have found out. */
static void check_dear(void)
{
	struct drive drive = { "threads are dear to wake", dear, LIMIT };

	for (unsigned int i = 0; i < 32; i++)
		fault_anew(&drive, TABLE);
	for (unsigned int pages = 64; pages <= 8 * TABLE; pages += 32) {
		fault_anew(&drive, pages);
		must_have_taken(&drive, 105, 1, pages);
	}
}

static void check_saturates(void)
{
	struct drive drive = { "saturates at 4", saturates, LIMIT };

	must_stay_at(&drive, 4, 8 * TABLES);
	must_have_taken(&drive, 102, 4, 8 * TABLES * TABLE);
}

static void check_crowded(void)
{
	struct drive drive = { "slower above 16", crowded, LIMIT };
	struct drive lucky = { "slower above 16, not so at first", latency, LIMIT };

	must_stay_at(&drive, 16, TABLES);
	must_have_taken(&drive, 110, 16, TABLES * TABLE);

	fault_tables(&lucky, 1);
	lucky.server = crowded;
	fault_tables(&lucky, 4);
	must_stay_at(&lucky, 16, TABLES);
}

static void check_narrow(unsigned int limit)
{
	struct drive drive = { "best at 4, not so at first", latency, limit };

	fault_tables(&drive, 1);
	drive.server = narrow;
	fault_tables(&drive, 32);
	must_stay_at(&drive, 4, TABLES);
}

/* It follows, whatever was tried in vain by then. */
static void check_changes(unsigned int tables)
{
	struct drive drive = { "changes", latency, LIMIT };

	for (unsigned int i = 0; i < 3; i++) {
		drive.server = latency;
		fault_tables(&drive, 4);
		must_stay_at(&drive, LIMIT, tables);
		drive.server = at_once;
		fault_tables(&drive, 24);
		must_stay_at(&drive, 1, tables);
	}
}

/* Of the time, two fifths may go by before anything is tried. */
static void check_limit(unsigned int limit)
{
	struct drive drive = { "a limit", latency, limit };

	must_stay_at(&drive, limit, TABLES);
	must_have_taken(&drive, 210, limit, TABLES * TABLE);
}

/* A mirror forgets what it has learned then, the module's parameter does not. */
static void check_limit_changes(bool forgets)
{
	static const unsigned int limits[] = { LIMIT, 5, LIMIT_MOST, 20, 1, LIMIT };
	struct drive drive = { "the limit changes", latency };

	for (unsigned int i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		drive.limit = limits[i];
		if (forgets)
			drive.pace = (struct hmmu_pace){ .limit = limits[i] };
		must_stay_at(&drive, limits[i], TABLES);
	}
}

static void check_noise(void)
{
	unsigned int tables = 0, good = 0;

	for (unsigned int seed = 1; seed <= 100; seed++) {
		struct drive drive = { "noise", latency, LIMIT, seed };

		for (unsigned int i = 0; i < TABLES; i++) {
			good += fault_table(&drive, TABLE) >= 16;
			tables++;
		}
	}
	tell("pace", "noise: mostly 16 or more in flight in %u of %u tables", good,
	     tables);
	if (good * 100 < tables * 95)
		violated("noise: mostly 16 or more in flight in %u of %u tables only",
			 good, tables);
}

/* Whenever that is, it is not remembered for long. */
static void check_stall(void)
{
	for (unsigned int round = 1; round <= 64; round++) {
		struct drive drive = { "1 ms away, and stalls once", latency, LIMIT };

		drive.stall = round;
		fault_tables(&drive, TABLES);
		must_have_taken(&drive, 40, 1, TABLES * TABLE);
	}
}

static void run_pace(void)
{
	static const unsigned int limits[] = { 1, 2, 4, 5, 8, 16, 20, 31, 33, LIMIT_MOST };

	check_latency();
	check_no_use(at_once, "answers at once");
	check_no_use(serial, "one after the other");
	check_dear();
	check_saturates();
	check_crowded();
	for (unsigned int tables = 1; tables <= 4; tables++)
		check_changes(tables);
	for (unsigned int i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		check_limit(limits[i]);
		if (limits[i] >= 8)
			check_narrow(limits[i]);
	}
	check_limit_changes(true);
	check_limit_changes(false);
	check_noise();
	check_stall();
}

const struct subject subject_pace = {
	.name = "pace",
	.run = run_pace,
	.help = "kernel/fault/pace.c behind made-up servers; the scenario's pages mean nothing",
};
