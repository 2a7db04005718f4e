/* compiler.h - the differences between compilers: function targets, inlining, unrolling, wiping. The differences
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
/* The compiler must assume that the memory at p is read, and keeps the stores before. */
#define WVT_KEEP_STORES(p) __asm__ __volatile__("" : : "r"(p) : "memory")
#define WVT_CLEAR(text, ...) __asm__ __volatile__(text : : : __VA_ARGS__, "memory")
#else
#define WVT_TARGET(features)
#define WVT_INLINE static __forceinline
#define WVT_NOINLINE __declspec(noinline)
#define WVT_CLEAR(text, ...) /* MSVC has no inline assembly for 64 bits */
#endif

/* Each WVT_CLEAR_* writes zeros to all vector registers of one instruction set. */
#define WVT_XMM                                                                                                        \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",         \
        "xmm13", "xmm14", "xmm15"
#define WVT_ZMM                                                                                                        \
    "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25", "xmm26", "xmm27",        \
        "xmm28", "xmm29", "xmm30", "xmm31"
#define WVT_NEON                                                                                                       \
    "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16",       \
        "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31"
#define WVT_0_15 "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15"
#define WVT_16_31 "16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31"
/* Repeats an instruction for each register number. The assembler replaces \\r by the number. */
#define WVT_FOR(numbers, instruction) ".irp r," numbers "\n\t" instruction "\n\t.endr\n\t"
#define WVT_CLEAR_SSE() WVT_CLEAR(WVT_FOR(WVT_0_15, "pxor %%xmm\\r, %%xmm\\r"), WVT_XMM)
#define WVT_CLEAR_AVX2() WVT_CLEAR("vzeroall", WVT_XMM)
#define WVT_CLEAR_AVX512()                                                                                             \
    WVT_CLEAR("vzeroall\n\t" WVT_FOR(WVT_16_31, "vpxorq %%zmm\\r, %%zmm\\r, %%zmm\\r"), WVT_XMM, WVT_ZMM)
#define WVT_CLEAR_NEON() WVT_CLEAR(WVT_FOR(WVT_0_15 "," WVT_16_31, "movi v\\r\\().16b, #0"), WVT_NEON)

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

/* The checks of lengths in keywrap.c and token.c need products of 64 bits. */
#if defined(WVT_X86_64) || defined(WVT_AARCH64)
WVT_STATIC_ASSERT(sizes_have_64_bits, sizeof(size_t) >= 8);
#endif

#endif
