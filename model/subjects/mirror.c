// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mirror kit: kernel/mirror/flight.c and kernel/mirror/populate.c as they are, under a driver
 * that maps and unmaps pages of the model's device.
 */
#include "contract/contract.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"
#include "mirror/mirror.h"
#include "subjects/mirror.h"

static void device_map_page(unsigned int page, unsigned long entry)
{
	world.device[page] = (struct device_entry){};
	if (entry & HMM_PFN_VALID)
		world.device[page] = (struct device_entry){
			.frame = entry,
			.writable = entry & HMM_PFN_WRITE,
		};
}

/* Those that mean something to the engine, which must not take them for its own. */
int device_fails_to_map(void)
{
	static const int errors[] = { -EBUSY, -EAGAIN, -ELOOP, -EINTR };
	int error = errors[choose(4)];

	tell("device", "fails to map: %s", error_name(error));
	contract_map_fails(error);
	return error;
}

static int mirror_map(struct hmmu_mirror *mirror, const struct hmmu_pages *pages)
{
	unsigned int first = page_of(pages->start), end = page_of(pages->end);

	contract_commits(pages);
	if (has_trouble(scenario.map_is_short)) {
		tell("device", "is short of memory to map pages %u-%u", first, end - 1);
		contract_map_is_short();
		return -ENOMEM;
	}
	if (has_trouble(scenario.map_fails))
		return device_fails_to_map();
	tell("device", "maps pages %u-%u", first, end - 1);
	for (unsigned int page = first; page < end; page++)
		device_map_page(page, pages->entries[page - first]);
	contract_device();
	contract_committed(pages, true);
	return 0;
}

static void mirror_unmap(struct hmmu_mirror *mirror, unsigned long start,
			 unsigned long end, bool may_sleep)
{
	if (mirror->lock.held)
		violated("unmap() is called under the mirror lock");
	device_unmap(page_of(start), page_of(end) - 1);
}

static int mirror_prepare(struct hmmu_mirror *mirror, unsigned long start,
			  unsigned long end)
{
	if (mirror->lock.held)
		violated("prepare() is called under the mirror lock");
	model_assert_unlocked();
	point();
	contract_prepares();
	if (has_trouble(scenario.refusals)) {
		tell("device", "cannot prepare");
		contract_prepare_fails();
		return -ENOMEM;
	}
	tell("device", "is prepared to map pages %u-%u", page_of(start),
	     page_of(end) - 1);
	return 0;
}

static const struct hmmu_mirror_ops ops = {
	.map = mirror_map,
	.unmap = mirror_unmap,
	.prepare = mirror_prepare,
};

static const struct hmmu_mirror_ops ops_without_prepare = {
	.map = mirror_map,
	.unmap = mirror_unmap,
};

/* As kernel/mirror/mirror.c has it, in two steps. */
static bool mirror_start(const struct mmu_notifier_range *range)
{
	return hmmu_flights_start(&world.mirror, range);
}

static void mirror_unmap_range(const struct mmu_notifier_range *range)
{
	world.mirror_state.ops->unmap(&world.mirror,
				      max(range->start, world.mirror.start),
				      min(range->end, world.mirror.end), true);
}

static void mirror_end(const struct mmu_notifier_range *range)
{
	hmmu_flights_end(&world.mirror, range);
}

const struct plain_notifier mirror_notifier = {
	.start = mirror_start,
	.unmap = mirror_unmap_range,
	.end = mirror_end,
};

static void map_what_there_is(void)
{
	for (unsigned int page = 0; page < MAX_PAGES; page++)
		device_map_page(page, cpu_entry(page, world.range.dev_private_owner));
	contract_device();
}

