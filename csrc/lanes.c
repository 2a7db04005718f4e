/* lanes.c - the kernels of each variant, and wiping. */
#include "lanes.h"

/* The kernels make the mask for a refused item from its status. */
WVT_STATIC_ASSERT(status_is_a_mask, WVT_OK == 0 && WVT_REFUSED == 1);

const struct wvt_kernels *wvt_kernels_of(uint32_t lanes)
{
    switch (lanes) {
#if defined(WVT_X86_64)
    case WVT_LANES_AESNI:
        return &wvt_kernels_aesni;
    case WVT_LANES_VAES256:
        return &wvt_kernels_vaes256;
    case WVT_LANES_VAES512:
        return &wvt_kernels_vaes512;
#elif defined(WVT_AARCH64)
    case WVT_LANES_ARMV8:
        return &wvt_kernels_armv8;
#endif
    default:
        return NULL;
    }
}

void wvt_wipe(void *p, size_t n)
{
#if defined(WVT_KEEP_STORES)
    if (n) {
        memset(p, 0, n);
        WVT_KEEP_STORES(p);
    }
#else
    volatile uint8_t *bytes = p;
    while (n--) {
        *bytes++ = 0;
    }
#endif
}

/* Kernels have no arrays of their own. Their stack frames hold only vectors for which there was no register.
 * tests/c/run checks that no frame is larger than half of this. */
WVT_NOINLINE static void wipe_spilled(void)
{
    uint8_t spilled[8192];
    wvt_wipe(spilled, sizeof spilled);
}

void wvt_forget(const struct wvt_kernels *kernels)
{
    kernels->encode(NULL, 0, NULL); /* writes no text; every kernel ends with zeros in all vector registers */
    wipe_spilled();
}

void wvt_finish(const struct wvt_kernels *kernels, struct wvt_work *work, size_t used)
{
    wvt_wipe(wvt_aligned(work->bytes), used);
    wvt_forget(kernels);
}
