/* wvtoken.c - the functions of wvtoken.h: their checks, and batches cut into windows of messages for the kernels. */
#include "wvtoken.h"
#include "lanes.h"

typedef char text_max_is_right[WVT_TEXT_MAX == (4 * (WVT_MESSAGE_MAX + WVT_TOKEN_OVERHEAD) + 2) / 3 ? 1 : -1];

/* Messages that are sorted by length together, so that those side by side in lanes are of like length. */
#define WINDOW 256u

/* Texts of more characters are decoded in pieces of so many, a multiple of 4; shorter tokens in one go, into ROOM. */
#define PIECE 2048u
#define TOKEN_ROOM (PIECE / 4 * 3 + WVT_DECODE_SLACK)
#define ROOM 12288u

static const struct wvt_kernels *kernels_for(uint32_t lanes)
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
#if defined(WVT_READ_BY_NOBODY)
    if (n) {
        memset(p, 0, n);
        WVT_READ_BY_NOBODY(p);
    }
#else
    volatile uint8_t *bytes = p;
    while (n--) {
        *bytes++ = 0;
    }
#endif
}

/* What has a name in the kernels they wipe; what the compiler spills there has none, but lies in the frame that they
 * have left, here. Vectors have passed through it as far down as tests/c/test_wiping.c finds any. */
WVT_NOINLINE static void wipe_frame_left(void)
{
    uint8_t left[12288];
    wvt_wipe(left, sizeof left);
}

/* Where nothing is going to be written: not NULL, which has no place at its offset 0 in C. */
static uint8_t *somewhere(uint8_t *out, uint8_t *else_here) { return out ? out : else_here; }

static size_t text_bytes(size_t bytes) { return (4 * bytes + 2) / 3; }

/* What an opened token of so many bytes takes of `out`. */
static size_t opened_bytes(size_t bytes) { return bytes > WVT_OPENED_OVERHEAD ? bytes - WVT_OPENED_OVERHEAD : 0; }

/* No length over `most`, and no sum of what is computed from them overflows. */
static int lengths_fit(const uint32_t *len, size_t n, size_t most)
{
    size_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (len[i] > most || sum > SIZE_MAX / 4) {
            return 0;
        }
        sum += len[i] + (size_t)64;
    }
    return 1;
}

static int64_t count_refused(const uint8_t *status, size_t n)
{
    int64_t refused = 0;
    for (size_t i = 0; i < n; i++) {
        refused += status[i] != WVT_OK;
    }
    return refused;
}

static int wrap_fits(const struct wvt_keys *k)
{
    return (k->kek_count == 1 || k->kek_count == k->n) && (k->kek_len == 16 || k->kek_len == 24 || k->kek_len == 32) &&
           k->key_len >= 16 && k->key_len % 8 == 0 && k->key_len <= WVT_MESSAGE_MAX && k->n <= SIZE_MAX / 64 &&
           k->n <= SIZE_MAX / (k->key_len + 8 + WVT_MARK_BYTES);
}

/* Whether the mark stands between each two of n items. */
static int marked(const uint8_t *mark, const uint8_t *items, size_t len, size_t n)
{
    int differing = 0;
    for (size_t i = 1; i < n; i++) {
        differing |= memcmp(items + i * (len + WVT_MARK_BYTES) - WVT_MARK_BYTES, mark, WVT_MARK_BYTES) != 0;
    }
    return differing == 0;
}

int64_t wvt_wrap(uint32_t lanes, const uint8_t *mark, const uint8_t *keks, size_t kek_count, size_t kek_len,
                 const uint8_t *keys, size_t key_len, size_t n, uint8_t *out)
{
    const struct wvt_kernels *kernels = kernels_for(lanes);
    const struct wvt_keys k = {keks, keys, out, NULL, kek_count, kek_len, key_len, n, mark ? WVT_MARK_BYTES : 0};
    if (!kernels || !wrap_fits(&k) ||
        (mark && !(marked(mark, keks, kek_len, kek_count) && marked(mark, keys, key_len, n)))) {
        return -1;
    }
    if (n) {
        kernels->wrap(&k);
        wipe_frame_left();
    }
    return 0;
}

