// SPDX-License-Identifier: MIT
// Moments as people write them:
//   -10s -5m -2h -1d -3w -1h30m -90      before now (no unit: seconds)
//   2026-08-01  2026-08-01T14:30  2026-08-01T14:30:05.25  with or without Z (always UTC)
//   @1785594600  @1785594600.5           seconds since 1970
//   #4711                                a number of the timeline
// Environments: all.
#pragma once
#include <lib/types.h>

struct time_words {
    bool is_seq;   // value is a timeline number, otherwise ns since 1970 UTC
    bool relative; // depends on now
    u64 value;
};
// now_ns: since 1970 UTC. A moment before 1970 becomes 1970. ERR_INVAL: not a moment.
err_t time_words_parse(const char *text, size_t len, u64 now_ns, struct time_words *out);

constexpr size_t TIME_WORDS_BYTES_MAX = 32;
// "2026-08-01T14:30:05.250000000"; returns the length.
size_t time_words_format(u64 ns, char *buf, size_t capacity);
