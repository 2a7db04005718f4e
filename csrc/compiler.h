/* compiler.h - what differs between compilers: function targets, inlining, unrolling, cpuid, memory that stays wiped.
 * What differs in the intrinsics of ARM alone is in lanes_armv8.c.
 *
 * Code for lanes carries its instruction sets on each function, so that no build flag decides what the CPU must have.
 */
#ifndef WVT_COMPILER_H
#define WVT_COMPILER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if !defined(WVT_NO_LANES) && (defined(__x86_64__) || (defined(_M_X64) && !defined(_M_ARM64EC)))
#define WVT_X86_64 1
#elif !defined(WVT_NO_LANES) && ((defined(__aarch64__) && !defined(__AARCH64EB__)) || defined(_M_ARM64))
#define WVT_AARCH64 1
#endif

/* clang for Windows, which says it is MSVC and not GNU C, has all of this too. */
#if defined(__GNUC__) || defined(__clang__)
#define WVT_TARGET(features) __attribute__((target(features)))
#define WVT_INLINE static inline __attribute__((always_inline))
#define WVT_NOINLINE __attribute__((noinline))
#else
#define WVT_TARGET(features)
#define WVT_INLINE static __forceinline
#define WVT_NOINLINE __declspec(noinline)
#endif

/* GCC for Windows takes the stack for aligned to more than its 16 bytes when it spills wider vectors (its bug 54412). */
#if defined(_WIN32) && defined(__GNUC__) && !defined(__clang__)
#define WVT_NO_WIDE_LANES 1
#endif

/* The name of AES and PMULL in a function's target. */
#if defined(__clang__) && __clang_major__ < 16
#define WVT_ARM_AES "crypto"
#else
#define WVT_ARM_AES "+crypto"
#endif

/* Before a loop over the vectors in flight: unrolled in full, they stay in registers. */
#if defined(__clang__)
#define WVT_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define WVT_UNROLL _Pragma("GCC unroll 16")
#else
#define WVT_UNROLL
#endif

/* Makes the compiler believe that p is read, so that a memset before it stays. */
#if defined(__GNUC__) || defined(__clang__)
#define WVT_READ_BY_NOBODY(p) __asm__ __volatile__("" : : "r"(p) : "memory")
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
