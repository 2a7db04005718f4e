/* test_kernels.c - every function of wvtoken.h and every kernel, with every SIMD variant, against published vectors and
 * against reference.h. Fails if a variant of this build did not run, unless the machine lacks its instructions. */
#include "lanes.h"
#include "reference.h"
#include "vectors.h"

#include <stdio.h>
#include <stdlib.h>

static unsigned passed, failed;
static uint32_t lanes; /* the variant under test */
static const struct wvt_kernels *kernels;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (condition) {                                                                                               \
            passed++;                                                                                                  \
        } else if (failed++ < 20) {                                                                                    \
            printf("lanes %u: %s:%d: %s\n", (unsigned)lanes, __FILE__, __LINE__, #condition);                          \
        }                                                                                                              \
    } while (0)

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Memory of exactly n bytes, so that a sanitizer sees the first byte beyond; released after each test. */
static void *held[64];
static size_t holding;

static uint8_t *bytes(size_t n)
{
    uint8_t *p = malloc(n ? n : 1);
    if (!p || holding == COUNT(held)) {
        abort();
    }
    memset(p, 0xee, n ? n : 1);
    return held[holding++] = p;
}

static void release(void)
{
    while (holding) {
        free(held[--holding]);
    }
}

static uint32_t random_state = 1;

static uint32_t draw(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return below ? random_state % below : 0;
}

static uint8_t *drawn(size_t n)
{
    uint8_t *p = bytes(n);
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)draw(256);
    }
    return p;
}

static uint8_t *copied(const uint8_t *from, size_t n) { return memcpy(bytes(n), from, n); }

static uint8_t *from_hex(const char *hex, size_t *n)
{
    uint8_t *p = bytes(strlen(hex) / 2);
    for (*n = 0; hex[2 * *n]; (*n)++) {
        unsigned byte;
        if (sscanf(hex + 2 * *n, "%2x", &byte) != 1) {
            abort();
        }
        p[*n] = (uint8_t)byte;
    }
    return p;
}

static int all_are(const uint8_t *p, size_t n, uint8_t value)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != value) {
            return 0;
        }
    }
    return 1;
}

static size_t sum(const uint32_t *len, size_t n)
{
    size_t all = 0;
    for (size_t i = 0; i < n; i++) {
        all += len[i];
    }
    return all;
}

/* n + 1 offsets of items of these lengths. */
static uint32_t *offsets_of(const uint32_t *len, size_t n)
{
    uint32_t *offsets = (uint32_t *)(void *)bytes(4 * (n + 1));
    for (size_t i = 0, at = 0; i <= n; at += i < n ? len[i] : 0, i++) {
        offsets[i] = (uint32_t)at;
    }
    return offsets;
}

/* The seal and open kernels with any AAD, which the functions of wvtoken.h do not allow: in is len[i] bytes each, or with
 * `open` 16 more. Returns the number of refused messages. */
static size_t siv(int open, const uint8_t *key, const uint8_t *aad, size_t aad_len, const uint8_t *nonces,
                  const uint8_t *in, const uint32_t *len, size_t n, uint8_t *out)
{
    static struct wvt_message messages[256];
    static uint8_t order[256];
    struct wvt_work work;
    size_t refused = 0;
    memset(&work, 0xee, sizeof work);
    for (size_t i = 0; i < n; i++) {
        struct wvt_message *m = &messages[i];
        memset(m, 0, sizeof *m);
        memcpy(m->nonce, nonces + 12 * i, 12);
        m->in = in, m->out = out, m->len = len[i];
        order[i] = (uint8_t)i;
        in += len[i] + (open ? 16 : 0);
        out += len[i] + (open ? 0 : 16);
    }
    const struct wvt_messages all = {key, aad, order, aad_len, n, messages};
    (open ? kernels->open : kernels->seal)(&all, wvt_aligned(work.bytes));
    wvt_finish(kernels, &work, kernels->siv_bytes);
    for (size_t i = 0; i < kernels->siv_bytes; i++) {
        CHECK(((uint8_t *)wvt_aligned(work.bytes))[i] == 0);
    }
    for (size_t i = 0; i < n; i++) {
        refused += messages[i].refused;
    }
    return refused;
}

static uint32_t text_len(uint32_t len) { return (4 * len + 2) / 3; }

/* n items of the given lengths; every test of messages and tokens begins with one. */
struct batch {
    size_t n, aad_len;
    uint32_t *len, *sealed_len;
    uint8_t *key, *aad, *nonces, *in, *sealed;
};

