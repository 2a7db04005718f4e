/* aes.inc.h - AES (FIPS 197): key schedules (each lane has its own key) and blocks. */

#define AES256_ROUNDS 14u
#define MAX_KEYS (AES256_ROUNDS + 1)

/* If all four columns hold the same word, ShiftRows changes nothing: the last round is SubWord and adds a constant. These
 * shuffles copy a word of a key, rotated or not, to all columns. */
#define ROTATED_WORD_4 v_pair(0x0c0f0e0d0c0f0e0d, 0x0c0f0e0d0c0f0e0d)
#define WORD_4 v_pair(0x0f0e0d0c0f0e0d0c, 0x0f0e0d0c0f0e0d0c)
#define ROTATED_WORD_2 v_pair(0x0407060504070605, 0x0407060504070605)

/* Each word becomes the sum of itself and all words below it. */
FN V sum_of_words(V a)
{
    a = v_xor(a, v_up4(a));
    return v_xor(a, v_low_low(v_zero(), a));
}

FN uint64_t next_constant(uint64_t c) { return (c << 1) ^ ((c >> 7) * 0x11b); }

/* Writes the schedules of n vectors of keys to rk[round * n + vector]. first and last: the first and last 16 bytes of
 * the keys; they are overwritten. */
FN void expand(V *rk, const size_t n, size_t key_len, V *first, V *last)
{
    uint64_t c = 1;
    if (key_len == 16) {
        for (size_t r = 0; r <= 10; r++, c = next_constant(c)) {
            EACH(g, n) {
                rk[r * n + g] = first[g];
                V t = v_enclast(v_shuffle(first[g], ROTATED_WORD_4), EACH_WORD(c));
                first[g] = v_xor(sum_of_words(first[g]), t);
            }
        }
    } else if (key_len == 24) {
        /* Each step makes six words: four in `first`, two in the low half of `last`. Two steps make three round keys. */
        EACH(g, n) last[g] = v_swap(last[g]);
        for (size_t half = 0; half <= 8; half++) {
            const size_t r = half / 2 * 3;
            EACH(g, n) {
                V two = last[g], four = first[g];
                V t = v_enclast(v_shuffle(two, ROTATED_WORD_2), EACH_WORD(c));
                first[g] = v_xor(sum_of_words(four), t);
                last[g] = v_xor(v_xor(two, v_up4(two)), v_shuffle(first[g], WORD_4));
                if (half % 2) {
                    rk[(r + 2) * n + g] = v_low_low(v_swap(four), two);
                } else {
                    rk[r * n + g] = four;
                    if (half < 8) {
                        rk[(r + 1) * n + g] = v_low_low(two, first[g]);
                    }
                }
            }
            c = next_constant(c);
        }
    } else {
        for (size_t r = 0; r <= 14; r += 2, c = next_constant(c)) {
            EACH(g, n) {
                rk[r * n + g] = first[g];
                if (r < 14) {
                    rk[(r + 1) * n + g] = last[g];
                }
                V t = v_enclast(v_shuffle(last[g], ROTATED_WORD_4), EACH_WORD(c));
                first[g] = v_xor(sum_of_words(first[g]), t);
                t = v_enclast(v_shuffle(first[g], WORD_4), v_zero());
                last[g] = v_xor(sum_of_words(last[g]), t);
            }
        }
    }
}

/* The schedules of the equivalent inverse cipher (FIPS 197, 5.3.5), in place. */
FN void invert(V *rk, const size_t n, size_t rounds)
{
    for (size_t r = 0; 2 * r <= rounds; r++) {
        EACH(g, n) {
            V a = rk[r * n + g], b = rk[(rounds - r) * n + g];
            if (r) {
                /* SubBytes and ShiftRows cancel out. InvMixColumns remains. */
                a = v_dec(v_enclast(a, v_zero()), v_zero());
                b = v_dec(v_enclast(b, v_zero()), v_zero());
            }
            rk[r * n + g] = b;
            rk[(rounds - r) * n + g] = a;
        }
    }
}

/* n vectors of blocks; rk holds a schedule for each of them (each), or one for all. */
FN V round_key(const V *rk, const int each, size_t r, const size_t n, size_t g) { return rk[each ? r * n + g : r]; }

FN void encrypt(V *x, const size_t n, const V *rk, const int each, size_t rounds)
{
    EACH(g, n) x[g] = v_xor(x[g], round_key(rk, each, 0, n, g));
    for (size_t r = 1; r < rounds; r++) {
        EACH(g, n) x[g] = v_enc(x[g], round_key(rk, each, r, n, g));
    }
    EACH(g, n) x[g] = v_enclast(x[g], round_key(rk, each, rounds, n, g));
}

FN void decrypt(V *x, const size_t n, const V *rk, const int each, size_t rounds)
{
    EACH(g, n) x[g] = v_xor(x[g], round_key(rk, each, 0, n, g));
    for (size_t r = 1; r < rounds; r++) {
        EACH(g, n) x[g] = v_dec(x[g], round_key(rk, each, r, n, g));
    }
    EACH(g, n) x[g] = v_declast(x[g], round_key(rk, each, rounds, n, g));
}
