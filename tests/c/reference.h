/* reference.h - AES, key wrap, AES-256-GCM-SIV and base64url as their texts write them, a byte and a bit at a time:
 * slow, for tests alone. Include once. */
#ifndef REFERENCE_H
#define REFERENCE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct ref_aes {
    uint8_t round_key[15][16];
    unsigned rounds;
};

static uint8_t ref_sbox[256], ref_inverse_sbox[256], ref_product[16][256];

/* FIPS 197, 4.2: a product in GF(2^8). */
static inline uint8_t ref_times(uint8_t a, uint8_t b)
{
    unsigned product = 0, x = a;
    for (int bit = 0; bit < 8; bit++, x = x & 0x80 ? x << 1 ^ 0x11b : x << 1) {
        product ^= b >> bit & 1 ? x : 0;
    }
    return (uint8_t)product;
}

/* FIPS 197, 5.1.1: the inverse, and an affine map of its bits. To be called first. */
static inline void ref_begin(void)
{
    for (unsigned a = 0; a < 256; a++) {
        unsigned inverse = 0, s = 0x63;
        for (unsigned b = 0; b < 256; b++) {
            inverse = ref_times((uint8_t)a, (uint8_t)b) == 1 ? b : inverse;
        }
        for (unsigned turn = 0; turn < 5; turn++) {
            s ^= (inverse << turn | inverse >> (8 - turn)) & 255;
        }
        ref_sbox[a] = (uint8_t)s;
        ref_inverse_sbox[s] = (uint8_t)a;
        for (uint8_t b = 0; b < 16; b++) {
            ref_product[b][a] = ref_times((uint8_t)a, b);
        }
    }
}

static inline void ref_expand(struct ref_aes *aes, const uint8_t *key, size_t key_len)
{
    uint8_t *w = aes->round_key[0], constant = 1;
    aes->rounds = (unsigned)(key_len / 4 + 6);
    memcpy(w, key, key_len);
    for (size_t i = key_len; i < 16 * (aes->rounds + 1); i += 4) {
        uint8_t t[4] = {w[i - 4], w[i - 3], w[i - 2], w[i - 1]};
        if (i % key_len == 0) {
            const uint8_t first = t[0];
            t[0] = ref_sbox[t[1]] ^ constant;
            t[1] = ref_sbox[t[2]];
            t[2] = ref_sbox[t[3]];
            t[3] = ref_sbox[first];
            constant = ref_times(constant, 2);
        } else if (key_len == 32 && i % 32 == 16) {
            for (size_t j = 0; j < 4; j++) {
                t[j] = ref_sbox[t[j]];
            }
        }
        for (size_t j = 0; j < 4; j++) {
            w[i + j] = w[i + j - key_len] ^ t[j];
        }
    }
}

static inline void ref_add(uint8_t *x, const uint8_t *y)
{
    for (size_t i = 0; i < 16; i++) {
        x[i] ^= y[i];
    }
}

static inline void ref_mix(uint8_t x[16], uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    for (uint8_t *s = x; s < x + 16; s += 4) {
        const uint8_t t[4] = {s[0], s[1], s[2], s[3]};
        for (size_t i = 0; i < 4; i++) {
            s[i] = ref_product[a][t[i]] ^ ref_product[b][t[(i + 1) & 3]] ^ ref_product[c][t[(i + 2) & 3]] ^
                   ref_product[d][t[(i + 3) & 3]];
        }
    }
}

static inline void ref_encrypt(const struct ref_aes *aes, uint8_t x[16])
{
    uint8_t t[16];
    ref_add(x, aes->round_key[0]);
    for (unsigned r = 1; r <= aes->rounds; r++) {
        for (size_t i = 0; i < 16; i++) {
            t[i] = ref_sbox[x[(i + i % 4 * 4) % 16]];
        }
        if (r < aes->rounds) {
            ref_mix(t, 2, 3, 1, 1);
        }
        memcpy(x, t, 16);
        ref_add(x, aes->round_key[r]);
    }
}

static inline void ref_decrypt(const struct ref_aes *aes, uint8_t x[16])
{
    uint8_t t[16];
    for (unsigned r = aes->rounds; r >= 1; r--) {
        ref_add(x, aes->round_key[r]);
        if (r < aes->rounds) {
            ref_mix(x, 14, 11, 13, 9);
        }
        for (size_t i = 0; i < 16; i++) {
            t[(i + i % 4 * 4) % 16] = ref_inverse_sbox[x[i]];
        }
        memcpy(x, t, 16);
    }
    ref_add(x, aes->round_key[0]);
}

static inline void ref_add_counter(uint8_t a[8], uint64_t t)
{
    for (size_t i = 0; i < 8; i++) {
        a[7 - i] ^= (uint8_t)(t >> 8 * i);
    }
}

/* RFC 3394, 2.2.1. out: len + 8 bytes. */
static inline void ref_wrap(const uint8_t *kek, size_t kek_len, const uint8_t *key, size_t len, uint8_t *out)
{
    struct ref_aes aes;
    uint8_t b[16];
    ref_expand(&aes, kek, kek_len);
    memset(out, 0xa6, 8);
    memcpy(out + 8, key, len);
    for (size_t t = 1; t <= 6 * (len / 8); t++) {
        uint8_t *r = out + 8 + (t - 1) % (len / 8) * 8;
        memcpy(b, out, 8);
        memcpy(b + 8, r, 8);
        ref_encrypt(&aes, b);
        ref_add_counter(b, t);
        memcpy(out, b, 8);
        memcpy(r, b + 8, 8);
    }
}

