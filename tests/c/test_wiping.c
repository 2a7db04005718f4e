/* test_wiping.c - no secret stays on the stack or in a vector register. Each function runs in a thread whose stack this
 * test owns. Afterwards it searches the stack, and the registers that XSAVE stored, for 8 bytes in a row of a key, of a
 * schedule, of a derived key or of a plaintext, also as hexadecimal digits. It searches the workspace of wvt_issue, too.
 *
 * Planted leaks, on the stack and in registers, show that the search finds secrets. As a program it tests the functions
 * that it is linked with. As a library, check_functions tests those of the extension: see check_extension.py. */
#include "reference.h"
#include "wvtoken.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 70, LEN = 62, STACK = 512 * 1024, PAINT = 0x5c };

/* The functions under test. */
struct functions {
    uint32_t (*lanes_supported)(void);
    int64_t (*wrap)(uint32_t, const uint8_t *, size_t, size_t, const uint8_t *, size_t, size_t, uint8_t *);
    int64_t (*unwrap)(uint32_t, const uint8_t *, size_t, size_t, const uint8_t *, size_t, size_t, uint8_t *, uint8_t *);
    int64_t (*seal)(uint32_t, const struct wvt_sealing *, const uint8_t *, const uint8_t *, const uint32_t *, size_t,
                    uint8_t *);
    int64_t (*open)(uint32_t, const struct wvt_opening *, const uint8_t *, const uint32_t *, size_t, uint8_t *,
                    uint32_t *, uint8_t *);
    size_t (*workspace_bytes)(void);
    int64_t (*issue)(const struct wvt_issuer *, const struct wvt_issue_buffers *, const uint8_t *, const uint32_t *,
                     size_t, const uint8_t *, int64_t, const uint8_t *, size_t);
    int64_t (*redeem)(uint32_t, const struct wvt_opening *, const uint8_t *, const uint32_t *, size_t,
                      const struct wvt_redeem_buffers *);
    int64_t (*seal_contents)(uint32_t, const struct wvt_sealing *, const uint8_t *, const struct wvt_contents *,
                             uint8_t *, uint32_t *, uint8_t *);
};

static const struct functions *under_test;
static uint8_t keks[N * 32], keys[N * 40], wrapped[N * 48], nonces[N * 12], in[N * LEN];
static uint8_t lines[N * 128], texts[N * 127], out[N * 200], status[N], header[WVT_HEADER_BYTES] = {1};
static uint32_t offsets[N + 1], text_offsets[N + 1], places[N + 1], lanes;
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

/* Requests: with a key, with a wrapped key, with a stored key. Each has an authenticator. */

static uint8_t requests[N * 300], urls[N * 400], tokens[N * 400], opened[N * 400], kids[N * 16], stored_len[N];
static uint8_t stored_keys[N * WVT_WRAPPED_KEY_BYTES];
static uint32_t request_offsets[N + 1], url_offsets[N + 1], token_offsets[N + 1];
static uint8_t columns[4][N * 400];
static uint32_t ends[N * 100];
static struct wvt_contents contents = {columns[0], columns[1], columns[2], columns[3], ends, 0, 0, 0, 0};
static uint8_t *workspace;

/* Append text, then secret bytes as digits. */
static void append(size_t i, const char *text, const uint8_t *secret, size_t n)
{
    uint8_t *at = requests + request_offsets[i + 1];
    memcpy(at, text, strlen(text));
    at += strlen(text);
    for (size_t j = 0; j < 2 * n; j++) {
        at[j] = (uint8_t)"0123456789abcdef"[secret[j / 2] >> (j % 2 ? 0 : 4) & 15];
    }
    add_secret(at, 2 * n);
    add_secret(secret, n);
    request_offsets[i + 1] += (uint32_t)(strlen(text) + 2 * n);
}

