// SPDX-License-Identifier: GPL-2.0-only
/*
 * How TCP connections and UDP sockets fare, per process.
 *
 * Nothing here runs per packet. The programs sit where a connection changes its
 * state, ends or is reset, and at the calls that move datagrams; the rest is read
 * off the sockets when they end, and by an iterator once per collection.
 * docs/decisions/0006-health-in-kernel.md says why.
 */
#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "args.h"
#include "conn.h"
#include "health.h"
#include "listeners.h"
#include "source.h"
#include "target.h"
#include "udp.h"

static __always_inline bool is_tcp(const struct sock *sk)
{
	return (sk->__sk_common.skc_family == AF_INET || sk->__sk_common.skc_family == AF_INET6) &&
	       sk->sk_protocol == IPPROTO_TCP;
}

/* An IPv6 socket may speak IPv4, to ::ffff:0:0/96. */
static __always_inline bool is_v6(const struct sock *sk)
{
	const __be32 *to = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32;

	if (sk->__sk_common.skc_family != AF_INET6)
		return false;
	return to[0] || to[1] || to[2] != bpf_htonl(0xffff);
}

/* What a socket's series is but for the process. */
static __always_inline void describe(struct series *k, struct sock *sk, __u8 transport, __u8 role)
{
	k->transport = transport;
	k->v6 = is_v6(sk);
	k->role = role;
	if (role == WIRE_ROLE_ACTIVE)
		k->port = bpf_ntohs(sk->__sk_common.skc_dport);
	else if (role == WIRE_ROLE_PASSIVE)
		k->port = sk->__sk_common.skc_num;
	if (!health_peer)
		return;
	if (k->v6)
		BPF_CORE_READ_INTO(&k->peer, sk, __sk_common.skc_v6_daddr);
	else
		*(__be32 *)k->peer = sk->__sk_common.skc_daddr;
}

static __always_inline struct stat *stat_of(struct sock *sk) { return bpf_sk_storage_get(&stats, sk, 0, 0); }

static __always_inline struct stat *stat_make(struct sock *sk, __u8 phase, __u8 role)
{
	struct stat *s = NULL;

	if (room(HEALTH_STATS_MADE, HEALTH_STATS_DROPPED, max_conns))
		s = bpf_sk_storage_get(&stats, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!s) {
		lose(WIRE_LOSS_CONN_TABLE_FULL, WIRE_PART_HEALTH);
		return NULL;
	}
	count_one(HEALTH_STATS_MADE);
	describe(&s->key, sk, HEALTH_TCP, role);
	s->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	s->phase = phase;
	return s;
}

/*
 * Reads a socket's counters. Bytes sent before bytes retransmitted, which are
 * among them, and the FIN, which is among the bytes received, last: so what is
 * read while the socket moves on is not too much, only late.
 */
static __always_inline void look(struct now *n, struct sock *sk, const struct stat *s)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	if (!tp)
		return;
	n->counts[RESETS_SENT] = s->resets_sent;
	n->counts[RESETS_RECEIVED] = s->resets_received;
	n->counts[RTOS] = s->rtos;
	if (s->phase == STAT_LISTENING) {
		n->counts[LISTEN_DROPS] = sk->sk_drops.counter;
		n->full = sk->sk_ack_backlog > sk->sk_max_ack_backlog;
		return;
	}
	__u64 received = tp->bytes_received;
	__u64 sent = tp->bytes_sent;
	barrier();
	__u64 again = tp->bytes_retrans;
	barrier();
	n->bytes[BYTES_RETRANSMITTED] = again;
	n->bytes[BYTES_SENT] = sent > again ? sent - again : 0;
	n->counts[SEGMENTS_SENT] = tp->segs_out;
	n->counts[SEGMENTS_RECEIVED] = tp->segs_in;
	n->counts[RETRANSMITS] = tp->total_retrans;
	n->counts[OUT_OF_ORDER] = tp->rcv_ooopack;
	if (bpf_core_field_exists(struct tcp_sock, total_rto))
		n->counts[RTOS] = tp->total_rto;
	n->srtt_us = tp->srtt_us;
	n->stalled = !tp->snd_wnd && tp->write_seq != tp->snd_nxt && s->phase == STAT_ESTABLISHED;
	barrier();
	bool fin = sk->__sk_common.skc_flags & 1UL << SOCK_DONE;
	n->bytes[BYTES_RECEIVED] = received - (fin && received);
}

