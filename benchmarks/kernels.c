/* kernels.c - time of the C kernels per item, beside the bound of the AES units. From the root of the repository:
 *
 *     cc -O2 -Icsrc -o /tmp/kernels benchmarks/kernels.c csrc/[clw]*.c && /tmp/kernels [items]
 *
 * A tick is one of the time-stamp counter (rdtsc; on ARM cntvct_el0), which may run at another rate than the core. So
 * the bound is in the same ticks: the AES rounds that an item needs, at the rate that this program measures for rounds
 * which do not wait for each other. Every figure is the best of many runs.
 */
#include "compiler.h"
#include "wvtoken.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Twelve chains of rounds, none waiting for another. */
#define RATE(name, target, V, load, enc, store)                                                                        \
    WVT_TARGET(target) static void name(uint8_t *p, size_t n)                                                          \
    {                                                                                                                  \
        V k = load((const void *)p), x[12];                                                                            \
        for (size_t i = 0; i < 12; i++) {                                                                              \
            x[i] = load((const void *)(p + 64 * i));                                                                   \
        }                                                                                                              \
        while (n--) {                                                                                                  \
            x[0] = enc(x[0], k), x[1] = enc(x[1], k), x[2] = enc(x[2], k), x[3] = enc(x[3], k);                        \
            x[4] = enc(x[4], k), x[5] = enc(x[5], k), x[6] = enc(x[6], k), x[7] = enc(x[7], k);                        \
            x[8] = enc(x[8], k), x[9] = enc(x[9], k), x[10] = enc(x[10], k), x[11] = enc(x[11], k);                    \
        }                                                                                                              \
        for (size_t i = 0; i < 12; i++) {                                                                              \
            store((void *)(p + 64 * i), x[i]);                                                                         \
        }                                                                                                              \
    }

#if defined(WVT_X86_64)
#include <immintrin.h>
#if defined(_MSC_VER)
#include <intrin.h>
#endif
static uint64_t ticks(void) { return __rdtsc(); }
RATE(rounds_aesni, "aes", __m128i, _mm_loadu_si128, _mm_aesenc_si128, _mm_storeu_si128)
RATE(rounds_vaes256, "vaes,avx2", __m256i, _mm256_loadu_si256, _mm256_aesenc_epi128, _mm256_storeu_si256)
RATE(rounds_vaes512, "vaes,avx512f", __m512i, _mm512_loadu_si512, _mm512_aesenc_epi128, _mm512_storeu_si512)
#elif defined(WVT_AARCH64)
#include <arm_neon.h>
static uint64_t ticks(void)
{
    uint64_t now;
    __asm__ __volatile__("isb\n\tmrs %0, cntvct_el0" : "=r"(now));
    return now;
}
#define LOAD(p) vld1q_u8((const uint8_t *)(p))
#define ROUND(x, k) vaesmcq_u8(vaeseq_u8(x, k))
#define STORE(p, x) vst1q_u8((uint8_t *)(p), x)
RATE(rounds_armv8, WVT_ARM_AES, uint8x16_t, LOAD, ROUND, STORE)
#else
static uint64_t ticks(void) { return 0; }
#endif

static const struct {
    uint32_t lanes;
    unsigned width;
    const char *name;
    void (*rounds)(uint8_t *p, size_t n);
} kinds[] = {
#if defined(WVT_X86_64)
    {WVT_LANES_VAES512, 4, "x86-vaes512", rounds_vaes512},
    {WVT_LANES_VAES256, 2, "x86-vaes256", rounds_vaes256},
    {WVT_LANES_AESNI, 1, "x86-aesni", rounds_aesni},
#elif defined(WVT_AARCH64)
    {WVT_LANES_ARMV8, 1, "armv8", rounds_armv8},
#endif
    {0, 0, NULL, NULL},
};

