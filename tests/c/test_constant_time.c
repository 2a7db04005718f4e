/* test_constant_time.c - no branch and no address depends on a secret. Keys and plaintexts are marked as undefined, and
 * valgrind or MemorySanitizer (msan/valgrind/memcheck.h) reports what depends on them. The number of refused items and
 * their status may be looked at when a function has returned.
 *
 * In requests, the values of keys and of the authenticator are secret. -DWVT_DECLASSIFY=VALGRIND_MAKE_MEM_DEFINED makes
 * public what wvtoken.h calls public, and nothing else.
 *
 * -DPLANTED_LEAK=1 adds a branch that depends on a key, -DPLANTED_LEAK=2 an index. Both must be found. */
#include "wvtoken.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/memcheck.h>

enum { N = 70, LONGEST = 100, ALL = N * LONGEST };

static uint8_t keks[N * 32], keys[N * 40], wrapped[N * 48], wrapped_back[N * 40], nonces[N * 12], in[ALL];
static uint8_t out[2 * ALL + N * 200], opened[2 * ALL + N * 200], texts[2 * ALL + N * 100], status[N];
static uint32_t offsets[N + 1], text_offsets[N + 1], places[N + 1];
static const uint8_t headers[2][WVT_HEADER_BYTES] = {{1}, {2}}, audience[] = "audience";
static const uint8_t prefix[] = "https://example.com/?ExpressPlayToken=";
enum { PREFIX = sizeof prefix - 1, AUDIENCE = sizeof audience - 1 };
static int mistakes;

static void secret(const void *p, size_t n) { VALGRIND_MAKE_MEM_UNDEFINED(p, n); }

static void known(const void *p, size_t n) { VALGRIND_MAKE_MEM_DEFINED(p, n); }

/* Fails if the output does not depend on a secret: then nothing was checked. */
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

static void check_wrap(uint32_t lanes, size_t kek_count, size_t kek_len, size_t key_len, int bad)
{
    const size_t wrapped_len = key_len + 8;
    secret(keks, sizeof keks);
    secret(keys, sizeof keys);
    expect(wvt_wrap(lanes, keks, kek_count, kek_len, keys, key_len, N, wrapped), 0, "wrap");
    derived(wrapped, N * wrapped_len, "wrapped");
    for (size_t i = 0; bad && i < N; i += 2) {
        wrapped[i * wrapped_len + i % wrapped_len] ^= 1;
    }
    expect(wvt_unwrap(lanes, keks, kek_count, kek_len, wrapped, key_len, N, wrapped_back, status), bad ? N / 2 : 0,
           "unwrap");
    derived(wrapped_back, N * key_len, "unwrapped");
    derived(status, N, "status");
}

static void check_tokens(uint32_t lanes, int mixed, int bad)
{
    const struct wvt_sealing sealing = {keks + 32, headers[1], audience, prefix, AUDIENCE, PREFIX};
    const struct wvt_opening opening = {headers[0], keks, audience, 2, AUDIENCE};
    const uint8_t *line = out;
    size_t all = 0;
    secret(keks, sizeof keks);
    secret(in, sizeof in);
    for (uint32_t i = 0; i < N; i++) {
        const uint32_t len = mixed ? i * 37 % LONGEST : 62, chars = (4 * (len + WVT_TOKEN_OVERHEAD) + 2) / 3;
        offsets[i + 1] = offsets[i] + len;
        text_offsets[i + 1] = text_offsets[i] + chars;
        all += PREFIX + chars + 1;
    }
    expect(wvt_seal_tokens(lanes, &sealing, nonces, in, offsets, N, out), (int64_t)all, "seal tokens");
    derived(out + PREFIX, all - PREFIX, "tokens");
    for (size_t i = 0; i < N; i++) {
        uint8_t *text = texts + text_offsets[i];
        const size_t chars = text_offsets[i + 1] - text_offsets[i];
        memcpy(text, line + PREFIX, chars);
        line += PREFIX + chars + 1;
        if (bad && i % 2) {
            text[20] = text[20] == 'A' ? 'B' : 'A';
        }
    }
    expect(wvt_open_tokens(lanes, &opening, texts, text_offsets, N, out, places, status), bad ? N / 2 : 0,
           "open tokens");
    derived(out + WVT_HEADER_BYTES + WVT_NONCE_BYTES, sizeof out - WVT_HEADER_BYTES - WVT_NONCE_BYTES, "payloads");
    derived(status, N, "status");
}

