// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory whose faults succeed and bring nothing, as those of a driver that stands aside for
 * another: the probe's file, mapped. They fail once the file was written to, so that a call
 * which would make them for ever has an end.
 */
#include <linux/fs.h>
#include <linux/mm.h>

#include "probe.h"

static vm_fault_t probe_memory_fault(struct vm_fault *vmf)
{
	const struct probe_file *of = vmf->vma->vm_private_data;

	return READ_ONCE(of->faults_fail) ? VM_FAULT_SIGBUS : VM_FAULT_NOPAGE;
}

static const struct vm_operations_struct probe_memory_ops = {
	.fault = probe_memory_fault,
};

/* The VMA holds the file, and with it @of. */
int probe_memory_map(struct probe_file *of, struct vm_area_struct *vma)
{
	vma->vm_private_data = of;
	vma->vm_ops = &probe_memory_ops;
	return 0;
}

void probe_memory_end(struct probe_file *of)
{
	WRITE_ONCE(of->faults_fail, true);
}
