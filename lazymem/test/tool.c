// SPDX-License-Identifier: GPL-2.0-only
/*
 * `lazymem serve` as its user sees it: command line, output, socket, signals; and what
 * clients can say after their list.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fail.h"
#include "fixture.h"
#include "uffd.h"

#define PAGES	512

/* What a run of the program gave. */
struct outcome {
	int status;
	char out[8192];
	char err[4096];
};

static void outcome_read(const char *path, char *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, to, size - 1);

	to[length > 0 ? length : 0] = '\0';
	close(fd);
}

/* @out: where standard output goes; NULL: it is read; "": it is closed, and so is the input. */
static struct outcome program_run(const char *out, const char *const *args)
{
	const char *files[] = { fixture_path("out"), fixture_path("err") };
	struct outcome outcome = {};
	const char *all[16] = { "lazymem" };
	pid_t pid;

	for (int i = 0; i < 14 && args[i]; i++)
		all[i + 1] = args[i];
	pid = fork();
	if (!pid) {
		int fd = open(out && *out ? out : files[0], O_RDWR | O_CREAT | O_TRUNC, 0600);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(fd, STDOUT_FILENO);
		dup2(open(files[1], O_RDWR | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
		if (out && !*out) {
			close(STDIN_FILENO);
			close(STDOUT_FILENO);
		}
		execv(fixture_program, (char **)all);
		_exit(127);
	}
	CHECK_EQ(waitpid(pid, &outcome.status, 0), pid);
	CHECK(WIFEXITED(outcome.status));
	outcome.status = WEXITSTATUS(outcome.status);
	if (!out)
		outcome_read(files[0], outcome.out, sizeof(outcome.out));
	outcome_read(files[1], outcome.err, sizeof(outcome.err));
	return outcome;
}

static bool is_one_line(const char *text)
{
	const char *end = strchr(text, '\n');

	return end && !end[1];
}

static void case_version(const void *variant)
{
	const char *const version[] = { "--version", NULL }, *const help[] = { "--help", NULL };
	const char *const serve_help[] = { "serve", "--help", NULL };
	struct outcome outcome = program_run(NULL, version);

	CHECK_EQ(outcome.status, 0);
	CHECK(!strncmp(outcome.out, "lazymem ", 8) && is_one_line(outcome.out));
	outcome = program_run(NULL, help);
	CHECK_EQ(outcome.status, 0);
	CHECK(strstr(outcome.out, "--on-lost") && !*outcome.err);
	outcome = program_run(NULL, serve_help);
	CHECK_EQ(outcome.status, 0);
	CHECK(strstr(outcome.out, "--on-lost"));
	outcome = program_run("/dev/full", help);
	CHECK_EQ(outcome.status, 1);
	CHECK(strstr(outcome.err, "No space left"));
	outcome = program_run("", version);
	CHECK_EQ(outcome.status, 1);
	CHECK(strstr(outcome.err, "cannot write"));
}

#define SERVE	"serve", "--socket", "/nowhere/s", "--image", "/nowhere/i"

/* One line says what is wrong; with --json it is a JSON line on standard output. */
static void case_wrong_options(const void *variant)
{
	static const struct {
		const char *args[12], *says;
	} wrong[] = {
		{ { NULL }, "what to do is missing" },
		{ { "help" }, "not \"help\"" },
		{ { "serve" }, "--socket is missing" },
		{ { "serve", "--socket", "s" }, "--image is missing" },
		{ { "serve", "--socket", "", "--image", "i" }, "--socket needs a path" },
		{ { "serve", "--socket" }, "--socket needs a value" },
		{ { SERVE, "more" }, "unexpected \"more\"" },
		{ { SERVE, "--bogus" }, "no option \"--bogus\"" },
		{ { SERVE, "--no-prefetch=1" }, "has no value" },
		{ { SERVE, "--window", "5" }, "8, 16, 32" },
		{ { SERVE, "--window", "512" }, "8, 16, 32" },
		{ { SERVE, "--window", "16k" }, "16k" },
		{ { SERVE, "--on-lost", "fill" }, "poison, kill or drop" },
		{ { SERVE, "--on-exit", "kill" }, "fill, poison or drop" },
		{ { SERVE, "--log", "loud" }, "quiet, error, info or debug" },
		{ { SERVE, "--socket-mode", "0888" }, "octal" },
		{ { SERVE, "--socket-owner", "no-such-user" }, "no user \"no-such-user\"" },
		{ { SERVE, "--socket-owner", "" }, "USER:GROUP" },
		{ { SERVE }, "No such file" },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct outcome outcome = program_run(NULL, wrong[i].args);

		CHECK_EQ(outcome.status, 2);
		CHECK(is_one_line(outcome.err) && strstr(outcome.err, wrong[i].says));
		CHECK(!*outcome.out);
	}
}

/* The same with --json, wherever it stands: a JSON line on standard output. */
static void case_wrong_json(const void *variant)
{
	static const struct {
		const char *args[12], *says;
	} wrong[] = {
		{ { "--json" }, "what to do is missing" },
		{ { "serve", "--socket", "--json" }, "--image is missing" },
		{ { SERVE, "--bogus", "--json" }, "no option \\\"--bogus\\\"" },
		{ { "serve", "--json", "--window", "5" }, "8, 16, 32" },
		{ { SERVE, "--json" }, "No such file" },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct outcome outcome = program_run(NULL, wrong[i].args);
		bool json = i != 1;

		note("%s%s", outcome.out, outcome.err);
		CHECK_EQ(outcome.status, 2);
		CHECK(is_one_line(json ? outcome.out : outcome.err));
		CHECK(strstr(json ? outcome.out : outcome.err, wrong[i].says));
		CHECK_EQ(!!strstr(outcome.out, "{\"event\":\"error\""), json);
		CHECK(!*(json ? outcome.err : outcome.out));
	}
}

/* Output that cannot be written: the program does not begin, or tells and has status 1. */
static void case_output(const void *variant)
{
	const char *image = image_make(PAGES), *path = fixture_path("socket");
	const char *const json[] = { "serve", "--socket", path, "--image", image, "--json", NULL };
	/* The second file that it opens must not become its output. */
	const char *const record[] = { "serve", "--socket", path, "--image", image, "--json",
				       "--record", fixture_path("order"), NULL };
	struct outcome outcome = program_run("/dev/full", json);

	CHECK_EQ(outcome.status, 2);
	CHECK(strstr(outcome.err, "No space left") && is_one_line(outcome.err));
	CHECK(access(path, F_OK));
	outcome = program_run("", record);
	CHECK_EQ(outcome.status, 2);
	CHECK(strstr(outcome.err, "cannot write") && access(path, F_OK));
}

/* The reader goes away, later: clients are served on, and the status tells. */
static void case_output_later(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch", NULL);
	struct memory memory = memory_served(&server, PAGES, 0);
	int status;

	CHECK_EQ(image_wrong(memory.base, 0, PAGES / 2), 0);
	fclose(server.output);
	close(server_send(&server, "nonsense", -1));
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	kill(server.pid, SIGTERM);
	CHECK_EQ(waitpid(server.pid, &status, 0), server.pid);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 1);
}

/* Nobody reads the output: no session waits for that, and lines that are missing are counted. */
static void case_output_stalled(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch", NULL);
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
					   UFFDIO_REGISTER_MODE_MISSING);

