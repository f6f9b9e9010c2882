// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients and the source are killed at random, again and again, and nothing is lost: each
 * client that is left alive sees all of the image, page by page.
 *
 * A run has rounds, each with a new server, with or without reading ahead. Clients read in
 * an order of their own while some of them, and the NBD server, are killed. Then the source
 * stays, and all clients must come to their ends. A fault that was lost keeps a client from
 * that (unless its page was read ahead), and the failure names the page.
 *
 * Clients take their randomness from the seed, too, but the machine decides which read meets
 * which kill: runs of one seed are alike, not equal.
 */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "fixture.h"
#include "random.h"

#define PAGES		512
#define GIVEN		64
#define CLIENTS		4
#define SPARED		2
#define EVENTS_MOST	24
#define PAUSE_MOST_MS	100
#define DELAY_MOST_MS	3

/* A client that has all it needs and makes no progress for this time has lost a fault. */
#define STUCK_SECONDS	180

struct soak_options soak_options = { .rounds = 4 };

/* In shared memory, written by a client: the page it reads, and how many it has read. */
struct progress {
	_Atomic size_t page, done;
};

/**
 * struct soak - the run
 * @random: state of the random numbers
 * @source: the NBD server, if @source_up
 * @clients: their processes; 0: not running. Of these the first SPARED are never killed
 * @progress: one for each client
 */
struct soak {
	uint64_t random;
	const char *image;
	struct nbdkit source;
	bool source_up;
	struct lazymem_server server;
	pid_t clients[CLIENTS];
	struct progress *progress;
	unsigned int rounds, complete, killed, sources_killed, sources_died;
};

/* Before the access, so that a client that waits for ever has named its page. */
static void client_visit(const struct memory *memory, struct progress *progress, size_t page)
{
	progress->page = page;
	CHECK_EQ(image_wrong(memory->base + page * PAGE, page, 1), 0);
	progress->done++;
}

/* A page that is given back is zeros from then on, whatever is under way for it. */
static void client_give_back(const struct memory *memory, size_t page, int advice)
{
	char *at = memory->base + page * PAGE;

	CHECK_EQ(madvise(at, PAGE, advice), 0);
	CHECK_EQ(content_not_zero(at, 1), 0);
}

/* The child is served by a session of its own, which begins with what the parent had. */
static void client_read_in_child(const struct memory *memory, struct progress *progress)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(image_wrong(memory->base, 0, PAGES - GIVEN) != 0);
	}
	progress->page = PAGES;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

/*
 * A client: each page once, in steps of an odd number, which meet all pages. One in four gives
 * back the last GIVEN pages instead of reading them, one in four forks half-way.
 */
static void client_main(const struct soak *soak, struct progress *progress, uint64_t random)
{
	bool private = random_draw(&random, 4);
	struct memory memory = memory_make(PAGES, MAP_ANONYMOUS |
					   (private ? MAP_PRIVATE : MAP_SHARED),
					   EVENTS, UFFDIO_REGISTER_MODE_MISSING);
	size_t first = random_draw(&random, PAGES), step = 2 * random_draw(&random, PAGES) + 1;
	unsigned int kind = random_draw(&random, 4);

	memory_serve(&memory, &soak->server);
	for (size_t i = 0; i < PAGES; i++) {
		size_t page = (first + i * step) % PAGES;

		if (page < PAGES - GIVEN)
			client_visit(&memory, progress, page);
		else if (kind == 1)
			client_give_back(&memory, page,
					 private ? MADV_DONTNEED : MADV_REMOVE);
		if (i == PAGES / 2 && kind == 2)
			client_read_in_child(&memory, progress);
	}
	CHECK_EQ(image_wrong(memory.base, 0, PAGES - GIVEN), 0);
	_exit(0);
}

/* Both draw from the same state, and this one goes on with another. */
static void soak_start_client(struct soak *soak, unsigned int i)
{
	uint64_t random = soak->random;

	random_draw(&soak->random, 2);
	soak->progress[i].done = 0;
	fflush(stdout);
	soak->clients[i] = fork();
	if (!soak->clients[i]) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		client_main(soak, &soak->progress[i], random);
	}
}

/* nbdkit 1.32 can die of an assertion when its client goes while it is answered. */
static void soak_source_look(struct soak *soak)
{
	if (!soak->source_up || !nbdkit_ended(&soak->source))
		return;
	soak->source_up = false;
	soak->sources_died++;
}

/*
 * Wait, at most for @milliseconds. The server's output is read, since it would wait when the
 * pipe is full. Clients that have ended must have seen the whole image.
 */
static void soak_attend(struct soak *soak, int milliseconds)
{
	struct pollfd fd = { .fd = fileno(soak->server.output), .events = POLLIN };
	char text[4096];
	int status;

	if (poll(&fd, 1, milliseconds) == 1 && read(fd.fd, text, sizeof(text)) <= 0)
		FAIL("the server ended");
	soak_source_look(soak);
	for (unsigned int i = 0; i < CLIENTS; i++) {
		if (!soak->clients[i] ||
		    waitpid(soak->clients[i], &status, WNOHANG) != soak->clients[i])
			continue;
		if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
			_exit(77);
		if (status)
			FAIL("client %u ended with status 0x%x, at page %zu", i, status,
			     soak->progress[i].page);
		soak->clients[i] = 0;
		soak->complete++;
	}
}

