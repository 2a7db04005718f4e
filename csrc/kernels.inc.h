/* kernels.inc.h - every algorithm over one kind of lanes, and the table of them. Each lanes_*.c includes it, and says:
 *
 * KERNELS, the table's name; TARGET, the instruction sets; FN, TARGET on an inline function; V, a vector of W lanes of
 * 16 bytes.
 *
 *   v_pair(low, high)               both halves of a lane, the same in all      v_all16(p)   16 bytes, the same in all
 *   v_load, v_store                 W * 16 bytes
 *   v_load_part, v_store_part       the first n of them, where V_HAS_PARTS says that there are such; else see below
 *   v_gather, v_scatter             16 bytes at each of W pointers
 *   v_xor v_and v_or                v_add8 v_sub8_saturating v_min8 v_equal8 (ones or zeros)
 *   v_equal32 v_add32 v_left32 v_right32                  32-bit words, little-endian
 *   v_shuffle(a, places)            byte i of a lane is a's byte places[i], 0 for a place over 127
 *   v_up4, v_up8                    bytes of a lane to higher places, zeros coming in
 *   v_swap, v_low_low(a, b), ...    64-bit halves of a lane; first the low half of the result
 *   v_spread12(a)                   12 bytes each of the first 12 * W to each lane; v_pack12 is the way back
 *   v_enc v_enclast v_dec v_declast one round of FIPS 197, the round key added last (as AES-NI does)
 *   v_mul_low_high(a, b), ...       carry-less product of a's low and b's high half
 *
 * An item that is missing in the last lanes is stood in for by the last item: its lanes compute the same bytes once
 * more and store them in the same place, after all lanes have loaded theirs.
 */
typedef char decode_slack_is_enough[16 * W <= WVT_DECODE_SLACK ? 1 : -1];

#define EACH(n)                                                                                                        \
    WVT_UNROLL                                                                                                         \
    for (size_t g = 0; g < (n); g++)

/* A word in all places. */
#define EACH_WORD(w) v_pair((w) * UINT64_C(0x100000001), (w) * UINT64_C(0x100000001))

FN V v_zero(void) { return v_pair(0, 0); }

FN V v_select(V mask, V yes, V no) { return v_xor(no, v_and(mask, v_xor(yes, no))); }

/* All ones in the lanes where a and b are equal, zeros in the others. */
FN V v_equal16(V a, V b)
{
    V same = v_equal32(a, b);
    same = v_and(same, v_swap(same));
    return v_and(same, v_shuffle(same, v_pair(0x0302010007060504, 0x0b0a09080f0e0d0c)));
}

/* A mask of 0 or 255 over n bytes: how a refused item is zeroed without a branch. */
FN void and_bytes(uint8_t *p, size_t n, uint8_t mask)
{
    const uint64_t wide = mask * UINT64_C(0x0101010101010101);
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        word &= wide;
        memcpy(p, &word, 8);
    }
    for (; n; p++, n--) {
        *p &= mask;
    }
}

/* memcpy for the few bytes that one for every length is slow for. */
FN void copy(uint8_t *to, const uint8_t *from, size_t n)
{
#define COPY(step) memcpy(to, from, step), to += (step), from += (step)
    for (; n >= 16; n -= 16) {
        COPY(16);
    }
    if (n & 8) {
        COPY(8);
    }
    if (n & 4) {
        COPY(4);
    }
    if (n & 2) {
        COPY(2);
    }
    if (n & 1) {
        COPY(1);
    }
}

#if !defined(V_HAS_PARTS) /* 1 to 16 * W bytes, touching no other; the rest of what is loaded is `fill` */
FN V v_load_part(const uint8_t *p, size_t n, uint8_t fill)
{
    uint8_t part[16 * W];
    memset(part, fill, sizeof part);
    copy(part, p, n);
    return v_load(part);
}

FN void v_store_part(uint8_t *p, size_t n, V x)
{
    uint8_t part[16 * W];
    v_store(part, x);
    copy(p, part, n);
}
#endif

#include "aes.inc.h"
#include "base64url.inc.h"
#include "siv.inc.h"
#include "wrap.inc.h"

const struct wvt_kernels KERNELS = {wrap, unwrap, seal, open, encode, decode};