/* kek_len keys of keks wrap keys of 16 bytes. `after` follows the authenticator and may make all requests invalid. */
static void write_requests(const char *after)
{
    for (size_t i = 0; i < N; i++) {
        request_offsets[i + 1] = request_offsets[i];
        append(i, "cookie=c&kid=^name&securityLevel=1&hdcpOutputControl=0", NULL, 0);
        stored_len[i] = i % 3 == 2 ? WVT_CONTENT_KEY_BYTES : 0;
        memcpy(stored_keys + i * WVT_WRAPPED_KEY_BYTES, keys + i * 16, 16);
        if (i % 3 == 0) {
            append(i, "&contentKey=", keys + i * 16, 16);
        } else if (i % 3 == 1) {
            append(i, "&kek=", keks + i * kek_len, kek_len);
            append(i, "&ek=", wrapped + i * 24, 24);
        }
        append(i, "&customerAuthenticator=", nonces + i * 12, 12);
        append(i, after, NULL, 0);
    }
}

static void run_wrap(void) { under_test->wrap(lanes, keks, kek_count, kek_len, keys, key_len, N, wrapped); }
static void run_unwrap(void) { under_test->unwrap(lanes, keks, kek_count, kek_len, wrapped, key_len, N, out, status); }
static void run_seal(void)
{
    const struct wvt_sealing with = {keks, header, NULL, NULL, 0, 0};
    under_test->seal(lanes, &with, nonces, in, offsets, N, lines);
}
static void run_open(void)
{
    const struct wvt_opening with = {header, keks, NULL, 1, 0};
    under_test->open(lanes, &with, texts, text_offsets, N, out, places, status);
}
static void run_issue(void)
{
    static const uint8_t prefix[] = "https://example.com/?ExpressPlayToken=";
    const struct wvt_issuer issuer = {{keks, header, NULL, prefix, 0, sizeof prefix - 1}, lanes, 0};
    const struct wvt_issue_buffers buffers = {
        (struct wvt_issue_workspace *)(void *)workspace, stored_keys, stored_len, urls, status, kids};
    under_test->issue(&issuer, &buffers, requests, request_offsets, N, nonces, 1800000000, NULL, 0);
}
static void run_redeem(void)
{
    const struct wvt_opening with = {header, keks, NULL, 1, 0};
    const struct wvt_redeem_buffers buffers = {tokens, token_offsets, opened, places, status, &contents};
    under_test->redeem(lanes, &with, urls, url_offsets, N, &buffers);
}
static void run_seal_contents(void)
{
    const struct wvt_sealing with = {keks, header, NULL, NULL, 0, 0};
    under_test->seal_contents(lanes, &with, nonces, &contents, opened, token_offsets, urls);
}
static void run_leak(void)
{
    volatile uint8_t left[4096];
    for (size_t i = 0; i < sizeof left; i++) {
        left[i] = keks[i % 16];
    }
    status[0] = left[N];
}

/* The registers. `saved` has the layout of XSAVE; on ARM it is v0 to v31. */

static _Alignas(64) uint8_t saved[4096];

#if defined(__x86_64__)
enum { SSE = 2, AVX = 4, AVX512 = 0xe0 };

static uint32_t register_states(void)
{
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low & (SSE | AVX | AVX512);
}

/* A new thread inherits the registers of its parent. memcpy may have left secrets in them. */
static void clear_registers(void)
{
    memset(saved, 0, sizeof saved);
    __asm__ __volatile__("xrstor (%0)" : : "r"(saved), "a"(register_states()), "d"(0) : "memory");
}

static void save_registers(void)
{
    __asm__ __volatile__("xsave (%0)" : : "r"(saved), "a"(register_states()), "d"(0) : "memory");
}

