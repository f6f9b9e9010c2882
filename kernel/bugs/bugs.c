// SPDX-License-Identifier: GPL-2.0-only
/*
 * hmm_unlocked_bugs.ko: one deliberate bug.
 *
 * A watch that never barks may be asleep. `insmod hmm_unlocked_bugs.ko
 * bug=NAME` makes one bug of the kind that an oracle of a debug kernel is there
 * for, each as small as can be; vm/oracles.sh tells which report has to follow. One
 * bug a boot: many a report is the last one of its oracle.
 *
 * A guest is to load this, and nobody else.
 */
#include <linux/completion.h>
#include <linux/delay.h>
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

/* What the compiler would see through, it must not know. */
static noinline void *opaque(void *p)
{
	OPTIMIZER_HIDE_VAR(p);
	return p;
}

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);

static void both(struct mutex *outer, struct mutex *inner)
{
	mutex_lock(outer);
	mutex_lock(inner);
	mutex_unlock(inner);
	mutex_unlock(outer);
}

static void deadlock(void)
{
	both(&first, &second);
	both(&second, &first);
}

static void sleep_in_atomic(void)
{
	static DEFINE_SPINLOCK(lock);

	spin_lock(&lock);
	mutex_lock(&first);
	mutex_unlock(&first);
	spin_unlock(&lock);
}

static void rcu_unprotected(void)
{
	static int __rcu *pointer;

	(void)rcu_dereference(pointer);
}

/* Many: anything that looks like a pointer to one of them, on a stack, hides it. */
static void leak(void)
{
	unsigned int i;

	for (i = 0; i < 32; i++)
		opaque(kzalloc(64, GFP_KERNEL));
}

static void nothing(struct timer_list *timer)
{
}

static void object_freed(void)
{
	struct timer_list *timer = kmalloc(sizeof(*timer), GFP_KERNEL);

	if (!timer)
		return;
	timer_setup(timer, nothing, 0);
	mod_timer(timer, jiffies + 1000 * HZ);
	kfree(timer);
}

static void list_corrupted(void)
{
	LIST_HEAD(list);
	struct list_head item;

	list_add(&item, &list);
	item.prev = opaque(&item);
	list_del(&item);
}

static void page_put_twice(void)
{
	struct page *page = alloc_page(GFP_KERNEL);

	if (!page)
		return;
	__free_page(page);
	put_page_testzero(page);
}

static void hang(void)
{
	DECLARE_COMPLETION_ONSTACK(never);

	wait_for_completion_timeout(&never, 8 * HZ);
}

/*
 * vm/guest/control lets RCU wait for 3 s, and PROVE_RCU for 5 s more; but a grace
 * period that is under way already has more time.
 */
static void stall(void)
{
	synchronize_rcu();
	rcu_read_lock();
	start_poll_synchronize_rcu();
	mdelay(12000);
	rcu_read_unlock();
}

static void stay(void)
{
	__module_get(THIS_MODULE);
}

static void use_after_free(void)
{
	char *p = kmalloc(64, GFP_KERNEL);

	kfree(p);
	WRITE_ONCE(*(char *)opaque(p), 1);
}

static void out_of_bounds(void)
{
	char *p = kmalloc(64, GFP_KERNEL);

	if (p)
		WRITE_ONCE(((char *)opaque(p))[64], 1);
	kfree(p);
}

static void vmalloc_out_of_bounds(void)
{
	char *p = vmalloc(100);

	if (p)
		WRITE_ONCE(((char *)opaque(p))[200], 1);
	vfree(p);
}

static unsigned long shared;

static int add(void *unused)
{
	while (!kthread_should_stop()) {
		shared++;
		cond_resched();
	}
	return 0;
}

static void race(void)
{
	struct task_struct *other = kthread_run(add, NULL, "hmmu-control");
	unsigned long end = jiffies + 5 * HZ;

	if (IS_ERR(other))
		return;
	while (time_before(jiffies, end)) {
		shared++;
		cond_resched();
	}
	kthread_stop(other);
}

static void warn(void)
{
	WARN_ON(bug);
}

static void oops(void)
{
	WRITE_ONCE(*(int *)opaque(NULL), 0);
}

static const struct {
	const char *name;
	void (*make)(void);
} bugs[] = {
	{ "deadlock", deadlock },
	{ "sleep", sleep_in_atomic },
	{ "rcu", rcu_unprotected },
	{ "leak", leak },
	{ "object", object_freed },
	{ "list", list_corrupted },
	{ "vm", page_put_twice },
	{ "hang", hang },
	{ "stall", stall },
	{ "stay", stay },
	{ "use-after-free", use_after_free },
	{ "out-of-bounds", out_of_bounds },
	{ "vmalloc", vmalloc_out_of_bounds },
	{ "race", race },
	{ "warn", warn },
	{ "oops", oops },
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
