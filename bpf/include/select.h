/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which connections are observed. The configuration has up to 32 include and 32
 * exclude targets; each is one bit, the includes in the low half. A connection
 * has a bit when every field of that target matches it: ports, executable,
 * process (or ancestor) and cgroup. A field a target does not name matches all.
 */
#pragma once
#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "conn.h"
#include "emit.h"
#include "loop.h"
#include "shared.h"

/* Set by the loader. */
const volatile __u64 any_port;            /* targets that name no port; those no target uses have no bit here */
const volatile __u64 any_exe = ~0ULL;    /* no executable */
const volatile __u64 any_pid = ~0ULL;    /* no process */
const volatile __u64 any_cgroup = ~0ULL; /* no cgroup */
const volatile bool have_includes;       /* none: everything is included */
const volatile __u32 exe_globs;          /* how many of globs are on executables; they come first */
const volatile __u32 cgroup_globs;       /* and how many on cgroups, behind them */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* 65536 when a target names a port */
	__type(key, __u32);     /* TCP port */
	__type(value, __u64);   /* targets */
} ports SEC(".maps");

#define GLOB_MAX   128
#define GLOBS_MAX  64
#define GLOB_STEPS 1024

struct glob {
	char text[GLOB_MAX]; /* NUL-terminated */
	__u64 targets;
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, GLOBS_MAX);
	__type(key, __u32);
	__type(value, struct glob);
} globs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);   /* cgroup v2 id */
	__type(value, __u64); /* targets */
} cgroups SEC(".maps");

struct proc {
	__u64 inherited; /* targets that name the process or an ancestor by its PID */
	__u64 targets;   /* that match its executable */
	__u32 known;     /* targets is set */
	__u32 announced; /* its WIRE_PROCESS is in the ring */
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32); /* tgid */
	__type(value, struct proc);
} procs SEC(".maps");

/* Room to build a path, from its end; private to a thread, whatever preempts it. */
struct path_buffer {
	char text[2 * WIRE_PATH]; /* the path is text[at..WIRE_PATH); the rest is slack for the verifier */
	__u32 at;                 /* WIRE_PATH: none */
	struct glob_cursor {
		__u32 p, t;           /* where the pattern and the path are */
		__u32 star_p, star_t; /* behind the last star, and what it has taken */
		__u32 starred;        /* there was one */
	} cursor;
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u32); /* tid */
	__type(value, struct path_buffer);
} paths SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct path_buffer);
} empty_path SEC(".maps");

static __always_inline struct path_buffer *path_begin(__u32 tid)
{
	__u32 zero = 0;
	struct path_buffer *empty = bpf_map_lookup_elem(&empty_path, &zero);

	if (!empty)
		return NULL;
	bpf_map_update_elem(&paths, &tid, empty, BPF_ANY);
	struct path_buffer *b = bpf_map_lookup_elem(&paths, &tid);
	if (b)
		b->at = WIRE_PATH;
	return b;
}

static __always_inline void path_end(__u32 tid) { bpf_map_delete_elem(&paths, &tid); }

/* Puts "/" and a name before what the buffer holds. */
static __always_inline bool path_prepend(struct path_buffer *b, const void *name, __u32 len)
{
	if (len == 0 || len >= WIRE_PATH || b->at > WIRE_PATH || len + 1 > b->at)
		return false;
	b->at -= len + 1;
	__u32 at = b->at & (WIRE_PATH - 1);
	b->text[at] = '/';
	return bpf_probe_read_kernel(&b->text[at + 1], len & (WIRE_PATH - 1), name) == 0;
}

/*
 * The path of a task's executable in its mount namespace, into the buffer of
 * thread tid; false when it does not fit. Global, as glob_matches is. The task is
 * a number because older verifiers take no typed pointers here.
 */
