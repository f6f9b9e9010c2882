/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that is empty until a page server in this process brings it. */
#ifndef LIB_LAZY_H
#define LIB_LAZY_H

#include "uffd.h"

/*
 * Map memory for @server and start it. On entry @server has what is to be served
 * (pages, batch, fill, arg ...); base and uffd are set here. Ends the program on
 * failure.
 */
void lazy_map(struct server *server);
void lazy_unmap(struct server *server);

#endif
