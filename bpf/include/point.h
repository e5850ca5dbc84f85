/* SPDX-License-Identifier: GPL-2.0-only */
/* What a probe of a TLS library is told of where it sits: its cookie, which the receiver makes. */
#pragma once

enum tls_op {
	TLS_READ = 1,
	TLS_READ_EX, /* an argument says where the count is stored */
	TLS_WRITE,
	TLS_WRITE_EX,
	TLS_SENDFILE,  /* of bytes nobody sees */
	TLS_HANDSHAKE, /* moves none */
	TLS_FLUSH,     /* likewise: it sends what a write took before */
	TLS_PART,      /* of the call it is inside of; no probe says so */
};

/*
 * The cookie of a probe:
 *
 *   63..40  index of its library
 *   39..32  index of its function in the library: code may be shared by several
 *   31..16  of an exit: signed, where on the stack the result is;
 *           of an entry: which argument says where the count will be stored
 *   15..8   enum point_flags
 *    7..0   enum tls_op
 */
enum point_flags {
	POINT_EXIT = 1, /* the result is known there; else arguments are in their registers */
	POINT_GO = 2,    /* arguments and results as Go passes them */
	POINT_STACK = 4,   /* the result is on the stack, else in the register of results */
	POINT_LONG = 8,    /* it has eight bytes, else four */
	POINT_GUARDED = 16, /* when the register is not positive, it is 0 instead */
};
