/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How connections fare, added up in the kernel.
 *
 * A connection costs nothing per packet: the kernel counts on the socket already.
 * What we know of it lives on the socket as a struct stat, and holds how far the
 * socket's own counters have been added to the tally of its process. To settle
 * is to add what they have grown since. That happens when a connection ends, and
 * for those that live once per collection, by an iterator.
 */
#pragma once
#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "conn.h"
#include "emit.h"
#include "listeners.h"
#include "tally.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024); /* set by the loader */
	__type(key, struct series);
	__type(value, struct tally);
} tallies SEC(".maps");

/* A struct tally is too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tally);
} empty_tally SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HEALTH_VARS);
	__type(key, __u32);
	__type(value, __u64);
} health_vars SEC(".maps");

/* Set by the loader. */
const volatile __u64 health_bounds[HISTOGRAMS][HEALTH_BOUNDS]; /* nanoseconds; those not used are the largest */
const volatile __u64 max_tallies = 1000;                        /* without those for what has no room */
const volatile bool health_peer;                                /* tell peers apart */

enum stat_phase {
	STAT_NONE,
	STAT_CONNECTING,
	STAT_ESTABLISHED,
	STAT_ENDED,
	STAT_FAILED,
	STAT_LISTENING,
};
/* What happens once to a connection, and has been added. */
enum stat_told { TOLD_OPENED = 1, TOLD_ENDED = 2 };

/* What we know of a socket. */
struct stat {
	struct series key; /* tgid is 0 until the owner is known: what it counts waits, unless it is disowned */
	__u32 netns;
	__u64 began;       /* to connect; 0: unknown */
	__u64 established; /* 0: unknown */
	__u64 ended;
	__u64 bytes[HEALTH_BYTES]; /* that were added */
	__u32 counts[HEALTH_COUNTS];
	__u32 resets_sent; /* these three no socket counts, the last not before 6.7 */
	__u32 resets_received;
	__u32 rtos;
	__u32 told;      /* enum stat_told */
	__u8 phase;      /* enum stat_phase */
	__u8 failure;    /* enum health_failure */
	__u8 in_a_row;   /* timeouts without progress, as of the last retransmission */
	__u8 pad[5];
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct stat);
} stats SEC(".maps");

/*
 * Processes that have exited and were forgotten since the last collection, and
 * when. Sockets may outlive them, and their numbers may be others' soon: the next
 * collection takes those sockets from them.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} departed SEC(".maps");

/* A socket's counters now. */
struct now {
	__u64 bytes[HEALTH_BYTES];
	__u32 counts[HEALTH_COUNTS];
	__u64 round; /* 0: not in a collection */
	__u32 owner; /* as the connection's data shows; 0 unknown */
	__u32 srtt_us;
	__u8 ignored; /* its data is that of no target */
	__u8 gone;    /* nobody can move data any more */
	__u8 stalled; /* data waits for the peer to open its window */
	__u8 full;    /* so is the accept queue */
	__u8 pad[4];
};

static __always_inline __u64 *health_var(__u32 which) { return bpf_map_lookup_elem(&health_vars, &which); }

/* Whether fewer than max of what is made and dropped are there. */
static __always_inline bool room(__u32 made, __u32 dropped, __u64 max)
{
	__u64 *m = health_var(made), *d = health_var(dropped);

	return m && d && *m - *d < max;
}

static __always_inline void count_one(__u32 which)
{
	__u64 *n = health_var(which);

	if (n)
		__sync_fetch_and_add(n, 1);
}

static __always_inline void add(__u64 *to, __u64 n)
{
	if (n)
		__sync_fetch_and_add(to, n);
}

/*
 * Moves what was added of a counter forward to now, and returns by how much: two
 * processors may settle one socket at once, and neither adds what the other did.
 */
__noinline __u64 advance(__u64 *added, __u64 now)
{
	if (!added)
		return 0;
	for (int i = 0; i < 8; i++) {
		__u64 old = *(volatile __u64 *)added;
		if (now <= old)
			return 0;
		if (__sync_val_compare_and_swap(added, old, now) == old)
			return now - old;
	}
	return 0; /* not seen: there are not as many that settle */
}
__noinline __u32 advance32(__u32 *added, __u32 now)
{
	if (!added)
		return 0;
	for (int i = 0; i < 8; i++) {
		__u32 old = *(volatile __u32 *)added;
		if ((__s32)(now - old) <= 0) /* it may have wrapped */
			return 0;
		if (__sync_val_compare_and_swap(added, old, now) == old)
			return now - old;
	}
	return 0;
}

/* Puts a duration into a histogram. */
__noinline int record(struct histogram *h, __u32 which, __u64 ns)
{
	__u32 i;

	if (!h || which >= HISTOGRAMS)
		return 0;
	for (i = 0; i < HEALTH_BOUNDS; i++)
		if (ns <= health_bounds[which][i])
			break;
	if (i <= HEALTH_BOUNDS)
		add(&h->buckets[i], 1);
	add(&h->sum, ns);
	return 0;
}

/* The tally of a series; of what has no room, when there is none for it. */
static __always_inline struct tally *tally_of(const struct series *key)
{
	struct tally *t = bpf_map_lookup_elem(&tallies, key);
	struct series rest = { .tgid = key->tgid, .transport = key->transport, .overflow = 1 };
	__u32 zero = 0;
	struct tally *empty = bpf_map_lookup_elem(&empty_tally, &zero);

	if (t || !empty)
		return t;
	if (room(HEALTH_TALLIES_MADE, HEALTH_TALLIES_FREED, max_tallies)) {
		if (!bpf_map_update_elem(&tallies, key, empty, BPF_NOEXIST))
			count_one(HEALTH_TALLIES_MADE);
		t = bpf_map_lookup_elem(&tallies, key); /* another processor may have been first */
		if (t)
			return t;
	}
	bpf_map_update_elem(&tallies, &rest, empty, BPF_NOEXIST);
	t = bpf_map_lookup_elem(&tallies, &rest);
	if (t)
		return t;
	rest.tgid = 0; /* the loader made this one */
	return bpf_map_lookup_elem(&tallies, &rest);
}