static struct batch sealed_batch(const uint32_t *len, size_t n, size_t aad_len)
{
    struct batch b = {n,
                      aad_len,
                      (uint32_t *)(void *)bytes(4 * n),
                      (uint32_t *)(void *)bytes(4 * n),
                      drawn(32),
                      drawn(aad_len),
                      drawn(12 * n),
                      drawn(sum(len, n)),
                      NULL};
    uint8_t *in = b.in, *out = b.sealed = bytes(sum(len, n) + 16 * n);
    for (size_t i = 0; i < n; i++) {
        b.len[i] = len[i];
        b.sealed_len[i] = len[i] + 16;
        ref_seal(b.key, b.aad, aad_len, b.nonces + 12 * i, in, len[i], out);
        in += len[i];
        out += len[i] + 16;
    }
    return b;
}

static void test_wrap_vectors(void)
{
    for (size_t v = 0; v < COUNT(wrap_vectors); v++) {
        for (size_t n = 1; n <= 40; n += 39) {
            size_t kek_len, len, wrapped_len;
            const uint8_t *kek = from_hex(wrap_vectors[v].kek, &kek_len), *key = from_hex(wrap_vectors[v].key, &len);
            const uint8_t *right = from_hex(wrap_vectors[v].wrapped, &wrapped_len);
            uint8_t *keks = bytes(n * kek_len), *keys = bytes(n * len), *wrapped = bytes(n * wrapped_len);
            uint8_t *out = bytes(n * wrapped_len), *back = bytes(n * len), *status = bytes(n);
            for (size_t i = 0; i < n; i++) {
                memcpy(keks + i * kek_len, kek, kek_len);
                memcpy(keys + i * len, key, len);
                memcpy(wrapped + i * wrapped_len, right, wrapped_len);
            }
            for (size_t count = 1; count <= n; count += n) {
                const size_t kek_count = count == 1 ? 1 : n;
                CHECK(wrapped_len == len + 8);
                CHECK(wvt_wrap(lanes, keks, kek_count, kek_len, keys, len, n, out) == 0);
                CHECK(memcmp(out, wrapped, n * wrapped_len) == 0);
                CHECK(wvt_unwrap(lanes, keks, kek_count, kek_len, wrapped, len, n, back, status) == 0);
                CHECK(memcmp(back, keys, n * len) == 0 && all_are(status, n, WVT_OK));
            }
            release();
        }
    }
}

static void test_seal_vectors(void)
{
    for (size_t v = 0; v < COUNT(seal_vectors); v++) {
        size_t key_len, nonce_len, aad_len, len, sealed_len;
        const uint8_t *key = from_hex(seal_vectors[v].key, &key_len);
        const uint8_t *nonce = from_hex(seal_vectors[v].nonce, &nonce_len);
        const uint8_t *aad = from_hex(seal_vectors[v].aad, &aad_len);
        const uint8_t *message = from_hex(seal_vectors[v].message, &len);
        const uint8_t *right = from_hex(seal_vectors[v].sealed, &sealed_len);
        uint8_t *out = bytes(sealed_len), *back = bytes(len), *by_reference = bytes(sealed_len);
        const uint32_t in_len = (uint32_t)len;
        CHECK(key_len == 32 && nonce_len == 12 && sealed_len == len + 16);
        ref_seal(key, aad, aad_len, nonce, message, len, by_reference);
        CHECK(memcmp(by_reference, right, sealed_len) == 0);
        CHECK(siv(0, key, aad, aad_len, nonce, message, &in_len, 1, out) == 0);
        CHECK(memcmp(out, right, sealed_len) == 0);
        CHECK(siv(1, key, aad, aad_len, nonce, right, &in_len, 1, back) == 0);
        CHECK(memcmp(back, message, len) == 0);
        release();
    }
}

