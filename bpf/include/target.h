/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether a process is a target, asked before data moves, or without any. */
#pragma once
#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "announce.h"
#include "select.h"

/*
 * The process of a task, when its connections by this role on this socket are
 * observed; else 0. It is introduced here if it is the current one: only its own
 * memory can be read.
 */
__noinline __u32 target_process(__u64 of, __u64 sk, __u32 role)
{
	struct task_struct *task = (struct task_struct *)of;
	struct who w = { .sk = sk, .tgid = BPF_CORE_READ(task, tgid), .tid = bpf_get_current_pid_tgid() };

	if (w.tgid == self_tgid || BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return 0;
	struct proc *p = proc_of(w.tgid);
	if (!p || !selected(role, &w, of, p))
		return 0;
	if (!p->announced && of == bpf_get_current_task())
		announce_process(p, &w);
	return w.tgid;
}
