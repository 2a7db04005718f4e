/* test_requests.c - the request parser, SHA-1, hexadecimal digits and the payload reader in portable C, on every CPU.
 *
 * tests/test_fast_path.py compares them with the Python reference. This program runs without Python, also in qemu. */
#include "hex.h"
#include "payload.h"
#include "sha1.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int mistakes;

static void expect(int right, const char *what)
{
    if (!right) {
        printf("wrong: %s\n", what);
        mistakes++;
    }
}

/* FIPS 180-4 examples of NIST, and messages around the length of a block. */
static void check_sha1(void)
{
    static const struct {
        const char *message, *digest;
        size_t repeat;
    } vectors[] = {
        {"", "da39a3ee5e6b4b0d3255bfef95601890afd80709", 1},
        {"abc", "a9993e364706816aba3e25717850c26c9cd0d89d", 1},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1", 1},
        {"a", "34aa973cd4c4daa4f61eeb2bdbad27316534016f", 1000000},
        {"a", "c1c8bbdc22796e28c0e15163d20899b65621d65a", 55},
        {"a", "c2db330f6083854c99d4b5bfb6e8f29f201be699", 56},
        {"a", "0098ba824b5c16427bd7a1122a5a442a25ec644d", 64},
        {"a", "11655326c708d70319be2610e8a57d9a5b959d3b", 65},
    };
    static uint8_t message[1000000];
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const size_t len = strlen(vectors[i].message), all = len * vectors[i].repeat;
        uint8_t digest[WVT_SHA1_BYTES], right[WVT_SHA1_BYTES];
        for (size_t at = 0; at < all; at += len) {
            memcpy(message + at, vectors[i].message, len);
        }
        wvt_sha1(message, all, digest);
        expect(wvt_decode_hex((const uint8_t *)vectors[i].digest, 2 * WVT_SHA1_BYTES, right), "hex of a digest");
        expect(memcmp(digest, right, sizeof digest) == 0, vectors[i].digest);
    }
}

/* Every pair of characters, at each place in a word of 8. */
static void check_hex(void)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    for (unsigned pair = 0; pair < 65536; pair++) {
        const uint8_t two[2] = {(uint8_t)(pair >> 8), (uint8_t)pair};
        const char *high = two[0] ? strchr(digits, two[0]) : NULL, *low = two[1] ? strchr(digits, two[1]) : NULL;
        uint8_t text[14], out[7];
        memset(text, '0', sizeof text);
        memcpy(text + pair % 7 * 2, two, 2);
        const int valid = wvt_decode_hex(text, sizeof text, out);
        expect(valid == (high && low), "validity of a hexadecimal digit");
        if (valid && high && low) {
            expect(out[pair % 7] == (((high - digits) & 15) << 4 | ((low - digits) & 15)), "value of a digit");
        }
    }
}

static int accepts(const char *text)
{
    static struct wvt_request request;
    const size_t len = strlen(text);
    uint8_t *copy = malloc(len ? len : 1); /* of exactly this length, for sanitizers */
    if (!copy) {
        abort();
    }
    memcpy(copy, text, len);
    memset(&request, 'A', sizeof request); /* new memory has any content */
    request.bytes[28] = ',';               /* behind a type that follows BARE */
    const int accepted = wvt_parse_request(copy, len, &request);
    free(copy);
    expect(!request.used || request.bytes[0] == 'a', "no extension is written over the values");
    wvt_wipe_request(&request);
    return accepted;
}

#define BARE "customerAuthenticator=a&kid=^kid1&securityLevel=1&hdcpOutputControl=0"

