// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bytes and the life of TCP connections.
 *
 * Each hook has several forms of one body; the loader keeps the first that
 * attaches. Where they sit in the kernel:
 *
 *   write, send, sendfile, io_uring ...        read, recv, ...
 *     sock_sendmsg                               sock_recvmsg
 *       tcp_sendmsg                <- send_start   tcp_recvmsg     <- recv_start
 *         tcp_sendmsg_locked       <- send_start
 *           (per chunk, 6.16+)
 *     sock_send_length (6.3+)      <- send       sock_recv_length  <- recv
 *   inet_sock_set_state, tcp_destroy_sock      <- state
 *
 * send_start takes the time, the sequence number and the buffer before the
 * bytes leave: on a fast path the peer has answered before sock_sendmsg returns.
 */
#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "announce.h"
#include "args.h"
#include "capture.h"
#include "conn.h"
#include "listeners.h"
#include "select.h"
#include "shared.h"
#include "source.h"
#include "timing.h"
#include "tls.h"
#include "udp.h"
#include "verdict.h"

/* Set by the loader. */
const volatile bool send_starts = true;     /* a form of send_start is attached */
const volatile bool send_chunks = true;     /* and it is the one that fires for every chunk */

static __always_inline bool is_tcp(struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	return (family == AF_INET || family == AF_INET6) && BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP;
}

static __always_inline void begin(struct conn *c, struct sock *sk, __u8 role)
{
	conn_reset(c);
	c->role = role;
	c->verdicts = verdict_count;
	c->flow[RX].start = copied_seq(sk);
	c->flow[TX].start = write_seq(sk);
	c->watch_rx = timing;
}

/*
 * Makes the state of a connection that moves bytes and has none: it is older
 * than the probes. received or sent bytes are those of the call that found it.
 */
static __noinline struct conn *adopt(struct sock *sk, __u32 received, __u32 sent)
{
	if (!is_tcp(sk) || !BPF_CORE_READ(sk, sk_socket, file)) /* without a file it is the kernel's own */
		return NULL;
	struct conn *c = conn_make(sk);
	if (!c) {
		lose(WIRE_LOSS_CONN_TABLE_FULL, WIRE_PART_OPEN);
		return NULL;
	}
	struct listener l = listener_of(sk);
	begin(c, sk, bpf_map_lookup_elem(&listeners, &l) ? WIRE_ROLE_PASSIVE : WIRE_ROLE_UNKNOWN);
	c->midstream = 1;
	c->meter.retransmits = BPF_CORE_READ((struct tcp_sock *)sk, total_retrans);
	c->flow[RX].start -= received;
	c->flow[TX].start -= sent;
	return c;
}

/* Whether the connection is observed. Most calls end here, after one look-up. */
static __always_inline bool observed(struct conn *c, const struct who *w)
{
	if (c->state == CONN_MUTED)
		return false;
	if (c->state == CONN_NEW && !c->established && !c->midstream) /* data on a SYN */
		return false;
	if (c->state == CONN_NEW || (c->state == CONN_IGNORED && c->tgid != w->tgid))
		classify(c, w);
	if (is_followed(c) && c->verdicts != verdict_count)
		take_verdict(c);
	return is_followed(c);
}

static __always_inline void moved(struct conn *c, const struct moved *m)
{
	bool announced = c->announced || announce(c, &m->by);

	if (may_carry(c, m))
		carry(c, m);
	if (c->state == CONN_CARRIER)
		return;
	if (announced) {
		capture(c, m);
		return;
	}
	lose(WIRE_LOSS_RING_FULL, part_of(c, m->direction, c->last != m->direction));
	c->last = m->direction;
}

/* ---- send ---- */

