// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens to connections between system calls: segments come and are
 * acknowledged, are sent again, and the accept queue is emptied.
 *
 *   tcp_rcv_established      <- segment: every segment that comes to an
 *                               established connection, before it is queued
 *   __tcp_retransmit_skb     <- retransmit
 *   inet_csk_accept          <- accept
 *   or: exit of accept(2)       for kernels where only tracepoints attach; it
 *                               runs at every system call and is off by default
 */
#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "conn.h"
#include "emit.h"
#include "source.h"
#include "timing.h"

const volatile __u32 accept_args = 2; /* of inet_csk_accept: 4 before 6.10; set by the loader */

/* Tells when all that was sent was acknowledged, unless a data record will: it has begun to be made. */
static __always_inline void tell_acked(const struct conn *c)
{
	if (c->role == WIRE_ROLE_ACTIVE || !c->announced || c->call[TX].tid)
		return;
	struct wire_acked *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		lose(WIRE_LOSS_RING_FULL, WIRE_PART_ACK);
		return;
	}
	header(&e->h, WIRE_ACKED, 0, c->tgid, c->acked, c->id);
	e->offset = c->flow[TX].offset;
	e->meter = c->meter;
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
}

/* The first bytes of skb->cb, as far as struct tcp_skb_cb is read. */
struct control {
	__u8 bytes[32];
};
#define CONTROL(cb, field) (*(__u32 *)&(cb).bytes[bpf_core_field_offset(struct tcp_skb_cb, field)])

static __always_inline int on_segment(struct conn *c, struct tcp_sock *tp, const struct control *cb)
{
	__u64 now = bpf_ktime_get_ns();
	__s32 ahead = CONTROL(*cb, seq) - tp->rcv_nxt;
	bool data = (__s32)(CONTROL(*cb, end_seq) - tp->rcv_nxt) > 0;

	c->meter.srtt_us = tp->srtt_us >> 3;
	c->meter.min_rtt_us = tp->rtt_min.s[0].v == ~0U ? 0 : tp->rtt_min.s[0].v;
	if (ahead > 0) {
		c->meter.out_of_order++;
	} else if (data && c->watch_rx) {
		c->arrived = now;
		c->watch_rx = 0;
	}
	if (!c->watch_ack)
		return 0;
	if ((__s32)(CONTROL(*cb, ack_seq) - tp->snd_una) > 0)
		c->progress = now;
	bool shut = tp->snd_wnd == 0; /* by what came before */
	if (shut && !c->window_shut)
		c->meter.zero_windows++;
	c->window_shut = shut;
	if ((__s32)(CONTROL(*cb, ack_seq) - c->ack_target) < 0)
		return 0;
	c->acked = now;
	c->watch_ack = 0;
	if (!data) /* else the record of those bytes will tell */
		tell_acked(c);
	return 0;
}

SEC("tp_btf/tcp_probe")
int BPF_PROG(segment_tp, struct sock *sk, struct sk_buff *skb)
{
	struct conn *c = conn_of(sk);
	struct control cb;

	if (!c || !(c->watch_rx | c->watch_ack))
		return 0;
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	if (!tp || bpf_probe_read_kernel(&cb, sizeof(cb), skb->cb))
		return 0;
	return on_segment(c, tp, &cb);
}

/* What stood still until now is charged to the timer that sends again. */
SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(retransmit_tp, struct sock *sk)
{
	struct conn *c = conn_of(sk);

	if (!c || c->state == CONN_IGNORED || c->state == CONN_MUTED)
		return 0;
	__u64 now = bpf_ktime_get_ns();
	__u32 total = BPF_CORE_READ((struct tcp_sock *)sk, total_retrans);
	if (total == c->meter.retransmits) /* it could not be sent */
		return 0;
	c->meter.retransmits = total;
	if (c->watch_ack || !c->established) {
		c->meter.rto_us += (now - c->progress) / 1000;
		c->progress = now;
	}
	return 0;
}

SEC("fexit/inet_csk_accept")
int accept_fexit(unsigned long long *ctx)
{
	__u64 sk = accept_args == 4 ? ARG_OF(ctx, 4) : ARG_OF(ctx, 2);

	if (sk)
		note_accept(sk);
	return 0;
}
SEC("kretprobe/inet_csk_accept")
int accept_kretprobe(struct pt_regs *ctx)
{
	__u64 sk = PT_REGS_RC_CORE(ctx);

	if (sk)
		note_accept(sk);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(accept_tp, struct pt_regs *regs, long ret)
{
	__u64 nr = CALL_NR(regs);

	if ((nr != NR_accept && nr != NR_accept4) || ret < 0 || CALL_IS_32(regs))
		return 0;
	struct socket *socket = socket_of(bpf_get_current_task_btf(), ret);
	if (socket)
		note_accept((__u64)BPF_CORE_READ(socket, sk));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