static void check_wrap(size_t kek_len, size_t len, size_t n, size_t kek_count)
{
    const uint8_t *keks = drawn(kek_count * kek_len), *keys = drawn(n * len);
    uint8_t *right = bytes(n * (len + 8)), *out = bytes(n * (len + 8)), *back = bytes(n * len), *status = bytes(n);
    for (size_t i = 0; i < n; i++) {
        ref_wrap(keks + (kek_count == 1 ? 0 : i * kek_len), kek_len, keys + i * len, len, right + i * (len + 8));
    }
    CHECK(wvt_wrap(lanes, keks, kek_count, kek_len, keys, len, n, out) == 0);
    CHECK(memcmp(out, right, n * (len + 8)) == 0);
    CHECK(wvt_unwrap(lanes, keks, kek_count, kek_len, right, len, n, back, status) == 0);
    CHECK(memcmp(back, keys, n * len) == 0 && all_are(status, n, WVT_OK));
    for (size_t i = 0; i < n; i++) {
        CHECK(ref_unwrap(keks + (kek_count == 1 ? 0 : i * kek_len), kek_len, out + i * (len + 8), len, back) == 1);
        CHECK(memcmp(back, keys + i * len, len) == 0);
    }
    release();
}

static void test_wrap(void)
{
    for (size_t kek_len = 16; kek_len <= 32; kek_len += 8) {
        for (size_t n = 0; n <= 70; n++) {
            check_wrap(kek_len, 16, n, n);
            check_wrap(kek_len, 16, n, 1);
            check_wrap(kek_len, 24 + 8 * (n % 6), n, n % 2 ? n : 1);
        }
        check_wrap(kek_len, 4096, 3, 3);
    }
    check_wrap(16, 16, 1000, 1000);
}

/* Every bit of what was wrapped, each in an item of its own; and one bad item at every place. */
static void test_unwrap_refuses(void)
{
    for (size_t len = 16; len <= 40; len += 8) {
        const size_t wrapped_len = len + 8, n = 8 * wrapped_len;
        const uint8_t *kek = drawn(16), *key = drawn(len);
        uint8_t *wrapped = bytes(n * wrapped_len), *out = bytes(n * len), *status = bytes(n);
        for (size_t i = 0; i < n; i++) {
            ref_wrap(kek, 16, key, len, wrapped + i * wrapped_len);
            wrapped[i * wrapped_len + i / 8] ^= (uint8_t)(1u << i % 8);
        }
        CHECK(wvt_unwrap(lanes, kek, 1, 16, wrapped, len, n, out, status) == (int64_t)n);
        CHECK(all_are(status, n, WVT_REFUSED) && all_are(out, n * len, 0));
        for (size_t bad = 0; bad < 70; bad++) {
            for (size_t i = 0; i < 70; i++) {
                ref_wrap(kek, 16, key, len, wrapped + i * wrapped_len);
            }
            wrapped[bad * wrapped_len + draw((uint32_t)wrapped_len)] ^= 0x10;
            CHECK(wvt_unwrap(lanes, kek, 1, 16, wrapped, len, 70, out, status) == 1);
            for (size_t i = 0; i < 70; i++) {
                CHECK(i == bad ? status[i] == WVT_REFUSED && all_are(out + i * len, len, 0)
                               : status[i] == WVT_OK && memcmp(out + i * len, key, len) == 0);
            }
        }
        release();
    }
}

static void check_seal(const uint32_t *len, size_t n, size_t aad_len)
{
    const struct batch b = sealed_batch(len, n, aad_len);
    const size_t all = sum(len, n);
    uint8_t *out = bytes(all + 16 * n), *back = bytes(all);
    CHECK(siv(0, b.key, b.aad, aad_len, b.nonces, b.in, b.len, n, out) == 0);
    CHECK(memcmp(out, b.sealed, all + 16 * n) == 0);
    CHECK(siv(1, b.key, b.aad, aad_len, b.nonces, b.sealed, b.len, n, back) == 0);
    CHECK(memcmp(back, b.in, all) == 0);
    release();
}

static void test_seal(void)
{
    uint32_t len[256] = {0};
    for (size_t n = 1; n <= 70; n++) {
        for (size_t i = 0; i < n; i++) {
            len[i] = draw(n % 3 ? 100 : 300);
        }
        check_seal(len, n, n);
        for (size_t i = 0; i < n; i++) {
            len[i] = 62;
        }
        check_seal(len, n, 5);
    }
    for (uint32_t i = 0; i < 300; i++) {
        check_seal(&i, 1, i % 40);
    }
    for (size_t i = 0; i < 256; i++) {
        len[i] = i % 50 ? draw(20) : 8192 - draw(100);
    }
    check_seal(len, 256, 69);
    len[0] = 70000, len[1] = 0, len[2] = 1, len[3] = 4096, len[4] = 4095, len[5] = 4097;
    check_seal(len, 6, 1000);
}