/* Requests. A secret stands between { and }, which are not part of the request. @ stands for the KEKs and wrapped keys. */
#define REST "&securityLevel=5&hdcpOutputControl=2&kid="
#define KID "00112233445566778899aabbccddeeff"
static const char *const shapes[] = {
    "customerAuthenticator={201722,1ad8eed133edf43c}&contentKey={00112233445566778899aAbBcCdDeEfF}" REST KID,
    "customerAuthenticator={201722%2C1ad8%65+d133}&contentKey={0%301122%333%3445566778899aabbccddeeFF}" REST "%5Ename",
    "customerAuthenticator={a}" REST "^name&kek={@}&ek={@}&cookie=c&wvExtension=abcd,AAAA",
    "customerAuthenticator={b}" REST KID,                                       /* with a stored key */
    "customerAuthenticator={\x01 not printable}&contentKey={" KID "}" REST KID, /* handed back, as all below */
    "customerAuthenticator={c}&contentKey={0011223344556677x899aabbccddeeff}" REST KID,
    "kek={" KID "}&ek={" KID "0011223344556677}" REST KID "&customerAuthenticator={d}",
};
enum { SHAPES = sizeof shapes / sizeof *shapes, ACCEPTED = 4, UNWRAPS_NOT = 6 };

static uint32_t write_hex(uint8_t *text, const uint8_t *from, size_t n)
{
    for (size_t i = 0; i < 2 * n; i++) {
        text[i] = (uint8_t)"0123456789abcdef"[from[i / 2] >> (i % 2 ? 0 : 4) & 15];
    }
    return (uint32_t)(2 * n);
}

/* Append a request to `texts`, and mark its secrets. */
static void write_request(uint32_t i, const char *shape)
{
    uint32_t at = text_offsets[i], secret_at = 0, ats = 0;
    for (; *shape; shape++) {
        if (*shape == '{') {
            secret_at = at;
        } else if (*shape == '}') {
            secret(texts + secret_at, at - secret_at);
        } else if (*shape == '@') {
            at += ats++ ? write_hex(texts + at, wrapped + i * 24, 24) : write_hex(texts + at, keks + i * 16, 16);
        } else {
            texts[at++] = (uint8_t)*shape;
        }
    }
    text_offsets[i + 1] = at;
}

