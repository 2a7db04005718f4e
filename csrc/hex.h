/* hex.h - hexadecimal digits to bytes, in constant time. */
#ifndef WVT_HEX_H
#define WVT_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Decode `len` digits, an even number, to len / 2 bytes; `out` may be `digits`. Return 1 if all are digits, else 0. */
int wvt_decode_hex(const uint8_t *digits, size_t len, uint8_t *out);

#endif
