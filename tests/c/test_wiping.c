/* test_wiping.c - no secret stays on the stack. Each function runs in a thread whose stack is ours to look at
 * afterwards: 8 bytes in a row of a key, of any schedule or derived key, or of a plaintext may not be found there.
 *
 * A function that leaves a key behind on purpose shows that the search finds one. */
#include "reference.h"
#include "wvtoken.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 70, LEN = 62, STACK = 512 * 1024, PAINT = 0x5c };

static uint8_t keks[N * 32], keys[N * 40], wrapped[N * 48], nonces[N * 12], in[N * LEN], sealed[N * (LEN + 16)];
static uint8_t texts[N * 127], out[N * 200], status[N], aad[WVT_HEADER_BYTES] = {1};
static uint32_t len[N], sealed_len[N], text_len[N], lanes;
static size_t kek_count, kek_len, key_len;

static uint8_t secrets[40000][16];
static size_t secret_count;

static void add_secret(const uint8_t *p, size_t n)
{
    for (; n >= 16; p += 16, n -= 16) {
        memcpy(secrets[secret_count++], p, 16);
    }
}

/* Round keys as they are, and with InvMixColumns as a decryption has them. */
static void add_schedule(const uint8_t *key, size_t n)
{
    struct ref_aes aes;
    ref_expand(&aes, key, n);
    for (unsigned r = 0; r <= aes.rounds; r++) {
        add_secret(aes.round_key[r], 16);
        ref_mix(aes.round_key[r], 14, 11, 13, 9);
        add_secret(aes.round_key[r], 16);
    }
}

static void collect_secrets(void)
{
    secret_count = 0;
    for (size_t i = 0; i < N; i++) {
        uint8_t h[16], k[32];
        ref_derive(keks, nonces + 12 * i, h, k);
        add_secret(h, 16);
        add_schedule(k, 32);
        add_secret(in + i * LEN, LEN);
        add_secret(keys + i * key_len, key_len);
        if (i < kek_count) {
            add_schedule(keks + i * kek_len, kek_len);
        }
    }
    add_schedule(keks, 32);
}

static void *run_wrap(void *unused)
{
    wvt_wrap(lanes, NULL, keks, kek_count, kek_len, keys, key_len, N, wrapped);
    return unused;
}
static void *run_unwrap(void *unused)
{
    wvt_unwrap(lanes, NULL, keks, kek_count, kek_len, wrapped, key_len, N, out, status);
    return unused;
}
static void *run_seal(void *unused)
{
    wvt_seal(lanes, keks, aad, 5, nonces, in, len, N, sealed);
    return unused;
}
static void *run_open(void *unused)
{
    wvt_open(lanes, keks, aad, 5, nonces, sealed, sealed_len, N, out, status);
    return unused;
}
static void *run_seal_tokens(void *unused)
{
    wvt_seal_tokens(lanes, NULL, 0, keks, aad, NULL, 0, nonces, in, len, N, out);
    return unused;
}
static void *run_open_tokens(void *unused)
{
    wvt_open_tokens(lanes, keks, aad, NULL, 0, texts, text_len, N, out, status);
    return unused;
}
static void *run_encode(void *unused)
{
    wvt_base64url_encode(lanes, in, len, N, out);
    return unused;
}
static void *run_decode(void *unused)
{
    wvt_base64url_decode(lanes, texts, text_len, N, out, status);
    return unused;
}
static void *run_leak(void *unused)
{
    volatile uint8_t left[4096];
    for (size_t i = 0; i < sizeof left; i++) {
        left[i] = keks[i % 16];
    }
    status[0] = left[N];
    return unused;
}

