/* lanes.h - between wvtoken.c, which knows contracts and lengths, and the kernels, compiled once per kind of lanes. */
#ifndef WVT_LANES_H
#define WVT_LANES_H

#include "compiler.h"
#include "wvtoken.h"

WVT_INLINE size_t at_most(size_t n, size_t most) { return n < most ? n : most; }

/* The arguments of wvt_wrap and wvt_unwrap; n is at least 1. */
struct wvt_keys {
    const uint8_t *keks, *in;
    uint8_t *out, *status; /* status: for unwrap alone */
    size_t kek_count, kek_len, key_len, n;
    size_t gap; /* bytes between each two of keks, and of in */
};

struct wvt_message {
    uint8_t nonce[16];  /* and four zeros */
    const uint8_t *in;  /* len bytes; for open it may be out */
    uint8_t *out;       /* len bytes; after seal the tag follows */
    const uint8_t *tag; /* open: the one to verify */
    uint32_t len;
    uint32_t refused; /* open: 0, or WVT_REFUSED and the output is zeros; nothing branches on it before all is done */
};

/* Messages under one key and AAD; n is at least 1, and `order` has their places, those of as many blocks side by side.
 */
struct wvt_messages {
    const uint8_t *key, *aad, *order;
    size_t aad_len, n;
    struct wvt_message *messages;
};

/* Bytes that decode may write behind its result. */
#define WVT_DECODE_SLACK 64u

/* None of these checks a length. */
struct wvt_kernels {
    void (*wrap)(const struct wvt_keys *keys);
    void (*unwrap)(const struct wvt_keys *keys);
    void (*seal)(const struct wvt_messages *messages);
    void (*open)(const struct wvt_messages *messages);
    /* in may be the last len bytes of the text's place in out. */
    void (*encode)(const uint8_t *in, size_t len, uint8_t *out);
    /* Whether a text is in the alphabet; out gets its len * 3 / 4 bytes, then one of its stray bits, and slack. */
    int (*decode)(const uint8_t *in, size_t len, uint8_t *out);
};

#if defined(WVT_X86_64)
extern const struct wvt_kernels wvt_kernels_aesni, wvt_kernels_vaes256, wvt_kernels_vaes512;
#elif defined(WVT_AARCH64)
extern const struct wvt_kernels wvt_kernels_armv8;
#endif

#endif
