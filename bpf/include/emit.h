/* SPDX-License-Identifier: GPL-2.0-only */
/* The ring buffer, and the count of what did not fit in it. */
#pragma once
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include "wire.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20); /* set by the loader */
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, (WIRE_LOSSES) * (WIRE_PARTS));
	__type(key, __u32);
	__type(value, __u64);
} losses SEC(".maps");

static __always_inline void lose(__u32 reason, __u32 part)
{
	__u32 i = reason * WIRE_PARTS + part;
	__u64 *n = bpf_map_lookup_elem(&losses, &i);

	if (n)
		__sync_fetch_and_add(n, 1);
}

static __always_inline void header(struct wire_header *h, __u16 kind, __u16 flags, __u32 tgid, __u64 time, __u64 conn)
{
	h->kind = kind;
	h->flags = flags;
	h->tgid = tgid;
	h->time = time;
	h->conn = conn;
}
