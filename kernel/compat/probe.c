// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the headers of this kernel have. No code is made of this file: probe.sh has the
 * compiler read it once. A probe with an error is something that the kernel does not have.
 *
 * Each probe names itself by a #line, and asks for a declaration of one type. Two controls
 * show that the answers can be trusted: the first one compiles on each kernel, the last one
 * on none. Compiler builtins are used directly, without the kernel's macros: the compiler
 * reports an error in a macro at the macro's own line.
 */
#include <linux/hmm.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/rmap.h>

#line 1 "control_present"
_Static_assert(__builtin_types_compatible_p(typeof(put_page), void (struct page *)), "");

#line 1 "page_pgmap"
_Static_assert(__builtin_types_compatible_p(typeof(page_pgmap),
	struct dev_pagemap *(const struct page *)), "");

#line 1 "zone_device_page_init"
_Static_assert(__builtin_types_compatible_p(typeof(zone_device_page_init),
	void (struct page *, struct dev_pagemap *, unsigned int)), "");

#line 1 "folio_free"
_Static_assert(__builtin_types_compatible_p(typeof(((struct dev_pagemap_ops *)0)->folio_free),
	void (*)(struct folio *)), "");

#line 1 "make_device_exclusive"
_Static_assert(__builtin_types_compatible_p(typeof(make_device_exclusive),
	struct page *(struct mm_struct *, unsigned long, void *, struct folio **)), "");

#line 1 "hmm_range_fault_unlocked_timeout"
_Static_assert(__builtin_types_compatible_p(typeof(hmm_range_fault_unlocked_timeout),
	int (struct hmm_range *, unsigned long)), "");

#line 1 "control_absent"
_Static_assert(__builtin_types_compatible_p(typeof(put_page), int (struct page *)), "");
