// SPDX-License-Identifier: GPL-2.0-only
/*
 * A CPU touches a page of private device memory: that page goes home, and no other.
 */
#include <linux/migrate.h>
#include <linux/mm.h>

#include "device_memory.h"
#include "move.h"

static vm_fault_t touch_result(const struct hmmu_move *move, int error)
{
	if (error)
		return VM_FAULT_SIGBUS;
	/* It cannot be moved at the moment: the CPU will fault again. */
	if (!(move->src[0] & MIGRATE_PFN_MIGRATE))
		return 0;
	return move->n ? 0 : VM_FAULT_OOM;
}

/**
 * hmmu_memory_touch() - the kernel's migrate_to_ram() for private device memory
 * @fault: a CPU's fault on one of its pages
 *
 * Context: Process context, mmap lock held. Sleeps.
 * Return: %0: look again, the page has gone home or could not be moved at the moment;
 * VM_FAULT_OOM; or VM_FAULT_SIGBUS: the driver could not copy it.
 */
vm_fault_t hmmu_memory_touch(struct vm_fault *fault)
{
	struct hmmu_memory *memory = hmmu_memory_of(fault->page);
	unsigned long src = 0, dst = 0;
	struct page *to, *from;
	struct hmmu_move move = {
		.src = &src,
		.dst = &dst,
		.to = &to,
		.from = &from,
	};
	struct migrate_vma args = {
		.vma = fault->vma,
		.src = &src,
		.dst = &dst,
		.start = fault->address & PAGE_MASK,
		.end = (fault->address & PAGE_MASK) + PAGE_SIZE,
		.pgmap_owner = memory,
		.flags = MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
		.fault_page = fault->page,
	};
	vm_fault_t result;

	if (migrate_vma_setup(&args))
		return VM_FAULT_SIGBUS;
	hmmu_move_home(&move, 1, args.vma, args.start);
	result = touch_result(&move, hmmu_move_copy(memory, &move, 1));
	migrate_vma_pages(&args);
	migrate_vma_finalize(&args);
	return result;
}