int64_t wvt_unwrap(uint32_t lanes, const uint8_t *mark, const uint8_t *keks, size_t kek_count, size_t kek_len,
                   const uint8_t *wrapped, size_t key_len, size_t n, uint8_t *out, uint8_t *status)
{
    const struct wvt_kernels *kernels = kernels_for(lanes);
    const struct wvt_keys k = {keks, wrapped, out, status, kek_count, kek_len, key_len, n, mark ? WVT_MARK_BYTES : 0};
    if (!kernels || !wrap_fits(&k) ||
        (mark && !(marked(mark, keks, kek_len, kek_count) && marked(mark, wrapped, key_len + 8, n)))) {
        return -1;
    }
    if (n) {
        kernels->unwrap(&k);
        wipe_frame_left();
    }
    return count_refused(status, n);
}

/* The messages of one call, a window of them at a time. */
struct window {
    const uint8_t *key, *aad;
    size_t aad_len, n;
    struct wvt_message messages[WINDOW];
    uint8_t item[WINDOW]; /* of each message, its place among the items of the window */
};

static void add_message(struct window *w, size_t item, const uint8_t *nonce, const uint8_t *in, size_t len,
                        const uint8_t *tag, uint8_t *out)
{
    struct wvt_message *m = &w->messages[w->n];
    memcpy(m->nonce, nonce, WVT_NONCE_BYTES);
    memset(m->nonce + WVT_NONCE_BYTES, 0, sizeof m->nonce - WVT_NONCE_BYTES);
    m->in = in;
    m->out = out;
    m->tag = tag;
    m->len = (uint32_t)len;
    w->item[w->n++] = (uint8_t)item;
}

static uint32_t blocks_of(const struct wvt_message *m) { return (m->len + 15) / 16; }

/* The places of the messages by their number of blocks: a radix sort, by one byte of the number after the other. */
static void by_blocks(const struct window *w, uint8_t order[WINDOW])
{
    uint32_t differing = 0;
    for (size_t i = 0; i < w->n; i++) {
        order[i] = (uint8_t)i;
        differing |= blocks_of(&w->messages[i]) ^ blocks_of(&w->messages[0]);
    }
    for (unsigned shift = 0; shift < 32 && differing >> shift; shift += 8) {
        uint16_t start[257] = {0};
        uint8_t before[WINDOW];
        for (size_t i = 0; i < w->n; i++) {
            start[(blocks_of(&w->messages[i]) >> shift & 255) + 1]++;
        }
        for (size_t digit = 1; digit < 256; digit++) {
            start[digit] = (uint16_t)(start[digit] + start[digit - 1]);
        }
        memcpy(before, order, w->n);
        for (size_t i = 0; i < w->n; i++) {
            order[start[blocks_of(&w->messages[before[i]]) >> shift & 255]++] = before[i];
        }
    }
}

/* Seals or opens what was added. */
static void run(struct window *w, void (*kernel)(const struct wvt_messages *))
{
    uint8_t order[WINDOW];
    const struct wvt_messages all = {w->key, w->aad, order, w->aad_len, w->n, w->messages};
    if (w->n) {
        by_blocks(w, order);
        kernel(&all);
        wipe_frame_left();
    }
}

/* The status of opened messages to that of their items, of which there are `count`; how many of these are refused. */
static int64_t settle(const struct window *w, uint8_t *status, size_t count)
{
    for (size_t i = 0; i < w->n; i++) {
        status[w->item[i]] = (uint8_t)w->messages[i].refused;
    }
    return count_refused(status, count);
}

