/* kernels.inc.h - every algorithm for one SIMD variant, and the table of its kernels. Each lanes_*.c includes this file
 * and defines:
 *
 * KERNELS, the name of the table; TARGET, the instruction sets; FN, TARGET on an inline function; V, a vector of W lanes
 * of 16 bytes; NARROWER, the next narrower variant (see lanes.h); CLEAR_REGISTERS, which writes zeros to all vector
 * registers. Every kernel ends with CLEAR_REGISTERS.
 *
 *   v_pair(low, high)               both halves of a lane, the same in all      v_all16(p)   16 bytes, the same in all
 *   v_load, v_store                 W * 16 bytes
 *   v_load_part, v_store_part       the first n of them; defined below unless V_HAS_PARTS is defined
 *   v_gather, v_scatter             16 bytes at each of W pointers plus `at`
 *   v_xor, v_and                    bitwise
 *   v_add8, v_sub8_saturating, v_min8   unsigned bytes
 *   v_equal32 (ones or zeros) v_add32 v_left32 v_right32  32-bit words, little-endian
 *   v_shuffle(a, places)            byte i of a lane is byte places[i] of a, 0 for a place over 127
 *   v_swap, v_low_high(a, b)        swaps the 64-bit halves of a lane; joins the low half of a and the high half of b
 *   v_spread12(a)                   the first 12 * W bytes, 12 to each lane; v_pack12 is the inverse
 *   v_enc v_enclast v_dec v_declast one round of FIPS 197, the round key added last (as AES-NI does)
 *   v_mul                           carry-less product of the low halves
 *
 * Lanes behind the last item repeat the last item. They store the same bytes to the same place, after all lanes have
 * loaded.
 */
WVT_STATIC_ASSERT(slack_is_enough, 16 * W <= WVT_OPEN_SLACK);

/* A loop over vectors, unrolled. */
#define EACH(i, n)                                                                                                     \
    WVT_UNROLL                                                                                                         \
    for (size_t i = 0; (i) < (n); (i)++)

/* A 32-bit word, repeated. */
#define EACH_WORD(w) v_pair((w) * UINT64_C(0x100000001), (w) * UINT64_C(0x100000001))

FN V v_zero(void) { return v_pair(0, 0); }

FN V v_low_low(V a, V b) { return v_low_high(a, v_swap(b)); }

/* Moves the bytes of a lane 4 places up, and fills with zeros. */
FN V v_up4(V a) { return v_shuffle(a, v_pair(0x0302010080808080, 0x0b0a090807060504)); }

FN V v_select(V mask, V yes, V no) { return v_xor(no, v_and(mask, v_xor(yes, no))); }

/* Ones in the lanes where a and b are equal, zeros in the others. */
FN V v_equal16(V a, V b)
{
    V same = v_equal32(a, b);
    same = v_and(same, v_swap(same));
    return v_and(same, v_shuffle(same, v_pair(0x0302010007060504, 0x0b0a09080f0e0d0c)));
}

/* ANDs n bytes with a mask of 0 or 255. This zeroes a refused item without a branch. */
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

#if !defined(V_HAS_PARTS) /* 1 to 16 * W bytes, and no others; a load fills the rest with `fill` */
FN V v_load_part(const uint8_t *p, size_t n, uint8_t fill)
{
    uint8_t part[16 * W];
    memset(part, fill, sizeof part);
    wvt_copy(part, p, n);
    return v_load(part);
}

FN void v_store_part(uint8_t *p, size_t n, V x)
{
    uint8_t part[16 * W];
    v_store(part, x);
    wvt_copy(p, part, n);
}
#endif

#include "aes.inc.h"
#include "base64url.inc.h"
#include "siv.inc.h"
#include "wrap.inc.h"

WVT_STATIC_ASSERT(workspace_is_enough,
                  sizeof(struct siv) <= WVT_WORK_BYTES && sizeof(struct wrapping) <= WVT_WORK_BYTES);

const struct wvt_kernels KERNELS = {
    wrap, unwrap, seal, open, encode, decode, sizeof(struct wrapping), sizeof(struct siv), SIV_SLOTS, NARROWER};
