// SPDX-License-Identifier: GPL-2.0-only
/* Sessions by the library's calls: a thread of the case, which is its own client. */
#include "fixture.h"

struct lazymem *session_of(const struct lazymem_options *options, const struct memory *memory)
{
	struct lazymem_range range = {
		(uintptr_t)memory->base, memory->pages * PAGE, 0, memory->page_size,
	};
	char why[LAZYMEM_WHY] = "";
	struct lazymem *session = lazymem_new(options, NULL, memory->uffd, -1, &range, 1,
					      why);

	if (!session)
		FAIL("%s", why);
	return session;
}

static void *session_main(void *session)
{
	lazymem_run(session);
	return NULL;
}

pthread_t session_run(struct lazymem *session)
{
	pthread_t thread;

	CHECK(session);
	CHECK_EQ(pthread_create(&thread, NULL, session_main, session), 0);
	return thread;
}

void session_end(struct lazymem *session, pthread_t thread)
{
	lazymem_stop(session, LAZYMEM_DROP);
	pthread_join(thread, NULL);
	lazymem_free(session);
}
