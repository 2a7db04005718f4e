/* sha1.c - see sha1.h. The names of the variables are those of FIPS 180-4, section 6.1.2. */
#include "sha1.h"

#include <string.h>

#define BLOCK_BYTES 64u

static uint32_t rotate_left(uint32_t x, unsigned n) { return x << n | x >> (32 - n); }

static uint32_t load_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void store_be32(uint8_t *p, uint32_t x)
{
    p[0] = (uint8_t)(x >> 24);
    p[1] = (uint8_t)(x >> 16);
    p[2] = (uint8_t)(x >> 8);
    p[3] = (uint8_t)x;
}

/* One step: v is a, b, c, d, e. */
static void update(uint32_t v[5], uint32_t f, uint32_t addend)
{
    const uint32_t next = rotate_left(v[0], 5) + f + v[4] + addend;
    v[4] = v[3], v[3] = v[2], v[2] = rotate_left(v[1], 30), v[1] = v[0], v[0] = next;
}

static void hash_block(uint32_t h[5], const uint8_t block[BLOCK_BYTES])
{
    uint32_t w[80];
    for (size_t t = 0; t < 16; t++) {
        w[t] = load_be32(block + 4 * t);
    }
    for (size_t t = 16; t < 80; t++) {
        w[t] = rotate_left(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    }
    uint32_t v[5] = {h[0], h[1], h[2], h[3], h[4]};
    for (size_t t = 0; t < 20; t++) {
        update(v, (v[1] & v[2]) ^ (~v[1] & v[3]), UINT32_C(0x5a827999) + w[t]);
    }
    for (size_t t = 20; t < 40; t++) {
        update(v, v[1] ^ v[2] ^ v[3], UINT32_C(0x6ed9eba1) + w[t]);
    }
    for (size_t t = 40; t < 60; t++) {
        update(v, (v[1] & v[2]) ^ (v[1] & v[3]) ^ (v[2] & v[3]), UINT32_C(0x8f1bbcdc) + w[t]);
    }
    for (size_t t = 60; t < 80; t++) {
        update(v, v[1] ^ v[2] ^ v[3], UINT32_C(0xca62c1d6) + w[t]);
    }
    for (size_t i = 0; i < 5; i++) {
        h[i] += v[i];
    }
}

void wvt_sha1(const uint8_t *message, size_t len, uint8_t digest[WVT_SHA1_BYTES])
{
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint8_t last[2 * BLOCK_BYTES] = {0};
    const size_t rest = len % BLOCK_BYTES, whole = len - rest;
    for (size_t at = 0; at < whole; at += BLOCK_BYTES) {
        hash_block(h, message + at);
    }
    /* Padding (section 5.1.1): the bit 1, zeros, and the length in bits as 64 bits. */
    const size_t padded = rest + 9 <= BLOCK_BYTES ? BLOCK_BYTES : 2 * BLOCK_BYTES;
    if (rest) {
        memcpy(last, message + whole, rest);
    }
    last[rest] = 0x80;
    store_be32(last + padded - 8, (uint32_t)((uint64_t)len >> 29));
    store_be32(last + padded - 4, (uint32_t)((uint64_t)len << 3));
    for (size_t at = 0; at < padded; at += BLOCK_BYTES) {
        hash_block(h, last + at);
    }
    for (size_t i = 0; i < 5; i++) {
        store_be32(digest + 4 * i, h[i]);
    }
}
