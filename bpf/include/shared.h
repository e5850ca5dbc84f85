/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the programs of all objects and the receiver tell each other. These
 * variables have a section each, which every object defines alike and the loader
 * creates once: .bss is private to an object, and in a section of several the
 * compiler puts them in an order of its own.
 */
#pragma once
#include "kernel.h"
#include <bpf/bpf_helpers.h>

#define SHARED(name) SEC(".data." #name)

/*
 * Set by the loader when every hook is attached: a connection that only some of
 * them saw would look as if bytes of it had been lost.
 */
volatile bool enabled SHARED(enabled);

/* Set by the reader of the ring, cleared by who wakes it: wakeup.h. */
volatile __u32 reader_idle SHARED(reader_idle);

/* Verdicts the receiver has given: verdict.h. */
volatile __u32 verdict_count SHARED(verdict_count);

/* The receiver's own process in the initial PID namespace, told by the listeners program. */
__u32 self_tgid SHARED(self_tgid);

/* Datagrams that found no room in the ring: after one nobody knows which questions were answered. */
__u32 datagrams_lost SHARED(datagrams_lost);
