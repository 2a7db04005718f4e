/* aes.inc.h - AES (FIPS 197): key schedules, each lane its own, and blocks. */

#define AES256_ROUNDS 14u
#define MAX_KEYS (AES256_ROUNDS + 1)

/* With a word in all four columns ShiftRows changes nothing, so the last round is SubWord, and adds the constant. These
 * bring the fourth word of a key, rotated or not, or the second rotated, into all columns. */
#define ROTATED_WORD_4 v_pair(0x0c0f0e0d0c0f0e0d, 0x0c0f0e0d0c0f0e0d)
#define WORD_4 v_pair(0x0f0e0d0c0f0e0d0c, 0x0f0e0d0c0f0e0d0c)
#define ROTATED_WORD_2 v_pair(0x0407060504070605, 0x0407060504070605)

/* Each word and all those below it, added. */
FN V sum_of_words(V a)
{
    a = v_xor(a, v_up4(a));
    return v_xor(a, v_up8(a));
}

FN uint64_t next_constant(uint64_t c) { return (c << 1) ^ ((c >> 7) * 0x11b); }

#define KEY_OF(r) rk[(r) * n + g]

/* The schedules of n vectors of keys into rk[round * n + vector]; first: the first 16 bytes, last: the last. Both are
 * lost. */
FN void expand(V *rk, const size_t n, size_t key_len, V *first, V *last)
{
    uint64_t c = 1;
    if (key_len == 16) {
        for (size_t r = 0; r <= 10; r++, c = next_constant(c)) {
            EACH(n) {
                KEY_OF(r) = first[g];
                V t = v_enclast(v_shuffle(first[g], ROTATED_WORD_4), EACH_WORD(c));
                first[g] = v_xor(sum_of_words(first[g]), t);
            }
        }
    } else if (key_len == 24) {
        /* Six words at a time, four in `first` and two in the low half of `last`; twelve are three round keys. */
        EACH(n) last[g] = v_swap(last[g]);
        for (size_t half = 0; half <= 8; half++) {
            const size_t r = half / 2 * 3;
            EACH(n) {
                V two = last[g], four = first[g];
                V t = v_enclast(v_shuffle(two, ROTATED_WORD_2), EACH_WORD(c));
                first[g] = v_xor(sum_of_words(four), t);
                last[g] = v_xor(v_xor(two, v_up4(two)), v_shuffle(first[g], WORD_4));
                if (half % 2) {
                    KEY_OF(r + 2) = v_low_low(v_swap(four), two);
                } else {
                    KEY_OF(r) = four;
                    if (half < 8) {
                        KEY_OF(r + 1) = v_low_low(two, first[g]);
                    }
                }
            }
            c = next_constant(c);
        }
    } else {
        for (size_t r = 0; r <= 14; r += 2, c = next_constant(c)) {
            EACH(n) {
                KEY_OF(r) = first[g];
                if (r < 14) {
                    KEY_OF(r + 1) = last[g];
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
        EACH(n) {
            V a = KEY_OF(r), b = KEY_OF(rounds - r);
            if (r) {
                /* The last round and an inverse round leave InvMixColumns of what went in. */
                a = v_dec(v_enclast(a, v_zero()), v_zero());
                b = v_dec(v_enclast(b, v_zero()), v_zero());
            }
            KEY_OF(r) = b;
            KEY_OF(rounds - r) = a;
        }
    }
}

/* n vectors of blocks; rk holds a schedule for each of them (each), or one for all. */
#define KEY(r) rk[each ? (r) * n + g : (r)]

FN void encrypt(V *x, const size_t n, const V *rk, const int each, size_t rounds)
{
    EACH(n) x[g] = v_xor(x[g], KEY(0));
    for (size_t r = 1; r < rounds; r++) {
        EACH(n) x[g] = v_enc(x[g], KEY(r));
    }
    EACH(n) x[g] = v_enclast(x[g], KEY(rounds));
}

FN void decrypt(V *x, const size_t n, const V *rk, const int each, size_t rounds)
{
    EACH(n) x[g] = v_xor(x[g], KEY(0));
    for (size_t r = 1; r < rounds; r++) {
        EACH(n) x[g] = v_dec(x[g], KEY(r));
    }
    EACH(n) x[g] = v_declast(x[g], KEY(rounds));
}
