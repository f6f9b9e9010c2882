// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device memory, and moving pages there and back: what kernel/mirror/migrate.c calls of the
 * kernel (mm/migrate_device.c) and, instead of device_memory.c and move.c there, of the kit.
 *
 * A page is ready to be moved when no task has it mapped any more: an invalidation with
 * the memory as its owner was told, then a migration entry took the page's place. That is
 * MIGRATING, and `mover` says whose. Others find nothing there, faults wait for its end,
 * and a second migration leaves it alone; but zap() takes it away like any other entry,
 * and then there is nothing to be put back. What is not there, and the zero page, is no
 * page to be made ready: it stays as it is until it is replaced, with an invalidation of
 * its own.
 *
 * The number of a frame says where it is: those of the system's memory have a page's
 * number from 1 on in the low byte.
 */
#include "contract/contract.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"
#include "explorer/stacks.h"
#include "mirror/device_memory.h"
#include "mirror/mirror.h"
#include "mirror/move.h"

#define ON_DEVICE	0x80
#define OURS		ON_DEVICE
#define COHERENT	(ON_DEVICE | 1)

/* The frames before are those that the scenario begins with. */
#define FIRST_TAKEN	MAX_PAGES
#define MOST_TAKEN	(0xff - FIRST_TAKEN)

/* What the kit knows a frame by: an address at which there is nothing. */
#define NAMES		0x100000000000UL
#define NAME_SIZE	64

const char other_memory;

struct page *frame_name(uint16_t frame)
{
	return (struct page *)(NAMES + frame * NAME_SIZE);
}

uint16_t name_frame(const struct page *name)
{
	unsigned long n = ((unsigned long)name - NAMES) / NAME_SIZE;

	if (n > UINT16_MAX || name != frame_name(n))
		violated("a page is looked at that is none");
	return n;
}

/* The page that maps it, or NULL: it may have been freed. */
static const struct page *user_of(uint16_t frame)
{
	for (unsigned int page = 0; page < MAX_PAGES; page++)
		if (world.pages[page].area && world.pages[page].frame == frame &&
		    world.pages[page].kind != ABSENT)
			return &world.pages[page];
	return NULL;
}

bool frame_is_on_device(unsigned long frame)
{
	return frame & ON_DEVICE;
}

uint16_t device_frame(unsigned int n)
{
	return n << 8 | OURS;
}

uint16_t coherent_frame(unsigned int n)
{
	return n << 8 | COHERENT;
}

bool frame_is_ours(unsigned long frame)
{
	return (frame & 0xff) == OURS;
}

uint16_t take_device_frame(void)
{
	if (world.memory_taken == MOST_TAKEN)
		violated("more than %u pages of device memory were taken", MOST_TAKEN);
	return device_frame(FIRST_TAKEN + world.memory_taken++);
}

/* Where it has to be brought home from, or NULL. */
const void *memory_of_page(unsigned int page)
{
	switch (world.pages[page].kind) {
	case DEVICE_OURS:
		return &world.memory;
	case DEVICE_OTHER:
		return &other_memory;
	default:
		return NULL;
	}
}

/* As invalidations are numbered, from 1 on. */
u8 mover_of_actor(unsigned int actor)
{
	return 1 + actor;
}

u8 mover_of_stack(void)
{
	return 1 + MAX_ACTORS + running;
}

bool page_is_taken(unsigned int page, u8 mover)
{
	return world.pages[page].kind == MIGRATING &&
	       world.pages[page].mover == mover;
}

/* A huge page of which a part is moved is split first. */
void page_ready(unsigned int page, u8 mover)
{
	struct page *p = &world.pages[page];

	if (p->huge)
		split_huge(page);
	p->was = p->kind;
	p->kind = MIGRATING;
	p->mover = mover;
}

static void page_set_kind(struct page *p, u8 kind)
{
	p->kind = kind;
	p->mover = p->was = 0;
}

