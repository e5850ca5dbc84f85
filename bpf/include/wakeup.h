/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When the reader of the ring is woken: by the first record after it went idle.
 *
 * A wake-up costs the observed program microseconds, so while records flow the
 * reader polls, and none of them wakes it. An idle reader sleeps without polling.
 */
#pragma once
#include "emit.h"
#include "shared.h"

static __always_inline __u64 wakeup(void)
{
	if (!reader_idle)
		return BPF_RB_NO_WAKEUP;
	reader_idle = 0;
	return BPF_RB_FORCE_WAKEUP;
}
