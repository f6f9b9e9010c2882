/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the contract share. */
#ifndef MODEL_CONTRACT_PARTS_H
#define MODEL_CONTRACT_PARTS_H

#include "kernel/world.h"

/* As in the engine: faults without effect on one page that end a call. */
#define IDLE_FAULTS_MAX	16

/* A call that was kept from walking may begin this many passes, limit or not. */
#define PASSES_MIN	8

/* As in the kit: how often pages of a window may be moved. */
#define MOVES_MAX	4

/* reason.c */
bool page_is_satisfied(unsigned int page, unsigned long entry);
void contract_page_fails(unsigned int page, int error);

/* work.c */
unsigned int range_pages(void);
void contract_progress(void);
bool contract_is_stuck(void);

/* flight.c */
void mirror_count(enum hmmu_mirror_counter which, u64 n);
unsigned int window_first(void);
unsigned int window_end(void);
bool window_is_invalidated(void);
bool invalidations_are_crowded(void);
void flight_check_end(void);
void mirror_check_counters(void);

/* window.c */
struct hmmu_pages;
/* @end: the last page to be handed on, and one */
void contract_check_window(const struct hmmu_pages *pages, unsigned int end);

/* migrate.c */
bool page_is_movable(unsigned int page);

/* exclusive.c */
bool exclusive_try_is_due(void);
void exclusive_try_begins(void);
void exclusive_try_is_repeated(void);
void exclusive_try_ends(void);
bool exclusive_is_prepared(void);

#endif