/* Each of these does nothing if the page was taken away meanwhile. */
void page_put_back(unsigned int page, u8 mover)
{
	if (page_is_taken(page, mover))
		page_set_kind(&world.pages[page], world.pages[page].was);
}

void page_put(unsigned int page, u8 mover, uint16_t frame)
{
	struct page *p = &world.pages[page];

	if (!page_is_taken(page, mover))
		return;
	page_set_kind(p, frame_is_ours(frame) ? DEVICE_OURS : PRESENT);
	p->generation++;
	p->frame = frame;
}

void page_put_home(unsigned int page, u8 mover)
{
	if (page_is_taken(page, mover))
		new_frame(page, world.pages[page].area & VM_WRITE);
}

/* Zeros, where nothing is or the zero page, unless a userfaultfd waits for that. */
bool page_insert(unsigned int page, uint16_t frame)
{
	struct page *p = &world.pages[page];

	if (p->kind != ABSENT && !(p->kind == PRESENT && p->zero))
		return false;
	if (!p->area || p->area & (VM_SHARED | VM_UFFD_MISSING) || world.reaped)
		return false;
	page_set_kind(p, DEVICE_OURS);
	p->generation++;
	p->frame = frame;
	p->writable = p->area & VM_WRITE;
	p->zero = p->copied = false;
	return true;
}

/* What the kit asks of a page: the kernel looks into it, wherever it is by now. */
struct page *hmm_pfn_to_page(unsigned long entry)
{
	return frame_name(entry & ~HMM_PFN_FLAGS);
}

bool is_zero_pfn(unsigned long pfn)
{
	const struct page *user = user_of(pfn);

	return user && user->zero;
}

bool is_zone_device_page(const struct page *name)
{
	return frame_is_on_device(name_frame(name));
}

bool is_device_coherent_page(const struct page *name)
{
	return (name_frame(name) & 0xff) == COHERENT;
}

/* One that was freed may be anything by now: then what costs more. */
bool PageAnon(const struct page *name)
{
	const struct page *user = user_of(name_frame(name));

	return !user || !(user->zero || user->area & VM_SHARED);
}

bool hmmu_memory_has(const struct hmmu_memory *memory, const struct page *name)
{
	if (memory != &world.memory)
		violated("a page is looked for in device memory that there is not");
	return frame_is_ours(name_frame(name));
}

static unsigned long to_mpfn(const struct page *name)
{
	return (unsigned long)name_frame(name) << MIGRATE_PFN_SHIFT | MIGRATE_PFN_VALID;
}

static struct page *mpfn_to_name(unsigned long mpfn)
{
	return mpfn & MIGRATE_PFN_VALID ? frame_name(mpfn >> MIGRATE_PFN_SHIFT) : NULL;
}

/* A page table has fewer pages here, and so has a move. */
struct hmmu_move *hmmu_move_new(unsigned int pages)
{
	unsigned int n = min(pages, (unsigned int)TABLE_PAGES);
	struct hmmu_move *move;

	move = kvcalloc(1, sizeof(*move) + n * 4 * sizeof(long), GFP_KERNEL);
	if (!move)
		return NULL;
	move->src = (unsigned long *)(move + 1);
	move->dst = move->src + n;
	move->to = (struct page **)(move->dst + n);
	move->from = move->to + n;
	return move;
}

void hmmu_move_free(struct hmmu_move *move)
{
	kvfree(move);
}

struct page *hmmu_memory_take(struct hmmu_memory *memory)
{
	if (memory != &world.memory)
		violated("a page is taken from device memory that there is not");
	if (has_trouble(scenario.memory_is_full)) {
		tell("device", "has no more memory");
		return NULL;
	}
	world.migration.held++;
	return frame_name(take_device_frame());
}

/* Only called for huge pages, which these kernels do not move: hmmu_move_is_huge(). */
struct page *hmmu_memory_take_huge(struct hmmu_memory *memory)
{
	violated("a huge page is taken from device memory");
	return NULL;
}

