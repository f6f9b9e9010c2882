// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random calls of the device with random and hostile arguments, from several threads,
 * while the address space changes.
 *
 * A process of its own makes the calls. It shares only one page with this process, for
 * its counts. Afterwards nothing of it may be left: no reference on the modules, no
 * mirror, no address space, no memory. All the time the device's page table is compared
 * with the CPU's.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "area.h"
#include "dmirror.h"
#include "harness.h"
#include "suites.h"
#include "module.h"
#include "stats.h"

#define SECONDS		20
#define PAGES		2048
#define CALLERS		4
#define CHANGERS	2
#define CALL_PAGES	64
#define DEVICES		HMM_DMIRROR_NDEVICES

/* By how much free memory may differ without a leak: the kernel's own caches change. */
#define NOISE_KIB	8192

struct tally {
	atomic_ulong calls, successes, compared, mapped, changes;
	atomic_ulong errors[200];
};

struct fuzz {
	struct tally *tally;
	char *at;
	int fds[DEVICES];
	atomic_bool stop;
};

static struct fuzz fuzz;

static const unsigned long numbers[] = {
	HMM_DMIRROR_READ, HMM_DMIRROR_WRITE, HMM_DMIRROR_MIGRATE_TO_DEV,
	HMM_DMIRROR_MIGRATE_TO_SYS, HMM_DMIRROR_SNAPSHOT, HMM_DMIRROR_EXCLUSIVE,
	HMM_DMIRROR_CHECK_EXCLUSIVE, HMM_DMIRROR_RELEASE, HMM_DMIRROR_FLAGS,
	HMM_DMIRROR_READ_UNLOCKED, HMM_DMIRROR_POPULATE, HMM_DMIRROR_PREFETCH,
	HMM_DMIRROR_CANCEL, HMM_DMIRROR_COMPARE, HMM_DMIRROR_POPULATE_DEV,
	HMM_DMIRROR_MOVE,
	_IOWR('H', 0x0a, struct hmm_dmirror_cmd), _IO('H', 0x00),
};

/*
 * Addresses where no process has memory: a device that reads into them overwrites
 * nothing.
 */
static uint64_t hostile_value(unsigned int *seed)
{
	static const uint64_t values[] = {
		0, 1, PAGE - 1, PAGE, 1ULL << 20, 1ULL << 31, 1ULL << 47,
		(1ULL << 47) - PAGE, 1ULL << 52, (1ULL << 52) + 1, 1ULL << 63,
		0xffff800000000000, UINT64_MAX, UINT64_MAX & ~(PAGE - 1),
	};
	uint64_t noise = rand_r(seed) % PAGE;

	return values[rand_r(seed) % ARRAY_SIZE(values)] ^
	       (rand_r(seed) % 4 ? 0 : noise);
}

/* Mostly arguments that can work, or only refusals would be tested. */
static struct hmm_dmirror_cmd random_cmd(unsigned int *seed,
					 unsigned long number, char *buffer)
{
	size_t pages = 1 + rand_r(seed) % CALL_PAGES;
	struct hmm_dmirror_cmd cmd = {
		.addr = (uintptr_t)fuzz.at + rand_r(seed) % PAGES * PAGE,
		.ptr = (uintptr_t)buffer,
		.npages = pages,
		.cpages = rand_r(seed),
		.faults = rand_r(seed),
	};

	if (number == HMM_DMIRROR_POPULATE_DEV)
		memset(buffer, rand_r(seed) % 4, pages);
	else if (number >= HMM_DMIRROR_POPULATE)
		cmd.ptr = rand_r(seed) % 4;
	switch (rand_r(seed) % 16) {
	case 0:
		cmd.addr = hostile_value(seed);
		break;
	case 1:
		cmd.ptr = hostile_value(seed);
		break;
	case 2:
		cmd.npages = hostile_value(seed);
		break;
	case 3:
		cmd.ptr = (uintptr_t)fuzz.at + rand_r(seed) % PAGES * PAGE;
		break;
	}
	if (number == HMM_DMIRROR_CANCEL && rand_r(seed) % 2)
		cmd.npages = 1;
	return cmd;
}

static void tally_count(int error)
{
	fuzz.tally->calls++;
	if (error)
		fuzz.tally->errors[error]++;
	else
		fuzz.tally->successes++;
}

static void device_compare(int fd, uint64_t what)
{
	struct hmm_dmirror_cmd cmd;

	if (dmirror_call(fd, HMM_DMIRROR_COMPARE, fuzz.at, PAGES,
			 (void *)(uintptr_t)what, &cmd))
		return;
	fuzz.tally->compared++;
	fuzz.tally->mapped += cmd.cpages;
	if (cmd.faults)
		FAIL("the device has %llu pages that the CPU has not",
		     (unsigned long long)cmd.faults);
}

/*
 * A buffer as long as the longest read, followed by inaccessible addresses: some calls
 * ask for more.
 */
static char *new_buffer(void)
{
	char *buffer = area_reserve(PAGES * PAGE);

	CHECK_EQ(mprotect(buffer, PAGES * PAGE, PROT_READ | PROT_WRITE), 0);
	return buffer;
}

