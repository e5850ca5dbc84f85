// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plaintext beside TLS: what programs give to TLS libraries and get from them.
 *
 *   SSL_read, gnutls_record_recv, crypto/tls.(*Conn).Read ...
 *     <- library_call, at a point where the arguments are in their registers
 *     ... the record is read from the socket and decrypted, or was before
 *     <- library_call, where the result is known
 *
 * It is one program, for the verifier reads it long: a probe's cookie says where
 * it sits (library.h). What it must know of the socket is in tls.h.
 */
#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "announce.h"
#include "capture.h"
#include "conn.h"
#include "library.h"
#include "select.h"
#include "shared.h"
#include "source.h"
#include "tls.h"
#include "verdict.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct session);
} empty_session SEC(".maps");

/* The client's random of a C library's session; zero when the way there is not known, or the handshake has not begun. */
__noinline int random_of(struct random *to, __u64 session, __u32 library)
{
	struct library *l = bpf_map_lookup_elem(&libraries, &library);
	__u64 at = session;

	if (!to)
		return 0;
	to->words[0] = to->words[1] = 0;
	if (!l || !l->steps)
		return 0;
	for (__u32 i = 0; i < RANDOM_STEPS; i++) {
		at += l->random[i];
		if (i + 1 >= l->steps)
			break;
		if (bpf_probe_read_user(&at, sizeof(at), (void *)at))
			return 0;
	}
	bpf_probe_read_user(to->words, sizeof(to->words), (void *)at);
	return 0;
}

/*
 * The net.Conn a tls.Conn holds, its first field: an interface, whose second word
 * is the value. Of a *net.TCPConn that leads to the netFD, which begins with a
 * poll.FD: a mutex of 16 bytes, then the descriptor.
 */
#define GO_INTERFACE_VALUE 8
#define GO_FD_DESCRIPTOR   16

static __always_inline __u64 go_inner(__u64 conn)
{
	__u64 inner = 0;

	bpf_probe_read_user(&inner, sizeof(inner), (void *)(conn + GO_INTERFACE_VALUE));
	return inner;
}

/* The TLS socket below a net.Conn, which may be one that wraps another as its first field. */
__noinline __u64 socket_of_go(__u64 inner)
{
	for (int level = 0; level < 3; level++) {
		__u64 fd = 0, sk = 0;
		__u32 n = 0;

		if (!inner || bpf_probe_read_user(&fd, sizeof(fd), (void *)inner))
			return 0;
		if (!bpf_probe_read_user(&n, sizeof(n), (void *)(fd + GO_FD_DESCRIPTOR))) {
			struct socket *socket = socket_of(bpf_get_current_task_btf(), n);
			sk = (__u64)BPF_CORE_READ(socket, sk);
			if (sk && bpf_map_lookup_elem(&carriers, &sk))
				return sk;
		}
		inner = go_inner(inner);
	}
	return 0;
}

/* The socket that saw a ClientHello with this random, unless both ends of the connection are this process's. */
static __always_inline __u64 socket_of_hello(const struct random *r, __u32 tgid)
{
	struct hello h = { .random = { r->words[0], r->words[1] }, .tgid = tgid, .direction = TX };

	if (!r->words[0] && !r->words[1])
		return 0;
	struct heard *sent = bpf_map_lookup_elem(&hellos, &h);
	h.direction = RX;
	struct heard *received = bpf_map_lookup_elem(&hellos, &h);
	struct heard *at = sent ? sent : received;
	if (!at || (sent && received))
		return 0;
	__u64 sk = at->sk;
	struct carrier *k = bpf_map_lookup_elem(&carriers, &sk);
	return k && k->id == at->conn ? sk : 0;
}

static __always_inline struct session_key key_of(const struct tls_call *t)
{
	return (struct session_key){ .address = t->session, .tgid = t->tgid };
}

/* Whether a session is still the one it was, by all that the call tells. */
static __always_inline bool is_tied(const struct session *s, const struct carrier *k, const struct plain *p)
{
	if (!k || k->id != s->plain.carrier)
		return false;
	if (p->flags & POINT_GO)
		return s->inner == p->inner;
	if (p->call.sk == s->sk) /* perhaps with a new random: TLS 1.2 renegotiates */
		return true;
	if (!(s->random[0] | s->random[1]) || !(p->random.words[0] | p->random.words[1]))
		return !p->call.sk;
	return s->random[0] == p->random.words[0] && s->random[1] == p->random.words[1];
}

/* The carrier forgets the session it has had longest, if that is one too many. */
static __always_inline void hold(struct carrier *k, const struct session_key *key)
{
	for (int i = 0; i < SESSIONS; i++)
		if (k->sessions[i].address == key->address && k->sessions[i].tgid == key->tgid)
			return;
	struct session_key old = k->sessions[SESSIONS - 1];
	if (old.address)
		bpf_map_delete_elem(&sessions, &old);
	for (int i = SESSIONS - 1; i > 0; i--)
		k->sessions[i] = k->sessions[i - 1];
	k->sessions[0] = *key;
}

