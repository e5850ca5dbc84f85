/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The wire format: every struct the kernel side sends to the receiver. Integers
 * are in the host's byte order, addresses and nothing else in the network's.
 * Times are CLOCK_MONOTONIC, in nanoseconds, unless the field says otherwise.
 */
#pragma once

enum wire_kind {
	WIRE_OPEN = 1, /* before the first data of a connection */
	WIRE_DATA,     /* bytes crossed the socket */
	WIRE_CLOSE,    /* a direction or the connection ended */
	WIRE_PROCESS,  /* before the first WIRE_OPEN of a process */
	WIRE_EXIT,     /* a process that was told of has exited */
	WIRE_ACKED,    /* the peer has acknowledged all that was sent */
	WIRE_DATAGRAM, /* a datagram crossed a UDP socket */
};

/* First bytes of every record. A connection's carry its owner, who moved its first bytes. */
struct wire_header {
	__u16 kind;  /* enum wire_kind */
	__u16 flags; /* by kind */
	__u32 tgid;  /* process, in the initial PID namespace */
	__u64 time;
	__u64 conn;  /* names the connection while the receiver runs; 0 where there is none */
};

enum wire_role {
	WIRE_ROLE_UNKNOWN, /* older than the probes */
	WIRE_ROLE_ACTIVE,  /* the process connected */
	WIRE_ROLE_PASSIVE, /* the process accepted */
};

struct wire_open {
	struct wire_header h;
	__u64 established; /* when the handshake ended; 0 unknown, as below */
	__u64 connect;     /* when it began, of WIRE_ROLE_ACTIVE */
	__u64 accepted;    /* when the process took it from the accept queue, of WIRE_ROLE_PASSIVE */
	__u64 carrier;     /* of plaintext beside TLS: the connection whose socket it travels on; else 0 */
	__u32 netns;       /* inode of the network namespace */
	__u16 family;      /* AF_INET, AF_INET6 */
	__u16 local_port;
	__u16 remote_port;
	__u8 role; /* enum wire_role */
	__u8 midstream; /* offsets count from the first bytes seen, not sent */
	__u8 pad[4];
	__u8 local[16]; /* IPv4 in the first four bytes */
	__u8 remote[16];
};

enum wire_data_flags {
	WIRE_SENT = 1,        /* by the process, else received */
	WIRE_RUN = 2,         /* first bytes since the other direction's last */
	WIRE_END = 4,         /* the system call's last bytes */
	WIRE_FAULT = 8,       /* the buffer could not be read */
	WIRE_UNREADABLE = 16, /* no buffer in sight: sendfile, io_uring, ... */
	WIRE_RACED = 32,      /* another thread moved bytes meanwhile: offset is a guess */
	WIRE_FULL = 64,       /* sent, and the send buffer had no room when the call returned */
	WIRE_FRAME = 128,     /* payload begins a frame of HTTP/2, by a walk that is in step */
	WIRE_UNWALKED = 256,  /* the walk lost its place: frames may have begun in what was not copied */
	WIRE_AHEAD = 512,     /* received, while a call sent: its record comes later, though its bytes left before */
};

/* What hindered a connection since it began, and how far away the peer is. */
struct wire_meter {
	__u32 retransmits;  /* segments, the SYN included */
	__u32 rto_us;       /* nothing moved until a retransmission timer expired: all such times, microseconds */
	__u32 srtt_us;      /* smoothed round-trip time, microseconds; 0 unknown */
	__u32 min_rtt_us;   /* the shortest of the last minutes; 0 unknown */
	__u32 zero_windows; /* times the peer had closed its window while bytes waited */
	__u32 out_of_order; /* segments that came while one before them was missing */
};

#define WIRE_TAIL 16

struct wire_data {
	struct wire_header h; /* time: the first byte's */
	__u64 offset;         /* of the first byte in this direction's stream */
	__u64 other;          /* the other direction's stream reached this offset */
	__u64 arrived;        /* received: since when the first byte of the call waited to be read; 0 unknown */
	__u64 acked;          /* when the peer had acknowledged all that was sent; 0 not yet, or unknown */
	__u32 size;           /* bytes of the stream the record stands for */
	__u32 took_us;        /* from the first byte's time to the last one's, microseconds */
	__u32 tid;            /* thread that moved the bytes, in the initial PID namespace */
	__u16 captured;       /* bytes in payload */
	__u16 tail_len;       /* bytes in tail */
	struct wire_meter meter;
	__u8 tail[WIRE_TAIL]; /* the last bytes of size, when payload does not reach them */
	/* payload follows */
};

