/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel types the programs read, and of each only the fields they read.
 * The loader moves every access to where the running kernel has the field
 * (CO-RE), so order and gaps here mean nothing. Sources: include/net/sock.h,
 * include/linux/tcp.h, include/linux/sched.h, include/linux/uio.h, fs/mount.h.
 */
#pragma once

#include "types.h"

typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef __u16 __sum16;
typedef _Bool bool;
typedef unsigned long size_t;

#define NULL  ((void *)0)
#define true  1
#define false 0

/* include/uapi/linux/bpf.h */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_SK_STORAGE = 24,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};
enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_F_NO_PREALLOC = 1,
	BPF_SK_STORAGE_GET_F_CREATE = 1,
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
};

enum { AF_INET = 2, AF_INET6 = 10 };
enum { IPPROTO_TCP = 6, IPPROTO_UDP = 17, IPPROTO_MPTCP = 262 };
/* include/linux/socket.h */
enum { MSG_PEEK = 0x2, MSG_TRUNC = 0x20, MSG_WAITALL = 0x100, MSG_ERRQUEUE = 0x2000 };
enum { SOCK_NOSPACE = 2 }; /* include/linux/net.h, a bit of socket.flags */
/* include/net/tcp_states.h */
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_CLOSING,
};
enum { SHUTDOWN_BOTH = 3 }; /* include/net/sock.h SHUTDOWN_MASK */
enum sock_flags { SOCK_DONE = 1 }; /* likewise */
/* include/uapi/asm-generic/errno.h */
enum {
	ENETDOWN = 100,
	ENETUNREACH = 101,
	ECONNRESET = 104,
	ETIMEDOUT = 110,
	ECONNREFUSED = 111,
	EHOSTDOWN = 112,
	EHOSTUNREACH = 113,
};
/* include/linux/sched.h */
enum { PF_IO_WORKER = 0x10, PF_KTHREAD = 0x00200000 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__be32 u6_addr32[4];
	} in6_u;
};

struct ns_common {
	unsigned int inum;
};
struct net {
	struct ns_common ns;
};
typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	unsigned long skc_flags;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

typedef struct {
	int counter;
} atomic_t;

struct file;
struct socket {
	unsigned long flags;
	struct file *file;
	struct sock *sk;
};

struct sock {
	struct sock_common __sk_common;
	int sk_err;
	struct socket *sk_socket;
	__u16 sk_protocol;
	__u8 sk_shutdown;
	__u32 sk_ack_backlog;
	__u32 sk_max_ack_backlog;
	atomic_t sk_drops;
};

struct inet_connection_sock {
	__u8 icsk_retransmits;
};

struct minmax_sample {
	__u32 t;
	__u32 v;
};
struct minmax {
	struct minmax_sample s[3];
};
struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 rcv_nxt;
	__u32 copied_seq;
	__u32 write_seq;
	__u32 snd_nxt;
	__u32 snd_una;
	__u32 snd_wnd;
	__u32 srtt_us; /* eight times the time */
	struct minmax rtt_min;
	__u32 segs_in;
	__u32 segs_out;
	__u64 bytes_sent;     /* retransmissions too */
	__u64 bytes_received; /* the peer's FIN counts as one */
	__u64 bytes_retrans;
	__u32 total_retrans;
	__u32 rcv_ooopack;
	__u16 total_rto; /* 6.7 and later */
};

struct sk_buff {
	char cb[48]; /* holds a struct tcp_skb_cb */
};
struct tcp_skb_cb {
	__u32 seq;
	__u32 end_seq;
	__u32 ack_seq;
};

struct iovec {
	void *iov_base;
	size_t iov_len;
};

/* 6.4 and later */
struct iov_iter {
	__u8 iter_type;
	size_t iov_offset;
	size_t count;
	const struct iovec *__iov;
	void *ubuf;
	unsigned long nr_segs;
};
/* 5.14 to 6.3: iov instead of __iov; ubuf from 6.0 on */
struct iov_iter___514 {
	const struct iovec *iov;
};
/* before 5.14: type holds the kind, its lowest bit the direction */
struct iov_iter___510 {
	unsigned int type;
};
/* The values differ by version; the programs ask the running kernel for them. */
enum iter_type { ITER_UBUF = 0, ITER_IOVEC = 1 };

struct msghdr {
	void *msg_name;
	int msg_namelen;
	struct iov_iter msg_iter;
};
struct msghdr___514 {
	struct iov_iter___514 msg_iter;
};
struct msghdr___510 {
	struct iov_iter___510 msg_iter;
};

struct qstr {
	__u32 len;
	const unsigned char *name;
};
struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
};
struct vfsmount {
	struct dentry *mnt_root;
};
struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};
struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};
struct file {
	struct path f_path;
	void *private_data;
};
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};
struct files_struct {
	struct fdtable *fdt;
};

struct mm_struct {
	unsigned long arg_start, arg_end, env_start, env_end;
	struct file *exe_file;
};

struct kernfs_node {
	struct kernfs_node *__parent; /* 6.15 and later */
	const char *name;
	__u64 id;
};
struct kernfs_node___old {
	struct kernfs_node *parent;
};
struct cgroup {
	struct kernfs_node *kn;
};
struct css_set {
	struct cgroup *dfl_cgrp;
};
struct signal_struct {
	atomic_t live;
};

struct io_uring_task;
struct task_struct {
	unsigned int flags;
	struct mm_struct *mm;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	__u64 start_boottime;
	char comm[16];
	struct files_struct *files;
	struct io_uring_task *io_uring;
	struct signal_struct *signal;
	struct css_set *cgroups;
};

struct bpf_iter_meta {
	void *seq;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};
struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct sock *sk;
};

/* Registers of a task at its last entry from user space (arch/{x86,arm64}/include/asm/ptrace.h). */
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, sp, bp;
};
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31], sp, pc, pstate;
};
struct pt_regs {
	__u64 regs[31], sp, pc, pstate;
	__u64 orig_x0;
	__s32 syscallno;
};
#endif

#pragma clang attribute pop

#define __VMLINUX_H__ /* bpf_tracing.h: the kernel's names of the registers */
