/* SPDX-License-Identifier: GPL-2.0-only */
/* The records that introduce a process and a connection, once each. */
#pragma once
#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "conn.h"
#include "emit.h"
#include "loop.h"
#include "select.h"
#include "timing.h"
#include "wakeup.h"

#define ENV_STRINGS 192
#define ENV_STRING  512

/* Whether s begins OTEL_SERVICE_NAME= or OTEL_RESOURCE_ATTRIBUTES=, as far as 8 bytes tell. */
static __always_inline bool is_otel(const __u8 *s)
{
	return s[0] == 'O' && s[1] == 'T' && s[2] == 'E' && s[3] == 'L' && s[4] == '_' &&
	       ((s[5] == 'S' && s[6] == 'E' && s[7] == 'R') || (s[5] == 'R' && s[6] == 'E' && s[7] == 'S'));
}

/* Where in an environment the next string is. */
struct env {
	struct wire_process *to;
	__u64 at, end;
	__u32 used; /* of to->env */
	bool start; /* at is where a string begins */
	__u8 pad[3];
};

/* Copies a string if it is wanted; else the next one overwrites it. */
static long env_step(__u32 i, struct env *v)
{
	__u32 used = v->used;

	if (v->at >= v->end || used > WIRE_ENV - ENV_STRING - 1)
		return 1;
	__u8 *to = &v->to->env[used];
	int n = bpf_probe_read_user_str(to, ENV_STRING, (void *)v->at);
	if (n <= 0)
		return 1;
	bool whole = n < ENV_STRING;
	if (whole && v->start && is_otel(to))
		v->used = used + n;
	v->at += whole ? n : n - 1; /* a cut string goes on where its NUL was put */
	v->start = whole;
	return 0;
}

/*
 * Copies the two variables of the environment that describe the service, and
 * no other: an environment holds secrets.
 */
static __always_inline void read_env(struct wire_process *e, __u64 at, __u64 end)
{
	struct env v = { .to = e, .at = at, .end = end, .start = true };

	repeat(ENV_STRINGS, env_step, &v);
	__u32 used = v.used;
	barrier_var(used);
	if (used < WIRE_ENV - ENV_STRING) /* what was read last and is not ours */
		__builtin_memset(&e->env[used], 0, ENV_STRING);
	e->h.flags = used;
}

static __always_inline bool announce_process(struct proc *p, const struct who *w)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct wire_process *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	struct path_buffer *b;

	if (!e) {
		lose(WIRE_LOSS_RING_FULL, WIRE_PART_PROCESS);
		return false;
	}
	header(&e->h, WIRE_PROCESS, 0, w->tgid, bpf_ktime_get_ns(), 0);
	e->start = BPF_CORE_READ(task, group_leader, start_boottime);
	e->ppid = BPF_CORE_READ(task, real_parent, tgid);
	bpf_probe_read_kernel(e->comm, sizeof(e->comm), BPF_CORE_READ(task, group_leader, comm));
	e->exe_at = e->cgroup_at = WIRE_PATH;
	b = path_begin(w->tid);
	if (b) {
		if (path_of_exe((__u64)task, w->tid))
			e->exe_at = b->at;
		bpf_probe_read_kernel(e->exe, WIRE_PATH, b->text);
		b->at = WIRE_PATH;
		if (path_of_cgroup((__u64)task, w->tid))
			e->cgroup_at = b->at;
		bpf_probe_read_kernel(e->cgroup, WIRE_PATH, b->text);
		path_end(w->tid);
	}
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	if (bpf_probe_read_user_str(e->command, WIRE_COMMAND, (void *)BPF_CORE_READ(mm, arg_start)) <= 0)
		e->command[0] = 0;
	read_env(e, BPF_CORE_READ(mm, env_start), BPF_CORE_READ(mm, env_end));
	bpf_ringbuf_submit(e, wakeup());
	p->announced = 1;
	return true;
}

/* The addresses of a socket, an IPv4 one in the first four bytes. */
static __always_inline void addresses(struct sock *sk, __u16 family, __u8 (*local)[16], __u8 (*remote)[16])
{
	__builtin_memset(local, 0, sizeof(*local));
	__builtin_memset(remote, 0, sizeof(*remote));
	if (family == AF_INET6) {
		BPF_CORE_READ_INTO(local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(remote, sk, __sk_common.skc_v6_daddr);
	} else {
		BPF_CORE_READ_INTO((__be32 *)local, sk, __sk_common.skc_rcv_saddr);
		BPF_CORE_READ_INTO((__be32 *)remote, sk, __sk_common.skc_daddr);
	}
}

static __always_inline bool announce_conn(struct conn *c, struct sock *sk)
{
	struct wire_open *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e) {
		lose(WIRE_LOSS_RING_FULL, WIRE_PART_OPEN);
		return false;
	}
	header(&e->h, WIRE_OPEN, 0, c->tgid, bpf_ktime_get_ns(), c->id);
	e->established = c->established;
	e->connect = c->connect;
	if (c->role == WIRE_ROLE_PASSIVE && timing && !c->carrier) /* else its carrier was asked */
		c->accepted = accepted(c, sk);
	e->accepted = c->accepted;
	e->carrier = c->carrier;
	e->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	e->role = c->role;
	e->midstream = c->midstream;
	__builtin_memset(e->pad, 0, sizeof(e->pad));
	e->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	e->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	e->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	addresses(sk, e->family, &e->local, &e->remote);
	bpf_ringbuf_submit(e, wakeup());
	c->announced = 1;
	return true;
}

/* Introduces a connection, after its process; false when the ring is full. */
__noinline bool announce(struct conn *c, const struct who *w)
{
	struct proc *p;

	if (!c || !w)
		return false;
	c->tgid = w->tgid; /* who is introduced owns it, also if another process was to, and found no room */
	p = proc_of(w->tgid);
	if (!p || (!p->announced && !announce_process(p, w)))
		return false;
	return announce_conn(c, (struct sock *)w->sk);
}