/* Every bit of nonce, message and tag, each in an item of its own; and every bit of key and AAD. */
static void test_open_refuses_each_bit(void)
{
    for (uint32_t len = 0; len <= 50; len += 25) {
        const size_t bits = 8 * (len + 28);
        const struct batch b = sealed_batch(&len, 1, 5);
        uint8_t *nonce = copied(b.nonces, 12), *in = copied(b.sealed, len + 16), *out = bytes(len);
        for (size_t i = 0; i < bits + 8 * 37; i++) {
            uint8_t *byte = i < 96 ? nonce + i / 8 : i < bits ? in + i / 8 - 12 : b.key + (i - bits) / 8;
            byte = i >= bits + 256 ? b.aad + (i - bits) / 8 - 32 : byte;
            *byte ^= (uint8_t)(1u << i % 8);
            CHECK(siv(1, b.key, b.aad, 5, nonce, in, &len, 1, out) == 1 && all_are(out, len, 0));
            *byte ^= (uint8_t)(1u << i % 8);
        }
        CHECK(siv(1, b.key, b.aad, 4, nonce, in, &len, 1, out) == 1);
        CHECK(siv(1, b.key, b.aad, 5, nonce, in, &len, 1, out) == 0);
        release();
    }
}

/* The result of the decode kernel for one text, whose memory ends where the text ends. */
static int decoded(const uint8_t *text, size_t len, uint8_t *out)
{
    uint8_t *raw = malloc(len * 3 / 4 + WVT_OPEN_SLACK);
    if (!raw) {
        abort();
    }
    const int valid = len % 4 != 1 && kernels->decode(text, len, raw) && (len % 4 == 0 || raw[len * 3 / 4] == 0);
    memcpy(out, raw, len * 3 / 4);
    free(raw);
    return valid;
}

static void test_base64url_both_ways(void)
{
    for (uint32_t len = 0; len <= 400; len++) {
        const uint8_t *in = drawn(len);
        uint8_t *text = bytes(text_len(len)), *out = bytes(text_len(len)), *back = bytes(len);
        CHECK(ref_encode(in, len, text) == text_len(len));
        kernels->encode(in, len, out);
        CHECK(memcmp(out, text, text_len(len)) == 0);
        memcpy(out + text_len(len) - len, in, len);
        kernels->encode(out + text_len(len) - len, len, out);
        CHECK(memcmp(out, text, text_len(len)) == 0);
        CHECK(decoded(text, text_len(len), back) && memcmp(back, in, len) == 0);
        release();
    }
}

static void test_base64url_is_strict(void)
{
    uint8_t alphabet[64], in[48], value_of[256];
    for (size_t i = 0; i < 16; i++) { /* all 6-bit values in a row, as the text of 48 bytes */
        const size_t v = 4 * i;
        in[3 * i] = (uint8_t)(v << 2 | (v + 1) >> 4);
        in[3 * i + 1] = (uint8_t)((v + 1) << 4 | (v + 2) >> 2);
        in[3 * i + 2] = (uint8_t)((v + 2) << 6 | (v + 3));
    }
    ref_encode(in, 48, alphabet);
    memset(value_of, 255, 256);
    for (uint8_t v = 0; v < 64; v++) {
        value_of[alphabet[v]] = v;
    }
    /* Every text of two characters, every text of three from the alphabet, and every last character of longer texts. */
    uint8_t *three = bytes(3), *two = bytes(2);
    for (unsigned i = 0; i < 65536; i++) {
        const uint8_t first = value_of[i >> 8], second = value_of[i & 255];
        three[0] = (uint8_t)(i >> 8), three[1] = (uint8_t)i;
        CHECK(decoded(three, 2, two) == (first < 64 && second < 64 && !(second & 15)));
    }
    for (unsigned i = 0; i < 64 * 64 * 64; i++) {
        three[0] = alphabet[i & 63], three[1] = alphabet[i >> 6 & 63], three[2] = alphabet[i >> 12];
        CHECK(decoded(three, 3, two) == ((i >> 12 & 3) == 0));
    }
    release();
    for (size_t len = 0; len <= 150; len++) {
        uint8_t *text = bytes(len), *out = bytes(len * 3 / 4);
        memset(text, 'A', len);
        CHECK(decoded(text, len, out) == (len % 4 != 1));
        for (unsigned last = 0; len && last < 256; last++) {
            const unsigned v = value_of[last], stray = len % 4 == 2 ? 15 : len % 4 == 3 ? 3 : 0;
            text[len - 1] = (uint8_t)last;
            CHECK(decoded(text, len, out) == (len % 4 != 1 && v < 64 && !(v & stray)));
        }
        release();
    }
    /* Every byte that is not in the alphabet, at every place. */
    for (size_t place = 0; place < 140; place++) {
        uint8_t *text = bytes(140), *out = bytes(105);
        for (unsigned byte = 0; byte < 256; byte++) {
            memset(text, 'b', 140);
            text[place] = (uint8_t)byte;
            CHECK(decoded(text, 140, out) == (value_of[byte] < 64));
        }
        release();
    }
}

