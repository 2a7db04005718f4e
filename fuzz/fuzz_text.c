/* fuzz_text.c - base64url against a slow reading of RFC 4648, and token texts: every kind of lanes alike, back again,
 * and what is not the one text of a token is refused. */
#include "harness.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static size_t text_bytes(size_t n) { return (n * 4 + 2) / 3; }

static int value_of(uint8_t character)
{
    const char *found = character ? strchr(alphabet, character) : NULL;
    return found ? (int)(found - alphabet) : -1;
}

/* The bytes of a text; 0 unless it is the one text of some. */
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

/* One text against the reference, and then in a batch with a good one before and behind. */
static void decodes(struct held *held, const uint8_t *text, size_t len)
{
    static const uint8_t good[] = {'A', '_', '-', '9'}, good_bytes[] = {3, 255, 189};
    const size_t bytes_of = len * 3 / 4;
    uint8_t *expected = bytes(held, bytes_of), *three = bytes(held, len + 8);
    const int valid = decoded(text, len, expected);
    const uint32_t one_len[] = {(uint32_t)len}, three_len[] = {4, (uint32_t)len, 4};
    if (!valid) {
        memset(expected, 0, bytes_of);
    }
    memcpy(three, good, 4);
    memcpy(three + 4, text, len);
    memcpy(three + 4 + len, good, 4);
    EACH_LANES(lanes)
    {
        struct held here = {.n = 0};
        uint8_t *out = bytes(&here, bytes_of), *status = bytes(&here, 1);
        HOLDS(wvt_base64url_decode(lanes, text, one_len, 1, out, status) == !valid);
        HOLDS(*status == (valid ? WVT_OK : WVT_REFUSED) && memcmp(out, expected, bytes_of) == 0);
        if (valid) {
            uint8_t *again = bytes(&here, len + 1);
            const uint32_t again_len[] = {(uint32_t)bytes_of};
            HOLDS(wvt_base64url_encode(lanes, out, again_len, 1, again) == 0);
            HOLDS(memcmp(again, text, len) == 0 && again[len] == '\n');
        }
        uint8_t *among = bytes(&here, bytes_of + 6), *states = bytes(&here, 3);
        HOLDS(wvt_base64url_decode(lanes, three, three_len, 3, among, states) == !valid);
        HOLDS(states[0] == WVT_OK && states[1] == *status && states[2] == WVT_OK);
        HOLDS(memcmp(among, good_bytes, 3) == 0 && memcmp(among + 3 + bytes_of, good_bytes, 3) == 0);
        HOLDS(memcmp(among + 3, expected, bytes_of) == 0);
        release(&here);
    }
}

struct tokens {
    const uint8_t *prefix, *key, *header, *audience, *nonces, *payloads;
    size_t prefix_len, audience_len, n;
    const uint32_t *payload_len;
};

/* Opens texts by every kind of lanes; `expected` is the status of each. */
static void opens(const struct tokens *t, const uint8_t *texts, const uint32_t *len, const uint8_t *expected)
{
    size_t room = 0;
    for (size_t i = 0; i < t->n; i++) {
        const size_t raw = (size_t)len[i] * 3 / 4;
        room += raw > WVT_OPENED_OVERHEAD ? raw - WVT_OPENED_OVERHEAD : 0;
    }
    EACH_LANES(lanes)
    {
        struct held here = {.n = 0};
        uint8_t *out = bytes(&here, room), *status = bytes(&here, t->n), *at = out;
        const uint8_t *payload = t->payloads;
        int64_t refused = 0;
        const int64_t got =
            wvt_open_tokens(lanes, t->key, t->header, t->audience, t->audience_len, texts, len, t->n, out, status);
        for (size_t i = 0; i < t->n; i++) {
            const size_t raw = (size_t)len[i] * 3 / 4;
            const size_t opened = raw > WVT_OPENED_OVERHEAD ? raw - WVT_OPENED_OVERHEAD : 0;
            HOLDS(status[i] == expected[i]);
            if (status[i] == WVT_OK) {
                HOLDS(opened == WVT_NONCE_BYTES + t->payload_len[i]);
                HOLDS(memcmp(at, t->nonces + i * WVT_NONCE_BYTES, WVT_NONCE_BYTES) == 0);
                HOLDS(memcmp(at + WVT_NONCE_BYTES, payload, t->payload_len[i]) == 0);
            } else {
                refused++;
                HOLDS(all(at, opened, 0));
            }
            at += opened;
            payload += t->payload_len[i];
        }
        HOLDS(got == refused && at == out + room);
        release(&here);
    }
}

/* What a text that was a token is after a change. */
static uint8_t status_of(struct held *held, const struct tokens *t, const uint8_t *text, size_t len, int changed)
{
    uint8_t *raw = bytes(held, len * 3 / 4);
    const int valid = decoded(text, len, raw) && len * 3 / 4 >= WVT_TOKEN_OVERHEAD;
    if (!valid) {
        return WVT_REFUSED;
    }
    if (memcmp(raw, t->header, WVT_HEADER_BYTES)) {
        return WVT_FOREIGN;
    }
    return changed ? WVT_REFUSED : WVT_OK;
}

