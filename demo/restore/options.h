/* SPDX-License-Identifier: GPL-2.0-only */
/* The options of hmmu-restore: what is restored, and how. */
#ifndef RESTORE_OPTIONS_H
#define RESTORE_OPTIONS_H

#include "image.h"

#define VCPUS_MAX	16

/**
 * struct restore - the options
 * @image: what is restored
 * @window: pages that the device populates around an accessed page
 * @vcpus: number of virtual CPUs
 * @delay_us: least time that a read of the file takes, in us
 */
struct restore {
	struct image image;
	unsigned int window;
	unsigned int vcpus;
	unsigned int delay_us;
};

/* Ends the program if an option is wrong or memory is too small. */
struct restore options_parse(int argc, char **argv);

#endif
