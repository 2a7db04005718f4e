/* wrap.inc.h - AES Key Wrap (RFC 3394, 2.2.1 and 2.2.2, in their index-based form), an item per lane.
 *
 * A lane holds A in its low and a semiblock R[i] in its high half, so that a step is one AES block, and t added to A.
 */

#define INITIAL_A v_pair(0xa6a6a6a6a6a6a6a6, 0)

struct schedules {
    V rk[MAX_KEYS * G];
};

/* t as the 64-bit big-endian number in A; it stays below 2^32, 6 steps for each 8 bytes of WVT_MESSAGE_MAX. */
FN V counter(size_t t)
{
    const uint64_t n = t;
    return v_pair((n & 0xff) << 56 | (n & 0xff00) << 40 | (n & 0xff0000) << 24 | (n & 0xff000000) << 8, 0);
}

/* The schedules of the KEKs of items i and following, or of the one KEK. */
FN void expand_keks(V *rk, const int each, const int inverse, const uint8_t *keks, size_t len, size_t i, size_t n)
{
    const uint8_t *first[W], *last[W];
    V low[G], high[G];
    const size_t count = each ? G : 1;
    WVT_UNROLL
    for (size_t g = 0; g < count; g++) {
        for (size_t l = 0; l < W; l++) {
            first[l] = keks + (each ? at_most(i + g * W + l, n - 1) * len : 0);
            last[l] = first[l] + len - 16;
        }
        low[g] = v_gather(first);
        high[g] = v_gather(last);
    }
    expand(rk, count, len, low, high);
    if (inverse) {
        invert(rk, count, len / 4 + 6);
    }
}

/* The semiblock at r, i from 0, in the high halves; it reads none that is not there. */
FN V semiblock(uint8_t *const *r, size_t i)
{
    const uint8_t *p[W];
    for (size_t l = 0; l < W; l++) {
        p[l] = r[l] + (i ? 8 * (i - 1) : 0);
    }
    return i ? v_gather(p) : v_swap(v_gather(p));
}

FN void put_semiblock(uint8_t *const *r, size_t i, V x)
{
    uint8_t lanes[W * 16];
    v_store(lanes, x);
    for (size_t l = 0; l < W; l++) {
        memcpy(r[l] + 8 * i, lanes + 16 * l + 8, 8);
    }
}

/* Keys of 16 bytes: all in registers. */
FN void wrap_short(const V *rk, const int each, size_t rounds, const uint8_t *keys, size_t i, size_t n, uint8_t *out)
{
    V x[G], y[G];
    EACH {
        const uint8_t *p[W];
        for (size_t l = 0; l < W; l++) {
            p[l] = keys + at_most(i + g * W + l, n - 1) * 16;
        }
        y[g] = v_gather(p);
        x[g] = v_low_low(INITIAL_A, y[g]);
    }
    for (size_t t = 1; t <= 12; t++) {
        encrypt(x, rk, each, rounds);
        EACH {
            V b = v_xor(x[g], counter(t));
            x[g] = v_low_high(b, y[g]);
            y[g] = b;
        }
    }
    EACH {
        uint8_t *p[W], *q[W];
        for (size_t l = 0; l < W; l++) {
            p[l] = out + at_most(i + g * W + l, n - 1) * 24;
            q[l] = p[l] + 8;
        }
        v_scatter(p, x[g]);
        v_scatter(q, v_high_high(x[g], y[g]));
    }
}

/* Keys of any length: the semiblocks are in `out`. */
FN void wrap_long(const V *rk, const int each, size_t rounds, const uint8_t *keys, size_t len, size_t i, size_t n,
                  uint8_t *out)
{
    uint8_t *r[SLOTS];
    V a[G], x[G];
    for (size_t l = 0; l < SLOTS; l++) {
        size_t item = at_most(i + l, n - 1);
        r[l] = out + item * (len + 8) + 8;
        memcpy(r[l], keys + item * len, len);
    }
    EACH
        a[g] = INITIAL_A;
    for (size_t t = 1; t <= 6 * (len / 8); t++) {
        const size_t place = (t - 1) % (len / 8);
        EACH
            x[g] = v_low_high(a[g], semiblock(r + g * W, place));
        encrypt(x, rk, each, rounds);
        EACH {
            a[g] = v_xor(x[g], counter(t));
            put_semiblock(r + g * W, place, x[g]);
        }
    }
    EACH {
        uint8_t *p[W];
        for (size_t l = 0; l < W; l++) {
            p[l] = r[g * W + l] - 8;
        }
        put_semiblock(p, 0, v_swap(a[g]));
    }
}

FN void wrap_all(struct schedules *s, const int each, const uint8_t *keks, size_t kek_len, const uint8_t *keys,
                 size_t key_len, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i += SLOTS) {
        if (each || i == 0) {
            expand_keks(s->rk, each, 0, keks, kek_len, i, n);
        }
        if (key_len == 16) {
            wrap_short(s->rk, each, kek_len / 4 + 6, keys, i, n, out);
        } else {
            wrap_long(s->rk, each, kek_len / 4 + 6, keys, key_len, i, n, out);
        }
    }
}

