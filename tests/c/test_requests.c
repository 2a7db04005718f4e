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
        uint8_t text[14] = "0000000000000", out[7];
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
    const int accepted = wvt_parse_request(copy, len, &request);
    free(copy);
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
    };
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        expect(accepts(accepted[i]), accepted[i]);
    }
    for (size_t i = 0; i < sizeof handed_back / sizeof *handed_back; i++) {
        expect(!accepts(handed_back[i]), handed_back[i]);
    }
}

/* A payload that wvt_write_payload wrote is read again, and no truncation of it. */
static void check_payload(void)
{
    static const char text[] = BARE "&cookie=c&contentId=id&wvExtension=abcd,AAAA&licenseDuration=4294967295";
    static struct wvt_request request;
    static uint8_t payload[WVT_PAYLOAD_BYTES_MAX];
    struct wvt_terms terms = {1, 0, (const uint8_t *)"customer", 8};
    struct wvt_layout layout;
    expect(wvt_parse_request((const uint8_t *)text, sizeof text - 1, &request), "request of a payload");
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

int main(void)
{
    check_sha1();
    check_hex();
    check_requests();
    check_payload();
    printf("requests: %d mistakes\n", mistakes);
    return mistakes != 0;
}
