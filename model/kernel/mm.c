// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMAs and page tables.
 *
 * Each page knows the flags of its mapping; a VMA is a run of pages alike. The
 * subject, or a thread, gets to see a VMA by vma_lookup() only, as an object that is
 * made for it and freed when it releases the lock, whether or not anybody changed
 * anything: a use after that is always a bug, and the sanitizer sees it.
 */
#include <sanitizer/asan_interface.h>

#include "contract/contract.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"
#include "explorer/stacks.h"
#include "explorer/state.h"

static struct vm_area_struct areas[MAX_STACKS][MAX_PAGES] __attribute__((aligned(8)));

static bool looked_up[MAX_STACKS] RUN_STATE;

static void forget_all_of(unsigned int stack)
{
	looked_up[stack] = false;
	ASAN_UNPOISON_MEMORY_REGION(areas[stack], sizeof(areas[stack]));
	memset(areas[stack], 0x6b, sizeof(areas[stack]));
	world.stack[stack].looked_up = 0;
	ASAN_POISON_MEMORY_REGION(areas[stack], sizeof(areas[stack]));
}

void areas_forget(void)
{
	forget_all_of(running);
}

void areas_forget_all(void)
{
	for (unsigned int stack = 0; stack < MAX_STACKS; stack++)
		if (stack == SUBJECT || looked_up[stack])
			forget_all_of(stack);
}

struct vm_area_struct *areas_looked_up(unsigned int stack)
{
	return looked_up[stack] ? areas[stack] : NULL;
}

static unsigned int area_first(unsigned int page)
{
	while (page && world.pages[page - 1].area == world.pages[page].area)
		page--;
	return page;
}

static unsigned int area_end(unsigned int page)
{
	u32 area = world.pages[page].area;

	while (page < MAX_PAGES && world.pages[page].area == area)
		page++;
	return page;
}

struct vm_area_struct *vma_lookup(struct mm_struct *mm, unsigned long addr)
{
	unsigned int page = page_of(addr), first;
	struct vm_area_struct *area;

	model_assert_locked();
	if (page >= MAX_PAGES || !world.pages[page].area)
		return NULL;
	first = area_first(page);
	area = &areas[running][first];
	ASAN_UNPOISON_MEMORY_REGION(area, sizeof(*area));
	*area = (struct vm_area_struct){
		.vm_start = first * PAGE_SIZE,
		.vm_end = area_end(page) * PAGE_SIZE,
		.vm_flags = world.pages[page].area & ~AREA_MAPPED,
	};
	me()->looked_up |= 1ULL << first;
	looked_up[running] = true;
	return area;
}

/* A fault reads its VMA: that it was freed is seen there. */
void areas_check(const struct vm_area_struct *vma, unsigned int page)
{
	if (!vma || vma->vm_start > page * PAGE_SIZE ||
	    vma->vm_end <= page * PAGE_SIZE)
		violated("page %u was faulted by a VMA that does not hold it", page);
	if (vma < areas[running] || vma >= areas[running + 1])
		violated("page %u was faulted by a VMA that somebody else has looked up",
			 page);
}

/* A frame that was never used before, exclusive, instead of what was there. */
struct page *new_frame(unsigned int page, bool writable)
{
	struct page *p = &world.pages[page];

	p->generation++;
	p->frame = p->generation << 8 | (page + 1);
	p->kind = PRESENT;
	p->writable = writable;
	p->copied = p->zero = p->huge = p->slow = false;
	p->mover = p->was = 0;
	return p;
}

/* A huge page instead of the table that holds @page. */
void new_table(unsigned int page)
{
	unsigned int first = page - page % TABLE_PAGES;
	uint16_t generation = world.pages[first].generation + 1;

	for (page = first; page < first + TABLE_PAGES; page++) {
		world.pages[page].generation = generation - 1;
		new_frame(page, world.pages[page].area & VM_WRITE)->huge = true;
	}
}

void split_huge(unsigned int page)
{
	unsigned int first = page - page % TABLE_PAGES;

	for (unsigned int i = first; i < first + TABLE_PAGES; i++)
		world.pages[i].huge = false;
}

