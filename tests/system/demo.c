// SPDX-License-Identifier: GPL-2.0-only
/*
 * The demonstrations as users run them: hmmu-demo and hmmu-restore, with lazymem in
 * them.
 *
 * They compare contents themselves and exit with an error on a difference; here their
 * counts are checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "area.h"
#include "content.h"
#include "harness.h"
#include "suites.h"

#define MIB_PAGES	256
#define BATCH		4	/* pages that the demonstration's page server brings for one fault */
#define MIB		"4"	/* the size of the memory that is restored */
#define PAGES		(4 * MIB_PAGES)

/* What a program has written, and its exit status. */
struct output {
	char text[16384];
	int status;
};

static void need_io_uring(void)
{
	if (syscall(SYS_io_uring_setup, 0, NULL) < 0 && errno == ENOSYS)
		skip("this kernel has no io_uring");
}

static void program_exec(char *const words[], int to)
{
	dup2(to, STDOUT_FILENO);
	dup2(to, STDERR_FILENO);
	execvp(words[0], words);
	_exit(127);
}

static void output_collect(struct output *output, int from)
{
	size_t length = 0;
	ssize_t n;

	while ((n = read(from, output->text + length,
			 sizeof(output->text) - 1 - length)) > 0)
		length += n;
	CHECK_EQ(n, 0);
	CHECK_REL(length, <, sizeof(output->text) - 1);
	output->text[length] = '\0';
}

static struct output *program_run(char *const words[])
{
	static struct output output;
	int ends[2], status;
	pid_t pid;

	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	pid = child_fork();
	if (!pid)
		program_exec(words, ends[1]);
	close(ends[1]);
	output_collect(&output, ends[0]);
	close(ends[0]);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	output.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return &output;
}

#define RUN(...) program_run((char *const []){ __VA_ARGS__, "--plain", NULL })

static struct output *output_good(struct output *output)
{
	if (output->status)
		FAIL("it ended with status %d: %s", output->status, output->text);
	return output;
}

/* The text behind @label, from @from on. */
static const char *text_after(const char *from, const char *label)
{
	const char *at = strstr(from, label);

	if (!at)
		FAIL("no \"%s\" in: %s", label, from);
	return at + strlen(label);
}

static unsigned long long count_after(const struct output *output, const char *label)
{
	return strtoull(text_after(output->text, label), NULL, 10);
}

struct row {
	unsigned long long pages, faults, drops, restarts, entries;
};

static struct row row_of(const struct output *output, const char *name)
{
	struct row row;

	CHECK_EQ(sscanf(text_after(output->text, name), "%llu %llu %llu %llu %llu", &row.pages,
			&row.faults, &row.drops, &row.restarts, &row.entries), 5);
	return row;
}

/*
 * With one fault in flight there is one fault a batch. The first one is made again if it comes
 * before the session has begun, which wakes all faults that wait.
 */
static void demo_compares(const void *unused)
{
	struct output *output;
	struct row restart, ours;

	need_io_uring();
	output = output_good(RUN("hmmu-demo", "--size", MIB));
	restart = row_of(output, "\n  restart on each drop ");
	note("beginning again: %llu faults, %llu drops", restart.faults, restart.drops);
	CHECK_EQ(restart.pages, PAGES);
	CHECK_REL(restart.faults, >=, PAGES / BATCH);
	CHECK_REL(restart.faults, <=, PAGES / BATCH + 1);
	CHECK_EQ(restart.drops, restart.faults);
	CHECK_EQ(restart.restarts, restart.faults);

	ours = row_of(output, "\n  ours ");
	CHECK_EQ(ours.pages, PAGES);
	/* Several faults in flight may be for pages of the same batch. */
	CHECK_REL(ours.faults, >=, PAGES / BATCH);
	CHECK_REL(ours.faults, <=, PAGES);
	CHECK_EQ(ours.restarts, 0);
	/*
	 * One entry more for each time that more faults in flight were tried without
	 * success.
	 */
	CHECK_REL(ours.entries, <=, 3 * PAGES + PAGES / 8);
	CHECK_REL(restart.entries, >, 10 * ours.entries);
}

/* Each virtual CPU has read each page, and each page came for a fault or unasked. */
static void demo_restore(const void *unused)
{
	struct output *output;

	need_io_uring();
	output = output_good(RUN("hmmu-restore", "--size", MIB, "--vcpus", "3"));
	CHECK_EQ(count_after(output, "accesses  "), 3 * PAGES);
	CHECK_REL(count_after(output, "intercepts  "), >=, PAGES);
	CHECK_REL(count_after(output, "brought unasked  "), <=, PAGES);
	CHECK_REL(count_after(output, "faults answered  ") +
		  count_after(output, "brought unasked  "), >=, PAGES);
}

/* The restored part ends inside a page, and the file is longer than that. */
static void demo_part_of_a_file(const void *variant)
{
	char path[] = "/tmp/hmmu-test-XXXXXX", page[PAGE], *program = (char *)variant;
	int fd;

	need_io_uring();
	fd = mkstemp(path);
	CHECK_REL(fd, >=, 0);
	for (unsigned int i = 0; i < 16; i++) {
		content_fill(page, 1, i, 1);
		CHECK_EQ(write(fd, page, PAGE), PAGE);
	}
	close(fd);
	output_good(RUN(program, "--file", path, "--bytes", "50001"));
	unlink(path);
}

/* Both ways report a first access; the second report is that with the page server. */
static void demo_restore_delay(const void *unused)
{
	static const char label[] = "first access after ";
	struct output *output;
	const char *lazily;

	need_io_uring();
	output = output_good(RUN("hmmu-restore", "--size", "1", "--delay", "200000"));
	lazily = text_after(text_after(output->text, label), label);
	CHECK_REL(strtod(lazily, NULL), >=, 200);
}

static void demo_no_file(const void *variant)
{
	struct output *output = RUN((char *)variant, "--file", "/nothing/here");

	CHECK_EQ(output->status, 2);
	text_after(output->text, "cannot open /nothing/here: No such file or directory");
}

void suite_demo(void)
{
	add_case(demo_compares, NULL, "demo/compares");
	add_case(demo_part_of_a_file, "hmmu-demo", "demo/part-of-a-file");
	add_case(demo_no_file, "hmmu-demo", "demo/no-file");
	add_case(demo_restore, NULL, "demo/restore");
	add_case(demo_part_of_a_file, "hmmu-restore", "demo/restore/part-of-a-file");
	add_case(demo_no_file, "hmmu-restore", "demo/restore/no-file");
	add_case(demo_restore_delay, NULL, "demo/restore/delay");
}