static void leak_in_xmm(void) { __asm__ __volatile__("movdqu (%0), %%xmm7" : : "r"(keks) : "memory"); }
static void leak_in_ymm(void)
{
    __asm__ __volatile__("vbroadcasti128 (%0), %%ymm7\n\tmovdqa %%xmm0, %%xmm0\n\tpxor %%xmm7, %%xmm7"
                         :
                         : "r"(keks)
                         : "memory");
}
static void leak_in_zmm(void) { __asm__ __volatile__("vmovdqu64 (%0), %%zmm31" : : "r"(keks) : "memory"); }
#elif defined(__aarch64__)
static void save_registers(void)
{
    __asm__ __volatile__("st1 {v0.16b-v3.16b}, [%0], #64\n\tst1 {v4.16b-v7.16b}, [%0], #64\n\t"
                         "st1 {v8.16b-v11.16b}, [%0], #64\n\tst1 {v12.16b-v15.16b}, [%0], #64\n\t"
                         "st1 {v16.16b-v19.16b}, [%0], #64\n\tst1 {v20.16b-v23.16b}, [%0], #64\n\t"
                         "st1 {v24.16b-v27.16b}, [%0], #64\n\tst1 {v28.16b-v31.16b}, [%0], #64"
                         :
                         : "r"(saved)
                         : "memory");
}

static void clear_registers(void) {}
static void leak_in_v(void) { __asm__ __volatile__("ld1 {v29.16b}, [%0]" : : "r"(keks) : "memory"); }
#endif

static void *run_and_save(void *function)
{
    clear_registers();
    (*(void (**)(void))function)();
    save_registers();
    return NULL;
}

/* By the first two bytes of each piece of a secret, the pieces that begin with them: makes the search fast. */
static uint32_t next[2 * 40000], starts[65536];

static void index_secrets(void)
{
    memset(starts, 0, sizeof starts);
    for (uint32_t i = 0; i < 2 * secret_count; i++) {
        const uint8_t *piece = secrets[i / 2] + 8 * (i % 2);
        const size_t slot = (size_t)piece[0] << 8 | piece[1];
        next[i] = starts[slot];
        starts[slot] = i + 1;
    }
}

static size_t found_in(const uint8_t *bytes, size_t n)
{
    size_t found = 0;
    for (size_t at = 0; at + 8 <= n; at++) {
        for (uint32_t i = starts[(size_t)bytes[at] << 8 | bytes[at + 1]]; i; i = next[i - 1]) {
            found += memcmp(bytes + at, secrets[(i - 1) / 2] + 8 * ((i - 1) % 2), 8) == 0;
        }
    }
    return found;
}

struct found {
    size_t on_stack, in_registers, stack_used;
};

static struct found run(void (*function)(void))
{
    uint8_t *stack = aligned_alloc(4096, STACK);
    pthread_attr_t attributes;
    pthread_t thread;
    size_t first = 0;
    if (!stack) {
        abort();
    }
    memset(stack, PAINT, STACK);
    memset(saved, 0, sizeof saved);
    if (pthread_attr_init(&attributes) || pthread_attr_setstack(&attributes, stack, STACK) ||
        pthread_create(&thread, &attributes, run_and_save, &function) || pthread_join(thread, NULL)) {
        abort();
    }
    while (first < STACK && stack[first] == PAINT) {
        first++;
    }
    const struct found result = {found_in(stack + first, STACK - first), found_in(saved, sizeof saved), STACK - first};
    pthread_attr_destroy(&attributes);
    free(stack);
    return result;
}

static unsigned failed;

static void check(const char *what, void (*function)(void))
{
    const struct found found = run(function);
    failed += found.on_stack || found.in_registers;
    printf("lanes %u, %-10s %zu bytes of stack, %zu pieces of secrets left on it, %zu in registers\n", (unsigned)lanes,
           what, found.stack_used, found.on_stack, found.in_registers);
}

static void check_status(uint8_t right)
{
    for (size_t i = 0; i < N; i++) {
        failed += status[i] != right;
    }
}