/* Adds a socket's growth; tells whether data was among it. */
static __always_inline bool add_growth(struct tally *t, struct stat *s, const struct now *n)
{
	__u64 grown, moved = 0;

	for (int i = 0; i < HEALTH_BYTES; i++) {
		if (s->bytes[i] == n->bytes[i]) /* most sockets did nothing since */
			continue;
		grown = advance(&s->bytes[i], n->bytes[i]);
		add(&t->bytes[i], grown);
		moved |= grown;
	}
	for (int i = 0; i < HEALTH_COUNTS; i++) {
		if (s->counts[i] == n->counts[i])
			continue;
		grown = advance32(&s->counts[i], n->counts[i]);
		add(&t->counts[i], grown);
		if (i == LISTEN_DROPS && n->full)
			add(&t->listen_overflows, grown);
	}
	return moved;
}

static __always_inline bool first_time(struct stat *s, __u32 what)
{
	return !(__sync_fetch_and_or(&s->told, what) & what);
}

static __always_inline void add_opening(struct tally *t, struct stat *s)
{
	if (!s->established || !first_time(s, TOLD_OPENED))
		return;
	if (s->key.role == WIRE_ROLE_PASSIVE) {
		add(&t->accepted, 1);
		return;
	}
	add(&t->opened, 1);
	if (s->began)
		record(&t->histograms[HISTOGRAM_CONNECT], HISTOGRAM_CONNECT, s->established - s->began);
}

/* Adds the end of a connection, or of the attempt; tells whether it ended now. */
static __always_inline bool add_ending(struct tally *t, struct stat *s)
{
	__u32 failure = s->failure;

	barrier_var(failure);
	if (s->phase == STAT_ENDED && first_time(s, TOLD_ENDED)) {
		add(&t->closed, 1);
		if (s->established)
			record(&t->histograms[HISTOGRAM_DURATION], HISTOGRAM_DURATION, s->ended - s->established);
		return true;
	}
	if (s->phase == STAT_FAILED && failure < FAILURES && first_time(s, TOLD_ENDED))
		add(&t->failed[failure], 1);
	return false;
}

/*
 * Whose the socket is: of who moves its data; where nobody does, of who
 * connected, which is known from the start, or of who listens, once nobody can
 * accept it any more.
 */
static __always_inline __u32 owner_of(const struct stat *s, const struct now *n)
{
	if (s->key.tgid)
		return s->key.tgid;
	if (n->owner || n->ignored || !n->gone || s->key.role != WIRE_ROLE_PASSIVE)
		return n->owner;
	struct listener l = { .netns = s->netns, .port = s->key.port };
	__u32 *tgid = bpf_map_lookup_elem(&listeners, &l);
	return tgid ? *tgid : 0;
}

/* Whether what happens to a connection once has been added. */
static __always_inline bool is_told(const struct stat *s)
{
	bool over = s->phase == STAT_ENDED || s->phase == STAT_FAILED;

	return (!s->established || s->told & TOLD_OPENED) && (!over || s->told & TOLD_ENDED);
}

/*
 * Whether a socket has nothing to add: it takes no tally then. That holds for most
 * listening ones, and for what is left of a connection that has ended, perhaps
 * long after its process.
 */
static __always_inline bool quiet(const struct stat *s, const struct now *n)
{
	if (s->phase == STAT_ESTABLISHED || !is_told(s))
		return false;
	for (int i = 0; i < HEALTH_BYTES; i++)
		if (s->bytes[i] != n->bytes[i])
			return false;
	for (int i = 0; i < HEALTH_COUNTS; i++)
		if (s->counts[i] != n->counts[i])
			return false;
	return true;
}

/* Takes a socket from a process that was forgotten: it counts as one of nobody's. */
static __always_inline void disown(struct stat *s)
{
	__u32 tgid = s->key.tgid;
	__u64 *left = bpf_map_lookup_elem(&departed, &tgid);

	if (!left || s->phase == STAT_LISTENING || s->began > *left || s->established > *left)
		return;
	s->key.tgid = 0;
	s->key.overflow = 1;
}

/* Adds what a socket has come to since it was settled last. While it has no owner, that waits. */
__noinline int settle(struct stat *s, const struct now *n)
{
	struct tally *t;

	if (!s || !n)
		return 0;
	if (!s->key.overflow)
		s->key.tgid = owner_of(s, n);
	struct series key = s->key; /* here, for older verifiers take no other memory for a key */
	if (key.overflow)
		key = (struct series){ .transport = s->key.transport, .overflow = 1 };
	if ((!key.tgid && !key.overflow) || quiet(s, n) || !(t = tally_of(&key)))
		return 0;
	bool moved = add_growth(t, s, n);
	add_opening(t, s);
	if ((add_ending(t, s) || moved) && n->srtt_us)
		record(&t->histograms[HISTOGRAM_RTT], HISTOGRAM_RTT, (n->srtt_us >> 3) * 1000ULL);
	if (n->stalled)
		add(&t->zero_windows, 1);
	/* Only the iterator is here, and there is one. */
	if (n->round && s->phase == STAT_ESTABLISHED && !key.overflow) {
		if (t->round != n->round)
			t->active = 0;
		t->round = n->round;
		t->active++;
	}
	return 0;
}
