/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether a process is a target, asked before data moves, or without any. */
#pragma once
#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "announce.h"
#include "select.h"

struct candidate {
	__u64 task;
	__u64 sk;
	__u32 tgid;
	__u32 flags; /* of the task */
	__u32 role;  /* enum wire_role */
	__u32 pad;
};

/*
 * The process of a task, when its connections by this role on this socket are
 * observed; else 0. It is introduced here if it is the current one: only its own
 * memory can be read.
 */
__noinline __u32 target_process(const struct candidate *c)
{
	if (!c || c->tgid == self_tgid || c->flags & PF_KTHREAD)
		return 0;
	struct who w = { .sk = c->sk, .tgid = c->tgid, .tid = bpf_get_current_pid_tgid() };
	struct proc *p = proc_of(w.tgid);

	if (!p || !selected(c->role, &w, c->task, p))
		return 0;
	if (!p->announced && c->task == bpf_get_current_task())
		announce_process(p, &w);
	return w.tgid;
}

static __always_inline __u32 target_of(struct task_struct *task, struct sock *sk, __u32 role)
{
	struct candidate c = {
		.task = (__u64)task, .sk = (__u64)sk, .tgid = task->tgid, .flags = task->flags, .role = role
	};

	return target_process(&c);
}

static __always_inline __u32 current_target(struct sock *sk, __u32 role)
{
	return target_of(bpf_get_current_task_btf(), sk, role);
}
