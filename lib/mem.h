// SPDX-License-Identifier: MIT
// The memory functions the compiler itself may call. Kernel: arch/x86_64/mem.c, loader: boot/uefi/mem.c, host: libc.
#pragma once
#include <stddef.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t bytes);
void *memmove(void *dst, const void *src, size_t bytes);
void *memset(void *dst, int byte, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *s);