	CHECK(fcntl(fileno(server.output), F_SETPIPE_SZ, 4096) >= 4096);
	for (int i = 0; i < 40; i++)
		CHECK(server_has_hung_up(server_send(&server, "nonsense", -1)));
	memory_serve(&memory, &server);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	server_says(&server, "lines were left out");
	server_end(&server, SIGTERM);
}

static void case_socket(const void *variant)
{
	const char *owner = geteuid() ? ":0" : "12345:54321";
	struct lazymem_server server;
	struct stat stat;

	umask(0077);
	if (geteuid())
		skip("only root can give a file to others");
	server = server_run(image_make(PAGES), "--socket-mode", "0624", "--socket-owner", owner,
			    NULL);
	CHECK_EQ(lstat(server.socket, &stat), 0);
	CHECK_EQ(stat.st_mode & 0777, 0624);
	CHECK_EQ(stat.st_uid, 12345);
	CHECK_EQ(stat.st_gid, 54321);
	server_end(&server, SIGTERM);
	server = server_run(fixture_path("image"), NULL);
	CHECK_EQ(lstat(server.socket, &stat), 0);
	CHECK_EQ(stat.st_mode & 0777, 0700);
	server_end(&server, SIGTERM);
}

/* Lines about each client. */
static void case_clients(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch", NULL);
	struct memory memory = memory_served(&server, PAGES, EVENTS);
	pid_t pid;
	int status;

	server_says(&server, "\"client_begin\"");
	CHECK_EQ(server_number(&server, "client"), 1);
	CHECK_EQ(server_number(&server, "pid"), getpid());
	CHECK_EQ(server_number(&server, "bytes"), PAGES * PAGE);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	server_says(&server, "\"client_progress\"");
	CHECK_EQ(server_number(&server, "client"), 1);
	pid = fork();
	if (!pid)
		_exit(0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	server_says(&server, "\"client_begin\"");
	CHECK_EQ(server_number(&server, "client"), 2);
	CHECK_EQ(server_number(&server, "parent"), 1);
	server_says(&server, "\"client_end\"");
	CHECK_EQ(server_number(&server, "client"), 2);
	CHECK(strstr(server.line, "\"how\":\"gone\""));
	close(server_send(&server, "nonsense", -1));
	server_says(&server, "\"client_end\"");
	CHECK(strstr(server.line, "\"how\":\"refused\""));
	kill(server.pid, SIGTERM);
	server_says(&server, "\"client_end\"");
	CHECK(strstr(server.line, "\"how\":\"stopped\""));
	CHECK_EQ(server_number(&server, "served") + server_number(&server, "prefetched"),
		 PAGES * PAGE);
	server_end(&server, 0);
}

/* Which messages are shown. With JSON, it always says that it is ready. */
static void case_levels(const void *variant)
{
	const char *level = variant;
	struct lazymem_server server = server_run(image_make(PAGES), "--log", level, NULL);
	bool told = false;

	server_send(&server, "nonsense", -1);
	do {
		server_says(&server, "{");
		told |= !!strstr(server.line, "refused (process");
	} while (!strstr(server.line, "\"client_end\""));
	CHECK_EQ(told, strcmp(level, "quiet") != 0);
	server_end(&server, SIGTERM);
}

/* Each of them ends it as SIGTERM does. */
static void case_signals(const void *variant)
{
	static const int signals[] = { SIGHUP, SIGQUIT, SIGINT, SIGTERM };

	for (size_t i = 0; i < 4; i++) {
		struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
							  NULL);
		struct memory memory = memory_served(&server, PAGES, 0);

		CHECK_EQ(image_wrong(memory.base, 0, 1), 0);
		server_end(&server, signals[i]);
		CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
		CHECK(access(server.socket, F_OK));
	}
}

