// SPDX-License-Identifier: GPL-2.0-only
/* Checks what a reader has seen against the model, and reports what is wrong. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "soak.h"

static const char *const readers[] = {
	[BY_CPU] = "the CPU", [BY_MIRROR] = "a mirror", [BY_GUEST] = "a guest",
};

static size_t text_append_args(char *text, size_t n, size_t size, const char *fmt,
			       va_list args)
{
	if (n >= size)
		return n;
	return n + vsnprintf(text + n, size - n, fmt, args);
}

static size_t text_append(char *text, size_t n, size_t size, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	n = text_append_args(text, n, size, fmt, args);
	va_end(args);
	return n;
}

/* Append what the model knows about the page, and its last actions. */
static size_t text_append_page(char *text, size_t n, size_t size,
			       const struct shadow *shadow, size_t page)
{
	const struct shadow_page *p = &shadow->pages[page];
	uint32_t i = p->nr_last < LAST ? 0 : p->nr_last - LAST;

	n = text_append(text, n, size, "; page %zu at %p, flags %#x, change %u, to be version",
			page, shadow->base + page * PAGE, p->flags, p->changes);
	for (int v = 0; v < p->nr_may; v++)
		n = text_append(text, n, size, " %#x", p->may[v]);
	n = text_append(text, n, size, ", its last actions, the latest last:");
	for (; i < p->nr_last; i++)
		n = text_append(text, n, size, " %s", actions[p->last[i % LAST]].name);
	return n;
}

static void fail_with(struct actor *actor, ssize_t page, const char *fmt,
		      va_list args)
{
	char *text = soak_shared->text;
	const size_t size = sizeof(soak_shared->text);
	size_t n;

	if (atomic_exchange(&soak_shared->wrong, true))
		_exit(1);
	n = text_append(text, 0, size, "process %d in place %u, of seed %#llx, thread %u, %s: ",
			getpid(), actor->life->number,
			(unsigned long long)actor->life->slot->seed, actor->index,
			actions[actor->action].name);
	n = text_append_args(text, n, size, fmt, args);
	if (page >= 0)
		text_append_page(text, n, size, &actor->life->shadow, page);
	soak_shared->told = true;
	_exit(1);
}

void soak_fail(struct actor *actor, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fail_with(actor, -1, fmt, args);
	__builtin_unreachable();
}

void soak_fail_page(struct actor *actor, size_t page, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fail_with(actor, page, fmt, args);
	__builtin_unreachable();
}

void soak_wrong_page(struct actor *actor, size_t page, const char *by,
		     const void *content)
{
	char got[128];

	shadow_tell(&actor->life->shadow, content, got, sizeof(got));
	soak_fail_page(actor, page, "%s sees %s", by, got);
}

/* Record the action for the report. A race here only affects the report. */
static void page_remember(struct actor *actor, struct shadow_page *page)
{
	page->last[page->nr_last++ % LAST] = actor->action;
}

void change_begin(struct actor *actor, struct run run)
{
	struct shadow *shadow = &actor->life->shadow;

	shadow_begin(shadow, run);
	for (size_t i = run.page; i < run.page + run.pages; i++)
		page_remember(actor, &shadow->pages[i]);
}

void change_end(struct actor *actor, struct run run)
{
	shadow_end(&actor->life->shadow, run);
}

/* Of its possible versions the page has the one that was seen. */
static void shadow_learn(struct shadow *shadow, size_t page, int which)
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
	page_remember(actor, &shadow->pages[page]);
	which = shadow_which(shadow, &seen, content);
	if (which < 0)
		soak_wrong_page(actor, page, readers[reader], content);
	soak_shared->checked[reader]++;
	if (!actor->index)
		shadow_learn(shadow, page, which);
}

void check_content(struct actor *actor, struct run run, const char *content,
		   enum reader reader)
{
	for (size_t i = 0; i < run.pages; i++)
		check_page(actor, run.page + i, actor->changes[i],
			   content + i * PAGE, reader);
}

/* The first page without all of @flags; the first page of the run if all have them. */
static size_t page_without(const struct shadow *shadow, struct run run, uint8_t flags)
{
	struct run one = { run.page, 1 };

	while (one.page < run.page + run.pages && shadow_all(shadow, one, flags))
		one.page++;
	return one.page < run.page + run.pages ? one.page : run.page;
}

void check_access(struct actor *actor, struct run run, uint8_t needs, int ret,
		  enum reader reader)
{
	const struct shadow *shadow = &actor->life->shadow;
	size_t page = page_without(shadow, run, needs);
	bool may = shadow_all(shadow, run, needs);
	bool must = may && !shadow_any(shadow, run, PAGE_LOST) &&
		    !actor->life->limited;

	atomic_thread_fence(memory_order_seq_cst);
	if (!shadow_stands(shadow, run, actor->changes))
		return;
	if (!ret && !may)
		soak_fail_page(actor, page, "%s could access %zu pages from %zu, of which the process may not access all",
			       readers[reader], run.pages, run.page);
	if ((ret == -EFAULT || ret == -EPERM) && must)
		soak_fail_page(actor, page, "%s could not access %zu pages from %zu, but the process may: %s",
			       readers[reader], run.pages, run.page, strerror(-ret));
}

/*
 * Read by a system call where the page may be unavailable: the kernel returns an error
 * instead of a signal.
 */
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
