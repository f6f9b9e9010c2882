// SPDX-License-Identifier: GPL-2.0-only
/* hmmu_mirror_exclusive(), under the driver of mirror.c with a second map(). */
#include "contract/contract.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"
#include "subjects/mirror.h"

/* The answers that the kit may take for its own, and those that end the call. */
static int exclusive_fails_to_map(void)
{
	static const int errors[] = { -EBUSY, -ENOMEM, -EAGAIN, -EINTR };

	return errors[choose(4)];
}

static int exclusive_map(struct hmmu_mirror *mirror, const struct hmmu_pages *pages)
{
	unsigned int first = page_of(pages->start), end = page_of(pages->end);
	int ret = 0;

	contract_exclusive_commits(pages);
	if (has_trouble(scenario.map_is_short))
		ret = -ENOMEM;
	else if (has_trouble(scenario.map_fails))
		ret = exclusive_fails_to_map();
	contract_exclusive_committed(ret);
	if (ret) {
		tell("device", "fails to map exclusive pages: %s", error_name(ret));
		return ret;
	}
	tell("device", "maps pages %u-%u, which are its own alone", first, end - 1);
	for (unsigned int page = first; page < end; page++)
		world.device[page] = (struct device_entry){
			.frame = pages->entries[page - first],
			.writable = true,
			.alone = true,
		};
	contract_device();
	return 0;
}

static void run_exclusive(void)
{
	int ret;

	mirror_register();
	ret = hmmu_mirror_exclusive(&world.mirror, world.range.start + 1,
				    world.range.end, exclusive_map);
	if (ret != -EINVAL)
		violated("insane: hmmu_mirror_exclusive() returns %s", error_name(ret));
	tell("subject", "wants pages %u-%u for its device alone",
	     page_of(world.range.start), page_of(world.range.end) - 1);
	ret = hmmu_mirror_exclusive(&world.mirror, world.range.start, world.range.end,
				    exclusive_map);
	tell("subject", "returns %s", error_name(ret));
	contract_exclusive_returned(ret);
}

const struct subject subject_exclusive = {
	.name = "exclusive",
	.run = run_exclusive,
	.plain = &mirror_notifier,
	.maps = true,
	.alone = true,
	.help = "hmmu_mirror_exclusive(), once",
};