static void soak_pass_time(struct soak *soak)
{
	uint64_t until = clock_ns() + random_draw(&soak->random, PAUSE_MOST_MS) * 1000000ULL;
	uint64_t now;

	while ((now = clock_ns()) < until)
		soak_attend(soak, (until - now) / 1000000 + 1);
}

static void soak_source_start(struct soak *soak)
{
	char delay[16];

	soak_source_look(soak);
	if (soak->source_up)
		return;
	snprintf(delay, sizeof(delay), "rdelay=%ums",
		 1 + random_draw(&soak->random, DELAY_MOST_MS));
	soak->source = nbdkit_run("--filter=delay", "file", soak->image, delay, NULL);
	soak->source_up = true;
}

static void soak_source_kill(struct soak *soak)
{
	if (soak->source_up) {
		nbdkit_kill(&soak->source);
		soak->sources_killed++;
	}
	soak->source_up = false;
}

/* Clients that are spared live through each death of the source. */
static void soak_client_kill(struct soak *soak, unsigned int i)
{
	if (soak->clients[i] && i < SPARED)
		return;
	if (soak->clients[i]) {
		kill(soak->clients[i], SIGKILL);
		waitpid(soak->clients[i], NULL, 0);
		soak->killed++;
	}
	soak_start_client(soak, i);
}

/* Kill or start a client; or kill the source, or start it. */
static void soak_strike(struct soak *soak)
{
	unsigned int what = random_draw(&soak->random, CLIENTS + 3);

	if (what < CLIENTS)
		soak_client_kill(soak, what);
	else if (soak->source_up)
		soak_source_kill(soak);
	else
		soak_source_start(soak);
}

static size_t soak_pages_done(const struct soak *soak)
{
	size_t done = soak->complete;

	for (unsigned int i = 0; i < CLIENTS; i++)
		done += soak->progress[i].done;
	return done;
}

static bool soak_all_ended(const struct soak *soak)
{
	for (unsigned int i = 0; i < CLIENTS; i++)
		if (soak->clients[i])
			return false;
	return true;
}

/* The source stays from here on: a client that makes no progress has lost a fault. */
static void soak_come_to_end(struct soak *soak)
{
	uint64_t moved = clock_ns();
	size_t before = soak_pages_done(soak);

	while (soak_attend(soak, 10), !soak_all_ended(soak)) {
		soak_source_start(soak);
		if (soak_pages_done(soak) != before)
			moved = clock_ns();
		before = soak_pages_done(soak);
		for (unsigned int i = 0; i < CLIENTS; i++)
			if (soak->clients[i] && clock_ns() - moved > STUCK_SECONDS * 1000000000ULL)
				FAIL("round %u: client %u waits for page %zu for ever", soak->rounds,
				     i, soak->progress[i].page);
	}
}

/* The server must notice by itself that all clients are gone. */
static void soak_end_server(struct soak *soak)
{
	server_until(&soak->server, "clients", 0);
	server_end(&soak->server, SIGTERM);
	fclose(soak->server.output);
	CHECK_EQ(server_number(&soak->server, "failed"), 0);
}

static void soak_round(struct soak *soak)
{
	unsigned int events = 3 + random_draw(&soak->random, EVENTS_MOST - 2);

	soak_source_start(soak);
	soak->server = server_run(soak->source.uri, "--window", "4",
				  random_draw(&soak->random, 2) ? "--no-prefetch" : NULL, NULL);
	for (unsigned int i = 0; i < CLIENTS; i++)
		soak_start_client(soak, i);
	while (events--) {
		soak_pass_time(soak);
		soak_strike(soak);
	}
	soak_come_to_end(soak);
	soak_end_server(soak);
	soak->rounds++;
}

static void case_soak(const void *variant)
{
	uint64_t until = clock_ns() + soak_options.seconds * 1000000000ULL;
	struct soak soak = { .random = random_seed(soak_options.seed) };

	note("seed %llu", (unsigned long long)soak.random);
	soak.progress = mmap(NULL, CLIENTS * sizeof(*soak.progress),
			     PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	soak.image = image_make(PAGES);
	while (soak_options.seconds ? clock_ns() < until : soak.rounds < soak_options.rounds)
		soak_round(&soak);
	note("%u rounds: %u clients saw all of the image, %u were killed, and %u sources; %u more died by themselves",
	     soak.rounds, soak.complete, soak.killed, soak.sources_killed,
	     soak.sources_died);
}

void suite_soak(void)
{
	add_slow_case(soak_options.seconds + soak_options.rounds * STUCK_SECONDS,
		      case_soak, NULL, "lazymem/soak");
}
