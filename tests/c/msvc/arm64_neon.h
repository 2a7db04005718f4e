/* arm64_neon.h - the intrinsics that csrc/ uses, as MSVC has them: every vector is one of two unions. */
#ifndef MSVC_ARM64_NEON_H
#define MSVC_ARM64_NEON_H

typedef union __declspec(align(8)) {
    unsigned __int64 n64_u64[1];
} __n64;
typedef union __declspec(align(16)) {
    unsigned __int64 n128_u64[2];
} __n128;
typedef __n128 uint8x16_t;

__n128 vaddq_u32(__n128, __n128);
__n128 vaddq_u8(__n128, __n128);
__n128 vaesdq_u8(__n128, __n128);
__n128 vaeseq_u8(__n128, __n128);
__n128 vaesimcq_u8(__n128);
__n128 vaesmcq_u8(__n128);
__n128 vandq_u8(__n128, __n128);
__n128 vceqq_u32(__n128, __n128);
__n128 vcombine_u64(__n64, __n64);
__n128 vcombine_u8(__n64, __n64);
__n64 vcreate_u64(unsigned __int64);
__n128 vdupq_n_s32(__int32);
__n128 vdupq_n_u8(unsigned char);
__n128 veorq_u8(__n128, __n128);
__n128 vextq_u8(__n128, __n128, int);
__n64 vget_high_u8(__n128);
__n64 vget_low_p64(__n128);
__n64 vget_low_u8(__n128);
__n128 vld1q_u8(const unsigned char *);
__n128 vminq_u8(__n128, __n128);
__n128 vmull_p64(__n64, __n64);
__n128 vqsubq_u8(__n128, __n128);
__n128 vqtbl1q_u8(__n128, __n128);
__n128 vreinterpretq_p64_u8(__n128);
__n128 vreinterpretq_u32_u8(__n128);
__n128 vreinterpretq_u64_u8(__n128);
__n128 vreinterpretq_u8_p128(__n128);
__n128 vreinterpretq_u8_u32(__n128);
__n128 vreinterpretq_u8_u64(__n128);
__n128 vshlq_u32(__n128, __n128);
void vst1q_u8(unsigned char *, __n128);

#endif