/* Whether plaintext may have been moved before the probes were there. */
static __always_inline bool is_joined(const struct carrier *k, __u32 library)
{
	struct library *l = bpf_map_lookup_elem(&libraries, &library);

	return k->midstream || !l || !l->attached || k->began < l->attached;
}

enum tie { UNTIED, TIED, LATER };

/*
 * Finds the socket of a session that has none, and makes the connection that its
 * plaintext is.
 *
 * A call that was under way when the probes came was not seen. One that begins to
 * read begins behind all those that read before: so a session joined in mid-stream
 * begins with it, or a request would be answered by the response to the next.
 */
__noinline int tie(const struct plain *p)
{
	__u32 zero = 0;
	__u64 sk;

	if (!p)
		return UNTIED;
	if (p->flags & POINT_GO) {
		sk = socket_of_go(p->inner);
	} else {
		sk = socket_of_hello(&p->random, p->call.tgid);
		if (!sk)
			sk = p->call.sk;
	}
	struct carrier *k = sk ? bpf_map_lookup_elem(&carriers, &sk) : NULL;
	struct session *empty = bpf_map_lookup_elem(&empty_session, &zero);
	if (!k || !empty)
		return UNTIED;
	bool joined = is_joined(k, p->library);
	if (joined && !is_read(p->call.op))
		return LATER;
	struct session_key key = key_of(&p->call);
	hold(k, &key);
	bpf_map_update_elem(&sessions, &key, empty, BPF_ANY);
	struct session *s = bpf_map_lookup_elem(&sessions, &key);
	if (!s) {
		lose(WIRE_LOSS_CONN_TABLE_FULL, WIRE_PART_OPEN);
		return LATER;
	}
	s->sk = sk;
	s->inner = p->inner;
	s->random[0] = p->random.words[0];
	s->random[1] = p->random.words[1];
	conn_reset(&s->plain);
	s->plain.state = CONN_ON;
	s->plain.role = k->role;
	s->plain.midstream = joined;
	s->plain.tgid = k->tgid;
	s->plain.carrier = k->id;
	s->plain.established = k->established;
	s->plain.connect = k->connect;
	s->plain.accepted = k->accepted;
	s->plain.verdicts = verdict_count;
	return TIED;
}

/*
 * Bytes given to the library were on their way when the call began: the first, if
 * it had to be repeated. When the last left the socket tells, if the call sent them.
 */
static __always_inline void sent(struct moved *m, struct session *s, const struct carrier *k, const struct plain *p)
{
	m->direction = TX;
	m->flags = WIRE_SENT | (k->full ? WIRE_FULL : 0);
	m->first = s->attempt ? s->attempt : p->call.began;
	if (p->call.sk && k->sent > m->first)
		m->took_us = (k->sent - m->first) / 1000;
	s->attempt = 0;
	s->wrote = m->first;
}

/*
 * The program has bytes when the call returns. Since when they waited, the socket
 * knows; what the library kept back waited since the read before. A library that
 * reads all there is may have read the end of the handshake, or tickets, with the
 * first of them; and a client's answer cannot have come before the question.
 */
static __always_inline void received(struct moved *m, struct session *s, struct carrier *k, const struct plain *p)
{
	m->direction = RX;
	m->first = p->now;
	if (k->given != OWN)
		m->arrived = k->arrived;
	k->arrived = p->now;
	k->given = GIVEN;
	if ((!k->framed && !s->plain.flow[RX].offset) || (k->role == WIRE_ROLE_ACTIVE && m->arrived < s->wrote))
		m->arrived = 0;
}

/* The plaintext of a session that is tied crosses its connection. */
__noinline int cross(struct session *s, struct carrier *k, struct plain *p)
{
	if (!s || !k || !p)
		return 0;
	struct moved *m = &p->moved;
	struct conn *c = &s->plain;
	if (c->verdicts != verdict_count)
		take_verdict(c);
	if (c->state != CONN_ON)
		return 0;
	m->by = (struct who){ .sk = s->sk, .tgid = k->tgid, .tid = bpf_get_current_pid_tgid() };
	m->size = p->size;
	if (p->call.op != TLS_SENDFILE) {
		m->from.base = p->call.buffer;
		m->from.kind = SOURCE_BUFFER;
	}
	if (is_write(p->call.op))
		sent(m, s, k, p);
	else
		received(m, s, k, p);
	struct flow *f = &c->flow[m->direction & 1];
	m->offset = f->offset;
	f->offset += m->size;
	m->other = c->flow[!m->direction].offset;
	c->meter = k->meter;
	c->acked = k->acked;
	if (!c->announced && !announce(c, &m->by)) {
		lose(WIRE_LOSS_RING_FULL, part_of(c, m->direction, c->last != m->direction));
		c->last = m->direction;
		return 0;
	}
	return capture(c, m);
}

