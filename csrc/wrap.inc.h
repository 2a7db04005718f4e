/* wrap.inc.h - AES Key Wrap (RFC 3394, sections 2.2.1 and 2.2.2, in the index-based form), one item per lane.
 *
 * The low half of a lane holds A, the high half a semiblock R[i]. A step is one AES block, and adds t to A.
 * Wrapping and unwrapping share the code. `back` is a constant: 1 for unwrapping.
 */

/* Vectors that are processed together. The AES units need this many to be busy all the time. */
#define G 8u
#define SLOTS (G * W)

#define INITIAL_A v_pair(0xa6a6a6a6a6a6a6a6, 0)

struct wrapping {
    V rk[MAX_KEYS * G];       /* schedules of the KEKs */
    V other[G];               /* first and last bytes of the KEKs; then A, or the semiblocks of the other step */
    uint8_t high[SLOTS * 16]; /* wrap_long: the semiblocks of this step */
    uint8_t same[W * 16];     /* ones in the lanes whose A is right */
};

/* The 16 bytes at `from` of items i to i + W - 1. Behind the end it repeats the last item. */
FN V load_items(const uint8_t *items, size_t stride, size_t from, size_t i, size_t n)
{
    const uint8_t *p[W];
    for (size_t l = 0; l < W; l++) {
        p[l] = items + at_most(i + l, n - 1) * stride;
    }
    return v_gather(p, from);
}

FN void store_items(uint8_t *items, size_t stride, size_t from, size_t i, size_t n, V x)
{
    uint8_t *p[W];
    for (size_t l = 0; l < W; l++) {
        p[l] = items + at_most(i + l, n - 1) * stride;
    }
    v_scatter(p, from, x);
}

/* Schedules of the KEKs of items from i on; or of the one KEK for all. */
FN void expand_keks(struct wrapping *w, const int each, const int back, const struct wvt_keys *k, size_t i)
{
    const size_t vectors = each ? G : 1, n = each ? k->n : 1;
    V last[G];
    EACH(g, vectors) w->other[g] = load_items(k->keks, k->kek_len, 0, i + g * W, n);
    EACH(g, vectors) last[g] = load_items(k->keks, k->kek_len, k->kek_len - 16, i + g * W, n);
    expand(w->rk, vectors, k->kek_len, w->other, last);
    if (back) {
        invert(w->rk, vectors, k->kek_len / 4 + 6);
    }
}

/* Step s of `steps`, counted from 0. A contains t as a 64-bit big-endian number; t is below 2^32 for every key_len. */
FN void step(V *x, const V *rk, const int each, const int back, size_t rounds, size_t s, size_t steps)
{
    const uint64_t t = back ? steps - s : s + 1;
    const V count = v_pair((t & 0xff) << 56 | (t & 0xff00) << 40 | (t & 0xff0000) << 24 | (t & 0xff000000) << 8, 0);
    EACH(g, G) x[g] = back ? v_xor(x[g], count) : x[g];
    cipher(x, G, rk, each, back, rounds);
    EACH(g, G) x[g] = back ? x[g] : v_xor(x[g], count);
}

/* Ones in the lanes whose A is right. Sets the status of their items. */
FN V verified(struct wrapping *w, V a, size_t i, const struct wvt_keys *k)
{
    V same = v_equal16(v_low_low(a, v_zero()), INITIAL_A);
    v_store(w->same, same);
    for (size_t l = 0; l < W; l++) {
        k->status[at_most(i + l, k->n - 1)] = (uint8_t)(~w->same[16 * l] & WVT_REFUSED);
    }
    return same;
}