void zap(unsigned int page)
{
	struct page *p = &world.pages[page];

	if (p->huge)
		split_huge(page);
	p->kind = ABSENT;
	p->writable = p->copied = p->zero = p->guarded = false;
	p->mover = p->was = 0;
}

void page_take_back(unsigned int page)
{
	if (world.pages[page].kind == EXCLUSIVE)
		world.pages[page].kind = PRESENT;
}

/*
 * What the kernel's walker reports of a page that it is not to fault. Device memory
 * is reported to its owner only; a huge page of another device is an error, as in 7.x.
 */
unsigned long cpu_entry(unsigned int page, const void *owner)
{
	const struct page *p = &world.pages[page];
	unsigned long entry;

	if (!(p->area & VM_READ) || p->area & (VM_IO | VM_PFNMAP))
		return HMM_PFN_ERROR;
	switch (p->kind) {
	case SPECIAL:
		return HMM_PFN_ERROR;
	case DEVICE_OTHER:
		return p->huge ? HMM_PFN_ERROR : 0;
	case DEVICE_OURS:
		if (owner != &world.memory)
			return 0;
		/* fall through */
	case PRESENT:
		entry = p->frame | HMM_PFN_VALID;
		if (p->writable)
			entry |= HMM_PFN_WRITE;
		if (p->huge)
			entry |= (unsigned long)(PMD_SHIFT - PAGE_SHIFT)
				 << HMM_PFN_ORDER_SHIFT;
		return entry;
	default:
		return 0;
	}
}

const char *page_text(unsigned int page)
{
	static const char *const kinds[] = {
		"absent", "present", "swapped out", "migrating", "poisoned",
		"special", "on our device", "on another device",
		"a device's alone",
	};
	const struct page *p = &world.pages[page];

	if (!p->area)
		return "not mapped";
	if (!(p->area & VM_READ))
		return "not readable";
	if (p->area & (VM_IO | VM_PFNMAP))
		return "in an I/O mapping";
	if (p->kind == PRESENT && !p->writable)
		return p->guarded ? "present, write-protected by userfaultfd" :
		       p->zero ? "the zero page" :
		       p->copied ? "present, shared" : "present, read-only";
	return kinds[p->kind];
}

vm_fault_t check_stable_address_space(struct mm_struct *mm)
{
	point_unless_quiet(REAPS);
	return world.reaped ? VM_FAULT_SIGBUS : 0;
}

static void read_entry(unsigned long *entry, unsigned int page, const void *owner)
{
	unsigned long read = cpu_entry(page, owner);

	*entry = (*entry & HMMU_PFN_STICKY) | read;
	contract_read(page, read);
}

/*
 * The kernel's own call, which our engine uses to read. Asked for nothing it
 * faults nothing, and looks at the sequence once, before it reads.
 */
static int read_entries(struct hmm_range *range)
{
	unsigned int first = page_of(range->start), end = page_of(range->end);
	unsigned int page;
	bool moved;

	point();
	moved = mmu_interval_read_retry(range->notifier, range->notifier_seq);
	contract_looked(moved);
	if (moved) {
		tell(stack_name(running), "cannot read pages %u-%u: the sequence has moved",
		     first, end - 1);
		return -EBUSY;
	}
	tell(stack_name(running), "reads pages %u-%u", first, end - 1);
	contract_read_begins(first, end);
	for (page = first; page < end; page++) {
		if (scenario.torn && page > first)
			point();
		read_entry(&range->hmm_pfns[page - first], page, range->dev_private_owner);
	}
	/* One entry of a huge page says what the others of its table are. */
	if (end - first == 1 && world.pages[first].huge)
		for (; page % TABLE_PAGES && page < page_of(world.range.end); page++)
			contract_read(page, cpu_entry(page, range->dev_private_owner));
	tally.entries_read += end - first;
	return 0;
}

int hmm_range_fault(struct hmm_range *range)
{
	model_assert_locked();
	if (range == &world.range)
		return subject_stock_call();
	if (range->default_flags || range->pfn_flags_mask)
		violated("the kernel's walker was asked to fault");
	if (range->start < world.range.start || range->end > world.range.end ||
	    range->start >= range->end)
		violated("pages %u-%u were read, outside of the range",
			 page_of(range->start), page_of(range->end) - 1);
	return read_entries(range);
}
