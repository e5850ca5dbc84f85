/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a probe sits in a TLS library, what it finds there, and the calls of the
 * library that have begun.
 *
 * A call is noted where it begins: with its thread in C, with its goroutine in
 * Go, which changes threads. Some ways out of a function have no probe: those on
 * which nothing was moved. The stack tells which calls have ended that way.
 */
#pragma once
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include "point.h"
#include "source.h"
#include "tls.h"

static __always_inline __u32 point_op(__u64 cookie) { return cookie & 0xff; }
static __always_inline __u32 point_flags(__u64 cookie) { return cookie >> 8 & 0xff; }
static __always_inline __s64 point_offset(__u64 cookie) { return (__s16)(cookie >> 16); }
static __always_inline __u32 point_library(__u64 cookie) { return cookie >> 40; }
static __always_inline __u32 point_function(__u64 cookie) { return cookie >> 32; }

#define RANDOM_STEPS 4

/* What is known of a library, set before its probes are attached. */
struct library {
	__u64 attached; /* when all of its probes were; 0 not yet */
	__s32 random
	    [RANDOM_STEPS]; /* from the session to the client's random: pointers are followed at all but the last */
	__u32 steps; /* of random; 0: the way is not known */
	__u32 pad;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* set by the loader */
	__type(key, __u32);
	__type(value, struct library);
} libraries SEC(".maps");

/*
 * The registers of user space, by their place in struct pt_regs, which never
 * changes (arch/{x86,arm64}/include/uapi/asm/ptrace.h). In Go's ABIInternal
 * results are where arguments are, and the goroutine has a register of its own.
 */
#if defined(__TARGET_ARCH_x86)
#define C_ARG1(ctx)  ARG_OF(ctx, 14) /* di */
#define C_ARG2(ctx)  ARG_OF(ctx, 13) /* si */
#define C_ARG3(ctx)  ARG_OF(ctx, 12) /* dx */
#define C_ARG4(ctx)  ARG_OF(ctx, 11) /* cx */
#define C_ARG5(ctx)  ARG_OF(ctx, 9)  /* r8 */
#define RESULT(ctx)  ARG_OF(ctx, 10) /* ax */
#define GO_ARG1(ctx) ARG_OF(ctx, 10) /* ax */
#define GO_ARG2(ctx) ARG_OF(ctx, 5)  /* bx */
#define GO_ARG3(ctx) ARG_OF(ctx, 11) /* cx */
#define GO_G(ctx)    ARG_OF(ctx, 1)  /* r14 */
#define STACK(ctx)   ARG_OF(ctx, 19)
#elif defined(__TARGET_ARCH_arm64)
#define C_ARG1(ctx)  ARG_OF(ctx, 0)
#define C_ARG2(ctx)  ARG_OF(ctx, 1)
#define C_ARG3(ctx)  ARG_OF(ctx, 2)
#define C_ARG4(ctx)  ARG_OF(ctx, 3)
#define C_ARG5(ctx)  ARG_OF(ctx, 4)
#define RESULT(ctx)  ARG_OF(ctx, 0)
#define GO_ARG1(ctx) ARG_OF(ctx, 0)
#define GO_ARG2(ctx) ARG_OF(ctx, 1)
#define GO_ARG3(ctx) ARG_OF(ctx, 2)
#define GO_G(ctx)    ARG_OF(ctx, 28)
#define STACK(ctx)   ARG_OF(ctx, 31)
#endif

struct goroutine {
	__u64 g;
	__u32 tgid;
	__u32 pad;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1); /* set by the loader */
	__type(key, struct goroutine);
	__type(value, struct tls_calls);
} go_calls SEC(".maps");

/* It is too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tls_calls);
} empty_calls SEC(".maps");

static __always_inline struct tls_calls *calls_of_go(struct pt_regs *ctx, bool make)
{
	struct goroutine key = { .g = GO_G(ctx), .tgid = bpf_get_current_pid_tgid() >> 32 };
	struct tls_calls *calls = bpf_map_lookup_elem(&go_calls, &key);

	if (calls || !make)
		return calls;
	__u32 zero = 0;
	struct tls_calls *none = bpf_map_lookup_elem(&empty_calls, &zero);
	if (!none)
		return NULL;
	bpf_map_update_elem(&go_calls, &key, none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&go_calls, &key);
}

static __always_inline struct tls_calls *calls_of(struct pt_regs *ctx, __u32 flags, bool make)
{
	if (flags & POINT_GO)
		return calls_of_go(ctx, make);
	return bpf_task_storage_get(&tls_calls, bpf_get_current_task_btf(), 0,
				    make ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
}

/*
 * Forgets the calls that have returned: their frame is not above sp. Go moves its
 * stacks, and has probes at all exits.
 */
