// SPDX-License-Identifier: MIT
#pragma once
#include <mm/phys/page.h>

// Gives the frames [first, end) to the allocator. None of them is in use.
void phys_add_frames(u64 first, u64 end);
void phys_set_limits(u64 total_pages);
