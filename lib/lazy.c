// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "content.h"
#include "fail.h"
#include "lazy.h"
#include "memory.h"

void lazy_map(struct server *server)
{
	int error;

	server->base = memory_map(server->pages, MADV_NOHUGEPAGE);
	server->uffd = uffd_open(0, 0);
	if (server->uffd < 0)
		die("userfaultfd: %s", strerror(-server->uffd));
	error = uffd_register(server->uffd, server->base, server->pages * PAGE,
			      UFFDIO_REGISTER_MODE_MISSING);
	if (error)
		die("userfaultfd does not take the memory: %s",
		    strerror(-error));
	server_start(server);
}

void lazy_unmap(struct server *server)
{
	server_stop(server);
	close(server->uffd);
	memory_unmap(server->base, server->pages);
}