void hmmu_move_huge(struct hmmu_move *move, struct page *to)
{
	violated("a huge page is moved to device memory");
}

/* The end of a migration gives back what was taken for it, or it is lost. */
static void let_go(const unsigned long *dst, unsigned int pages)
{
	while (pages--)
		world.migration.held -= !!*dst++;
	if (world.migration.held)
		violated("%u pages were taken to be moved to, and are lost",
			 world.migration.held);
}

void hmmu_move_page(struct hmmu_move *move, unsigned int i, struct page *to)
{
	move->to[move->n] = to;
	move->from[move->n++] = mpfn_to_name(move->src[i]);
	move->dst[i] = to_mpfn(to) | (move->src[i] & MIGRATE_PFN_WRITE);
}

/* The frame that the next fault of the page would bring as well. */
void hmmu_move_home(struct hmmu_move *move, unsigned int pages,
		    struct vm_area_struct *vma, unsigned long addr)
{
	unsigned int i, page = page_of(addr);

	for (i = 0; i < pages; i++, page++) {
		if (!(move->src[i] & MIGRATE_PFN_MIGRATE) ||
		    !(move->src[i] & MIGRATE_PFN_VALID) ||
		    has_trouble(scenario.refusals))
			continue;
		world.migration.held++;
		hmmu_move_page(move, i, frame_name((world.pages[page].generation + 1) << 8 |
						   (page + 1)));
	}
}

/* What was copied means nothing any more, and is to be part of no state. */
static void move_forget(struct hmmu_move *move)
{
	memset(move->to, 0, move->n * sizeof(*move->to));
	memset(move->from, 0, move->n * sizeof(*move->from));
}

int hmmu_move_copy(struct hmmu_memory *memory, struct hmmu_move *move,
		   unsigned int pages)
{
	if (memory != &world.memory)
		violated("a device is to copy that has no memory");
	contract_copies(move->n);
	if (!move->n)
		return 0;
	point();
	if (!has_trouble(scenario.copy_fails)) {
		tell("device", "copies %u pages", move->n);
		move_forget(move);
		return 0;
	}
	move_forget(move);
	tell("device", "fails to copy");
	if (scenario.subject->moves)
		contract_may_fail(-EIO);
	let_go(move->dst, pages);
	memset(move->dst, 0, pages * sizeof(*move->dst));
	return -EIO;
}

/* mm/migrate_device.c, for the subject. */
static struct invalidation *its_invalidation(void)
{
	return &world.invalidation[MAX_ACTORS + running];
}

static bool can_be_migrated(const struct vm_area_struct *vma)
{
	return !(vma->vm_flags & (VM_HUGETLB | VM_IO | VM_PFNMAP));
}

static unsigned long make_ready(const struct migrate_vma *args, unsigned int page)
{
	const struct page *p = &world.pages[page];
	bool to_memory = args->flags & MIGRATE_VMA_SELECT_SYSTEM;
	unsigned long mpfn;

	if (p->area & VM_SHARED)
		return 0;
	if (to_memory && (p->kind == ABSENT || (p->kind == PRESENT && p->zero)))
		return MIGRATE_PFN_MIGRATE;
	if (to_memory ? p->kind != PRESENT || p->huge || frame_is_on_device(p->frame) :
	    p->kind != DEVICE_OURS)
		return 0;
	mpfn = to_mpfn(frame_name(p->frame)) | MIGRATE_PFN_MIGRATE;
	if (p->writable)
		mpfn |= MIGRATE_PFN_WRITE;
	page_ready(page, mover_of_stack());
	return mpfn;
}

/* Pages that somebody holds are put back before anything is copied. */
static void put_pinned_back(struct migrate_vma *args, unsigned int page)
{
	unsigned long *src = args->src;

	for (; page < page_of(args->end); page++, src++)
		if (*src & MIGRATE_PFN_VALID && has_trouble(scenario.pinned)) {
			tell("kernel", "page %u is held by somebody and stays", page);
			page_put_back(page, mover_of_stack());
			*src = 0;
		}
}

