/* siv.inc.h - AES-256-GCM-SIV (RFC 8452), one message per lane. */

/* Vectors that are processed together. More are not faster, because POLYVAL needs registers too. */
#define G 4u
#define SLOTS (G * W)
enum { SIV_SLOTS = SLOTS }; /* The table of kernels needs the number. wrap.inc.h redefines SLOTS. */

/* The terms x^127, x^126 and x^121 of the polynomial of POLYVAL (RFC 8452, section 3), divided by x^64. */
#define POLYVAL_UPPER v_pair(UINT64_C(0xc200000000000000), 0)
#define TOP_BIT UINT64_C(0x8000000000000000)

static const uint8_t ones_then_zeros[32] = {255, 255, 255, 255, 255, 255, 255, 255,
                                            255, 255, 255, 255, 255, 255, 255, 255};

struct siv {
    V master[MAX_KEYS];       /* schedule of the key-generating key */
    V rk[MAX_KEYS * G];       /* schedules of the message-encryption keys */
    V derived[3][G];          /* message-authentication keys, and both halves of the message-encryption keys */
    V s[G];                   /* states of POLYVAL */
    V nonce[G];               /* with four zeros */
    V tag[G], right[G];       /* tags, which start the counter blocks; open: the given tags and the right ones */
    uint8_t last[SLOTS][16];  /* the last block of each message, if it is not full */
    uint8_t sink[16];         /* for the blocks that a shorter message does not have */
    uint8_t aad[16];          /* the last block of the AAD, if it is not full */
    uint8_t bits[SLOTS * 16]; /* lengths in bits; after open, ones in the lanes whose tag is right */
    struct wvt_message *m[SLOTS];
    const uint8_t *in[SLOTS]; /* copies from m */
    uint8_t *out[SLOTS];
    size_t len[SLOTS];
    size_t full, blocks; /* every message has at least `full` full blocks and at most `blocks` blocks */
};

/* dot of RFC 8452, section 3: a * b * x^-128, with three products (Karatsuba). The product is reduced by 64 bits twice,
 * from the low end. */
FN V dot(V a, V b)
{
    const V a2 = v_swap(a), b2 = v_swap(b), low = v_mul(a, b), high = v_mul(a2, b2);
    V middle = v_xor(v_xor(low, high), v_mul(v_xor(a, a2), v_xor(b, b2)));
    middle = v_xor(middle, v_xor(v_swap(low), v_mul(low, POLYVAL_UPPER)));
    return v_xor(high, v_xor(v_swap(middle), v_mul(middle, POLYVAL_UPPER)));
}

FN void absorb(struct siv *w, const V *x)
{
    EACH(g, G) w->s[g] = dot(v_xor(w->s[g], x[g]), w->derived[0][g]);
}

FN void begin(struct siv *w, const struct wvt_messages *a)
{
    V first = v_all16(a->key), last = v_all16(a->key + 16);
    expand(w->master, 1, WVT_SEALING_KEY_BYTES, &first, &last);
    memset(w->aad, 0, 16);
    wvt_copy(w->aad, a->aad + a->aad_len / 16 * 16, a->aad_len % 16);
}

/* RFC 8452, section 4: the keys of each message. Each block gives 8 bytes of a key. */
FN void derive_keys(struct siv *w)
{
    V low[G], high[G];
    for (size_t i = 0; i < 3; i++) {
        EACH(g, G) low[g] = v_xor(v_up4(w->nonce[g]), v_pair(2 * i, 0));
        EACH(g, G) high[g] = v_xor(v_up4(w->nonce[g]), v_pair(2 * i + 1, 0));
        cipher(low, G, w->master, 0, 0, AES256_ROUNDS);
        cipher(high, G, w->master, 0, 0, AES256_ROUNDS);
        EACH(g, G) w->derived[i][g] = v_low_low(low[g], high[g]);
    }
    expand(w->rk, G, WVT_SEALING_KEY_BYTES, w->derived[1], w->derived[2]);
}

FN void absorb_aad(struct siv *w, const uint8_t *aad, size_t len)
{
    V x[G];
    EACH(g, G) w->s[g] = v_zero();
    for (size_t at = 0; at < len; at += 16) {
        EACH(g, G) x[g] = v_all16(len - at >= 16 ? aad + at : w->aad);
        absorb(w, x);
    }
}

/* Loads SLOTS messages from place i on, and their last blocks. Behind the end it repeats the last message.
 * Derives their keys, and puts the AAD through POLYVAL. */