static void check_requests(void)
{
    static const char *const accepted[] = {
        BARE,
        "&&" BARE "&",
        BARE "&unknown=%zz&x",
        BARE "&customerAuthenticator2=1",
        BARE "&cookie=12345678901234567890123456789012",
        BARE "&expirationTime=+60&cookie=a%20b",
        BARE "&wvExtension=abcd,AA==&wvExtension=ab+d,++++",
        BARE "&expirationTime=2024-02-29T23:59:59Z",
    };
    static const char *const handed_back[] = {
        "",
        "customerAuthenticator=a&kid=^kid1&securityLevel=1",
        BARE "&kid=^kid1",
        BARE "&cookie=%4",
        BARE "&cookie=%zz",
        BARE "&cookie=",
        BARE "&%63ookie=a",
        BARE "&licenseDuration=4294967296",
        BARE "&licenseDuration=01",
        BARE "&expirationTime=2023-02-29T00:00:00Z",
        BARE "&expirationTime=+2592001",
        BARE "&wvExtension=abcd,AB==",
        BARE "&wvExtension=a,cd,AAAA",
        BARE "&ek=000102030405060708090a0b0c0d0e0f0001020304050607",
        BARE "&contentKey=000102030405060708090a0b0c0d0e0g",
        BARE "&deviceId=1",
        BARE "&cookie=\x7f",
        BARE "&cookie=\x1f",
        BARE "&cookie=123456789012345678901234567890123",
        BARE "&expirationTime=2100-02-29T00:00:00Z",
        BARE "&expirationTime=2026-04-31T00:00:00Z",
        BARE "&contentKey=000102030405060708090a0b0c0d0e0G",
        BARE "&contentKey=000102030405060708090a0b0c0d0e0f&kek=000102030405060708090a0b0c0d0e0f",
        BARE "&licenseDuration=18446744073709551617",
        BARE "&wvExtension=abcd,AAA",
        BARE "&wvExtension=a",
    };
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        expect(accepts(accepted[i]), accepted[i]);
    }
    for (size_t i = 0; i < sizeof handed_back / sizeof *handed_back; i++) {
        expect(!accepts(handed_back[i]), handed_back[i]);
    }
    static char long_value[2 * WVT_VALUES_ROOM] = BARE "&contentId=";
    memset(long_value + strlen(long_value), 'a', WVT_VALUES_ROOM);
    expect(!accepts(long_value), "a value that does not fit");

    /* The kid of a name needs 16 bytes more than the name. Escapes in an extension use up the room. */
    static const char before[] = "customerAuthenticator=a&securityLevel=1&hdcpOutputControl=0&wvExtension=abcd,";
    static char late_name[2 * WVT_VALUES_ROOM];
    for (size_t escapes = 5448; escapes <= 5456; escapes += 8) {
        memcpy(late_name, before, sizeof before);
        for (size_t i = 0; i < escapes; i++) {
            memcpy(late_name + sizeof before - 1 + 3 * i, "%41", 3);
        }
        memcpy(late_name + sizeof before - 1 + 3 * escapes, "&kid=^n", 8);
        expect(accepts(late_name) == (escapes == 5448), "a kid that does not fit");
    }

    /* The fourth extension, 8128 bytes in all, makes the payload too long with the longest customer. The last two do
     * not fit into the memory for extensions. The first of them has a text that is shorter than its field. */
    static const size_t base64_len[] = {5800, 3820, 948, 232, 8, 8, 4, 16, 4, 400};
    static char extensions[12000] = BARE, *at = extensions + sizeof BARE - 1;
    for (size_t i = 0; i < sizeof base64_len / sizeof *base64_len; i++) {
        memcpy(at, "&wvExtension=abcd,", 18);
        memset(at + 18, 'A', base64_len[i]);
        at += 18 + base64_len[i];
        expect(accepts(extensions) == (i < 3), "a payload that is too long");
        if (i == 2) {
            memcpy(at, "&contentId=", 11);
            memset(at + 11, 'i', 200);
            expect(!accepts(extensions), "a payload that is too long with its content id");
            memset(at, 0, 211);
        }
    }
}

/* The seconds of each time; INT64_MIN if it is handed back. */
static void check_times(void)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } times[] = {
        {"0001-01-01T00:00:00Z", WVT_TIME_MIN},
        {"9999-12-31T23:59:59Z", WVT_TIME_MAX},
        {"1970-01-01T00:00:00Z", 0},
        {"2000-02-29T00:00:00Z", INT64_C(951782400)},
        {"2000-03-01T00:00:00Z", INT64_C(951868800)},
        {"2100-03-01T00:00:00Z", INT64_C(4107542400)},
        {"0000-01-01T00:00:00Z", INT64_MIN},
        {"2027-00-01T00:00:00Z", INT64_MIN},
        {"2027-13-01T00:00:00Z", INT64_MIN},
        {"2027-01-00T00:00:00Z", INT64_MIN},
        {"2027-01-01T24:00:00Z", INT64_MIN},
        {"2027-01-01T00:60:00Z", INT64_MIN},
        {"2027-01-01T00:00:60Z", INT64_MIN},
        {"2027-01-01t00:00:00z", INT64_MIN},
    };
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        int64_t seconds = INT64_MIN;
        const int accepted = wvt_parse_rfc3339((const uint8_t *)times[i].text, strlen(times[i].text), &seconds);
        expect(accepted == (times[i].seconds != INT64_MIN) && seconds == times[i].seconds, times[i].text);
    }
}

