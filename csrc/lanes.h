/* lanes.h - the interface between the functions of wvtoken.h and the kernels. Kernels are compiled once per variant. */
#ifndef WVT_LANES_H
#define WVT_LANES_H

#include "compiler.h"
#include "wvtoken.h"

WVT_INLINE size_t at_most(size_t n, size_t most) { return n < most ? n : most; }

/* The arguments of wvt_wrap and wvt_unwrap; n is at least 1. */
struct wvt_keys {
    const uint8_t *keks, *in;
    uint8_t *out, *status; /* status: only for unwrap */
    size_t kek_count, kek_len, key_len, n;
};

struct wvt_message {
    uint8_t nonce[16]; /* 12 bytes and four zeros */
    const uint8_t *in; /* len bytes, and for open the tag; may be out */
    uint8_t *out;      /* len bytes; seal writes the tag behind them */
    uint32_t len, key; /* key: its place in the table of keys; all messages of a kernel call have the same */
    uint32_t refused;  /* open: 0, or WVT_REFUSED and the output is zeros */
};

/* Messages under one key and AAD. `order`: the places of n messages (at least 1), sorted by their numbers of blocks. */
struct wvt_messages {
    const uint8_t *key, *aad, *order;
    size_t aad_len, n;
    struct wvt_message *messages;
};

/* Memory for what a kernel computes from secrets. The caller of the kernel wipes it: wvt_finish. */
#define WVT_WORK_BYTES 12288u
struct wvt_work {
    uint8_t bytes[WVT_WORK_BYTES + 64];
};

/* The first address in these bytes that every vector may have. */
WVT_INLINE void *wvt_aligned(uint8_t *bytes) { return bytes + (64 - (uintptr_t)bytes % 64); }

/* No kernel checks a length. */
struct wvt_kernels {
    void (*wrap)(const struct wvt_keys *keys, void *work);
    void (*unwrap)(const struct wvt_keys *keys, void *work);
    void (*seal)(const struct wvt_messages *messages, void *work);
    void (*open)(const struct wvt_messages *messages, void *work);
    /* in may be the last len bytes of the place of the text in out. */
    void (*encode)(const uint8_t *in, size_t len, uint8_t *out);
    /* Returns whether all characters are in the alphabet. Writes len * 3 / 4 bytes, one more if len % 4 is not 0 (the
     * unused bits of the last character), and overwrites up to WVT_OPEN_SLACK bytes behind them. */
    int (*decode)(const uint8_t *in, size_t len, uint8_t *out);
    size_t wrap_bytes, siv_bytes; /* what wrap and unwrap, and what seal and open use of the workspace */
    size_t slots;                 /* messages that seal and open process together */
    /* The next narrower variant, or NULL. It is faster if all messages fit into its slots. Every CPU that runs this
     * variant also runs the narrower one. */
    const struct wvt_kernels *narrower;
};

/* The kernels of a variant, NULL if this build does not have it. */
const struct wvt_kernels *wvt_kernels_of(uint32_t lanes);

/* Whether offsets ascend, in steps of at most `most`. */
int wvt_offsets_fit(const uint32_t *offsets, size_t n, uint32_t most);

/* Wipe the stack below the caller, and all vector registers. */
void wvt_forget(const struct wvt_kernels *kernels);

/* To be called after kernels: wipes `used` bytes of the workspace, and forgets. */
void wvt_finish(const struct wvt_kernels *kernels, struct wvt_work *work, size_t used);

#if defined(WVT_X86_64)
extern const struct wvt_kernels wvt_kernels_aesni, wvt_kernels_vaes256, wvt_kernels_vaes512;
#elif defined(WVT_AARCH64)
extern const struct wvt_kernels wvt_kernels_armv8;
#endif

#endif
