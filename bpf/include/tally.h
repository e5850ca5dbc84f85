/* SPDX-License-Identifier: GPL-2.0-only */
/* What the receiver reads of the health of connections: keys, values and variables of maps. */
#pragma once

#define HEALTH_BOUNDS 16

enum health_transport { HEALTH_TCP = 1, HEALTH_UDP };
enum health_failure { FAILED_REFUSED, FAILED_RESET, FAILED_TIMED_OUT, FAILED_UNREACHABLE, FAILED_OTHER, FAILURES };
enum health_histogram { HISTOGRAM_CONNECT, HISTOGRAM_DURATION, HISTOGRAM_RTT, HISTOGRAMS };

/* Counters the sockets have: 64 bits, and 32 bits, which may wrap. */
enum health_bytes { BYTES_SENT, BYTES_RECEIVED, BYTES_RETRANSMITTED, HEALTH_BYTES };
enum health_counts {
	SEGMENTS_SENT,
	SEGMENTS_RECEIVED,
	RETRANSMITS,
	OUT_OF_ORDER,
	RTOS,
	RESETS_SENT,
	RESETS_RECEIVED,
	LISTEN_DROPS,
	HEALTH_COUNTS,
};

/* Names a tally. */
struct series {
	__u32 tgid; /* 0: what has no room, of all processes */
	__u16 port; /* of the side that accepts; 0 unknown */
	__u8 transport;
	__u8 v6;
	__u8 role;     /* enum wire_role */
	__u8 overflow; /* what has no room, of this process; the rest is zero */
	__u8 pad[2];
	__u8 peer[16]; /* zero unless asked for; IPv4 in the first four bytes */
};

struct histogram {
	__u64 sum; /* nanoseconds */
	__u64 buckets[HEALTH_BOUNDS + 1];
};

struct tally {
	__u64 bytes[HEALTH_BYTES];
	__u64 counts[HEALTH_COUNTS];
	__u64 opened, accepted, closed;
	__u64 failed[FAILURES];
	__u64 zero_windows;
	__u64 listen_overflows;
	__u64 datagrams_sent, datagrams_received;
	__u64 active; /* counted anew in each round */
	__u64 round;
	struct histogram histograms[HISTOGRAMS];
};

/* Shared by the programs, which have variables of their own each. */
enum health_var {
	HEALTH_ROUND,         /* set by the reader before each collection */
	HEALTH_STATS_MADE,    /* their difference is bounded */
	HEALTH_STATS_DROPPED,
	HEALTH_TALLIES_MADE,  /* likewise */
	HEALTH_TALLIES_FREED, /* by the reader */
	HEALTH_VARS,
};
