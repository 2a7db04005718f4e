/* token.c - wvt_seal_tokens and wvt_open_tokens: windows of messages for the kernels. */
#include "lanes.h"

/* Messages that are sorted together, so that those side by side in lanes have similar lengths. */
#define WINDOW 256u

struct window {
    const uint8_t *headers, *keys;
    uint8_t aad[WVT_HEADER_BYTES + WVT_AUDIENCE_MAX]; /* the header of the key, and the audience */
    size_t aad_len, n;
    uint8_t order[WINDOW]; /* the places of the n messages that the kernel gets */
    struct wvt_message messages[WINDOW];
};

static void begin(struct window *w, const uint8_t *headers, const uint8_t *keys, const uint8_t *audience, size_t len)
{
    w->headers = headers;
    w->keys = keys;
    w->aad_len = WVT_HEADER_BYTES + len;
    if (len) {
        memcpy(w->aad + WVT_HEADER_BYTES, audience, len);
    }
}

static void add(struct window *w, size_t place, uint32_t key, const uint8_t *nonce, const uint8_t *in, size_t len,
                uint8_t *out)
{
    struct wvt_message *m = &w->messages[place];
    memset(m->nonce, 0, sizeof m->nonce);
    memcpy(m->nonce, nonce, WVT_NONCE_BYTES);
    m->in = in;
    m->out = out;
    m->len = (uint32_t)len;
    m->key = key;
    w->order[w->n++] = (uint8_t)place;
}

/* Messages are sorted by key, then by number of blocks. */
static uint64_t rank(const struct wvt_message *m) { return (uint64_t)m->key << 32 | (m->len + 15) / 16; }

/* Radix sort of `order`, by each byte in which the ranks differ. */
static void sort(struct window *w)
{
    uint64_t differing = 0;
    for (size_t i = 0; i < w->n; i++) {
        differing |= rank(&w->messages[w->order[i]]) ^ rank(&w->messages[w->order[0]]);
    }
    for (unsigned shift = 0; shift < 64; shift += 8) {
        uint16_t start[257] = {0};
        uint8_t before[WINDOW];
        if (!(differing >> shift & 255)) {
            continue;
        }
        for (size_t i = 0; i < w->n; i++) {
            start[(rank(&w->messages[w->order[i]]) >> shift & 255) + 1]++;
        }
        for (size_t digit = 1; digit < 256; digit++) {
            start[digit] = (uint16_t)(start[digit] + start[digit - 1]);
        }
        memcpy(before, w->order, w->n);
        for (size_t i = 0; i < w->n; i++) {
            w->order[start[rank(&w->messages[before[i]]) >> shift & 255]++] = before[i];
        }
    }
}

/* Seals the added messages, or opens them if `seal` is 0. Calls a kernel once for each key. */
static void run(struct window *w, const struct wvt_kernels *widest, int seal)
{
    struct wvt_work work;
    size_t end, used = 0;
    sort(w);
    for (size_t start = 0; start < w->n; start = end) {
        const struct wvt_kernels *kernels = widest;
        const uint32_t key = w->messages[w->order[start]].key;
        for (end = start + 1; end < w->n && w->messages[w->order[end]].key == key; end++) {
        }
        const struct wvt_messages group = {w->keys + (size_t)key * WVT_SEALING_KEY_BYTES,
                                           w->aad,
                                           w->order + start,
                                           w->aad_len,
                                           end - start,
                                           w->messages};
        memcpy(w->aad, w->headers + (size_t)key * WVT_HEADER_BYTES, WVT_HEADER_BYTES);
        while (kernels->narrower && group.n <= kernels->narrower->slots) {
            kernels = kernels->narrower;
        }
        (seal ? kernels->seal : kernels->open)(&group, wvt_aligned(work.bytes));
        used = kernels->siv_bytes > used ? kernels->siv_bytes : used;
    }
    if (used) {
        wvt_finish(widest, &work, used);
    }
}

int wvt_offsets_fit(const uint32_t *offsets, size_t n, uint32_t most)
{
    for (size_t i = 0; i < n; i++) {
        if (offsets[i + 1] < offsets[i] || offsets[i + 1] - offsets[i] > most) {
            return 0;
        }
    }
    return 1;
}

static size_t text_len(size_t bytes) { return (4 * bytes + 2) / 3; }

WVT_STATIC_ASSERT(text_max_is_right, WVT_TOKEN_TEXT_MAX == (4 * (WVT_PAYLOAD_BYTES_MAX + WVT_TOKEN_OVERHEAD) + 2) / 3);

