// SPDX-License-Identifier: GPL-2.0-only
/* Memory that a server fills, and poison in it. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"
#include "knob.h"
#include "uffd.h"

/* Huge pages of 2 MiB in the guest's pool. */
#define HUGE_POOL	"8"

struct memory memory_make(size_t pages, int flags, uint64_t features, uint64_t mode)
{
	struct memory memory = { .pages = pages, .page_size = PAGE };
	char why[LAZYMEM_WHY];
	uint64_t has;
	int error;

	if (flags & MAP_HUGETLB) {
		memory.page_size = HUGE;
		if (fixture_in_guest)
			knob_lend("/proc/sys/vm/nr_hugepages", HUGE_POOL);
	}
	memory.base = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
			   flags & MAP_HUGETLB ? flags : flags | MAP_NORESERVE,
			   -1, 0);
	if (memory.base == MAP_FAILED)
		skip("no memory with these flags: %s", strerror(errno));
	/* The case is about small pages, and huge ones hide faults. */
	madvise(memory.base, pages * PAGE, MADV_NOHUGEPAGE);
	memory.uffd = lazymem_uffd(features, 0, &has, why);
	if (memory.uffd < 0)
		skip("%s", why);
	error = uffd_register(memory.uffd, memory.base, pages * PAGE, mode);
	CHECK_EQ(error, 0);
	return memory;
}

const char *memory_list(const struct memory *memory)
{
	static char text[256];

	snprintf(text, sizeof(text),
		 "[{\"base_host_virt_addr\":%lu,\"size\":%lu,\"offset\":0,\"page_size\":%zu,\"page_size_kib\":%zu}]",
		 (unsigned long)memory->base, memory->pages * PAGE, memory->page_size,
		 memory->page_size);
	return text;
}

void memory_serve(struct memory *memory, const struct lazymem_server *server)
{
	memory->socket = server_send(server, memory_list(memory), memory->uffd);
}

int client_process(int (*client)(const struct lazymem_server *server),
		   const struct lazymem_server *server)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* Sanitizers have a handler. */
		signal(SIGBUS, SIG_DFL);
		_exit(client(server));
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

bool client_was_lost(int status)
{
	return WIFSIGNALED(status) &&
	       WTERMSIG(status) == (memory_can_poison() ? SIGBUS : SIGKILL);
}

struct memory memory_served(const struct lazymem_server *server, size_t pages,
			    uint64_t features)
{
	struct memory memory = memory_make(pages, MAP_PRIVATE | MAP_ANONYMOUS,
					   features, UFFDIO_REGISTER_MODE_MISSING);

	memory_serve(&memory, server);
	return memory;
}

/* SIGBUS is raised by the access itself, so jumping out of its handler is safe. */
static sigjmp_buf memory_bus_error;

static void memory_on_bus_error(int signal)
{
	siglongjmp(memory_bus_error, signal);
}

bool memory_is_poisoned(const volatile char *at)
{
	struct sigaction action = { .sa_handler = memory_on_bus_error }, old;
	bool poisoned = true;

	sigaction(SIGBUS, &action, &old);
	if (!sigsetjmp(memory_bus_error, 1)) {
		*at;
		poisoned = false;
	}
	sigaction(SIGBUS, &old, NULL);
	return poisoned;
}

/* UFFD_FEATURE_POISON came with 6.6. */
bool memory_can_poison(void)
{
	struct utsname name;
	int major = 0, minor = 0;

	uname(&name);
	sscanf(name.release, "%d.%d", &major, &minor);
	return major > 6 || (major == 6 && minor >= 6);
}