/* Headers in ascending order, and their keys; some tokens have the header that is not among them. */
static const uint8_t headers[3][WVT_HEADER_BYTES] = {{1, 0, 0, 0, 7}, {1, 0, 0, 1, 0}, {2, 0, 0, 0, 7}};
static const uint8_t unknown[WVT_HEADER_BYTES] = {1, 0, 0, 0, 8};

/* The right text of one token; its length in chars. */
static uint8_t *right_text(const uint8_t *key, const uint8_t *header, const uint8_t *audience, size_t audience_len,
                           const uint8_t *nonce, const uint8_t *payload, uint32_t len, uint32_t *chars)
{
    uint8_t *token = bytes(len + WVT_TOKEN_OVERHEAD), *aad = bytes(5 + audience_len);
    uint8_t *text = bytes(text_len(len + WVT_TOKEN_OVERHEAD));
    memcpy(token, header, 5);
    memcpy(token + 5, nonce, 12);
    memcpy(aad, header, 5);
    if (audience_len) {
        memcpy(aad + 5, audience, audience_len); /* memcpy from NULL is undefined, also for 0 bytes */
    }
    ref_seal(key, aad, 5 + audience_len, nonce, payload, len, token + 17);
    *chars = (uint32_t)ref_encode(token, len + WVT_TOKEN_OVERHEAD, text);
    return text;
}

/* Seals n payloads, and opens tokens of all keys and of an unknown one. */
static void check_tokens(const uint32_t *len, size_t n, size_t audience_len)
{
    const uint8_t *keys = drawn(96), *audience = drawn(audience_len), *nonces = drawn(12 * n);
    const uint8_t *payloads = drawn(sum(len, n)), *prefix = drawn(n % 7);
    const uint32_t *offsets = offsets_of(len, n);
    uint32_t *chars = (uint32_t *)(void *)bytes(4 * n), *places = (uint32_t *)(void *)bytes(4 * (n + 1));
    uint8_t *lines = bytes(2 * sum(len, n) + 80 * n), *texts = bytes(2 * sum(len, n) + 80 * n), *status = bytes(n);
    struct wvt_sealing with = {keys, headers[0], audience, prefix, audience_len, n % 7};
    const struct wvt_opening opening = {headers[0], keys, audience, 3, audience_len};
    size_t line_len = 0, all = 0;
    int64_t refused = 0;
    const size_t was = holding;
    for (size_t i = 0; i < n; i++) {
        const size_t key = i % 4 ? 0 : draw(4);
        const uint8_t *own = key < 3 ? keys + 32 * key : keys, *header = key < 3 ? headers[key] : unknown;
        const uint8_t *text = right_text(keys, headers[0], audience, audience_len, nonces + 12 * i,
                                         payloads + offsets[i], len[i], chars + i);
        memcpy(lines + line_len, prefix, n % 7);
        memcpy(lines + line_len + n % 7, text, chars[i]);
        lines[line_len + n % 7 + chars[i]] = '\n';
        line_len += n % 7 + chars[i] + 1;
        text =
            right_text(own, header, audience, audience_len, nonces + 12 * i, payloads + offsets[i], len[i], chars + i);
        memcpy(texts + all, text, chars[i]);
        all += chars[i];
        status[i] = key < 3 ? WVT_OK : WVT_UNKNOWN_KEY;
        refused += key == 3;
        while (holding > was) {
            free(held[--holding]);
        }
    }
    uint8_t *out = bytes(line_len), *opened = bytes(all * 3 / 4 + WVT_OPEN_SLACK), *exact = copied(texts, all);
    uint8_t *states = bytes(n);
    const uint32_t *text_offsets = offsets_of(chars, n);
    CHECK(wvt_seal_tokens(lanes, &with, nonces, payloads, offsets, n, out) == (int64_t)line_len);
    CHECK(memcmp(out, lines, line_len) == 0);
    CHECK(wvt_open_tokens(lanes, &opening, exact, text_offsets, n, opened, places, states) == refused);
    CHECK(memcmp(states, status, n) == 0);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *token = opened + places[i];
        CHECK(places[i + 1] - places[i] == len[i] + WVT_TOKEN_OVERHEAD);
        CHECK(status[i] == WVT_OK ? memcmp(token + 5, nonces + 12 * i, 12) == 0 &&
                                        memcmp(token + 17, payloads + offsets[i], len[i]) == 0
                                  : all_are(token, len[i] + 17, 0));
    }
    release();
}

