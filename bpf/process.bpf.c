// SPDX-License-Identifier: GPL-2.0-only
/* The life of processes and cgroups, as far as the targets depend on it. */
#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "emit.h"
#include "select.h"

/* A descendant of a named process is a target too. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(fork_tp, struct task_struct *parent, struct task_struct *child)
{
	__u32 from = parent->tgid, to = child->tgid;

	if (child->pid != child->tgid) /* a thread */
		return 0;
	struct proc *p = bpf_map_lookup_elem(&procs, &from);
	if (!p || !p->inherited)
		return 0;
	struct proc q = { .inherited = p->inherited };
	if (bpf_map_update_elem(&procs, &to, &q, BPF_ANY))
		lose(WIRE_LOSS_PROCESS_TABLE_FULL, WIRE_PART_PROCESS);
	return 0;
}

/* Whether the receiver wants to know of new executables. */
const volatile bool watch_execs;

/*
 * Processes that have a new executable. It has a ring of its own: who reads it must be
 * woken at once, and there are few.
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 << 10);
} execs SEC(".maps");

static __always_inline void tell_exec(__u32 tgid)
{
	__u32 *e = bpf_ringbuf_reserve(&execs, sizeof(*e), 0);

	if (!e) {
		lose(WIRE_LOSS_RING_FULL, WIRE_PART_PROCESS);
		return;
	}
	*e = tgid;
	bpf_ringbuf_submit(e, 0);
}

/* A new executable: its path is judged, and the process described, when it next matters. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(exec_tp, struct task_struct *task)
{
	__u32 tgid = task->tgid;
	struct proc *p = bpf_map_lookup_elem(&procs, &tgid);

	if (p) {
		p->known = 0;
		p->announced = 0;
	}
	if (watch_execs)
		tell_exec(tgid);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(exit_tp, struct task_struct *task)
{
	__u32 tgid = task->tgid;

	if (task->signal->live.counter) /* other threads go on */
		return 0;
	struct proc *p = bpf_map_lookup_elem(&procs, &tgid);
	if (!p)
		return 0;
	if (p->announced) {
		struct wire_header *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
		if (e) {
			header(e, WIRE_EXIT, 0, tgid, bpf_ktime_get_ns(), 0);
			bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
		} else {
			lose(WIRE_LOSS_RING_FULL, WIRE_PART_PROCESS);
		}
	}
	bpf_map_delete_elem(&procs, &tgid);
	return 0;
}

/* New cgroups that a target names. Those that exist at the start the loader enters. */
SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(cgroup_mkdir_tp, struct cgroup *cgroup, const char *path)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 id = BPF_CORE_READ(cgroup, kn, id), targets = 0;
	struct path_buffer *b = path_begin(tid);

	if (!b)
		return 0;
	char *text = &b->text[WIRE_PATH];
	int len = bpf_probe_read_kernel_str(text, WIRE_PATH, path);
	/* path begins with a slash, which path_prepend puts there itself */
	if (len > 2 && path_prepend(b, text + 1, len - 2))
		targets = targets_of_path(tid, exe_globs, cgroup_globs);
	path_end(tid);
	if (targets)
		bpf_map_update_elem(&cgroups, &id, &targets, BPF_ANY);
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(cgroup_rmdir_tp, struct cgroup *cgroup)
{
	__u64 id = BPF_CORE_READ(cgroup, kn, id);

	bpf_map_delete_elem(&cgroups, &id);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
