/* compiler.h - the differences between compilers: function targets, inlining, unrolling, cpuid, wiping. The differences
 * between the intrinsics for ARM are in lanes_armv8.c.
 *
 * Each function of a kernel names its instruction sets. No build flag decides which CPU the extension needs.
 */
#ifndef WVT_COMPILER_H
#define WVT_COMPILER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if !defined(WVT_NO_LANES) &&                                                                                          \
    ((defined(__x86_64__) && !defined(__ILP32__)) || (defined(_M_X64) && !defined(_M_ARM64EC)))
#define WVT_X86_64 1
#elif !defined(WVT_NO_LANES) && ((defined(__aarch64__) && !defined(__AARCH64EB__)) || defined(_M_ARM64))
#define WVT_AARCH64 1
#endif

#define WVT_STATIC_ASSERT(name, condition) typedef char wvt_##name[(condition) ? 1 : -1]

/* clang for Windows defines _MSC_VER and not __GNUC__, and has all of this. */
#if defined(__GNUC__) || defined(__clang__)
#define WVT_TARGET(features) __attribute__((target(features)))
#define WVT_INLINE static inline __attribute__((always_inline))
#define WVT_NOINLINE __attribute__((noinline))
#else
#define WVT_TARGET(features)
#define WVT_INLINE static __forceinline
#define WVT_NOINLINE __declspec(noinline)
#endif

/* GCC for Windows spills wide vectors to the stack as if it were aligned to more than 16 bytes (GCC bug 54412). */
#if defined(_WIN32) && defined(__GNUC__) && !defined(__clang__)
#define WVT_NO_WIDE_LANES 1
#endif

/* The name of AES and PMULL in a function's target. */
#if defined(__clang__) && __clang_major__ < 16
#define WVT_ARM_AES "crypto"
#else
#define WVT_ARM_AES "+crypto"
#endif

/* Before a loop over vectors: the vectors stay in registers only if the loop is unrolled completely. */
#if defined(__clang__)
#define WVT_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define WVT_UNROLL _Pragma("GCC unroll 16")
#else
#define WVT_UNROLL
#endif

/* The compiler must assume that the memory at p is read, and keeps the stores before. */
#if defined(__GNUC__) || defined(__clang__)
#define WVT_KEEP_STORES(p) __asm__ __volatile__("" : : "r"(p) : "memory")
#endif

/* Copies n bytes that may be secret; n is public. The memory must not overlap. memcpy of the C library uses vector
 * registers that not every kernel clears. Here each memcpy is one load and one store. WVT_KEEP_STORES keeps the compiler
 * from calling memcpy for the loop. */
WVT_INLINE void wvt_copy(uint8_t *to, const uint8_t *from, size_t n)
{
    for (; n >= 16; n -= 16, to += 16, from += 16) {
        memcpy(to, from, 16);
#if defined(WVT_KEEP_STORES)
        WVT_KEEP_STORES(to);
#endif
    }
    WVT_UNROLL
    for (size_t step = 8; step > 0; step /= 2) {
        if (n & step) {
            memcpy(to, from, step);
            to += step;
            from += step;
        }
    }
}

/* Zeros in all vector registers of an instruction set. MSVC has no inline assembly for 64 bits. */
#if (defined(__GNUC__) || defined(__clang__)) && defined(WVT_X86_64)
#define WVT_XMM                                                                                                        \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",         \
        "xmm13", "xmm14", "xmm15"
#define WVT_ZMM                                                                                                        \
    "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27",        \
        "xmm28", "xmm29", "xmm30", "xmm31"
#define WVT_SSE_0(n) "pxor %%xmm" #n ", %%xmm" #n "\n\t"
#define WVT_AVX512_0(n) "vpxorq %%zmm" #n ", %%zmm" #n ", %%zmm" #n "\n\t"
#define WVT_CLEAR_SSE()                                                                                                \
    __asm__ __volatile__(WVT_SSE_0(0) WVT_SSE_0(1) WVT_SSE_0(2) WVT_SSE_0(3) WVT_SSE_0(4) WVT_SSE_0(5) WVT_SSE_0(6)    \
                             WVT_SSE_0(7) WVT_SSE_0(8) WVT_SSE_0(9) WVT_SSE_0(10) WVT_SSE_0(11) WVT_SSE_0(12)          \
                                 WVT_SSE_0(13) WVT_SSE_0(14) WVT_SSE_0(15)                                             \
                         :                                                                                             \
                         :                                                                                             \
                         : WVT_XMM, "memory")
