/* SPDX-License-Identifier: GPL-2.0-only */
/* What is to be restored, and how. */
#ifndef RESTORE_OPTIONS_H
#define RESTORE_OPTIONS_H

#include "image.h"

#define VCPUS_MAX	16

/**
 * struct restore - the options
 * @image: what is restored
 * @window: pages that the device populates where one is accessed
 * @vcpus: virtual CPUs
 * @delay_us: how long a read of the file takes, at least
 */
struct restore {
	struct image image;
	unsigned int window;
	unsigned int vcpus;
	unsigned int delay_us;
};

/* Ends the program if they are wrong, or there is too little memory. */
struct restore options_parse(int argc, char **argv);

#endif
