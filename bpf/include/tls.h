/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sockets whose bytes are TLS, and which plaintext travels on them.
 *
 * The hooks of sockets know the bytes that cross, the probes of libraries
 * (plain.bpf.c) those the program sees. They meet in the maps below. The life of
 * a carrier: its first bytes are TLS, it is entered; its ClientHello crosses, and
 * the random in it is noted; a library's session is found to be the one that has
 * that random, or whose call moved bytes through the socket; the socket is
 * destroyed, and both are forgotten.
 */
#pragma once
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include "capture.h"
#include "conn.h"
#include "emit.h"

const volatile bool tls = true; /* set by the loader: libraries are probed */

/* A library's object for one connection: an address in a process. */
struct session_key {
	__u64 address;
	__u32 tgid;
	__u32 pad;
};

#define SESSIONS 2 /* of one carrier: there is TLS in TLS, by way of proxies */

/* What plaintext needs of the socket that carries it, where socket storage is out of reach. */
struct carrier {
	__u64 id;    /* of the socket's connection */
	__u64 began;    /* when its first bytes were seen to be TLS */
	__u64 established; /* as in struct conn */
	__u64 connect;
	__u64 accepted;
	__u64 arrived; /* since when bytes waited that the socket gave and the library did not yet; 0 unknown */
	__u64 read;    /* when the process last read from the socket */
	__u64 sent;    /* when it took the last byte sent */
	__u64 acked;   /* when all that was sent was acknowledged; 0 not yet, or unknown */
	struct wire_meter meter;
	struct session_key sessions[SESSIONS];
	__u32 tgid; /* owner */
	__u8 role; /* enum wire_role */
	__u8 midstream; /* the connection is older than the probes */
	__u8 full; /* the send buffer had no room after the last bytes sent */
	__u8 given;     /* enum given: what became of the bytes that arrived stands for */
	__u8 header;    /* the last read was of a record's header alone */
	__u8 framed;    /* the library reads so: no two records at once */
	__u8 pad;
};
enum given { WAITING, GIVEN, OWN }; /* the library has given plaintext of them; they were its own */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); /* set by the loader */
	__type(key, __u64); /* address of the socket */
	__type(value, struct carrier);
} carriers SEC(".maps");

/* The random of a ClientHello: its first bytes name the connection, on either side of it. */
struct hello {
	__u64 random[2];
	__u32 tgid;
	__u32 direction; /* enum direction: TX by the client */
};
struct heard {
	__u64 sk;   /* address of the socket it crossed */
	__u64 conn; /* which may have another connection by now */
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192); /* handshakes that no call of the library has followed yet */
	__type(key, struct hello);
	__type(value, struct heard);
} hellos SEC(".maps");

/*
 * The connection's own session, if it has one. It says by carrier who that is, for
 * its address may be another's by now.
 */
struct session {
	struct conn plain; /* the connection that plaintext makes; carrier is set */
	__u64 sk;    /* address of the socket */
	__u64 random[2];   /* of its ClientHello; 0 unknown */
	__u64 wrote;    /* when the last bytes were given to the library */
	__u64 attempt;    /* since when the library has not taken those it is given; 0 it has */
	__u64 inner;    /* Go: the net.Conn below */
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); /* set by the loader */
	__type(key, struct session_key);
	__type(value, struct session);
} sessions SEC(".maps");

enum { NESTED = 4 }; /* calls one thread may be inside of: TLS in TLS, and functions that call others of the library */

/* A call of a library that has begun. */
struct tls_call {
	__u64 session;
	__u64 buffer;
	__u64 size;
	__u64 count; /* where the library will store how many bytes it moved; 0: it returns it */
	__u64 began;
	__u64 sp;
	__u64 sk; /* the TLS socket it has moved bytes through; 0 none, SEVERAL */
	__u32 tgid;
	__u32 function; /* of the library, see point_function */
	__u32 op; /* enum tls_op */
	__u32 pad;
};
#define SEVERAL 1

/* The client's random, as far as it is used. */
struct random {
	__u64 words[2];
};

/* What is told of a call in one go, so that global functions can take it. */
struct plain {
	struct tls_call call;
	struct random random;
	struct moved moved; /* what becomes of it */
	__u64 inner; /* Go: the net.Conn */
	__u64 now;
	__u32 library;
	__u32 size; /* bytes moved */
	__u32 flags; /* enum point_flags */
	__u32 pad;
};

struct tls_calls {
	struct plain plain; /* the call at hand, while the program runs */
	struct tls_call at[NESTED];
	__u32 depth;
	__u32 pad;
};

/* Those of the library's thread. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct tls_calls);
} tls_calls SEC(".maps");

/* RFC 8446 sections 5.1 and 4: type, version and length of the record, type and length of the message, version. */
#define HELLO_RANDOM  11
#define RECORD_HEADER 5
#define RECORD_MOST   (16384 + 2048) /* RFC 5246 section 6.2.3 */
#define HANDSHAKE     22
#define FIRST_TYPE    20 /* change_cipher_spec */
#define LAST_TYPE     23 /* application_data */
#define JOINED_LOOKS  8 /* calls of a connection joined in mid-stream that may not begin a record */

