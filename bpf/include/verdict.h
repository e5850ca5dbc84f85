/* SPDX-License-Identifier: GPL-2.0-only */
/* What the receiver says of connections. */
#pragma once
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include "conn.h"
#include "shared.h"

/*
 * The receiver raises verdict_count with each. Those on connections that have
 * closed meanwhile are never fetched, and give way.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64); /* conn.id */
	__type(value, __u8); /* enum wire_verdict */
} verdicts SEC(".maps");

__noinline int take_verdict(struct conn *c)
{
	if (!c)
		return 0;
	__u64 id = c->id;
	c->verdicts = verdict_count;
	__u8 *verdict = bpf_map_lookup_elem(&verdicts, &id);
	if (!verdict)
		return 0;
	if (*verdict == WIRE_VERDICT_CARRY) {
		c->state = CONN_CARRIER;
	} else if (*verdict == WIRE_VERDICT_FRAMES) {
		c->http2 = 1;
	} else {
		c->state = CONN_MUTED;
		c->watch_rx = c->watch_ack = 0;
	}
	bpf_map_delete_elem(&verdicts, &id);
	return 0;
}
