// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory cgroups of clients; see room.h.
 *
 * Files are opened anew each time: a cgroup may be removed, and a client moved to another is
 * not followed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "session.h"

/* How often the kernel is asked while nothing, or little, is brought. */
#define ASK_NS		(250 * MS)
/* What is left to the client, of its limit: a part, but at least and at most so much. */
#define KEEP_PART	16
#define KEEP_LEAST	(4LL << 20)
#define KEEP_MOST	(256LL << 20)
/*
 * At the end all is brought that fits. What goes beyond memory.high is only reclaimed.
 */
#define KEEP_FILL	(1LL << 20)

/* What a limit without a limit reads as, at least: version 1 has a number for it. */
#define NO_LIMIT	(1LL << 60)

/* Where the hierarchy is mounted that counts memory. Returns 0 or -ENOENT. */
static int room_find_mount(char mount[256], bool old)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[1024], root[256], path[256];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		const char *type = strstr(line, " - ");

		if (!type || sscanf(line, "%*s %*s %*s %255s %255s", root, path) != 2)
			continue;
		found = old ? !strncmp(type, " - cgroup ", 10) && strstr(type, "memory") :
			      !strncmp(type, " - cgroup2 ", 11);
		if (found)
			strcpy(mount, path);
	}
	if (file)
		fclose(file);
	return found ? 0 : -ENOENT;
}

/* The path of process @pid in that hierarchy. A line is NUMBER:CONTROLLERS:PATH. */
static int room_find_path(int pid, char path[512], bool old)
{
	char name[64], line[600], controllers[64];
	bool found = false;
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%d/cgroup", pid);
	file = fopen(name, "re");
	while (file && !found && fgets(line, sizeof(line), file)) {
		controllers[0] = '\0';
		if (old)
			found = sscanf(line, "%*d:%63[^:]:%511[^\n]", controllers, path) == 2 &&
				strstr(controllers, "memory");
		else
			found = sscanf(line, "0::%511[^\n]", path) == 1;
	}
	if (file)
		fclose(file);
	return found ? 0 : -ENOENT;
}

/* Both versions may be there, and then version 1 is what counts memory. */
static void room_find(struct room *room, int pid)
{
	char mount[256], path[512];

	room->old = !room_find_mount(mount, true);
	if (!room->old && room_find_mount(mount, false))
		return;
	if (room_find_path(pid, path, room->old) || path[0] != '/' || strstr(path, ".."))
		return;
	if (asprintf(&room->folder, "%s%s", mount, path) < 0)
		room->folder = NULL;
	room->top = strlen(mount);
}

void room_open(struct room *room, int peer)
{
	struct ucred peer_is;
	socklen_t length = sizeof(peer_is);

	if (peer >= 0 && !getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &peer_is, &length) &&
	    peer_is.pid > 0)
		room_find(room, peer_is.pid);
}

void room_ask_anew(struct room *room)
{
	room->left = 0;
	room->ask_at = 0;
	room->is_short = false;
}

void room_clone(struct room *room, const struct room *from)
{
	*room = *from;
	room->folder = from->folder ? strdup(from->folder) : NULL;
	room_ask_anew(room);
}

void room_close(struct room *room)
{
	free(room->folder);
	room->folder = NULL;
}

/* A number in a file of @folder, whose path has @length bytes. "max", or no file: no limit. */
static int64_t room_number(const char *folder, unsigned int length, const char *name)
{
	char path[1024];
	int64_t number = NO_LIMIT;
	FILE *file;

	snprintf(path, sizeof(path), "%.*s/%s", (int)length, folder, name);
	file = fopen(path, "re");
	if (!file)
		return NO_LIMIT;
	if (fscanf(file, "%" SCNd64, &number) != 1 || number > NO_LIMIT)
		number = NO_LIMIT;
	fclose(file);
	return number;
}

/* Page cache in @folder: memory.stat has a line for each kind. */
static int64_t room_cache(const struct room *room, unsigned int length)
{
	const char *names[] = {
		room->old ? "total_inactive_file %" SCNd64 : "inactive_file %" SCNd64,
		room->old ? "total_active_file %" SCNd64 : "active_file %" SCNd64,
	};
	int64_t cache = 0, number;
	char path[1024], line[128];
	FILE *file;

	snprintf(path, sizeof(path), "%.*s/memory.stat", (int)length, room->folder);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		for (int i = 0; i < 2; i++)
			if (sscanf(line, names[i], &number) == 1)
				cache += number;
	if (file)
		fclose(file);
	return cache;
}

/* What one cgroup leaves. */
static int64_t room_of(const struct room *room, unsigned int length, bool fill)
{
	const char *folder = room->folder;
	int64_t limit = room_number(folder, length,
				    room->old ? "memory.limit_in_bytes" : "memory.max");
	int64_t high = room->old || fill ? NO_LIMIT : room_number(folder, length, "memory.high");
	int64_t keep, used;

	if (high < limit)
		limit = high;
	if (limit >= NO_LIMIT)
		return NO_LIMIT;
	keep = limit / KEEP_PART;
	keep = keep < KEEP_LEAST ? KEEP_LEAST : keep > KEEP_MOST ? KEEP_MOST : keep;
	keep = fill ? KEEP_FILL : keep;
	used = room_number(folder, length, room->old ? "memory.usage_in_bytes" :
						       "memory.current");
	return limit - keep - (used - room_cache(room, length));
}

/* The least of all, from the client's cgroup up. */
static int64_t room_ask(const struct room *room, bool fill)
{
	unsigned int length = strlen(room->folder);
	int64_t least = NO_LIMIT;

	while (length > room->top) {
		int64_t left = room_of(room, length, fill);

		if (left < least)
			least = left;
		while (length > room->top && room->folder[--length] != '/')
			;
	}
	return least;
}

/*
 * Half of what is left may be brought before it is asked again: the client takes memory
 * itself meanwhile.
 */
bool room_allows(struct lazymem *session, uint64_t now)
{
	struct room *room = &session->room;

	if (!room->folder)
		return true;
	if (room->left > 0 && now < room->ask_at)
		return true;
	if (room->is_short && now < room->ask_at)
		return false;
	room->left = room_ask(room, session->ending == LAZYMEM_FILL);
	room->ask_at = now + ASK_NS;
	room->is_short = room->left < (int64_t)session->slots.slot_bytes;
	if (room->left < NO_LIMIT)
		room->left /= 2;
	if (room->is_short && !room->told)
		session_message(session, "the client's memory cgroup has little room left: only pages that are asked for are brought");
	room->told |= room->is_short;
	return !room->is_short;
}

void room_take(struct lazymem *session, uint64_t bytes)
{
	session->room.left -= bytes;
}
