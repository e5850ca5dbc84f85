/* SPDX-License-Identifier: GPL-2.0-only */
/* The ports that are listened on, and by whom. */
#pragma once
#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

struct listener {
	__u32 netns;
	__u32 port;
};

/*
 * The value is the process that listens, 0 when it is not a target or nobody asked.
 * Those that listened at the start are entered then; later ones, and who they
 * belong to, by the programs of connection health.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct listener);
	__type(value, __u32);
} listeners SEC(".maps");

/*
 * Whether a socket that has a file listens for TCP. One of MPTCP does: it accepts
 * plain connections as well, on a socket of TCP below it, which has no file. Go's
 * programs listen so by default.
 */
static __always_inline bool is_listener(struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family), protocol = BPF_CORE_READ(sk, sk_protocol);

	return (family == AF_INET || family == AF_INET6) && (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP) &&
	       BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN;
}

static __always_inline struct listener listener_of(struct sock *sk)
{
	return (struct listener){
		.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum),
		.port = BPF_CORE_READ(sk, __sk_common.skc_num),
	};
}