static __always_inline int on_send_start(struct sock *sk, struct msghdr *msg, bool trusted)
{
	struct conn *c = conn_of(sk);
	struct who w = who(sk);

	if (!enabled || (!c && !(c = adopt(sk, 0, 0))))
		return 0;
	if (!observed(c, &w))
		return 0;
	struct call *call = &c->call[TX];
	call->last = bpf_ktime_get_ns();
	if (call->tid == w.tid) /* a later chunk of the same call */
		return 0;
	call->first = call->last;
	call->other = c->flow[RX].offset;
	call->seq = write_seq(sk);
	call->tid = w.tid;
	source_of_iter(&call->from, msg, trusted);
	watch_ack(c, call->seq + LOAD(trusted, msg, msg_iter.count), call->first);
	return 0;
}

/* Whether the send buffer had no room when the call returned. */
static __always_inline bool is_full(struct sock *sk, bool trusted)
{
	unsigned long flags = trusted ? sk->sk_socket->flags : BPF_CORE_READ(sk, sk_socket, flags);

	return flags & 1 << SOCK_NOSPACE;
}

static __always_inline int on_sent(struct sock *sk, int n, bool registers, bool trusted)
{
	struct conn *c = conn_of(sk);
	struct moved m = { .by = who(sk), .direction = TX, .flags = WIRE_SENT, .size = n };

	if (!enabled)
		return 0;
	if (!c) {
		if (n <= 0 || send_starts || !(c = adopt(sk, 0, n)))
			return 0;
	}
	struct call *call = &c->call[TX];
	bool started = call->tid == m.by.tid;
	if (started)
		call->tid = 0;
	if (n <= 0 || !observed(c, &m.by))
		return 0;
	struct flow *f = &c->flow[TX];
	__u32 seq = started ? call->seq : write_seq(sk) - n;
	m.offset = offset_of(f, seq);
	f->offset = m.offset + n;
	m.other = started ? call->other : c->flow[RX].offset;
	if (started) {
		__u64 last = send_chunks ? call->last : bpf_ktime_get_ns();
		m.first = call->first;
		m.from = call->from;
		/* Without a time per chunk the end of the call is the last byte's only if it had to wait. */
		if (send_chunks || last - m.first > 1000000)
			m.took_us = (last - m.first) / 1000;
	} else {
		m.first = bpf_ktime_get_ns();
		if (registers)
			source_of_syscall(&m.from, sk);
		if (send_starts) { /* another thread's call began since */
			lose(WIRE_LOSS_RACED, part_of(c, TX, false));
			m.flags |= WIRE_RACED;
		}
	}
	trim_ack(c, sk, seq + n, m.first);
	if (timing && is_full(sk, trusted))
		m.flags |= WIRE_FULL;
	moved(c, &m);
	return 0;
}

SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(send_start_tp, struct sock *sk, struct msghdr *msg) { return on_send_start(sk, msg, true); }
SEC("fentry/tcp_sendmsg")
int BPF_PROG(send_start_fentry, struct sock *sk, struct msghdr *msg) { return on_send_start(sk, msg, true); }