/* SLOTS keys of 16 bytes. x holds A and the semiblock of this step; the high half of w->other holds the other one. */
FN void wrap_short(struct wrapping *w, const int each, const int back, const struct wvt_keys *k, size_t i)
{
    const size_t in_len = back ? 24 : 16;
    V x[G], *y = w->other;
    EACH(g, G) {
        y[g] = load_items(k->in, in_len, 0, i + g * W, k->n);
        x[g] = back ? v_low_high(y[g], load_items(k->in, in_len, 8, i + g * W, k->n)) : v_low_low(INITIAL_A, y[g]);
    }
    for (size_t s = 0; s < 12; s++) {
        step(x, w->rk, each, back, k->kek_len / 4 + 6, s, 12);
        EACH(g, G) {
            V done = x[g];
            x[g] = v_low_high(done, y[g]);
            y[g] = done;
        }
    }
    EACH(g, G) {
        if (back) {
            V key = v_and(v_low_high(v_swap(y[g]), x[g]), verified(w, x[g], i + g * W, k));
            store_items(k->out, 16, 0, i + g * W, k->n, key);
        } else {
            store_items(k->out, 24, 0, i + g * W, k->n, x[g]);
            store_items(k->out, 24, 8, i + g * W, k->n, v_low_high(v_swap(x[g]), y[g]));
        }
    }
}

/* SLOTS keys of any length. Their semiblocks are in `out`, A in w->other. */
FN void wrap_long(struct wrapping *w, const int each, const int back, const struct wvt_keys *k, size_t i)
{
    const size_t semiblocks = k->key_len / 8, wrapped_len = k->key_len + 8;
    const size_t in_len = back ? wrapped_len : k->key_len;
    uint8_t *r[SLOTS];
    V x[G], *a = w->other;
    for (size_t l = 0; l < SLOTS; l++) {
        const size_t item = at_most(i + l, k->n - 1);
        r[l] = back ? k->out + item * k->key_len : k->out + item * wrapped_len + 8;
        wvt_copy(r[l], k->in + item * in_len + (back ? 8 : 0), k->key_len);
    }
    EACH(g, G) a[g] = back ? load_items(k->in, in_len, 0, i + g * W, k->n) : INITIAL_A;
    for (size_t s = 0; s < 6 * semiblocks; s++) {
        const size_t place = (back ? 6 * semiblocks - 1 - s : s) % semiblocks;
        for (size_t l = 0; l < SLOTS; l++) {
            memcpy(w->high + 16 * l + 8, r[l] + 8 * place, 8);
        }
        EACH(g, G) x[g] = v_low_high(a[g], v_load(w->high + g * W * 16));
        step(x, w->rk, each, back, k->kek_len / 4 + 6, s, 6 * semiblocks);
        EACH(g, G) {
            a[g] = x[g];
            v_store(w->high + g * W * 16, x[g]);
        }
        for (size_t l = 0; l < SLOTS; l++) {
            memcpy(r[l] + 8 * place, w->high + 16 * l + 8, 8);
        }
    }
    EACH(g, G) {
        v_store(w->high + g * W * 16, a[g]);
        if (back) {
            verified(w, a[g], i + g * W, k);
        }
    }
    for (size_t l = 0; l < at_most(SLOTS, k->n - i); l++) {
        if (back) {
            and_bytes(r[l], k->key_len, (uint8_t)(k->status[i + l] - WVT_REFUSED));
        } else {
            memcpy(r[l] - 8, w->high + 16 * l, 8);
        }
    }
}

FN void wrap_items(struct wrapping *w, const int each, const int back, const struct wvt_keys *k)
{
    for (size_t i = 0; i < k->n; i += SLOTS) {
        if (each || i == 0) {
            expand_keks(w, each, back, k, i);
        }
        if (k->key_len == 16) {
            wrap_short(w, each, back, k, i);
        } else {
            wrap_long(w, each, back, k, i);
        }
    }
    CLEAR_REGISTERS();
}

FN void wrap_either(struct wrapping *w, const int back, const struct wvt_keys *k)
{
    if (k->kek_count == 1) {
        wrap_items(w, 0, back, k);
    } else {
        wrap_items(w, 1, back, k);
    }
}

TARGET static void wrap(const struct wvt_keys *k, void *work) { wrap_either(work, 0, k); }
TARGET static void unwrap(const struct wvt_keys *k, void *work) { wrap_either(work, 1, k); }

#undef G
#undef SLOTS