/* Clients that were not accepted yet when it is to end: they do not know, and are served. */
static void case_backlog(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), NULL);
	struct memory memories[4];
	int status;

	kill(server.pid, SIGSTOP);
	CHECK_EQ(waitpid(server.pid, &status, WUNTRACED), server.pid);
	for (int i = 0; i < 4; i++)
		memories[i] = memory_served(&server, PAGES, 0);
	kill(server.pid, SIGTERM);
	kill(server.pid, SIGCONT);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(image_wrong(memories[i].base, 0, PAGES), 0);
	server_end(&server, 0);
	CHECK_EQ(server_number(&server, "clients_served"), 4);
}

/* An object with the list in it, which is answered. */
static int say_hello(const struct lazymem_server *server, const struct memory *memory)
{
	char text[512];
	int to = server_connect(server);

	snprintf(text, sizeof(text), "{\"lazymem\":1,\"acknowledge\":true,\"mappings\":%s}",
		 memory_list(memory));
	server_say(to, text, &memory->uffd, 1);
	return to;
}

static struct memory memory_part(const struct memory *memory, size_t first, size_t pages)
{
	struct memory part = *memory;

	part.base += first * PAGE;
	part.pages = pages;
	return part;
}

#define ANSWER(socket, text) do {						\
	const char *answer_ = server_answer(socket);				\
	if (strcmp(answer_, text))						\
		FAIL("the answer is %s, to be %s", answer_, text);		\
} while (0)

