/* immintrin.h - the intrinsics that csrc/ uses, as MSVC declares them (its immintrin.h and zmmintrin.h): vectors are
 * unions, so no operator and no cast works on them. To check the sources, not to build them. */
#ifndef MSVC_IMMINTRIN_H
#define MSVC_IMMINTRIN_H

typedef union __declspec(align(16)) {
    unsigned __int64 m128i_u64[2];
} __m128i;
typedef struct __declspec(align(16)) {
    double m128d_f64[2];
} __m128d;
typedef union __declspec(align(32)) {
    unsigned __int64 m256i_u64[4];
} __m256i;
typedef union __declspec(align(64)) {
    unsigned __int64 m512i_u64[8];
} __m512i;
typedef unsigned char __mmask8;
typedef unsigned short __mmask16;
typedef unsigned int __mmask32;
typedef unsigned __int64 __mmask64;

/* An enumeration's value; csrc/ uses this one. */
enum { _MM_PERM_BADC = 0x4e };

__m256i _mm256_add_epi32(__m256i, __m256i);
__m256i _mm256_add_epi8(__m256i, __m256i);
__m256i _mm256_aesdec_epi128(__m256i, __m256i);
__m256i _mm256_aesdeclast_epi128(__m256i, __m256i);
__m256i _mm256_aesenc_epi128(__m256i, __m256i);
__m256i _mm256_aesenclast_epi128(__m256i, __m256i);
__m256i _mm256_and_si256(__m256i, __m256i);
__m256i _mm256_blend_epi32(__m256i, __m256i, const int);
__m256i _mm256_blendv_epi8(__m256i, __m256i, __m256i);
__m256i _mm256_broadcastsi128_si256(__m128i);
__m256i _mm256_castsi128_si256(__m128i);
__m128i _mm256_castsi256_si128(__m256i);
__m256i _mm256_clmulepi64_epi128(__m256i, __m256i, const int);
__m256i _mm256_cmpeq_epi32(__m256i, __m256i);
__m256i _mm256_cmpgt_epi32(__m256i, __m256i);
__m128i _mm256_extracti128_si256(__m256i, int);
__m256i _mm256_inserti128_si256(__m256i, __m128i, int);
__m256i _mm256_loadu_si256(__m256i const *);
void _mm256_mask_storeu_epi8(void *, __mmask32, __m256i);
__m256i _mm256_maskload_epi32(int const *, __m256i);
void _mm256_maskstore_epi32(int *, __m256i, __m256i);
__m256i _mm256_min_epu8(__m256i, __m256i);
__m256i _mm256_permutevar8x32_epi32(__m256i, __m256i);
__m256i _mm256_set1_epi32(int);
__m256i _mm256_set1_epi8(char);
__m256i _mm256_set_epi32(int, int, int, int, int, int, int, int);
__m256i _mm256_shuffle_epi32(__m256i, const int);
__m256i _mm256_shuffle_epi8(__m256i, __m256i);
__m256i _mm256_slli_epi32(__m256i, int);
__m256i _mm256_srli_epi32(__m256i, int);
void _mm256_storeu_si256(__m256i *, __m256i);
__m256i _mm256_subs_epu8(__m256i, __m256i);
__m256i _mm256_xor_si256(__m256i, __m256i);
__m512i _mm512_add_epi32(__m512i, __m512i);
__m512i _mm512_add_epi8(__m512i, __m512i);
__m512i _mm512_aesdec_epi128(__m512i, __m512i);
__m512i _mm512_aesdeclast_epi128(__m512i, __m512i);
__m512i _mm512_aesenc_epi128(__m512i, __m512i);
__m512i _mm512_aesenclast_epi128(__m512i, __m512i);
__m512i _mm512_and_si512(__m512i, __m512i);
__m512i _mm512_broadcast_i32x4(__m128i);
__m512i _mm512_castsi256_si512(__m256i);
__m128i _mm512_castsi512_si128(__m512i);
__m256i _mm512_castsi512_si256(__m512i);
__m512i _mm512_clmulepi64_epi128(__m512i, __m512i, const int);
__mmask16 _mm512_cmpeq_epi32_mask(__m512i, __m512i);
__m128i _mm512_extracti32x4_epi32(__m512i, int);
__m512i _mm512_inserti64x4(__m512i, __m256i, int);
__m512i _mm512_loadu_si512(void const *);
__m512i _mm512_mask_blend_epi64(__mmask8, __m512i, __m512i);
__m512i _mm512_mask_loadu_epi8(__m512i, __mmask64, void const *);
void _mm512_mask_storeu_epi8(void *, __mmask64, __m512i);
__m512i _mm512_maskz_set1_epi32(__mmask16, int);
__m512i _mm512_min_epu8(__m512i, __m512i);
__m512i _mm512_permutexvar_epi32(__m512i, __m512i);
__m512i _mm512_set1_epi8(char);
__m512i _mm512_set_epi32(int, int, int, int, int, int, int, int, int, int, int, int, int, int, int, int);
__m512i _mm512_shuffle_epi32(__m512i, int);
__m512i _mm512_shuffle_epi8(__m512i, __m512i);
__m512i _mm512_sll_epi32(__m512i, __m128i);
__m512i _mm512_srl_epi32(__m512i, __m128i);
void _mm512_storeu_si512(void *, __m512i);
__m512i _mm512_subs_epu8(__m512i, __m512i);
__m512i _mm512_xor_si512(__m512i, __m512i);
__m128i _mm_add_epi32(__m128i, __m128i);
__m128i _mm_add_epi8(__m128i, __m128i);
__m128i _mm_aesdec_si128(__m128i, __m128i);
__m128i _mm_aesdeclast_si128(__m128i, __m128i);
__m128i _mm_aesenc_si128(__m128i, __m128i);
__m128i _mm_aesenclast_si128(__m128i, __m128i);
__m128i _mm_and_si128(__m128i, __m128i);
__m128i _mm_castpd_si128(__m128d);
__m128d _mm_castsi128_pd(__m128i);
__m128i _mm_clmulepi64_si128(__m128i, __m128i, const int);
__m128i _mm_cmpeq_epi32(__m128i, __m128i);
int _mm_cvtsi128_si32(__m128i);
__m128i _mm_cvtsi32_si128(int);
__m128i _mm_loadu_si128(__m128i const *);
__m128i _mm_min_epu8(__m128i, __m128i);
__m128d _mm_move_sd(__m128d, __m128d);
__m128i _mm_set_epi64x(__int64, __int64);
__m128i _mm_shuffle_epi32(__m128i, int);
__m128i _mm_shuffle_epi8(__m128i, __m128i);
__m128i _mm_slli_epi32(__m128i, int);
__m128i _mm_srli_epi32(__m128i, int);
void _mm_storeu_si128(__m128i *, __m128i);
__m128i _mm_subs_epu8(__m128i, __m128i);
__m128i _mm_xor_si128(__m128i, __m128i);

#endif
