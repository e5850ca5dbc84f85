/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is copied of a connection that speaks HTTP/2: everything but the payloads
 * of DATA, of which the first bytes are (docs/decisions/0009).
 *
 * The walk goes from frame to frame in each direction, through every call: it
 * reads the headers of frames and so knows what is to be copied. A record holds
 * bytes of one or more frames, and stands also for the bytes behind them that
 * are not copied.
 */
#pragma once
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include "conn.h"
#include "frame.h"
#include "loop.h"
#include "record.h"
#include "source.h"
#include "wakeup.h"

#define DATA_WHOLE     256 /* bytes of a payload of DATA that is copied whole */
#define DATA_FRONT     16 /* bytes of a longer one that are copied */
#define FRAMES_ROOM    1024 /* bytes of a record */
#define FRAMES_FULL    768 /* with so many a record takes no other frame */
#define FRAME_SEGMENTS 8 /* of the process' memory in a record */
#define FRAME_STEPS    2048 /* of the walk through a call: a frame takes one or two, a segment one */

enum frames_place {
	FRAMES_LOST,  /* a frame may begin where a call begins */
	FRAMES_GUESS, /* one seems to */
	FRAMES_KNOWN, /* the preface was seen, or two frames in a row */
};

/* A place in the bytes of a call. */
struct cursor {
	__u64 at;    /* address of the byte at hand */
	__u64 iovec; /* address of the next segment's */
	__u32 rest;  /* bytes of the segment at hand, from at on */
	__u32 segments; /* that follow */
};

/* The walk through one call, and the record at hand. */
struct walk {
	struct cursor at;
	struct cursor from; /* where the record begins */
	__u32 done;     /* bytes of the call that were passed */
	__u32 copied;   /* the last of them are to be copied into the record */
	__u32 hole;     /* but for these behind them */
	__u16 segments; /* that the record touches */
	__u16 flags;    /* of the record: enum wire_data_flags */
};

static __always_inline bool next_segment(struct cursor *r, const struct source *s)
{
	struct iovec v;
	struct source here = { .base = r->iovec, .kind = s->kind };

	if (!r->segments || !read_segment(&here, 0, &v))
		return false;
	r->segments--;
	r->iovec += sizeof(v);
	r->at = (__u64)v.iov_base;
	r->rest = v.iov_len < 1U << 31 ? v.iov_len : 1U << 31; /* more than a call moves */
	return true;
}

static __always_inline struct cursor begin_of(const struct source *s)
{
	struct cursor r = {};

	if (s->kind == SOURCE_BUFFER) {
		r.at = s->base + s->skip;
		r.rest = 1U << 31;
		return r;
	}
	r.iovec = s->base;
	r.segments = s->segments;
	if (next_segment(&r, s)) { /* skip ends in the first one */
		__u32 skip = s->skip < r.rest ? s->skip : r.rest;
		r.at += skip;
		r.rest -= skip;
	}
	return r;
}

/* The record's bytes, as many as find room in to; 0 when they cannot be read. */
static __always_inline __u32 copy_frames(void *to, const __u32 room, struct walk *w, const struct moved *m)
{
	struct cursor *r = &w->from;
	__u64 done = 0;

	for (__u32 i = 0; i < FRAME_SEGMENTS; i++) {
		__u64 take = w->copied - done;

		if (done >= w->copied || done > room / 2 || (!r->rest && !next_segment(r, &m->from)))
			break;
		if (take > r->rest)
			take = r->rest;
		if (done == 0) {
			take = at_most(take, room);
			if (bpf_probe_read_user(to, take, (void *)r->at))
				break;
		} else {
			done = at_most(done, room / 2);
			take = at_most(take, room / 2);
			if (bpf_probe_read_user(to + done, take, (void *)r->at))
				break;
		}
		r->at += take;
		r->rest -= take;
		done += take;
	}
	return done;
}

/* Sends the record at hand, or its beginning. room is a constant. */
static __always_inline int send_frames_of(const __u32 room, struct conn *c, const struct moved *m, struct walk *w)
{
	struct wire_data *e = bpf_ringbuf_reserve(&events, sizeof(*e) + room, 0);
	__u32 all = w->copied + w->hole;

	if (e) {
		describe(e, c, m, w->flags, w->done - all);
		e->size = all;
		e->captured = copy_frames(e + 1, room, w, m);
		if (w->copied && !e->captured) {
			lose(WIRE_LOSS_FAULT, part_of(c, m->direction, true));
			e->h.flags |= WIRE_FAULT;
		} else if (e->captured < w->copied) {
			e->size = e->captured;
		}
		all -= e->size;
		w->copied -= e->captured;
		if (!all && w->done == m->size)
			e->h.flags |= WIRE_END;
		bpf_ringbuf_submit(e, wakeup());
	} else {
		lose(WIRE_LOSS_RING_FULL, part_of(c, m->direction, w->copied));
		all = 0;
	}
	w->flags &= ~(WIRE_RUN | WIRE_FRAME);
	w->segments = 0;
	if (!all)
		w->copied = w->hole = 0;
	return 1;
}
__noinline int send_frames(struct conn *c, const struct moved *m, struct walk *w)
{
	if (!c || !m || !w)
		return 0;
	if (w->copied <= 256)
		return send_frames_of(256, c, m, w);
	return send_frames_of(FRAMES_ROOM, c, m, w);
}

