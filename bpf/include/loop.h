/* SPDX-License-Identifier: GPL-2.0-only */
/* Loops of many steps. */
#pragma once
#include "kernel.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/* include/uapi/linux/bpf.h */
enum bpf_func_id { BPF_FUNC_loop = 181 };

/*
 * Calls step(i, on) for i from 0 to n-1, until it returns something else than 0.
 * With bpf_loop (Linux 5.17) the verifier looks at a step once; of the loop, which
 * is for older kernels, it walks every round, and loading takes several times as long.
 */
#define repeat(n, step, on)                                                                                            \
	({                                                                                                             \
		if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_loop))                                       \
			bpf_loop(n, step, on, 0);                                                                      \
		else                                                                                                   \
			for (__u32 _i = 0; _i < (n) && !step(_i, on); _i++)                                            \
				;                                                                                      \
	})
