// SPDX-License-Identifier: GPL-2.0-only
/* The model of an arena's pages: see shadow.h. */
#include <stdio.h>
#include <string.h>

#include "content.h"
#include "shadow.h"

void shadow_begin(struct shadow *shadow, struct run run)
{
	for (size_t i = run.page; i < run.page + run.pages; i++)
		shadow->pages[i].changes++;
}

void shadow_end(struct shadow *shadow, struct run run)
{
	shadow_begin(shadow, run);
}

void shadow_set(struct shadow_page *page, uint32_t version)
{
	page->may[0] = version;
	page->nr_may = 1;
	page->flags &= ~(PAGE_LAZY | PAGE_LOST);
}

bool shadow_add(struct shadow_page *page, uint32_t version)
{
	for (int i = 0; i < page->nr_may; i++)
		if (page->may[i] == version)
			return true;
	if (page->nr_may == VERSIONS_MOST)
		return false;
	page->may[page->nr_may++] = version;
	return true;
}

bool shadow_all(const struct shadow *shadow, struct run run, uint8_t flags)
{
	for (size_t i = run.page; i < run.page + run.pages; i++)
		if ((shadow->pages[i].flags & flags) != flags)
			return false;
	return true;
}

bool shadow_any(const struct shadow *shadow, struct run run, uint8_t flags)
{
	for (size_t i = run.page; i < run.page + run.pages; i++)
		if (shadow->pages[i].flags & flags)
			return true;
	return false;
}

void shadow_watch(const struct shadow *shadow, struct run run, uint32_t *changes)
{
	for (size_t i = 0; i < run.pages; i++)
		changes[i] = shadow->pages[run.page + i].changes;
}

bool shadow_stands(const struct shadow *shadow, struct run run,
		   const uint32_t *changes)
{
	for (size_t i = 0; i < run.pages; i++)
		if (changes[i] & 1 || shadow->pages[run.page + i].changes != changes[i])
			return false;
	return true;
}

void shadow_fill(const struct shadow *shadow, void *to, uint32_t version)
{
	if (version == VERSION_ZEROS)
		memset(to, 0, PAGE);
	else
		content_fill(to, shadow->series, version, 1);
}

bool shadow_is(const struct shadow *shadow, const void *content, uint32_t version)
{
	if (version == VERSION_ZEROS)
		return !content_not_zero(content, 1);
	return !content_wrong(content, shadow->series, version, 1);
}

int shadow_which(const struct shadow *shadow, const struct shadow_page *page,
		 const void *content)
{
	for (int i = 0; i < page->nr_may; i++)
		if (shadow_is(shadow, content, page->may[i]))
			return i;
	return -1;
}

void shadow_tell(const struct shadow *shadow, const void *content, char *text,
		 size_t size)
{
	const uint64_t *words = content;

	if (shadow_is(shadow, content, VERSION_ZEROS)) {
		snprintf(text, size, "zeros");
		return;
	}
	for (uint32_t i = 1; i <= shadow->version; i++) {
		if (shadow_is(shadow, content, i)) {
			snprintf(text, size, "version %#x of %#x", i, shadow->version);
			return;
		}
	}
	for (uint32_t i = 0; i < ARENA_PAGES; i++) {
		if (shadow_is(shadow, content, VERSION_SERVED | i)) {
			snprintf(text, size, "version %#x, what a server has for page %u",
				 VERSION_SERVED | i, i);
			return;
		}
	}
	snprintf(text, size, "no version: it begins with %016llx %016llx",
		 (unsigned long long)words[0], (unsigned long long)words[1]);
}
