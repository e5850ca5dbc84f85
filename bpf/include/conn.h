/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel side knows of a connection. It lives on the socket
 * (SK_STORAGE: no key, freed with the socket), or, where the kernel or the
 * attach form cannot reach that, in one bounded hash keyed by the socket's
 * address. Only the four functions at the end know which.
 */
#pragma once
#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "emit.h"

enum direction { RX, TX };

enum conn_state {
	CONN_NEW,     /* nobody asked yet whether it is observed */
	CONN_ON,      /* observed */
	CONN_CARRIER, /* likewise, but for its bytes, which are encrypted */
	CONN_IGNORED, /* not a target of this process */
	CONN_MUTED,   /* the receiver cannot parse it */
};

/* Who moves bytes through which socket. */
struct who {
	__u64 sk; /* struct sock *: to read, not for helpers that want the typed pointer */
	__u32 tgid;
	__u32 tid;
};

/* The current thread, which moves bytes through sk. */
static __always_inline struct who who(struct sock *sk)
{
	__u64 id = bpf_get_current_pid_tgid();

	return (struct who){ .sk = (__u64)sk, .tgid = id >> 32, .tid = id };
}

/* Where a system call's bytes are, or were, in the memory of the process. */
enum source_kind {
	SOURCE_NONE,
	SOURCE_BUFFER,     /* base is the buffer */
	SOURCE_IOVEC,      /* base is an iovec array of the process */
	SOURCE_KERN_IOVEC, /* base is the kernel's copy of one */
};
struct source {
	__u64 base;
	__u64 skip; /* bytes before the first that counts */
	__u32 segments;
	__u32 kind;
};

/* A call that has entered the TCP layer and not left it. */
struct call {
	__u64 first; /* time of the first byte */
	__u64 last;  /* of the last */
	__u64 other; /* the other direction's stream had reached this offset */
	struct source from;
	__u32 seq; /* sequence number of the first byte */
	__u32 tid; /* 0: no call */
	__u32 flags; /* MSG_.. */
	__u32 pad;
};

/* One direction of a connection. */
struct flow {
	__u64 offset; /* that the stream has reached */
	__u32 start;  /* sequence number of offset 0 */
	__u32 left; /* bytes of this run that are still captured */
	__u32 run;  /* bytes of this run that were captured */
	__u32 pad;
};

/* Where one direction of HTTP/2 is among its frames. */
struct frames {
	__u8 head[24]; /* the first bytes of a header that calls share, with room for what the verifier thinks */
	__u32 copy;    /* bytes of the payload at hand that are to be copied */
	__u32 skip;    /* behind them, that are not */
	__u32 next;    /* offset of the stream that this was true at */
	__u8 have;     /* bytes in head */
	__u8 place;    /* enum frames_place */
	__u8 data;     /* the payload is of DATA */
	__u8 pad;
};

/*
 * The offset of a sequence number. It takes one look at what changes: the end of a
 * connection may be told by another processor while a call moves bytes.
 */
static __always_inline __u64 offset_of(const struct flow *f, __u32 seq)
{
	__u64 near = *(const volatile __u64 *)&f->offset;

	return near + (__s32)(seq - f->start - (__u32)near);
}

struct conn {
	__u64 id;
	__u64 established; /* 0: unknown, as the other times */
	__u64 connect;     /* the SYN was sent */
	__u64 accepted;    /* the process took it from the accept queue; known when it is announced */
	__u64 carrier;     /* plaintext: the id of the connection it travels on; else 0 */
	__u64 arrived;     /* since when received bytes wait to be read */
	__u64 checked;     /* no received bytes waited; 0: they might come unseen */
	__u64 acked;       /* all that was sent was acknowledged */
	__u64 progress;    /* when a segment last came or was sent, while one was to be acknowledged */
	__u64 hello_at;    /* TLS: offset of the ClientHello in its direction */
	struct wire_meter meter;
	__u32 ack_target; /* sequence number */
	struct flow flow[2];
	struct call call[2];
	struct frames frames[2];
	__u32 tgid;       /* owner: who moved the first bytes */
	__u32 verdicts;   /* the verdict_count this connection has seen */
	__u8 state;       /* enum conn_state */
	__u8 role;        /* enum wire_role */
	__u8 last;        /* direction of the last bytes, 2: none yet */
	__u8 announced;   /* its WIRE_OPEN is in the ring */
	__u8 midstream;
	__u8 closed;      /* enum wire_close_flags told so far */
	__u8 fins;        /* those of them that were seen: each takes a sequence number */
	__u8 pipelined;   /* messages were seen that did not begin a run */
	__u8 watch_rx;    /* no bytes wait to be read: when the next come is of interest */
	__u8 watch_ack;   /* when ack_target is acknowledged is of interest */
	__u8 window_shut; /* the peer's window was seen closed, and not open since */
	__u8 tls;         /* its bytes are TLS */
	__u8 http2;       /* frames are copied */
	__u8 looks;       /* calls that did not begin a TLS record, since it was joined in mid-stream */
	__u8 tunnel;      /* a CONNECT or the like crossed it: TLS may begin behind the answer */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct conn);
} conns SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1); /* set by the loader where it is used */
	__type(key, __u64);
	__type(value, struct conn);
} conns_by_address SEC(".maps");

/* A struct conn is too large for the stack beside everything else. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct conn);
} empty_conn SEC(".maps");

const volatile bool conns_on_socket = true; /* set by the loader */
const volatile __u32 max_conns = 65536;     /* likewise */
__u64 conns_opened, conns_closed;           /* on the socket; their difference is bounded */

static __always_inline struct conn *conn_of(struct sock *sk)
{
	if (conns_on_socket)
		return bpf_sk_storage_get(&conns, sk, 0, 0);
	__u64 key = (__u64)sk;
	return bpf_map_lookup_elem(&conns_by_address, &key);
}

/* Whether times are taken of a connection, and its end is told. */
static __always_inline bool is_followed(const struct conn *c)
{
	return c->state == CONN_ON || c->state == CONN_CARRIER;
}

static __always_inline struct conn *conn_make(struct sock *sk)
{
	if (conns_on_socket) {
		if (conns_opened - conns_closed >= max_conns)
			return NULL;
		struct conn *c = bpf_sk_storage_get(&conns, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
		if (c)
			__sync_fetch_and_add(&conns_opened, 1);
		return c;
	}
	__u32 zero = 0;
	struct conn *empty = bpf_map_lookup_elem(&empty_conn, &zero);
	__u64 key = (__u64)sk;

	if (!empty)
		return NULL;
	bpf_map_update_elem(&conns_by_address, &key, empty, BPF_ANY);
	return bpf_map_lookup_elem(&conns_by_address, &key);
}

/* A closed socket may connect again: its storage stays, and is made anew. */
static __always_inline void conn_reset(struct conn *c)
{
	__builtin_memset(c, 0, sizeof(*c));
	c->last = 2;
	/* Unique: one CPU reads no nanosecond twice. */
	c->id = bpf_ktime_get_ns() << 8 | (bpf_get_smp_processor_id() & 0xff);
}

static __always_inline void conn_drop(struct sock *sk)
{
	if (conns_on_socket) {
		__sync_fetch_and_add(&conns_closed, 1);
		return; /* the storage is freed with the socket */
	}
	__u64 key = (__u64)sk;
	bpf_map_delete_elem(&conns_by_address, &key);
}
