/* fuzz_text.c - wvt_seal_tokens and wvt_open_tokens: all SIMD variants give the same bytes, open is the inverse of seal,
 * and exactly the texts that are not tokens of a known key are refused. */
#include "harness.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int value_of(uint8_t character)
{
    const char *found = character ? strchr(alphabet, character) : NULL;
    return found ? (int)(found - alphabet) : -1;
}

/* The bytes of a text, by a slow reading of RFC 4648. 0 unless it is the one text of some bytes. */
static int decoded(const uint8_t *text, size_t len, uint8_t *out)
{
    uint32_t bits = 0;
    unsigned held_bits = 0;
    for (size_t i = 0; i < len; i++) {
        const int value = value_of(text[i]);
        if (value < 0) {
            return 0;
        }
        bits = bits << 6 | (uint32_t)value;
        held_bits += 6;
        if (held_bits >= 8) {
            held_bits -= 8;
            *out++ = (uint8_t)(bits >> held_bits);
        }
        bits &= (1u << held_bits) - 1;
    }
    return len % 4 != 1 && bits == 0;
}

struct tokens {
    struct wvt_sealing sealing;
    struct wvt_opening opening;
    const uint8_t *nonces, *payloads;
    const uint32_t *offsets;
    size_t n;
};

/* The status that a text must have, which was token i before it was changed. */
static uint8_t status_of(struct held *held, const struct tokens *t, const uint8_t *text, size_t len, int changed)
{
    uint8_t *raw = bytes(held, len * 3 / 4);
    if (len > WVT_TOKEN_TEXT_MAX || !decoded(text, len, raw) || len * 3 / 4 < WVT_TOKEN_OVERHEAD) {
        return WVT_MALFORMED;
    }
    for (size_t key = 0; key < t->opening.key_count; key++) {
        if (memcmp(raw, t->opening.headers + key * WVT_HEADER_BYTES, WVT_HEADER_BYTES) == 0) {
            return changed ? WVT_REFUSED : WVT_OK;
        }
    }
    return WVT_UNKNOWN_KEY;
}

/* Opens texts with every SIMD variant. */
static void opens(const struct tokens *t, const uint8_t *texts, const uint32_t *offsets, const uint8_t *expected)
{
    EACH_LANES(lanes)
    {
        struct held here = {.n = 0};
        uint8_t *out = bytes(&here, offsets[t->n] * (size_t)3 / 4 + WVT_OPEN_SLACK), *status = bytes(&here, t->n);
        uint32_t *places = lengths(&here, t->n + 1);
        int64_t refused = 0;
        const int64_t got = wvt_open_tokens(lanes, &t->opening, texts, offsets, t->n, out, places, status);
        for (size_t i = 0; i < t->n; i++) {
            const size_t len = t->offsets[i + 1] - t->offsets[i], room = places[i + 1] - places[i];
            const uint8_t *payload = out + places[i] + WVT_HEADER_BYTES + WVT_NONCE_BYTES;
            HOLDS(status[i] == expected[i]);
            refused += status[i] != WVT_OK;
            if (status[i] == WVT_OK) {
                HOLDS(room == WVT_TOKEN_OVERHEAD + len && memcmp(payload, t->payloads + t->offsets[i], len) == 0);
                HOLDS(memcmp(payload - WVT_NONCE_BYTES, t->nonces + i * WVT_NONCE_BYTES, WVT_NONCE_BYTES) == 0);
            } else {
                HOLDS(room <= WVT_TOKEN_OVERHEAD || all(payload, room - WVT_TOKEN_OVERHEAD, 0));
            }
        }
        HOLDS(got == refused);
        release(&here);
    }
}

/* Some texts changed: a byte, a character, a bit of the last character, or the length. */
static void change(struct input *in, struct held *held, const struct tokens *t, const uint8_t *texts,
                   const uint32_t *offsets)
{
    uint8_t *changed = bytes(held, offsets[t->n]), *expected = bytes(held, t->n), *to = changed;
    uint32_t *changed_offsets = lengths(held, t->n + 1);
    struct held here = {.n = 0};
    changed_offsets[0] = 0;
    for (size_t i = 0; i < t->n; i++) {
        const uint8_t way = take(in), with = take(in);
        size_t len = offsets[i + 1] - offsets[i];
        const size_t place = (take(in) | (size_t)take(in) << 8) % len;
        memcpy(to, texts + offsets[i], len);
        if (way % 8 == 0) {
            to[place] = with;
        } else if (way % 8 == 1) {
            to[place] = (uint8_t)alphabet[value_of(to[place]) ^ (with & 63)];
        } else if (way % 8 == 2) {
            to[len - 1] = (uint8_t)alphabet[value_of(to[len - 1]) ^ (with & 63)];
        } else if (way % 8 == 3) {
            len = place;
        }
        const size_t was = offsets[i + 1] - offsets[i];
        expected[i] = status_of(&here, t, to, len, len != was || memcmp(to, texts + offsets[i], len) != 0);
        release(&here);
        to += len;
        changed_offsets[i + 1] = (uint32_t)(to - changed);
    }
    opens(t, copied(held, changed, changed_offsets[t->n]), changed_offsets, expected);
}

