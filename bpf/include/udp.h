/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is to see the datagrams of UDP sockets. The hooks of tcp.bpf.c sit where
 * the calls of every socket come by; another program there would tax them all,
 * so these hand UDP sockets on. A slot nobody fills costs the failed jump.
 */
#pragma once
#include "kernel.h"
#include <bpf/bpf_helpers.h>

enum { UDP_HEALTH, UDP_DNS, UDP_SLOTS };

/* One array for each hook: the kernel ties an array to the arguments of its programs. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, UDP_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} udp_send_progs SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, UDP_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} udp_recv_progs SEC(".maps");

static __always_inline bool is_udp_socket(const struct sock *sk)
{
	return (sk->__sk_common.skc_family == AF_INET || sk->__sk_common.skc_family == AF_INET6) &&
	       sk->sk_protocol == IPPROTO_UDP;
}
