// SPDX-License-Identifier: GPL-2.0-only
/*
 * A CPU touches a page of private device memory: that page goes home, and no other. A huge
 * page goes home whole.
 *
 * Without a huge page of the system, the small pages of a huge page go home. The kernel
 * splits it then, in this address space only (see move.h): so this is for pages that no
 * fork has shared. And it splits no page that has one more reference, as the page that is
 * touched has. So that reference is lent to the split: the caller's lock, and the
 * reference of migrate_vma_setup(), keep the page meanwhile.
 */
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "../compat/large_folio.h"
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

static void touch_args(struct migrate_vma *args, struct hmmu_move *move,
		       const struct vm_fault *fault, unsigned long size)
{
	*args = (struct migrate_vma){
		.vma = fault->vma,
		.src = move->src,
		.dst = move->dst,
		.start = ALIGN_DOWN(fault->address, size),
		.end = ALIGN_DOWN(fault->address, size) + size,
		.pgmap_owner = hmmu_memory_of(fault->page),
		.flags = MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
		.fault_page = fault->page,
	};
}

static vm_fault_t touch_page(struct hmmu_memory *memory, const struct vm_fault *fault)
{
	unsigned long src = 0, dst = 0;
	struct page *to, *from;
	struct hmmu_move move = {
		.src = &src,
		.dst = &dst,
		.to = &to,
		.from = &from,
	};
	struct migrate_vma args;
	vm_fault_t result;

	touch_args(&args, &move, fault, PAGE_SIZE);
	if (migrate_vma_setup(&args))
		return VM_FAULT_SIGBUS;
	hmmu_move_home(&move, 1, args.vma, args.start);
	result = touch_result(&move, hmmu_move_copy(memory, &move, 1));
	migrate_vma_pages(&args);
	migrate_vma_finalize(&args);
	return result;
}

/* Lends the caller's reference. */
static void touch_split(struct migrate_vma *args)
{
	struct page *page = args->fault_page;

	args->fault_page = NULL;
	put_page(page);
	migrate_vma_pages(args);
	get_page(page);
	args->fault_page = page;
}

static vm_fault_t touch_huge_with(struct hmmu_memory *memory, struct hmmu_move *move,
				  const struct vm_fault *fault)
{
	bool alone = hmmu_folio_mapped_once(page_folio(fault->page));
	struct migrate_vma args;
	vm_fault_t result;

	touch_args(&args, move, fault, PMD_SIZE);
	args.flags |= MIGRATE_VMA_SELECT_COMPOUND;
	if (migrate_vma_setup(&args))
		return VM_FAULT_SIGBUS;
	hmmu_move_home(move, HMMU_MOVE_PAGES, args.vma, args.start);
	if (move->refused && alone)
		hmmu_move_home_split(move, args.vma, args.start);
	result = touch_result(move, hmmu_move_copy(memory, move, HMMU_MOVE_PAGES));
	if (move->refused && move->n)
		touch_split(&args);
	else
		migrate_vma_pages(&args);
	migrate_vma_finalize(&args);
	return result;
}

static vm_fault_t touch_huge(struct hmmu_memory *memory, const struct vm_fault *fault)
{
	struct hmmu_move *move = hmmu_move_new(HMMU_MOVE_PAGES);
	vm_fault_t result;

	if (!move)
		return VM_FAULT_OOM;
	result = touch_huge_with(memory, move, fault);
	hmmu_move_free(move);
	return result;
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

	return hmmu_fault_is_huge(fault) ? touch_huge(memory, fault) :
					   touch_page(memory, fault);
}
