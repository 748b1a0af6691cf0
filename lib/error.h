// SPDX-License-Identifier: MIT
// What the codes of abi/errors.def say, and which Linux code stands for one of ours.
#pragma once
#include <lib/types.h>

const char *err_text(err_t err); // "unknown error" for a value that is not in the table
err_t err_linux(err_t err);      // the parent of an own code; any other value unchanged
const char *err_name(err_t err); // "ENOENT"; the name without E for own codes; "?" when unknown