static void *caller_thread(void *arg)
{
	unsigned int seed = (uintptr_t)arg;
	char *buffer = new_buffer();
	struct hmm_dmirror_cmd cmd;
	unsigned long number;
	int fd;

	while (!fuzz.stop) {
		fd = fuzz.fds[rand_r(&seed) % DEVICES];
		number = numbers[rand_r(&seed) % ARRAY_SIZE(numbers)];
		cmd = random_cmd(&seed, number, buffer);
		tally_count(ioctl(fd, number, rand_r(&seed) % 64 ? (void *)&cmd :
				  (void *)hostile_value(&seed)) ? errno : 0);
		if (!(rand_r(&seed) % 8))
			device_compare(fd, HMM_DMIRROR_COMPARE_MAPPED);
	}
	return NULL;
}

/* Only the fuzz uses this memory: any change is allowed, and may fail. */
static void memory_change(unsigned int *seed)
{
	size_t pages = 1 + rand_r(seed) % 512;
	char *at = fuzz.at + rand_r(seed) % (PAGES - pages) * PAGE;
	size_t length = pages * PAGE;
	static const int protections[] = {
		PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE,
		PROT_READ | PROT_WRITE,
	};

	switch (rand_r(seed) % 7) {
	case 0:
		munmap(at, length);
		break;
	case 1:
	case 2:
		mmap(at, length, PROT_READ | PROT_WRITE, MAP_FIXED |
		     MAP_ANONYMOUS | (rand_r(seed) % 2 ? MAP_PRIVATE :
				      MAP_SHARED), -1, 0);
		break;
	case 3:
		mprotect(at, length, protections[rand_r(seed) % 4]);
		break;
	case 4:
		madvise(at, length, MADV_DONTNEED);
		break;
	case 5:
		mremap(at, length, length, MREMAP_MAYMOVE | MREMAP_FIXED,
		       fuzz.at + rand_r(seed) % (PAGES - pages) * PAGE);
		break;
	case 6:
		madvise(at, length, rand_r(seed) % 2 ? MADV_PAGEOUT :
						       MADV_HUGEPAGE);
		break;
	}
}

static void *changer_thread(void *arg)
{
	unsigned int seed = (uintptr_t)arg;

	for (; !fuzz.stop; fuzz.tally->changes++)
		memory_change(&seed);
	return NULL;
}

/* Cancel: some calls ask for all of the address space. */
static void cancel_all(void)
{
	for (size_t i = 0; i < DEVICES; i++)
		CHECK_EQ(dmirror_cancel(fuzz.fds[i]), 0);
	sched_yield();
}

static void fuzz_run(unsigned int seed)
{
	pthread_t threads[CALLERS + CHANGERS];
	size_t ended, failed;

	fuzz.at = area_reserve(PAGES * PAGE);
	for (size_t i = 0; i < DEVICES; i++)
		fuzz.fds[i] = dmirror_open(i);
	for (uintptr_t i = 0; i < ARRAY_SIZE(threads); i++)
		CHECK_EQ(pthread_create(&threads[i], NULL,
					i < CALLERS ? caller_thread : changer_thread,
					(void *)(seed + i)), 0);
	nanosleep(&(struct timespec){ .tv_sec = SECONDS }, NULL);
	fuzz.stop = true;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		while (pthread_tryjoin_np(threads[i], NULL))
			cancel_all();
	cancel_all();
	for (size_t i = 0; i < DEVICES; i++) {
		CHECK_EQ(dmirror_wait(fuzz.fds[i], &ended, &failed), 0);
		device_compare(fuzz.fds[i], 0);
	}
	exit(0);
}

/* Free pages that a CPU keeps to itself are not in MemFree, and can be many. */
static uint64_t free_kib(void)
{
	return stats_sum("/proc/meminfo", "MemFree:") +
	       stats_sum("/proc/zoneinfo", "count:") * (PAGE / 1024);
}

/*
 * Memory that is freed behind a grace period comes back a little later. What KASAN
 * holds in quarantine does not: up to a 32nd of all memory.
 */
static void memory_is_back(uint64_t before)
{
	uint64_t noise = NOISE_KIB;

	if (kernel_has_function("kasan_quarantine_put"))
		noise += stats_sum("/proc/meminfo", "MemTotal:") / 32;
	note("%llu KiB were free before, %llu are now",
	     (unsigned long long)before, (unsigned long long)free_kib());
	while (free_kib() + noise < before)
		sched_yield();
}

static void fuzz_ioctls(const void *unused)
{
	unsigned int seed = time(NULL);
	uint64_t before;
	pid_t pid;

	note("seed %u", seed);
	swap_new(2 * PAGES * PAGE);
	before = free_kib();
	fuzz.tally = mmap(NULL, sizeof(*fuzz.tally), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(fuzz.tally != MAP_FAILED);
	pid = child_fork();
	if (!pid)
		fuzz_run(seed);
	child_passes(pid);
	CHECK_EQ(swapoff(ZRAM), 0);

	note("%lu calls, %lu succeeded; %lu times compared, %lu pages mapped; %lu changes",
	     fuzz.tally->calls, fuzz.tally->successes, fuzz.tally->compared,
	     fuzz.tally->mapped, fuzz.tally->changes);
	for (size_t i = 0; i < ARRAY_SIZE(fuzz.tally->errors); i++)
		if (fuzz.tally->errors[i])
			note("%lu times %s", fuzz.tally->errors[i],
			     strerror(i));
	CHECK_REL(fuzz.tally->successes, >, 0);
	CHECK_REL(fuzz.tally->mapped, >, 0);
	CHECK_EQ(mirror_total("in_flight"), 0);
	CHECK_EQ(module_references(DMIRROR_MODULE), 0);
	memory_is_back(before);
}

void suite_fuzz(void)
{
	add_slow_case(300, fuzz_ioctls, NULL, "fuzz/ioctls");
}
