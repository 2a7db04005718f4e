/* test_no_lanes.c - what is left of the engine on a CPU that it has no lanes for: nothing but the word that there are
 * none. Every call is refused and writes nothing, also on big-endian and 32-bit machines. */
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
    static const uint8_t header[WVT_HEADER_BYTES] = {1};
    const uint32_t one = 1, len[2] = {16, 24};
    uint8_t in[256], out[512], before[512], status[2] = {7, 7}, first;
    memset(in, 'A', sizeof in);
    memset(out, 0xee, sizeof out);
    memset(before, 0xee, sizeof before);
    expect(wvt_lanes_supported() == 0, "there are lanes");
    /* Every bit, and all bits: no lanes are taken on trust. */
    for (unsigned bit = 0; bit <= 32; bit++) {
        const uint32_t lanes = bit < 32 ? UINT32_C(1) << bit : UINT32_MAX;
        expect(wvt_wrap(lanes, NULL, in, 1, 16, in, 16, 2, out) == -1, "wrap");
        expect(wvt_unwrap(lanes, NULL, in, 1, 16, in, 16, 2, out, status) == -1, "unwrap");
        expect(wvt_seal(lanes, in, header, 5, in, in, len, 2, out) == -1, "seal");
        expect(wvt_open(lanes, in, header, 5, in, in, len, 2, out, status) == -1, "open");
        expect(wvt_base64url_encode(lanes, in, len, 2, out) == -1, "encode");
        expect(wvt_base64url_decode(lanes, in, len, 2, out, status) == -1, "decode");
        expect(wvt_seal_tokens(lanes, NULL, 0, in, header, NULL, 0, in, in, len, 2, out) == -1, "seal tokens");
        expect(wvt_open_tokens(lanes, in, header, NULL, 0, in, len, 2, out, status) == -1, "open tokens");
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
