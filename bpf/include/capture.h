/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much of a call's bytes is worth copying.
 *
 * Calls in one direction with none in the other between them are a run; a
 * message begins with a run unless it is pipelined. The first capture_bytes of a
 * run are copied, and more while the head in it has not ended. Of later calls
 * only the last bytes are, so that the end of a chunked body is seen; unless a
 * call looks like a head of its own. A connection that was seen pipelining may
 * begin a message anywhere: up to HEAD_MAX of each of its calls is copied.
 * HTTP/2 has rules of its own: frames.h.
 */
#pragma once
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include "conn.h"
#include "frames.h"
#include "record.h"
#include "source.h"
#include "wakeup.h"

#define HEAD_MAX 16384 /* of a run; nginx and Go's net/http refuse longer lines or heads by default */
#define PIECES   16    /* records a call may take */

#define CRLFCRLF 0x0a0d0a0d /* little endian, as all targets are */
#define HTTP1    0x2e312f50545448ULL /* "HTTP/1.", seven bytes */
#define HTTP1_1  0x312e312f50545448ULL /* "HTTP/1.1" */
#define _101     0x31303120 /* " 101" */
#define CONNECT  0x205443454e4e4f43ULL /* "CONNECT " */
#define PG_TLS   0x2f16d20408000000ULL /* SSLRequest of PostgreSQL, all of it */

/* The first bytes of a connection of TLS: a record of the handshake, major version 3 (RFC 8446 section 5.1). */
#define TLS_BEGINS 0x0316

#define BYTES(c)  (0x0101010101010101ULL * (c))
#define ZEROES(x) (((x) - BYTES(1)) & ~(x) & BYTES(0x80)) /* marks the zero bytes of x */

/*
 * Whether a head ends in the n bytes at p: a line feed followed by a carriage
 * return. Eight bytes a step; p holds room bytes, a constant.
 */
static __always_inline bool head_ends(const __u8 *p, __u32 n, const __u32 room)
{
	__u64 carry = 0; /* the step before ended with a line feed */

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i + 8 <= room; i += 8) {
		if (i + 8 > n)
			break;
		__u64 x = *(const __u64 *)(p + i);
		__u64 lf = ZEROES(x ^ BYTES('\n')), cr = ZEROES(x ^ BYTES('\r'));
		if ((lf << 8 | carry) & cr)
			return true;
		carry = lf >> 56;
	}
	return false;
}

/* Whether the n bytes at p end with a head: so does a segment of its own, as nginx writes it. */
static __always_inline bool ends_head(const __u8 *p, __u64 n, const __u32 room)
{
	return n >= 4 && *(__u32 *)&p[at_most(n - 4, room - 4)] == CRLFCRLF;
}

/* A few bytes of a call. */
struct peek {
	__u64 words[2 * WIRE_TAIL / 8]; /* gather fills half its room between segments */
};
__noinline __u32 peek(struct peek *to, const struct moved *m, __u32 from, __u32 want)
{
	if (!to || !m)
		return 0;
	return gather(to->words, sizeof(to->words), &m->from, from, want);
}

/* Only of the bytes behind those captured. */
static __always_inline void tail_of(struct wire_data *e, const struct moved *m)
{
	struct peek tail = {};
	__u32 rest = e->size - e->captured;
	__u32 want = rest < WIRE_TAIL ? rest : WIRE_TAIL;

	if (peek(&tail, m, m->size - want, want) != want) /* in too many segments: better none than a wrong one */
		return;
	__builtin_memcpy(e->tail, tail.words, WIRE_TAIL);
	e->tail_len = want;
}

/* Whether p begins a request that has no body as a rule: then what follows its head is another one. */
static __always_inline bool is_bodiless(const __u8 *p)
{
	return p[0] == 'G' || p[0] == 'D' || p[0] == 'O' || (p[0] == 'H' && p[1] == 'E');
}

/*
 * Sends one record with payload: the call's bytes from at on, at most want of
 * them, at most room, which is a constant. It stands for the rest of the call
 * too when its head has ended or this is the last piece. Returns how many bytes
 * it stands for, 0 when nothing more of this call can be sent.
 */