int64_t wvt_seal(uint32_t lanes, const uint8_t *key, const uint8_t *aad, size_t aad_len, const uint8_t *nonces,
                 const uint8_t *in, const uint32_t *in_len, size_t n, uint8_t *out)
{
    const struct wvt_kernels *kernels = kernels_for(lanes);
    if (!kernels || aad_len > WVT_MESSAGE_MAX || !lengths_fit(in_len, n, WVT_MESSAGE_MAX)) {
        return -1;
    }
    struct window w;
    w.key = key, w.aad = aad, w.aad_len = aad_len;
    while (n) {
        for (w.n = 0; n && w.n < WINDOW; n--, in_len++, nonces += WVT_NONCE_BYTES) {
            add_message(&w, w.n, nonces, in, *in_len, NULL, out);
            in += *in_len;
            out += *in_len + WVT_TAG_BYTES;
        }
        run(&w, kernels->seal);
    }
    return 0;
}

int64_t wvt_open(uint32_t lanes, const uint8_t *key, const uint8_t *aad, size_t aad_len, const uint8_t *nonces,
                 const uint8_t *in, const uint32_t *in_len, size_t n, uint8_t *out, uint8_t *status)
{
    const struct wvt_kernels *kernels = kernels_for(lanes);
    if (!kernels || aad_len > WVT_MESSAGE_MAX || !lengths_fit(in_len, n, WVT_MESSAGE_MAX + WVT_TAG_BYTES)) {
        return -1;
    }
    struct window w;
    w.key = key, w.aad = aad, w.aad_len = aad_len;
    out = somewhere(out, w.item);
    int64_t refused = 0;
    for (size_t count; n; n -= count, status += count) {
        count = at_most(n, WINDOW);
        w.n = 0;
        for (size_t i = 0; i < count; i++, in += *in_len++, nonces += WVT_NONCE_BYTES) {
            status[i] = WVT_REFUSED;
            if (*in_len >= WVT_TAG_BYTES) {
                const size_t len = *in_len - WVT_TAG_BYTES;
                add_message(&w, i, nonces, in, len, in + len, out);
                out += len;
            }
        }
        run(&w, kernels->open);
        refused += settle(&w, status, count);
    }
    return refused;
}

int64_t wvt_base64url_encode(uint32_t lanes, const uint8_t *in, const uint32_t *in_len, size_t n, uint8_t *out)
{
    const struct wvt_kernels *kernels = kernels_for(lanes);
    if (!kernels || !lengths_fit(in_len, n, WVT_MESSAGE_MAX)) {
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        kernels->encode(in, in_len[i], out);
        in += in_len[i];
        out += text_bytes(in_len[i]);
        *out++ = '\n';
    }
    wipe_frame_left();
    return 0;
}

/* Whether the text is the one of its bytes. It writes up to WVT_DECODE_SLACK behind them. */
static int decode(const struct wvt_kernels *kernels, const uint8_t *text, size_t len, uint8_t *out)
{
    return len % 4 != 1 && kernels->decode(text, len, out) && (len % 4 == 0 || out[len * 3 / 4] == 0);
}

/* The bytes from place `at`, `len` of them, as far as they lie in from..to, to out. */
static void put_range(const uint8_t *bytes, size_t at, size_t len, size_t from, size_t to, uint8_t *out)
{
    const size_t first = at > from ? at : from, end = at_most(at + len, to);
    if (first < end) {
        memcpy(out + (first - from), bytes + (first - at), end - first);
    }
}

/* The same for texts of any length, touching nothing else: the first bytes go to head, the last to tail, and those
 * between them to middle. */
