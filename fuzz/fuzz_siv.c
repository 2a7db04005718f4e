/* fuzz_siv.c - wvt_seal and wvt_open: every kind of lanes alike, back again, and what is spoiled is refused, and nothing
 * else. */
#include "harness.h"

struct batch {
    const uint8_t *key, *aad, *nonces;
    size_t aad_len, n;
};

static void opens(const struct batch *b, const uint8_t *sealed, const uint32_t *len, size_t opened,
                  const uint8_t *messages, const uint8_t *bad)
{
    EACH_LANES(lanes)
    {
        struct held here = {.n = 0};
        uint8_t *out = bytes(&here, opened), *status = bytes(&here, b->n);
        const int64_t got = wvt_open(lanes, b->key, b->aad, b->aad_len, b->nonces, sealed, len, b->n, out, status);
        int64_t expected = 0;
        size_t at = 0;
        for (size_t i = 0; i < b->n; i++) {
            const size_t bytes_of = len[i] > WVT_TAG_BYTES ? len[i] - WVT_TAG_BYTES : 0;
            if (bad && bad[i]) {
                expected++;
                HOLDS(status[i] == WVT_REFUSED && all(out + at, bytes_of, 0));
            } else {
                HOLDS(status[i] == WVT_OK && memcmp(out + at, messages + at, bytes_of) == 0);
            }
            at += bytes_of;
        }
        HOLDS(got == expected && at == opened);
        release(&here);
    }
}

/* Outside the contract: -1, before anything but lengths is read. */
static void refused(struct input *in, struct held *held)
{
    static const uint32_t over[] = {WVT_MESSAGE_MAX + WVT_TAG_BYTES + 1, 0x7fffffffu, 0x80000000u, 0xffffffffu};
    const uint8_t way = take(in);
    const size_t n = 1 + take(in) % 3;
    uint32_t *len = lengths(held, n), lanes = first_lanes();
    uint8_t *nothing = bytes(held, 0), *out = bytes(held, 1);
    size_t aad_len = 0;
    memset(len, 0, n * sizeof *len);
    if (way % 3 == 0) {
        len[take(in) % n] = over[take(in) % 4];
    } else if (way % 3 == 1) {
        aad_len = (size_t)WVT_MESSAGE_MAX + 1 + take(in);
    } else {
        lanes = wrong_lanes(in);
    }
    HOLDS(wvt_seal(lanes, nothing, nothing, aad_len, nothing, nothing, len, n, out) == -1);
    HOLDS(wvt_open(lanes, nothing, nothing, aad_len, nothing, nothing, len, n, out, nothing) == -1);
    HOLDS(*out == 0xee);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = input_of(data, size);
    struct held held = {.n = 0};
    const uint8_t ways = take(&in);
    struct batch b = {.n = count_of(&in), .aad_len = edge(&in)};
    if (ways % 16 == 15) {
        refused(&in, &held);
        release(&held);
        return 0;
    }
    uint32_t *len = lengths(&held, b.n), *sealed_len = lengths(&held, b.n);
    const size_t sum = take_lengths(&in, len, b.n), sealed_sum = sum + WVT_TAG_BYTES * b.n;
    b.key = filled(&held, &in, WVT_KEY_BYTES);
    b.aad = filled(&held, &in, b.aad_len);
    b.nonces = filled(&held, &in, WVT_NONCE_BYTES * b.n);
    const uint8_t *messages = filled(&held, &in, sum);
    uint8_t *sealed = NULL, *bad = bytes(&held, b.n);
    EACH_LANES(lanes)
    {
        uint8_t *out = bytes(&held, sealed_sum);
        HOLDS(wvt_seal(lanes, b.key, b.aad, b.aad_len, b.nonces, messages, len, b.n, out) == 0);
        HOLDS(!sealed || memcmp(sealed, out, sealed_sum) == 0);
        sealed = sealed ? sealed : out;
    }
    for (size_t i = 0; i < b.n; i++) {
        sealed_len[i] = len[i] + WVT_TAG_BYTES;
    }
    opens(&b, sealed, sealed_len, sum, messages, NULL);
    memset(bad, 0, b.n);
    size_t start = 0;
    for (size_t i = 0; i < b.n; i++) { /* some with a bit flipped, the last bytes of the tag among them */
        const uint8_t change = take(&in);
        if (change & 1) {
            const size_t place = change & 2 ? sealed_len[i] - 1 - (change >> 2) % 16 : (change >> 2) % sealed_len[i];
            sealed[start + place] ^= (uint8_t)(1u << (change >> 3) % 8);
            bad[i] = 1;
        }
        start += sealed_len[i];
    }
    opens(&b, sealed, sealed_len, sum, messages, bad);
    /* Random bytes of any length, shorter than a tag too. */
    size_t opened = 0;
    for (size_t i = 0; i < b.n; i++) {
        opened += len[i] > WVT_TAG_BYTES ? len[i] - WVT_TAG_BYTES : 0;
    }
    memset(bad, 1, b.n);
    opens(&b, messages, len, opened, messages, bad);
    release(&held);
    return 0;
}