FN void take_messages(struct siv *w, const struct wvt_messages *a, size_t i)
{
    const uint8_t *nonce[SLOTS];
    w->full = SIZE_MAX;
    w->blocks = 0;
    for (size_t l = 0; l < SLOTS; l++) {
        struct wvt_message *m = w->m[l] = &a->messages[a->order[at_most(i + l, a->n - 1)]];
        const size_t full = m->len / 16, rest = m->len % 16, blocks = full + (rest != 0);
        const uint64_t bits[2] = {8 * (uint64_t)a->aad_len, 8 * (uint64_t)m->len};
        memcpy(w->bits + 16 * l, bits, 16);
        nonce[l] = m->nonce;
        w->in[l] = m->in;
        w->out[l] = m->out;
        w->len[l] = m->len;
        w->full = at_most(full, w->full);
        w->blocks = blocks > w->blocks ? blocks : w->blocks;
        if (rest) {
            memset(w->last[l], 0, 16);
            wvt_copy(w->last[l], m->in + 16 * full, rest);
        }
    }
    EACH(g, G) w->nonce[g] = v_gather(nonce + g * W, 0);
    derive_keys(w);
    absorb_aad(w, a->aad, a->aad_len);
}

/* Puts all blocks of all messages through counter mode (crypt), and their plaintext through POLYVAL (hash). */
FN void each_block(struct siv *w, const int crypt, const int hash)
{
    for (size_t b = 0; b < w->blocks; b++) {
        const int ragged = b >= w->full; /* for some message this block is in `last`, or does not exist */
        const uint8_t *const *in = w->in;
        const uint8_t *from[SLOTS], *keep[SLOTS] = {NULL};
        uint8_t *const *out = w->out;
        uint8_t *to[SLOTS];
        size_t at = 16 * b;
        V x[G], key[G];
        if (ragged) {
            for (size_t l = 0; l < SLOTS; l++) {
                const size_t here = w->len[l] > at ? at_most(w->len[l] - at, 16) : 0;
                from[l] = here == 16 ? w->in[l] + at : here ? w->last[l] : ones_then_zeros + 16;
                to[l] = here == 16 ? w->out[l] + at : here ? w->last[l] : w->sink;
                keep[l] = ones_then_zeros + 16 - here;
            }
            in = from;
            out = to;
            at = 0;
        }
        EACH(g, G) x[g] = v_gather(in + g * W, at);
        if (crypt) {
            /* The top bit is always 1. */
            EACH(g, G) key[g] = v_add32(v_and(w->tag[g], v_pair(UINT64_MAX, ~TOP_BIT)), v_pair(b, TOP_BIT));
            cipher(key, G, w->rk, 1, 0, AES256_ROUNDS);
            EACH(g, G) x[g] = v_xor(x[g], key[g]);
            EACH(g, G) v_scatter(out + g * W, at, x[g]);
        }
        if (hash && ragged) {
            EACH(g, G) {
                V mask = v_gather(keep + g * W, 0), s = dot(v_xor(w->s[g], v_and(x[g], mask)), w->derived[0][g]);
                w->s[g] = v_select(v_shuffle(mask, v_zero()), s, w->s[g]);
            }
        } else if (hash) {
            absorb(w, x);
        }
    }
    for (size_t l = 0; crypt && l < SLOTS; l++) {
        wvt_copy(w->out[l] + w->len[l] / 16 * 16, w->last[l], w->len[l] % 16);
    }
}

/* The tags, from the states after the last block. */
FN void finish(struct siv *w, V *tag)
{
    EACH(g, G) tag[g] = v_load(w->bits + g * W * 16);
    absorb(w, tag);
    EACH(g, G) tag[g] = v_and(v_xor(w->s[g], w->nonce[g]), v_pair(UINT64_MAX, ~TOP_BIT));
    cipher(tag, G, w->rk, 1, 0, AES256_ROUNDS);
}

TARGET static void seal(const struct wvt_messages *a, void *work)
{
    struct siv *w = work;
    begin(w, a);
    for (size_t i = 0; i < a->n; i += SLOTS) {
        uint8_t *p[SLOTS];
        take_messages(w, a, i);
        each_block(w, 0, 1);
        finish(w, w->tag);
        each_block(w, 1, 0);
        for (size_t l = 0; l < SLOTS; l++) {
            p[l] = w->out[l] + w->len[l];
        }
        EACH(g, G) v_scatter(p + g * W, 0, w->tag[g]);
    }
    CLEAR_REGISTERS();
}

TARGET static void open(const struct wvt_messages *a, void *work)
{
    struct siv *w = work;
    begin(w, a);
    for (size_t i = 0; i < a->n; i += SLOTS) {
        const uint8_t *p[SLOTS];
        take_messages(w, a, i);
        for (size_t l = 0; l < SLOTS; l++) {
            p[l] = w->in[l] + w->len[l];
        }
        EACH(g, G) w->tag[g] = v_gather(p + g * W, 0);
        each_block(w, 1, 1);
        finish(w, w->right);
        EACH(g, G) v_store(w->bits + g * W * 16, v_equal16(w->tag[g], w->right[g]));
        for (size_t l = 0; l < at_most(SLOTS, a->n - i); l++) {
            const uint8_t whole = w->bits[16 * l];
            and_bytes(w->out[l], w->len[l], whole);
            w->m[l]->refused = ~whole & WVT_REFUSED;
        }
    }
    CLEAR_REGISTERS();
}

#undef G
#undef SLOTS
