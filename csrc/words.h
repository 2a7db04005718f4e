/* words.h - 8 bytes at a time in portable C. Byte 0 is the least significant byte of a word. */
#ifndef WVT_WORDS_H
#define WVT_WORDS_H

#include <stddef.h>
#include <stdint.h>

#define WVT_EACH_BYTE(b) ((b) * UINT64_C(0x0101010101010101))

static inline uint64_t wvt_load_le64(const uint8_t *p)
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 |
           (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

/* Return 0x80 in each byte that equals c. Bytes above the first match may be false matches. */
static inline uint64_t wvt_bytes_equal(uint64_t word, uint8_t c)
{
    const uint64_t zero_if_equal = word ^ WVT_EACH_BYTE(c);
    return (zero_if_equal - WVT_EACH_BYTE(1)) & ~zero_if_equal & WVT_EACH_BYTE(0x80);
}

/* Return the number of whole bytes below the highest bit of `ones`, which is 2^n - 1 with n of 7, 15, ..., 63. */
static inline size_t wvt_count_bytes(uint64_t ones)
{
    return (size_t)(((ones & WVT_EACH_BYTE(1)) * WVT_EACH_BYTE(1)) >> 56) - 1;
}

#endif
