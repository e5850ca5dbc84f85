/* SPDX-License-Identifier: GPL-2.0-only */
/* A record of bytes: what a call moved, and how that is told. */
#pragma once
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include "conn.h"
#include "emit.h"

const volatile __u32 capture_bytes = 1024; /* set by the loader: 64..4096 */

/*
 * What a call moved. The functions below that take it are global: the verifier
 * looks at each once, not at every way that leads to it, or it would not finish.
 * (Pointers to global functions: Linux 5.12.) They check for NULL because it
 * makes them.
 */
struct moved {
	struct who by;
	struct source from;
	__u64 offset; /* of its first byte in the stream */
	__u64 other;  /* the other direction's stream had reached this offset */
	__u64 first;  /* time */
	__u64 arrived; /* received: since when bytes waited */
	__u32 took_us;
	__u32 size;
	__u16 flags; /* enum wire_data_flags, without WIRE_RUN and WIRE_END */
	__u8 direction;
	__u8 pad[5];
};

static __always_inline __u32 part_of(const struct conn *c, __u8 direction, bool run)
{
	if (!run)
		return WIRE_PART_BODY;
	if (c->role == WIRE_ROLE_UNKNOWN)
		return WIRE_PART_MESSAGE;
	return (c->role == WIRE_ROLE_PASSIVE) == (direction == RX) ? WIRE_PART_REQUEST : WIRE_PART_RESPONSE;
}

static __always_inline void describe(struct wire_data *e, const struct conn *c, const struct moved *m, __u16 flags,
				     __u32 at)
{
	header(&e->h, WIRE_DATA, m->flags | flags, c->tgid, m->first, c->id);
	e->offset = m->offset + at;
	e->other = m->other;
	e->arrived = at ? 0 : m->arrived; /* what stands behind may have come later */
	e->acked = c->watch_ack ? 0 : c->acked;
	e->meter = c->meter;
	e->took_us = m->took_us;
	e->tid = m->by.tid;
	e->captured = 0;
	e->tail_len = 0;
}
