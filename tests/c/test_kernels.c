/* test_kernels.c - every function of wvtoken.h, over every kind of lanes that this CPU has, against published vectors
 * and against reference.h. With "0" as its argument it expects a build without lanes. */
#include "reference.h"
#include "vectors.h"
#include "wvtoken.h"

#include <stdio.h>
#include <stdlib.h>

static unsigned passed, failed;
static uint32_t lanes; /* those under test */

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
                CHECK(wvt_wrap(lanes, NULL, keks, kek_count, kek_len, keys, len, n, out) == 0);
                CHECK(memcmp(out, wrapped, n * wrapped_len) == 0);
                CHECK(wvt_unwrap(lanes, NULL, keks, kek_count, kek_len, wrapped, len, n, back, status) == 0);
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
        uint8_t *out = bytes(sealed_len), *back = bytes(len), *by_reference = bytes(sealed_len), status = 9;
        const uint32_t in_len = (uint32_t)len, in_sealed_len = (uint32_t)sealed_len;
        CHECK(key_len == 32 && nonce_len == 12 && sealed_len == len + 16);
        ref_seal(key, aad, aad_len, nonce, message, len, by_reference);
        CHECK(memcmp(by_reference, right, sealed_len) == 0);
        CHECK(wvt_seal(lanes, key, aad, aad_len, nonce, message, &in_len, 1, out) == 0);
        CHECK(memcmp(out, right, sealed_len) == 0);
        CHECK(wvt_open(lanes, key, aad, aad_len, nonce, right, &in_sealed_len, 1, back, &status) == 0);
        CHECK(memcmp(back, message, len) == 0 && status == WVT_OK);
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
    CHECK(wvt_wrap(lanes, NULL, keks, kek_count, kek_len, keys, len, n, out) == 0);
    CHECK(memcmp(out, right, n * (len + 8)) == 0);
    CHECK(wvt_unwrap(lanes, NULL, keks, kek_count, kek_len, right, len, n, back, status) == 0);
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

/* n items with the mark between each two, exactly as long as that. */
static uint8_t *with_marks(const uint8_t *items, size_t len, size_t n, const uint8_t *mark)
{
    uint8_t *marked = bytes(n ? n * (len + WVT_MARK_BYTES) - WVT_MARK_BYTES : 0);
    for (size_t i = 0; i < n; i++) {
        memcpy(marked + i * (len + WVT_MARK_BYTES), items + i * len, len);
        if (i + 1 < n) {
            memcpy(marked + i * (len + WVT_MARK_BYTES) + len, mark, WVT_MARK_BYTES);
        }
    }
    return marked;
}

/* With marks the bytes are the same as without, and a mark with one wrong bit, wherever it is, is noticed. */
static void check_marks(size_t len, size_t n, size_t kek_count)
{
    const uint8_t *mark = drawn(WVT_MARK_BYTES), *keks = drawn(kek_count * 24), *keys = drawn(n * len);
    uint8_t *right = bytes(n * (len + 8)), *out = bytes(n * (len + 8)), *back = bytes(n * len), *status = bytes(n);
    uint8_t *marked_keks = with_marks(keks, 24, kek_count, mark), *marked_keys = with_marks(keys, len, n, mark);
    CHECK(wvt_wrap(lanes, NULL, keks, kek_count, 24, keys, len, n, right) == 0);
    CHECK(wvt_wrap(lanes, mark, marked_keks, kek_count, 24, marked_keys, len, n, out) == 0);
    CHECK(memcmp(out, right, n * (len + 8)) == 0);
    uint8_t *marked_wrapped = with_marks(right, len + 8, n, mark);
    CHECK(wvt_unwrap(lanes, mark, marked_keks, kek_count, 24, marked_wrapped, len, n, back, status) == 0);
    CHECK(memcmp(back, keys, n * len) == 0 && all_are(status, n, WVT_OK));
    for (size_t i = 0; i + 1 < n; i++) {
        uint8_t *in_keys = marked_keys + i * (len + WVT_MARK_BYTES) + len + draw(WVT_MARK_BYTES);
        uint8_t *in_wrapped = marked_wrapped + i * (len + 8 + WVT_MARK_BYTES) + len + 8 + draw(WVT_MARK_BYTES);
        const uint8_t bit = (uint8_t)(1u << draw(8));
        *in_keys ^= bit;
        *in_wrapped ^= bit;
        CHECK(wvt_wrap(lanes, mark, marked_keks, kek_count, 24, marked_keys, len, n, out) == -1);
        CHECK(wvt_unwrap(lanes, mark, marked_keks, kek_count, 24, marked_wrapped, len, n, back, status) == -1);
        *in_keys ^= bit;
        *in_wrapped ^= bit;
    }
    for (size_t i = 0; i + 1 < kek_count; i++) {
        marked_keks[i * (24 + WVT_MARK_BYTES) + 24] ^= 1;
        CHECK(wvt_wrap(lanes, mark, marked_keks, kek_count, 24, marked_keys, len, n, out) == -1);
        CHECK(wvt_unwrap(lanes, mark, marked_keks, kek_count, 24, marked_wrapped, len, n, back, status) == -1);
        marked_keks[i * (24 + WVT_MARK_BYTES) + 24] ^= 1;
    }
    release();
}