/* Whether a process has connections that are observed: it was introduced with the first. */
static __always_inline bool is_observed(__u32 tgid)
{
	struct proc *p = bpf_map_lookup_elem(&procs, &tgid);

	return p && p->announced;
}

/*
 * A call has moved nothing. The library will take what it was given when it is
 * given it again; what came for it so far holds no plaintext, or not enough.
 */
static __always_inline void tried(const struct plain *p)
{
	struct session_key key = key_of(&p->call);
	struct session *s = bpf_map_lookup_elem(&sessions, &key);

	if (!s)
		return;
	if (is_write(p->call.op)) {
		if (!s->attempt && s->plain.flow[TX].offset)
			s->attempt = p->call.began;
		return;
	}
	struct carrier *k = bpf_map_lookup_elem(&carriers, &s->sk);
	if (k && k->given == WAITING)
		k->given = OWN;
}

/*
 * A call has moved bytes, or may show which socket its session has. What the
 * session says of itself is read only if the call did not use the session's socket.
 */
static __noinline int called(struct plain *p)
{
	struct session_key key = key_of(&p->call);
	struct session *s = bpf_map_lookup_elem(&sessions, &key);
	struct carrier *k = s ? bpf_map_lookup_elem(&carriers, &s->sk) : NULL;

	if (p->flags & POINT_GO)
		p->inner = go_inner(p->call.session);
	else if (!s || p->call.sk != s->sk)
		random_of(&p->random, p->call.session, p->library);
	if (!s || !is_tied(s, k, p)) {
		int tied = tie(p);
		if (tied != TIED)
			return tied;
		s = bpf_map_lookup_elem(&sessions, &key);
		k = s ? bpf_map_lookup_elem(&carriers, &s->sk) : NULL;
	}
	if (s && k && p->size)
		cross(s, k, p);
	return TIED;
}

/* The call at hand, noted where its thread or goroutine is: on the stack there is no room for it (6.1). */
static __always_inline struct plain *plain_of(struct tls_calls *calls, const struct tls_call *t, __u64 cookie)
{
	struct plain *p = &calls->plain;

	__builtin_memset(p, 0, sizeof(*p));
	p->call = *t;
	p->flags = point_flags(cookie);
	p->library = point_library(cookie);
	return p;
}

static __always_inline void begun(struct pt_regs *ctx, __u64 cookie)
{
	__u32 flags = point_flags(cookie);

	if (!may_be_observed(bpf_get_current_pid_tgid() >> 32))
		return;
	struct tls_calls *calls = calls_of(ctx, flags, true);
	struct tls_call *t = calls ? push(calls, flags, STACK(ctx)) : NULL;

	if (!t) {
		lose(WIRE_LOSS_TLS_CALLS_FULL, WIRE_PART_MESSAGE);
		return;
	}
	read_arguments(t, ctx, cookie);
	if (!t->size &&
	    (is_read(t->op) || is_write(t->op))) { /* it moves nothing, and may leave without passing an exit */
		calls->depth--;
		return;
	}
	if (is_part(calls, t))
		t->op = TLS_PART;
	if (!is_write(t->op))
		return;
	t->began = bpf_ktime_get_ns();
	/*
	 * In Go another goroutine may read the answer before this one returns.
	 * A Write gives all it has, or the connection is broken.
	 */
	if (flags & POINT_GO && is_observed(t->tgid)) {
		struct plain *p = plain_of(calls, t, cookie);
		p->now = t->began;
		p->size = t->size;
		if (p->size && called(p) != UNTIED)
			t->op = TLS_HANDSHAKE;
	}
}

static __always_inline void ended(struct pt_regs *ctx, __u64 cookie)
{
	__u32 flags = point_flags(cookie);
	struct tls_calls *calls = calls_of(ctx, flags, false);
	struct tls_call *t = calls ? pop(calls, point_function(cookie)) : NULL;

	if (!t)
		return;
	if (t->op == TLS_PART) {
		part_ended(calls, t);
		return;
	}
	if (!is_observed(t->tgid))
		return;
	struct plain *p = plain_of(calls, t, cookie);
	p->size = moved_by(&p->call, result_at(ctx, cookie));
	if (!p->size && (is_read(p->call.op) || is_write(p->call.op))) {
		tried(p);
		return;
	}
	if (flags & POINT_GO && p->call.op == TLS_HANDSHAKE) /* a Write that was seen when it began */
		return;
	p->now = bpf_ktime_get_ns();
	if (called(p) == UNTIED && p->size)
		lose(WIRE_LOSS_TLS_UNTIED, WIRE_PART_MESSAGE);
}

SEC("uprobe")
int library_call(struct pt_regs *ctx)
{
	__u64 cookie = bpf_get_attach_cookie(ctx);

	if (!enabled)
		return 0;
	if (point_flags(cookie) & POINT_EXIT)
		ended(ctx, cookie);
	else
		begun(ctx, cookie);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