int migrate_vma_setup(struct migrate_vma *args)
{
	unsigned int first = page_of(args->start), end = page_of(args->end);
	struct invalidation *inv = its_invalidation();

	model_assert_locked();
	areas_check(args->vma, first);
	contract_migrates(first, end, args->vma, args->pgmap_owner,
			  args->flags & MIGRATE_VMA_SELECT_SYSTEM);
	if (!can_be_migrated(args->vma))
		return -EINVAL;

	world.migration.first = first;
	world.migration.end = end;
	invalidate_start(inv, first, end - 1, MMU_NOTIFY_MIGRATE, args->pgmap_owner);
	tell(stack_name(running), "makes pages %u-%u ready to be moved", first, end - 1);
	invalidate_callback(inv);
	point();
	for (unsigned int page = first; page < end; page++) {
		args->src[page - first] = make_ready(args, page);
		args->dst[page - first] = 0;
	}
	contract_device();
	invalidate_end(inv);
	put_pinned_back(args, first);
	return 0;
}

static void check_migration(const struct migrate_vma *args, bool done)
{
	const struct migration *m = &world.migration;

	model_assert_locked();
	if (!m->end || page_of(args->start) != m->first ||
	    page_of(args->end) != m->end || m->done != done)
		violated("pages %u-%u are moved, and were not made ready",
			 page_of(args->start), page_of(args->end) - 1);
}

static bool is_to_be_inserted(const struct migrate_vma *args, unsigned int i)
{
	return args->dst[i] && args->src[i] == MIGRATE_PFN_MIGRATE;
}

static void insert_from(struct migrate_vma *args, unsigned int i, unsigned int n)
{
	struct invalidation *inv = its_invalidation();
	unsigned int first = page_of(args->start);

	invalidate_start(inv, first + i, first + n - 1, MMU_NOTIFY_MIGRATE,
			 args->pgmap_owner);
	tell(stack_name(running), "inserts zeros from page %u on", first + i);
	invalidate_callback(inv);
	point();
	for (; i < n; i++)
		if (is_to_be_inserted(args, i) &&
		    !page_insert(first + i, args->dst[i] >> MIGRATE_PFN_SHIFT))
			args->src[i] = 0;
	contract_device();
	invalidate_end(inv);
}

void migrate_vma_pages(struct migrate_vma *args)
{
	unsigned int n = page_of(args->end) - page_of(args->start), i, moved = 0;

	check_migration(args, false);
	for (i = 0; i < n; i++)
		if (!args->dst[i])
			args->src[i] &= ~MIGRATE_PFN_MIGRATE;
	for (i = 0; i < n && !is_to_be_inserted(args, i); i++)
		;
	if (i < n)
		insert_from(args, i, n);
	for (i = 0; i < n; i++)
		moved += !!(args->src[i] & MIGRATE_PFN_MIGRATE);
	world.migration.done = true;
	contract_pages_moved(moved);
}

/* What lies in the arrays afterwards means nothing, and is to be part of no state. */
void migrate_vma_finalize(struct migrate_vma *args)
{
	unsigned int first = page_of(args->start), i;

	check_migration(args, true);
	point();
	for (i = 0; first + i < page_of(args->end); i++)
		if (args->src[i] & MIGRATE_PFN_MIGRATE)
			page_put(first + i, mover_of_stack(),
				 args->dst[i] >> MIGRATE_PFN_SHIFT);
		else
			page_put_back(first + i, mover_of_stack());
	let_go(args->dst, i);
	memset(args->src, 0, i * sizeof(*args->src));
	memset(args->dst, 0, i * sizeof(*args->dst));
	world.migration.first = world.migration.end = 0;
	world.migration.done = false;
	tell(stack_name(running), "has moved them");
	contract_device();
}