static __always_inline __u32 piece_of(const __u32 room, struct conn *c, const struct moved *m, __u16 flags, __u32 at,
				      __u32 want, bool final)
{
	struct wire_data *e = bpf_ringbuf_reserve(&events, sizeof(*e) + room, 0);
	struct flow *f = &c->flow[m->direction & 1];
	bool ended = false;

	if (!e) {
		lose(WIRE_LOSS_RING_FULL, part_of(c, m->direction, flags & WIRE_RUN));
		return 0;
	}
	describe(e, c, m, flags, at);
	e->size = m->size - at;
	if (want > e->size)
		want = e->size;
	__u8 *payload = (__u8 *)(e + 1);
	__u64 got = gather(payload, room, &m->from, at, want);
	if (!got) {
		lose(WIRE_LOSS_FAULT, part_of(c, m->direction, flags & WIRE_RUN));
		e->h.flags |= WIRE_FAULT | WIRE_END;
		bpf_ringbuf_submit(e, wakeup());
		return 0;
	}
	if (!m->offset && !at)
		c->tls |= *(__u16 *)payload == TLS_BEGINS;
	if (!at && got >= 8)
		c->tunnel |= *(__u64 *)payload == CONNECT || (got == 8 && *(__u64 *)payload == PG_TLS);
	e->captured = got;
	f->run += got;
	f->left -= got < f->left ? got : f->left;
	if (got == e->size) {
		ended = ends_head(payload, got, room);
		/* Several requests in one write. A short one is not searched: so are most, and it takes time. */
		if (ended && got > 256 && is_bodiless(payload) && head_ends(payload, got - 4, room))
			c->pipelined = 1;
	} else {
		ended = !c->tls && (ends_head(payload, got, room) ||
				    head_ends(payload, got, room)); /* a record may hold any bytes */
		if (ended && is_bodiless(payload))
			c->pipelined = 1;
		if (c->pipelined)
			ended = false;
		if (ended || final || f->run >= HEAD_MAX)
			tail_of(e, m);
		else
			e->size = got;
	}
	if (!at && got >= 12 && *(__u64 *)payload == HTTP1_1 && *(__u32 *)(payload + 8) == _101) {
		c->http2 = 1; /* perhaps; frames may follow in this call */
		ended = false;
	}
	__u32 stands = e->size;
	if (at + stands == m->size)
		e->h.flags |= WIRE_END;
	bpf_ringbuf_submit(e, wakeup());
	if (ended || f->run >= HEAD_MAX)
		f->left = 0;
	else if (!f->left) /* the head goes on: so does the copying */
		f->left = capture_bytes;
	return stands;
}

/* Two sizes of record, so that a short head takes little of the ring. */
__noinline __u32 small_piece(struct conn *c, const struct moved *m, __u16 flags, __u32 at, bool final)
{
	if (!c || !m)
		return 0;
	return piece_of(256, c, m, flags, at, 256, final);
}
__noinline __u32 large_piece(struct conn *c, const struct moved *m, __u16 flags, __u32 at, bool final)
{
	if (!c || !m)
		return 0;
	return piece_of(1024, c, m, flags, at, c->flow[m->direction & 1].left, final);
}

/* A record without payload: of bytes nobody can read, or that are not worth it. */
__noinline int bare(struct conn *c, const struct moved *m, __u16 flags)
{
	struct wire_data *e;

	if (!c || !m)
		return 0;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		lose(WIRE_LOSS_RING_FULL, part_of(c, m->direction, flags & WIRE_RUN));
		return 0;
	}
	describe(e, c, m, flags | WIRE_END, 0);
	e->size = m->size;
	if (!(flags & WIRE_UNREADABLE))
		tail_of(e, m);
	bpf_ringbuf_submit(e, wakeup());
	return 0;
}

/* Whether a call behind the captured part of a run may begin another message. */
__noinline bool looks_like_head(struct conn *c, const struct moved *m)
{
	struct peek p = {}, end = {};

	if (!c || !m)
		return false;
	if (c->pipelined)
		return true;
	if (peek(&p, m, 0, 8) != 8)
		return false;
	if (p.words[0] << 8 == HTTP1 << 8) {
		c->pipelined = 1;
		return true;
	}
	if (m->size < 16 || m->size > capture_bytes || peek(&end, m, m->size - 4, 4) != 4 ||
	    (__u32)end.words[0] != CRLFCRLF)
		return false;
	if (is_bodiless((__u8 *)p.words)) /* else it may be the end of a chunked body */
		c->pipelined = 1;
	return true;
}

/* Sends what is worth it of a call on an observed connection. */
__noinline int capture(struct conn *c, const struct moved *m)
{
	struct flow *f;
	__u16 flags = 0;
	__u32 at = 0;

	if (!c || !m)
		return 0;
	f = &c->flow[m->direction & 1];
	if (c->last != m->direction || m->flags & WIRE_AHEAD) {
		c->last = m->direction;
		f->left = capture_bytes;
		f->run = 0;
		flags = WIRE_RUN;
	}
	if (!m->offset && !c->midstream && !c->http2 && m->size >= FRAME_HEADER)
		begin_frames(c, m);
	if (c->http2)
		return frames(c, m, flags);
	if (m->from.kind == SOURCE_NONE) {
		lose(WIRE_LOSS_UNREADABLE, part_of(c, m->direction, flags & WIRE_RUN));
		return bare(c, m, flags | WIRE_UNREADABLE);
	}
	if (!f->left) {
		if (!looks_like_head(c, m))
			return bare(c, m, flags);
		f->left = capture_bytes;
		f->run = 0;
	}
	for (__u32 i = 0; i < PIECES; i++) {
		bool final = i == PIECES - 1;
		__u32 rest = m->size - at, n;
		if (rest <= 256 || f->left <= 256)
			n = small_piece(c, m, flags, at, final);
		else
			n = large_piece(c, m, flags, at, final);
		at += n;
		if (!n || at >= m->size)
			break;
		flags = 0;
	}
	return 0;
}
