/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading the bytes a system call moved, from the memory of the process: found
 * through the kernel's iov_iter when a hook sees it, through the registers of
 * the system call when only the result is known.
 */
#pragma once
#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "conn.h"

#define MAX_SEGMENTS 8

/*
 * A context is read at constant offsets only. In C, clang would make one read at
 * an offset it chooses.
 */
#define ARG_OF(ctx, i)                                                                                                 \
	({                                                                                                             \
		__u64 _arg;                                                                                            \
		asm volatile("%0 = *(u64 *)(%1 + 8 * " #i ")" : "=r"(_arg) : "r"(ctx));                                \
		_arg;                                                                                                  \
	})

/* Direct loads cost a tenth of a helper's read, but need a pointer the verifier knows. */
#define LOAD(trusted, p, field) ((trusted) ? (p)->field : BPF_CORE_READ(p, field))

/* iov_iter___514 is how the array was called before 6.4. */
static __always_inline void source_of_iter(struct source *s, const struct msghdr *msg, bool trusted)
{
	__u32 kind;

	s->kind = SOURCE_NONE;
	if (bpf_core_field_exists(struct iov_iter, iter_type))
		kind = LOAD(trusted, msg, msg_iter.iter_type);
	else /* before 5.14: the kind and, in the lowest bit, the direction */
		kind = LOAD(trusted, (struct msghdr___510 *)msg, msg_iter.type) & ~1;
	s->skip = LOAD(trusted, msg, msg_iter.iov_offset);
	s->segments = LOAD(trusted, msg, msg_iter.nr_segs);
	if (bpf_core_enum_value_exists(enum iter_type, ITER_UBUF) &&
	    kind == bpf_core_enum_value(enum iter_type, ITER_UBUF)) {
		s->base = (__u64)LOAD(trusted, msg, msg_iter.ubuf);
		s->kind = SOURCE_BUFFER;
	} else if (kind == bpf_core_enum_value(enum iter_type, ITER_IOVEC)) {
		if (bpf_core_field_exists(struct iov_iter, __iov))
			s->base = (__u64)LOAD(trusted, msg, msg_iter.__iov);
		else
			s->base = (__u64)LOAD(trusted, (struct msghdr___514 *)msg, msg_iter.iov);
		s->kind = SOURCE_KERN_IOVEC;
	}
}

/* struct user_msghdr (include/linux/socket.h), as far as it is read. */
struct wire_user_msghdr {
	__u64 name;
	__u64 name_len;
	__u64 iov;
	__u64 iov_len;
};

/* The socket behind a descriptor of the task, if it is one. */
static __always_inline struct socket *socket_of(struct task_struct *task, __u32 fd)
{
	struct file **fds = BPF_CORE_READ(task, files, fdt, fd);
	struct file *file;

	if (fd >= BPF_CORE_READ(task, files, fdt, max_fds) || bpf_probe_read_kernel(&file, sizeof(file), &fds[fd]))
		return NULL;
	return BPF_CORE_READ(file, private_data);
}

/* Whether the descriptor the system call names is the socket sk. */
static __always_inline bool call_is_on(struct task_struct *task, __u32 fd, struct sock *sk)
{
	struct socket *socket = socket_of(task, fd);

	return BPF_CORE_READ(socket, sk) == sk;
}

#if defined(__TARGET_ARCH_x86)
#define CALL_NR(regs)    ((regs)->orig_ax)
#define CALL_ARG1(regs)  ((regs)->di)
#define CALL_ARG2(regs)  ((regs)->si)
#define CALL_ARG3(regs)  ((regs)->dx)
#define CALL_ARG5(regs)  ((regs)->r8)
#define CALL_IS_32(regs) ((regs)->cs == 0x23) /* __USER32_CS */
enum {
	NR_read = 0,
	NR_write = 1,
	NR_readv = 19,
	NR_writev = 20,
	NR_sendto = 44,
	NR_recvfrom = 45,
	NR_sendmsg = 46,
	NR_recvmsg = 47,
	NR_accept = 43,
	NR_accept4 = 288,
	NR_recvmmsg = 299,
	NR_sendmmsg = 307
};
#elif defined(__TARGET_ARCH_arm64)
#define CALL_NR(regs)    ((regs)->syscallno)
#define CALL_ARG1(regs)  ((regs)->orig_x0)
#define CALL_ARG2(regs)  ((regs)->regs[1])
#define CALL_ARG3(regs)  ((regs)->regs[2])
#define CALL_ARG5(regs)  ((regs)->regs[4])
#define CALL_IS_32(regs) ((regs)->pstate & 0x10) /* PSR_MODE32_BIT */
enum {
	NR_read = 63,
	NR_write = 64,
	NR_readv = 65,
	NR_writev = 66,
	NR_sendto = 206,
	NR_recvfrom = 207,
	NR_sendmsg = 211,
	NR_recvmsg = 212,
	NR_accept = 202,
	NR_accept4 = 242,
	NR_recvmmsg = 243,
	NR_sendmmsg = 269
};
#endif

/*
 * The registers say what the last system call was, not that it moved these
 * bytes: kernel threads and io_uring move bytes with another call's registers
 * in place. Their buffers are not known, and nothing is read for them.
 */
static __always_inline bool call_tells(struct task_struct *task, struct pt_regs *regs, struct sock *sk)
{
	if (task->flags & (PF_KTHREAD | PF_IO_WORKER) || CALL_IS_32(regs))
		return false;
	return !bpf_core_field_exists(struct task_struct, io_uring) || !task->io_uring ||
	       call_is_on(task, CALL_ARG1(regs), sk);
}

static __always_inline void source_of_syscall(struct source *s, struct sock *sk)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	__u64 arg2 = CALL_ARG2(regs), arg3 = CALL_ARG3(regs);

	s->kind = SOURCE_NONE;
	s->skip = 0;
	s->segments = 0;
	if (!call_tells(task, regs, sk))
		return;
	switch (CALL_NR(regs)) {
	case NR_read:
	case NR_recvfrom:
	case NR_write:
	case NR_sendto:
		s->base = arg2;
		s->kind = SOURCE_BUFFER;
		return;
	case NR_readv:
	case NR_writev:
		s->base = arg2;
		s->segments = arg3;
		s->kind = SOURCE_IOVEC;
		return;
	case NR_recvmsg:
	case NR_sendmsg: {
		struct wire_user_msghdr m;

		if (bpf_probe_read_user(&m, sizeof(m), (void *)arg2))
			return;
		s->base = m.iov;
		s->segments = m.iov_len;
		s->kind = SOURCE_IOVEC;
		return;
	}
	}
}

