// SPDX-License-Identifier: GPL-2.0-only
/* The list of subjects, and the device that interval subjects map into. */
#include "contract/contract.h"
#include "explorer/scenario.h"

extern const struct subject subject_unlocked, subject_unlockable, subject_driver,
	subject_stock, subject_malformed, subject_mirror, subject_snapshot,
	subject_insane, subject_migrate, subject_exclusive, subject_pace;

const struct subject *const subjects[] = {
	&subject_unlocked,
	&subject_unlockable,
	&subject_driver,
	&subject_stock,
	&subject_malformed,
	&subject_mirror,
	&subject_snapshot,
	&subject_insane,
	&subject_migrate,
	&subject_exclusive,
	&subject_pace,
	NULL,
};

void subject_invalidate(unsigned int first, unsigned int last)
{
	if (scenario.subject->invalidate)
		scenario.subject->invalidate(first, last);
}

void device_map(void)
{
	for (unsigned int page = 0; page < MAX_PAGES; page++) {
		unsigned long entry;

		if (!in_range(page))
			continue;
		entry = *range_entry(page);
		if (entry & HMM_PFN_VALID)
			world.device[page] = (struct device_entry){
				.frame = entry,
				.writable = entry & HMM_PFN_WRITE,
			};
	}
	contract_device();
}

void device_unmap(unsigned int first, unsigned int last)
{
	for (unsigned int page = first; page <= last; page++)
		world.device[page] = (struct device_entry){};
}
