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

/* The value is the process that listens, 0 when it is not a target or nobody asked. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct listener);
	__type(value, __u32);
} listeners SEC(".maps");

static __always_inline struct listener listener_of(struct sock *sk)
{
	return (struct listener){
		.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum),
		.port = BPF_CORE_READ(sk, __sk_common.skc_num),
	};
}
