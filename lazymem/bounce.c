// SPDX-License-Identifier: GPL-2.0-only
/* Bounce buffers, which are files as well; see bounce.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bounce.h"

/*
 * Returns -1 if there can be no file. Sealed, since access to a mapping of a file that was
 * truncated gets SIGBUS. Not larger than `ulimit -f` allows: SIGXFSZ would end the program.
 */
static int bounce_file_make(size_t size)
{
	struct rlimit most;
	int file;

	if (getrlimit(RLIMIT_FSIZE, &most) || most.rlim_cur < size)
		return -1;
	file = memfd_create("lazymem", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (file < 0 || (!ftruncate(file, size) &&
			 !fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW)))
		return file;
	close(file);
	return -1;
}

static void bounce_file_close(struct bounce *bounce)
{
	if (bounce->file >= 0)
		close(bounce->file);
}

/* Without a file it is ordinary memory: only the faster way is lost. */
int bounce_make(struct bounce *bounce, size_t size)
{
	int file = bounce_file_make(size);
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			file >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, file, 0);

	*bounce = (struct bounce) { .at = at, .size = size, .file = file };
	if (at != MAP_FAILED)
		return 0;
	bounce_file_close(bounce);
	bounce->at = NULL;
	return -ENOMEM;
}

void bounce_free(struct bounce *bounce)
{
	if (!bounce->at)
		return;
	munmap(bounce->at, bounce->size);
	bounce_file_close(bounce);
	bounce->at = NULL;
}
