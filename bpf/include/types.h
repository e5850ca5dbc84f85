/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's names of the integers (include/uapi/asm-generic/int-ll64.h). */
#pragma once

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
