/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The harness of tests: each case runs in a process of its own, prints TAP, and is
 * killed and counted as failed after its time.
 *
 * A suite is a function that adds its cases. A case ends by returning (passed), by a
 * CHECK that does not hold (failed) or by skip(). Cases share no state.
 */
#ifndef LIB_HARNESS_H
#define LIB_HARNESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef void case_fn(const void *variant);

/* Add a case; @variant must never be freed. The name is formatted: "memory/anon/read". */
void add_case(case_fn *fn, const void *variant, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* As add_case(), with a time other than the default of 180 s. */
void add_slow_case(unsigned int seconds, case_fn *fn, const void *variant,
		   const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/*
 * Add a suite: @add_cases adds cases whose names begin with @word and a slash. Ends the
 * program if one has another first word.
 */
void add_suite(const char *word, void (*add_cases)(void));

/* End this case as skipped. Say what is missing. */
void skip(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* End this case as failed. */
void fail_at(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));

#define FAIL(...) fail_at(__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(condition) do {						\
	if (!(condition))						\
		FAIL("%s does not hold", #condition);			\
} while (0)

/* For whole numbers: prints both sides if the comparison fails. */
#define CHECK_REL(a, rel, b) do {					\
	long long a_ = (long long)(a), b_ = (long long)(b);		\
	if (!(a_ rel b_))						\
		FAIL("%s is %lld, to be %s %s, which is %lld", #a, a_,	\
		     #rel, #b, b_);					\
} while (0)

#define CHECK_EQ(a, b) CHECK_REL(a, ==, b)

/*
 * For the program's main(): print the names of the cases that match @pattern, or run
 * them.
 */
void list_cases(const char *pattern);
/* Returns whether some ran and none failed. */
bool run_cases(const char *pattern);

/*
 * Options of the case that runs for as long as the user likes: in rounds, if it can and
 * @seconds is 0. @seed 0: any seed.
 */
struct soak_options {
	unsigned int rounds, seconds;
	uint64_t seed;
};

extern struct soak_options soak_options;

/* Print a line that is shown with the case. */
#define note(...) (printf("# " __VA_ARGS__), putchar('\n'), fflush(stdout))

#endif