/* wvt_read_payload accepts a payload of wvt_write_payload. It accepts a truncated payload only at the end of a field. */
static void check_payload(void)
{
    static const char text[] = BARE "&cookie=c&contentId=id&wvExtension=abcd,AAAA&licenseDuration=4294967295";
    static struct wvt_request request;
    static uint8_t payload[WVT_PAYLOAD_BYTES_MAX];
    struct wvt_terms terms = {1, 0, (const uint8_t *)"customer", 8};
    struct wvt_layout layout;
    expect(wvt_parse_request((const uint8_t *)text, sizeof text - 1, &request), "request of a payload");
    expect(!wvt_find_expiry(&request, WVT_TIME_MAX, &terms.expires_at), "expiry after the year 9999");
    expect(wvt_find_expiry(&request, terms.issued_at, &terms.expires_at), "expiry");
    const size_t len = wvt_payload_bytes(&request, &terms);
    wvt_write_payload(&request, &terms, payload);
    expect(wvt_read_payload(payload, 0, (uint32_t)len, &layout), "payload");
    expect(layout.cookie.end - layout.cookie.start == 1 && layout.content_id.end - layout.content_id.start == 2 &&
               layout.customer.end - layout.customer.start == 8,
           "texts of a payload");
    expect(layout.extensions.end - layout.extensions.start == WVT_PAYLOAD_FIELD_BYTES + 7, "extensions of a payload");
    size_t accepted = 0;
    for (size_t shorter = 0; shorter < len; shorter++) {
        accepted += (size_t)wvt_read_payload(payload, 0, (uint32_t)shorter, &layout);
    }
    expect(accepted == 4, "a truncated payload is accepted only at the end of a field");
}

/* Requests to URLs and back, more than fit one window: with a key, wrapped keys under KEKs of all lengths, stored keys. */

#define KEK "000102030405060708090a0b0c0d0e0f"
#define KEY "00112233445566778899aabbccddeeff"
#define REST "&securityLevel=5&hdcpOutputControl=2&customerAuthenticator=a&kid=" KEK

/* RFC 3394, sections 4.1, 4.2 and 4.3. */
static const char *const shapes[] = {
    "contentKey=" KEY REST,
    "kek=" KEK "&ek=1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5" REST,
    "kek=" KEK "1011121314151617&ek=96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d" REST,
    "contentKey=" KEY "&cookie=%41&licenseDuration=0" REST, /* handed back */
    "kek=" KEK "101112131415161718191a1b1c1d1e1f&ek=64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7" REST,
    "kek=" KEK "&ek=1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe4" REST, /* does not unwrap: handed back */
    "cookie=c&wvExtension=abcd,AAAA&wvExtension=efgh,AAECAw==" REST,        /* uses the stored key */
    "wvExtension=abcd,AAAA" REST,                                           /* has no stored key */
    "kek=" KEK REST,                                                        /* the stored key is wrapped */
    "ek=" KEK "0001020304050607" REST,                                      /* handed back */
    "contentKey=" KEY "&wvExtension=abcd,YWJjZGFi!!!!" REST,                /* handed back after C has written abcd */
    "contentKey=" KEY "&unknown=1" REST, /* handed back: unknown parameters are forbidden */
};
static const uint8_t right_status[] = {WVT_OK, WVT_OK,          WVT_OK,          WVT_HANDED_BACK,
                                       WVT_OK, WVT_HANDED_BACK, WVT_OK,          WVT_NEEDS_KEY,
                                       WVT_OK, WVT_HANDED_BACK, WVT_HANDED_BACK, WVT_HANDED_BACK};
enum { SHAPES = sizeof shapes / sizeof *shapes, ITEMS = 700, URL_MAX = 400, NOW = 1800000000 };

static uint8_t texts[ITEMS * 300], lines[ITEMS * URL_MAX], tokens[ITEMS * URL_MAX], out[ITEMS * URL_MAX];
static uint8_t stored_keys[ITEMS * WVT_WRAPPED_KEY_BYTES], stored_len[ITEMS], status[ITEMS];
static uint8_t kids[ITEMS * WVT_KID_BYTES], nonces[ITEMS * WVT_NONCE_BYTES];
static uint32_t offsets[ITEMS + 1], url_offsets[ITEMS + 1], token_offsets[ITEMS + 1], places[ITEMS + 1];
static uint8_t columns[4][ITEMS * URL_MAX], lines_again[ITEMS * URL_MAX];
static uint32_t ends[ITEMS * URL_MAX / 4];
static const uint8_t sealing_key[WVT_SEALING_KEY_BYTES] = {1}, header[WVT_HEADER_BYTES] = {1, 0, 0, 0, 7};
static const uint8_t prefix[] = "https://example.com/?ExpressPlayToken=";

