// SPDX-License-Identifier: GPL-2.0-only
/*
 * The DNS datagrams of observed processes: those of UDP sockets whose local or
 * remote port is 53.
 *
 * Where the bytes of TCP are seen at the socket layer, so are these: the hooks
 * there hand UDP sockets on (udp.h). Else the hooks sit around the functions
 * that those of the socket layer call:
 *
 *   sendto, sendmsg, sendmmsg ...              recvfrom, recvmsg, recvmmsg ...
 *     sock_sendmsg                               sock_recvmsg
 *       udp_sendmsg, udpv6_sendmsg                 udp_recvmsg, udpv6_recvmsg
 *     sock_send_length (6.3+)                    sock_recv_length
 */
#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "announce.h"
#include "args.h"
#include "conn.h"
#include "datagram.h"
#include "emit.h"
#include "select.h"
#include "shared.h"
#include "source.h"
#include "udp.h"
#include "wakeup.h"

/* Most messages are small. 1232 is what resolvers agreed to send at most over UDP (dnsflagday.net/2020). */
#define SMALL 256
#define LARGE 1232

/* What is known of a socket that carried DNS for an observed process. */
struct dns_socket {
	__u64 id; /* wire_header.conn */
	__u32 tgid; /* who used it first */
	__u32 pad;
	struct progress progress[2]; /* by direction */
};
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct dns_socket);
} dns_sockets SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64); /* struct sock * */
	__type(value, struct dns_socket);
} dns_sockets_by_address SEC(".maps");

static __always_inline struct dns_socket *dns_socket_of(struct sock *sk)
{
	if (conns_on_socket)
		return bpf_sk_storage_get(&dns_sockets, sk, 0, 0);
	__u64 key = (__u64)sk;
	return bpf_map_lookup_elem(&dns_sockets_by_address, &key);
}

