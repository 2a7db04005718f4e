/* base64url.inc.h - base64url without padding (RFC 4648, section 5). Each lane converts 12 bytes to 16 characters. No
 * address depends on the data. */

/* The characters of 6-bit values, one per byte. */
FN V characters(V values)
{
    /* kind: 0 for A-Z, 1 for a-z, 2 to 11 for the digits, 12 for - and 13 for _. shift: the sum of each with a value. */
    V over_51 = v_sub8_saturating(values, v_pair(UINT64_C(0x3333333333333333), UINT64_C(0x3333333333333333)));
    V over_25 = v_sub8_saturating(values, v_pair(UINT64_C(0x1919191919191919), UINT64_C(0x1919191919191919)));
    V one = v_pair(UINT64_C(0x0101010101010101), UINT64_C(0x0101010101010101));
    V kind = v_add8(over_51, v_min8(over_25, one));
    V shift = v_pair(UINT64_C(0xfcfcfcfcfcfc4741), UINT64_C(0x000020effcfcfcfc));
    return v_add8(values, v_shuffle(shift, kind));
}

TARGET static void encode(const uint8_t *in, size_t len, uint8_t *out)
{
    const V places = v_pair(UINT64_C(0x8003040580000102), UINT64_C(0x80090a0b80060708));
    while (len) {
        const size_t bytes = at_most(len, 12 * W);
        const size_t text = (4 * bytes + 2) / 3;
        V x = len >= 16 * W ? v_load(in) : v_load_part(in, bytes, 0);
        x = v_shuffle(v_spread12(x), places);
        V values = v_and(v_right32(x, 18), EACH_WORD(0x0000003f));
        values = v_xor(values, v_and(v_right32(x, 4), EACH_WORD(0x00003f00)));
        values = v_xor(values, v_and(v_left32(x, 10), EACH_WORD(0x003f0000)));
        values = v_xor(values, v_and(v_left32(x, 24), EACH_WORD(0x3f000000)));
        if (text == 16 * W) {
            v_store(out, characters(values));
        } else {
            v_store_part(out, text, characters(values));
        }
        in += bytes;
        len -= bytes;
        out += text;
    }
    CLEAR_REGISTERS();
}

/* The 6-bit values of characters. A byte of `all` becomes 0 where a character is not in the alphabet. */
FN V values_of(V text, V *all)
{
    /* A character is in the alphabet if the bit sets of its two nibbles intersect. High nibble 2 has bit 1, 3 has 2, 4
     * and 6 have 4, 5 and 7 have 8. 5 also has 128, the bit of the underscore. */
    const V of_high = v_pair(UINT64_C(0x0804880402010000), 0);
    const V of_low = v_pair(UINT64_C(0x0e0e0e0e0e0e0e0a), UINT64_C(0x84040504040c0e0e));
    const V shift = v_pair(UINT64_C(0xb9b9bfbf04110000), 0); /* by high nibble; the underscore 33 more */
    const V nibble = EACH_WORD(0x0f0f0f0f);
    V high = v_and(v_right32(text, 4), nibble);
    V meet = v_and(v_shuffle(of_high, high), v_shuffle(of_low, v_and(text, nibble)));
    V underscore = v_sub8_saturating(meet, EACH_WORD(0x5f5f5f5f)); /* 33 for an underscore, else 0 */
    *all = v_min8(*all, meet);
    return v_add8(v_add8(text, v_shuffle(shift, high)), underscore);
}

TARGET static int decode(const uint8_t *in, size_t len, uint8_t *out)
{
    const V places = v_pair(UINT64_C(0x090a040506000102), UINT64_C(0x808080800c0d0e08));
    const V one = EACH_WORD(0x01010101);
    V all = one;
    uint8_t lanes[W * 16], valid = 1;
    while (len) {
        const size_t text = at_most(len, 16 * W);
        V x = values_of(text == 16 * W ? v_load(in) : v_load_part(in, text, 'A'), &all);
        V bytes = v_and(v_left32(x, 18), EACH_WORD(0x00fc0000));
        bytes = v_xor(bytes, v_and(v_left32(x, 4), EACH_WORD(0x0003f000)));
        bytes = v_xor(bytes, v_and(v_right32(x, 10), EACH_WORD(0x00000fc0)));
        bytes = v_xor(bytes, v_right32(x, 24));
        v_store(out, v_pack12(v_shuffle(bytes, places)));
        in += text;
        len -= text;
        out += 12 * W;
    }
    v_store(lanes, v_equal16(all, one));
    CLEAR_REGISTERS();
    for (size_t l = 0; l < W; l++) {
        valid &= lanes[16 * l];
    }
    return valid;
}
