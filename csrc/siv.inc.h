/* siv.inc.h - AES-256-GCM-SIV (RFC 8452), a message per lane. */

/* The reduction of POLYVAL (RFC 8452, 3): x^127 + x^126 + x^121, the upper half of its polynomial but for x^128. */
#define POLYVAL_UPPER v_pair(UINT64_C(0xc200000000000000), 0)
#define FIRST_BIT_OF_BYTE_15 v_pair(0, UINT64_C(0x8000000000000000))

static const uint8_t ones_then_zeros[32] = {255, 255, 255, 255, 255, 255, 255, 255,
                                            255, 255, 255, 255, 255, 255, 255, 255};

struct siv {
    V master[MAX_KEYS];       /* schedule of the key-generating key */
    V rk[MAX_KEYS * G];       /* schedules of the message-encryption keys */
    V h[G];                   /* message-authentication keys */
    V s[G];                   /* states of POLYVAL */
    V count[G];               /* initial counter blocks */
    uint8_t last[SLOTS][16];  /* blocks that are not full */
    uint8_t bits[SLOTS * 16]; /* lengths in bits */
    uint8_t sink[16];
    uint8_t aad[16]; /* its last block, if that is not full */
    /* Of each message in a lane; these are public. */
    const uint8_t *in[SLOTS];
    uint8_t *out[SLOTS];
    uint32_t len[SLOTS];
    uint32_t least, most; /* all have `least` full blocks, none more than `most` in all */
};

/* dot of RFC 8452, 3: a * b * x^-128. The low half of the product is folded into the upper 64 bits at a time. */
FN V dot(V a, V b)
{
    V low = v_mul_low_low(a, b), high = v_mul_high_high(a, b);
    V middle = v_xor(v_mul_low_high(a, b), v_mul_high_low(a, b));
    middle = v_xor(middle, v_xor(v_swap(low), v_mul_low_low(low, POLYVAL_UPPER)));
    return v_xor(high, v_xor(v_swap(middle), v_mul_low_low(middle, POLYVAL_UPPER)));
}

/* RFC 8452, 4: the keys of each message, from its nonce. Each block gives half of its bytes. */
FN void derive_keys(struct siv *w, const V *nonce)
{
    V low[G], high[G], half[3][G];
    for (size_t i = 0; i < 3; i++) {
        EACH
            low[g] = v_xor(v_up4(nonce[g]), v_pair(2 * i, 0));
        EACH
            high[g] = v_xor(v_up4(nonce[g]), v_pair(2 * i + 1, 0));
        encrypt(low, w->master, 0, AES256_ROUNDS);
        encrypt(high, w->master, 0, AES256_ROUNDS);
        EACH
            half[i][g] = v_low_low(low[g], high[g]);
    }
    EACH
        w->h[g] = half[0][g];
    expand(w->rk, G, 32, half[1], half[2]);
}

/* Loads the next SLOTS messages, in their order, the last one again where there are no more; gives their nonces. */
FN void take_messages(struct siv *w, const struct wvt_message *messages, const uint8_t *order, size_t n, size_t aad_len,
                      V *nonce)
{
    const uint8_t *p[SLOTS];
    w->least = UINT32_MAX;
    w->most = 0;
    for (size_t l = 0; l < SLOTS; l++) {
        const struct wvt_message *m = &messages[order[at_most(l, n - 1)]];
        const uint32_t full = m->len / 16, rest = m->len % 16;
        const uint64_t bits[2] = {8 * (uint64_t)aad_len, 8 * (uint64_t)m->len};
        p[l] = m->nonce;
        w->in[l] = m->in;
        w->out[l] = m->out;
        w->len[l] = m->len;
        w->least = full < w->least ? full : w->least;
        w->most = full + (rest != 0) > w->most ? full + (rest != 0) : w->most;
        memcpy(w->bits + 16 * l, bits, 16);
        if (rest) {
            memset(w->last[l], 0, 16);
            copy_part(w->last[l], m->in + 16 * (size_t)full, rest);
        }
    }
    EACH
        nonce[g] = v_gather(p + g * W);
}

FN void absorb(struct siv *w, const V *x)
{
    EACH
        w->s[g] = dot(v_xor(w->s[g], x[g]), w->h[g]);
}

FN void absorb_aad(struct siv *w, const uint8_t *aad, size_t len)
{
    V x[G];
    EACH
        w->s[g] = v_zero();
    for (; len >= 16; aad += 16, len -= 16) {
        EACH
            x[g] = v_all16(aad);
        absorb(w, x);
    }
    if (len) {
        EACH
            x[g] = v_all16(w->aad);
        absorb(w, x);
    }
}