__noinline bool path_of_exe(__u64 of, __u32 tid)
{
	struct path_buffer *b = bpf_map_lookup_elem(&paths, &tid);
	struct task_struct *task = (struct task_struct *)of;
	struct file *exe = BPF_CORE_READ(task, mm, exe_file);
	struct dentry *d = BPF_CORE_READ(exe, f_path.dentry);
	struct vfsmount *v = BPF_CORE_READ(exe, f_path.mnt);

	if (!b || !d || !v)
		return false;
	for (int i = 0; i < 32; i++) {
		struct mount *m = (void *)v - bpf_core_field_offset(struct mount, mnt);

		if (d == BPF_CORE_READ(v, mnt_root)) { /* up, out of this mount */
			struct mount *parent = BPF_CORE_READ(m, mnt_parent);
			if (parent == m)
				return true;
			d = BPF_CORE_READ(m, mnt_mountpoint);
			v = (void *)parent + bpf_core_field_offset(struct mount, mnt);
			continue;
		}
		struct dentry *up = BPF_CORE_READ(d, d_parent);
		if (up == d)
			return true;
		if (!path_prepend(b, BPF_CORE_READ(d, d_name.name), BPF_CORE_READ(d, d_name.len)))
			return false;
		d = up;
	}
	return false;
}

static __always_inline struct kernfs_node *parent_of(struct kernfs_node *kn)
{
	if (bpf_core_field_exists(struct kernfs_node, __parent))
		return BPF_CORE_READ(kn, __parent);
	return BPF_CORE_READ((struct kernfs_node___old *)kn, parent);
}

/* The path of a task's cgroup in the v2 hierarchy, likewise. */
__noinline bool path_of_cgroup(__u64 of, __u32 tid)
{
	struct path_buffer *b = bpf_map_lookup_elem(&paths, &tid);
	struct task_struct *task = (struct task_struct *)of;
	struct kernfs_node *kn = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn);

	if (!b)
		return false;
	for (int i = 0; i < 32 && kn; i++) {
		struct kernfs_node *up = parent_of(kn);
		char *name = &b->text[WIRE_PATH]; /* the slack holds it while its length is found */
		if (!up)
			return true;
		int len = bpf_probe_read_kernel_str(name, WIRE_PATH, BPF_CORE_READ(kn, name));
		if (len <= 1 || !path_prepend(b, name, len - 1))
			return false;
		kn = up;
	}
	return !kn;
}

/* A glob and the path it is held against. */
struct match {
	struct glob *pattern;
	struct path_buffer *path;
	int matches; /* negative: not known yet */
};

/* One step of the match; tells whether it is over. */
static long match_step(__u32 i, struct match *on)
{
	struct path_buffer *b = on->path;
	volatile struct glob_cursor *m = &b->cursor;
	__u32 p = m->p, t = m->t;
	char c = on->pattern->text[p & (GLOB_MAX - 1)], x = b->text[t & (WIRE_PATH - 1)];

	if (c == '*') {
		m->starred = 1;
		m->star_p = m->p = p + 1;
		m->star_t = t;
	} else if (t < WIRE_PATH && c && (c == '?' || c == x)) {
		m->p = p + 1;
		m->t = t + 1;
	} else if (t >= WIRE_PATH && !c) {
		on->matches = 1;
		return 1;
	} else {
		if (!m->starred || m->star_t >= WIRE_PATH) {
			on->matches = 0;
			return 1;
		}
		m->t = m->star_t + 1;
		m->star_t = m->t;
		m->p = m->star_p;
	}
	return 0;
}

/*
 * Whether globs[g] matches the path in the buffer of thread tid: * is any run
 * of bytes, also of '/', ? is one byte. A global function: verified once, not
 * once per glob and caller. Its variables live in the map, where the verifier
 * does not follow them: in registers it would walk every way through the loop.
 */
__noinline int glob_matches(__u32 g, __u32 tid)
{
	struct match on = { .pattern = bpf_map_lookup_elem(&globs, &g),
			    .path = bpf_map_lookup_elem(&paths, &tid),
			    .matches = -1 };

	if (!on.path || !on.pattern)
		return 0;
	on.path->cursor.p = 0;
	on.path->cursor.t = on.path->at;
	on.path->cursor.starred = 0;
	repeat(GLOB_STEPS, match_step, &on);
	if (on.matches < 0)
		lose(WIRE_LOSS_GLOB_TOO_COMPLEX, WIRE_PART_PROCESS);
	return on.matches > 0;
}