static void check_requests(uint32_t lanes)
{
    static uint64_t workspace[1 << 17];
    static uint8_t stored_keys[N * WVT_WRAPPED_KEY_BYTES], stored_len[N], kids[N * WVT_KID_BYTES], tokens[2 * ALL];
    static uint32_t token_offsets[N + 1];
    static uint8_t columns[4][2 * ALL];
    static uint32_t ends[ALL];
    struct wvt_contents contents = {columns[0], columns[1], columns[2], columns[3], ends, 0, 0, 0, 0};
    static struct wvt_value values[WVT_VALUES_MAX];
    const struct wvt_issuer issuer = {{keks, headers[0], audience, prefix, AUDIENCE, PREFIX}, lanes, 0};
    const struct wvt_opening opening = {headers[0], keks, audience, 1, AUDIENCE};
    const struct wvt_issue_buffers buffers = {
        (struct wvt_issue_workspace *)(void *)workspace, stored_keys, stored_len, out, status, kids};
    const struct wvt_redeem_buffers redeem_buffers = {tokens, token_offsets, opened, places, status, &contents};
    known(keks, sizeof keks);
    known(keys, sizeof keys);
    expect(wvt_wrap(lanes, keks, N, 16, keys, 16, N, wrapped), 0, "wrap");
    for (uint32_t i = 0; i < N; i++) {
        write_request(i, shapes[i % SHAPES]);
        stored_len[i] = i % SHAPES == 3 ? WVT_CONTENT_KEY_BYTES : 0;
    }
    secret(stored_keys, sizeof stored_keys);
    for (size_t i = 0; i < N; i++) {
        uint32_t used;
        const uint32_t given = wvt_parse(texts + text_offsets[i], text_offsets[i + 1] - text_offsets[i],
                                         (struct wvt_issue_workspace *)(void *)workspace, values, opened, &used);
        expect(given != 0, i % SHAPES < ACCEPTED || i % SHAPES == UNWRAPS_NOT, "parse");
    }
    secret(keks, sizeof keks);
    int64_t written =
        sizeof workspace < wvt_issue_workspace_bytes()
            ? -1
            : wvt_issue(&issuer, &buffers, texts, text_offsets, N, nonces, 1800000000, audience, AUDIENCE);
    known(&written, sizeof written);
    uint32_t first = 0, n = 0;
    if (written < 0) {
        abort();
    }
    derived(out + PREFIX, sizeof out - PREFIX, "URLs");
    for (uint32_t i = 0; i < (uint32_t)written; i++) { /* URLs without their line feeds */
        if (out[i] == '\n') {
            text_offsets[++n] = first;
        } else {
            texts[first++] = out[i];
        }
    }
    known(texts, sizeof texts);
    for (size_t i = 0; i < N; i++) {
        expect(status[i], i % SHAPES < ACCEPTED ? WVT_OK : WVT_HANDED_BACK, shapes[i % SHAPES]);
    }
    expect(n, (int64_t)N / SHAPES * ACCEPTED, "URLs written");
    texts[text_offsets[1] - 2] ^= 1;
    expect(wvt_redeem(lanes, &opening, texts, text_offsets, n, &redeem_buffers), 1, "redeem");
    derived(columns[0] + WVT_NONCE_BYTES + WVT_PAYLOAD_FIXED_BYTES - WVT_CONTENT_KEY_BYTES, N, "records");
    written = wvt_seal_contents(lanes, &issuer.sealing, nonces, &contents, opened, token_offsets, out);
    derived(out + PREFIX, N, "tokens of the contents");
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
        printf("this test needs valgrind or MemorySanitizer\n");
        return 2;
    }
    for (uint32_t lanes = 1; lanes <= WVT_LANES_ARMV8; lanes <<= 1) {
        if (!(wvt_lanes_supported() & lanes)) {
            continue;
        }
        tested |= lanes;
        printf("lanes_%s is checked\n", lanes == WVT_LANES_AESNI     ? "aesni"
                                        : lanes == WVT_LANES_VAES256 ? "vaes256"
                                        : lanes == WVT_LANES_VAES512 ? "vaes512"
                                                                     : "armv8");
        for (int bad = 0; bad <= 1; bad++) {
            for (size_t kek_len = 16; kek_len <= 32; kek_len += 8) {
                check_wrap(lanes, N, kek_len, 16, bad);
                check_wrap(lanes, 1, kek_len, 16, bad);
                check_wrap(lanes, N, kek_len, 40, bad);
            }
            check_tokens(lanes, 0, bad);
            check_tokens(lanes, 1, bad);
        }
        check_requests(lanes);
    }
#if defined(PLANTED_LEAK)
    secret(keks, 1);
    status[0] = leak(keks);
#endif
    printf("lanes 0x%x, %d mistakes\n", (unsigned)tested, mistakes);
    return tested == 0 || mistakes != 0;
}