/* All blocks of all messages through the counter mode, POLYVAL of the plaintext, or both. */
FN void each_block(struct siv *w, const int crypt, const int hash)
{
    for (uint32_t b = 0; b < w->most; b++) {
        const int ragged = b >= w->least;
        const size_t at = 16 * (size_t)b;
        const uint8_t *in[SLOTS], *keep[SLOTS], *live[SLOTS];
        uint8_t *out[SLOTS];
        V x[G], key[G];
        for (size_t l = 0; l < SLOTS; l++) {
            in[l] = w->in[l] + at;
            out[l] = w->out[l] + at;
            if (ragged) {
                const size_t here = w->len[l] > at ? at_most(w->len[l] - at, 16) : 0;
                in[l] = here == 16 ? in[l] : here ? w->last[l] : ones_then_zeros + 16;
                out[l] = here == 16 ? out[l] : here ? w->last[l] : w->sink;
                keep[l] = ones_then_zeros + 16 - here;
                live[l] = ones_then_zeros + (here ? 0 : 16);
            }
        }
        EACH
            x[g] = v_gather(in + g * W);
        if (crypt) {
            EACH
                key[g] = v_add32(w->count[g], v_pair(b, 0));
            encrypt(key, w->rk, 1, AES256_ROUNDS);
            EACH
                x[g] = v_xor(x[g], key[g]);
            EACH
                v_scatter(out + g * W, x[g]);
        }
        if (hash && ragged) {
            EACH
                x[g] = crypt ? v_and(x[g], v_gather(keep + g * W)) : x[g];
            EACH {
                V s = dot(v_xor(w->s[g], x[g]), w->h[g]);
                w->s[g] = v_select(v_gather(live + g * W), s, w->s[g]);
            }
        } else if (hash) {
            absorb(w, x);
        }
    }
    if (crypt) {
        for (size_t l = 0; l < SLOTS; l++) {
            copy_part(w->out[l] + w->len[l] / 16 * 16, w->last[l], w->len[l] % 16);
        }
    }
}

/* From the state after all blocks. */
FN void tags(struct siv *w, const V *nonce, V *tag)
{
    EACH
        tag[g] = v_load(w->bits + g * W * 16);
    absorb(w, tag);
    EACH
        tag[g] = v_and(v_xor(w->s[g], nonce[g]), v_pair(UINT64_MAX, INT64_MAX));
    encrypt(tag, w->rk, 1, AES256_ROUNDS);
}

FN void begin(struct siv *w, const uint8_t *key, const uint8_t *aad, size_t aad_len)
{
    V first = v_all16(key), last = v_all16(key + 16);
    expand(w->master, 1, WVT_KEY_BYTES, &first, &last);
    memset(w->aad, 0, sizeof w->aad);
    copy_part(w->aad, aad + aad_len / 16 * 16, aad_len % 16);
}

TARGET static void seal(const uint8_t *key, const uint8_t *aad, size_t aad_len, struct wvt_message *messages,
                        const uint8_t *order, size_t n)
{
    struct siv w;
    V nonce[G], tag[G];
    begin(&w, key, aad, aad_len);
    for (size_t i = 0; i < n; i += SLOTS) {
        uint8_t *p[SLOTS];
        take_messages(&w, messages, order + i, n - i, aad_len, nonce);
        derive_keys(&w, nonce);
        absorb_aad(&w, aad, aad_len);
        each_block(&w, 0, 1);
        tags(&w, nonce, tag);
        EACH
            w.count[g] = v_or(tag[g], FIRST_BIT_OF_BYTE_15);
        each_block(&w, 1, 0);
        for (size_t l = 0; l < SLOTS; l++) {
            p[l] = w.out[l] + w.len[l];
        }
        EACH
            v_scatter(p + g * W, tag[g]);
    }
    wvt_wipe(&w, sizeof w);
}

TARGET static void open(const uint8_t *key, const uint8_t *aad, size_t aad_len, struct wvt_message *messages,
                        const uint8_t *order, size_t n)
{
    struct siv w;
    V nonce[G], tag[G], right[G];
    begin(&w, key, aad, aad_len);
    for (size_t i = 0; i < n; i += SLOTS) {
        const uint8_t *p[SLOTS];
        take_messages(&w, messages, order + i, n - i, aad_len, nonce);
        for (size_t l = 0; l < SLOTS; l++) {
            p[l] = messages[order[i + at_most(l, n - i - 1)]].tag;
        }
        derive_keys(&w, nonce);
        absorb_aad(&w, aad, aad_len);
        EACH
            tag[g] = v_gather(p + g * W);
        EACH
            w.count[g] = v_or(tag[g], FIRST_BIT_OF_BYTE_15);
        each_block(&w, 1, 1);
        tags(&w, nonce, right);
        EACH
            v_store(w.bits + g * W * 16, v_equal16(tag[g], right[g]));
        for (size_t l = 0; l < at_most(SLOTS, n - i); l++) {
            and_bytes(w.out[l], w.len[l], w.bits[16 * l]);
            messages[order[i + l]].refused = ~w.bits[16 * l] & 1u;
        }
    }
    wvt_wipe(&w, sizeof w);
}
