/* lanes_armv8.c - AArch64, one item per instruction. */
#if defined(__clang__) && (defined(__aarch64__) || defined(_M_ARM64)) && !defined(__ARM_FEATURE_AES)
/* Before version 16, arm_neon.h declares these intrinsics only if a build flag enables them for all functions. */
#define __ARM_FEATURE_AES 1
#define __ARM_FEATURE_CRYPTO 1
#endif
#include "lanes.h"

#if defined(WVT_AARCH64)

#if defined(_MSC_VER) && !defined(__clang__)
#include <arm64_neon.h>
#else
#include <arm_neon.h>
#endif

#define KERNELS wvt_kernels_armv8
#define NARROWER NULL
#define TARGET WVT_TARGET(WVT_ARM_AES)
#define FN WVT_INLINE TARGET
#define CLEAR_REGISTERS WVT_CLEAR_NEON
#define W 1u /* lanes of a vector */
typedef uint8x16_t V;

#define AS64 vreinterpretq_u64_u8
#define FROM64 vreinterpretq_u8_u64
#define AS32 vreinterpretq_u32_u8
#define FROM32 vreinterpretq_u8_u32

FN V v_pair(uint64_t low, uint64_t high) { return FROM64(vcombine_u64(vcreate_u64(low), vcreate_u64(high))); }
FN V v_all16(const uint8_t *p) { return vld1q_u8(p); }
FN V v_load(const uint8_t *p) { return vld1q_u8(p); }
FN void v_store(uint8_t *p, V x) { vst1q_u8(p, x); }
FN V v_gather(const uint8_t *const *p, size_t at) { return vld1q_u8(p[0] + at); }
FN void v_scatter(uint8_t *const *p, size_t at, V x) { vst1q_u8(p[0] + at, x); }
FN V v_xor(V a, V b) { return veorq_u8(a, b); }
FN V v_and(V a, V b) { return vandq_u8(a, b); }
FN V v_add8(V a, V b) { return vaddq_u8(a, b); }
FN V v_sub8_saturating(V a, V b) { return vqsubq_u8(a, b); }
FN V v_min8(V a, V b) { return vminq_u8(a, b); }
FN V v_equal32(V a, V b) { return FROM32(vceqq_u32(AS32(a), AS32(b))); }
FN V v_add32(V a, V b) { return FROM32(vaddq_u32(AS32(a), AS32(b))); }
FN V v_left32(V a, int n) { return FROM32(vshlq_u32(AS32(a), vdupq_n_s32(n))); }
FN V v_right32(V a, int n) { return FROM32(vshlq_u32(AS32(a), vdupq_n_s32(-n))); }
FN V v_shuffle(V a, V places) { return vqtbl1q_u8(a, places); }
FN V v_swap(V a) { return vextq_u8(a, a, 8); }
FN V v_low_high(V a, V b) { return vcombine_u8(vget_low_u8(a), vget_high_u8(b)); }
FN V v_spread12(V a) { return a; }
FN V v_pack12(V a) { return a; }
/* AESE adds the round key first, AES-NI adds it last. Compilers merge the addition with that of the next round. */
FN V v_enc(V a, V k) { return veorq_u8(vaesmcq_u8(vaeseq_u8(a, vdupq_n_u8(0))), k); }
FN V v_enclast(V a, V k) { return veorq_u8(vaeseq_u8(a, vdupq_n_u8(0)), k); }
FN V v_dec(V a, V k) { return veorq_u8(vaesimcq_u8(vaesdq_u8(a, vdupq_n_u8(0))), k); }
FN V v_declast(V a, V k) { return veorq_u8(vaesdq_u8(a, vdupq_n_u8(0)), k); }

#if defined(_MSC_VER) && !defined(__clang__) /* its vmull_p64 takes vectors of one element */
#define LOW(a) vget_low_p64(vreinterpretq_p64_u8(a))
#else
#define LOW(a) (poly64_t) vgetq_lane_u64(AS64(a), 0)
#endif
FN V v_mul(V a, V b) { return vreinterpretq_u8_p128(vmull_p64(LOW(a), LOW(b))); }

#include "kernels.inc.h"

#endif
