// SPDX-License-Identifier: GPL-2.0-only
/*
 * Starts and stops lazymem, and nbdkit behind it. Both are killed when the benchmark
 * ends (PR_SET_PDEATHSIG). The image is one file in /tmp that grows with the largest
 * testbed.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "content.h"
#include "fail.h"
#include "lazymem_process.h"

#define SERIES		1
#define IMAGE		"/tmp/bench-image"
#define SOCKET		"/tmp/bench-lazymem"
#define NBD_SOCKET	"/tmp/bench-nbd"
#define NBD_PID		"/tmp/bench-nbd.pid"

static size_t image_pages;

static struct {
	pid_t pid;
	unsigned int delay_ms;
	size_t pages;
} nbd;

static bool program_exists(const char *name)
{
	char path[4096], *folders = strdup(getenv("PATH") ?: "/bin"), *rest = folders;
	const char *folder;
	bool found = false;

	while (!found && (folder = strsep(&rest, ":"))) {
		snprintf(path, sizeof(path), "%s/%s", folder, name);
		found = !access(path, X_OK);
	}
	free(folders);
	return found;
}

const char *lazymem_process_lacks(bool by_nbd)
{
	if (!program_exists("lazymem"))
		return "no lazymem in this guest";
	if (by_nbd && !program_exists("nbdkit"))
		return "no nbdkit in this guest";
	return NULL;
}

/* The guest's /tmp is a tmpfs, so the file is in memory. */
const char *lazymem_process_image(size_t pages)
{
	char page[PAGE];
	FILE *f;

	if (image_pages >= pages)
		return IMAGE;
	f = fopen(IMAGE, "we");
	if (!f)
		die_errno("cannot make " IMAGE);
	for (size_t i = 0; i < pages; i++) {
		content_fill(page, SERIES, i, 1);
		fwrite(page, PAGE, 1, f);
	}
	if (ferror(f) || fclose(f))
		die_errno("cannot write " IMAGE);
	image_pages = pages;
	return IMAGE;
}

static pid_t program_spawn(const char *const *args, int output)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (output >= 0)
		dup2(output, STDOUT_FILENO);
	execvp(args[0], (char *const *)args);
	_exit(127);
}

static void nbd_stop(void)
{
	if (!nbd.pid)
		return;
	kill(nbd.pid, SIGKILL);
	waitpid(nbd.pid, NULL, 0);
	unlink(NBD_SOCKET);
	unlink(NBD_PID);
	nbd.pid = 0;
}

/* nbdkit writes NBD_PID when it listens. */
static void nbd_need(unsigned int delay_ms)
{
	char delay[32];
	const char *const args[] = {
		"nbdkit", "-f", "-P", NBD_PID, "-U", NBD_SOCKET, "--filter=delay",
		"file", IMAGE, delay, NULL
	};

	if (nbd.pid && nbd.delay_ms == delay_ms && nbd.pages == image_pages)
		return;
	nbd_stop();
	snprintf(delay, sizeof(delay), "rdelay=%ums", delay_ms);
	nbd.pid = program_spawn(args, -1);
	nbd.delay_ms = delay_ms;
	nbd.pages = image_pages;
	while (access(NBD_PID, F_OK)) {
		if (waitpid(nbd.pid, NULL, WNOHANG) == nbd.pid)
			die("nbdkit does not run");
		usleep(1000);
	}
}

static void lazymem_process_give(struct lazymem_process *process, int uffd,
				 const void *base)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SOCKET };
	char control[CMSG_SPACE(sizeof(uffd))] = {}, text[256];
	struct iovec iov = { .iov_base = text };
	struct msghdr header = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = (struct cmsghdr *)control;

	iov.iov_len = snprintf(text, sizeof(text),
			       "[{\"base_host_virt_addr\":%lu,\"size\":%lu,\"offset\":0,\"page_size\":%lu}]",
			       (unsigned long)base, process->pages * PAGE, PAGE);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(uffd));
	memcpy(CMSG_DATA(cmsg), &uffd, sizeof(uffd));

	process->given_ns = clock_ns();
	process->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(process->socket, (struct sockaddr *)&address, sizeof(address)) ||
	    sendmsg(process->socket, &header, MSG_NOSIGNAL) != (ssize_t)iov.iov_len)
		die_errno("lazymem does not take the memory");
}

/* lazymem's first line says that it is ready. */
static void lazymem_process_wait(int output)
{
	char c = 0;

	while (c != '\n')
		if (read(output, &c, 1) != 1)
			die("lazymem does not run");
}

void lazymem_process_start(struct lazymem_process *process, int uffd,
			   const void *base)
{
	char window[16];
	const char *const args[] = {
		"lazymem", "serve", "--json", "--socket", SOCKET,
		"--window", window, "--image",
		process->by_nbd ? "nbd+unix:///?socket=" NBD_SOCKET : IMAGE,
		process->ahead ? NULL : "--no-prefetch", NULL
	};
	int output[2];

	lazymem_process_image(process->pages);
	if (process->by_nbd)
		nbd_need(process->delay_ms);
	snprintf(window, sizeof(window), "%u", process->window_kib);
	unlink(SOCKET);
	if (pipe2(output, O_CLOEXEC))
		die_errno("pipe");
	process->pid = program_spawn(args, output[1]);
	close(output[1]);
	lazymem_process_wait(output[0]);
	/* Nothing reads the rest of the output: it fits into the pipe. */
	process->output = output[0];
	lazymem_process_give(process, uffd, base);
}

void lazymem_process_stop(struct lazymem_process *process)
{
	kill(process->pid, SIGKILL);
	waitpid(process->pid, NULL, 0);
	close(process->output);
	close(process->socket);
}

void lazymem_process_end(void)
{
	nbd_stop();
}