/* `used` is the number of shapes in use: 1 for full windows. */
static void check_round_trip(uint32_t lanes, size_t used)
{
    struct wvt_issuer issuer = {{sealing_key, header, NULL, prefix, 0, sizeof prefix - 1}, lanes, 1};
    struct wvt_opening opening = {header, sealing_key, NULL, 1, 0};
    const size_t workspace_bytes = wvt_issue_workspace_bytes();
    uint8_t *workspace = calloc(1, workspace_bytes), key[WVT_CONTENT_KEY_BYTES], kid[WVT_KID_BYTES];
    const struct wvt_issue_buffers buffers = {
        (struct wvt_issue_workspace *)(void *)workspace, stored_keys, stored_len, lines, status, kids};
    struct wvt_contents contents = {columns[0], columns[1], columns[2], columns[3], ends, 0, 0, 0, 0};
    const struct wvt_redeem_buffers redeem_buffers = {tokens, token_offsets, out, places, status, &contents};
    expect(wvt_decode_hex((const uint8_t *)KEY, 32, key) && wvt_decode_hex((const uint8_t *)KEK, 32, kid), "hex");
    for (size_t i = 0; i < ITEMS; i++) {
        const size_t shape = i % used, len = strlen(shapes[shape]);
        offsets[i + 1] = offsets[i] + (uint32_t)len;
        memcpy(texts + offsets[i], shapes[shape], len);
        memcpy(nonces + i * WVT_NONCE_BYTES, &offsets[i], sizeof offsets[i]);
        stored_len[i] = shape == 8 ? WVT_WRAPPED_KEY_BYTES : shape == 7 ? 0 : WVT_CONTENT_KEY_BYTES;
        memcpy(stored_keys + i * WVT_WRAPPED_KEY_BYTES, key, sizeof key);
        if (shape == 8) {
            const char *ek = strstr(shapes[1], "&ek=") + 4;
            expect(wvt_decode_hex((const uint8_t *)ek, 48, stored_keys + i * WVT_WRAPPED_KEY_BYTES), "ek");
        }
    }
    const int64_t written = wvt_issue(&issuer, &buffers, texts, offsets, ITEMS, nonces, NOW, NULL, 0);
    size_t left = 0, n = 0, first = 0;
    for (size_t i = 0; i < workspace_bytes; i++) {
        left += i + sizeof key <= workspace_bytes && memcmp(workspace + i, key, sizeof key) == 0;
        left += i + 4 <= workspace_bytes && memcmp(workspace + i, "abcd", 4) == 0;
    }
    expect(left == 0, "no key and no extension stays in the workspace");
    for (size_t i = 0; i < ITEMS; i++) {
        expect(status[i] == right_status[i % used], shapes[i % used]);
        if (status[i] == WVT_NEEDS_KEY) {
            expect(memcmp(kids + i * WVT_KID_BYTES, kid, sizeof kid) == 0, "the kid of a request that needs a key");
        }
        n += status[i] == WVT_OK;
    }
    for (size_t i = 0, at = 0; at < (size_t)written && i < n; i++) {
        size_t len = 0;
        while (lines[at + len] != '\n') {
            len++;
        }
        memmove(lines + first, lines + at, len); /* URLs without their line feeds */
        first += len;
        url_offsets[i + 1] = (uint32_t)first;
        at += len + 1;
    }
    expect((size_t)written == first + n, "as many URLs as accepted requests");
    expect(wvt_redeem(lanes, &opening, lines, url_offsets, n, &redeem_buffers) == 0, "every URL opens");
    for (size_t i = 0; i < n; i++) {
        const uint8_t *nonce = columns[0] + i * WVT_RECORD_BYTES, *payload = nonce + WVT_NONCE_BYTES;
        expect(memcmp(nonce, nonces + i * WVT_NONCE_BYTES, WVT_NONCE_BYTES) == 0, "each token has the next nonce");
        expect(memcmp(payload + WVT_CONTENT_KEY_AT, key, sizeof key) == 0, "the content key of a token");
        expect(memcmp(payload + WVT_CONTENT_KEY_AT - sizeof kid, kid, sizeof kid) == 0, "the kid of a token");
    }
    int64_t again = wvt_seal_contents(lanes, &issuer.sealing, nonces, &contents, out, token_offsets, lines_again);
    expect(again == written && contents.count == n && contents.extensions == (used > 1 ? 2 * (n / 6) : 0),
           "contents are sealed again");
    for (size_t i = 0, at = 0; i < n && again == written; i++) {
        const size_t len = url_offsets[i + 1] - url_offsets[i];
        expect(memcmp(lines_again + at, lines + url_offsets[i], len) == 0, "a token of the same contents");
        at += len + 1;
    }
    static const uint32_t descending[] = {0, 8, 4};
    const struct wvt_issue_buffers nothing = {NULL, NULL, NULL, NULL, NULL, NULL};
    const struct wvt_redeem_buffers no_memory = {NULL, NULL, NULL, NULL, NULL, NULL};
    expect(wvt_issue(&issuer, &nothing, texts, descending, 2, nonces, NOW, NULL, 0) == -1, "descending offsets");
    expect(wvt_issue(&issuer, &nothing, texts, offsets, 2, nonces, -1, NULL, 0) == -1, "a time before 1970");
    expect(wvt_issue(&issuer, &nothing, texts, offsets, 2, nonces, WVT_TIME_MAX + 1, NULL, 0) == -1, "a time too late");
    issuer.sealing.prefix_len = WVT_PREFIX_MAX + 1;
    expect(wvt_issue(&issuer, &nothing, texts, offsets, 2, nonces, NOW, NULL, 0) == -1, "a prefix too long");
    issuer.sealing.prefix_len = 0;
    issuer.sealing.audience_len = opening.audience_len = WVT_AUDIENCE_MAX + 1;
    expect(wvt_issue(&issuer, &nothing, texts, offsets, 2, nonces, NOW, NULL, 0) == -1, "an audience too long");
    expect(wvt_redeem(lanes, &opening, lines, url_offsets, 2, &no_memory) == -1, "an audience too long");
    issuer.sealing.audience_len = opening.audience_len = 0;
    expect(wvt_issue(&issuer, &nothing, texts, offsets, 2, nonces, NOW, NULL, WVT_CUSTOMER_MAX + 1) == -1, "customer");
    expect(wvt_issue(&issuer, &nothing, NULL, NULL, 0, NULL, NOW, NULL, 0) == 0, "no request");
    expect(wvt_redeem(lanes, &opening, lines, descending, 2, &no_memory) == -1, "descending offsets");
    expect(wvt_redeem(lanes, &opening, NULL, NULL, 0, &no_memory) == 0, "no token");
    issuer.lanes = 0;
    expect(wvt_issue(&issuer, &nothing, texts, offsets, 2, nonces, NOW, NULL, 0) == -1, "no lanes");
    expect(wvt_redeem(0, &opening, lines, url_offsets, 2, &no_memory) == -1, "no lanes");
    free(workspace);
}

