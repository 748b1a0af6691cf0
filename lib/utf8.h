// SPDX-License-Identifier: MIT
// UTF-8: decoding byte by byte, encoding, and how many terminal columns a character takes. Source:
// RFC 3629, UAX #11.
#pragma once
#include <lib/types.h>

constexpr u32 UTF8_REPLACEMENT = 0xfffd;

struct utf8 { // zero is the start state
    u32 code;
    u8 left;      // continuation bytes to come
    u8 low, high; // what the next one may be
};
enum utf8_step : u8 {
    UTF8_MORE,  // the character is not whole yet
    UTF8_DONE,  // *out is a character
    UTF8_BAD,   // *out is the replacement character, the byte was used
    UTF8_AGAIN, // *out is the replacement character for what came before; give the same byte again
};
enum utf8_step utf8_decode(struct utf8 *u, u8 byte, u32 *out);
size_t utf8_encode(u32 code, char out[4]); // bytes; what is not a character becomes the replacement
u32 utf8_width(u32 code);                  // 0 (combining), 1 or 2 columns; control characters: 0