/* RFC 3394, 2.2.2: whether `wrapped`, len + 8 bytes, is whole. */
static inline int ref_unwrap(const uint8_t *kek, size_t kek_len, const uint8_t *wrapped, size_t len, uint8_t *out)
{
    static const uint8_t initial[8] = {0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6};
    struct ref_aes aes;
    uint8_t a[8], b[16];
    ref_expand(&aes, kek, kek_len);
    memcpy(a, wrapped, 8);
    memcpy(out, wrapped + 8, len);
    for (size_t t = 6 * (len / 8); t >= 1; t--) {
        uint8_t *r = out + (t - 1) % (len / 8) * 8;
        memcpy(b, a, 8);
        memcpy(b + 8, r, 8);
        ref_add_counter(b, t);
        ref_decrypt(&aes, b);
        memcpy(a, b, 8);
        memcpy(r, b + 8, 8);
    }
    return memcmp(a, initial, 8) == 0;
}

/* POLYVAL's field (RFC 8452, 3): bit i of a byte string is the coefficient of x^i. */
struct ref_polyval {
    uint8_t h[128][16]; /* H * x^(i - 128) */
    uint8_t s[16];
};

static inline void ref_times_x(uint8_t v[16])
{
    const uint8_t over = v[15] >> 7;
    for (size_t i = 15; i; i--) {
        v[i] = (uint8_t)(v[i] << 1 | v[i - 1] >> 7);
    }
    v[0] = (uint8_t)(v[0] << 1 | over);
    v[15] ^= (uint8_t)(0xc2 * over);
}

static inline void ref_over_x(uint8_t v[16])
{
    const uint8_t odd = v[0] & 1;
    v[15] ^= (uint8_t)(0xc2 * odd);
    for (size_t i = 0; i < 15; i++) {
        v[i] = (uint8_t)(v[i] >> 1 | v[i + 1] << 7);
    }
    v[15] = (uint8_t)(v[15] >> 1 | odd << 7);
}

static inline void ref_absorb(struct ref_polyval *p, const uint8_t *bytes, size_t len)
{
    for (; len; len -= len < 16 ? len : 16, bytes += 16) {
        uint8_t x[16] = {0};
        memcpy(x, bytes, len < 16 ? len : 16);
        ref_add(x, p->s);
        memset(p->s, 0, 16);
        for (size_t i = 0; i < 128; i++) {
            if (x[i / 8] >> i % 8 & 1) {
                ref_add(p->s, p->h[i]);
            }
        }
    }
}

/* RFC 8452, 4, into the key for POLYVAL and the schedule for the rest. */
static inline void ref_derive(const uint8_t key[32], const uint8_t nonce[12], uint8_t authentication[16],
                              uint8_t encryption[32])
{
    struct ref_aes aes;
    ref_expand(&aes, key, 32);
    for (uint8_t i = 0; i < 6; i++) {
        uint8_t b[16] = {i};
        memcpy(b + 4, nonce, 12);
        ref_encrypt(&aes, b);
        memcpy(i < 2 ? authentication + 8 * i : encryption + 8 * (i - 2), b, 8);
    }
}

static inline void ref_polyval_begin(struct ref_polyval *p, const uint8_t h[16])
{
    uint8_t v[16];
    memset(p->s, 0, 16);
    memcpy(v, h, 16);
    for (size_t i = 0; i < 128; i++) {
        ref_over_x(v);
    }
    for (size_t i = 0; i < 128; i++, ref_times_x(v)) {
        memcpy(p->h[i], v, 16);
    }
}

/* RFC 8452, 4. out: len + 16 bytes. */
static inline void ref_seal(const uint8_t key[32], const uint8_t *aad, size_t aad_len, const uint8_t nonce[12],
                            const uint8_t *in, size_t len, uint8_t *out)
{
    struct ref_aes aes;
    struct ref_polyval p;
    uint8_t h[16], k[32], bits[16], tag[16], count[16], b[16];
    ref_derive(key, nonce, h, k);
    ref_expand(&aes, k, 32);
    ref_polyval_begin(&p, h);
    for (size_t i = 0; i < 8; i++) {
        bits[i] = (uint8_t)((uint64_t)aad_len * 8 >> 8 * i);
        bits[8 + i] = (uint8_t)((uint64_t)len * 8 >> 8 * i);
    }
    ref_absorb(&p, aad, aad_len);
    ref_absorb(&p, in, len);
    ref_absorb(&p, bits, 16);
    memcpy(tag, p.s, 16);
    for (size_t i = 0; i < 12; i++) {
        tag[i] ^= nonce[i];
    }
    tag[15] &= 0x7f;
    ref_encrypt(&aes, tag);
    memcpy(count, tag, 16);
    count[15] |= 0x80;
    for (size_t i = 0; i < len; i++) {
        if (i % 16 == 0) {
            memcpy(b, count, 16);
            ref_encrypt(&aes, b);
            for (size_t j = 0; j < 4 && ++count[j] == 0; j++) {
            }
        }
        out[i] = in[i] ^ b[i % 16];
    }
    memcpy(out + len, tag, 16);
}

static inline size_t ref_encode(const uint8_t *in, size_t len, uint8_t *out)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t chars = 0;
    for (size_t bit = 0; bit < 8 * len; bit += 6) {
        const unsigned two = (unsigned)in[bit / 8] << 8 | (bit / 8 + 1 < len ? in[bit / 8 + 1] : 0u);
        out[chars++] = (uint8_t)alphabet[two >> (10 - bit % 8) & 63];
    }
    return chars;
}

#endif