/* Passes n bytes of the payload at hand. */
static __always_inline void pass(struct frames *f, __u32 n)
{
	__u32 copy = n < f->copy ? n : f->copy;

	f->copy -= copy;
	f->skip -= n - copy;
}

/* The rest of the call is not walked. Of its left bytes the first may be copied: the receiver may find frames in them. */
static __always_inline void lose_place(struct frames *f, struct walk *w, __u32 left)
{
	f->place = FRAMES_LOST;
	f->have = 0;
	f->copy = left < capture_bytes ? left : capture_bytes;
	f->skip = left - f->copy;
	w->flags = (w->flags & ~WIRE_FRAME) | WIRE_UNWALKED;
}

/* The rest of the call cannot be read. */
static __always_inline int give_up(struct conn *c, const struct moved *m, struct walk *w, __u32 reason)
{
	struct frames *f = &c->frames[m->direction & 1];

	lose(reason, part_of(c, m->direction, true));
	lose_place(f, w, 0);
	w->hole += m->size - w->done;
	w->done = m->size;
	return 1;
}

/* What the header in f->head says of the bytes behind it, of which left are the call's. */
static __always_inline void judge(struct conn *c, const struct moved *m, struct walk *w, __u32 left)
{
	struct frames *f = &c->frames[m->direction & 1];
	struct frame h = frame_of(f->head);

	f->have = 0;
	if (f->place != FRAMES_KNOWN && *(__u64 *)f->head == PRI_HTTP) {
		f->place = FRAMES_KNOWN;
		f->data = false;
		f->copy = FRAME_PREFACE - FRAME_HEADER;
		return;
	}
	if (f->place == FRAMES_LOST ? !looks_like_frame(&h) : !is_legal(&h)) {
		if (f->place == FRAMES_KNOWN)
			lose(WIRE_LOSS_FRAMES, part_of(c, m->direction, true));
		lose_place(f, w, left);
		return;
	}
	if (f->place != FRAMES_KNOWN)
		f->place++;
	f->data = h.type == FRAME_DATA;
	f->copy = f->data && h.length > DATA_WHOLE ? DATA_FRONT : h.length;
	f->skip = h.length - f->copy;
}

/* Whether the record at hand is to be sent before the walk goes on. */
static __always_inline bool is_due(const struct frames *f, const struct walk *w, __u32 left)
{
	if (!w->copied && !w->hole)
		return false;
	if (!left)
		return true;
	if (!f->copy && f->skip) /* the hole grows */
		return false;
	if (w->hole || w->copied >= FRAMES_ROOM)
		return true;
	return !f->copy && !f->have && (w->copied >= FRAMES_FULL || w->segments >= FRAME_SEGMENTS - 2);
}

static __always_inline void go_on(struct walk *w, __u32 n)
{
	w->done += n;
	w->at.at += n;
	w->at.rest -= n;
}

/* Bytes of the call that lie in the segment at hand. */
static __always_inline __u32 in_sight(const struct moved *m, const struct walk *w)
{
	__u32 left = m->size - w->done;

	return left < w->at.rest ? left : w->at.rest;
}

/* Passes a header, or what of it lies in the segment at hand; false when it cannot be read. */
static __always_inline bool pass_header(struct conn *c, const struct moved *m, struct walk *w)
{
	struct frames *f = &c->frames[m->direction & 1];
	__u64 have = at_most(f->have, FRAME_HEADER - 1);
	__u32 n = in_sight(m, w);

	if (n > FRAME_HEADER - have)
		n = FRAME_HEADER - have;
	if (!have && !w->copied && f->place == FRAMES_KNOWN)
		w->flags |= WIRE_FRAME;
	if (bpf_probe_read_user(f->head + have, at_most(n, FRAME_HEADER), (void *)w->at.at))
		return false;
	go_on(w, n);
	w->copied += n;
	f->have = have + n;
	if (f->have == FRAME_HEADER)
		judge(c, m, w, m->size - w->done);
	return true;
}