static void test_tokens(void)
{
    uint32_t len[600] = {0};
    for (size_t n = 0; n <= 70; n++) {
        for (size_t i = 0; i < n; i++) {
            len[i] = n % 2 ? draw(200) : 62;
        }
        check_tokens(len, n, n % 65);
    }
    for (uint32_t i = 0; i < 600; i++) {
        len[i] = i;
    }
    check_tokens(len, 600, 3);
    len[0] = WVT_PAYLOAD_BYTES_MAX, len[1] = 0, len[2] = 351, len[3] = 352;
    check_tokens(len, 4, 64);
}

/* One token cut at every length, with every character replaced, and longer; good ones before and after it. */
static void test_tokens_refuse(void)
{
    static const uint32_t lengths[] = {0, 31, 62, 3000};
    for (size_t which = 0; which < COUNT(lengths); which++) {
        const uint32_t len = lengths[which], stride = len > 100 ? 61 : 1; /* samples of the long one */
        const uint8_t *key = drawn(32), *nonce = drawn(12), *payload = drawn(len);
        const struct wvt_opening opening = {headers[0], key, NULL, 1, 0}, other = {headers[0], key, payload, 1, 1};
        uint32_t whole, places[4];
        const uint8_t *right = right_text(key, headers[0], NULL, 0, nonce, payload, len, &whole);
        uint8_t *opened = bytes(3 * (whole * 3 / 4) + WVT_OPEN_SLACK), status[3];
        for (uint32_t at = 0; at < whole; at += stride) {
            for (unsigned byte = 0; byte <= 256; byte += stride) { /* 256: the text is cut here */
                const uint32_t middle = byte == 256 ? at : whole, chars[3] = {whole, middle, whole};
                uint8_t *texts = bytes(2 * whole + middle);
                memcpy(texts, right, whole);
                memcpy(texts + whole, right, middle);
                memcpy(texts + whole + middle, right, whole);
                if (byte == right[at] && byte < 256) {
                    free(held[--holding]);
                    continue;
                }
                if (byte < 256) {
                    texts[whole + at] = (uint8_t)byte;
                }
                const uint32_t *offsets = offsets_of(chars, 3);
                CHECK(wvt_open_tokens(lanes, &opening, texts, offsets, 3, opened, places, status) == 1);
                CHECK(status[0] == WVT_OK && status[1] != WVT_OK && status[2] == WVT_OK);
                CHECK(status[1] != WVT_UNKNOWN_KEY || at < 7);
                CHECK(memcmp(opened + 17, payload, len) == 0 && memcmp(opened + places[2] + 17, payload, len) == 0);
                if (places[2] - places[1] > WVT_TOKEN_OVERHEAD) {
                    CHECK(all_are(opened + places[1] + 17, places[2] - places[1] - WVT_TOKEN_OVERHEAD, 0));
                }
                free(held[--holding]);
                free(held[--holding]);
            }
        }
        const uint32_t one[2] = {0, whole};
        CHECK(wvt_open_tokens(lanes, &other, right, one, len > 0, opened, places, status) == (len > 0));
        release();
    }
    /* A text that is longer than every token is malformed, and takes no place. */
    const uint32_t chars[2] = {WVT_TOKEN_TEXT_MAX + 1, 43}, *offsets = offsets_of(chars, 2);
    uint8_t *texts = bytes(sum(chars, 2)), status[2];
    const struct wvt_opening opening = {headers[0], texts, NULL, 1, 0};
    uint32_t places[3];
    memset(texts, 'A', sum(chars, 2));
    CHECK(wvt_open_tokens(lanes, &opening, texts, offsets, 2, texts, places, status) == 2);
    CHECK(status[0] == WVT_MALFORMED && status[1] == WVT_MALFORMED && places[0] == 0 && places[1] == 0 &&
          places[2] == 0);
    release();
}

