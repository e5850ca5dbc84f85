/* SPDX-License-Identifier: GPL-2.0-only */
/* The header of a frame of HTTP/2, and whether bytes may be one: RFC 9113 sections 4.1 and 6. */
#pragma once
#include "kernel.h"

#define FRAME_HEADER  9
#define FRAME_MAX     16384 /* bytes of payload, unless the peer allows more */
#define FRAME_PREFACE 24 /* bytes the client sends before its first frame: section 3.4 */

#define PRI_HTTP 0x5448202a20495250ULL /* "PRI * HT", with which it begins */

enum frame_type {
	FRAME_DATA,
	FRAME_HEADERS,
	FRAME_PRIORITY,
	FRAME_RST_STREAM,
	FRAME_SETTINGS,
	FRAME_PUSH_PROMISE,
	FRAME_PING,
	FRAME_GOAWAY,
	FRAME_WINDOW_UPDATE,
	FRAME_CONTINUATION,
	FRAME_TYPES, /* others are extensions */
};

#define IS_ONE_OF(type, set) (1 << (type) & (set))
#define NEEDS_STREAM                                                                                                   \
	(1 << FRAME_DATA | 1 << FRAME_HEADERS | 1 << FRAME_PRIORITY | 1 << FRAME_RST_STREAM |                          \
	 1 << FRAME_PUSH_PROMISE | 1 << FRAME_CONTINUATION)
#define NEEDS_NO_STREAM (1 << FRAME_SETTINGS | 1 << FRAME_PING | 1 << FRAME_GOAWAY)

struct frame {
	__u32 length; /* of the payload */
	__u8 type;    /* enum frame_type, or an extension's */
	__u8 flags;
	__u8 reserved; /* its bit is set */
	__u8 connection; /* its stream is 0 */
};

static __always_inline struct frame frame_of(const __u8 *p)
{
	return (struct frame){
		.length = p[0] << 16 | p[1] << 8 | p[2],
		.type = p[3],
		.flags = p[4],
		.reserved = p[5] >> 7,
		.connection = !((p[5] & 0x7f) | p[6] | p[7] | p[8]),
	};
}

static __always_inline bool length_fits(const struct frame *f)
{
	switch (f->type) {
	case FRAME_PRIORITY:
		return f->length == 5;
	case FRAME_RST_STREAM:
	case FRAME_WINDOW_UPDATE:
		return f->length == 4;
	case FRAME_SETTINGS:
		return f->length % 6 == 0;
	case FRAME_PING:
		return f->length == 8;
	case FRAME_GOAWAY:
		return f->length >= 8;
	}
	return true;
}

/* The flags a type has. */
static __always_inline __u8 flags_of(__u8 type)
{
	switch (type) {
	case FRAME_DATA:
		return 0x09; /* PADDED, END_STREAM */
	case FRAME_HEADERS:
		return 0x2d; /* PRIORITY, PADDED, END_HEADERS, END_STREAM */
	case FRAME_SETTINGS:
	case FRAME_PING:
		return 0x01; /* ACK */
	case FRAME_PUSH_PROMISE:
		return 0x0c; /* PADDED, END_HEADERS */
	case FRAME_CONTINUATION:
		return 0x04; /* END_HEADERS */
	}
	return 0;
}

/* Whether a peer that keeps to the RFC may send it. It may send extensions, and flags that mean nothing. */
static __always_inline bool is_legal(const struct frame *f)
{
	if (f->type >= FRAME_TYPES)
		return true;
	if (IS_ONE_OF(f->type, f->connection ? NEEDS_STREAM : NEEDS_NO_STREAM))
		return false;
	return length_fits(f);
}

/* Whether bytes that may be anything look like it: what a peer may send and never does is not it. */
static __always_inline bool looks_like_frame(const struct frame *f)
{
	return f->type < FRAME_TYPES && f->length <= FRAME_MAX && !f->reserved && !(f->flags & ~flags_of(f->type)) &&
	       is_legal(f);
}
