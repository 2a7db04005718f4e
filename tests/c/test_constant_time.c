/* test_constant_time.c - no branch and no address depends on a secret. For valgrind alone: memcheck is told that keys
 * and plaintexts are undefined, and reports whatever is decided by them. What the outcome may tell, status and count,
 * is arithmetic until a function returns.
 *
 * -DPLANTED_LEAK=1 adds a branch, 2 an index that depends on a key: a check that lets them pass would be none. */
#include "wvtoken.h"

#include <stdio.h>
#include <string.h>
#include <valgrind/memcheck.h>

enum { N = 70, LONGEST = 100, LONG = 3000, ALL = N * LONGEST };

static uint8_t keks[N * 32], keys[N * 40], wrapped[N * 48], wrapped_back[N * 40], nonces[N * 12], in[ALL],
    out[2 * ALL + N * 200];
static uint8_t sealed[ALL + N * 16], texts[2 * ALL + N * 100], status[N];
static uint32_t len[N], sealed_len[N], text_len[N];
static const uint8_t header[WVT_HEADER_BYTES] = {1}, mark[WVT_MARK_BYTES] = {9, 8, 7, 6, 5, 4, 3, 2};
static const uint8_t prefix[] = "https://example.com/?token=", audience[] = "audience";
enum { PREFIX = sizeof prefix - 1, AUDIENCE = sizeof audience - 1 };
static int mistakes;

static void secret(const void *p, size_t n) { VALGRIND_MAKE_MEM_UNDEFINED(p, n); }

static void known(const void *p, size_t n) { VALGRIND_MAKE_MEM_DEFINED(p, n); }

/* Output that does not depend on a secret means that this check looked at nothing. */
static void derived(const uint8_t *p, size_t n, const char *what)
{
    uint8_t undefined[N] = {0}, any = 0;
    VALGRIND_GET_VBITS(p, undefined, N);
    for (size_t i = 0; i < N; i++) {
        any |= undefined[i];
    }
    if (!any) {
        printf("%s does not depend on the secrets\n", what);
        mistakes++;
    }
    known(p, n);
}

static void expect(int64_t refused, int64_t right, const char *what)
{
    known(&refused, sizeof refused);
    if (refused != right) {
        printf("%s: %d refused\n", what, (int)refused);
        mistakes++;
    }
}

/* Items that come with marks between them: the marks are known, as they are in wvtoken. */
static void put_marks(uint8_t *items, size_t item_len)
{
    for (size_t i = 1; i < N; i++) {
        memcpy(items + i * (item_len + sizeof mark) - sizeof mark, mark, sizeof mark);
    }
    for (size_t i = 1; i < N; i++) {
        known(items + i * (item_len + sizeof mark) - sizeof mark, sizeof mark);
    }
}

static void check_marked(uint32_t lanes, size_t kek_count, int bad)
{
    static uint8_t marked_keks[N * 24], marked[N * 32];
    secret(marked_keks, sizeof marked_keks);
    secret(marked, sizeof marked);
    put_marks(marked_keks, 16);
    put_marks(marked, 16);
    expect(wvt_wrap(lanes, mark, marked_keks, kek_count, 16, marked, 16, N, wrapped), 0, "wrap marked");
    derived(wrapped, N * 24, "wrapped marked");
    for (size_t i = 0; i < N; i++) {
        memcpy(marked + i * 32, wrapped + i * 24, 24);
        marked[i * 32 + i % 24] ^= (uint8_t)(bad && i % 2);
    }
    put_marks(marked, 24);
    expect(wvt_unwrap(lanes, mark, marked_keks, kek_count, 16, marked, 16, N, wrapped_back, status), bad ? N / 2 : 0,
           "unwrap marked");
    derived(wrapped_back, N * 16, "unwrapped marked");
    derived(status, N, "status");
}

static void check_wrap(uint32_t lanes, size_t kek_count, size_t kek_len, size_t key_len, int bad)
{
    const size_t wrapped_len = key_len + 8;
    secret(keks, sizeof keks);
    secret(keys, sizeof keys);
    expect(wvt_wrap(lanes, NULL, keks, kek_count, kek_len, keys, key_len, N, wrapped), 0, "wrap");
    derived(wrapped, N * wrapped_len, "wrapped");
    for (size_t i = 0; bad && i < N; i += 2) {
        wrapped[i * wrapped_len + i % wrapped_len] ^= 1;
    }
    expect(wvt_unwrap(lanes, NULL, keks, kek_count, kek_len, wrapped, key_len, N, wrapped_back, status),
           bad ? N / 2 : 0, "unwrap");
    derived(wrapped_back, N * key_len, "unwrapped");
    derived(status, N, "status");
}

