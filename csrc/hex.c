/* hex.c - see hex.h. */
#include "hex.h"
#include "compiler.h"
#include "request.h"
#include "words.h"

/* Return 0x80 in each byte of `word` that is at least `low` and below `high`; all bytes are below 0x80. */
static uint64_t bytes_between(uint64_t word, uint8_t low, uint8_t high)
{
    const uint64_t at_least_low = word + WVT_EACH_BYTE((uint64_t)0x80 - low);
    const uint64_t at_least_high = word + WVT_EACH_BYTE((uint64_t)0x80 - high);
    return at_least_low & ~at_least_high & WVT_EACH_BYTE(0x80);
}

int wvt_decode_hex(const uint8_t *digits, size_t len, uint8_t *out)
{
    uint64_t valid = WVT_EACH_BYTE(0x80);
    for (size_t i = 0; i < len; i += 8) {
        const size_t n = len - i < 8 ? len - i : 8;
        uint8_t eight[8] = {'0', '0', '0', '0', '0', '0', '0', '0'};
        wvt_copy(eight, digits + i, n);
        const uint64_t word = wvt_load_le64(eight), low7 = word & WVT_EACH_BYTE(0x7f);
        const uint64_t decimal = bytes_between(low7, '0', '9' + 1);
        const uint64_t letter = bytes_between(low7 | WVT_EACH_BYTE(0x20), 'a', 'f' + 1);
        valid &= (decimal | letter) & ~word;
        const uint64_t nibbles = (word & WVT_EACH_BYTE(0x0f)) + (letter >> 7) * 9;
        const uint64_t pairs = nibbles << 4 | nibbles >> 8;
        for (size_t byte = 0; byte < n / 2; byte++) {
            out[i / 2 + byte] = (uint8_t)(pairs >> (16 * byte));
        }
    }
    int all = valid == WVT_EACH_BYTE(0x80);
    WVT_DECLASSIFY(&all, sizeof all);
    return all;
}