/* What the interval of the scenario is for an interval notifier the mirror is here. */
void mirror_register(void)
{
	world.mirror_state = (struct hmmu_mirror_state){
		.mirror = &world.mirror,
		.ops = scenario.no_prepare ? &ops_without_prepare : &ops,
	};
	world.mirror = (struct hmmu_mirror){
		.mm = &world.mm,
		.start = world.notifier.interval_tree.start,
		.end = world.notifier.interval_tree.last + 1,
		.state = &world.mirror_state,
	};
	hmmu_flights_init(&world.mirror);
	if (scenario.in_flight > 1)
		world.mirror.faults_in_flight = scenario.in_flight;
	world.flight.window = page_of(world.range.start);
	world.range.dev_private_owner = NULL;
	if (scenario.has_memory) {
		world.memory.pagemap.type = MEMORY_DEVICE_PRIVATE;
		world.memory.pages = !scenario.no_room;
		world.mirror.memory = &world.memory;
		world.range.dev_private_owner = &world.memory;
	}
	contract_call_begins();
	for (unsigned int page = 0; scenario.present_only && page < MAX_PAGES; page++)
		world.call.may_get_less[page] = EXCUSED_ALL;
	if (scenario.mapped)
		map_what_there_is();
}

static enum hmmu_access access_asked(unsigned int page)
{
	unsigned long asked = scenario_asked(page);

	if (!asked)
		return HMMU_ACCESS_NONE;
	return asked & HMM_PFN_REQ_WRITE ? HMMU_ACCESS_WRITE : HMMU_ACCESS_READ;
}

/* @accesses and @places are for all pages of the scenario's range. */
static struct hmmu_request make_request(u8 *accesses, u8 *places)
{
	struct hmmu_request request = {
		.start = world.range.start,
		.end = world.range.end,
		.best_effort = scenario.best_effort,
		.present_only = scenario.present_only,
		.to_memory = scenario.has_memory,
		.timeout = scenario.timeout,
	};
	unsigned int first = page_of(request.start), page;

	for (page = first; page < page_of(request.end); page++)
		accesses[page - first] = access_asked(page);
	if (scenario.has_memory)
		request.places = memset(places, NOWHERE, MAX_PAGES);
	if (world.range.pfn_flags_mask)
		request.accesses = accesses;
	else
		request.access = accesses[0];
	request.needed_start = request.needed_end = request.start;
	if (scenario.needed_end) {
		request.needed_start = scenario.needed_first * PAGE_SIZE;
		request.needed_end = scenario.needed_end * PAGE_SIZE;
	}
	return request;
}

static int mirror_populate(void)
{
	u8 accesses[MAX_PAGES], places[MAX_PAGES];
	struct hmmu_request request;
	int ret;

	mirror_register();
	request = make_request(accesses, places);
	tell("subject", "populates pages %u-%u", page_of(request.start),
	     page_of(request.end) - 1);
	if (subject_stack()->task.flags & PF_KTHREAD)
		ret = hmmu_request_run(&world.mirror, &request, &world.prefetch);
	else
		ret = hmmu_mirror_populate(&world.mirror, &request);
	tell("subject", "returns %s", error_name(ret));
	contract_flight_returned(ret, HMMU_MIRROR_POPULATES);
	if (scenario.has_memory)
		contract_places(places);
	return ret;
}

/*
 * The second, after one that was cancelled, is of another mirror, and finds memory as
 * it was at first.
 */
static void run_populate(void)
{
	int ret = mirror_populate();

	if (ret == -ECANCELED && scenario.twice) {
		world.flight = (struct flight_watch){};
		world.prefetch = (struct hmmu_prefetch){};
		memcpy(world.pages, scenario.start.pages, sizeof(world.pages));
		memset(world.device, 0, sizeof(world.device));
		mirror_populate();
	}
}

const struct subject subject_mirror = {
	.name = "mirror",
	.run = run_populate,
	.plain = &mirror_notifier,
	.maps = true,
	.help = "hmmu_mirror_populate(), once; of a kernel thread: a prefetch",
};

static void snapshot_see(struct hmmu_mirror *mirror, const struct hmmu_pages *pages,
			 void *data)
{
	if (data != &world)
		violated("see() is given somebody else's data");
	contract_commits(pages);
	tell("subject", "sees pages %u-%u", page_of(pages->start),
	     page_of(pages->end) - 1);
	contract_committed(pages, false);
}

