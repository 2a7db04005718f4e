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
    return v_xor(a, v_shuffle(a, v_pair(UINT64_C(0x8080808080808080), 0x0706050403020100)));
}

/* AES-192: the next six words, four in `four` and two in the low half of `two`. */
FN void six_words(V *four, V *two, uint64_t c)
{
    V t = v_enclast(v_shuffle(*two, ROTATED_WORD_2), EACH_WORD(c));
    *four = v_xor(sum_of_words(*four), t);
    *two = v_xor(v_xor(*two, v_up4(*two)), v_shuffle(*four, WORD_4));
}

/* Writes the schedules of n vectors of keys to rk[round * n + vector]. first and last: the first and last 16 bytes of
 * the keys; they are overwritten. */
FN void expand(V *rk, const size_t n, size_t key_len, V *first, V *last)
{
    const size_t rounds = key_len / 4 + 6;
    uint64_t c = 1;
    if (key_len == 24) {
        EACH(g, n) last[g] = v_swap(last[g]);
        for (size_t r = 0; r < rounds; r += 3, c <<= 2) {
            EACH(g, n) {
                rk[r * n + g] = first[g];
                V two = last[g];
                six_words(&first[g], &last[g], c);
                rk[(r + 1) * n + g] = v_low_low(two, first[g]);
                rk[(r + 2) * n + g] = v_low_low(v_swap(first[g]), last[g]);
                six_words(&first[g], &last[g], c << 1);
            }
        }
    } else {
        for (size_t r = 0; r < rounds; r += key_len / 16, c = (c << 1) ^ (c >> 7) * 0x11b) {
            EACH(g, n) {
                rk[r * n + g] = first[g];
                V t = v_enclast(v_shuffle(key_len == 16 ? first[g] : last[g], ROTATED_WORD_4), EACH_WORD(c));
                first[g] = v_xor(sum_of_words(first[g]), t);
                if (key_len == 32) {
                    rk[(r + 1) * n + g] = last[g];
                    t = v_enclast(v_shuffle(first[g], WORD_4), v_zero());
                    last[g] = v_xor(sum_of_words(last[g]), t);
                }
            }
        }
    }
    EACH(g, n) rk[rounds * n + g] = first[g];
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

/* Encrypts n vectors of blocks, or decrypts them (back). rk holds a schedule for each vector (each), or one for all. */
FN void cipher(V *x, const size_t n, const V *rk, const int each, const int back, size_t rounds)
{
    const size_t step = each ? n : 1;
    EACH(g, n) x[g] = v_xor(x[g], rk[each ? g : 0]);
    for (size_t r = 1; r < rounds; r++) {
        EACH(g, n) {
            V k = rk[r * step + (each ? g : 0)];
            x[g] = back ? v_dec(x[g], k) : v_enc(x[g], k);
        }
    }
    EACH(g, n) {
        V k = rk[rounds * step + (each ? g : 0)];
        x[g] = back ? v_declast(x[g], k) : v_enclast(x[g], k);
    }
}
