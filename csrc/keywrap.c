/* keywrap.c - wvt_wrap and wvt_unwrap. */
#include "lanes.h"

/* With these limits no product of lengths overflows 64 bits. */
static int fits(const struct wvt_keys *k)
{
    return (k->kek_count == 1 || k->kek_count == k->n) && (k->kek_len == 16 || k->kek_len == 24 || k->kek_len == 32) &&
           k->key_len % 8 == 0 && k->key_len >= WVT_WRAP_BYTES_MIN && k->key_len <= WVT_WRAP_BYTES_MAX &&
           k->n <= UINT32_MAX;
}

static int64_t run(const struct wvt_kernels *kernels, const struct wvt_keys *k)
{
    struct wvt_work work;
    int64_t refused = 0;
    if (!kernels || !fits(k)) {
        return -1;
    }
    if (k->n) {
        (k->status ? kernels->unwrap : kernels->wrap)(k, wvt_aligned(work.bytes));
        wvt_finish(kernels, &work, kernels->wrap_bytes);
    }
    for (size_t i = 0; k->status && i < k->n; i++) {
        refused += k->status[i] != WVT_OK;
    }
    return refused;
}

int64_t wvt_wrap(uint32_t lanes, const uint8_t *keks, size_t kek_count, size_t kek_len, const uint8_t *keys,
                 size_t key_len, size_t n, uint8_t *out)
{
    const struct wvt_keys k = {keks, keys, out, NULL, kek_count, kek_len, key_len, n};
    return run(wvt_kernels_of(lanes), &k);
}

int64_t wvt_unwrap(uint32_t lanes, const uint8_t *keks, size_t kek_count, size_t kek_len, const uint8_t *wrapped,
                   size_t key_len, size_t n, uint8_t *out, uint8_t *status)
{
    const struct wvt_keys k = {keks, wrapped, out, status, kek_count, kek_len, key_len, n};
    return run(wvt_kernels_of(lanes), &k);
}