static double seconds(void)
{
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static size_t n = 4096;
static uint32_t lanes;
static uint8_t *keks, *keys, *wrapped, *nonces, *messages, *sealed, *texts, *out, *status;
static uint32_t *lengths, *sealed_lengths, *text_lengths;
static const uint8_t header[WVT_HEADER_BYTES] = {1, 0, 0, 0, 1};

enum kernel {
    WRAP_ONE,
    WRAP_EACH,
    UNWRAP_ONE,
    UNWRAP_EACH,
    SEAL,
    OPEN,
    ENCODE,
    DECODE,
    SEAL_TOKENS,
    OPEN_TOKENS,
    KERNELS
};

static const char *const names[KERNELS] = {
    "wrap, one KEK", "wrap, KEK each", "unwrap, one KEK", "unwrap, KEK each", "seal",
    "open",          "base64url",      "base64url back",  "seal tokens",      "open tokens",
};

static int64_t run(enum kernel kernel)
{
    switch (kernel) {
    case WRAP_ONE:
        return wvt_wrap(lanes, NULL, keks, 1, 16, keys, 16, n, out);
    case WRAP_EACH:
        return wvt_wrap(lanes, NULL, keks, n, 16, keys, 16, n, out);
    case UNWRAP_ONE:
        return wvt_unwrap(lanes, NULL, keks, 1, 16, wrapped, 16, n, out, status);
    case UNWRAP_EACH:
        return wvt_unwrap(lanes, NULL, keks, n, 16, wrapped, 16, n, out, status);
    case SEAL:
        return wvt_seal(lanes, keks, header, 5, nonces, messages, lengths, n, out);
    case OPEN:
        return wvt_open(lanes, keks, header, 5, nonces, sealed, sealed_lengths, n, out, status);
    case ENCODE:
        return wvt_base64url_encode(lanes, messages, sealed_lengths, n, out);
    case DECODE:
        return wvt_base64url_decode(lanes, texts, text_lengths, n, out, status);
    case SEAL_TOKENS:
        return wvt_seal_tokens(lanes, NULL, 0, keks, header, NULL, 0, nonces, messages, lengths, n, out);
    case OPEN_TOKENS:
        return wvt_open_tokens(lanes, keks, header, NULL, 0, texts, text_lengths, n, out, status);
    default:
        return -1;
    }
}

/* AES rounds for all items: for a message the 6 blocks of its keys, its schedule of 13, its tag, and each block. */
static double rounds_of(enum kernel kernel)
{
    double all = 0;
    switch (kernel) {
    case WRAP_ONE:
    case UNWRAP_ONE:
        return 12 * 10 * (double)n;
    case WRAP_EACH:
        return (12 * 10 + 10) * (double)n;
    case UNWRAP_EACH: /* with InvMixColumns of 9 round keys, two rounds each */
        return (12 * 10 + 10 + 18) * (double)n;
    case ENCODE:
    case DECODE:
        return 0;
    default:
        for (size_t i = 0; i < n; i++) {
            all += 6 * 14 + 13 + 14 + 14 * ((lengths[i] + 15) / 16);
        }
        return all;
    }
}

static void measure(enum kernel kernel, const char *what, double ticks_per_round)
{
    double best = 1e9, best_ticks = 1e18;
    const double end = seconds() + 0.25;
    do {
        const double start = seconds();
        const uint64_t first = ticks();
        if (run(kernel) != 0) {
            fprintf(stderr, "%s failed\n", names[kernel]);
            exit(1);
        }
        const double spent_ticks = (double)(ticks() - first), spent = seconds() - start;
        best = spent < best ? spent : best;
        best_ticks = spent_ticks < best_ticks ? spent_ticks : best_ticks;
    } while (seconds() < end);
    printf("  %-18s %-8s %8.1f ns %8.1f ticks", names[kernel], what, 1e9 * best / (double)n, best_ticks / (double)n);
    if (rounds_of(kernel) > 0) {
        printf("   AES bound %6.1f", rounds_of(kernel) / (double)n * ticks_per_round);
    }
    printf("\n");
}

static void prepare(uint32_t least, uint32_t most)
{
    uint32_t x = 1;
    size_t text = 0;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        lengths[i] = least + (x >> 8) % (most - least + 1);
        sealed_lengths[i] = lengths[i] + WVT_TAG_BYTES;
        text_lengths[i] = (4 * (lengths[i] + WVT_TOKEN_OVERHEAD) + 2) / 3;
    }
    wvt_wrap(lanes, NULL, keks, n, 16, keys, 16, n, wrapped);
    wvt_seal(lanes, keks, header, 5, nonces, messages, lengths, n, sealed);
    wvt_seal_tokens(lanes, NULL, 0, keks, header, NULL, 0, nonces, messages, lengths, n, out);
    for (size_t i = 0, at = 0; i < n; at += text_lengths[i++] + 1) {
        memcpy(texts + text, out + at, text_lengths[i]);
        text += text_lengths[i];
    }
}

int main(int argc, char **argv)
{
    n = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : n;
    uint8_t **const buffers[] = {&keks, &keys, &wrapped, &nonces, &messages, &sealed, &texts, &out, &status};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
        *buffers[i] = malloc(n * 1024 + 4096);
        for (size_t j = 0; *buffers[i] && j < n * 1024 + 4096; j++) {
            (*buffers[i])[j] = (uint8_t)(j * 167 + i);
        }
    }
    lengths = malloc(n * 4);
    sealed_lengths = malloc(n * 4);
    text_lengths = malloc(n * 4);
    printf("%zu items\n", n);
    for (size_t k = 0; kinds[k].lanes; k++) {
        double ticks_per_round = 1e18;
        if (!(wvt_lanes_supported() & kinds[k].lanes)) {
            continue;
        }
        for (int i = 0; i < 2000; i++) {
            const uint64_t first = ticks();
            kinds[k].rounds(out, 1000);
            const double each = (double)(ticks() - first) / (1000.0 * 12 * kinds[k].width);
            ticks_per_round = each < ticks_per_round ? each : ticks_per_round;
        }
        printf("%s, %.3f ticks for the AES round of an item\n", kinds[k].name, ticks_per_round);
        lanes = kinds[k].lanes;
        prepare(62, 62);
        for (int kernel = 0; kernel < KERNELS; kernel++) {
            if (kernel == UNWRAP_ONE) {
                wvt_wrap(lanes, NULL, keks, 1, 16, keys, 16, n, wrapped);
            } else if (kernel == UNWRAP_EACH) {
                wvt_wrap(lanes, NULL, keks, n, 16, keys, 16, n, wrapped);
            }
            measure((enum kernel)kernel, kernel < SEAL ? "16" : "62", ticks_per_round);
        }
        prepare(16, 400);
        for (int kernel = SEAL; kernel < KERNELS; kernel++) {
            measure((enum kernel)kernel, "16-400", ticks_per_round);
        }
    }
    return 0;
}