/* Who moves its data, as the programs that follow the data know it. */
static __always_inline void ask_owner(struct now *n, struct sock *sk)
{
	struct conn *c = conn_of(sk);

	if (!c)
		return;
	if (is_followed(c) || c->state == CONN_MUTED)
		n->owner = c->tgid;
	n->ignored = c->state == CONN_IGNORED;
}

static __always_inline void settle_now(struct sock *sk, struct stat *s, bool gone, __u64 round)
{
	struct now n = { .gone = gone, .round = round };

	look(&n, sk, s);
	if (!s->key.tgid)
		ask_owner(&n, sk);
	settle(s, &n);
}

/* ---- the life of a connection ---- */

/* In the process that connects. A socket that is used again is another connection. */
static __always_inline void connecting(struct sock *sk)
{
	if (!bpf_sk_storage_delete(&stats, sk))
		count_one(HEALTH_STATS_DROPPED);
	struct stat *s = stat_make(sk, STAT_CONNECTING, WIRE_ROLE_ACTIVE);
	if (!s)
		return;
	s->key.tgid = current_target(sk, WIRE_ROLE_ACTIVE);
	s->began = bpf_ktime_get_ns();
}

static __always_inline void established(struct sock *sk, int old)
{
	struct stat *s = stat_of(sk);

	if (!s)
		s = stat_make(sk, STAT_ESTABLISHED, old == TCP_SYN_SENT ? WIRE_ROLE_ACTIVE : WIRE_ROLE_PASSIVE);
	if (!s)
		return;
	s->established = bpf_ktime_get_ns();
	s->phase = STAT_ESTABLISHED;
}

/* Enters who listens on a port; nobody when it is not a target. */
static __always_inline void listens(struct sock *sk, __u32 tgid)
{
	struct listener l = listener_of(sk);

	if (tgid)
		bpf_map_update_elem(&listeners, &l, &tgid, BPF_ANY);
	else
		bpf_map_delete_elem(&listeners, &l);
}

/* In the process that listens. */
static __always_inline void listening(struct sock *sk)
{
	struct stat *s = stat_of(sk);

	if (!s)
		s = stat_make(sk, STAT_LISTENING, WIRE_ROLE_PASSIVE);
	if (!s)
		return;
	s->phase = STAT_LISTENING;
	s->key.tgid = current_target(sk, WIRE_ROLE_PASSIVE);
	listens(sk, s->key.tgid);
}

/* Another socket may listen on the same port: it is entered again when it is settled next. */
static __always_inline void listened(struct sock *sk, const struct stat *s)
{
	struct listener l = { .netns = s->netns, .port = s->key.port };
	__u32 *tgid = bpf_map_lookup_elem(&listeners, &l);

	if (tgid && *tgid == s->key.tgid)
		bpf_map_delete_elem(&listeners, &l);
}

static __always_inline __u8 failure_of(int err)
{
	switch (err) {
	case ECONNREFUSED:
		return FAILED_REFUSED;
	case ECONNRESET:
		return FAILED_RESET;
	case ETIMEDOUT:
		return FAILED_TIMED_OUT;
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENETUNREACH:
	case ENETDOWN:
		return FAILED_UNREACHABLE;
	}
	return FAILED_OTHER; /* also 0: the process gave up */
}