static void run_snapshot(void)
{
	int ret;

	mirror_register();
	ret = hmmu_mirror_snapshot(&world.mirror, world.range.start,
				   world.range.end, snapshot_see, &world);
	tell("subject", "returns %s", error_name(ret));
	contract_flight_returned(ret, HMMU_MIRROR_SNAPSHOTS);
}

const struct subject subject_snapshot = {
	.name = "snapshot",
	.run = run_snapshot,
	.plain = &mirror_notifier,
	.help = "hmmu_mirror_snapshot(), once",
};

static void run_migrate(void)
{
	unsigned long moved = 1;
	int ret;

	mirror_register();
	ret = hmmu_mirror_migrate(&world.mirror, world.range.start + 1, world.range.end,
				  !scenario.home, &moved);
	if (ret != -EINVAL || moved)
		violated("insane: hmmu_mirror_migrate() returns %s", error_name(ret));
	tell("subject", "moves pages %u-%u %s", page_of(world.range.start),
	     page_of(world.range.end) - 1, scenario.home ? "home" : "to the device");
	ret = hmmu_mirror_migrate(&world.mirror, world.range.start, world.range.end,
				  !scenario.home, &moved);
	tell("subject", "returns %s, %lu moved", error_name(ret), moved);
	contract_migrate_returned(ret, moved);
}

const struct subject subject_migrate = {
	.name = "migrate",
	.run = run_migrate,
	.plain = &mirror_notifier,
	.moves = true,
	.help = "hmmu_mirror_migrate(), once",
};

static void break_request(struct hmmu_request *r, u8 *accesses, unsigned int how)
{
	switch (how) {
	case 0:
		r->start++;
		break;
	case 1:
		r->end--;
		break;
	case 2:
		r->end = r->start;
		break;
	case 3:
		r->start = world.mirror.start - PAGE_SIZE;
		break;
	case 4:
		r->end = world.mirror.end + PAGE_SIZE;
		break;
	case 5:
		r->access = HMMU_ACCESS_WRITE + 1;
		break;
	case 6:
		r->accesses = accesses;
		accesses[(r->end - r->start) / PAGE_SIZE - 1] = HMMU_ACCESS_WRITE + 1;
		break;
	case 7:
		r->best_effort = true;
		r->needed_start = r->end;
		r->needed_end = r->start;
		break;
	case 8:
		r->best_effort = true;
		r->needed_start = r->start - PAGE_SIZE;
		break;
	case 9:
		r->best_effort = true;
		r->needed_end = r->end + PAGE_SIZE;
		break;
	case 10:
		r->best_effort = true;
		r->needed_end++;
		break;
	case 11:
		r->to_memory = true;
		break;
	case 12:
		r->places = accesses;
		break;
	}
}

/* -EINVAL, and not even counted. */
static void run_insane(void)
{
	u8 accesses[MAX_PAGES];
	struct hmmu_request request;
	unsigned int how = choose(13);
	unsigned long moved;
	int ret;

	mirror_register();
	request = make_request(accesses, NULL);
	break_request(&request, accesses, how);
	ret = hmmu_mirror_populate(&world.mirror, &request);
	if (ret != -EINVAL)
		violated("insane in way %u: hmmu_mirror_populate() returns %s", how,
			 error_name(ret));
	if (how < 5)
		ret = hmmu_mirror_snapshot(&world.mirror, request.start,
					   request.end, snapshot_see, &world);
	if (ret != -EINVAL)
		violated("insane in way %u: hmmu_mirror_snapshot() returns %s", how,
			 error_name(ret));
	ret = hmmu_mirror_migrate(&world.mirror, request.start, request.end, true, &moved);
	if (ret != -EINVAL || moved)
		violated("without device memory hmmu_mirror_migrate() returns %s",
			 error_name(ret));
	contract_may_fail(-EINVAL);
	contract_flight_returned(-EINVAL, HMMU_MIRROR_POPULATES);
}

const struct subject subject_insane = {
	.name = "insane",
	.run = run_insane,
	.plain = &mirror_notifier,
	.help = "both calls of the mirror kit with requests that make no sense",
};