static __always_inline void forget_returned(struct tls_calls *calls, __u32 flags, __u64 sp)
{
	if (flags & POINT_GO)
		return;
	for (int i = 0; i < NESTED; i++) {
		__u32 depth = calls->depth;
		if (!depth || calls->at[(depth - 1) & (NESTED - 1)].sp > sp)
			return;
		calls->depth = depth - 1;
	}
}

static __always_inline struct tls_call *push(struct tls_calls *calls, __u32 flags, __u64 sp)
{
	forget_returned(calls, flags, sp);
	__u32 depth = calls->depth;
	if (depth >= NESTED) /* no program is inside of so many: they have returned */
		depth = 0;
	calls->depth = depth + 1;
	return &calls->at[depth & (NESTED - 1)];
}

/* The call of a function that ends; those inside of it have. NULL when its beginning was not seen. */
static __always_inline struct tls_call *pop(struct tls_calls *calls, __u32 function)
{
	__u32 depth = calls->depth;

	for (int i = 0; i < NESTED; i++) {
		if (!depth)
			return NULL;
		depth--;
		struct tls_call *t = &calls->at[depth & (NESTED - 1)];
		if (t->function == function) {
			calls->depth = depth;
			return t;
		}
	}
	return NULL;
}

static __always_inline bool is_write(__u32 op) { return op == TLS_WRITE || op == TLS_WRITE_EX || op == TLS_SENDFILE; }
static __always_inline bool is_read(__u32 op) { return op == TLS_READ || op == TLS_READ_EX; }

/*
 * Whether the call just pushed moves what another does for the same session, which
 * it is inside of. (A callback of a read may write: that is a call of its own.)
 */
static __always_inline bool is_part(const struct tls_calls *calls, const struct tls_call *t)
{
	__u32 depth = calls->depth;

	if (depth < 2)
		return false;
	const struct tls_call *outer = &calls->at[(depth - 2) & (NESTED - 1)];
	if (outer->session != t->session)
		return false;
	return outer->op == TLS_FLUSH || outer->op == TLS_PART || (is_write(outer->op) && is_write(t->op)) ||
	       (is_read(outer->op) && is_read(t->op));
}

/* A part has returned: its socket is that of the call it is inside of. */
static __always_inline void part_ended(struct tls_calls *calls, const struct tls_call *t)
{
	__u32 depth = calls->depth;

	if (depth && t->sk)
		calls->at[(depth - 1) & (NESTED - 1)].sk = t->sk;
}

static __always_inline void read_arguments(struct tls_call *t, struct pt_regs *ctx, __u64 cookie)
{
	t->op = point_op(cookie);
	t->tgid = bpf_get_current_pid_tgid() >> 32;
	t->function = point_function(cookie);
	t->count = 0;
	t->sk = 0;
	t->sp = STACK(ctx);
	if (point_flags(cookie) & POINT_GO) {
		t->session = GO_ARG1(ctx);
		t->buffer = GO_ARG2(ctx);
		t->size = GO_ARG3(ctx);
		return;
	}
	t->session = C_ARG1(ctx);
	t->buffer = C_ARG2(ctx);
	t->size = C_ARG3(ctx);
	if ((t->op == TLS_READ || t->op == TLS_WRITE) && (__s32)t->size < 0) /* an int, of OpenSSL */
		t->size = 0;
	if (t->op == TLS_READ_EX || t->op == TLS_WRITE_EX)
		t->count = point_offset(cookie) == 4 ? C_ARG5(ctx) : C_ARG4(ctx);
	else if (t->op == TLS_SENDFILE)
		t->size = C_ARG4(ctx);
}

/* What the function returns, as far as the point tells; 0 when it moved nothing. */
static __always_inline __s64 result_at(struct pt_regs *ctx, __u64 cookie)
{
	__u32 flags = point_flags(cookie);
	__s64 result = RESULT(ctx);

	if (flags & POINT_GUARDED && (__s32)result <= 0)
		return 0;
	if (flags & POINT_STACK &&
	    bpf_probe_read_user(&result, sizeof(result), (void *)(STACK(ctx) + point_offset(cookie))))
		return 0;
	return flags & POINT_LONG ? result : (__s32)result;
}

/* How many bytes the call moved. */
static __always_inline __u32 moved_by(const struct tls_call *t, __s64 result)
{
	__u64 n = result;

	if (result <= 0 || !(is_read(t->op) || is_write(t->op)))
		return 0;
	if (t->count && bpf_probe_read_user(&n, sizeof(n), (void *)t->count))
		return 0;
	return n <= t->size && n <= 0x7fffffff ? n : 0;
}
