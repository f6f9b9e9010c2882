// SPDX-License-Identifier: GPL-2.0-only
/*
 * hmm_unlocked_bugs.ko: deliberate bugs, to test the oracles of debug kernels.
 *
 * An oracle that reports nothing may be broken. `insmod hmm_unlocked_bugs.ko bug=NAME`
 * makes one minimal bug of the kind that an oracle must report; vm/oracles.sh has the
 * report that must follow. Make one bug per boot: after a report some oracles switch
 * themselves off.
 *
 * Load this only in a guest: some of the bugs hang, corrupt or crash the kernel.
 */
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/vmalloc.h>

static char *bug = "";
module_param(bug, charp, 0);
MODULE_PARM_DESC(bug, "which bug");

/* Hides a pointer from the compiler, which would warn of the bug or remove it. */
static noinline void *bug_opaque(void *p)
{
	OPTIMIZER_HIDE_VAR(p);
	return p;
}

static DEFINE_MUTEX(bug_mutex);
static DEFINE_MUTEX(bug_other_mutex);

static void bug_lock_both(struct mutex *outer, struct mutex *inner)
{
	mutex_lock(outer);
	mutex_lock(inner);
	mutex_unlock(inner);
	mutex_unlock(outer);
}

static void bug_deadlock(void)
{
	bug_lock_both(&bug_mutex, &bug_other_mutex);
	bug_lock_both(&bug_other_mutex, &bug_mutex);
}

static void bug_sleep_in_atomic(void)
{
	static DEFINE_SPINLOCK(lock);

	spin_lock(&lock);
	mutex_lock(&bug_mutex);
	mutex_unlock(&bug_mutex);
	spin_unlock(&lock);
}

static void bug_rcu_unprotected(void)
{
	static int __rcu *pointer;

	(void)rcu_dereference(pointer);
}

/* 32 leaks, because a stale pointer on a stack hides a leaked object from kmemleak. */
static void bug_leak(void)
{
	unsigned int i;

	for (i = 0; i < 32; i++)
		bug_opaque(kzalloc(64, GFP_KERNEL));
}

static void bug_timer_expired(struct timer_list *timer)
{
}

static void bug_object_freed(void)
{
	struct timer_list *timer = kmalloc(sizeof(*timer), GFP_KERNEL);

	if (!timer)
		return;
	timer_setup(timer, bug_timer_expired, 0);
	mod_timer(timer, jiffies + 1000 * HZ);
	kfree(timer);
}

static void bug_list_corrupted(void)
{
	LIST_HEAD(list);
	struct list_head item;

	list_add(&item, &list);
	item.prev = bug_opaque(&item);
	list_del(&item);
}

static void bug_page_put_twice(void)
{
	struct page *page = alloc_page(GFP_KERNEL);

	if (!page)
		return;
	__free_page(page);
	put_page_testzero(page);
}

static void bug_hang(void)
{
	DECLARE_COMPLETION_ONSTACK(never);

	wait_for_completion_timeout(&never, 8 * HZ);
}

/*
 * The stall must last longer than RCU's timeout: vm/guest/make-bug sets it to 3 s, and
 * PROVE_RCU adds 5 s. A grace period that had begun earlier keeps its longer timeout, so
 * synchronize_rcu() ends that one first. By jiffies, as RCU counts: mdelay() is shorter on a
 * processor whose calibration has failed.
 */
static void bug_rcu_stall(void)
{
	unsigned long end;

	synchronize_rcu();
	rcu_read_lock();
	start_poll_synchronize_rcu();
	end = jiffies + 12 * HZ;
	while (time_before(jiffies, end))
		cpu_relax();
	rcu_read_unlock();
}

static void bug_stay(void)
{
	__module_get(THIS_MODULE);
}

static void bug_use_after_free(void)
{
	char *p = kmalloc(64, GFP_KERNEL);

	kfree(p);
	WRITE_ONCE(*(char *)bug_opaque(p), 1);
}

static void bug_out_of_bounds(void)
{
	char *p = kmalloc(64, GFP_KERNEL);

	if (p)
		WRITE_ONCE(((char *)bug_opaque(p))[64], 1);
	kfree(p);
}

static void bug_vmalloc_out_of_bounds(void)
{
	char *p = vmalloc(100);

	if (p)
		WRITE_ONCE(((char *)bug_opaque(p))[200], 1);
	vfree(p);
}

static unsigned long bug_shared;

static int bug_race_thread(void *unused)
{
	while (!kthread_should_stop()) {
		bug_shared++;
		cond_resched();
	}
	return 0;
}

static void bug_race(void)
{
	struct task_struct *other = kthread_run(bug_race_thread, NULL,
						"hmmu-bug");
	unsigned long end = jiffies + 5 * HZ;

	if (IS_ERR(other))
		return;
	while (time_before(jiffies, end)) {
		bug_shared++;
		cond_resched();
	}
	kthread_stop(other);
}

static void bug_warn(void)
{
	WARN_ON(bug);
}

static void bug_oops(void)
{
	WRITE_ONCE(*(int *)bug_opaque(NULL), 0);
}

static const struct {
	const char *name;
	void (*make)(void);
} bugs[] = {
	{ "deadlock", bug_deadlock },
	{ "sleep", bug_sleep_in_atomic },
	{ "rcu", bug_rcu_unprotected },
	{ "leak", bug_leak },
	{ "object", bug_object_freed },
	{ "list", bug_list_corrupted },
	{ "vm", bug_page_put_twice },
	{ "hang", bug_hang },
	{ "stall", bug_rcu_stall },
	{ "stay", bug_stay },
	{ "use-after-free", bug_use_after_free },
	{ "out-of-bounds", bug_out_of_bounds },
	{ "vmalloc", bug_vmalloc_out_of_bounds },
	{ "race", bug_race },
	{ "warn", bug_warn },
	{ "oops", bug_oops },
};

static int __init bugs_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bugs); i++) {
		if (!strcmp(bugs[i].name, bug)) {
			bugs[i].make();
			return 0;
		}
	}
	pr_err("hmm_unlocked_bugs: no bug \"%s\"\n", bug);
	return -EINVAL;
}

static void __exit bugs_exit(void)
{
}

module_init(bugs_init);
module_exit(bugs_exit);
MODULE_DESCRIPTION("Bugs that prove the oracles of debug kernels");
MODULE_LICENSE("GPL");
