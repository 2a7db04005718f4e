/* lanes.h - between wvtoken.c, which knows contracts and lengths, and the kernels, compiled once per kind of lanes. */
#ifndef WVT_LANES_H
#define WVT_LANES_H

#include "compiler.h"
#include "wvtoken.h"

/* Messages that are sorted by length together, so that those side by side in lanes are of similar length. */
#define WVT_WINDOW 256u

/* Bytes that a decode may write behind its result. */
#define WVT_DECODE_SLACK 64u

/* A message on its way through seal or open. */
struct wvt_message {
    uint8_t nonce[16];  /* and four zeros */
    const uint8_t *in;  /* len bytes; when opening it may be out */
    uint8_t *out;       /* len bytes; when sealing the tag follows */
    const uint8_t *tag; /* opening: the tag to verify */
    uint32_t len;
    uint32_t refused; /* opening: 0 or 1, for the caller to use without a branch until all is done */
};

/* None of these checks a length. n is at least 1, of messages at most WVT_WINDOW; order holds the n places of messages,
 * those of a like number of blocks side by side. */
struct wvt_kernels {
    void (*wrap)(const uint8_t *keks, size_t kek_count, size_t kek_len, const uint8_t *keys, size_t key_len, size_t n,
                 uint8_t *out);
    void (*unwrap)(const uint8_t *keks, size_t kek_count, size_t kek_len, const uint8_t *wrapped, size_t key_len,
                   size_t n, uint8_t *out, uint8_t *status);
    void (*seal)(const uint8_t *key, const uint8_t *aad, size_t aad_len, struct wvt_message *messages,
                 const uint8_t *order, size_t n);
    void (*open)(const uint8_t *key, const uint8_t *aad, size_t aad_len, struct wvt_message *messages,
                 const uint8_t *order, size_t n);
    /* in may be the last len bytes of the text's place in out. */
    void (*encode)(const uint8_t *in, size_t len, uint8_t *out);
    /* Whether the text is in the alphabet; out gets len * 3 / 4 bytes, one more with the stray bits, and slack. */
    int (*decode)(const uint8_t *in, size_t len, uint8_t *out);
};

#if defined(WVT_X86_64)
extern const struct wvt_kernels wvt_kernels_aesni, wvt_kernels_vaes256, wvt_kernels_vaes512;
#elif defined(WVT_AARCH64)
extern const struct wvt_kernels wvt_kernels_armv8;
#endif

#endif
