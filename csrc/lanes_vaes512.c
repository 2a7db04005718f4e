/* lanes_vaes512.c - x86-64, four items per instruction. */
#include "lanes.h"

#if defined(WVT_X86_64)

#include <immintrin.h>

#define KERNELS wvt_kernels_vaes512
#define NARROWER (&wvt_kernels_vaes256)
#define TARGET WVT_TARGET("vaes,vpclmulqdq,avx2,avx512f,avx512bw,avx512vl")
#define FN WVT_INLINE TARGET
#define CLEAR_REGISTERS WVT_CLEAR_AVX512
#define W 4u /* lanes of a vector */
typedef __m512i V;

FN V v_pair(uint64_t low, uint64_t high) { return _mm512_broadcast_i32x4(_mm_set_epi64x((int64_t)high, (int64_t)low)); }
FN V v_all16(const uint8_t *p) { return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)p)); }
FN V v_load(const uint8_t *p) { return _mm512_loadu_si512(p); }
FN void v_store(uint8_t *p, V x) { _mm512_storeu_si512(p, x); }
FN V v_gather(const uint8_t *const *p, size_t at)
{
    const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(p[0] + at))),
                                                _mm_loadu_si128((const __m128i *)(p[1] + at)), 1);
    const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(p[2] + at))),
                                                 _mm_loadu_si128((const __m128i *)(p[3] + at)), 1);
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}
FN void v_scatter(uint8_t *const *p, size_t at, V x)
{
    _mm_storeu_si128((__m128i *)(p[0] + at), _mm512_castsi512_si128(x));
    _mm_storeu_si128((__m128i *)(p[1] + at), _mm512_extracti32x4_epi32(x, 1));
    _mm_storeu_si128((__m128i *)(p[2] + at), _mm512_extracti32x4_epi32(x, 2));
    _mm_storeu_si128((__m128i *)(p[3] + at), _mm512_extracti32x4_epi32(x, 3));
}
#define V_HAS_PARTS
FN V v_load_part(const uint8_t *p, size_t n, uint8_t fill)
{
    return _mm512_mask_loadu_epi8(_mm512_set1_epi8((char)fill), UINT64_MAX >> (64 - n), p);
}
/* A load waits for an earlier masked store to the same 64 bytes, even if the store writes other bytes. So the store covers
 * only 32 bytes where that is enough. */
FN void v_store_part(uint8_t *p, size_t n, V x)
{
    if (n > 32) {
        _mm512_mask_storeu_epi8(p, UINT64_MAX >> (64 - n), x);
    } else {
        _mm256_mask_storeu_epi8(p, UINT32_MAX >> (32 - n), _mm512_castsi512_si256(x));
    }
}
FN V v_xor(V a, V b) { return _mm512_xor_si512(a, b); }
FN V v_and(V a, V b) { return _mm512_and_si512(a, b); }
FN V v_add8(V a, V b) { return _mm512_add_epi8(a, b); }
FN V v_sub8_saturating(V a, V b) { return _mm512_subs_epu8(a, b); }
FN V v_min8(V a, V b) { return _mm512_min_epu8(a, b); }
FN V v_equal32(V a, V b) { return _mm512_maskz_set1_epi32(_mm512_cmpeq_epi32_mask(a, b), -1); }
FN V v_add32(V a, V b) { return _mm512_add_epi32(a, b); }
/* The count is in a register, because without optimization n is not a constant. */
FN V v_left32(V a, int n) { return _mm512_sll_epi32(a, _mm_cvtsi32_si128(n)); }
FN V v_right32(V a, int n) { return _mm512_srl_epi32(a, _mm_cvtsi32_si128(n)); }
FN V v_shuffle(V a, V places) { return _mm512_shuffle_epi8(a, places); }
FN V v_swap(V a) { return _mm512_shuffle_epi32(a, _MM_PERM_BADC); }
FN V v_low_high(V a, V b) { return _mm512_mask_blend_epi64(0xaa, a, b); }
FN V v_spread12(V a)
{
    return _mm512_permutexvar_epi32(_mm512_set_epi32(12, 11, 10, 9, 9, 8, 7, 6, 6, 5, 4, 3, 3, 2, 1, 0), a);
}
FN V v_pack12(V a)
{
    return _mm512_permutexvar_epi32(_mm512_set_epi32(15, 15, 15, 15, 14, 13, 12, 10, 9, 8, 6, 5, 4, 2, 1, 0), a);
}
FN V v_enc(V a, V k) { return _mm512_aesenc_epi128(a, k); }
FN V v_enclast(V a, V k) { return _mm512_aesenclast_epi128(a, k); }
FN V v_dec(V a, V k) { return _mm512_aesdec_epi128(a, k); }
FN V v_declast(V a, V k) { return _mm512_aesdeclast_epi128(a, k); }
FN V v_mul(V a, V b) { return _mm512_clmulepi64_epi128(a, b, 0x00); }

#include "kernels.inc.h"

#endif