static int decode_parts(const struct wvt_kernels *kernels, const uint8_t *text, size_t len, uint8_t *head,
                        size_t head_len, uint8_t *middle, uint8_t *tail, size_t tail_len)
{
    uint8_t piece[TOKEN_ROOM];
    const size_t bytes = len * 3 / 4;
    int valid = 1;
    for (size_t done = 0; valid && done < len; done += PIECE) {
        const size_t chars = at_most(len - done, PIECE), at = done / 4 * 3, here = chars * 3 / 4;
        valid = decode(kernels, text + done, chars, piece);
        if (valid) {
            put_range(piece, at, here, 0, head_len, head);
            put_range(piece, at, here, head_len, bytes - tail_len, middle);
            put_range(piece, at, here, bytes - tail_len, bytes, tail);
        }
    }
    wvt_wipe(piece, at_most(bytes + WVT_DECODE_SLACK, sizeof piece));
    return valid;
}

int64_t wvt_base64url_decode(uint32_t lanes, const uint8_t *in, const uint32_t *in_len, size_t n, uint8_t *out,
                             uint8_t *status)
{
    const struct wvt_kernels *kernels = kernels_for(lanes);
    if (!kernels || !lengths_fit(in_len, n, WVT_TEXT_MAX)) {
        return -1;
    }
    uint8_t nothing[1];
    out = somewhere(out, nothing);
    size_t room = 0; /* from out on, which later items write again */
    for (size_t i = 0; i < n; i++) {
        room += (size_t)in_len[i] * 3 / 4;
    }
    for (size_t i = 0; i < n; i++) {
        const size_t bytes = (size_t)in_len[i] * 3 / 4;
        const int valid = room >= bytes + WVT_DECODE_SLACK
                              ? decode(kernels, in, in_len[i], out)
                              : decode_parts(kernels, in, in_len[i], NULL, 0, out, NULL, 0);
        status[i] = valid ? WVT_OK : WVT_REFUSED;
        if (!valid) {
            memset(out, 0, bytes);
        }
        in += in_len[i];
        out += bytes;
        room -= bytes;
    }
    wipe_frame_left();
    return count_refused(status, n);
}

/* header || audience. */
static size_t token_aad(const uint8_t *header, const uint8_t *audience, size_t audience_len,
                        uint8_t aad[WVT_HEADER_BYTES + WVT_AUDIENCE_MAX])
{
    memcpy(aad, header, WVT_HEADER_BYTES);
    if (audience_len) {
        memcpy(aad + WVT_HEADER_BYTES, audience, audience_len);
    }
    return WVT_HEADER_BYTES + audience_len;
}

int64_t wvt_seal_tokens(uint32_t lanes, const uint8_t *prefix, size_t prefix_len, const uint8_t *key,
                        const uint8_t *header, const uint8_t *audience, size_t audience_len, const uint8_t *nonces,
                        const uint8_t *payloads, const uint32_t *payload_len, size_t n, uint8_t *out)
{
    const struct wvt_kernels *kernels = kernels_for(lanes);
    if (!kernels || audience_len > WVT_AUDIENCE_MAX || !lengths_fit(payload_len, n, WVT_MESSAGE_MAX) ||
        prefix_len > WVT_MESSAGE_MAX || n > SIZE_MAX / 4 / (prefix_len + 1)) {
        return -1;
    }
    uint8_t aad[WVT_HEADER_BYTES + WVT_AUDIENCE_MAX];
    struct window w;
    w.key = key, w.aad = aad, w.aad_len = n ? token_aad(header, audience, audience_len, aad) : 0;
    for (size_t count; n; n -= count, payload_len += count) {
        uint8_t *text = out;
        count = at_most(n, WINDOW);
        w.n = 0;
        for (size_t i = 0; i < count; i++) {
            /* The bytes of a token are made at the end of its text's place, and then encoded from there. */
            const size_t bytes = payload_len[i] + (size_t)WVT_TOKEN_OVERHEAD, chars = text_bytes(bytes);
            uint8_t *token = text + prefix_len + (chars - bytes), *nonce = token + WVT_HEADER_BYTES;
            memcpy(token, header, WVT_HEADER_BYTES);
            memcpy(nonce, nonces, WVT_NONCE_BYTES);
            add_message(&w, i, nonces, payloads, payload_len[i], NULL, nonce + WVT_NONCE_BYTES);
            nonces += WVT_NONCE_BYTES;
            payloads += payload_len[i];
            text += prefix_len + chars + 1;
        }
        run(&w, kernels->seal);
        for (size_t i = 0; i < count; i++) {
            const size_t bytes = payload_len[i] + (size_t)WVT_TOKEN_OVERHEAD, chars = text_bytes(bytes);
            if (prefix_len) {
                memcpy(out, prefix, prefix_len);
                out += prefix_len;
            }
            kernels->encode(out + (chars - bytes), bytes, out);
            out += chars;
            *out++ = '\n';
        }
    }
    return 0;
}