/* How many pieces of secrets are on the stack after the function; and the bytes of it that were used. */
static size_t found_after(void *(*function)(void *), size_t *used)
{
    uint8_t *stack = aligned_alloc(4096, STACK);
    pthread_attr_t attributes;
    pthread_t thread;
    size_t found = 0;
    if (!stack) {
        abort();
    }
    memset(stack, PAINT, STACK);
    if (pthread_attr_init(&attributes) || pthread_attr_setstack(&attributes, stack, STACK) ||
        pthread_create(&thread, &attributes, function, NULL) || pthread_join(thread, NULL)) {
        abort();
    }
    size_t first = 0;
    while (first < STACK && stack[first] == PAINT) {
        first++;
    }
    *used = STACK - first;
    /* By the first two bytes of each piece, for the search to take moments. */
    static uint32_t next[2 * 40000], starts[65536];
    memset(starts, 0, sizeof starts);
    for (uint32_t i = 0; i < 2 * secret_count; i++) {
        const uint8_t *piece = secrets[i / 2] + 8 * (i % 2);
        const size_t slot = (size_t)piece[0] << 8 | piece[1];
        next[i] = starts[slot];
        starts[slot] = i + 1;
    }
    for (size_t at = first; at + 8 <= STACK; at++) {
        for (uint32_t i = starts[(size_t)stack[at] << 8 | stack[at + 1]]; i; i = next[i - 1]) {
            found += memcmp(stack + at, secrets[(i - 1) / 2] + 8 * ((i - 1) % 2), 8) == 0;
        }
    }
    pthread_attr_destroy(&attributes);
    free(stack);
    return found;
}

static unsigned failed;

static void check(const char *what, void *(*function)(void *))
{
    size_t used;
    const size_t found = found_after(function, &used);
    if (found) {
        failed++;
        printf("lanes %u, %s: %zu pieces of secrets are left on the stack\n", (unsigned)lanes, what, found);
    }
    printf("lanes %u, %-12s %zu bytes of stack\n", (unsigned)lanes, what, used);
}

int main(void)
{
    unsigned tested = 0;
    uint32_t x = 1;
    uint8_t *const drawn[] = {keks, keys, nonces, in};
    const size_t drawn_len[] = {sizeof keks, sizeof keys, sizeof nonces, sizeof in};
    ref_begin();
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < drawn_len[i]; j++) {
            x = x * 1664525u + 1013904223u;
            drawn[i][j] = (uint8_t)(x >> 24);
        }
    }
    for (size_t i = 0; i < N; i++) {
        len[i] = LEN;
        sealed_len[i] = LEN + 16;
        text_len[i] = 127;
    }
    for (lanes = 1; lanes <= WVT_LANES_ARMV8; lanes <<= 1) {
        if (!(wvt_lanes_supported() & lanes)) {
            continue;
        }
        tested++;
        for (kek_len = 16; kek_len <= 32; kek_len += 8) {
            for (key_len = 16; key_len <= 40; key_len += 24) {
                for (kek_count = 1; kek_count <= N; kek_count += N - 1) {
                    collect_secrets();
                    check("wrap", run_wrap);
                    check("unwrap", run_unwrap);
                    wrapped[3] ^= 1;
                    check("bad unwrap", run_unwrap);
                }
            }
        }
        check("seal", run_seal);
        check("seal tokens", run_seal_tokens);
        for (size_t i = 0; i < N; i++) {
            memcpy(texts + 127 * i, out + 128 * i, 127);
        }
        check("open", run_open);
        check("open tokens", run_open_tokens);
        for (size_t i = 0; i < N; i += 2) {
            sealed[i * (LEN + 16)] ^= 1;
            texts[127 * i + 60] = texts[127 * i + 60] == 'A' ? 'B' : 'A';
        }
        check("bad open", run_open);
        check("bad tokens", run_open_tokens);
        check("encode", run_encode);
        uint32_t four_thirds[N];
        for (size_t i = 0; i < N; i++) {
            four_thirds[i] = (uint32_t)ref_encode(in + i * LEN, LEN, texts + i * 83);
        }
        memcpy(text_len, four_thirds, sizeof text_len);
        check("decode", run_decode);
        for (size_t i = 0; i < N; i++) {
            text_len[i] = 127;
        }
    }
    size_t used;
    if (!found_after(run_leak, &used)) {
        failed++;
        printf("the planted leak was not found\n");
    }
    printf("%u kinds of lanes tested, %u failed\n", tested, failed);
    return tested == 0 || failed != 0;
}