static __always_inline void closed(struct sock *sk)
{
	struct stat *s = stat_of(sk);

	if (!s)
		return;
	if (s->phase == STAT_CONNECTING) {
		s->failure = failure_of(sk->sk_err);
		s->phase = STAT_FAILED;
	} else if (s->phase == STAT_ESTABLISHED) {
		s->ended = bpf_ktime_get_ns();
		s->phase = STAT_ENDED;
	} else if (s->phase == STAT_LISTENING) {
		listened(sk, s);
	}
	/* Now, for a socket that is disconnected forgets its counters. */
	settle_now(sk, s, !sk->sk_socket, 0);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(health_state_tp, struct sock *sk, int old, int new)
{
	if (!is_tcp(sk))
		return 0;
	switch (new) {
	case TCP_SYN_SENT:
		connecting(sk);
		break;
	case TCP_ESTABLISHED:
		established(sk, old);
		break;
	case TCP_LISTEN:
		listening(sk);
		break;
	case TCP_CLOSE:
		closed(sk);
		break;
	}
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(health_destroy_tp, struct sock *sk)
{
	struct stat *s = stat_of(sk);

	if (!s)
		return 0;
	settle_now(sk, s, true, 0);
	count_one(HEALTH_STATS_DROPPED); /* freed with the socket */
	return 0;
}

/* ---- what the socket does not count ---- */

/* Without a socket it is the answer to a segment that belongs to none. */
SEC("tp_btf/tcp_send_reset")
int BPF_PROG(health_reset_sent_tp, struct sock *sk)
{
	struct stat *s = sk ? stat_of(sk) : NULL;

	if (s)
		__sync_fetch_and_add(&s->resets_sent, 1);
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(health_reset_received_tp, struct sock *sk)
{
	struct stat *s = stat_of(sk);

	if (s)
		__sync_fetch_and_add(&s->resets_received, 1);
	return 0;
}

/* Before 6.7. Only a timeout lets the number of timeouts in a row grow. */
SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(health_retransmit_tp, struct sock *sk)
{
	struct stat *s = stat_of(sk);
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	if (!s || !tp)
		return 0;
	__u8 in_a_row = tp->inet_conn.icsk_retransmits;
	if (in_a_row > s->in_a_row)
		s->rtos++;
	s->in_a_row = in_a_row;
	return 0;
}

/* ---- once per collection ---- */

SEC("iter/bpf_sk_storage_map")
int health_iter(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock *sk = ctx->sk;
	__u64 *round = health_var(HEALTH_ROUND);

	if (!sk || !round)
		return 0;
	struct stat *s = stat_of(sk);
	if (!s)
		return 0;
	disown(s);
	settle_now(sk, s, false, *round);
	if (sk->__sk_common.skc_state == TCP_LISTEN && s->key.tgid)
		listens(sk, s->key.tgid);
	return 0;
}

/* ---- what was there before ---- */

static __always_inline __u8 phase_of(__u8 state)
{
	switch (state) {
	case TCP_LISTEN:
		return STAT_LISTENING;
	case TCP_SYN_SENT:
		return STAT_CONNECTING;
	case TCP_ESTABLISHED:
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
	case TCP_CLOSE_WAIT:
	case TCP_LAST_ACK:
	case TCP_CLOSING:
		return STAT_ESTABLISHED;
	}
	return STAT_NONE;
}

/* What a socket counted before it was seen is not added. */
static __always_inline void begin_midway(struct stat *s, struct sock *sk)
{
	struct now n = {};

	look(&n, sk, s);
	__builtin_memcpy(s->bytes, n.bytes, sizeof(s->bytes));
	__builtin_memcpy(s->counts, n.counts, sizeof(s->counts));
}

static __always_inline __u8 role_of(struct sock *sk, __u8 phase)
{
	struct listener l = listener_of(sk);

	if (phase == STAT_CONNECTING)
		return WIRE_ROLE_ACTIVE;
	return bpf_map_lookup_elem(&listeners, &l) ? WIRE_ROLE_PASSIVE : WIRE_ROLE_UNKNOWN;
}

/* Runs when the programs above have attached. A socket several processes hold is the first's. */
SEC("iter/task_file")
int inventory_iter(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket *socket;
	struct sock *sk;

	if (!task || !file || !(socket = bpf_sock_from_file(file)) || !(sk = socket->sk))
		return 0;
	if (is_listener(sk)) {
		__u32 tgid = target_of(task, sk, WIRE_ROLE_PASSIVE);
		if (tgid)
			listens(sk, tgid);
	}
	__u8 phase = phase_of(sk->__sk_common.skc_state);
	if (!is_tcp(sk) || phase == STAT_NONE)
		return 0;
	struct stat *s = stat_of(sk);
	if (!s) {
		s = stat_make(sk, phase, role_of(sk, phase));
		if (!s)
			return 0;
		begin_midway(s, sk);
	}
	if (!s->key.tgid)
		s->key.tgid = target_of(task, sk, s->key.role);
	return 0;
}

/* ---- UDP ---- */

/* Adds one call. Nothing ends a UDP socket that a program could see, so nothing waits on it. */
static __always_inline void datagram(struct sock *sk, int n, bool sent)
{
	/* Connected is what only clients do, as a rule; of others the call alone would tell. */
	__u8 role = sk->__sk_common.skc_state == TCP_ESTABLISHED ? WIRE_ROLE_ACTIVE : WIRE_ROLE_UNKNOWN;
	struct series key = {};

	if (n < 0)
		return;
	key.tgid = current_target(sk, role);
	if (!key.tgid)
		return;
	describe(&key, sk, HEALTH_UDP, role);
	struct tally *t = tally_of(&key);
	if (!t)
		return;
	add(&t->bytes[sent ? BYTES_SENT : BYTES_RECEIVED], n);
	add(sent ? &t->datagrams_sent : &t->datagrams_received, 1);
}

/* These are called by send_tp and recv_tp of tcp.bpf.c, which see all sockets. */
SEC("tp_btf/sock_send_length")
int BPF_PROG(udp_send_tail, struct sock *sk, int ret)
{
	datagram(sk, ret, true);
	PASS_TO_DNS(ctx, &udp_send_progs, sk);
	return 0;
}
SEC("tp_btf/sock_recv_length")
int BPF_PROG(udp_recv_tail, struct sock *sk, int ret)
{
	datagram(sk, ret, false);
	PASS_TO_DNS(ctx, &udp_recv_progs, sk);
	return 0;
}

/* The function of IPv6 calls that of IPv4 when the peer is one: each takes the sockets of its own family. */
SEC("fexit/udp_sendmsg")
int BPF_PROG(udp_send_fexit, struct sock *sk, struct msghdr *msg, size_t size, int ret)
{
	if (sk->__sk_common.skc_family == AF_INET)
		datagram(sk, ret, true);
	return 0;
}
SEC("fexit/udpv6_sendmsg")
int BPF_PROG(udp6_send_fexit, struct sock *sk, struct msghdr *msg, size_t size, int ret)
{
	if (sk->__sk_common.skc_family == AF_INET6)
		datagram(sk, ret, true);
	return 0;
}

static __always_inline int udp_received(unsigned long long *ctx)
{
	if (!(recvmsg_flags(ctx) & (MSG_PEEK | MSG_ERRQUEUE)))
		datagram((struct sock *)ctx[0], recvmsg_result(ctx), false);
	return 0;
}
SEC("fexit/udp_recvmsg")
int udp_recv_fexit(unsigned long long *ctx) { return udp_received(ctx); }
SEC("fexit/udpv6_recvmsg")
int udp6_recv_fexit(unsigned long long *ctx) { return udp_received(ctx); }

char LICENSE[] SEC("license") = "GPL";
