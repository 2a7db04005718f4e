/* wvtoken.c - the functions of wvtoken.h: their checks, and batches as windows of messages for the kernels. */
#include "wvtoken.h"
#include "lanes.h"

/* Texts are decoded in pieces of so many characters, a multiple of 4. */
#define PIECE 512u

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

/* What the kernels wipe has names; what compilers spill has none, and lies on the stack that they have left. */
WVT_NOINLINE static void wipe_left_stack(void)
{
    uint8_t left[4096];
    wvt_wipe(left, sizeof left);
}

/* No length over `most`, and no sum of what is computed from them overflows. */
static int lengths_fit(const uint32_t *len, size_t n, size_t most)
{
    size_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (len[i] > most || sum > SIZE_MAX / 4) {
            return 0;
        }
        sum += len[i] + 64;
    }
    return 1;
}

static int wrap_fits(size_t kek_count, size_t kek_len, size_t key_len, size_t n)
{
    return (kek_count == 1 || kek_count == n) && (kek_len == 16 || kek_len == 24 || kek_len == 32) && key_len >= 16 &&
           key_len % 8 == 0 && key_len <= WVT_MESSAGE_MAX && n <= SIZE_MAX / 64 && n <= SIZE_MAX / (key_len + 8);
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

static size_t text_bytes(size_t bytes) { return (4 * bytes + 2) / 3; }

/* How much longer a is than b, or 0. */
static size_t beyond(size_t a, size_t b) { return a > b ? a - b : 0; }

static int64_t count_refused(const uint8_t *status, size_t n)
{
    int64_t refused = 0;
    for (size_t i = 0; i < n; i++) {
        refused += status[i] != WVT_OK;
    }
    return refused;
}

static void set_nonce(struct wvt_message *m, const uint8_t *nonce)
{
    memset(m->nonce + WVT_NONCE_BYTES, 0, sizeof m->nonce - WVT_NONCE_BYTES);
    memcpy(m->nonce, nonce, WVT_NONCE_BYTES);
}

/* The places of n messages by their number of blocks: a radix sort, a byte of the number at a time. */
static void by_blocks(const struct wvt_message *m, size_t n, uint8_t order[WVT_WINDOW])
{
    uint32_t differing = 0;
    for (size_t i = 0; i < n; i++) {
        order[i] = (uint8_t)i;
        differing |= (m[i].len + 15) / 16 ^ (m[0].len + 15) / 16;
    }
    for (unsigned shift = 0; shift < 32 && differing >> shift; shift += 8) {
        uint16_t start[256] = {0};
        uint8_t before[WVT_WINDOW];
        uint16_t sum = 0;
        for (size_t i = 0; i < n; i++) {
            start[(m[i].len + 15) / 16 >> shift & 255]++;
        }
        for (size_t digit = 0; digit < 256; digit++) {
            uint16_t count = start[digit];
            start[digit] = sum;
            sum = (uint16_t)(sum + count);
        }
        memcpy(before, order, n);
        for (size_t i = 0; i < n; i++) {
            order[start[(m[before[i]].len + 15) / 16 >> shift & 255]++] = before[i];
        }
    }
}

int64_t wvt_wrap(uint32_t lanes, const uint8_t *keks, size_t kek_count, size_t kek_len, const uint8_t *keys,
                 size_t key_len, size_t n, uint8_t *out)
{
    const struct wvt_kernels *k = kernels_for(lanes);
    if (!k || !wrap_fits(kek_count, kek_len, key_len, n)) {
        return -1;
    }
    if (n) {
        k->wrap(keks, kek_count, kek_len, keys, key_len, n, out);
        wipe_left_stack();
    }
    return 0;
}

int64_t wvt_unwrap(uint32_t lanes, const uint8_t *keks, size_t kek_count, size_t kek_len, const uint8_t *wrapped,
                   size_t key_len, size_t n, uint8_t *out, uint8_t *status)
{
    const struct wvt_kernels *k = kernels_for(lanes);
    if (!k || !wrap_fits(kek_count, kek_len, key_len, n)) {
        return -1;
    }
    if (n) {
        k->unwrap(keks, kek_count, kek_len, wrapped, key_len, n, out, status);
        wipe_left_stack();
    }
    return count_refused(status, n);
}

int64_t wvt_seal(uint32_t lanes, const uint8_t *key, const uint8_t *aad, size_t aad_len, const uint8_t *nonces,
                 const uint8_t *in, const uint32_t *in_len, size_t n, uint8_t *out)
{
    const struct wvt_kernels *k = kernels_for(lanes);
    if (!k || aad_len > WVT_MESSAGE_MAX || !lengths_fit(in_len, n, WVT_MESSAGE_MAX)) {
        return -1;
    }
    struct wvt_message m[WVT_WINDOW];
    uint8_t order[WVT_WINDOW];
    for (size_t count; n; n -= count, in_len += count) {
        count = smaller(n, WVT_WINDOW);
        for (size_t i = 0; i < count; i++) {
            set_nonce(&m[i], nonces);
            m[i].in = in;
            m[i].out = out;
            m[i].len = in_len[i];
            nonces += WVT_NONCE_BYTES;
            in += in_len[i];
            out += in_len[i] + WVT_TAG_BYTES;
        }
        by_blocks(m, count, order);
        k->seal(key, aad, aad_len, m, order, count);
        wipe_left_stack();
    }
    return 0;
}

/* Opens the messages, which are the items at `places` of a window, and gives their status. */
static void open_window(const struct wvt_kernels *k, const uint8_t *key, const uint8_t *aad, size_t aad_len,
                        struct wvt_message *m, const uint8_t *places, size_t n, uint8_t *status)
{
    uint8_t order[WVT_WINDOW];
    if (n == 0) {
        return;
    }
    by_blocks(m, n, order);
    k->open(key, aad, aad_len, m, order, n);
    for (size_t i = 0; i < n; i++) {
        status[places[i]] = (uint8_t)m[i].refused;
    }
}

int64_t wvt_open(uint32_t lanes, const uint8_t *key, const uint8_t *aad, size_t aad_len, const uint8_t *nonces,
                 const uint8_t *in, const uint32_t *in_len, size_t n, uint8_t *out, uint8_t *status)
{
    const struct wvt_kernels *k = kernels_for(lanes);
    if (!k || aad_len > WVT_MESSAGE_MAX || !lengths_fit(in_len, n, WVT_MESSAGE_MAX + WVT_TAG_BYTES)) {
        return -1;
    }
    struct wvt_message m[WVT_WINDOW];
    uint8_t places[WVT_WINDOW];
    int64_t refused = 0;
    for (size_t count; n; n -= count, in_len += count, status += count) {
        size_t whole = 0;
        count = smaller(n, WVT_WINDOW);
        for (size_t i = 0; i < count; i++, nonces += WVT_NONCE_BYTES) {
            status[i] = WVT_REFUSED;
            if (in_len[i] >= WVT_TAG_BYTES) {
                set_nonce(&m[whole], nonces);
                m[whole].in = in;
                m[whole].out = out;
                m[whole].len = in_len[i] - WVT_TAG_BYTES;
                m[whole].tag = in + m[whole].len;
                out += m[whole].len;
                places[whole++] = (uint8_t)i;
            }
            in += in_len[i];
        }
        open_window(k, key, aad, aad_len, m, places, whole, status);
        wipe_left_stack();
        refused += count_refused(status, count);
    }
    return refused;
}

int64_t wvt_base64url_encode(uint32_t lanes, const uint8_t *in, const uint32_t *in_len, size_t n, uint8_t *out)
{
    const struct wvt_kernels *k = kernels_for(lanes);
    if (!k || !lengths_fit(in_len, n, WVT_MESSAGE_MAX)) {
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        k->encode(in, in_len[i], out);
        in += in_len[i];
        out += text_bytes(in_len[i]);
        *out++ = '\n';
    }
    wipe_left_stack();
    return 0;
}

/* The bytes from `at` of a text, `len` of them, as far as they fall in from..to, to their place in `out`. */
static void put_range(const uint8_t *bytes, size_t at, size_t len, size_t from, size_t to, uint8_t *out)
{
    const size_t first = at > from ? at : from, end = smaller(at + len, to);
    if (first < end) {
        memcpy(out + (first - from), bytes + (first - at), end - first);
    }
}

/* Where the bytes of a text go: header, middle and tag are their first, inner and last, or all are middle. */
struct parts {
    uint8_t *header, *middle, *tag;
    size_t header_len, tag_len;
};

/* Whether the text is the one of its bytes; they may be put in their places even if not. */
static int decode_parts(const struct wvt_kernels *k, const uint8_t *text, size_t len, const struct parts *p)
{
    uint8_t piece[PIECE / 4 * 3 + WVT_DECODE_SLACK];
    const size_t bytes = len * 3 / 4, tag_at = bytes - p->tag_len;
    int valid = len % 4 != 1;
    for (size_t done = 0; valid && done < len; done += PIECE) {
        const size_t chars = smaller(len - done, PIECE), at = done / 4 * 3, here = chars * 3 / 4;
        valid = k->decode(text + done, chars, piece) && (chars % 4 == 0 || piece[here] == 0);
        put_range(piece, at, here, 0, p->header_len, p->header);
        put_range(piece, at, here, p->header_len, tag_at, p->middle);
        put_range(piece, at, here, tag_at, bytes, p->tag);
    }
    wvt_wipe(piece, smaller(bytes + WVT_DECODE_SLACK, sizeof piece));
    return valid;
}

int64_t wvt_base64url_decode(uint32_t lanes, const uint8_t *in, const uint32_t *in_len, size_t n, uint8_t *out,
                             uint8_t *status)
{
    const struct wvt_kernels *k = kernels_for(lanes);
    if (!k || !lengths_fit(in_len, n, WVT_TEXT_MAX)) {
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        const struct parts p = {NULL, out, NULL, 0, 0};
        const size_t bytes = (size_t)in_len[i] * 3 / 4;
        status[i] = WVT_OK;
        if (!decode_parts(k, in, in_len[i], &p)) {
            status[i] = WVT_REFUSED;
            memset(out, 0, bytes);
        }
        in += in_len[i];
        out += bytes;
    }
    wipe_left_stack();
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

int64_t wvt_seal_tokens(uint32_t lanes, const uint8_t *key, const uint8_t *header, const uint8_t *audience,
                        size_t audience_len, const uint8_t *nonces, const uint8_t *payloads,
                        const uint32_t *payload_len, size_t n, uint8_t *out)
{
    const struct wvt_kernels *k = kernels_for(lanes);
    if (!k || audience_len > WVT_AUDIENCE_MAX || !lengths_fit(payload_len, n, WVT_MESSAGE_MAX)) {
        return -1;
    }
    struct wvt_message m[WVT_WINDOW];
    uint8_t order[WVT_WINDOW], aad[WVT_HEADER_BYTES + WVT_AUDIENCE_MAX];
    const size_t aad_len = n ? token_aad(header, audience, audience_len, aad) : 0;
    for (size_t count; n; n -= count, payload_len += count) {
        uint8_t *text = out;
        count = smaller(n, WVT_WINDOW);
        for (size_t i = 0; i < count; i++) {
            /* The bytes of a token are made at the end of its text's place, and then encoded from there. */
            const size_t bytes = payload_len[i] + WVT_TOKEN_OVERHEAD, chars = text_bytes(bytes);
            uint8_t *raw = text + (chars - bytes);
            memcpy(raw, header, WVT_HEADER_BYTES);
            memcpy(raw + WVT_HEADER_BYTES, nonces, WVT_NONCE_BYTES);
            set_nonce(&m[i], nonces);
            m[i].in = payloads;
            m[i].out = raw + WVT_HEADER_BYTES + WVT_NONCE_BYTES;
            m[i].len = payload_len[i];
            nonces += WVT_NONCE_BYTES;
            payloads += payload_len[i];
            text += chars + 1;
        }
        by_blocks(m, count, order);
        k->seal(key, aad, aad_len, m, order, count);
        wipe_left_stack();
        for (size_t i = 0; i < count; i++) {
            const size_t bytes = payload_len[i] + WVT_TOKEN_OVERHEAD, chars = text_bytes(bytes);
            k->encode(out + (chars - bytes), bytes, out);
            out += chars;
            *out++ = '\n';
        }
    }
    return 0;
}

int64_t wvt_open_tokens(uint32_t lanes, const uint8_t *key, const uint8_t *header, const uint8_t *audience,
                        size_t audience_len, const uint8_t *texts, const uint32_t *text_len, size_t n, uint8_t *out,
                        uint8_t *status)
{
    const struct wvt_kernels *k = kernels_for(lanes);
    if (!k || audience_len > WVT_AUDIENCE_MAX || !lengths_fit(text_len, n, WVT_TEXT_MAX)) {
        return -1;
    }
    struct wvt_message m[WVT_WINDOW];
    uint8_t tags[WVT_WINDOW][WVT_TAG_BYTES], places[WVT_WINDOW], aad[WVT_HEADER_BYTES + WVT_AUDIENCE_MAX];
    const size_t aad_len = n ? token_aad(header, audience, audience_len, aad) : 0;
    int64_t refused = 0;
    for (size_t count; n; n -= count, text_len += count, status += count) {
        size_t ours = 0;
        count = smaller(n, WVT_WINDOW);
        for (size_t i = 0; i < count; i++) {
            uint8_t its_header[WVT_HEADER_BYTES];
            const struct parts p = {its_header, out, tags[ours], WVT_HEADER_BYTES, WVT_TAG_BYTES};
            const size_t bytes = (size_t)text_len[i] * 3 / 4, opened = beyond(bytes, WVT_OPENED_OVERHEAD);
            status[i] = WVT_REFUSED;
            if (bytes >= WVT_TOKEN_OVERHEAD && decode_parts(k, texts, text_len[i], &p)) {
                status[i] = memcmp(its_header, header, WVT_HEADER_BYTES) ? WVT_FOREIGN : WVT_OK;
            }
            if (status[i] == WVT_OK) {
                set_nonce(&m[ours], out);
                m[ours].in = out + WVT_NONCE_BYTES;
                m[ours].out = out + WVT_NONCE_BYTES;
                m[ours].len = (uint32_t)(opened - WVT_NONCE_BYTES);
                m[ours].tag = tags[ours];
                places[ours++] = (uint8_t)i;
            } else {
                memset(out, 0, opened);
            }
            texts += text_len[i];
            out += opened;
        }
        open_window(k, key, aad, aad_len, m, places, ours, status);
        wipe_left_stack();
        for (size_t i = 0; i < ours; i++) {
            const uint8_t mask = (uint8_t)(m[i].refused - 1);
            for (size_t j = 1; j <= WVT_NONCE_BYTES; j++) {
                m[i].out[-(ptrdiff_t)j] &= mask;
            }
        }
        refused += count_refused(status, count);
    }
    return refused;
}
