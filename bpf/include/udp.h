/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where calls on UDP sockets go. The programs of TCP see every socket call of the
 * host already, and a second program there would cost each of them; so those
 * pass on what is UDP. A slot without a program is passed over.
 */
#pragma once
#include "kernel.h"
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum udp_slot {
	UDP_HEALTH, /* passes on to the next */
	UDP_DNS,
	UDP_SLOTS,
};

/* Two, because a table takes programs of one tracepoint only. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, UDP_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} udp_send_progs SEC(".maps"), udp_recv_progs SEC(".maps");

#define DNS_PORT 53

static __always_inline bool is_udp_socket(const struct sock *sk)
{
	return (sk->__sk_common.skc_family == AF_INET || sk->__sk_common.skc_family == AF_INET6) &&
	       sk->sk_protocol == IPPROTO_UDP;
}

/* Of a socket that is not connected only the call knows the peer: the program looks. */
static __always_inline bool may_be_dns(const struct sock *sk)
{
	__u16 remote = sk->__sk_common.skc_dport;

	return !remote || remote == bpf_htons(DNS_PORT) || sk->__sk_common.skc_num == DNS_PORT;
}

/* Comes back only when there is no program. */
#define PASS_TO_DNS(ctx, progs, sk)                                                                                    \
	do {                                                                                                           \
		if (may_be_dns(sk))                                                                                    \
			bpf_tail_call(ctx, progs, UDP_DNS);                                                            \
	} while (0)
#define PASS_UDP(ctx, progs, sk)                                                                                       \
	do {                                                                                                           \
		bpf_tail_call(ctx, progs, UDP_HEALTH);                                                                 \
		PASS_TO_DNS(ctx, progs, sk);                                                                           \
	} while (0)