#define WVT_CLEAR_AVX2() __asm__ __volatile__("vzeroall" : : : WVT_XMM, "memory")
#define WVT_CLEAR_AVX512()                                                                                             \
    __asm__ __volatile__("vzeroall\n\t" WVT_AVX512_0(16) WVT_AVX512_0(17) WVT_AVX512_0(18) WVT_AVX512_0(19)            \
                             WVT_AVX512_0(20) WVT_AVX512_0(21) WVT_AVX512_0(22) WVT_AVX512_0(23) WVT_AVX512_0(24)      \
                                 WVT_AVX512_0(25) WVT_AVX512_0(26) WVT_AVX512_0(27) WVT_AVX512_0(28) WVT_AVX512_0(29)  \
                                     WVT_AVX512_0(30) WVT_AVX512_0(31)                                                 \
                         :                                                                                             \
                         :                                                                                             \
                         : WVT_XMM, WVT_ZMM, "memory")
#elif (defined(__GNUC__) || defined(__clang__)) && defined(WVT_AARCH64)
#define WVT_NEON_0(n) "movi v" #n ".2d, #0\n\t"
#define WVT_CLEAR_NEON()                                                                                               \
    __asm__ __volatile__(                                                                                              \
        WVT_NEON_0(0) WVT_NEON_0(1) WVT_NEON_0(2) WVT_NEON_0(3) WVT_NEON_0(4) WVT_NEON_0(5) WVT_NEON_0(6)              \
            WVT_NEON_0(7) WVT_NEON_0(8) WVT_NEON_0(9) WVT_NEON_0(10) WVT_NEON_0(11) WVT_NEON_0(12) WVT_NEON_0(13)      \
                WVT_NEON_0(14) WVT_NEON_0(15) WVT_NEON_0(16) WVT_NEON_0(17) WVT_NEON_0(18) WVT_NEON_0(19)              \
                    WVT_NEON_0(20) WVT_NEON_0(21) WVT_NEON_0(22) WVT_NEON_0(23) WVT_NEON_0(24) WVT_NEON_0(25)          \
                        WVT_NEON_0(26) WVT_NEON_0(27) WVT_NEON_0(28) WVT_NEON_0(29) WVT_NEON_0(30) WVT_NEON_0(31)      \
        :                                                                                                              \
        :                                                                                                              \
        : "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", \
          "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31",     \
          "memory")
#else
#define WVT_CLEAR_SSE()
#define WVT_CLEAR_AVX2()
#define WVT_CLEAR_AVX512()
#define WVT_CLEAR_NEON()
#endif

/* The checks of lengths in keywrap.c and token.c need products of 64 bits. */
#if defined(WVT_X86_64) || defined(WVT_AARCH64)
WVT_STATIC_ASSERT(sizes_have_64_bits, sizeof(size_t) >= 8);
#endif

#if defined(WVT_X86_64)
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <cpuid.h>
#endif

/* eax, ebx, ecx, edx of a leaf; zeros if the CPU does not have it. */
static inline void wvt_cpuid(uint32_t leaf, uint32_t out[4])
{
#if defined(_MSC_VER)
    int words[4];
    __cpuidex(words, 0, 0);
    memset(out, 0, 16);
    if ((uint32_t)words[0] >= leaf) {
        __cpuidex(words, (int)leaf, 0);
        memcpy(out, words, sizeof words);
    }
#else
    if (!__get_cpuid_count(leaf, 0, &out[0], &out[1], &out[2], &out[3])) {
        memset(out, 0, 16);
    }
#endif
}

/* XCR0: the register states that the operating system saves. Only where cpuid reports OSXSAVE. */
static inline uint32_t wvt_xcr0(void)
{
#if defined(_MSC_VER)
    return (uint32_t)_xgetbv(0);
#else
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
#endif
}
#endif

#endif
