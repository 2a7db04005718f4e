/* cpu.c - the SIMD variants that this CPU and its operating system can run. */
#include "compiler.h"
#include "wvtoken.h"

#if defined(WVT_X86_64)

#if defined(_MSC_VER)
#include <intrin.h>
#define CPUID(leaf, to) __cpuidex((int *)(to), leaf, 0)
#define XSAVE
#else
#include <cpuid.h>
#include <immintrin.h>
#define CPUID(leaf, to) __cpuid_count(leaf, 0, (to)[0], (to)[1], (to)[2], (to)[3])
#define XSAVE WVT_TARGET("xsave")
#endif

static int all_of(uint32_t word, uint32_t bits) { return (word & bits) == bits; }

/* Returns XCR0: the register states that the operating system saves. Call it only if cpuid reports OSXSAVE. */
XSAVE static uint32_t saved_states(void) { return (uint32_t)_xgetbv(0); }

uint32_t wvt_lanes_supported(void)
{
    /* Intel SDM volume 2, CPUID: leaf 0, leaf 1 and leaf 7; volume 1, 13.3 for XCR0. */
    enum { EAX, EBX, ECX };
    const uint32_t pclmul = 1u << 1, ssse3 = 1u << 9, aes = 1u << 25, osxsave = 1u << 27;
    const uint32_t avx2 = 1u << 5, avx512f = 1u << 16, avx512bw = 1u << 30, avx512vl = 1u << 31;
    const uint32_t vaes = 1u << 9, vpclmulqdq = 1u << 10;
    const uint32_t ymm_state = 0x06, zmm_state = 0xe6;
    uint32_t zero[4], one[4], seven[4];

    CPUID(0, zero);
    CPUID(1, one);
    if (!all_of(one[ECX], pclmul | ssse3 | aes)) {
        return 0;
    }
    uint32_t lanes = WVT_LANES_AESNI;
    CPUID(7, seven);
#if defined(WVT_NO_WIDE_LANES)
    return lanes;
#endif
    if (zero[EAX] < 7 || !all_of(one[ECX], osxsave) || !all_of(seven[ECX], vaes | vpclmulqdq)) {
        return lanes;
    }
    if (all_of(saved_states(), ymm_state) && all_of(seven[EBX], avx2)) {
        lanes |= WVT_LANES_VAES256;
    }
    if (all_of(saved_states(), zmm_state) && all_of(seven[EBX], avx2 | avx512f | avx512bw | avx512vl)) {
        lanes |= WVT_LANES_VAES512;
    }
    return lanes;
}

#elif defined(WVT_AARCH64) && defined(__linux__)

#include <sys/auxv.h>

uint32_t wvt_lanes_supported(void)
{
    const unsigned long needed = 1ul << 3 | 1ul << 4; /* asm/hwcap.h: AES and PMULL */
    return (getauxval(AT_HWCAP) & needed) == needed ? WVT_LANES_ARMV8 : 0;
}

#elif defined(WVT_AARCH64) && defined(_WIN32)

#include <windows.h>

uint32_t wvt_lanes_supported(void)
{
    return IsProcessorFeaturePresent(PF_ARM_V8_CRYPTO_INSTRUCTIONS_AVAILABLE) ? WVT_LANES_ARMV8 : 0;
}

#else

/* Every Mac with ARM has them. On an unknown system, only what the compiler may use is known. */
uint32_t wvt_lanes_supported(void)
{
#if defined(WVT_AARCH64) && (defined(__APPLE__) || defined(__ARM_FEATURE_AES))
    return WVT_LANES_ARMV8;
#else
    return 0;
#endif
}

#endif
