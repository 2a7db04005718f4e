/* fuzz_wrap.c - wvt_wrap and wvt_unwrap: every kind of lanes alike, back again, and what is spoiled is refused, and
 * nothing else. */
#include "harness.h"

/* n items with the mark between them, or without gaps when there is none. */
static uint8_t *joined(struct held *held, const uint8_t *mark, const uint8_t *items, size_t len, size_t n)
{
    const size_t gap = mark && n ? WVT_MARK_BYTES : 0, stride = len + gap;
    uint8_t *all_items = bytes(held, n * stride - (n ? gap : 0));
    for (size_t i = 0; i < n; i++) {
        if (len) {
            memcpy(all_items + i * stride, items + i * len, len);
        }
        if (gap && i + 1 < n) {
            memcpy(all_items + i * stride + len, mark, gap);
        }
    }
    return all_items;
}

struct shape {
    const uint8_t *mark;
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
    HOLDS(wvt_wrap(lanes, s->mark, keks, s->kek_count, s->kek_len, keys, s->key_len, s->n, out) == -1);
    HOLDS(all(out, s->n * (s->key_len + 8), 0xee));
    HOLDS(wvt_unwrap(lanes, s->mark, keks, s->kek_count, s->kek_len, wrapped, s->key_len, s->n, out, status) == -1);
    HOLDS(all(out, s->n * (s->key_len + 8), 0xee) && all(status, s->n, 0xee));
}

/* Unwraps by every kind of lanes; `bad` says which are to be refused, or is NULL. */
static void unwraps(const struct shape *s, const uint8_t *keks, const uint8_t *wrapped, const uint8_t *keys,
                    const uint8_t *bad)
{
    EACH_LANES(lanes)
    {
        struct held here = {.n = 0};
        uint8_t *out = bytes(&here, s->n * s->key_len), *status = bytes(&here, s->n);
        int64_t expected = 0;
        const int64_t got =
            wvt_unwrap(lanes, s->mark, keks, s->kek_count, s->kek_len, wrapped, s->key_len, s->n, out, status);
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
    s.mark = ways & 16 ? filled(&held, &in, WVT_MARK_BYTES) : NULL;
    const uint8_t *plain_keks = filled(&held, &in, s.kek_count * s.kek_len);
    const uint8_t *plain_keys = filled(&held, &in, s.n * s.key_len);
    const uint8_t *plain_wrapped = filled(&held, &in, s.n * (s.key_len + 8));
    const uint8_t *keks = joined(&held, s.mark, plain_keks, s.kek_len, s.kek_count);
    uint8_t *keys = joined(&held, s.mark, plain_keys, s.key_len, s.n);
    uint8_t *wrapped = joined(&held, s.mark, plain_wrapped, s.key_len + 8, s.n);
    if (!right(&s) || ways & 32) {
        refused(&s, right(&s) ? wrong_lanes(&in) : first_lanes(), &held, keks, keys, wrapped);
    } else if (s.mark && s.n > 1 && ways & 64) {
        /* A mark that is another one, at any place. */
        const size_t place = take(&in) % (s.n - 1), bit = take(&in) % 64;
        keys[place * (s.key_len + 8) + s.key_len + bit / 8] ^= (uint8_t)(1u << bit % 8);
        wrapped[place * (s.key_len + 16) + s.key_len + 8 + bit / 8] ^= (uint8_t)(1u << bit % 8);
        refused(&s, first_lanes(), &held, keks, keys, wrapped);
    } else {
        uint8_t *first = NULL;
        EACH_LANES(lanes)
        {
            uint8_t *out = bytes(&held, s.n * (s.key_len + 8));
            HOLDS(wvt_wrap(lanes, s.mark, keks, s.kek_count, s.kek_len, keys, s.key_len, s.n, out) == 0);
            HOLDS(!first || memcmp(out, first, s.n * (s.key_len + 8)) == 0);
            first = first ? first : out;
        }
        unwraps(&s, keks, joined(&held, s.mark, first, s.key_len + 8, s.n), plain_keys, NULL);
        uint8_t *bad = bytes(&held, s.n);
        memset(bad, 0, s.n);
        for (size_t changes = take(&in) % 4; s.n && changes; changes--) {
            const size_t item = take(&in) % s.n, place = (take(&in) | (size_t)take(&in) << 8) % (s.key_len + 8);
            if (!bad[item]) {
                first[item * (s.key_len + 8) + place] ^= (uint8_t)(1u << take(&in) % 8);
                bad[item] = 1;
            }
        }
        unwraps(&s, keks, joined(&held, s.mark, first, s.key_len + 8, s.n), plain_keys, bad);
        /* Random bytes: by 2**-64 each, none unwraps. */
        memset(bad, 1, s.n);
        unwraps(&s, keks, wrapped, plain_keys, bad);
    }
    release(&held);
    return 0;
}
