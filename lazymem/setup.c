// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opening a userfaultfd for the caller's own memory: lazymem_uffd().
 *
 * Two ways lead to one: /dev/userfaultfd (6.1 and newer), whose file mode decides who may,
 * and the system call, which takes a capability or a sysctl.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lazymem.h"
#include "uffd_abi.h"

/* The device first: it needs no capability. The error is the system call's. */
static int setup_open(void)
{
	int device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
	int uffd = -1, error;

	if (device >= 0) {
		uffd = ioctl(device, USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK);
		close(device);
	}
	if (uffd < 0)
		uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	error = errno;
	return uffd < 0 ? -error : uffd;
}

/* Explain @error, and return it. */
static int setup_refused(int error, char why[LAZYMEM_WHY])
{
	if (error == -EPERM)
		snprintf(why, LAZYMEM_WHY, "no right to use userfaultfd: it takes CAP_SYS_PTRACE, access to /dev/userfaultfd, or sysctl vm.unprivileged_userfaultfd=1");
	else if (error == -ENOSYS)
		snprintf(why, LAZYMEM_WHY, "this kernel has no userfaultfd (CONFIG_USERFAULTFD), or a filter of the container hides it");
	else
		snprintf(why, LAZYMEM_WHY, "cannot open a userfaultfd: %s",
			 strerror(-error));
	return error;
}

/*
 * Which features the kernel has. UFFDIO_API can be called once on a descriptor, and fails
 * with features that the kernel lacks. So another descriptor is asked.
 */
static int setup_ask_features(uint64_t *features)
{
	struct uffdio_api api = { .api = UFFD_API };
	int uffd = setup_open();
	int error = 0;

	if (uffd < 0)
		return uffd;
	if (ioctl(uffd, UFFDIO_API, &api))
		error = -errno;
	*features = api.features;
	close(uffd);
	return error;
}

int lazymem_uffd(uint64_t needed, uint64_t wanted, uint64_t *features,
		 char why[LAZYMEM_WHY])
{
	struct uffdio_api api = { .api = UFFD_API };
	uint64_t has = 0;
	int error = setup_ask_features(&has), uffd;

	if (error)
		return setup_refused(error, why);
	if (needed & ~has) {
		snprintf(why, LAZYMEM_WHY, "this kernel's userfaultfd lacks features 0x%" PRIx64,
			 needed & ~has);
		return -EOPNOTSUPP;
	}
	uffd = setup_open();
	if (uffd < 0)
		return setup_refused(uffd, why);
	api.features = needed | (wanted & has);
	if (ioctl(uffd, UFFDIO_API, &api)) {
		error = -errno;
		close(uffd);
		/* -EPERM: EVENT_FORK takes CAP_SYS_PTRACE even by the device. */
		return setup_refused(error, why);
	}
	*features = needed | (wanted & has);
	return uffd;
}