struct wire_acked {
	struct wire_header h; /* time: the acknowledgement's */
	__u64 offset;         /* of the stream sent, all of which it covers */
	struct wire_meter meter;
};

enum wire_datagram_flags {
	WIRE_DATAGRAM_SENT = 1,   /* by the process, else received */
	WIRE_DATAGRAM_CLOSED = 2, /* no datagram: its socket was closed, and no more follow */
};

/* Behind the WIRE_PROCESS of its process. Without payload when that could not be read. */
struct wire_datagram {
	struct wire_header h; /* conn names the socket */
	__u32 tid;
	__u32 netns;
	__u32 size;     /* of the datagram, or what of it found room in the process' buffer */
	__u16 captured; /* bytes in payload */
	__u16 family;
	__u16 local_port;
	__u16 remote_port; /* 0: the kernel did not know yet */
	__u32 lost;     /* datagrams of all sockets that found no room in the ring until now */
	__u8 local[16]; /* as in wire_open */
	__u8 remote[16];
	/* payload follows */
};

enum wire_close_flags {
	WIRE_SENT_FIN = 1,
	WIRE_RECEIVED_FIN = 2,
	WIRE_GONE = 4, /* nothing more will be read or written */
};

struct wire_close {
	struct wire_header h;
	__u64 sent;     /* length of the stream sent */
	__u64 received; /* of the stream received, read or not */
	__u64 acked;    /* as in wire_data */
	struct wire_meter meter;
	__u32 error;    /* sk_err: an errno; 0 none */
	__u32 pad;
};

#define WIRE_PATH    256
#define WIRE_COMMAND 128
#define WIRE_ENV     1024

struct wire_process {
	struct wire_header h;
	__u64 start; /* CLOCK_BOOTTIME */
	__u32 ppid;
	__u16 exe_at;    /* exe[exe_at..] holds the path; WIRE_PATH: unknown */
	__u16 cgroup_at; /* likewise, of the cgroup v2 hierarchy */
	__u8 comm[16];
	__u8 exe[WIRE_PATH];
	__u8 cgroup[WIRE_PATH];
	__u8 command[WIRE_COMMAND]; /* argv[0], NUL-terminated, may be cut */
	__u8 env[WIRE_ENV];         /* OTEL_SERVICE_NAME=.. and OTEL_RESOURCE_ATTRIBUTES=.., each NUL-terminated */
};

/* What the receiver asks for a connection: values of the map verdicts. */
enum wire_verdict {
	WIRE_VERDICT_MUTE = 1, /* nothing more */
	WIRE_VERDICT_FRAMES,   /* copies by frames of HTTP/2 */
	WIRE_VERDICT_CARRY,    /* no bytes any more, but its times, its meter and its end */
};

/* Why something did not reach the receiver, and what it was: indices of the map losses. */
enum wire_loss {
	WIRE_LOSS_RING_FULL,
	WIRE_LOSS_FAULT,
	WIRE_LOSS_UNREADABLE,
	WIRE_LOSS_CONN_TABLE_FULL,
	WIRE_LOSS_PROCESS_TABLE_FULL,
	WIRE_LOSS_RACED,
	WIRE_LOSS_GLOB_TOO_COMPLEX,
	WIRE_LOSS_FRAMES, /* the walk of HTTP/2 lost its place: no frame where one had to be, or too many in a call */
	WIRE_LOSS_TLS_UNTIED,     /* plaintext of which no observed connection is known */
	WIRE_LOSS_TLS_CALLS_FULL, /* a call of a library that could not be noted */
	WIRE_LOSSES,
};
enum wire_part {
	WIRE_PART_REQUEST,  /* first bytes of a message to the side that accepted */
	WIRE_PART_RESPONSE, /* first bytes of a message from it */
	WIRE_PART_MESSAGE,  /* first bytes of a message, side unknown */
	WIRE_PART_BODY,     /* later bytes of a message */
	WIRE_PART_OPEN,
	WIRE_PART_CLOSE,
	WIRE_PART_PROCESS,
	WIRE_PART_ACK, /* an acknowledgement: a delivery time is missing */
	WIRE_PART_DATAGRAM,
	WIRE_PART_HEALTH, /* of a connection */
	WIRE_PARTS,
};