/* wvt_parse hands back an unknown parameter. A text beyond the limit leaves the memory alone, also a workspace that no
 * call has initialized. */
static void check_parse(void)
{
    static const uint8_t text[WVT_PARSE_MAX + 1], unknown[] = BARE "&unknown=1";
    static struct wvt_value values[WVT_VALUES_MAX];
    static uint8_t result[2 * WVT_PARSE_MAX];
    const size_t size = wvt_issue_workspace_bytes();
    uint8_t *workspace = malloc(size);
    uint32_t out_len = 7;
    if (!workspace) {
        abort();
    }
    memset(workspace, 0xff, size);
    expect(!wvt_parse(text, sizeof text, (struct wvt_issue_workspace *)(void *)workspace, values, result, &out_len) &&
               out_len == 7 && workspace[0] == 0xff && !memcmp(workspace, workspace + 1, size - 1),
           "a text beyond the limit");
    expect(!wvt_parse(unknown, sizeof unknown - 1, (struct wvt_issue_workspace *)(void *)workspace, values, result,
                      &out_len),
           "an unknown parameter");
    free(workspace);
}

int main(void)
{
    for (uint32_t lanes = 1; lanes; lanes <<= 1) {
        if (lanes & wvt_lanes_supported()) {
            check_round_trip(lanes, SHAPES);
            check_round_trip(lanes, 1);
        }
    }
    check_sha1();
    check_hex();
    check_requests();
    check_times();
    check_payload();
    check_parse();
    printf("requests: %d mistakes\n", mistakes);
    return mistakes != 0;
}