static void case_acknowledged(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch",
						  "--max-clients", "1", NULL);
	struct memory memory = memory_make(2 * PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
					   UFFDIO_REGISTER_MODE_MISSING);
	struct memory part = memory_part(&memory, 0, PAGES), other;
	int socket = say_hello(&server, &memory);

	/* Refused. It knows, and tries again with the same userfaultfd. */
	CHECK(strstr(server_answer(socket), "{\"served\":false,\"why\":\"mapping 0 "));
	CHECK(server_has_hung_up(socket));
	memory.socket = say_hello(&server, &part);
	ANSWER(memory.socket, "{\"served\":true,\"client\":2,\"bytes\":2097152}");
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	/* While it is served nobody else may read its userfaultfd. */
	socket = say_hello(&server, &part);
	CHECK(strstr(server_answer(socket), "\"served\":false,\"why\":\"its userfaultfd has come on another connection"));
	other = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
			    UFFDIO_REGISTER_MODE_MISSING);
	socket = say_hello(&server, &other);
	CHECK(strstr(server_answer(socket), "\"served\":false,\"why\":\"all places are taken (--max-clients 1)"));
	server_end(&server, SIGTERM);
}

/* Mappings come and go while the client runs. */
static void case_add_remove(const void *variant)
{
	/* Where what was removed cannot be poisoned, the client would be killed in the end. */
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch", "--on-lost",
						  memory_can_poison() ? "poison" : "drop", NULL);
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
					   UFFDIO_REGISTER_MODE_MISSING);
	struct memory part = memory_part(&memory, 0, PAGES / 4);
	char text[512];

	memory.socket = say_hello(&server, &part);
	CHECK(strstr(server_answer(memory.socket), "\"served\":true"));
	snprintf(text, sizeof(text), "{\"add\":[{\"base_host_virt_addr\":%lu,\"size\":%lu,\"offset\":%lu}]}",
		 (unsigned long)memory.base + PAGES / 2 * PAGE, PAGES / 2 * PAGE,
		 PAGES / 2 * PAGE);
	server_say(memory.socket, text, NULL, 0);
	ANSWER(memory.socket, "{\"added\":true}");
	CHECK_EQ(image_wrong(memory.base, 0, PAGES / 4), 0);
	CHECK_EQ(image_wrong(memory.base + PAGES / 2 * PAGE, PAGES / 2, PAGES / 4), 0);
	/* Again, and in two pieces. */
	server_say(memory.socket, "{\"add\":", NULL, 0);
	server_say(memory.socket, strchr(text, '['), NULL, 0);
	CHECK(strstr(server_answer(memory.socket), "overlaps"));
	snprintf(text, sizeof(text), "{\"remove\":[{\"base_host_virt_addr\":%lu,\"size\":%lu}]}",
		 (unsigned long)memory.base + PAGES / 2 * PAGE, PAGES / 2 * PAGE);
	server_say(memory.socket, text, NULL, 0);
	ANSWER(memory.socket, "{\"removed\":true}");
	server_say(memory.socket, text, NULL, 0);
	CHECK(strstr(server_answer(memory.socket), "\"removed\":false"));
	/* Two at once: each is answered. */
	server_say(memory.socket, "{\"remove\":[]}\n{\"remove\":{}}", NULL, 0);
	ANSWER(memory.socket, "{\"removed\":true}");
	CHECK(strstr(server_answer(memory.socket), "\"removed\":false"));
	server_say(memory.socket, "{\"colour\":1,\"taste\":2}", NULL, 0);
	CHECK(strstr(server_answer(memory.socket), "{\"understood\":false,\"why\":\"a message that is not known, with the fields: colour, taste"));
	server_end(&server, SIGTERM);
	/* What was removed and never brought is settled as well. */
	if (memory_can_poison())
		CHECK(memory_is_poisoned(memory.base + (PAGES - 1) * PAGE));
	else
		CHECK_EQ(content_not_zero(memory.base + (PAGES - 1) * PAGE, 1), 0);
}

/* What is added later is not registered in write-protect mode: it is served nonetheless. */
static void case_dirty_add(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--track-dirty",
						  "--no-prefetch", NULL);
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS,
					   UFFD_FEATURE_PAGEFAULT_FLAG_WP,
					   UFFDIO_REGISTER_MODE_MISSING |
					   UFFDIO_REGISTER_MODE_WP);
	struct memory part = memory_part(&memory, 0, PAGES / 2);
	char *added = memory.base + PAGES / 2 * PAGE, text[512];

	CHECK_EQ(uffd_unregister(memory.uffd, added, PAGES / 2 * PAGE), 0);
	CHECK_EQ(uffd_register(memory.uffd, added, PAGES / 2 * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING), 0);
	memory.socket = say_hello(&server, &part);
	CHECK(strstr(server_answer(memory.socket), "\"served\":true"));
	snprintf(text, sizeof(text), "{\"add\":[{\"base_host_virt_addr\":%lu,\"size\":%lu,\"offset\":%lu}]}",
		 (unsigned long)added, PAGES / 2 * PAGE, PAGES / 2 * PAGE);
	server_say(memory.socket, text, NULL, 0);
	ANSWER(memory.socket, "{\"added\":true}");
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	server_end(&server, SIGTERM);
	CHECK_EQ(server_number(&server, "failed"), 0);
}

