// SPDX-License-Identifier: GPL-2.0-only
/* Whether what somebody in the storm has seen is right, and what is told if not. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "soak.h"

static const char *const readers[] = {
	[BY_CPU] = "the CPU", [BY_MIRROR] = "a mirror", [BY_GUEST] = "a guest",
};

void soak_fail(struct actor *actor, const char *fmt, ...)
{
	char *text = soak_shared->text;
	size_t size = sizeof(soak_shared->text);
	va_list args;
	int n;

	if (atomic_exchange(&soak_shared->wrong, true))
		_exit(1);
	n = snprintf(text, size, "process %d in place %u, of seed %#llx, thread %u, %s: ",
		     getpid(), actor->life->number,
		     (unsigned long long)actor->life->slot->seed, actor->index,
		     actions[actor->action].name);
	va_start(args, fmt);
	vsnprintf(text + n, size - n, fmt, args);
	va_end(args);
	soak_shared->told = true;
	_exit(1);
}

static size_t append(char *text, size_t n, size_t size, const char *fmt, ...)
{
	va_list args;

	if (n >= size)
		return n;
	va_start(args, fmt);
	n += vsnprintf(text + n, size - n, fmt, args);
	va_end(args);
	return n;
}

void soak_wrong_page(struct actor *actor, size_t page, const char *by,
		     const void *content)
{
	const struct shadow *shadow = &actor->life->shadow;
	const struct shadow_page *p = &shadow->pages[page];
	char got[128], rest[512] = "";
	size_t n = 0;

	shadow_tell(shadow, content, got, sizeof(got));
	for (int i = 0; i < p->nr_may; i++)
		n = append(rest, n, sizeof(rest), " %#x", p->may[i]);
	n = append(rest, n, sizeof(rest), ", its last actions, the latest last:");
	for (int i = 0; i < LAST; i++)
		n = append(rest, n, sizeof(rest), " %s",
			   actions[p->last[(p->nr_last + i) % LAST]].name);
	soak_fail(actor, "page %zu at %p, flags %#x, change %u: %s sees %s; to be version%s",
		  page, shadow->base + page * PAGE, p->flags, p->changes, by, got,
		  rest);
}

/* Another action has seen it. What races here is but for the report. */
static void remember(struct actor *actor, struct shadow_page *page)
{
	page->last[page->nr_last++ % LAST] = actor->action;
}

/* It is the one that was seen, of those it might have been. */
static void learn(struct shadow *shadow, size_t page, int which)
{
	struct shadow_page *p = &shadow->pages[page];
	struct run run = { page, 1 };

	if (p->flags & PAGE_LAZY || (p->nr_may == 1 && !(p->flags & PAGE_LOST)))
		return;
	shadow_begin(shadow, run);
	shadow_set(p, p->may[which]);
	shadow_end(shadow, run);
}

static void check_page(struct actor *actor, size_t page, uint32_t changes,
		       const char *content, enum reader reader)
{
	struct shadow *shadow = &actor->life->shadow;
	struct shadow_page seen;
	struct run run = { page, 1 };
	int which;

	memcpy(&seen, &shadow->pages[page], sizeof(seen));
	atomic_thread_fence(memory_order_seq_cst);
	if (!shadow_stands(shadow, run, &changes))
		return;
	remember(actor, &shadow->pages[page]);
	which = shadow_which(shadow, &seen, content);
	if (which < 0)
		soak_wrong_page(actor, page, readers[reader], content);
	soak_shared->checked[reader]++;
	if (!actor->index)
		learn(shadow, page, which);
}

void check_content(struct actor *actor, struct run run, const char *content,
		   enum reader reader)
{
	for (size_t i = 0; i < run.pages; i++)
		check_page(actor, run.page + i, actor->changes[i],
			   content + i * PAGE, reader);
}

void check_access(struct actor *actor, struct run run, uint8_t needs, int ret,
		  enum reader reader)
{
	const struct shadow *shadow = &actor->life->shadow;
	bool may = shadow_all(shadow, run, needs);
	bool must = may && !shadow_any(shadow, run, PAGE_LOST) &&
		    !actor->life->limited;

	atomic_thread_fence(memory_order_seq_cst);
	if (!shadow_stands(shadow, run, actor->changes))
		return;
	if (!ret && !may)
		soak_fail(actor, "%s could access %zu pages from %zu at %p, but the process may not access all of them",
			  readers[reader], run.pages, run.page, run_at(shadow, run));
	if ((ret == -EFAULT || ret == -EPERM) && must)
		soak_fail(actor, "%s could not access %zu pages from %zu at %p, but the process may: %s",
			  readers[reader], run.pages, run.page, run_at(shadow, run),
			  strerror(-ret));
}

/* The kernel copies, and so it can say that it could not. */
int cpu_read(struct actor *actor, size_t page, void *to)
{
	const char *at = actor->life->shadow.base + page * PAGE;
	const struct shadow_page *p = &actor->life->shadow.pages[page];

	if (!actor->index && p->flags & PAGE_READ && !(p->flags & PAGE_LOST)) {
		memcpy(to, at, PAGE);
		return 0;
	}
	if (pwrite(actor->spare, at, PAGE, 0) != PAGE ||
	    pread(actor->spare, to, PAGE, 0) != PAGE)
		return -EFAULT;
	return 0;
}

int cpu_write(struct actor *actor, size_t page, const void *from)
{
	char *at = actor->life->shadow.base + page * PAGE;

	if (pwrite(actor->spare, from, PAGE, 0) != PAGE ||
	    pread(actor->spare, at, PAGE, 0) != PAGE)
		return -EFAULT;
	return 0;
}
