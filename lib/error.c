// SPDX-License-Identifier: MIT
#include <lib/error.h>

const char *err_text(err_t err) {
    switch (err) {
    case ERR_OK:
        return "success";
#define ERR(name, value, text)                                                                     \
    case ERR_##name:                                                                               \
        return text;
#define ERR_OWN(name, value, parent, text)                                                         \
    case ERR_##name:                                                                               \
        return text;
#include <abi/errors.def>
#undef ERR
#undef ERR_OWN
    }
    return "unknown error";
}

err_t err_linux(err_t err) {
    switch (err) {
#define ERR(name, value, text)
#define ERR_OWN(name, value, parent, text)                                                         \
    case ERR_##name:                                                                               \
        return ERR_##parent;
#include <abi/errors.def>
#undef ERR
#undef ERR_OWN
    default:
        return err;
    }
}

const char *err_name(err_t err) {
    switch (err) {
    case ERR_OK:
        return "OK";
#define ERR(name, value, text)                                                                     \
    case ERR_##name:                                                                               \
        return "E" #name;
#define ERR_OWN(name, value, parent, text)                                                         \
    case ERR_##name:                                                                               \
        return #name;
#include <abi/errors.def>
#undef ERR
#undef ERR_OWN
    }
    return "?";
}
