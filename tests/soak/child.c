// SPDX-License-Identifier: GPL-2.0-only
/*
 * A child of the soak: it has its parent's memory as of the fork, may not use the
 * parent's devices, and the parent must not see what it writes. It may outlive the
 * parent.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "region.h"
#include "soak.h"

#define LOOKS	32
#define WRITES	8

/* A page whose content the child knows: no other process shares it. */
static bool is_own(const struct shadow_page *page, uint8_t flags)
{
	return (page->flags & flags) == flags && page->nr_may == 1 &&
	       !(page->flags & (PAGE_SHARED | PAGE_LAZY | PAGE_LOST));
}

static void child_look(struct actor *actor, int mirror)
{
	struct shadow *shadow = &actor->life->shadow;
	struct run run = { actor_draw(actor, ARENA_PAGES), 1 };
	const struct shadow_page *page = &shadow->pages[run.page];
	char *at = run_at(shadow, run);
	int ret;

	if (!is_own(page, PAGE_READ))
		return;
	if (actor_draw(actor, 2)) {
		if (shadow_which(shadow, page, at) < 0)
			soak_wrong_page(actor, run.page, "a child", at);
		return;
	}
	ret = dmirror_call(mirror, HMM_DMIRROR_READ, at, 1, actor->buffer, NULL);
	if (ret == -EFAULT && !actor->life->limited)
		soak_fail_page(actor, run.page, "a child's mirror can't read it");
	if (!ret && shadow_which(shadow, page, actor->buffer) < 0)
		soak_wrong_page(actor, run.page, "a child's mirror", actor->buffer);
}

/* Write what is no version of any page: no other process may ever see it. */
static void child_write(struct actor *actor, int mirror)
{
	struct shadow *shadow = &actor->life->shadow;
	struct run run = { actor_draw(actor, ARENA_PAGES), 1 };
	char *at = run_at(shadow, run);

	if (!is_own(&shadow->pages[run.page], PAGE_RW))
		return;
	memset(actor->buffer, 0xc1, PAGE);
	if (actor_draw(actor, 2))
		memset(at, 0xc1, PAGE);
	else if (dmirror_call(mirror, HMM_DMIRROR_WRITE, at, 1, actor->buffer, NULL))
		return;
	if (memcmp(at, actor->buffer, PAGE))
		soak_wrong_page(actor, run.page, "a child that wrote 0xc1 there", at);
}

static void child_is_refused(struct actor *actor)
{
	struct life *life = actor->life;
	struct hmm_region_access access = {
		.guest_pfn = SOAK_GUEST, .length = 1, .access = HMM_REGION_READ,
		.data = (uintptr_t)actor->buffer,
	};
	int ret = dmirror_call(life->mirrors[0], HMM_DMIRROR_READ, life->shadow.base,
			       1, actor->buffer, NULL);

	if (ret != -EACCES)
		soak_fail(actor, "a child's use of its parent's mirror gave %d", ret);
	ret = region_access(life->partitions[0], &access);
	if (ret != -EACCES)
		soak_fail(actor, "a child's use of its parent's guest gave %d", ret);
}

void child_run(struct actor *actor, uint64_t random)
{
	int mirror = open("/dev/hmm_dmirror1", O_RDWR | O_CLOEXEC);

	actor->random = random;
	actor->action = action_of_child();
	child_is_refused(actor);
	for (int i = 0; i < LOOKS && !soak_shared->stop; i++)
		child_look(actor, mirror);
	for (int i = 0; i < WRITES && !soak_shared->stop; i++)
		child_write(actor, mirror);
	count_act(actor->action, 0);
	switch (actor_draw(actor, 3)) {
	case 0:
		execl("/bin/true", "true", NULL);
		break;
	case 1:
		kill(getpid(), SIGKILL);
	}
	_exit(0);
}