/* The nonce before the payload, or zeros if the message is refused; without a branch, as all of opening. */
static void put_nonce(const struct wvt_message *m)
{
    const uint64_t mask = (uint64_t)m->refused - WVT_REFUSED;
    uint64_t words[2];
    memcpy(words, m->nonce, sizeof words);
    words[0] &= mask;
    words[1] &= mask;
    memcpy(m->out - WVT_NONCE_BYTES, words, WVT_NONCE_BYTES);
}

int64_t wvt_open_tokens(uint32_t lanes, const uint8_t *key, const uint8_t *header, const uint8_t *audience,
                        size_t audience_len, const uint8_t *texts, const uint32_t *text_len, size_t n, uint8_t *out,
                        uint8_t *status)
{
    const struct wvt_kernels *kernels = kernels_for(lanes);
    if (!kernels || audience_len > WVT_AUDIENCE_MAX || !lengths_fit(text_len, n, WVT_TEXT_MAX)) {
        return -1;
    }
    uint8_t aad[WVT_HEADER_BYTES + WVT_AUDIENCE_MAX], tokens[ROOM];
    struct window w;
    w.key = key, w.aad = aad, w.aad_len = n ? token_aad(header, audience, audience_len, aad) : 0;
    out = somewhere(out, tokens);
    int64_t refused = 0;
    for (size_t count; n; n -= count, status += count) {
        uint8_t *token = tokens;
        w.n = 0;
        for (count = 0; count < at_most(n, WINDOW) && token <= tokens + ROOM - TOKEN_ROOM;
             count++, texts += *text_len++) {
            const size_t bytes = (size_t)*text_len * 3 / 4, opened = opened_bytes(bytes);
            const int whole = bytes >= WVT_TOKEN_OVERHEAD, brief = *text_len <= PIECE;
            /* A long token leaves only header, nonce and tag here, and its ciphertext where it will be opened. */
            const size_t here = brief ? bytes : WVT_TOKEN_OVERHEAD;
            uint8_t *nonce = token + WVT_HEADER_BYTES, *tag = token + (whole ? here - WVT_TAG_BYTES : 0);
            status[count] = WVT_REFUSED;
            if (whole && (brief ? decode(kernels, texts, *text_len, token)
                                : decode_parts(kernels, texts, *text_len, token, WVT_HEADER_BYTES + WVT_NONCE_BYTES,
                                               out + WVT_NONCE_BYTES, tag, WVT_TAG_BYTES))) {
                status[count] = memcmp(token, header, WVT_HEADER_BYTES) ? WVT_FOREIGN : WVT_OK;
            }
            if (status[count] == WVT_OK) {
                add_message(&w, count, nonce, brief ? nonce + WVT_NONCE_BYTES : out + WVT_NONCE_BYTES,
                            opened - WVT_NONCE_BYTES, tag, out + WVT_NONCE_BYTES);
                token += here;
            } else {
                memset(out, 0, opened);
            }
            out += opened;
        }
        run(&w, kernels->open);
        for (size_t i = 0; i < w.n; i++) {
            put_nonce(&w.messages[i]);
        }
        refused += settle(&w, status, count);
    }
    return refused;
}