static __always_inline struct dns_socket *dns_socket_make(struct sock *sk)
{
	struct dns_socket none = {}, *s;
	__u64 key = (__u64)sk;

	if (conns_on_socket) {
		s = bpf_sk_storage_get(&dns_sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	} else {
		bpf_map_update_elem(&dns_sockets_by_address, &key, &none, BPF_NOEXIST);
		s = bpf_map_lookup_elem(&dns_sockets_by_address, &key);
	}
	if (s && !s->tgid)
		s->tgid = bpf_get_current_pid_tgid() >> 32;
	if (s && !s->id) /* unique as conn.id is; another thread may be first */
		__sync_val_compare_and_swap(&s->id, 0, bpf_ktime_get_ns() << 8 | (bpf_get_smp_processor_id() & 0xff));
	return s;
}

/*
 * The targets of the process as far as they concern DNS, where a target that
 * names ports means something else: its user wants the look-ups of the process
 * that serves the port. So an include whose executable, process or cgroup
 * matches is enough, whatever its ports. One that names only ports is not, or
 * it would match every process: it must name 53. An exclude means what it says.
 */
static __always_inline __u64 targets_of_dns(struct proc *p, const struct who *w)
{
	__u64 names_more = ~(any_exe & any_pid & any_cgroup) & 0xffffffff;
	__u32 port = DNS_PORT;
	__u64 *named = bpf_map_lookup_elem(&ports, &port);

	return (any_port | names_more | (named ? *named : 0)) & (p->inherited | any_pid) &
	       targets_of_cgroup(bpf_get_current_task()) & targets_of_exe(p, bpf_get_current_task(), w->tid);
}

/* Whether the DNS of the current process is observed; if so it is announced. */
__noinline bool asks(const struct who *w)
{
	if (!w || w->tgid == self_tgid)
		return false;
	struct proc *p = proc_of(w->tgid);
	if (!p)
		return false;
	__u64 targets = targets_of_dns(p, w);
	if (targets >> 32)
		return false;
	/* Announced is also who serves or uses an observed port. */
	if (have_includes && !(targets & 0xffffffff) && !p->announced)
		return false;
	return p->announced || announce_process(p, w);
}

static __always_inline void describe(struct wire_datagram *e, const struct datagram *d)
{
	struct sock *sk = (struct sock *)d->by.sk;

	header(&e->h, WIRE_DATAGRAM, d->flags, d->by.tgid, d->time, d->socket);
	e->tid = d->by.tid;
	e->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	e->size = d->size;
	e->captured = 0;
	e->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	e->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	e->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	e->lost = datagrams_lost;
	addresses(sk, e->family, &e->local, &e->remote);
	if (d->remote.port && d->remote.family == e->family) {
		e->remote_port = d->remote.port;
		__builtin_memcpy(e->remote, d->remote.address, sizeof(e->remote));
	}
}

static __always_inline int emit_of(const __u32 room, const struct datagram *d)
{
	struct wire_datagram *e = bpf_ringbuf_reserve(&events, sizeof(*e) + room, 0);

	if (!e) {
		lose(WIRE_LOSS_RING_FULL, WIRE_PART_DATAGRAM);
		__sync_fetch_and_add(&datagrams_lost, 1);
		return 0;
	}
	describe(e, d);
	if (d->from.kind == SOURCE_NONE) {
		lose(WIRE_LOSS_UNREADABLE, WIRE_PART_DATAGRAM);
	} else {
		e->captured = gather(e + 1, room, &d->from, 0, d->size);
		if (!e->captured)
			lose(WIRE_LOSS_FAULT, WIRE_PART_DATAGRAM);
	}
	bpf_ringbuf_submit(e, wakeup());
	return 0;
}

/* Two sizes of record, as in capture.h. */
__noinline int emit_small(const struct datagram *d) { return d ? emit_of(SMALL, d) : 0; }
__noinline int emit_large(const struct datagram *d) { return d ? emit_of(LARGE, d) : 0; }

static __always_inline int tell(const struct datagram *d) { return d->size <= SMALL ? emit_small(d) : emit_large(d); }

enum kinship { NOT_DNS, IS_DNS, UNCONNECTED };

/* What the ports of the socket say. An unconnected one may send anywhere. */
static __always_inline enum kinship kinship(__u16 local, __be16 remote)
{
	if (local == DNS_PORT || remote == bpf_htons(DNS_PORT))
		return IS_DNS;
	return remote ? NOT_DNS : UNCONNECTED;
}

/* ---- from the hooks of the socket layer ---- */

static __always_inline int on_call(struct sock *sk, int n, __u32 direction)
{
	enum kinship k = kinship(sk->__sk_common.skc_num, sk->__sk_common.skc_dport);

	if (!enabled || k == NOT_DNS)
		return 0;
	struct dns_socket *s = dns_socket_of(sk);
	if (n <= 0) {
		if (s)
			s->progress[direction].next = 0; /* an error ends a call for several messages */
		return 0;
	}
	if (k == UNCONNECTED && !s && (direction == RX || !call_sends_to(sk, DNS_PORT)))
		return 0;
	struct datagram d = { .by = who(sk), .size = n, .flags = direction == TX ? WIRE_DATAGRAM_SENT : 0 };
	if (!asks(&d.by))
		return 0;
	if (!s && !(s = dns_socket_make(sk))) {
		lose(WIRE_LOSS_CONN_TABLE_FULL, WIRE_PART_DATAGRAM);
		return 0;
	}
	d.socket = s->id;
	datagram_of_syscall(&d, sk, &s->progress[direction]);
	if (k == UNCONNECTED && direction == TX && d.remote.port != DNS_PORT)
		return 0;
	d.time = bpf_ktime_get_ns();
	return tell(&d);
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(dns_send_tp, struct sock *sk, int ret) { return on_call(sk, ret, TX); }

SEC("tp_btf/sock_recv_length")
int BPF_PROG(dns_recv_tp, struct sock *sk, int ret, int flags)
{
	return flags & (MSG_PEEK | MSG_ERRQUEUE) ? 0 : on_call(sk, ret, RX);
}

/* ---- around the functions of UDP: the return does not see all the arguments, so the entry keeps them ---- */

struct dns_call {
	struct datagram d;
	__u64 name; /* where a received datagram's sender will be told; 0 nowhere */
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64); /* pid_tgid */
	__type(value, struct dns_call);
} dns_calls SEC(".maps");

static __always_inline int on_enter(struct sock *sk, struct msghdr *msg, int flags, __u32 direction)
{
	enum kinship k = kinship(BPF_CORE_READ(sk, __sk_common.skc_num), BPF_CORE_READ(sk, __sk_common.skc_dport));
	struct dns_call call = { .d = { .by = who(sk), .flags = direction == TX ? WIRE_DATAGRAM_SENT : 0 } };
	__u64 id = bpf_get_current_pid_tgid();
	void *name = BPF_CORE_READ(msg, msg_name);

	if (!enabled || k == NOT_DNS || flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_TRUNC))
		return 0;
	if (direction == TX)
		endpoint_of_kernel(&call.d.remote, name);
	else
		call.name = (__u64)name;
	if (k == UNCONNECTED && (direction == TX ? call.d.remote.port != DNS_PORT : !dns_socket_of(sk)))
		return 0;
	if (!asks(&call.d.by))
		return 0;
	struct dns_socket *s = dns_socket_make(sk);
	if (!s) {
		lose(WIRE_LOSS_CONN_TABLE_FULL, WIRE_PART_DATAGRAM);
		return 0;
	}
	call.d.socket = s->id;
	source_of_iter(&call.d.from, msg, false);
	if (direction == TX)
		call.d.time = bpf_ktime_get_ns();
	bpf_map_update_elem(&dns_calls, &id, &call, BPF_ANY);
	return 0;
}

