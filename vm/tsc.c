// SPDX-License-Identifier: GPL-2.0-only
/*
 * Prints the frequency of the processor's time stamp counter in kHz. A processor that QEMU
 * emulates has the host's counter. On a busy host the guest's kernel may measure it wrongly:
 * a clock that ran 25 times too fast was seen, so tests were over before they began.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

struct sample {
	int64_t ns;
	uint64_t ticks;
};

static int64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Of several samples the one that was least interrupted. */
static struct sample sample_take(void)
{
	struct sample best = { 0 }, s;
	uint64_t shortest = UINT64_MAX, took;

	for (int i = 0; i < 100; i++) {
		s.ticks = __rdtsc();
		s.ns = clock_ns();
		took = __rdtsc() - s.ticks;
		if (took < shortest) {
			shortest = took;
			best = s;
		}
	}
	return best;
}

int main(void)
{
	struct sample start = sample_take(), end;

	nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000 * 1000 }, NULL);
	end = sample_take();
	printf("%lld\n", (long long)(end.ticks - start.ticks) * 1000000 / (end.ns - start.ns));
	return 0;
}