static __always_inline bool read_segment(const struct source *s, __u32 i, struct iovec *v)
{
	const struct iovec *at = (const struct iovec *)s->base + i;

	if (s->kind == SOURCE_IOVEC)
		return bpf_probe_read_user(v, sizeof(*v), at) == 0;
	return bpf_probe_read_kernel(v, sizeof(*v), at) == 0;
}

/*
 * n, which is at most max. For the verifier: clang compares a copy, or both ends
 * at once, or forgets on the stack what it compared, and older kernels then do
 * not see that n is bounded.
 */
static __always_inline __u64 at_most(__u64 n, const __u64 max)
{
	asm volatile("if %0 <= %1 goto +1\n\t%0 = %1" : "+r"(n) : "i"(max));
	return n;
}

/*
 * gather copies the bytes [from, from + want) of the call to to, which has room
 * for room bytes and is a constant. It returns how many it copied: at least one
 * unless the memory could not be read, but it may stop early between segments,
 * where half the room is used (the verifier adds no two variables).
 */
static __always_inline __u64 gather(void *to, const __u32 room, const struct source *s, __u64 from, __u64 want)
{
	__u64 done = 0;

	from += s->skip;
	if (want > room)
		want = room;
	if (s->kind == SOURCE_BUFFER) {
		want = at_most(want, room);
		return bpf_probe_read_user(to, want, (void *)(s->base + from)) ? 0 : want;
	}
	for (__u32 i = 0; i < MAX_SEGMENTS; i++) {
		struct iovec v;
		__u64 take = want - done;

		if (i >= s->segments || done >= want || !read_segment(s, i, &v))
			break;
		if (from >= v.iov_len) {
			from -= v.iov_len;
			continue;
		}
		if (take > v.iov_len - from)
			take = v.iov_len - from;
		if (done == 0) {
			take = at_most(take, room);
			if (bpf_probe_read_user(to, take, v.iov_base + from))
				break;
		} else {
			if (done > room / 2)
				break;
			done = at_most(done, room / 2);
			take = at_most(take, room / 2);
			if (bpf_probe_read_user(to + done, take, v.iov_base + from))
				break;
		}
		done += take;
		from = 0;
	}
	return done;
}
