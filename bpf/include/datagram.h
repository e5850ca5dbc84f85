/* SPDX-License-Identifier: GPL-2.0-only */
/* A datagram that a call moved: where its bytes are, and where it went. */
#pragma once
#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "conn.h"
#include "source.h"

struct endpoint {
	__u8 address[16]; /* as in wire_open */
	__u16 family;
	__u16 port; /* 0: unknown */
};

struct datagram {
	struct who by;
	struct source from;
	__u64 socket; /* names it while the receiver runs */
	__u64 time;
	struct endpoint remote; /* when the call names it */
	__u32 size;
	__u32 flags; /* enum wire_datagram_flags */
	__u32 pad;
};

/* A call for several messages: the hooks fire for each, with the registers of the one call. */
struct progress {
	__u64 vector;
	__u32 tid;
	__u32 next; /* index of the message that comes next */
};

/* The front of struct sockaddr_in and sockaddr_in6. */
struct wire_sockaddr {
	__u16 family;
	__be16 port;
	__u8 v4[4];
	__u8 v6[16];
};
#define SOCKADDR_IN_SIZE 16

static __always_inline void endpoint_of(struct endpoint *e, const struct wire_sockaddr *a)
{
	e->port = 0;
	if (a->family == AF_INET6)
		__builtin_memcpy(e->address, a->v6, sizeof(a->v6));
	else if (a->family == AF_INET)
		__builtin_memcpy(e->address, a->v4, sizeof(a->v4));
	else
		return;
	e->family = a->family;
	e->port = bpf_ntohs(a->port);
}

static __always_inline void endpoint_of_user(struct endpoint *e, __u64 name)
{
	struct wire_sockaddr a = {};

	if (!name)
		return;
	if (bpf_probe_read_user(&a, sizeof(a), (void *)name) &&
	    bpf_probe_read_user(&a, SOCKADDR_IN_SIZE, (void *)name)) /* the shorter one may end a page */
		return;
	endpoint_of(e, &a);
}

static __always_inline void endpoint_of_kernel(struct endpoint *e, const void *name)
{
	struct wire_sockaddr a = {};

	if (name && !bpf_probe_read_kernel(&a, sizeof(a), name))
		endpoint_of(e, &a);
}

/* struct mmsghdr */
struct wire_user_mmsghdr {
	struct wire_user_msghdr h;
	__u64 control;
	__u64 control_len;
	__u64 flags;
	__u64 len;
};

/* The size of one segment says whether a message can be the one at hand: it was sent whole, or received into it. */
static __always_inline bool fits(const struct datagram *d, const struct wire_user_msghdr *m)
{
	struct iovec v;

	if (m->iov_len != 1)
		return true;
	if (bpf_probe_read_user(&v, sizeof(v), (void *)m->iov))
		return false;
	return d->flags & WIRE_DATAGRAM_SENT ? v.iov_len == d->size : v.iov_len >= d->size;
}

static __always_inline bool message_at(struct datagram *d, __u64 at)
{
	struct wire_user_msghdr m;

	if (bpf_probe_read_user(&m, sizeof(m), (void *)at) || !fits(d, &m))
		return false;
	d->from.base = m.iov;
	d->from.segments = m.iov_len;
	d->from.kind = SOURCE_IOVEC;
	if (d->flags & WIRE_DATAGRAM_SENT)
		endpoint_of_user(&d->remote, m.name);
	return true;
}

/* The message of a vector that is next, or, when that cannot be it, the first. */
static __always_inline void message_of(struct datagram *d, struct progress *p, __u64 vector, __u32 count)
{
	if (p->tid != d->by.tid || p->vector != vector || p->next >= count)
		p->next = 0;
	p->tid = d->by.tid;
	p->vector = vector;
	if (p->next && message_at(d, vector + p->next * sizeof(struct wire_user_mmsghdr))) {
		p->next++;
		return;
	}
	p->next = message_at(d, vector);
}

/* Whether the system call names a port to send to, of several messages the first: all that most calls are asked. */
static __always_inline bool call_sends_to(struct sock *sk, __u16 port)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	__u64 nr = CALL_NR(regs), arg2 = CALL_ARG2(regs), name = CALL_ARG5(regs);
	__be16 head[2]; /* of struct wire_sockaddr */

	if (!call_tells(task, regs, sk))
		return false;
	if (nr == NR_sendmsg || nr == NR_sendmmsg) {
		if (bpf_probe_read_user(&name, sizeof(name), (void *)arg2)) /* msg_name, in front */
			return false;
	} else if (nr != NR_sendto) {
		return false;
	}
	return name && !bpf_probe_read_user(head, sizeof(head), (void *)name) && head[1] == bpf_htons(port);
}

/* What the system call's registers tell of the datagram. */
static __always_inline void datagram_of_syscall(struct datagram *d, struct sock *sk, struct progress *p)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	__u64 nr = CALL_NR(regs), arg2 = CALL_ARG2(regs), arg3 = CALL_ARG3(regs), arg5 = CALL_ARG5(regs);

	if (!call_tells(task, regs, sk))
		return;
	if (nr != NR_sendmmsg && nr != NR_recvmmsg)
		p->next = 0;
	switch (nr) {
	case NR_sendto:
		endpoint_of_user(&d->remote, arg5); /* fall through */
	case NR_read:
	case NR_recvfrom:
	case NR_write:
		if (d->size > arg3) /* MSG_TRUNC: more was received than there was room for */
			d->size = arg3;
		d->from.base = arg2;
		d->from.kind = SOURCE_BUFFER;
		return;
	case NR_readv:
	case NR_writev:
		d->from.base = arg2;
		d->from.segments = arg3;
		d->from.kind = SOURCE_IOVEC;
		return;
	case NR_sendmsg:
	case NR_recvmsg: {
		struct wire_user_msghdr m;

		if (bpf_probe_read_user(&m, sizeof(m), (void *)arg2))
			return;
		d->from.base = m.iov;
		d->from.segments = m.iov_len;
		d->from.kind = SOURCE_IOVEC;
		if (nr == NR_sendmsg)
			endpoint_of_user(&d->remote, m.name);
		return;
	}
	case NR_sendmmsg:
	case NR_recvmmsg:
		message_of(d, p, arg2, arg3);
		return;
	}
}
