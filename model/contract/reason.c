// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errnos: each that a call returns must have had its reason in this very run.
 *
 * The reasons are noted as they appear: whatever the address space does not allow when it
 * changes, what a fault answers, a kill, a refused allocation. A page that is not needed
 * gives no reason to fail; it excuses the call from fetching that page.
 */
#include "contract/contract.h"
#include "contract/parts.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"

static bool page_is_available(unsigned int page)
{
	const struct page *p = &world.pages[page];

	return p->area & VM_READ && !(p->area & (VM_IO | VM_PFNMAP)) &&
	       p->kind != SPECIAL;
}

/* Of a page that is not needed only what is available is asked for. */
static unsigned long page_asked_now(unsigned int page)
{
	unsigned long asked = scenario_asked(page);

	if (!scenario_is_optional(page))
		return asked;
	if (!page_is_available(page))
		return 0;
	if (!(world.pages[page].area & VM_WRITE))
		asked &= ~HMM_PFN_REQ_WRITE;
	return asked;
}

bool page_is_satisfied(unsigned int page, unsigned long entry)
{
	return !(~entry & page_asked_now(page));
}

bool contract_got_enough(unsigned int page, unsigned long entry)
{
	unsigned long asked = scenario_asked(page);
	u8 excused = world.call.may_get_less[page];

	if (excused & EXCUSED_ALL)
		asked = 0;
	if (excused & EXCUSED_WRITE)
		asked &= ~HMM_PFN_REQ_WRITE;
	return !(~entry & asked);
}

/* All that a call may return fit into 32 bits, but for one. */
static unsigned int error_bit(int error)
{
	return error == -ECANCELED ? 31 : -error;
}

void contract_may_fail(int error)
{
	world.call.may_fail |= 1U << error_bit(error);
}

bool contract_has_reason(int error)
{
	return error < 0 && error_bit(error) < 32 &&
	       world.call.may_fail >> error_bit(error) & 1;
}

/* The page is not available, or not for write: a reason to fail if it is needed. */
void contract_page_fails(unsigned int page, int error)
{
	if (!scenario_is_optional(page))
		contract_may_fail(error);
	else
		world.call.may_get_less[page] |= error == -EPERM ?
						  EXCUSED_WRITE : EXCUSED_ALL;
}

static void page_may_fail(unsigned int page)
{
	unsigned long asked = scenario_asked(page);

	if (!asked)
		return;
	if (!page_is_available(page))
		contract_page_fails(page, -EFAULT);
	else if (asked & HMM_PFN_REQ_WRITE &&
		 !(world.pages[page].area & VM_WRITE))
		contract_page_fails(page, -EPERM);
}

/* For those who do nothing but move. */
static void page_may_be_immovable(unsigned int page)
{
	u32 area = world.pages[page].area;

	if (!(area & VM_READ) || area & (VM_HUGETLB | VM_IO | VM_PFNMAP))
		contract_may_fail(-EINVAL);
}

void contract_world_changed(void)
{
	for (unsigned int page = 0; page < MAX_PAGES; page++)
		if (in_range(page) && scenario.subject->moves)
			page_may_be_immovable(page);
		else if (in_range(page))
			page_may_fail(page);
	if (world.reaped)
		contract_may_fail(-EFAULT);
	if (!world.mm.mm_users.counter)
		contract_may_fail(scenario.subject->plain ? -ESRCH : -EFAULT);
}

bool contract_has_to_end(void)
{
	return me()->killed || world.flight.cancelled;
}

void contract_killed(void)
{
	contract_may_fail(-EINTR);
}

void contract_warned(const char *condition)
{
	if (!world.call.broke_rules && !me()->watch.may_warn)
		violated("warns without a reason: %s", condition);
}

const char *error_name(int error)
{
	switch (error) {
	case 0:
		return "0";
	case -EBUSY:
		return "-EBUSY";
	case -EFAULT:
		return "-EFAULT";
	case -EPERM:
		return "-EPERM";
	case -ENOMEM:
		return "-ENOMEM";
	case -EINTR:
		return "-EINTR";
	case -EINVAL:
		return "-EINVAL";
	case -ECANCELED:
		return "-ECANCELED";
	case -ESRCH:
		return "-ESRCH";
	case -EIO:
		return "-EIO";
	case -EAGAIN:
		return "-EAGAIN";
	case -ELOOP:
		return "-ELOOP";
	default:
		return "what no call returns";
	}
}
