/* lanes_aesni.c - x86-64, one item per instruction. */
#include "lanes.h"

#if defined(WVT_X86_64)

#include <immintrin.h>

#define KERNELS wvt_kernels_aesni
#define NARROWER NULL
#define TARGET WVT_TARGET("aes,pclmul,ssse3")
#define FN WVT_INLINE TARGET
#define CLEAR_REGISTERS WVT_CLEAR_SSE
#define W 1u /* lanes of a vector */
typedef __m128i V;

FN V v_pair(uint64_t low, uint64_t high) { return _mm_set_epi64x((int64_t)high, (int64_t)low); }
FN V v_all16(const uint8_t *p) { return _mm_loadu_si128((const __m128i *)p); }
FN V v_load(const uint8_t *p) { return _mm_loadu_si128((const __m128i *)p); }
FN void v_store(uint8_t *p, V x) { _mm_storeu_si128((__m128i *)p, x); }
FN V v_gather(const uint8_t *const *p, size_t at) { return v_load(p[0] + at); }
FN void v_scatter(uint8_t *const *p, size_t at, V x) { v_store(p[0] + at, x); }
FN V v_xor(V a, V b) { return _mm_xor_si128(a, b); }
FN V v_and(V a, V b) { return _mm_and_si128(a, b); }
FN V v_add8(V a, V b) { return _mm_add_epi8(a, b); }
FN V v_sub8_saturating(V a, V b) { return _mm_subs_epu8(a, b); }
FN V v_min8(V a, V b) { return _mm_min_epu8(a, b); }
FN V v_equal32(V a, V b) { return _mm_cmpeq_epi32(a, b); }
FN V v_add32(V a, V b) { return _mm_add_epi32(a, b); }
FN V v_left32(V a, int n) { return _mm_slli_epi32(a, n); }
FN V v_right32(V a, int n) { return _mm_srli_epi32(a, n); }
FN V v_shuffle(V a, V places) { return _mm_shuffle_epi8(a, places); }
FN V v_swap(V a) { return _mm_shuffle_epi32(a, 0x4e); }
FN V v_low_high(V a, V b) { return _mm_castpd_si128(_mm_move_sd(_mm_castsi128_pd(b), _mm_castsi128_pd(a))); }
FN V v_spread12(V a) { return a; }
FN V v_pack12(V a) { return a; }
FN V v_enc(V a, V k) { return _mm_aesenc_si128(a, k); }
FN V v_enclast(V a, V k) { return _mm_aesenclast_si128(a, k); }
FN V v_dec(V a, V k) { return _mm_aesdec_si128(a, k); }
FN V v_declast(V a, V k) { return _mm_aesdeclast_si128(a, k); }
FN V v_mul(V a, V b) { return _mm_clmulepi64_si128(a, b, 0x00); }

#include "kernels.inc.h"

#endif