/* 1,000 keys: each of them opens its token. */
static void test_many_keys(void)
{
    enum { KEYS = 1000 };
    uint8_t *table = bytes(KEYS * 5), *keys = drawn(KEYS * 32), *texts = bytes(KEYS * 66), payload[16] = {1};
    uint8_t *opened = bytes(KEYS * 50 + WVT_OPEN_SLACK), *status = bytes(KEYS);
    uint32_t *len = (uint32_t *)(void *)bytes(4 * KEYS), *places = (uint32_t *)(void *)bytes(4 * (KEYS + 1)), chars = 0;
    for (size_t i = 0; i < KEYS; i++) {
        const uint8_t header[5] = {1, 0, 0, (uint8_t)(i >> 8), (uint8_t)i};
        const size_t was = holding;
        memcpy(table + 5 * i, header, 5);
        memcpy(texts + 66 * (i * 7 % KEYS), right_text(keys + 32 * i, header, NULL, 0, keys, payload, 16, &chars), 66);
        len[i] = 66;
        while (holding > was) {
            free(held[--holding]);
        }
    }
    const struct wvt_opening opening = {table, keys, NULL, KEYS, 0};
    CHECK(wvt_open_tokens(lanes, &opening, texts, offsets_of(len, KEYS), KEYS, opened, places, status) == 0);
    CHECK(all_are(status, KEYS, WVT_OK) && chars == 66);
    release();
}

/* Calls that are outside the contract. Nothing may be written. `with`: the lanes. */
static void test_limits(uint32_t with)
{
    uint8_t in[64] = {0}, out[256], status[4];
    const uint32_t fine[3] = {0, 16, 32}, over[3] = {0, 16, WVT_PAYLOAD_BYTES_MAX + 17}, back[3] = {0, 16, 15};
    uint32_t places[3];
    struct wvt_sealing s = {in, in, in, in, 0, 0}, long_audience = s, long_prefix = s;
    struct wvt_opening o = {in, in, in, 1, 0}, audience = o;
    long_audience.audience_len = audience.audience_len = WVT_AUDIENCE_MAX + 1;
    long_prefix.prefix_len = (size_t)WVT_PREFIX_MAX + 1;
    memset(out, 0xee, sizeof out);
    memset(status, 0xee, sizeof status);
    memset(places, 0xee, sizeof places);
    CHECK(wvt_wrap(with, in, 1, 17, in, 16, 2, out) == -1);
    CHECK(wvt_wrap(with, in, 1, 8, in, 16, 2, out) == -1);
    CHECK(wvt_wrap(with, in, 3, 16, in, 16, 2, out) == -1);
    CHECK(wvt_wrap(with, in, 0, 16, in, 16, 2, out) == -1);
    CHECK(wvt_wrap(with, in, 1, 16, in, 8, 2, out) == -1);
    CHECK(wvt_wrap(with, in, 1, 16, in, 0, 2, out) == -1);
    CHECK(wvt_wrap(with, in, 1, 16, in, 20, 2, out) == -1);
    CHECK(wvt_wrap(with, in, 1, 16, in, WVT_WRAP_BYTES_MAX + 8, 2, out) == -1);
    CHECK(wvt_wrap(with, in, 1, 16, in, 16, SIZE_MAX / 8, out) == -1);
    CHECK(wvt_wrap(with, in, SIZE_MAX / 20, 16, in, 24, SIZE_MAX / 20, out) == -1);
    CHECK(wvt_unwrap(with, in, 1, 17, in, 16, 2, out, status) == -1);
    CHECK(wvt_unwrap(with, in, 1, 16, in, 8, 2, out, status) == -1);
    CHECK(wvt_unwrap(with, in, 1, 16, in, 16, SIZE_MAX / 8, out, status) == -1);
    CHECK(wvt_seal_tokens(with, &long_audience, in, in, fine, 2, out) == -1);
    CHECK(wvt_seal_tokens(with, &long_prefix, in, in, fine, 2, out) == -1);
    CHECK(wvt_seal_tokens(with, &s, in, in, over, 2, out) == -1);
    CHECK(wvt_seal_tokens(with, &s, in, in, back, 2, out) == -1);
    CHECK(wvt_open_tokens(with, &audience, in, fine, 2, out, places, status) == -1);
    CHECK(wvt_open_tokens(with, &o, in, back, 2, out, places, status) == -1);
    if (!wvt_kernels_of(with)) {
        CHECK(wvt_wrap(with, in, 1, 16, in, 16, 2, out) == -1);
        CHECK(wvt_unwrap(with, in, 1, 16, in, 16, 2, out, status) == -1);
        CHECK(wvt_seal_tokens(with, &s, in, in, fine, 2, out) == -1);
        CHECK(wvt_open_tokens(with, &o, in, fine, 2, out, places, status) == -1);
    }
    CHECK(all_are(out, sizeof out, 0xee) && all_are(status, sizeof status, 0xee));
    CHECK(all_are((uint8_t *)places, sizeof places, 0xee));
}