/* These two fire for sockets of every kind: the cheapest question comes first. */
static __always_inline bool is_tcp_socket(const struct sock *sk)
{
	return (sk->__sk_common.skc_family == AF_INET || sk->__sk_common.skc_family == AF_INET6) &&
	       sk->sk_protocol == IPPROTO_TCP;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(send_tp, struct sock *sk, int ret)
{
	if (is_tcp_socket(sk))
		return on_sent(sk, ret, !send_starts, true);
	if (is_udp_socket(sk))
		PASS_UDP(ctx, &udp_send_progs, sk);
	return 0;
}
SEC("fexit/tcp_sendmsg")
int BPF_PROG(send_fexit, struct sock *sk, struct msghdr *msg, size_t size, int ret)
{
	return on_sent(sk, ret, false, true);
}

/* Before 6.5 sendfile and splice have an entry of their own, which shows pages, not a buffer. */
SEC("fexit/tcp_sendpage")
int BPF_PROG(sendpage_fexit, struct sock *sk, void *page, int offset, size_t size, int flags, int ret)
{
	return on_sent(sk, ret, false, true);
}

/* ---- receive ---- */

static __always_inline int on_recv_start(struct sock *sk, struct msghdr *msg, int flags, bool trusted)
{
	struct conn *c = conn_of(sk);
	struct who w = who(sk);

	if (flags & (MSG_PEEK | MSG_ERRQUEUE)) /* not data */
		return 0;
	if (!enabled || (!c && !(c = adopt(sk, 0, 0))))
		return 0;
	if (!observed(c, &w))
		return 0;
	struct call *call = &c->call[RX];
	call->tid = w.tid;
	source_of_iter(&call->from, msg, trusted);
	call->flags = flags;
	if (flags & MSG_TRUNC) /* the bytes are thrown away */
		call->from.kind = SOURCE_NONE;
	return 0;
}

static __always_inline int on_received(struct sock *sk, int n, const struct source *from, int flags)
{
	struct conn *c = conn_of(sk);
	struct moved m = { .by = who(sk), .direction = RX, .size = n };

	if (!enabled || (!c && !(c = adopt(sk, n, 0))))
		return 0;
	if (!observed(c, &m.by))
		return 0;
	struct flow *f = &c->flow[RX];
	__u32 seq = copied_seq(sk);
	m.arrived = waited(c, sk, seq, &m.first);
	if (flags & MSG_WAITALL) /* the process waited for the bytes, not they for it */
		m.arrived = 0;
	if (c->fins & WIRE_RECEIVED_FIN && seq == rcv_nxt(sk))
		seq--; /* the call read the FIN too, which is no data */
	f->offset = offset_of(f, seq);
	m.offset = f->offset - n;
	m.other = c->flow[TX].offset;
	if (c->last != TX && c->call[TX].tid) /* what these bytes may answer has left, but its record is not made yet */
		m.flags |= WIRE_AHEAD;
	if (from)
		m.from = *from;
	else
		source_of_syscall(&m.from, sk);
	moved(c, &m);
	return 0;
}

/* The forms that see tcp_recvmsg return know the buffer from when it was entered. */
static __always_inline int on_recv_return(struct sock *sk, int n)
{
	struct conn *c = conn_of(sk);
	__u32 tid = bpf_get_current_pid_tgid();

	if (!c || c->call[RX].tid != tid)
		return 0;
	c->call[RX].tid = 0;
	if (n <= 0)
		return 0;
	struct source from = c->call[RX].from;
	return on_received(sk, n, &from, c->call[RX].flags);
}

SEC("fentry/tcp_recvmsg")
int recv_start_fentry(unsigned long long *ctx)
{
	return on_recv_start((struct sock *)ctx[0], (struct msghdr *)ctx[1], recvmsg_flags(ctx), true);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(recv_tp, struct sock *sk, int ret, int flags)
{
	if (ret < 0 || flags & (MSG_PEEK | MSG_ERRQUEUE))
		return 0;
	if (is_udp_socket(sk)) /* also with 0 bytes: that is a datagram */
		PASS_UDP(ctx, &udp_recv_progs, sk);
	if (ret == 0 || !is_tcp_socket(sk))
		return 0;
	if (flags & MSG_TRUNC) {
		struct source none = {};
		return on_received(sk, ret, &none, flags);
	}
	return on_received(sk, ret, NULL, flags);
}
SEC("fexit/tcp_recvmsg")
int recv_fexit(unsigned long long *ctx) { return on_recv_return((struct sock *)ctx[0], recvmsg_result(ctx)); }

/* ---- kprobe forms: the return sees no arguments, so the entry keeps the socket ---- */

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64); /* pid_tgid */
	__type(value, __u64);
} entered SEC(".maps");

static __always_inline void enter(struct sock *sk)
{
	__u64 id = bpf_get_current_pid_tgid(), value = (__u64)sk;

	bpf_map_update_elem(&entered, &id, &value, BPF_ANY);
}

