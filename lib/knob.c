// SPDX-License-Identifier: GPL-2.0-only
/* Writes the kernel's files of one value, and restores what was lent. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fail.h"
#include "harness.h"
#include "knob.h"

#define LENT_MAX	16

/* Shared with the process of a case, which may end at any point. */
static struct lent {
	unsigned int n;
	struct {
		char path[128];
		char text[64];
	} knobs[LENT_MAX];
} *lent;

void knobs_init(void)
{
	lent = mmap(NULL, sizeof(*lent), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (lent == MAP_FAILED)
		die_errno("mmap");
}

void knob_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		FAIL("cannot write %s to %s: %s", text, path, strerror(errno));
	close(fd);
}

static void knob_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	if (n < 0)
		FAIL("cannot read %s: %s", path, strerror(errno));
	text[n] = '\0';
	close(fd);
}

static bool is_lent(const char *path)
{
	for (unsigned int i = 0; i < lent->n; i++)
		if (!strcmp(lent->knobs[i].path, path))
			return true;
	return false;
}

static void knob_remember(const char *path)
{
	unsigned int i = lent->n;

	CHECK_REL(i, <, LENT_MAX);
	CHECK_REL(strlen(path), <, sizeof(lent->knobs[i].path));
	strcpy(lent->knobs[i].path, path);
	knob_read(path, lent->knobs[i].text, sizeof(lent->knobs[i].text));
	lent->n++;
}

void knob_lend(const char *path, const char *text)
{
	if (!is_lent(path))
		knob_remember(path);
	knob_write(path, text);
}

void knobs_give_back(void)
{
	while (lent->n) {
		lent->n--;
		knob_write(lent->knobs[lent->n].path,
			   lent->knobs[lent->n].text);
	}
}

void knob_write_number(const char *path, size_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%zu", number);
	knob_write(path, text);
}

size_t knob_read_number(const char *path)
{
	FILE *f = fopen(path, "re");
	size_t number;

	if (!f || fscanf(f, "%zu", &number) != 1)
		FAIL("cannot read %s", path);
	fclose(f);
	return number;
}
