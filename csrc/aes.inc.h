/* aes.inc.h - AES (FIPS 197): key schedules, each lane its own, and blocks. */

#define AES256_ROUNDS 14u
#define MAX_KEYS (AES256_ROUNDS + 1)

/* With a word in all four columns ShiftRows changes nothing, so the last round is SubWord, and adds the constant. These
 * bring the fourth word of a key, rotated or not, or the second rotated, into all columns. */
#define ROTATED_WORD_4 v_pair(0x0c0f0e0d0c0f0e0d, 0x0c0f0e0d0c0f0e0d)
#define WORD_4 v_pair(0x0f0e0d0c0f0e0d0c, 0x0f0e0d0c0f0e0d0c)
#define ROTATED_WORD_2 v_pair(0x0407060504070605, 0x0407060504070605)
#define ROUND_CONSTANT(c) v_pair((c) * UINT64_C(0x100000001), (c) * UINT64_C(0x100000001))

/* Each word and all those below it, added. */
FN V sum_of_words(V a)
{
    a = v_xor(a, v_up4(a));
    return v_xor(a, v_up8(a));
}

FN uint64_t next_constant(uint64_t c) { return (c << 1) ^ ((c >> 7) * 0x11b); }

/* The schedules of n keys into rk[round * n + key]; first: their first 16 bytes, last: their last. Both are lost. */
FN void expand(V *rk, const size_t n, size_t key_len, V *first, V *last)
{
    uint64_t c = 1;
    if (key_len == 16) {
        for (size_t r = 0; r <= 10; r++, c = next_constant(c)) {
            WVT_UNROLL
            for (size_t i = 0; i < n; i++) {
                rk[r * n + i] = first[i];
                V t = v_enclast(v_shuffle(first[i], ROTATED_WORD_4), ROUND_CONSTANT(c));
                first[i] = v_xor(sum_of_words(first[i]), t);
            }
        }
    } else if (key_len == 24) {
        /* Six words at a time: four in first, two in the low half of last; two times six are three round keys. */
        WVT_UNROLL
        for (size_t i = 0; i < n; i++)
            last[i] = v_swap(last[i]);
        for (size_t r = 0; r <= 12; r += 3) {
            WVT_UNROLL
            for (size_t i = 0; i < n; i++) {
                uint64_t constant = c;
                rk[r * n + i] = first[i];
                for (size_t half = 1; half <= 2 && r < 12; half++, constant = next_constant(constant)) {
                    V t = v_enclast(v_shuffle(last[i], ROTATED_WORD_2), ROUND_CONSTANT(constant));
                    V next = v_xor(sum_of_words(first[i]), t);
                    V words = v_xor(v_xor(last[i], v_up4(last[i])), v_shuffle(next, WORD_4));
                    rk[(r + half) * n + i] =
                        half == 1 ? v_low_low(last[i], next) : v_low_low(v_swap(first[i]), last[i]);
                    first[i] = next;
                    last[i] = words;
                }
            }
            c = next_constant(next_constant(c));
        }
    } else {
        for (size_t r = 0; r <= 14; r += 2, c = next_constant(c)) {
            WVT_UNROLL
            for (size_t i = 0; i < n; i++) {
                rk[r * n + i] = first[i];
                if (r < 14) {
                    rk[(r + 1) * n + i] = last[i];
                }
                V t = v_enclast(v_shuffle(last[i], ROTATED_WORD_4), ROUND_CONSTANT(c));
                first[i] = v_xor(sum_of_words(first[i]), t);
                t = v_enclast(v_shuffle(first[i], WORD_4), v_zero());
                last[i] = v_xor(sum_of_words(last[i]), t);
            }
        }
    }
}

/* The schedules of the equivalent inverse cipher (FIPS 197, 5.3.5), in place. */
FN void invert(V *rk, const size_t n, size_t rounds)
{
    for (size_t r = 0; 2 * r <= rounds; r++) {
        WVT_UNROLL
        for (size_t i = 0; i < n; i++) {
            V a = rk[r * n + i], b = rk[(rounds - r) * n + i];
            if (r) {
                /* The forward last round and the inverse round leave InvMixColumns alone. */
                a = v_dec(v_enclast(a, v_zero()), v_zero());
                b = v_dec(v_enclast(b, v_zero()), v_zero());
            }
            rk[r * n + i] = b;
            rk[(rounds - r) * n + i] = a;
        }
    }
}

/* G vectors of blocks; rk holds a schedule for each of them, or one for all. */
#define KEY(r) rk[each ? (r) * G + g : (r)]

FN void encrypt(V *x, const V *rk, const int each, size_t rounds)
{
    EACH
        x[g] = v_xor(x[g], KEY(0));
    for (size_t r = 1; r < rounds; r++) {
        EACH
            x[g] = v_enc(x[g], KEY(r));
    }
    EACH
        x[g] = v_enclast(x[g], KEY(rounds));
}

FN void decrypt(V *x, const V *rk, const int each, size_t rounds)
{
    EACH
        x[g] = v_xor(x[g], KEY(0));
    for (size_t r = 1; r < rounds; r++) {
        EACH
            x[g] = v_dec(x[g], KEY(r));
    }
    EACH
        x[g] = v_declast(x[g], KEY(rounds));
}
