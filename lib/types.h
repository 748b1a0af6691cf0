// SPDX-License-Identifier: MIT
// Integer names, addresses as types, and the few macros C has nothing else for.
// Environments: all (kernel, loader, host, user).
#pragma once
#include <abi/errors.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;
typedef __uint128_t u128;

struct pa { // physical address
    u64 v;
};
struct uptr { // address in a user space: only the copy routines of mm/vm/copy.h may use it
    u64 va;
};

#define UPTR_NULL  ((struct uptr){0})
#define PAGE_SHIFT 12
#define PAGE_SIZE  ((u64)4096)
#define PAGE_MASK  (PAGE_SIZE - 1)

#define countof(array)                  (sizeof(array) / sizeof((array)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define unused_arg(x)                   ((void)(x))
#define MIN(a, b)                       ((a) < (b) ? (a) : (b))
#define MAX(a, b)                       ((a) > (b) ? (a) : (b))
#define ALIGN_DOWN(x, a)                ((x) & ~((typeof(x))(a) - 1)) // a: a power of two
#define ALIGN_UP(x, a)                  ALIGN_DOWN((x) + ((typeof(x))(a) - 1), a)
#define likely(x)                       __builtin_expect(!!(x), 1)
#define unlikely(x)                     __builtin_expect(!!(x), 0)
#define CAT_(a, b)                      a##b
#define CAT(a, b)                       CAT_(a, b)

constexpr u64 NS_PER_SEC = 1000000000;
constexpr u64 NS_PER_MS = 1000000;
constexpr u64 NS_PER_US = 1000;

#define KIB(n) ((u64)(n) << 10)
#define MIB(n) ((u64)(n) << 20)
#define GIB(n) ((u64)(n) << 30)

static inline u64 bytes_to_pages(u64 bytes) { return (bytes + PAGE_MASK) >> PAGE_SHIFT; }
