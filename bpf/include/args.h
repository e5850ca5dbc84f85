/* SPDX-License-Identifier: GPL-2.0-only */
/* The arguments of traced functions whose number differs between kernels. */
#pragma once
#include "kernel.h"
#include "source.h"

/* Set by the loader: arguments of a protocol's recvmsg: 6 before 5.19, 5 before 6.18. */
const volatile __u32 recvmsg_args = 4;

/* What fexit sees of a recvmsg: the flags it was called with, and what it returned. */
static __always_inline int recvmsg_flags(unsigned long long *ctx)
{
	return recvmsg_args == 6 ? ARG_OF(ctx, 4) : ARG_OF(ctx, 3);
}

static __always_inline int recvmsg_result(unsigned long long *ctx)
{
	if (recvmsg_args == 6)
		return ARG_OF(ctx, 6);
	if (recvmsg_args == 5)
		return ARG_OF(ctx, 5);
	return ARG_OF(ctx, 4);
}