static __always_inline struct sock *leave(void)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u64 *value = bpf_map_lookup_elem(&entered, &id);

	if (!value)
		return NULL;
	struct sock *sk = (struct sock *)*value;
	bpf_map_delete_elem(&entered, &id);
	return sk;
}

SEC("kprobe/tcp_sendmsg")
int send_start_kprobe(struct pt_regs *ctx)
{
	struct sock *sk = (struct sock *)PT_REGS_PARM1_CORE(ctx);

	enter(sk);
	return on_send_start(sk, (struct msghdr *)PT_REGS_PARM2_CORE(ctx), false);
}
SEC("kretprobe/tcp_sendmsg")
int send_kretprobe(struct pt_regs *ctx)
{
	struct sock *sk = leave();

	return sk ? on_sent(sk, PT_REGS_RC_CORE(ctx), false, false) : 0;
}

SEC("kprobe/tcp_sendpage")
int sendpage_start_kprobe(struct pt_regs *ctx)
{
	enter((struct sock *)PT_REGS_PARM1_CORE(ctx));
	return 0;
}
SEC("kretprobe/tcp_sendpage")
int sendpage_kretprobe(struct pt_regs *ctx)
{
	struct sock *sk = leave();

	return sk ? on_sent(sk, PT_REGS_RC_CORE(ctx), false, false) : 0;
}

SEC("kprobe/tcp_recvmsg")
int recv_start_kprobe(struct pt_regs *ctx)
{
	struct sock *sk = (struct sock *)PT_REGS_PARM1_CORE(ctx);
	int flags = recvmsg_args == 6 ? PT_REGS_PARM5_CORE(ctx) : PT_REGS_PARM4_CORE(ctx);

	enter(sk);
	return on_recv_start(sk, (struct msghdr *)PT_REGS_PARM2_CORE(ctx), flags, false);
}
SEC("kretprobe/tcp_recvmsg")
int recv_kretprobe(struct pt_regs *ctx)
{
	struct sock *sk = leave();

	return sk ? on_recv_return(sk, PT_REGS_RC_CORE(ctx)) : 0;
}

/* ---- life ---- */

/*
 * The end of a connection must reach the receiver: it would wait for ever. What
 * finds no room in the ring waits here, for the reader to fetch when the ring is empty.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64); /* conn.id */
	__type(value, struct wire_close);
} late_closes SEC(".maps");
volatile __u32 late_close_count; /* entries made; raced, but never zero once there was one */

/* flags is what this change adds to what was told of the end. */
static __always_inline void ended(struct conn *c, struct sock *sk, __u8 flags)
{
	struct wire_close r = {};
	__u8 fins = c->fins; /* a FIN is in the sequence numbers, but ours not yet at this change */

	c->fins |= flags & (WIRE_SENT_FIN | WIRE_RECEIVED_FIN);
	if (!is_followed(c) || !c->announced || !(flags & ~c->closed))
		return;
	header(&r.h, WIRE_CLOSE, c->fins | flags, c->tgid, bpf_ktime_get_ns(), c->id);
	r.sent = offset_of(&c->flow[TX], write_seq(sk) - !!(fins & WIRE_SENT_FIN));
	r.received = offset_of(&c->flow[RX], rcv_nxt(sk) - !!(c->fins & WIRE_RECEIVED_FIN));
	r.acked = c->watch_ack ? 0 : c->acked;
	r.meter = c->meter;
	r.error = BPF_CORE_READ(sk, sk_err);
	struct wire_close *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (e) {
		*e = r;
		bpf_ringbuf_submit(e, wakeup());
		c->closed |= flags;
	} else if (flags & WIRE_GONE) {
		__u64 id = c->id;
		if (bpf_map_update_elem(&late_closes, &id, &r, BPF_ANY))
			lose(WIRE_LOSS_RING_FULL, WIRE_PART_CLOSE);
		else
			late_close_count++;
	} /* else the end will tell of it */
}