static void seals(struct input *in, struct held *held, const struct tokens *t)
{
    uint32_t *offsets = lengths(held, t->n + 1);
    uint8_t *lines = NULL, *expected = bytes(held, t->n);
    offsets[0] = 0;
    for (size_t i = 0; i < t->n; i++) {
        const size_t token = t->offsets[i + 1] - t->offsets[i] + WVT_TOKEN_OVERHEAD;
        offsets[i + 1] = offsets[i] + (uint32_t)((token * 4 + 2) / 3);
    }
    const size_t whole = offsets[t->n] + t->n * (t->sealing.prefix_len + 1);
    EACH_LANES(lanes)
    {
        uint8_t *out = bytes(held, whole);
        HOLDS(wvt_seal_tokens(lanes, &t->sealing, t->nonces, t->payloads, t->offsets, t->n, out) == (int64_t)whole);
        HOLDS(!lines || memcmp(lines, out, whole) == 0);
        lines = lines ? lines : out;
    }
    uint8_t *texts = bytes(held, offsets[t->n]);
    for (size_t i = 0; i < t->n; i++) {
        const size_t len = offsets[i + 1] - offsets[i];
        HOLDS(memcmp(lines, t->sealing.prefix, t->sealing.prefix_len) == 0);
        HOLDS(lines[t->sealing.prefix_len + len] == '\n');
        memcpy(texts + offsets[i], lines + t->sealing.prefix_len, len);
        lines += t->sealing.prefix_len + len + 1;
    }
    memset(expected, WVT_OK, t->n);
    opens(t, texts, offsets, expected);
    change(in, held, t, texts, offsets);
    struct tokens without = *t;
    without.opening.key_count = 0;
    memset(expected, WVT_UNKNOWN_KEY, t->n);
    opens(&without, texts, offsets, expected);
}

/* Outside the contract: -1, and nothing is written. */
static void refused(struct input *in, struct held *held, struct tokens t)
{
    const uint8_t way = take(in);
    const uint32_t back[] = {0, 2, 1}, over[] = {0, 0, WVT_PAYLOAD_BYTES_MAX + 1 + take(in)};
    const uint32_t lanes = way % 4 == 1 ? wrong_lanes(in) : first_lanes();
    uint8_t *out = bytes(held, 1);
    t.n = 2;
    t.sealing.audience_len = t.opening.audience_len = way % 4 == 2 ? WVT_AUDIENCE_MAX + 1 + (size_t)take(in) : 0;
    t.sealing.prefix_len = way % 4 == 3 ? (size_t)WVT_PREFIX_MAX + 1 + take(in) : 0;
    HOLDS(wvt_seal_tokens(lanes, &t.sealing, out, out, way % 4 ? back : over, 2, out) == -1);
    HOLDS(wvt_open_tokens(lanes, &t.opening, out, back, 2, out, NULL, out) == -1);
    HOLDS(*out == 0xee);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = input_of(data, size);
    struct held held = {.n = 0};
    const uint8_t way = take(&in) % 8;
    struct tokens t = {.n = count_of(&in)};
    const size_t audience_len = take(&in) % (WVT_AUDIENCE_MAX + 1), key = take(&in) % 3;
    const uint8_t *audience = filled(&held, &in, audience_len), *keys = filled(&held, &in, 3 * WVT_SEALING_KEY_BYTES);
    uint8_t *headers = bytes(&held, 3 * WVT_HEADER_BYTES);
    memset(headers, 1, 3 * WVT_HEADER_BYTES);
    headers[2 * WVT_HEADER_BYTES - 1] = 2, headers[3 * WVT_HEADER_BYTES - 1] = 3;
    t.opening = (struct wvt_opening){headers, keys, audience, 3, audience_len};
    if (way == 0) {
        refused(&in, &held, t);
    } else if (way < 3) { /* the input itself as a text */
        const uint32_t offsets[] = {0, (uint32_t)in.left}, none[] = {0, 0};
        const uint8_t *text = copied(&held, in.at, in.left), expected[] = {status_of(&held, &t, text, in.left, 1)};
        t.n = 1, t.offsets = none;
        opens(&t, text, offsets, expected);
    } else {
        uint32_t *len = lengths(&held, t.n), *offsets = lengths(&held, t.n + 1);
        const size_t prefix_len = edge(&in) % 100, sum = take_lengths(&in, len, t.n);
        offsets[0] = 0;
        for (size_t i = 0; i < t.n; i++) {
            offsets[i + 1] = offsets[i] + (len[i] <= WVT_PAYLOAD_BYTES_MAX ? len[i] : WVT_PAYLOAD_BYTES_MAX);
        }
        t.offsets = offsets;
        t.sealing = (struct wvt_sealing){keys + key * WVT_SEALING_KEY_BYTES,
                                         headers + key * WVT_HEADER_BYTES,
                                         audience,
                                         filled(&held, &in, prefix_len),
                                         audience_len,
                                         prefix_len};
        t.nonces = filled(&held, &in, WVT_NONCE_BYTES * t.n);
        t.payloads = filled(&held, &in, sum);
        seals(&in, &held, &t);
    }
    release(&held);
    return 0;
}
