/* test_no_lanes.c - on a CPU for which there is no SIMD variant, every call is refused and writes nothing. Also on
 * big-endian and 32-bit machines. */
#include "wvtoken.h"

#include <stdio.h>
#include <string.h>

static unsigned failed;

static void expect(int right, const char *what)
{
    if (!right) {
        failed++;
        printf("%s\n", what);
    }
}

int main(void)
{
    const uint32_t one = 1, offsets[3] = {0, 16, 40};
    uint8_t in[256], out[512], before[512], status[2] = {7, 7}, first;
    uint32_t places[3];
    const struct wvt_sealing sealing = {in, in, NULL, NULL, 0, 0};
    const struct wvt_opening opening = {in, in, NULL, 1, 0};
    memset(in, 'A', sizeof in);
    memset(out, 0xee, sizeof out);
    memset(before, 0xee, sizeof before);
    expect(wvt_lanes_supported() == 0, "there are lanes");
    for (unsigned bit = 0; bit <= 32; bit++) {
        const uint32_t lanes = bit < 32 ? UINT32_C(1) << bit : UINT32_MAX;
        expect(wvt_wrap(lanes, in, 1, 16, in, 16, 2, out) == -1, "wrap");
        expect(wvt_unwrap(lanes, in, 1, 16, in, 16, 2, out, status) == -1, "unwrap");
        expect(wvt_seal_tokens(lanes, &sealing, in, in, offsets, 2, out) == -1, "seal tokens");
        expect(wvt_open_tokens(lanes, &opening, in, offsets, 2, out, places, status) == -1, "open tokens");
    }
    expect(memcmp(out, before, sizeof out) == 0 && status[0] == 7 && status[1] == 7, "something was written");
    wvt_wipe(out + 1, sizeof out - 2);
    before[0] = 0;
    expect(out[0] == 0xee && out[sizeof out - 1] == 0xee, "wiped too much");
    for (size_t i = 1; i < sizeof out - 1; i++) {
        before[0] |= out[i];
    }
    expect(before[0] == 0, "not wiped");
    memcpy(&first, &one, 1);
    printf("%s-endian, %u-bit: %u failed\n", first ? "little" : "big", (unsigned)(8 * sizeof(size_t)), failed);
    return failed != 0;
}