/* Read pages are not dirty, written ones are, once. */
static void case_dirty(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--track-dirty", NULL);
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS,
					   UFFD_FEATURE_PAGEFAULT_FLAG_WP,
					   UFFDIO_REGISTER_MODE_MISSING |
					   UFFDIO_REGISTER_MODE_WP);

	memory.socket = say_hello(&server, &memory);
	CHECK(strstr(server_answer(memory.socket), "\"served\":true"));
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	memset(memory.base + 3 * PAGE, 1, 2 * PAGE);
	memory.base[100 * PAGE] = 1;
	server_say(memory.socket, "{\"dirty\":true}", NULL, 0);
	ANSWER(memory.socket, "{\"dirty\":[[12288,8192],[409600,4096]],\"more\":false}");
	server_say(memory.socket, "{\"dirty\":true}", NULL, 0);
	ANSWER(memory.socket, "{\"dirty\":[],\"more\":false}");
	memory.base[3 * PAGE] = 2;
	server_say(memory.socket, "{\"dirty\":true}", NULL, 0);
	ANSWER(memory.socket, "{\"dirty\":[[12288,4096]],\"more\":false}");
	server_end(&server, SIGTERM);
}

/* 2 MiB pages, whose size the client does not tell. */
static void case_dirty_huge(const void *variant)
{
	struct lazymem_server server = server_run(image_make(2 * PAGES), "--track-dirty", NULL);
	struct memory memory = memory_make(2 * PAGES, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
					   UFFD_FEATURE_PAGEFAULT_FLAG_WP |
					   UFFD_FEATURE_WP_HUGETLBFS_SHMEM,
					   UFFDIO_REGISTER_MODE_MISSING |
					   UFFDIO_REGISTER_MODE_WP);
	char text[256];

	snprintf(text, sizeof(text),
		 "{\"lazymem\":1,\"mappings\":[{\"base_host_virt_addr\":%lu,\"size\":%lu,\"offset\":0}]}",
		 (unsigned long)memory.base, 2 * PAGES * PAGE);
	memory.socket = server_send(&server, text, memory.uffd);
	CHECK_EQ(image_wrong(memory.base, 0, 2 * PAGES), 0);
	memory.base[PAGES * PAGE + 5] = 1;
	server_say(memory.socket, "{\"dirty\":true}", NULL, 0);
	ANSWER(memory.socket, "{\"dirty\":[[2097152,2097152]],\"more\":false}");
	server_end(&server, SIGTERM);
}

/* More runs than one answer has room for. */
static void case_dirty_many(const void *variant)
{
	size_t pages = 8 * PAGES, got = 0;
	struct lazymem_server server = server_run(image_make(pages), "--track-dirty", NULL);
	struct memory memory = memory_make(pages, MAP_PRIVATE | MAP_ANONYMOUS,
					   UFFD_FEATURE_PAGEFAULT_FLAG_WP,
					   UFFDIO_REGISTER_MODE_MISSING |
					   UFFDIO_REGISTER_MODE_WP);
	bool more = true;
	int answers = 0;

	memory.socket = say_hello(&server, &memory);
	CHECK(strstr(server_answer(memory.socket), "\"served\":true"));
	for (size_t i = 0; i < pages; i += 2)
		memory.base[i * PAGE] = 1;
	for (; more; answers++) {
		const char *answer;

		server_say(memory.socket, "{\"dirty\":true}", NULL, 0);
		answer = server_answer(memory.socket);
		more = !!strstr(answer, "\"more\":true");
		for (const char *at = answer; (at = strstr(at, ",4096]")); at++)
			got++;
	}
	CHECK_EQ(got, pages / 2);
	CHECK(answers > 1);
	server_end(&server, SIGTERM);
}

/* Not asked for, or not possible: an answer says so. */
static void case_dirty_not(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), variant, NULL);
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
					   UFFDIO_REGISTER_MODE_MISSING);

	memory.socket = say_hello(&server, &memory);
	CHECK(strstr(server_answer(memory.socket), "\"served\":true"));
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	server_say(memory.socket, "{\"dirty\":true}", NULL, 0);
	CHECK(strstr(server_answer(memory.socket), variant ? "write-protect mode" :
		     "without --track-dirty"));
	server_end(&server, SIGTERM);
}

