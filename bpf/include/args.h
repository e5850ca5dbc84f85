/* SPDX-License-Identifier: GPL-2.0-only */
/* Arguments whose place depends on the kernel. */
#pragma once

/*
 * A context is read at constant offsets only. In C, clang would make one read at
 * an offset it chooses.
 */
#define ARG_OF(ctx, i)                                                                                                 \
	({                                                                                                             \
		__u64 _arg;                                                                                            \
		asm volatile("%0 = *(u64 *)(%1 + 8 * " #i ")" : "=r"(_arg) : "r"(ctx));                                \
		(int)_arg;                                                                                             \
	})
