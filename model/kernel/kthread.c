// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel threads that the engine makes, and signals.
 *
 * A thread takes no signal unless it has allowed it: what is sent before is lost. One
 * that is pending stays so until it is thrown away. A thread that was not woken yet
 * when it is stopped never runs.
 */
#include "contract/contract.h"
#include "explorer/scenario.h"
#include "explorer/schedule.h"
#include "explorer/stacks.h"

static struct stack *stack_of(const struct task_struct *task)
{
	struct stack *stack = container_of(task, struct stack, task);

	if (stack < world.stack || stack >= world.stack + MAX_STACKS ||
	    stack->life == NO_STACK || stack->life == ENDED)
		violated("a task is used that is gone");
	return stack;
}

static unsigned int number_of(const struct stack *stack)
{
	return stack - world.stack;
}

bool fatal_signal_pending(const struct task_struct *task)
{
	point_unless_quiet(KILLS);
	contract_looks_for_signal();
	return stack_of(task)->killed;
}

static bool use_up_trouble(void)
{
	world.trouble_left--;
	tally.acted = true;
	return true;
}

struct task_struct *kthread_create(int (*function)(void *), void *data,
				   const char *name, ...)
{
	int i;

	model_assert_unlocked();
	point_unless_quiet(KILLS);
	if (me()->killed && choose(2))
		return ERR_PTR(-EINTR);
	if (scenario.no_thread && world.trouble_left && choose(2) &&
	    use_up_trouble()) {
		tell(stack_name(running), "cannot create a thread");
		return ERR_PTR(-ENOMEM);
	}
	i = stacks_add(function, data);
	if (i < 0)
		violated("a thread is created, and there are %d already",
			 MAX_STACKS - 1);
	tell(stack_name(running), "creates %s", stack_name(i));
	contract_thread_created();
	world.stack[i] = (struct stack){
		.task.flags = PF_KTHREAD,
		.life = CREATED,
	};
	return &world.stack[i].task;
}

bool kthread_should_stop(void)
{
	return me()->should_stop;
}

static bool all_told_have_ended(const struct stack *stack)
{
	for (unsigned int i = 0; i < stacks_made(); i++)
		if (world.stack[i].should_stop && world.stack[i].life == LIVES)
			return false;
	return true;
}

int kthread_stop(struct task_struct *task)
{
	struct stack *stack = stack_of(task);

	model_assert_unlocked();
	point();
	tell(stack_name(running), "stops %s", stack_name(number_of(stack)));
	stack->should_stop = true;
	if (stack->life == CREATED) {
		stack->life = ENDED;
		return -EINTR;
	}
	stack->sleeps_on = NULL;
	wait_until(all_told_have_ended, false, "for a thread to end");
	return 0;
}

/* Also ends whatever waits in a way that looks once: a userfault, a wait queue. */
void wake_up_process(struct task_struct *task)
{
	struct stack *stack = stack_of(task);

	if (stack->life == CREATED) {
		stack->life = LIVES;
		schedule_adds(number_of(stack));
		return;
	}
	stack->sleeps_on = NULL;
	if (stack->userfault.waits)
		stack->userfault.woken = true;
}

void allow_kernel_signal(int signal)
{
	point_unless_quiet(KILLS);
	if (signal == SIGKILL)
		me()->allows_kill = true;
}

void send_sig(int signal, struct task_struct *task, int privileged)
{
	struct stack *stack = stack_of(task);

	if (signal != SIGKILL || !(task->flags & PF_KTHREAD) || !privileged)
		violated("a task of a user's is sent a signal");
	if (stack != subject_stack() && !stack->allows_kill) {
		tell(stack_name(number_of(stack)), "takes no notice of SIGKILL");
		return;
	}
	if (stack != subject_stack())
		tell(stack_name(number_of(stack)), "is sent SIGKILL");
	stack->killed = true;
}

void flush_signals(struct task_struct *task)
{
	point_unless_quiet(KILLS);
	stack_of(task)->killed = false;
	contract_signals_flushed();
}