static void test_marks(void)
{
    for (size_t n = 1; n <= 40; n++) {
        for (size_t len = 16; len <= 32; len += 8) {
            check_marks(len, n, 1);
            check_marks(len, n, n);
        }
    }
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
        CHECK(wvt_unwrap(lanes, NULL, kek, 1, 16, wrapped, len, n, out, status) == (int64_t)n);
        CHECK(all_are(status, n, WVT_REFUSED) && all_are(out, n * len, 0));
        for (size_t bad = 0; bad < 70; bad++) {
            for (size_t i = 0; i < 70; i++) {
                ref_wrap(kek, 16, key, len, wrapped + i * wrapped_len);
            }
            wrapped[bad * wrapped_len + draw((uint32_t)wrapped_len)] ^= 0x10;
            CHECK(wvt_unwrap(lanes, NULL, kek, 1, 16, wrapped, len, 70, out, status) == 1);
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
    uint8_t *out = bytes(all + 16 * n), *back = bytes(all), *status = bytes(n);
    CHECK(wvt_seal(lanes, b.key, b.aad, aad_len, b.nonces, b.in, b.len, n, out) == 0);
    CHECK(memcmp(out, b.sealed, all + 16 * n) == 0);
    CHECK(wvt_open(lanes, b.key, b.aad, aad_len, b.nonces, b.sealed, b.sealed_len, n, back, status) == 0);
    CHECK(memcmp(back, b.in, all) == 0 && all_are(status, n, WVT_OK));
    release();
}

static void test_seal(void)
{
    uint32_t len[700] = {0};
    for (uint32_t i = 0; i <= 300; i++) { /* every length there is up to 300, in one batch */
        len[i] = i * 77 % 301;
    }
    check_seal(len, 301, 5);
    for (size_t n = 0; n <= 70; n++) {
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
    for (size_t i = 0; i < 300; i++) {
        len[i] = i % 50 ? draw(20) : 8192 - draw(100);
    }
    check_seal(len, 300, 69);
    len[0] = 70000, len[1] = 0, len[2] = 1, len[3] = 4096, len[4] = 4095, len[5] = 4097;
    check_seal(len, 6, 1000);
    for (size_t i = 0; i < 700; i++) {
        len[i] = draw(60);
    }
    check_seal(len, 700, 0);
}

/* Every single bit of nonce, message and tag, each in an item of its own. */
static void test_open_refuses_each_bit(void)
{
    for (uint32_t len = 0; len <= 50; len += 25) {
        const uint32_t sealed_len = len + 16;
        const size_t bits = 8 * (sealed_len + 12);
        const struct batch b = sealed_batch(&len, 1, 5);
        uint8_t *nonces = bytes(12 * bits), *in = bytes(sealed_len * bits), *out = bytes(len * bits),
                *status = bytes(bits);
        uint32_t *in_len = (uint32_t *)(void *)bytes(4 * bits);
        for (size_t i = 0; i < bits; i++) {
            uint8_t *byte = i / 8 < 12 ? nonces + 12 * i + i / 8 : in + sealed_len * i + i / 8 - 12;
            memcpy(nonces + 12 * i, b.nonces, 12);
            memcpy(in + sealed_len * i, b.sealed, sealed_len);
            *byte ^= (uint8_t)(1u << i % 8);
            in_len[i] = sealed_len;
        }
        CHECK(wvt_open(lanes, b.key, b.aad, 5, nonces, in, in_len, bits, out, status) == (int64_t)bits);
        CHECK(all_are(status, bits, WVT_REFUSED) && all_are(out, len * bits, 0));
        for (size_t i = 0; i < 8 * 37; i++) {
            uint8_t *byte = i / 8 < 32 ? b.key + i / 8 : b.aad + i / 8 - 32;
            *byte ^= (uint8_t)(1u << i % 8);
            CHECK(wvt_open(lanes, b.key, b.aad, 5, b.nonces, b.sealed, b.sealed_len, 1, out, status) == 1);
            *byte ^= (uint8_t)(1u << i % 8);
        }
        CHECK(wvt_open(lanes, b.key, b.aad, 4, b.nonces, b.sealed, b.sealed_len, 1, out, status) == 1);
        release();
    }
}

/* One bad item, changed or cut, among good ones of other lengths. */
static void test_open_spares_neighbours(void)
{
    uint32_t len[70] = {0};
    for (size_t bad = 0; bad < 70; bad++) {
        for (size_t i = 0; i < 70; i++) {
            len[i] = bad % 2 ? draw(90) : 62;
        }
        const struct batch b = sealed_batch(len, 70, 5);
        uint8_t *out = bytes(sum(len, 70)), *in = bytes(sum(b.sealed_len, 70)), *status = bytes(70);
        uint8_t *message = b.in, *opened = out;
        for (size_t cut = 0; cut <= 1; cut++) {
            size_t from = 0, to = 0;
            for (size_t i = 0; i < 70; from += b.len[i] + 16, to += b.sealed_len[i], i++) {
                b.sealed_len[i] = b.len[i] + 16;
                if (i == bad) {
                    b.sealed_len[i] = cut ? draw(b.sealed_len[i]) : b.sealed_len[i];
                }
                memcpy(in + to, b.sealed + from, b.sealed_len[i]);
                if (i == bad && !cut) {
                    in[to + draw(b.sealed_len[i])] ^= 4;
                }
            }
            CHECK(wvt_open(lanes, b.key, b.aad, 5, b.nonces, in, b.sealed_len, 70, out, status) == 1);
            message = b.in, opened = out;
            for (size_t i = 0; i < 70; message += b.len[i], i++) {
                const size_t room = b.sealed_len[i] > 16 ? b.sealed_len[i] - 16 : 0;
                CHECK(i == bad ? status[i] == WVT_REFUSED && all_are(opened, room, 0)
                               : status[i] == WVT_OK && memcmp(opened, message, room) == 0);
                opened += room;
            }
        }
        release();
    }
}

/* What the engine says of one text. */
static uint8_t decoded(const uint8_t *text, size_t len, uint8_t *out)
{
    const uint32_t in_len = (uint32_t)len;
    uint8_t status = 9;
    CHECK(wvt_base64url_decode(lanes, text, &in_len, 1, out, &status) == (status != WVT_OK));
    return status;
}

static void test_base64url_both_ways(void)
{
    uint32_t len[301], chars[301];
    for (uint32_t i = 0; i <= 300; i++) {
        len[i] = i * 77 % 301;
        chars[i] = text_len(len[i]);
    }
    for (size_t n = 0; n <= 301; n += n < 20 ? 1 : 281) {
        const size_t all = sum(len, n), text_all = sum(chars, n);
        const uint8_t *in = drawn(all);
        uint8_t *right = bytes(text_all + n), *out = bytes(text_all + n), *texts = bytes(text_all);
        uint8_t *back = bytes(all), *status = bytes(n);
        for (size_t i = 0, from = 0, to = 0; i < n; from += len[i], to += chars[i], i++) {
            CHECK(ref_encode(in + from, len[i], right + to + i) == chars[i]);
            memcpy(texts + to, right + to + i, chars[i]);
            right[to + chars[i] + i] = '\n';
        }
        CHECK(wvt_base64url_encode(lanes, in, len, n, out) == 0);
        CHECK(memcmp(out, right, text_all + n) == 0);
        CHECK(wvt_base64url_decode(lanes, texts, chars, n, back, status) == 0);
        CHECK(memcmp(back, in, all) == 0 && all_are(status, n, WVT_OK));
        release();
    }
    for (uint32_t i = 500; i < 1600; i += 13) { /* about the pieces in which texts are decoded */
        const uint8_t *in = drawn(i);
        uint8_t *out = bytes(text_len(i) + 1), *text = bytes(text_len(i)), *back = bytes(i);
        CHECK(wvt_base64url_encode(lanes, in, &i, 1, out) == 0);
        ref_encode(in, i, text);
        CHECK(memcmp(out, text, text_len(i)) == 0);
        CHECK(decoded(text, text_len(i), back) == WVT_OK && memcmp(back, in, i) == 0);
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
    /* Every text of up to three characters, and every last character of a longer one: stray bits. */
    for (unsigned first = 0; first < 256; first++) {
        for (unsigned second = 0; second < 256; second++) {
            uint8_t *text = bytes(2), *out = bytes(2);
            const int valid = value_of[first] < 64 && value_of[second] < 64 && (value_of[second] & 15) == 0;
            text[0] = (uint8_t)first, text[1] = (uint8_t)second;
            CHECK((decoded(text, 2, out) == WVT_OK) == valid);
            CHECK(out[0] == (valid ? value_of[first] << 2 | value_of[second] >> 4 : 0) && out[1] == 0xee);
            release();
        }
    }
    uint8_t *three = bytes(3), *two = bytes(2);
    for (unsigned i = 0; i < 64 * 64 * 64; i++) {
        three[0] = alphabet[i & 63], three[1] = alphabet[i >> 6 & 63], three[2] = alphabet[i >> 12];
        CHECK((decoded(three, 3, two) == WVT_OK) == ((i >> 12 & 3) == 0));
    }
    release();
    for (size_t len = 0; len <= 150; len++) {
        uint8_t *text = bytes(len), *out = bytes(len * 3 / 4);
        memset(text, 'A', len);
        CHECK((decoded(text, len, out) == WVT_OK) == (len % 4 != 1));
        for (unsigned last = 0; len && last < 256; last++) {
            const unsigned v = value_of[last], stray = len % 4 == 2 ? 15 : len % 4 == 3 ? 3 : 0;
            text[len - 1] = (uint8_t)last;
            CHECK((decoded(text, len, out) == WVT_OK) == (len % 4 != 1 && v < 64 && !(v & stray)));
        }
        release();
    }
    /* Every byte that is not of the alphabet, at every place. */
    for (size_t place = 0; place < 140; place++) {
        uint8_t *text = bytes(140), *out = bytes(105);
        for (unsigned byte = 0; byte < 256; byte++) {
            memset(text, 'b', 140);
            text[place] = (uint8_t)byte;
            const uint8_t status = decoded(text, 140, out);
            CHECK((status == WVT_OK) == (value_of[byte] < 64) && (status == WVT_OK || all_are(out, 105, 0)));
        }
        release();
    }
}

static const uint8_t header[WVT_HEADER_BYTES] = {1, 0, 0, 0, 7};

/* Texts of a batch as the contract says; their lengths in chars. */
static uint8_t *right_texts(const struct batch *b, uint32_t *chars)
{
    uint8_t *texts = bytes(sum(b->len, b->n) * 2 + 80 * b->n), *text = texts, *in = b->in;
    for (size_t i = 0; i < b->n; i++) {
        uint8_t *token = bytes(b->len[i] + WVT_TOKEN_OVERHEAD);
        memcpy(token, header, 5);
        memcpy(token + 5, b->nonces + 12 * i, 12);
        ref_seal(b->key, b->aad, b->aad_len, b->nonces + 12 * i, in, b->len[i], token + 17);
        chars[i] = (uint32_t)ref_encode(token, b->len[i] + WVT_TOKEN_OVERHEAD, text);
        text += chars[i];
        in += b->len[i];
        free(held[--holding]);
    }
    return texts;
}

static void check_tokens(const uint32_t *len, size_t n, size_t audience_len)
{
    struct batch b = sealed_batch(len, n, WVT_HEADER_BYTES + audience_len);
    uint32_t *chars = (uint32_t *)(void *)bytes(4 * n);
    memcpy(b.aad, header, 5);
    const uint8_t *audience = copied(b.aad + 5, audience_len), *right = right_texts(&b, chars);
    const size_t all = sum(chars, n);
    const uint8_t *texts = copied(right, all);
    uint8_t *out = bytes(all + n), *opened = bytes(sum(len, n) + 12 * n), *status = bytes(n);
    uint8_t other_header[5] = {1, 0, 0, 0, 8};

    CHECK(wvt_seal_tokens(lanes, NULL, 0, b.key, header, audience, audience_len, b.nonces, b.in, len, n, out) == 0);
    for (size_t i = 0, at = 0; i < n; at += chars[i++]) {
        CHECK(memcmp(out + at + i, texts + at, chars[i]) == 0 && out[at + i + chars[i]] == '\n');
    }
    const uint8_t *prefix = drawn(1 + n % 7);
    uint8_t *behind = bytes(all + (2 + n % 7) * n);
    CHECK(wvt_seal_tokens(lanes, prefix, 1 + n % 7, b.key, header, audience, audience_len, b.nonces, b.in, len, n,
                          behind) == 0);
    for (size_t i = 0, at = 0, line = 0; i < n; line += 2 + n % 7 + chars[i], at += chars[i++]) {
        CHECK(memcmp(behind + line, prefix, 1 + n % 7) == 0);
        CHECK(memcmp(behind + line + 1 + n % 7, texts + at, chars[i]) == 0);
        CHECK(behind[line + 1 + n % 7 + chars[i]] == '\n');
    }
    CHECK(wvt_open_tokens(lanes, b.key, header, audience, audience_len, texts, chars, n, opened, status) == 0);
    const uint8_t *message = b.in, *place = opened;
    for (size_t i = 0; i < n; i++) {
        CHECK(status[i] == WVT_OK && memcmp(place, b.nonces + 12 * i, 12) == 0);
        CHECK(memcmp(place + 12, message, len[i]) == 0);
        place += 12 + len[i];
        message += len[i];
    }
    CHECK(wvt_open_tokens(lanes, b.key, other_header, audience, audience_len, texts, chars, n, opened, status) ==
          (int64_t)n);
    CHECK(all_are(status, n, WVT_FOREIGN) && all_are(opened, sum(len, n) + 12 * n, 0));
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
    len[0] = 8192, len[1] = 0, len[2] = 20000, len[3] = 351, len[4] = 352;
    check_tokens(len, 5, 64);
}

/* One token cut at every length, and with every character replaced; good ones before and after. */
static void test_tokens_refuse(void)
{
    static const uint32_t lengths[] = {0, 31, 62, 3000};
    for (size_t which = 0; which < COUNT(lengths); which++) {
        const uint32_t len = lengths[which], stride = len > 100 ? 61 : 1; /* of the long one, samples */
        const uint32_t three[3] = {len, len, len};
        struct batch b = sealed_batch(three, 3, WVT_HEADER_BYTES);
        uint32_t chars[3];
        memcpy(b.aad, header, 5);
        uint8_t *right = right_texts(&b, chars), *opened = bytes(3 * (len + 12)), status[3];
        const uint32_t whole = chars[0];
        uint8_t *texts = copied(right, 3 * whole);
        for (uint32_t cut = 0; cut < whole; cut += stride) {
            uint8_t *shorter = bytes(2 * whole + cut);
            const size_t room = cut * 3 / 4 > WVT_OPENED_OVERHEAD ? cut * 3 / 4 - WVT_OPENED_OVERHEAD : 0;
            memcpy(shorter, right, whole + cut);
            memcpy(shorter + whole + cut, right + 2 * whole, whole);
            chars[1] = cut;
            CHECK(wvt_open_tokens(lanes, b.key, header, NULL, 0, shorter, chars, 3, opened, status) == 1);
            CHECK(status[0] == WVT_OK && status[1] == WVT_REFUSED && status[2] == WVT_OK);
            CHECK(all_are(opened + 12 + len, room, 0));
            CHECK(memcmp(opened + 12 + len + room + 12, b.in + 2 * len, len) == 0);
            free(held[--holding]);
        }
        chars[1] = whole;
        for (uint32_t at = 0; at < whole; at += stride) {
            for (unsigned byte = 0; byte < 256; byte += stride) {
                if (byte != right[whole + at]) {
                    texts[whole + at] = (uint8_t)byte;
                    CHECK(wvt_open_tokens(lanes, b.key, header, NULL, 0, texts, chars, 3, opened, status) == 1);
                    CHECK(status[1] == WVT_REFUSED || (status[1] == WVT_FOREIGN && at < 7));
                    CHECK(status[0] == WVT_OK && status[2] == WVT_OK && all_are(opened + 12 + len, 12 + len, 0));
                    CHECK(memcmp(opened + 12, b.in, len) == 0);
                }
            }
            texts[whole + at] = right[whole + at];
        }
        CHECK(wvt_open_tokens(lanes, b.key, header, (const uint8_t *)"x", 1, texts, chars, 3, opened, status) == 3);
        release();
    }
}

/* Calls that are outside the contract, or empty; nothing may be written. */
static void test_limits(uint32_t with)
{
    uint8_t in[64] = {0}, out[256], status[4];
    const uint32_t len[2] = {16, 16}, over[2] = {16, WVT_MESSAGE_MAX + 1}, over_sealed[2] = {16, WVT_MESSAGE_MAX + 17};
    const uint32_t over_text[2] = {16, WVT_TEXT_MAX + 1};
    memset(out, 0xee, sizeof out);
    memset(status, 0xee, sizeof status);
    CHECK(wvt_wrap(with, NULL, in, 1, 17, in, 16, 2, out) == -1);
    CHECK(wvt_wrap(with, NULL, in, 1, 8, in, 16, 2, out) == -1);
    CHECK(wvt_wrap(with, NULL, in, 3, 16, in, 16, 2, out) == -1);
    CHECK(wvt_wrap(with, NULL, in, 0, 16, in, 16, 2, out) == -1);
    CHECK(wvt_wrap(with, NULL, in, 1, 16, in, 8, 2, out) == -1);
    CHECK(wvt_wrap(with, NULL, in, 1, 16, in, 0, 2, out) == -1);
    CHECK(wvt_wrap(with, NULL, in, 1, 16, in, 20, 2, out) == -1);
    CHECK(wvt_wrap(with, NULL, in, 1, 16, in, WVT_MESSAGE_MAX + 8, 2, out) == -1);
    CHECK(wvt_wrap(with, NULL, in, 1, 16, in, 16, SIZE_MAX / 8, out) == -1);
    CHECK(wvt_wrap(with, NULL, in, SIZE_MAX / 20, 16, in, 24, SIZE_MAX / 20, out) == -1);
    CHECK(wvt_unwrap(with, NULL, in, 1, 17, in, 16, 2, out, status) == -1);
    CHECK(wvt_unwrap(with, NULL, in, 1, 16, in, 8, 2, out, status) == -1);
    CHECK(wvt_unwrap(with, NULL, in, 1, 16, in, 16, SIZE_MAX / 8, out, status) == -1);
    CHECK(wvt_seal(with, in, in, WVT_MESSAGE_MAX + 1, in, in, len, 2, out) == -1);
    CHECK(wvt_seal(with, in, in, 0, in, in, over, 2, out) == -1);
    CHECK(wvt_open(with, in, in, WVT_MESSAGE_MAX + 1, in, in, len, 2, out, status) == -1);
    CHECK(wvt_open(with, in, in, 0, in, in, over_sealed, 2, out, status) == -1);
    CHECK(wvt_base64url_encode(with, in, over, 2, out) == -1);
    CHECK(wvt_base64url_decode(with, in, over_text, 2, out, status) == -1);
    CHECK(wvt_seal_tokens(with, NULL, 0, in, in, in, WVT_AUDIENCE_MAX + 1, in, in, len, 2, out) == -1);
    CHECK(wvt_seal_tokens(with, NULL, 0, in, in, in, 0, in, in, over, 2, out) == -1);
    CHECK(wvt_seal_tokens(with, in, WVT_MESSAGE_MAX + 1, in, in, in, 0, in, in, len, 2, out) == -1);
    CHECK(wvt_open_tokens(with, in, in, in, WVT_AUDIENCE_MAX + 1, in, len, 2, out, status) == -1);
    CHECK(wvt_open_tokens(with, in, in, in, 0, in, over_text, 2, out, status) == -1);
    CHECK(all_are(out, sizeof out, 0xee) && all_are(status, sizeof status, 0xee));
}

static void test_empty(void)
{
    CHECK(wvt_wrap(lanes, NULL, NULL, 1, 16, NULL, 16, 0, NULL) == 0);
    CHECK(wvt_unwrap(lanes, NULL, NULL, 0, 16, NULL, 16, 0, NULL, NULL) == 0);
    CHECK(wvt_seal(lanes, NULL, NULL, 0, NULL, NULL, NULL, 0, NULL) == 0);
    CHECK(wvt_open(lanes, NULL, NULL, 0, NULL, NULL, NULL, 0, NULL, NULL) == 0);
    CHECK(wvt_base64url_encode(lanes, NULL, NULL, 0, NULL) == 0);
    CHECK(wvt_base64url_decode(lanes, NULL, NULL, 0, NULL, NULL) == 0);
    CHECK(wvt_seal_tokens(lanes, NULL, 0, NULL, NULL, NULL, 0, NULL, NULL, NULL, 0, NULL) == 0);
    CHECK(wvt_open_tokens(lanes, NULL, NULL, NULL, 0, NULL, NULL, 0, NULL, NULL) == 0);

    /* Items that give no bytes need no place for them. */
    const uint8_t in[64] = {1};
    const uint32_t len[2] = {0, 15}, no_text[2] = {0, 0}, short_text[2] = {0, 28};
    uint8_t status[2];
    CHECK(wvt_open(lanes, in, NULL, 0, in, in, len, 2, NULL, status) == 2);
    CHECK(wvt_base64url_decode(lanes, in, no_text, 2, NULL, status) == 0);
    CHECK(wvt_base64url_decode(lanes, in, len, 1, NULL, status) == 0);
    CHECK(wvt_open_tokens(lanes, in, in, NULL, 0, in, no_text, 2, NULL, status) == 2);
    CHECK(status[0] == WVT_REFUSED && status[1] == WVT_REFUSED);
    CHECK(wvt_open_tokens(lanes, in, in, NULL, 0, in, short_text, 2, NULL, status) == 2);
}

/* Lanes that are none, several, or of another CPU family, with lengths that are fine. */
static void test_unknown_lanes(uint32_t with)
{
    uint8_t in[64] = {0}, out[256], status[2];
    const uint32_t len[2] = {16, 16};
    memset(out, 0xee, sizeof out);
    CHECK(wvt_wrap(with, NULL, in, 1, 16, in, 16, 2, out) == -1);
    CHECK(wvt_unwrap(with, NULL, in, 1, 16, in, 16, 2, out, status) == -1);
    CHECK(wvt_seal(with, in, in, 0, in, in, len, 2, out) == -1);
    CHECK(wvt_open(with, in, in, 0, in, in, len, 2, out, status) == -1);
    CHECK(wvt_base64url_encode(with, in, len, 2, out) == -1);
    CHECK(wvt_base64url_decode(with, in, len, 2, out, status) == -1);
    CHECK(wvt_seal_tokens(with, NULL, 0, in, in, in, 0, in, in, len, 2, out) == -1);
    CHECK(wvt_open_tokens(with, in, in, in, 0, in, len, 2, out, status) == -1);
    CHECK(all_are(out, sizeof out, 0xee));
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

int main(int argc, char **argv)
{
    const uint32_t supported = wvt_lanes_supported();
    const int none_expected = argc > 1 && strcmp(argv[1], "0") == 0;
    unsigned tested = 0;
    ref_begin();
    test_wipe();
    for (uint32_t one = 1; one <= WVT_LANES_ARMV8; one <<= 1) {
        lanes = one;
        if (!(supported & one)) {
            continue;
        }
        tested++;
        random_state = 1;
        test_wrap_vectors();
        test_seal_vectors();
        test_wrap();
        test_marks();
        test_unwrap_refuses();
        test_seal();
        test_open_refuses_each_bit();
        test_open_spares_neighbours();
        test_base64url_both_ways();
        test_base64url_is_strict();
        test_tokens();
        test_tokens_refuse();
        test_limits(one);
        test_empty();
    }
    static const uint32_t never[] = {0, 3, 9, 16, UINT32_MAX};
    for (size_t i = 0; i < COUNT(never); i++) {
        test_limits(never[i]);
        test_unknown_lanes(never[i]);
    }
    test_unknown_lanes(supported & WVT_LANES_ARMV8 ? WVT_LANES_AESNI : WVT_LANES_ARMV8);
    CHECK(none_expected ? supported == 0 && tested == 0 : tested > 0);
    printf("lanes 0x%x, %u kinds tested: %u passed, %u failed\n", (unsigned)supported, tested, passed, failed);
    return failed != 0;
}