/* Nothing will be heard of the connection again. */
static __always_inline void forsake(struct conn *c, struct sock *sk)
{
	ended(c, sk, WIRE_GONE);
	if (tls && c->tls) {
		struct who w = { .sk = (__u64)sk };
		uncarry(&w);
	}
}

static __always_inline void opened(struct sock *sk, int old)
{
	struct conn *c = conn_of(sk);

	struct wire_meter meter = {};
	__u64 connect = 0;

	if (c && timing && old == TCP_SYN_SENT) {
		connect = c->connect;
		meter = c->meter; /* SYNs that were sent again */
	} else if (c) {
		forsake(c, sk);
	} else if (!(c = conn_make(sk))) {
		lose(WIRE_LOSS_CONN_TABLE_FULL, WIRE_PART_OPEN);
		return;
	}
	begin(c, sk, old == TCP_SYN_SENT ? WIRE_ROLE_ACTIVE : WIRE_ROLE_PASSIVE);
	c->meter = meter;
	c->connect = connect;
	c->established = c->checked = bpf_ktime_get_ns();
}

/* The process begins a handshake, perhaps on a socket that was connected before. */
static __always_inline void connecting(struct sock *sk)
{
	struct conn *c = conn_of(sk);

	if (c)
		forsake(c, sk);
	else if (!(c = conn_make(sk))) {
		lose(WIRE_LOSS_CONN_TABLE_FULL, WIRE_PART_OPEN);
		return;
	}
	conn_reset(c);
	c->connect = c->progress = bpf_ktime_get_ns();
}

/*
 * What a change of state says of the end. The state leaves ESTABLISHED in
 * tcp_fin (their FIN), in tcp_shutdown and tcp_close (ours; close forbids
 * reading too) and in tcp_reset. A socket that has seen both FINs is TCP_CLOSE,
 * but what it received may still be read, until it is destroyed.
 */
static __always_inline __u8 ending(struct sock *sk, int old, int new)
{
	switch (new) {
	case TCP_CLOSE_WAIT:
	case TCP_CLOSING:
		return WIRE_RECEIVED_FIN;
	case TCP_LAST_ACK:
		return WIRE_SENT_FIN;
	case TCP_FIN_WAIT1:
		return BPF_CORE_READ(sk, sk_shutdown) == SHUTDOWN_BOTH ? WIRE_SENT_FIN | WIRE_GONE : WIRE_SENT_FIN;
	case TCP_CLOSE:
		if (BPF_CORE_READ(sk, sk_err))
			return WIRE_GONE;
		if (old == TCP_ESTABLISHED || old == TCP_CLOSE_WAIT) /* the process resets it; the error comes later */
			return WIRE_GONE;
		return old == TCP_FIN_WAIT2 ? WIRE_RECEIVED_FIN : 0;
	}
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(state_tp, struct sock *sk, int old, int new)
{
	if (!enabled || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
		return 0;
	if (new == TCP_ESTABLISHED) {
		opened(sk, old);
		return 0;
	}
	if (timing && new == TCP_SYN_SENT) {
		connecting(sk);
		return 0;
	}
	struct conn *c = conn_of(sk);
	if (!c)
		return 0;
	__u8 flags = ending(sk, old, new);
	if (flags)
		ended(c, sk, flags);
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(destroy_tp, struct sock *sk)
{
	struct conn *c = conn_of(sk);

	if (!c)
		return 0;
	forsake(c, sk);
	conn_drop(sk);
	return 0;
}

/* ---- what was there before ---- */

SEC("iter/task_file")
int listeners_iter(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	struct socket *socket;

	self_tgid = bpf_get_current_pid_tgid() >> 32; /* who reads the iterator is the receiver */
	if (!file || !(socket = bpf_sock_from_file(file)))
		return 0;
	struct sock *sk = BPF_CORE_READ(socket, sk);
	if (!sk || !is_listener(sk))
		return 0;
	struct listener l = listener_of(sk);
	__u32 nobody = 0;
	bpf_map_update_elem(&listeners, &l, &nobody, BPF_ANY);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
