/* fuzz_wrap.c - wvt_wrap and wvt_unwrap: all SIMD variants give the same bytes, unwrap is the inverse of wrap, and exactly
 * the damaged items are refused. */
#include "harness.h"

struct shape {
    size_t kek_count, kek_len, key_len, n;
};

static int right(const struct shape *s)
{
    return (s->kek_count == 1 || s->kek_count == s->n) && (s->kek_len == 16 || s->kek_len == 24 || s->kek_len == 32) &&
           s->key_len >= 16 && s->key_len % 8 == 0;
}

/* Outside the contract: -1, and nothing is written. */
static void refused(const struct shape *s, uint32_t lanes, struct held *held, const uint8_t *keks, const uint8_t *keys,
                    const uint8_t *wrapped)
{
    uint8_t *out = bytes(held, s->n * (s->key_len + 8)), *status = bytes(held, s->n);
    HOLDS(wvt_wrap(lanes, keks, s->kek_count, s->kek_len, keys, s->key_len, s->n, out) == -1);
    HOLDS(all(out, s->n * (s->key_len + 8), 0xee));
    HOLDS(wvt_unwrap(lanes, keks, s->kek_count, s->kek_len, wrapped, s->key_len, s->n, out, status) == -1);
    HOLDS(all(out, s->n * (s->key_len + 8), 0xee) && all(status, s->n, 0xee));
}

/* Unwraps with every SIMD variant. `bad`: which items must be refused, or NULL. */
static void unwraps(const struct shape *s, const uint8_t *keks, const uint8_t *wrapped, const uint8_t *keys,
                    const uint8_t *bad)
{
    EACH_LANES(lanes)
    {
        struct held here = {.n = 0};
        uint8_t *out = bytes(&here, s->n * s->key_len), *status = bytes(&here, s->n);
        int64_t expected = 0;
        const int64_t got = wvt_unwrap(lanes, keks, s->kek_count, s->kek_len, wrapped, s->key_len, s->n, out, status);
        for (size_t i = 0; i < s->n; i++) {
            const uint8_t *item = out + i * s->key_len;
            if (bad && bad[i]) {
                expected++;
                HOLDS(status[i] == WVT_REFUSED && all(item, s->key_len, 0));
            } else {
                HOLDS(status[i] == WVT_OK && memcmp(item, keys + i * s->key_len, s->key_len) == 0);
            }
        }
        HOLDS(got == expected);
        release(&here);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = input_of(data, size);
    struct held held = {.n = 0};
    const uint8_t ways = take(&in);
    static const uint8_t kek_lens[] = {16, 24, 32};
    struct shape s = {.n = count_of(&in)};
    s.kek_len = ways & 1 ? edge(&in) % 64 : kek_lens[take(&in) % 3];
    s.key_len = ways & 2 ? edge(&in) : 16 + 8 * (edge(&in) / 8);
    s.kek_count = ways & 4 ? 1 : ways & 8 ? take(&in) : s.n;
    if (s.n * (s.key_len + 8) > TOTAL_MAX) {
        s.n = TOTAL_MAX / (s.key_len + 8);
        s.kek_count = s.kek_count == 1 ? 1 : s.n;
    }
    const uint8_t *keks = filled(&held, &in, s.kek_count * s.kek_len);
    const uint8_t *keys = filled(&held, &in, s.n * s.key_len);
    const uint8_t *wrapped = filled(&held, &in, s.n * (s.key_len + 8));
    if (!right(&s) || ways & 32) {
        refused(&s, right(&s) ? wrong_lanes(&in) : first_lanes(), &held, keks, keys, wrapped);
    } else {
        uint8_t *first = NULL;
        EACH_LANES(lanes)
        {
            uint8_t *out = bytes(&held, s.n * (s.key_len + 8));
            HOLDS(wvt_wrap(lanes, keks, s.kek_count, s.kek_len, keys, s.key_len, s.n, out) == 0);
            HOLDS(!first || memcmp(out, first, s.n * (s.key_len + 8)) == 0);
            first = first ? first : out;
        }
        unwraps(&s, keks, first, keys, NULL);
        uint8_t *bad = bytes(&held, s.n);
        memset(bad, 0, s.n);
        for (size_t changes = take(&in) % 4; s.n && changes; changes--) {
            const size_t item = take(&in) % s.n, place = (take(&in) | (size_t)take(&in) << 8) % (s.key_len + 8);
            if (!bad[item]) {
                first[item * (s.key_len + 8) + place] ^= (uint8_t)(1u << take(&in) % 8);
                bad[item] = 1;
            }
        }
        unwraps(&s, keks, first, keys, bad);
        /* Random bytes do not unwrap. */
        memset(bad, 1, s.n);
        unwraps(&s, keks, wrapped, keys, bad);
    }
    release(&held);
    return 0;
}