/* Passes what of a payload lies in the segment at hand. */
static __always_inline void pass_payload(struct frames *f, const struct moved *m, struct walk *w)
{
	__u32 n = in_sight(m, w);

	if (f->copy) {
		n = n < f->copy ? n : f->copy;
		n = n < FRAMES_ROOM - w->copied ? n : FRAMES_ROOM - w->copied;
		f->copy -= n;
		w->copied += n;
	} else {
		n = n < f->skip ? n : f->skip;
		f->skip -= n;
		w->hole += n;
	}
	go_on(w, n);
}

/* One step of the walk: sends a record, or passes a frame, or what of it lies in one segment. */
__noinline int step(struct conn *c, const struct moved *m, struct walk *w)
{
	struct frames *f;

	if (!c || !m || !w)
		return 0;
	f = &c->frames[m->direction & 1];
	if (is_due(f, w, m->size - w->done)) {
		if (w->copied && !w->from.rest && next_segment(&w->from, &m->from))
			return 1; /* it may be empty */
		return send_frames(c, m, w);
	}
	if (w->done == m->size)
		return 0;
	if (!w->at.rest) {
		w->segments++;
		return next_segment(&w->at, &m->from) ? 1 : give_up(c, m, w, WIRE_LOSS_FAULT);
	}
	if (!w->copied && !w->hole)
		w->from = w->at;
	if (!f->copy && !f->skip && !pass_header(c, m, w))
		return give_up(c, m, w, WIRE_LOSS_FAULT);
	pass_payload(f, m, w);
	return 1;
}

struct walker {
	struct conn *c;
	const struct moved *m;
	struct walk *w;
};
static long stride(__u32 i, struct walker *by)
{
	int more = step(by->c, by->m, by->w);

	barrier_var(more); /* else clang computes with it, and the verifier sees more answers than two */
	return more ? 0 : 1;
}

/* Bytes no hook saw, or none could read. They matter not, but to what is in them, where they are inside of a payload. */
static __always_inline bool pass_unseen(struct frames *f, __u32 n)
{
	if (!n)
		return true;
	if (f->place == FRAMES_LOST || f->have || n > f->copy + f->skip) {
		f->place = FRAMES_LOST;
		return false;
	}
	pass(f, n);
	return true;
}

/* Walks through a call of a connection that speaks HTTP/2. */
__noinline int frames(struct conn *c, const struct moved *m, __u16 flags)
{
	struct walk w = { .flags = flags };
	struct walker by = { c, m, &w };
	struct frames *f;

	if (!c || !m)
		return 0;
	f = &c->frames[m->direction & 1];
	pass_unseen(f, (__u32)m->offset - f->next);
	f->next = (__u32)m->offset + m->size;
	if (m->from.kind == SOURCE_NONE) {
		w.hole = w.done = m->size;
		if (!pass_unseen(f, m->size) || !f->data) {
			w.flags |= WIRE_UNREADABLE | WIRE_UNWALKED;
			lose(WIRE_LOSS_UNREADABLE, part_of(c, m->direction, true));
		}
		return send_frames(c, m, &w);
	}
	w.at = begin_of(&m->from);
	if (f->place == FRAMES_LOST) {
		f->copy = f->skip = f->have = 0;
		if (m->size < FRAME_HEADER)
			lose_place(f, &w, m->size);
	}
	repeat(FRAME_STEPS, stride, &by);
	if (w.done < m->size) { /* too many steps */
		give_up(c, m, &w, WIRE_LOSS_FRAMES);
		w.hole += w.copied;
		w.copied = 0;
		return send_frames(c, m, &w);
	}
	return 0;
}

/*
 * Looks at the first bytes of a stream: the client's are the preface, the
 * server's are SETTINGS. The server's may be seen first, by another thread.
 */
__noinline int begin_frames(struct conn *c, const struct moved *m)
{
	__u64 words[4] = {}; /* gather fills half its room between segments */
	__u8 mine, other;

	if (!c || !m || gather(words, sizeof(words), &m->from, 0, FRAME_HEADER) != FRAME_HEADER)
		return 0;
	mine = m->direction & 1;
	other = !mine;
	if (words[0] == PRI_HTTP) {
		c->http2 = 1;
		if (!c->flow[other].offset)
			c->frames[other].place = FRAMES_KNOWN;
		return 0;
	}
	struct frame h = frame_of((__u8 *)words);
	if (h.type == FRAME_SETTINGS && !h.flags && h.length && looks_like_frame(&h)) {
		c->http2 = 1;
		c->frames[mine].place = FRAMES_KNOWN;
	}
	return 0;
}
