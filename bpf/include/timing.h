/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When bytes came to the socket, waited in it and were acknowledged.
 *
 * The hooks of system calls say what to watch for: the next bytes, when none
 * wait to be read, and the acknowledgement of what was sent. Segments of
 * connections that watch for nothing cost one look (segments.bpf.c).
 */
#pragma once
#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "conn.h"

const volatile bool timing = true; /* set by the loader: segments are seen */

static __always_inline __u32 write_seq(struct sock *sk) { return BPF_CORE_READ((struct tcp_sock *)sk, write_seq); }
static __always_inline __u32 copied_seq(struct sock *sk) { return BPF_CORE_READ((struct tcp_sock *)sk, copied_seq); }
static __always_inline __u32 rcv_nxt(struct sock *sk) { return BPF_CORE_READ((struct tcp_sock *)sk, rcv_nxt); }
static __always_inline __u32 snd_una(struct sock *sk) { return BPF_CORE_READ((struct tcp_sock *)sk, snd_una); }

/* A call begins to send: everything up to the sequence number end is to be acknowledged. */
static __always_inline void watch_ack(struct conn *c, __u32 end, __u64 now)
{
	if (!timing)
		return;
	if (!c->watch_ack)
		c->progress = now;
	c->acked = 0;
	c->ack_target = end;
	c->watch_ack = 1;
}

/* The call took bytes up to end only, or its beginning was not seen. */
static __always_inline void trim_ack(struct conn *c, struct sock *sk, __u32 end, __u64 now)
{
	if (!timing || (c->ack_target == end && (c->watch_ack || c->acked)))
		return;
	watch_ack(c, end, now);
	if ((__s32)(snd_una(sk) - end) >= 0) /* it is too late to see when */
		c->watch_ack = 0;
}

/*
 * The process has read up to the sequence number read_to: returns since when bytes waited, and notes whether more
 * of them do. What is left has waited as long, but that time is told already. Sets now to the time of the read.
 */
static __always_inline __u64 waited(struct conn *c, struct sock *sk, __u32 read_to, __u64 *now)
{
	__u64 since = c->arrived;
	__u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);

	if (!timing) {
		*now = bpf_ktime_get_ns();
		return 0;
	}
	if (!since) /* they came while it was looked whether they do, or ended the handshake */
		since = c->checked;
	c->arrived = 0;
	c->watch_rx = 1; /* first: what comes from here on is seen */
	__u32 next = rcv_nxt(sk);
	/* Last: what came unseen came before. No time is earlier than the bytes it is of. */
	*now = bpf_ktime_get_ns();
	c->checked = state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT ? *now : 0;
	if (read_to != next) {
		c->watch_rx = 0;
		c->arrived = *now;
	}
	return since;
}

/*
 * When the process took a connection from the accept queue, by the address of
 * its socket: some of the hooks that see it know no more of the socket.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u64);
} accepts SEC(".maps");

static __always_inline void note_accept(__u64 sk)
{
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&accepts, &sk, &now, BPF_ANY);
}

/* 0 when it was not seen. An entry from before the handshake is another socket's. */
static __always_inline __u64 accepted(const struct conn *c, struct sock *sk)
{
	__u64 key = (__u64)sk;
	__u64 *at = bpf_map_lookup_elem(&accepts, &key);

	if (!at)
		return 0;
	__u64 time = *at;
	bpf_map_delete_elem(&accepts, &key);
	return time >= c->established ? time : 0;
}