/* The targets whose globs first .. first+n match the path in tid's buffer. */
static __always_inline __u64 targets_of_path(__u32 tid, __u32 first, __u32 n)
{
	__u64 targets = 0;

	for (__u32 i = 0; i < GLOBS_MAX; i++) {
		__u32 g = first + i;
		if (i >= n)
			break;
		struct glob *pattern = bpf_map_lookup_elem(&globs, &g);
		if (pattern && (pattern->targets & ~targets) && glob_matches(g, tid))
			targets |= pattern->targets;
	}
	return targets;
}

static __always_inline struct proc *proc_of(__u32 tgid)
{
	struct proc *p = bpf_map_lookup_elem(&procs, &tgid);

	if (p)
		return p;
	struct proc empty = {};
	bpf_map_update_elem(&procs, &tgid, &empty, BPF_NOEXIST);
	p = bpf_map_lookup_elem(&procs, &tgid); /* another thread may have been first */
	if (!p)
		lose(WIRE_LOSS_PROCESS_TABLE_FULL, WIRE_PART_PROCESS);
	return p;
}

static __always_inline __u64 targets_of_exe(struct proc *p, __u64 task, __u32 tid)
{
	if (!exe_globs)
		return any_exe;
	if (!p->known) {
		struct path_buffer *b = path_begin(tid);
		if (b && path_of_exe(task, tid))
			p->targets = targets_of_path(tid, 0, exe_globs);
		path_end(tid);
		p->known = 1;
	}
	return p->targets | any_exe;
}

static __always_inline __u64 targets_of_port(__u8 role, struct sock *sk)
{
	__u32 local = BPF_CORE_READ(sk, __sk_common.skc_num);
	__u32 remote = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	__u64 *l = bpf_map_lookup_elem(&ports, &local), *r = bpf_map_lookup_elem(&ports, &remote);
	__u64 targets = any_port;

	if (l && role != WIRE_ROLE_ACTIVE)
		targets |= *l;
	if (r && role != WIRE_ROLE_PASSIVE)
		targets |= *r;
	return targets;
}

static __always_inline __u64 targets_of_cgroup(__u64 task)
{
	__u64 id;

	if (any_cgroup == ~0ULL)
		return any_cgroup;
	if (task == bpf_get_current_task())
		id = bpf_get_current_cgroup_id();
	else
		id = BPF_CORE_READ((struct task_struct *)task, cgroups, dfl_cgrp, kn, id);
	__u64 *targets = bpf_map_lookup_elem(&cgroups, &id);
	return any_cgroup | (targets ? *targets : 0);
}

/*
 * Whether a connection of a process is observed: its task by role on socket
 * w->sk. w->tid is the thread that asks.
 */
static __always_inline bool selected(__u8 role, const struct who *w, __u64 task, struct proc *p)
{
	__u64 targets =
	    targets_of_port(role, (struct sock *)w->sk) & (p->inherited | any_pid) & targets_of_cgroup(task);

	if (have_includes && !(targets & 0xffffffff))
		return false;
	targets &= targets_of_exe(p, task, w->tid);
	if (have_includes && !(targets & 0xffffffff))
		return false;
	return !(targets >> 32);
}

/*
 * Whether a connection of a process may be observed: false when its executable and
 * its ancestors are known, and no target that is included has both.
 */
static __always_inline bool may_be_observed(__u32 tgid)
{
	if (!have_includes)
		return true;
	struct proc *p = bpf_map_lookup_elem(&procs, &tgid);
	return !p || !p->known || (p->targets | any_exe) & (p->inherited | any_pid) & 0xffffffff;
}

/* Decides whether a connection is observed, in the process that uses it. */
__noinline int classify(struct conn *c, const struct who *w)
{
	struct proc *p;

	if (!c || !w)
		return 0;
	c->tgid = w->tgid;
	c->state = CONN_IGNORED;
	if (w->tgid == self_tgid)
		return 0;
	p = proc_of(w->tgid);
	if (p && selected(c->role, w, bpf_get_current_task(), p))
		c->state = CONN_ON;
	if (c->state != CONN_ON)
		c->watch_rx = c->checked = 0;
	return 0;
}