static void test_empty(void)
{
    const struct wvt_sealing s = {0};
    const struct wvt_opening o = {0};
    CHECK(wvt_wrap(lanes, NULL, 1, 16, NULL, 16, 0, NULL) == 0);
    CHECK(wvt_unwrap(lanes, NULL, 0, 16, NULL, 16, 0, NULL, NULL) == 0);
    CHECK(wvt_seal_tokens(lanes, &s, NULL, NULL, NULL, 0, NULL) == 0);
    CHECK(wvt_open_tokens(lanes, &o, NULL, NULL, 0, NULL, NULL, NULL) == 0);
}

static void test_wipe(void)
{
    uint8_t p[100];
    memset(p, 7, sizeof p);
    wvt_wipe(p + 1, 98);
    CHECK(p[0] == 7 && p[99] == 7 && all_are(p + 1, 98, 0));
    wvt_wipe(p, 0);
    wvt_wipe(NULL, 0);
    CHECK(p[0] == 7);
}

/* Whether Linux says that the machine has all of these features. Elsewhere, only the engine is asked. */
static int machine_has(const char *features, uint32_t variant)
{
    static char info[1 << 16];
    FILE *file = fopen("/proc/cpuinfo", "r");
    const size_t n = file ? fread(info, 1, sizeof info - 1, file) : 0;
    char name[32];
    info[n] = 0;
    if (file) {
        fclose(file);
    }
    if (!n || (!strstr(info, "flags") && !strstr(info, "Features"))) {
        return (wvt_lanes_supported() & variant) != 0;
    }
    for (int used; sscanf(features, " %31s%n", name, &used) == 1; features += used) {
        char word[40];
        snprintf(word, sizeof word, " %s ", name);
        if (!strstr(info, word)) {
            return 0;
        }
    }
    return 1;
}

int main(void)
{
    static const struct {
        uint32_t lanes;
        const char *name, *features;
    } variants[] = {
        {WVT_LANES_AESNI, "x86-aesni", "aes pclmulqdq ssse3"},
        {WVT_LANES_VAES256, "x86-vaes256", "aes vaes vpclmulqdq avx2"},
        {WVT_LANES_VAES512, "x86-vaes512", "aes vaes vpclmulqdq avx512f avx512bw avx512vl"},
        {WVT_LANES_ARMV8, "armv8", "aes pmull"},
    };
    const uint32_t supported = wvt_lanes_supported();
    ref_begin();
    test_wipe();
    for (size_t v = 0; v < COUNT(variants); v++) {
        lanes = variants[v].lanes;
        kernels = wvt_kernels_of(lanes);
        if (!kernels) {
            CHECK(!(supported & lanes));
            test_limits(lanes);
        } else if (supported & lanes) {
            random_state = 1;
            test_wrap_vectors();
            test_seal_vectors();
            test_wrap();
            test_unwrap_refuses();
            test_seal();
            test_open_refuses_each_bit();
            test_base64url_both_ways();
            test_base64url_is_strict();
            test_tokens();
            test_tokens_refuse();
            test_many_keys();
            test_limits(lanes);
            test_empty();
            printf("%s: run\n", variants[v].name);
        } else if (machine_has(variants[v].features, lanes)) {
            printf("%s: NOT RUN, but this machine has its instructions\n", variants[v].name);
            failed++;
        } else {
            printf("%s: not run, this machine lacks its instructions\n", variants[v].name);
        }
    }
    static const uint32_t never[] = {0, 3, 9, 16, UINT32_MAX};
    for (size_t i = 0; i < COUNT(never); i++) {
        test_limits(never[i]);
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed != 0;
}