static __always_inline int on_return(int n)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct dns_call *call = bpf_map_lookup_elem(&dns_calls, &id);

	if (!call)
		return 0;
	struct datagram d = call->d;
	__u64 name = call->name;
	bpf_map_delete_elem(&dns_calls, &id);
	if (n <= 0)
		return 0;
	d.size = n;
	if (!(d.flags & WIRE_DATAGRAM_SENT)) {
		d.time = bpf_ktime_get_ns();
		endpoint_of_kernel(&d.remote, (void *)name);
	}
	return tell(&d);
}

/* udpv6_sendmsg enters udp_sendmsg for an IPv4 peer: then the inner return tells, and the outer finds nothing. */
#define SENDS(name, function)                                                                                          \
	SEC("fentry/" #function)                                                                                       \
	int BPF_PROG(name##_start_fentry, struct sock *sk, struct msghdr *msg) { return on_enter(sk, msg, 0, TX); }    \
	SEC("fexit/" #function)                                                                                        \
	int BPF_PROG(name##_fexit, struct sock *sk, struct msghdr *msg, size_t size, int ret)                          \
	{                                                                                                              \
		return on_return(ret);                                                                                 \
	}                                                                                                              \
	SEC("kprobe/" #function)                                                                                       \
	int name##_start_kprobe(struct pt_regs *ctx)                                                                   \
	{                                                                                                              \
		return on_enter((struct sock *)PT_REGS_PARM1_CORE(ctx), (struct msghdr *)PT_REGS_PARM2_CORE(ctx), 0,   \
				TX);                                                                                   \
	}                                                                                                              \
	SEC("kretprobe/" #function)                                                                                    \
	int name##_kretprobe(struct pt_regs *ctx) { return on_return(PT_REGS_RC_CORE(ctx)); }

#define RECEIVES(name, function)                                                                                       \
	SEC("fentry/" #function)                                                                                       \
	int name##_start_fentry(unsigned long long *ctx)                                                               \
	{                                                                                                              \
		return on_enter((struct sock *)ctx[0], (struct msghdr *)ctx[1], recvmsg_flags(ctx), RX);               \
	}                                                                                                              \
	SEC("fexit/" #function)                                                                                        \
	int name##_fexit(unsigned long long *ctx) { return on_return(recvmsg_result(ctx)); }                           \
	SEC("kprobe/" #function)                                                                                       \
	int name##_start_kprobe(struct pt_regs *ctx)                                                                   \
	{                                                                                                              \
		int flags = recvmsg_args == 6 ? PT_REGS_PARM5_CORE(ctx) : PT_REGS_PARM4_CORE(ctx);                     \
		return on_enter((struct sock *)PT_REGS_PARM1_CORE(ctx), (struct msghdr *)PT_REGS_PARM2_CORE(ctx),      \
				flags, RX);                                                                            \
	}                                                                                                              \
	SEC("kretprobe/" #function)                                                                                    \
	int name##_kretprobe(struct pt_regs *ctx) { return on_return(PT_REGS_RC_CORE(ctx)); }

SENDS(dns_send, udp_sendmsg)
SENDS(dns_send6, udpv6_sendmsg)
RECEIVES(dns_recv, udp_recvmsg)
RECEIVES(dns_recv6, udpv6_recvmsg)

/*
 * ---- the end of a socket: who waits no longer for an answer closes it ----
 *
 *   close, exit ...
 *     inet_release                               <- cgroup/sock_release
 *       udp_lib_close
 *         udp_destroy_sock, udpv6_destroy_sock   <- fentry, kprobe
 */
static __always_inline int on_close(const struct dns_socket *s)
{
	if (!s || !s->id)
		return 0;
	struct wire_datagram *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		lose(WIRE_LOSS_RING_FULL, WIRE_PART_CLOSE); /* what waits is given up later */
		return 0;
	}
	__builtin_memset(e, 0, sizeof(*e));
	header(&e->h, WIRE_DATAGRAM, WIRE_DATAGRAM_CLOSED, s->tgid, bpf_ktime_get_ns(), s->id);
	e->lost = datagrams_lost;
	bpf_ringbuf_submit(e, wakeup());
	return 0;
}

static __always_inline int on_destroy(struct sock *sk)
{
	int done = on_close(dns_socket_of(sk));
	__u64 key = (__u64)sk;

	if (!conns_on_socket)
		bpf_map_delete_elem(&dns_sockets_by_address, &key);
	return done;
}

#define CLOSES(name, function)                                                                                         \
	SEC("fentry/" #function) int BPF_PROG(name##_fentry, struct sock *sk) { return on_destroy(sk); }               \
	SEC("kprobe/" #function)                                                                                       \
	int name##_kprobe(struct pt_regs *ctx) { return on_destroy((struct sock *)PT_REGS_PARM1_CORE(ctx)); }

CLOSES(dns_close, udp_destroy_sock)
CLOSES(dns_close6, udpv6_destroy_sock)

/* The context is the socket itself, and as such its storage can be reached. */
SEC("cgroup/sock_release")
int dns_close_cgroup(struct bpf_sock *ctx)
{
	on_close(bpf_sk_storage_get(&dns_sockets, ctx, 0, 0));
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