int64_t wvt_seal_tokens(uint32_t lanes, const struct wvt_sealing *with, const uint8_t *nonces, const uint8_t *payloads,
                        const uint32_t *offsets, size_t n, uint8_t *out)
{
    const struct wvt_kernels *kernels = wvt_kernels_of(lanes);
    struct window w;
    if (!kernels || with->audience_len > WVT_AUDIENCE_MAX || with->prefix_len > WVT_PREFIX_MAX || n > UINT32_MAX ||
        !wvt_offsets_fit(offsets, n, WVT_PAYLOAD_BYTES_MAX)) {
        return -1;
    }
    begin(&w, with->header, with->key, with->audience, with->audience_len);
    int64_t written = 0;
    for (size_t count; n; n -= count, offsets += count) {
        uint8_t *text = out;
        count = at_most(n, WINDOW);
        w.n = 0;
        for (size_t i = 0; i < count; i++, nonces += WVT_NONCE_BYTES) {
            /* The bytes of the token are written to the end of the place of its text, and encoded from there. */
            const size_t len = offsets[i + 1] - offsets[i], bytes = len + WVT_TOKEN_OVERHEAD, chars = text_len(bytes);
            uint8_t *token = text + with->prefix_len + (chars - bytes), *nonce = token + WVT_HEADER_BYTES;
            memcpy(token, with->header, WVT_HEADER_BYTES);
            memcpy(nonce, nonces, WVT_NONCE_BYTES);
            add(&w, i, 0, nonces, payloads + offsets[i], len, nonce + WVT_NONCE_BYTES);
            text += with->prefix_len + chars + 1;
        }
        run(&w, kernels, 1);
        for (size_t i = 0; i < count; i++) {
            const size_t bytes = offsets[i + 1] - offsets[i] + WVT_TOKEN_OVERHEAD, chars = text_len(bytes);
            if (with->prefix_len) {
                memcpy(out, with->prefix, with->prefix_len);
                out += with->prefix_len;
            }
            kernels->encode(out + (chars - bytes), bytes, out);
            out += chars;
            *out++ = '\n';
            written += (int64_t)(with->prefix_len + chars + 1);
        }
    }
    return written;
}

/* The place of a header in the table of keys, or key_count. */
static size_t find_key(const struct wvt_opening *with, const uint8_t *header)
{
    size_t low = 0, high = with->key_count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const int below = memcmp(with->headers + middle * WVT_HEADER_BYTES, header, WVT_HEADER_BYTES) < 0;
        low = below ? middle + 1 : low;
        high = below ? high : middle;
    }
    return low < with->key_count && !memcmp(with->headers + low * WVT_HEADER_BYTES, header, WVT_HEADER_BYTES)
               ? low
               : with->key_count;
}

int64_t wvt_open_tokens(uint32_t lanes, const struct wvt_opening *with, const uint8_t *texts, const uint32_t *offsets,
                        size_t n, uint8_t *out, uint32_t *places, uint8_t *status)
{
    const struct wvt_kernels *kernels = wvt_kernels_of(lanes);
    struct window w;
    if (!kernels || with->audience_len > WVT_AUDIENCE_MAX || with->key_count > UINT32_MAX || n > UINT32_MAX ||
        !wvt_offsets_fit(offsets, n, UINT32_MAX)) {
        return -1;
    }
    begin(&w, with->headers, with->keys, with->audience, with->audience_len);
    int64_t refused = 0;
    uint32_t place = 0;
    for (size_t count; n; n -= count, offsets += count, places += count, status += count) {
        count = at_most(n, WINDOW);
        w.n = 0;
        for (size_t i = 0; i < count; i++) {
            const size_t chars = offsets[i + 1] - offsets[i], bytes = chars * 3 / 4;
            const int possible = bytes >= WVT_TOKEN_OVERHEAD && chars <= WVT_TOKEN_TEXT_MAX;
            uint8_t *token = out + place, *nonce = token + WVT_HEADER_BYTES, *payload = nonce + WVT_NONCE_BYTES;
            size_t key = with->key_count;
            places[i] = place;
            status[i] = WVT_MALFORMED;
            if (!possible) {
                continue;
            }
            place += (uint32_t)bytes;
            if (chars % 4 != 1 && kernels->decode(texts + offsets[i], chars, token) &&
                (chars % 4 == 0 || token[bytes] == 0)) {
                key = find_key(with, token);
                status[i] = key < with->key_count ? WVT_OK : WVT_UNKNOWN_KEY;
            }
            if (status[i] == WVT_OK) {
                add(&w, i, (uint32_t)key, nonce, payload, bytes - WVT_TOKEN_OVERHEAD, payload);
            } else {
                memset(token, 0, bytes);
            }
        }
        run(&w, kernels, 0);
        for (size_t i = 0; i < w.n; i++) {
            status[w.order[i]] = (uint8_t)w.messages[w.order[i]].refused;
        }
        for (size_t i = 0; i < count; i++) {
            refused += status[i] != WVT_OK;
        }
    }
    if (places) {
        *places = place;
    }
    return refused;
}
