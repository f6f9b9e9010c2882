// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile page server: it stalls, brings zeros or poison, wakes a fault without an
 * answer, and dies. Only the server has the userfaultfd, so its death wakes all waiting
 * faults, and missing pages are plain memory from then on.
 */
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "soak.h"
#include "uffd.h"

#define STALL_MOST_MS	200
#define SERVED_PAGES	8

struct server_of {
	struct life *life;
	int uffd;
	uint64_t random;
	char *buffer;
};

static int page_bring(struct server_of *server, size_t page)
{
	size_t pages = 1 + random_draw(&server->random, SERVED_PAGES), n;
	const struct shadow *shadow = &server->life->shadow;
	char *at = shadow->base + page * PAGE;

	if (page + pages > ARENA_PAGES)
		pages = 1;
	for (n = 0; n < pages; n++)
		shadow_fill(shadow, server->buffer + n * PAGE,
			    VERSION_SERVED | (page + n));
	soak_shared->server.brought++;
	if (uffd_copy_some(server->uffd, at, server->buffer, pages * PAGE) < PAGE)
		return uffd_wake(server->uffd, at, PAGE);
	return 0;
}

static int page_zero(struct server_of *server, char *at)
{
	soak_shared->server.zeroed++;
	return uffd_zeropage(server->uffd, at, PAGE);
}

static int page_poison(struct server_of *server, char *at)
{
	int ret = uffd_poison(server->uffd, at, PAGE);

	if (!ret)
		soak_shared->server.poisoned++;
	return ret;
}

static int page_wake(struct server_of *server, char *at)
{
	soak_shared->server.woken++;
	return uffd_wake(server->uffd, at, PAGE);
}

static void server_stall(struct server_of *server)
{
	soak_shared->server.stalled++;
	poll(NULL, 0, random_draw(&server->random, STALL_MOST_MS));
}

static void page_answer(struct server_of *server, size_t page)
{
	char *at = server->life->shadow.base + page * PAGE;
	int ret = -1;

	switch (random_draw(&server->random, 64)) {
	case 0:
	case 1:
		server_stall(server);
		break;
	case 2:
	case 3:
		ret = page_zero(server, at);
		break;
	case 4:
		ret = page_poison(server, at);
		break;
	case 5:
		ret = page_wake(server, at);
		break;
	case 6:
		soak_shared->server.died++;
		_exit(0);
	}
	if (ret)
		page_bring(server, page);
}

void server_run(struct life *life, int uffd, uint64_t random)
{
	struct server_of server = { .life = life, .uffd = uffd, .random = random };
	struct uffd_msg msg;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	munmap(life->shadow.base, ARENA_PAGES * PAGE);
	server.buffer = mmap(NULL, SERVED_PAGES * PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (server.buffer == MAP_FAILED)
		_exit(0);
	/*
	 * Or the server would keep a mirror open that its process has closed; some
	 * servers do, to test that.
	 */
	for (int i = 0; i < HMM_DMIRROR_NDEVICES; i += 1 + random_draw(&server.random, 2))
		close(life->mirrors[i]);
	while (!soak_shared->stop && getppid() == life->slot->pid) {
		if (!uffd_next(uffd, &msg, 100))
			continue;
		if (msg.event == UFFD_EVENT_PAGEFAULT)
			page_answer(&server, (msg.arg.pagefault.address -
					      (uintptr_t)life->shadow.base) / PAGE);
	}
	_exit(0);
}