/*
 * A client that asks and asks and does not read the answers: the conversation ends, the
 * service does not.
 */
static void case_answers_unread(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch", NULL);
	struct memory memory = memory_make(PAGES, MAP_PRIVATE | MAP_ANONYMOUS, 0,
					   UFFDIO_REGISTER_MODE_MISSING);
	char text[4096];

	memory.socket = say_hello(&server, &memory);
	memset(text, ' ', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i + 15 < 4096; i += 15)
		memcpy(text + i, "{\"remove\":[]}  ", 15);
	for (int i = 0; i < 400; i++)
		server_say(memory.socket, text, NULL, 0);
	server_says(&server, "does not read the answers");
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	server_end(&server, SIGTERM);
}

/* Garbage after the list, as some send an end mark: nothing happens, the session goes on. */
static void case_garbage(const void *variant)
{
	struct lazymem_server server = server_run(image_make(PAGES), "--no-prefetch", NULL);
	struct memory memory = memory_served(&server, PAGES, 0);
	char text[1000];

	CHECK_EQ(write(memory.socket, "\n\0", 2), 2);
	CHECK_EQ(image_wrong(memory.base, 0, PAGES / 4), 0);
	/* Clients of either form may say more. */
	server_say(memory.socket, "{\"remove\":[]}", NULL, 0);
	ANSWER(memory.socket, "{\"removed\":true}");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < 100; i++)
		server_say(memory.socket, text, NULL, 0);
	server_says(&server, "not JSON");
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	server_end(&server, SIGTERM);
}

/* Another file gets the image's name: it is told, and what was opened is served. */
static void case_image_changed(const void *variant)
{
	const char *image = image_make(PAGES), *other = fixture_path("other");
	struct lazymem_server server = server_run(image, "--no-prefetch", NULL);
	struct memory memory = memory_served(&server, PAGES, 0);
	int fd = open(other, O_WRONLY | O_CREAT, 0600);

	CHECK_EQ(image_wrong(memory.base, 0, 1), 0);
	CHECK_EQ(ftruncate(fd, PAGES * PAGE), 0);
	CHECK_EQ(rename(other, image), 0);
	memory = memory_served(&server, PAGES, 0);
	server_says(&server, "\"text\":\"image '");
	CHECK_EQ(image_wrong(memory.base, 0, PAGES), 0);
	server_end(&server, SIGTERM);
}

void suite_tool(void)
{
	add_case(case_version, NULL, "lazymem/tool/version");
	add_case(case_wrong_options, NULL, "lazymem/tool/wrong-options");
	add_case(case_wrong_json, NULL, "lazymem/tool/wrong-options-json");
	add_case(case_output, NULL, "lazymem/tool/output");
	add_case(case_output_later, NULL, "lazymem/tool/output-later");
	add_case(case_output_stalled, NULL, "lazymem/tool/output-stalled");
	add_case(case_socket, NULL, "lazymem/tool/socket");
	add_case(case_clients, NULL, "lazymem/tool/clients");
	add_case(case_levels, "quiet", "lazymem/tool/log/quiet");
	add_case(case_levels, "debug", "lazymem/tool/log/debug");
	add_case(case_signals, NULL, "lazymem/tool/signals");
	add_case(case_backlog, NULL, "lazymem/tool/backlog");
	add_case(case_acknowledged, NULL, "lazymem/tool/acknowledged");
	add_case(case_add_remove, NULL, "lazymem/tool/add-remove");
	add_case(case_dirty_add, NULL, "lazymem/tool/dirty-add");
	add_case(case_dirty, NULL, "lazymem/tool/dirty");
	add_case(case_dirty_huge, NULL, "lazymem/tool/dirty-huge");
	add_case(case_dirty_many, NULL, "lazymem/tool/dirty-many");
	add_case(case_dirty_not, NULL, "lazymem/tool/dirty-not-asked");
	add_case(case_dirty_not, "--track-dirty", "lazymem/tool/dirty-not-possible");
	add_case(case_answers_unread, NULL, "lazymem/tool/answers-unread");
	add_case(case_garbage, NULL, "lazymem/tool/garbage");
	add_case(case_image_changed, NULL, "lazymem/tool/image-changed");
}