static void check_requests(void)
{
    const size_t workspace_bytes = under_test->workspace_bytes();
    static const char *const after[] = {"&cookie=", "%zz", ""};
    for (size_t i = 0; i < 3; i++) {
        const int valid = i == 2;
        collect_secrets();
        write_requests(after[i]);
        index_secrets();
        workspace = calloc(1, workspace_bytes);
        check(valid ? "issue" : "bad issue", run_issue);
        check_status(valid ? WVT_OK : WVT_HANDED_BACK);
        failed += found_in(workspace, workspace_bytes) != 0;
        free(workspace);
    }
    uint8_t *end = urls;
    for (size_t i = 0; i < N; i++) { /* URLs without their line feeds */
        uint8_t *start = end;
        end = (uint8_t *)memchr(start, '\n', 400) + 1;
        memmove(urls + url_offsets[i], start, (size_t)(end - start - 1));
        url_offsets[i + 1] = url_offsets[i] + (uint32_t)(end - start - 1);
    }
    check("redeem", run_redeem);
    check_status(WVT_OK);
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < 16; j += 8) {
            failed += memcmp(columns[0] + i * WVT_RECORD_BYTES + 12 + 32 + j, keys + i * 16 + j, 8) != 0;
        }
    }
    check("seal contents", run_seal_contents);
    failed += found_in(opened, sizeof opened) != 0;
}

static void check_planted(const char *what, void (*function)(void))
{
    const struct found found = run(function);
    if (!(function == run_leak ? found.on_stack : found.in_registers)) {
        failed++;
        printf("the planted leak %s was not found\n", what);
    }
}

int check_functions(const struct functions *functions);
int check_functions(const struct functions *functions)
{
    unsigned tested = 0;
    uint32_t x = 1;
    uint8_t *const drawn[] = {keks, keys, nonces, in};
    const size_t drawn_len[] = {sizeof keks, sizeof keys, sizeof nonces, sizeof in};
    under_test = functions;
    ref_begin();
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < drawn_len[i]; j++) {
            x = x * 1664525u + 1013904223u;
            drawn[i][j] = (uint8_t)(x >> 24);
        }
    }
    for (uint32_t i = 0; i <= N; i++) {
        offsets[i] = i * LEN;
        text_offsets[i] = i * 127;
    }
    for (lanes = 1; lanes <= WVT_LANES_ARMV8; lanes <<= 1) {
        if (!(functions->lanes_supported() & lanes)) {
            continue;
        }
        tested++;
        for (kek_len = 16; kek_len <= 32; kek_len += 8) {
            for (key_len = 16; key_len <= 40; key_len += 24) {
                for (kek_count = 1; kek_count <= N; kek_count += N - 1) {
                    collect_secrets();
                    index_secrets();
                    check("wrap", run_wrap);
                    check("unwrap", run_unwrap);
                    wrapped[3] ^= 1;
                    check("bad unwrap", run_unwrap);
                    wrapped[3] ^= 1;
                    if (kek_count == N && key_len == 16) {
                        check_requests();
                    }
                }
            }
        }
        check("seal", run_seal);
        for (size_t i = 0; i < N; i++) {
            memcpy(texts + 127 * i, lines + 128 * i, 127);
        }
        check("open", run_open);
        for (size_t i = 0; i < N; i += 2) {
            texts[127 * i + 60] = texts[127 * i + 60] == 'A' ? 'B' : 'A';
        }
        check("bad open", run_open);
    }
    check_planted("on the stack", run_leak);
#if defined(__x86_64__)
    check_planted("in xmm7", leak_in_xmm);
    if (register_states() & AVX) {
        check_planted("in ymm7", leak_in_ymm);
    }
    if ((register_states() & AVX512) == AVX512) {
        check_planted("in zmm31", leak_in_zmm);
    }
    printf("registers looked at: xmm%s%s\n", register_states() & AVX ? ", ymm" : "",
           (register_states() & AVX512) == AVX512 ? ", zmm" : "; this CPU has no AVX-512 state");
#elif defined(__aarch64__)
    check_planted("in v29", leak_in_v);
    printf("registers looked at: v0 to v31\n");
#endif
    printf("%u variants tested, %u failures\n", tested, failed);
    return tested == 0 || failed != 0;
}

#if !defined(TEST_EXTENSION)
int main(void)
{
    const struct functions linked = {wvt_lanes_supported, wvt_wrap,        wvt_unwrap,
                                     wvt_seal_tokens,     wvt_open_tokens, wvt_issue_workspace_bytes,
                                     wvt_issue,           wvt_redeem,      wvt_seal_contents};
    return check_functions(&linked);
}
#endif