static void check_seal(uint32_t lanes, int mixed, int bad)
{
    size_t at = 0, text = 0;
    for (size_t i = 0; i < N; i++) {
        len[i] = mixed ? (uint32_t)(i * 37 % LONGEST) : 62;
        sealed_len[i] = len[i] + 16;
        text_len[i] = (4 * (len[i] + WVT_TOKEN_OVERHEAD) + 2) / 3;
    }
    secret(keks, sizeof keks);
    secret(in, sizeof in);
    expect(wvt_seal(lanes, keks, header, 5, nonces, in, len, N, sealed), 0, "seal");
    derived(sealed, sizeof sealed, "sealed");
    for (size_t i = 0; i < N; at += sealed_len[i++]) {
        sealed[at + i % sealed_len[i]] ^= (uint8_t)(bad && i % 2);
    }
    expect(wvt_open(lanes, keks, header, 5, nonces, sealed, sealed_len, N, out, status), bad ? N / 2 : 0, "open");
    derived(out, sizeof out, "opened");
    derived(status, N, "status");

    expect(wvt_seal_tokens(lanes, prefix, PREFIX, keks, header, audience, AUDIENCE, nonces, in, len, N, out), 0,
           "seal tokens");
    derived(out, sizeof out, "tokens");
    for (size_t i = 0, from = PREFIX; i < N; from += PREFIX + text_len[i++] + 1) {
        memcpy(texts + text, out + from, text_len[i]);
        if (bad && i % 2) {
            texts[text + 20] = texts[text + 20] == 'A' ? 'B' : 'A';
        }
        text += text_len[i];
    }
    expect(wvt_open_tokens(lanes, keks, header, audience, AUDIENCE, texts, text_len, N, out, status), bad ? N / 2 : 0,
           "open tokens");
    derived(out + 12, sizeof out - 12, "opened tokens");
    derived(status, N, "status");
    secret(in, sizeof in);
    expect(wvt_base64url_encode(lanes, in, len, N, out), 0, "encode");
    derived(out, sizeof out, "text");
}

/* Texts that are decoded in pieces. The last of them does not open. */
static void check_long(uint32_t lanes)
{
    enum { COUNT = 2, CHARS = (4 * (LONG + WVT_TOKEN_OVERHEAD) + 2) / 3 };
    const uint32_t long_len[COUNT] = {LONG, LONG}, chars[COUNT] = {CHARS, CHARS};
    secret(keks, sizeof keks);
    secret(in, sizeof in);
    expect(wvt_seal_tokens(lanes, NULL, 0, keks, header, NULL, 0, nonces, in, long_len, COUNT, out), 0, "seal long");
    derived(out, sizeof out, "long tokens");
    memcpy(texts, out, CHARS);
    memcpy(texts + CHARS, out + CHARS + 1, CHARS);
    texts[2 * CHARS - 9] = texts[2 * CHARS - 9] == 'A' ? 'B' : 'A';
    expect(wvt_open_tokens(lanes, keks, header, NULL, 0, texts, chars, COUNT, out, status), 1, "open long");
    derived(out + 12, sizeof out - 12, "opened long");
    known(status, sizeof status);
    if (status[0] != WVT_OK || status[1] != WVT_REFUSED) {
        printf("long tokens: the wrong one is refused\n");
        mistakes++;
    }
}

#if defined(PLANTED_LEAK)
static uint8_t leak(const uint8_t *key)
{
    static const uint8_t table[256] = {1, 2, 3};
    volatile uint8_t seen = 0;
    if (PLANTED_LEAK == 1 && (key[0] & 1)) {
        seen = 1;
    }
    return PLANTED_LEAK == 2 ? table[key[0]] : seen;
}
#endif

int main(void)
{
    uint32_t tested = 0;
    if (!RUNNING_ON_VALGRIND) {
        printf("this tells nothing without valgrind\n");
        return 2;
    }
    for (uint32_t lanes = 1; lanes <= WVT_LANES_ARMV8; lanes <<= 1) {
        if (!(wvt_lanes_supported() & lanes)) {
            continue;
        }
        tested |= lanes;
        for (int bad = 0; bad <= 1; bad++) {
            for (size_t kek_len = 16; kek_len <= 32; kek_len += 8) {
                check_wrap(lanes, N, kek_len, 16, bad);
                check_wrap(lanes, 1, kek_len, 16, bad);
                check_wrap(lanes, N, kek_len, 40, bad);
            }
            check_marked(lanes, N, bad);
            check_marked(lanes, 1, bad);
            check_seal(lanes, 0, bad);
            check_seal(lanes, 1, bad);
        }
        check_long(lanes);
    }
#if defined(PLANTED_LEAK)
    secret(keks, 1);
    status[0] = leak(keks);
#endif
    printf("lanes 0x%x, %d mistakes\n", (unsigned)tested, mistakes);
    return tested == 0 || mistakes != 0;
}