TARGET static void wrap(const uint8_t *keks, size_t kek_count, size_t kek_len, const uint8_t *keys, size_t key_len,
                        size_t n, uint8_t *out)
{
    struct schedules s;
    if (kek_count == 1) {
        wrap_all(&s, 0, keks, kek_len, keys, key_len, n, out);
    } else {
        wrap_all(&s, 1, keks, kek_len, keys, key_len, n, out);
    }
    wvt_wipe(&s, sizeof s);
}

/* Ones in the lanes whose A came back as it went in; and the status of their items. */
FN V verified(V a, size_t i, size_t n, uint8_t *status)
{
    uint8_t lanes[W * 16];
    V same = v_equal16(v_low_low(a, v_zero()), INITIAL_A);
    v_store(lanes, same);
    for (size_t l = 0; l < W; l++) {
        status[at_most(i + l, n - 1)] = (uint8_t)(~lanes[16 * l] & WVT_REFUSED);
    }
    return same;
}

FN void unwrap_short(const V *rk, const int each, size_t rounds, const uint8_t *wrapped, size_t i, size_t n,
                     uint8_t *out, uint8_t *status)
{
    V x[G], y[G];
    EACH {
        const uint8_t *p[W], *q[W];
        for (size_t l = 0; l < W; l++) {
            p[l] = wrapped + at_most(i + g * W + l, n - 1) * 24;
            q[l] = p[l] + 8;
        }
        y[g] = v_gather(p);
        x[g] = v_low_high(y[g], v_gather(q));
    }
    for (size_t t = 12; t >= 1; t--) {
        EACH
            x[g] = v_xor(x[g], counter(t));
        decrypt(x, rk, each, rounds);
        EACH {
            V b = x[g];
            x[g] = v_low_high(b, y[g]);
            y[g] = b;
        }
    }
    EACH {
        uint8_t *p[W];
        for (size_t l = 0; l < W; l++) {
            p[l] = out + at_most(i + g * W + l, n - 1) * 16;
        }
        v_scatter(p, v_and(v_high_high(y[g], x[g]), verified(x[g], i + g * W, n, status)));
    }
}

FN void unwrap_long(const V *rk, const int each, size_t rounds, const uint8_t *wrapped, size_t len, size_t i, size_t n,
                    uint8_t *out, uint8_t *status)
{
    uint8_t *r[SLOTS];
    V a[G], x[G];
    for (size_t l = 0; l < SLOTS; l++) {
        size_t item = at_most(i + l, n - 1);
        r[l] = out + item * len;
        memcpy(r[l], wrapped + item * (len + 8) + 8, len);
    }
    EACH {
        const uint8_t *p[W];
        for (size_t l = 0; l < W; l++) {
            p[l] = wrapped + at_most(i + g * W + l, n - 1) * (len + 8);
        }
        a[g] = v_gather(p);
    }
    for (size_t t = 6 * (len / 8); t >= 1; t--) {
        const size_t place = (t - 1) % (len / 8);
        EACH
            x[g] = v_low_high(v_xor(a[g], counter(t)), semiblock(r + g * W, place));
        decrypt(x, rk, each, rounds);
        EACH {
            a[g] = x[g];
            put_semiblock(r + g * W, place, x[g]);
        }
    }
    EACH
        verified(a[g], i + g * W, n, status);
    for (size_t l = 0; l < at_most(SLOTS, n - i); l++) {
        and_bytes(r[l], len, (uint8_t)(status[i + l] - WVT_REFUSED));
    }
}

FN void unwrap_all(struct schedules *s, const int each, const uint8_t *keks, size_t kek_len, const uint8_t *wrapped,
                   size_t key_len, size_t n, uint8_t *out, uint8_t *status)
{
    for (size_t i = 0; i < n; i += SLOTS) {
        if (each || i == 0) {
            expand_keks(s->rk, each, 1, keks, kek_len, i, n);
        }
        if (key_len == 16) {
            unwrap_short(s->rk, each, kek_len / 4 + 6, wrapped, i, n, out, status);
        } else {
            unwrap_long(s->rk, each, kek_len / 4 + 6, wrapped, key_len, i, n, out, status);
        }
    }
}

TARGET static void unwrap(const uint8_t *keks, size_t kek_count, size_t kek_len, const uint8_t *wrapped, size_t key_len,
                          size_t n, uint8_t *out, uint8_t *status)
{
    struct schedules s;
    if (kek_count == 1) {
        unwrap_all(&s, 0, keks, kek_len, wrapped, key_len, n, out, status);
    } else {
        unwrap_all(&s, 1, keks, kek_len, wrapped, key_len, n, out, status);
    }
    wvt_wipe(&s, sizeof s);
}
