/* kernels.c - time of the C functions per item, for each SIMD variant. From the root of the repository:
 *
 *     python csrc/build_native.py /tmp/limits
 *     cc -O2 -Icsrc -I/tmp/limits -o /tmp/kernels benchmarks/kernels.c csrc/[a-z]*.c && /tmp/kernels [items]
 *
 * Each figure is the fastest of many runs.
 */
#include "wvtoken.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PAYLOAD_MAX = 400, ROOM = 1024 };

static const struct {
    uint32_t lanes;
    const char *name;
} variants[] = {
    {WVT_LANES_VAES512, "x86-vaes512"},
    {WVT_LANES_VAES256, "x86-vaes256"},
    {WVT_LANES_AESNI, "x86-aesni"},
    {WVT_LANES_ARMV8, "armv8"},
};

static size_t n = 4096;
static uint32_t lanes;
static uint8_t *keks, *keys, *wrapped, *nonces, *payloads, *texts, *out, *status;
static uint32_t *offsets, *text_offsets, *places;
static const uint8_t header[WVT_HEADER_BYTES] = {1, 0, 0, 0, 1};

static int64_t wrap_one(void) { return wvt_wrap(lanes, keks, 1, 16, keys, 16, n, out); }
static int64_t wrap_each(void) { return wvt_wrap(lanes, keks, n, 16, keys, 16, n, wrapped); }
static int64_t unwrap_each(void) { return wvt_unwrap(lanes, keks, n, 16, wrapped, 16, n, out, status); }
static int64_t seal(void)
{
    const struct wvt_sealing with = {.key = keks, .header = header};
    return wvt_seal_tokens(lanes, &with, nonces, payloads, offsets, n, out) < 0;
}
static int64_t open(void)
{
    const struct wvt_opening with = {.headers = header, .keys = keks, .key_count = 1};
    return wvt_open_tokens(lanes, &with, texts, text_offsets, n, out, places, status);
}

static double seconds(void)
{
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void measure(const char *name, int64_t (*job)(void))
{
    double best = 1e9;
    const double end = seconds() + 0.25;
    do {
        const double start = seconds();
        if (job() != 0) {
            fprintf(stderr, "%s failed\n", name);
            exit(1);
        }
        const double spent = seconds() - start;
        best = spent < best ? spent : best;
    } while (seconds() < end);
    printf("  %-32s %8.1f ns\n", name, 1e9 * best / (double)n);
}

/* Seal payloads of `least` to `most` bytes, and copy the texts to where `open` reads them. */
static void prepare(uint32_t least, uint32_t most)
{
    uint32_t x = 1;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        const uint32_t length = least + (x >> 8) % (most - least + 1);
        offsets[i + 1] = offsets[i] + length;
        text_offsets[i + 1] =
            text_offsets[i] + (4 * (length + WVT_HEADER_BYTES + WVT_NONCE_BYTES + WVT_TAG_BYTES) + 2) / 3;
    }
    seal();
    for (size_t i = 0; i < n; i++) {
        memcpy(texts + text_offsets[i], out + text_offsets[i] + i, text_offsets[i + 1] - text_offsets[i]);
    }
}

int main(int argc, char **argv)
{
    n = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : n;
    uint8_t **const buffers[] = {&keks, &keys, &wrapped, &nonces, &payloads, &texts, &out, &status};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
        *buffers[i] = malloc(n * ROOM);
        for (size_t j = 0; *buffers[i] && j < n * ROOM; j++) {
            (*buffers[i])[j] = (uint8_t)(j * 167 + i);
        }
    }
    offsets = calloc(n + 1, sizeof *offsets);
    text_offsets = calloc(n + 1, sizeof *text_offsets);
    places = calloc(n + 1, sizeof *places);
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        lanes = variants[v].lanes;
        if (!(wvt_lanes_supported() & lanes)) {
            continue;
        }
        printf("%s, %zu items\n", variants[v].name, n);
        measure("wrap, one KEK", wrap_one);
        measure("wrap, a KEK for each key", wrap_each);
        measure("unwrap, a KEK for each key", unwrap_each);
        prepare(54, 54);
        measure("seal tokens of 54 bytes", seal);
        measure("open tokens of 54 bytes", open);
        prepare(54, PAYLOAD_MAX);
        measure("seal tokens of 54 to 400 bytes", seal);
        measure("open tokens of 54 to 400 bytes", open);
    }
    return 0;
}
