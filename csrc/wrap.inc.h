/* wrap.inc.h - AES Key Wrap (RFC 3394, 2.2.1 and 2.2.2, in their index-based form), an item per lane.
 *
 * A lane holds A in its low and a semiblock R[i] in its high half, so that a step is one AES block, and t added to A.
 * Forwards and back are one code, with `back` a constant.
 */

/* Vectors worked on at once: there is little but AES here, and that is what its units need to be busy. */
#define G 8u
#define SLOTS (G * W)

#define INITIAL_A v_pair(0xa6a6a6a6a6a6a6a6, 0)

/* The 16 bytes at `from` of items i to i + W - 1, or of the last item where there are no more. */
FN V load_items(const uint8_t *items, size_t stride, size_t from, size_t i, size_t n)
{
    const uint8_t *p[W];
    for (size_t l = 0; l < W; l++) {
        p[l] = items + at_most(i + l, n - 1) * stride + from;
    }
    return v_gather(p);
}

FN void store_items(uint8_t *items, size_t stride, size_t from, size_t i, size_t n, V x)
{
    uint8_t *p[W];
    for (size_t l = 0; l < W; l++) {
        p[l] = items + at_most(i + l, n - 1) * stride + from;
    }
    v_scatter(p, x);
}

/* Schedules of the KEKs of items from i on; or of the one KEK, which is its own neighbour. */
FN void expand_keks(V *rk, const int each, const int back, const struct wvt_keys *k, size_t i)
{
    const size_t vectors = each ? G : 1, n = each ? k->n : 1;
    V first[G], last[G];
    EACH(vectors) first[g] = load_items(k->keks, k->kek_len + k->gap, 0, i + g * W, n);
    EACH(vectors) last[g] = load_items(k->keks, k->kek_len + k->gap, k->kek_len - 16, i + g * W, n);
    expand(rk, vectors, k->kek_len, first, last);
    if (back) {
        invert(rk, vectors, k->kek_len / 4 + 6);
    }
}

/* Step s of `steps`, from 0. t is in A as a 64-bit big-endian number, and below 2^32 for every key_len. */
FN void step(V *x, const V *rk, const int each, const int back, size_t rounds, size_t s, size_t steps)
{
    const uint64_t t = back ? steps - s : s + 1;
    const V count = v_pair((t & 0xff) << 56 | (t & 0xff00) << 40 | (t & 0xff0000) << 24 | (t & 0xff000000) << 8, 0);
    if (back) {
        EACH(G) x[g] = v_xor(x[g], count);
        decrypt(x, G, rk, each, rounds);
    } else {
        encrypt(x, G, rk, each, rounds);
        EACH(G) x[g] = v_xor(x[g], count);
    }
}

/* Ones in the lanes whose A came back as it went in; and the status of their items. */
FN V verified(V a, size_t i, const struct wvt_keys *k)
{
    uint8_t lanes[W * 16];
    V same = v_equal16(v_low_low(a, v_zero()), INITIAL_A);
    v_store(lanes, same);
    for (size_t l = 0; l < W; l++) {
        k->status[at_most(i + l, k->n - 1)] = (uint8_t)(~lanes[16 * l] & WVT_REFUSED);
    }
    return same;
}

/* SLOTS keys of 16 bytes, all in registers: x has A and the semiblock of this step, y in its high half the other. */
FN void wrap_short(const V *rk, const int each, const int back, const struct wvt_keys *k, size_t i)
{
    const size_t stride = (back ? 24 : 16) + k->gap;
    V x[G], y[G];
    EACH(G) {
        y[g] = load_items(k->in, stride, 0, i + g * W, k->n);
        x[g] = back ? v_low_high(y[g], load_items(k->in, stride, 8, i + g * W, k->n)) : v_low_low(INITIAL_A, y[g]);
    }
    for (size_t s = 0; s < 12; s++) {
        step(x, rk, each, back, k->kek_len / 4 + 6, s, 12);
        EACH(G) {
            V done = x[g];
            x[g] = v_low_high(done, y[g]);
            y[g] = done;
        }
    }
    EACH(G) {
        if (back) {
            V key = v_and(v_high_high(y[g], x[g]), verified(x[g], i + g * W, k));
            store_items(k->out, 16, 0, i + g * W, k->n, key);
        } else {
            store_items(k->out, 24, 0, i + g * W, k->n, x[g]);
            store_items(k->out, 24, 8, i + g * W, k->n, v_high_high(x[g], y[g]));
        }
    }
}

/* SLOTS keys of any length, their semiblocks in `out`. */
FN void wrap_long(const V *rk, const int each, const int back, const struct wvt_keys *k, size_t i)
{
    const size_t semiblocks = k->key_len / 8, wrapped_len = k->key_len + 8;
    const size_t stride = (back ? wrapped_len : k->key_len) + k->gap;
    uint8_t *r[SLOTS], high[SLOTS * 16];
    V a[G], x[G];
    for (size_t l = 0; l < SLOTS; l++) {
        const size_t item = at_most(i + l, k->n - 1);
        r[l] = back ? k->out + item * k->key_len : k->out + item * wrapped_len + 8;
        memcpy(r[l], k->in + item * stride + (back ? 8 : 0), k->key_len);
    }
    EACH(G) a[g] = back ? load_items(k->in, stride, 0, i + g * W, k->n) : INITIAL_A;
    for (size_t s = 0; s < 6 * semiblocks; s++) {
        const size_t place = (back ? 6 * semiblocks - 1 - s : s) % semiblocks;
        for (size_t l = 0; l < SLOTS; l++) {
            memcpy(high + 16 * l + 8, r[l] + 8 * place, 8);
        }
        EACH(G) x[g] = v_low_high(a[g], v_load(high + g * W * 16));
        step(x, rk, each, back, k->kek_len / 4 + 6, s, 6 * semiblocks);
        EACH(G) {
            a[g] = x[g];
            v_store(high + g * W * 16, x[g]);
        }
        for (size_t l = 0; l < SLOTS; l++) {
            memcpy(r[l] + 8 * place, high + 16 * l + 8, 8);
        }
    }
    EACH(G) {
        v_store(high + g * W * 16, a[g]);
        if (back) {
            verified(a[g], i + g * W, k);
        }
    }
    for (size_t l = 0; l < at_most(SLOTS, k->n - i); l++) {
        if (back) {
            and_bytes(r[l], k->key_len, (uint8_t)(k->status[i + l] - WVT_REFUSED));
        } else {
            memcpy(r[l] - 8, high + 16 * l, 8);
        }
    }
    wvt_wipe(high, sizeof high);
}

FN void wrap_items(V *rk, const int each, const int back, const struct wvt_keys *k)
{
    for (size_t i = 0; i < k->n; i += SLOTS) {
        if (each || i == 0) {
            expand_keks(rk, each, back, k, i);
        }
        if (k->key_len == 16) {
            wrap_short(rk, each, back, k, i);
        } else {
            wrap_long(rk, each, back, k, i);
        }
    }
}

FN void wrap_either(const int back, const struct wvt_keys *k)
{
    V rk[MAX_KEYS * G];
    if (k->kek_count == 1) {
        wrap_items(rk, 0, back, k);
    } else {
        wrap_items(rk, 1, back, k);
    }
    wvt_wipe(rk, sizeof rk);
}

TARGET static void wrap(const struct wvt_keys *k) { wrap_either(0, k); }
TARGET static void unwrap(const struct wvt_keys *k) { wrap_either(1, k); }

#undef G
#undef SLOTS