static void changed_tokens(struct input *in, const struct tokens *t, const uint8_t *texts, const uint32_t *len)
{
    for (size_t i = 0; i < t->n && i < 8; i++) { /* each by itself: then every length and place is one of its own */
        struct held held = {.n = 0};
        struct tokens one = *t;
        const uint8_t *payload = t->payloads, *text = texts;
        for (size_t before = 0; before < i; before++) {
            payload += t->payload_len[before];
            text += len[before];
        }
        one.payloads = payload, one.payload_len = t->payload_len + i, one.n = 1;
        one.nonces = t->nonces + i * WVT_NONCE_BYTES;
        const uint8_t way = take(in), with = take(in);
        const size_t place = (take(in) | (size_t)take(in) << 8) % len[i];
        uint32_t cut[] = {way % 4 == 3 ? (uint32_t)place : len[i]};
        uint8_t *copy = copied(&held, text, cut[0]);
        if (way % 4 == 0) {
            copy[place] = with;
        } else if (way % 4 == 1) {
            copy[place] = (uint8_t)alphabet[value_of(copy[place]) ^ (with & 63)];
        } else if (way % 4 == 2) {
            copy[len[i] - 1] = (uint8_t)alphabet[value_of(copy[len[i] - 1]) ^ (with & 63)];
        }
        const int changed = cut[0] != len[i] || memcmp(copy, text, len[i]) != 0;
        const uint8_t expected[] = {status_of(&held, &one, copy, cut[0], changed)};
        opens(&one, copy, cut, expected);
        release(&held);
    }
}

static void seals(struct input *in, struct held *held, struct tokens *t)
{
    size_t whole = 0;
    uint32_t *line_len = lengths(held, t->n);
    uint8_t *lines = NULL, *expected = bytes(held, t->n);
    for (size_t i = 0; i < t->n; i++) {
        line_len[i] = (uint32_t)text_bytes(t->payload_len[i] + (size_t)WVT_TOKEN_OVERHEAD);
        whole += t->prefix_len + line_len[i] + 1;
    }
    EACH_LANES(lanes)
    {
        uint8_t *out = bytes(held, whole);
        HOLDS(wvt_seal_tokens(lanes, t->prefix, t->prefix_len, t->key, t->header, t->audience, t->audience_len,
                              t->nonces, t->payloads, t->payload_len, t->n, out) == 0);
        HOLDS(!lines || memcmp(lines, out, whole) == 0);
        lines = lines ? lines : out;
    }
    uint8_t *texts = bytes(held, whole - t->n * (t->prefix_len + 1)), *text = texts;
    for (size_t i = 0; i < t->n; i++) {
        HOLDS(memcmp(lines, t->prefix, t->prefix_len) == 0 && lines[t->prefix_len + line_len[i]] == '\n');
        memcpy(text, lines + t->prefix_len, line_len[i]);
        lines += t->prefix_len + line_len[i] + 1;
        text += line_len[i];
    }
    memset(expected, WVT_OK, t->n);
    opens(t, texts, line_len, expected);
    changed_tokens(in, t, texts, line_len);
    memset(expected, WVT_FOREIGN, t->n);
    uint8_t *other = copied(held, t->header, WVT_HEADER_BYTES);
    other[take(in) % WVT_HEADER_BYTES] ^= 1;
    t->header = other;
    opens(t, texts, line_len, expected);
}

/* Outside the contract: -1, before anything but lengths is read. */
static void refused(struct input *in, struct held *held)
{
    const uint8_t way = take(in);
    const uint32_t over = WVT_TEXT_MAX + 1 + (uint32_t)take(in) * 0x00f00001u;
    const uint32_t len[] = {0, way % 4 == 0 ? over : 0};
    const uint32_t lanes = way % 4 == 1 ? wrong_lanes(in) : first_lanes();
    const size_t audience_len = way % 4 == 2 ? WVT_AUDIENCE_MAX + 1 + (size_t)take(in) : 0;
    const size_t prefix_len = way % 4 == 3 ? (size_t)WVT_MESSAGE_MAX + 1 + take(in) : 0;
    uint8_t *nothing = bytes(held, 0), *out = bytes(held, 1);
    if (way % 4 < 2) {
        HOLDS(wvt_base64url_encode(lanes, nothing, len, 2, out) == -1);
        HOLDS(wvt_base64url_decode(lanes, nothing, len, 2, out, nothing) == -1);
    }
    HOLDS(wvt_seal_tokens(lanes, nothing, prefix_len, nothing, nothing, nothing, audience_len, nothing, nothing, len, 2,
                          out) == -1);
    if (way % 4 < 3) {
        HOLDS(wvt_open_tokens(lanes, nothing, nothing, nothing, audience_len, nothing, len, 2, out, nothing) == -1);
    }
    HOLDS(*out == 0xee);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = input_of(data, size);
    struct held held = {.n = 0};
    const uint8_t way = take(&in) % 8;
    if (way == 0) {
        refused(&in, &held);
    } else if (way < 3) { /* the input itself as a text */
        decodes(&held, copied(&held, in.at, in.left), in.left);
    } else if (way == 3) { /* a text of any length with one other character */
        const size_t len = edge(&in), place = (take(&in) | (size_t)take(&in) << 8) % (len ? len : 1);
        uint8_t *text = filled(&held, &in, len);
        for (size_t i = 0; i < len; i++) {
            text[i] = (uint8_t)alphabet[text[i] & (i + 1 == len ? 48 : 63)];
        }
        if (len && in.left) {
            text[place] = take(&in);
        }
        decodes(&held, text, len);
    } else {
        struct tokens t = {.n = count_of(&in), .audience_len = take(&in) % (WVT_AUDIENCE_MAX + 1)};
        uint32_t *len = lengths(&held, t.n);
        t.prefix_len = edge(&in) % 100;
        const size_t sum = take_lengths(&in, len, t.n);
        t.payload_len = len;
        t.prefix = filled(&held, &in, t.prefix_len);
        t.key = filled(&held, &in, WVT_KEY_BYTES);
        t.header = filled(&held, &in, WVT_HEADER_BYTES);
        t.audience = filled(&held, &in, t.audience_len);
        t.nonces = filled(&held, &in, WVT_NONCE_BYTES * t.n);
        t.payloads = filled(&held, &in, sum);
        seals(&in, &held, &t);
    }
    release(&held);
    return 0;
}
