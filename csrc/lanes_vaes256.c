/* lanes_vaes256.c - x86-64, two items per instruction. */
#include "lanes.h"

#if defined(WVT_X86_64)

#include <immintrin.h>

#define KERNELS wvt_kernels_vaes256
#define NARROWER (&wvt_kernels_aesni)
#define TARGET WVT_TARGET("vaes,vpclmulqdq,avx2")
#define FN WVT_INLINE TARGET
#define CLEAR_REGISTERS WVT_CLEAR_AVX2
#define W 2u /* lanes of a vector */
typedef __m256i V;

FN V v_pair(uint64_t low, uint64_t high)
{
    return _mm256_broadcastsi128_si256(_mm_set_epi64x((int64_t)high, (int64_t)low));
}
FN V v_all16(const uint8_t *p) { return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)p)); }
FN V v_load(const uint8_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
FN void v_store(uint8_t *p, V x) { _mm256_storeu_si256((__m256i *)p, x); }
FN V v_gather(const uint8_t *const *p, size_t at)
{
    const __m128i low = _mm_loadu_si128((const __m128i *)(p[0] + at));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), _mm_loadu_si128((const __m128i *)(p[1] + at)), 1);
}
FN void v_scatter(uint8_t *const *p, size_t at, V x)
{
    _mm_storeu_si128((__m128i *)(p[0] + at), _mm256_castsi256_si128(x));
    _mm_storeu_si128((__m128i *)(p[1] + at), _mm256_extracti128_si256(x, 1));
}

/* AVX2 has masks for 32-bit words. The last bytes go through one more word. */
#define V_HAS_PARTS
#define PLACES _mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0)
FN V v_load_part(const uint8_t *p, size_t n, uint8_t fill)
{
    const V place = PLACES, whole = _mm256_set1_epi32((int)(n / 4)), is_whole = _mm256_cmpgt_epi32(whole, place);
    uint32_t last = fill * 0x01010101u;
    for (size_t i = n % 4; i; i--) {
        last = last << 8 | p[n / 4 * 4 + i - 1];
    }
    V rest = _mm256_blendv_epi8(_mm256_set1_epi8((char)fill), _mm256_set1_epi32((int)last),
                                _mm256_cmpeq_epi32(whole, place));
    return _mm256_blendv_epi8(rest, _mm256_maskload_epi32((const int *)(const void *)p, is_whole), is_whole);
}
FN void v_store_part(uint8_t *p, size_t n, V x)
{
    const V whole = _mm256_set1_epi32((int)(n / 4));
    uint32_t last = (uint32_t)_mm_cvtsi128_si32(_mm256_castsi256_si128(_mm256_permutevar8x32_epi32(x, whole)));
    _mm256_maskstore_epi32((int *)(void *)p, _mm256_cmpgt_epi32(whole, PLACES), x);
    for (size_t i = n / 4 * 4; i < n; i++, last >>= 8) {
        p[i] = (uint8_t)last;
    }
}
FN V v_xor(V a, V b) { return _mm256_xor_si256(a, b); }
FN V v_and(V a, V b) { return _mm256_and_si256(a, b); }
FN V v_add8(V a, V b) { return _mm256_add_epi8(a, b); }
FN V v_sub8_saturating(V a, V b) { return _mm256_subs_epu8(a, b); }
FN V v_min8(V a, V b) { return _mm256_min_epu8(a, b); }
FN V v_equal32(V a, V b) { return _mm256_cmpeq_epi32(a, b); }
FN V v_add32(V a, V b) { return _mm256_add_epi32(a, b); }
FN V v_left32(V a, int n) { return _mm256_slli_epi32(a, n); }
FN V v_right32(V a, int n) { return _mm256_srli_epi32(a, n); }
FN V v_shuffle(V a, V places) { return _mm256_shuffle_epi8(a, places); }
FN V v_swap(V a) { return _mm256_shuffle_epi32(a, 0x4e); }
FN V v_low_high(V a, V b) { return _mm256_blend_epi32(a, b, 0xcc); }
FN V v_spread12(V a) { return _mm256_permutevar8x32_epi32(a, _mm256_set_epi32(6, 5, 4, 3, 3, 2, 1, 0)); }
FN V v_pack12(V a) { return _mm256_permutevar8x32_epi32(a, _mm256_set_epi32(7, 7, 6, 5, 4, 2, 1, 0)); }
FN V v_enc(V a, V k) { return _mm256_aesenc_epi128(a, k); }
FN V v_enclast(V a, V k) { return _mm256_aesenclast_epi128(a, k); }
FN V v_dec(V a, V k) { return _mm256_aesdec_epi128(a, k); }
FN V v_declast(V a, V k) { return _mm256_aesdeclast_epi128(a, k); }
FN V v_mul(V a, V b) { return _mm256_clmulepi64_epi128(a, b, 0x00); }

#include "kernels.inc.h"

#endif
