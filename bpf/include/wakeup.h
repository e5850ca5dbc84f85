/* SPDX-License-Identifier: GPL-2.0-only */
/* When the reader of the ring is woken. */
#pragma once
#include "emit.h"

/*
 * The reader polls while records flow, and a wake-up costs the observed program
 * microseconds, so records do not wake it. Only an idle reader, which sleeps
 * longer than a burst takes to fill the ring, asks to be woken at a fill mark.
 */
volatile __u32 reader_idle;        /* set by the reader, cleared by who wakes it */
const volatile __u32 wake_bytes = 2 << 20; /* the mark; set by the loader */

static __always_inline __u64 wakeup(void)
{
	if (!reader_idle || bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) < wake_bytes)
		return BPF_RB_NO_WAKEUP;
	reader_idle = 0;
	return BPF_RB_FORCE_WAKEUP;
}