/* Whether the call's bytes begin a record: on a new connection, that of a handshake. */
static __always_inline bool begins_record(const struct conn *c, const struct moved *m)
{
	struct peek p = {};
	const __u8 *b = (const __u8 *)p.words;

	if (m->size < RECORD_HEADER || peek(&p, m, 0, RECORD_HEADER) != RECORD_HEADER)
		return false;
	if (b[1] != 3 || b[2] > 4 || (b[3] << 8 | b[4]) > RECORD_MOST)
		return false;
	return c->midstream ? b[0] >= FIRST_TYPE && b[0] <= LAST_TYPE : b[0] == HANDSHAKE;
}

/* Whether the call's bytes are the client's, who connected. */
static __always_inline bool is_clients(const struct conn *c, const struct moved *m)
{
	return part_of(c, m->direction, true) == WIRE_PART_REQUEST;
}

static __always_inline void carrier_make(struct conn *c, const struct moved *m)
{
	struct carrier k = {
		.id = c->id,
		.began = m->first,
		.established = c->established,
		.connect = c->connect,
		.accepted = c->accepted,
		.tgid = c->tgid,
		.role = c->role,
		.midstream = c->midstream,
	};
	__u64 sk = m->by.sk;

	if (bpf_map_update_elem(&carriers, &sk, &k, BPF_ANY))
		lose(WIRE_LOSS_CONN_TABLE_FULL, WIRE_PART_OPEN);
}

/* The ClientHello comes first in what the client says of TLS; libraries read the header of its record alone. */
static __always_inline void note_hello(const struct conn *c, const struct moved *m)
{
	struct hello h = { .tgid = m->by.tgid, .direction = m->direction };
	struct heard at = { .sk = m->by.sk, .conn = c->id };
	__u64 begin = m->offset - c->hello_at; /* huge before it */
	struct peek p = {};

	if (begin > HELLO_RANDOM || begin + m->size < HELLO_RANDOM + sizeof(h.random))
		return;
	if (!is_clients(c, m) || c->midstream)
		return;
	if (peek(&p, m, HELLO_RANDOM - begin, sizeof(h.random)) != sizeof(h.random))
		return;
	h.random[0] = p.words[0];
	h.random[1] = p.words[1];
	bpf_map_update_elem(&hellos, &h, &at, BPF_ANY);
}

/* Whoever calls a library and moves bytes through a socket before it returns has called it for that socket. */
static __always_inline void note_call(__u64 sk)
{
	struct tls_calls *calls = bpf_task_storage_get(&tls_calls, bpf_get_current_task_btf(), 0, 0);

	if (!calls || !calls->depth)
		return;
	struct tls_call *t = &calls->at[(calls->depth - 1) & (NESTED - 1)];
	if (!t->sk)
		t->sk = sk;
	else if (t->sk != sk)
		t->sk = SEVERAL;
}

/*
 * Since when the bytes of the record at hand waited. Those before it that gave no
 * plaintext were the library's own: a handshake, tickets. If they were read while
 * these waited behind them, nobody knows since when these did.
 */
static __always_inline void carrier_received(struct carrier *k, const struct moved *m)
{
	bool header = m->size == RECORD_HEADER;
	bool waited_behind = m->arrived == k->read;

	if (k->given == GIVEN)
		k->arrived = m->arrived; /* if they waited behind: since that was told */
	else if (k->given == OWN || header)
		k->arrived = waited_behind ? 0 : m->arrived;
	k->framed = header || k->header;
	k->header = header;
	k->given = WAITING;
	k->read = m->first;
}

/* What came before bytes were sent and gave no plaintext was a handshake. */
static __always_inline void carrier_sent(struct carrier *k, const struct moved *m)
{
	k->full = !!(m->flags & WIRE_FULL);
	k->sent = m->first + m->took_us * 1000ULL;
	if (k->given == WAITING)
		k->given = OWN;
}

static __always_inline void carrier_note(struct carrier *k, const struct conn *c, const struct moved *m)
{
	k->meter = c->meter;
	k->acked = c->watch_ack ? 0 : c->acked;
	if (m->direction == TX)
		carrier_sent(k, m);
	else
		carrier_received(k, m);
}

/* Bytes crossed a socket that may be TLS. */
__noinline int carry(struct conn *c, const struct moved *m)
{
	if (!c || !m)
		return 0;
	if (!c->tls) {
		if (c->midstream)
			c->looks++;
		if (!begins_record(c, m) || (c->tunnel && !is_clients(c, m)))
			return 0;
		c->tls = 1;
		c->hello_at = m->offset;
		carrier_make(c, m);
	}
	note_hello(c, m);
	note_call(m->by.sk);
	__u64 sk = m->by.sk;
	struct carrier *k = bpf_map_lookup_elem(&carriers, &sk);
	if (k && k->id == c->id)
		carrier_note(k, c, m);
	return 0;
}

static __always_inline bool may_carry(const struct conn *c, const struct moved *m)
{
	return tls && (c->tls || !m->offset || c->tunnel || (c->midstream && c->looks < JOINED_LOOKS));
}

/* The end of a connection that was TLS, and of the plaintext it carried. */
__noinline int uncarry(const struct who *w)
{
	if (!w)
		return 0;
	__u64 sk = w->sk;
	struct carrier *k = bpf_map_lookup_elem(&carriers, &sk);
	if (!k)
		return 0;
	for (int i = 0; i < SESSIONS; i++) {
		struct session_key key = k->sessions[i];
		struct session *s = bpf_map_lookup_elem(&sessions, &key);
		if (s && s->plain.carrier == k->id)
			bpf_map_delete_elem(&sessions, &key);
	}
	bpf_map_delete_elem(&carriers, &sk);
	return 0;
}
