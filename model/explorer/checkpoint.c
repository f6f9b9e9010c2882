// SPDX-License-Identifier: GPL-2.0-only
/* Compiled without sanitizers: it copies what may not be read, and what says so. */
#include <stdlib.h>

#include "explorer/checkpoint.h"
#include "explorer/run.h"
#include "explorer/scenario.h"
#include "explorer/stacks.h"
#include "explorer/state.h"

extern char __start_run_state[], __stop_run_state[];
extern char __start_engine_state[] __attribute__((weak));
extern char __stop_engine_state[] __attribute__((weak));

/* None is larger than all stacks and what is static. */
#define CHECKPOINT_MAX	(1UL << 20)

/* One after the other, in the order of their choices; where each begins. */
static char *kept;
static size_t kept_size, kept_used;
static size_t begins[MAX_CHOICES];

/* The same function writes a checkpoint and reads it: they cannot disagree. */
static enum { KEEP, RESUME } way;
static char *at;

/* As memcpy(), which the sanitizer would check. A volatile copy stays a loop. */
static void bytes_copy(char *to, char *from, size_t n)
{
	typedef volatile long block __attribute__((vector_size(16), aligned(1), may_alias));

	for (; n >= sizeof(block); n -= sizeof(block)) {
		*(block *)to = *(block *)from;
		to += sizeof(block);
		from += sizeof(block);
	}
	while (n--)
		*(volatile char *)to++ = *from++;
}

static void part(void *from, size_t n)
{
	if (way == KEEP)
		bytes_copy(at, from, n);
	else
		bytes_copy(from, at, n);
	at += n;
}

/* With what the sanitizer knows of it. Begins and ends at words. */
static void guarded_part(void *from, void *to)
{
	char *shadow = state_shadow(from);

	part(from, (char *)to - (char *)from);
	if (shadow)
		part(shadow, (char *)state_shadow(to) - shadow);
}

/* What lies below a stack's end is left from calls that are no more. */
static void stack_part(unsigned int stack)
{
	struct extent extent = stacks_extent(stack);

	guarded_part(extent.here, extent.end);
	if (way == RESUME)
		state_unpoison(extent.lowest, extent.here);
}

/* What comes first says what follows. */
static void all_parts(void)
{
	part(__start_run_state, __stop_run_state - __start_run_state);
	part(&world, sizeof(world));
	part(&tally, sizeof(tally));
	part(__start_engine_state, __stop_engine_state - __start_engine_state);
	part(world.range.hmm_pfns, (world.range.end - world.range.start) /
	     PAGE_SIZE * sizeof(*world.range.hmm_pfns));
	guarded_part(memory_contents(), memory_contents() + MEMORY_SIZE);
	for (unsigned int i = 0; i < stacks_made(); i++) {
		if (areas_looked_up(i))
			guarded_part(areas_looked_up(i), areas_looked_up(i) + MAX_PAGES);
		/* A thread that ends makes a last choice: who goes on. */
		if (stacks_has_begun(i) && (world.stack[i].life == LIVES || i == running))
			stack_part(i);
	}
}

static void make_room(void)
{
	if (kept_used + CHECKPOINT_MAX <= kept_size)
		return;
	kept_size = 2 * (kept_used + CHECKPOINT_MAX);
	kept = realloc(kept, kept_size);
	if (!kept)
		give_up("no memory for checkpoints");
}

static void keep(size_t depth)
{
	if (!depth)
		kept_used = 0;
	make_room();
	begins[depth] = kept_used;
	way = KEEP;
	at = kept + kept_used;
	all_parts();
	kept_used = at - kept;
}

bool checkpoint_keep(size_t depth)
{
	return stacks_remember(keep, depth);
}

void checkpoint_resume(size_t depth)
{
	areas_forget_all();
	way = RESUME;
	at = kept + begins[depth];
	all_parts();
	kept_used = at - kept;
	stacks_resume();
}
