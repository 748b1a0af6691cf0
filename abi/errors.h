// SPDX-License-Identifier: MIT
// The one error vocabulary: loader, kernel, host tools. Values are 0 or negative; see errors.def.
#pragma once

#define ERR(name, value, text)             ERR_##name = -(value),
#define ERR_OWN(name, value, parent, text) ERR_##name = -(value),
enum [[nodiscard]] err : int {
    ERR_OK = 0,
#include <abi/errors.def>
};
#undef ERR
#undef ERR_OWN
typedef enum err err_t;

// Hands an error to the caller. For functions whose result is err_t and that hold no guard-less lock.
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        err_t try_err_ = (expr);                                                                   \
        if (try_err_ != ERR_OK) {                                                                  \
            return try_err_;                                                                       \
        }                                                                                          \
    } while (0)
