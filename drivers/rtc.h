// SPDX-License-Identifier: MIT
// The battery clock (MC146818 and its heirs), taken as UTC.
#pragma once
#include <lib/types.h>

// Nanoseconds since 1970-01-01, for time_set_wall. Errors: ERR_IO (no clock, or it shows no date).
// Takes up to 20 ms.
err_t rtc_read(u64 *wall_ns);
