/* redeem.c - tokens, or the URLs that carry them, to checked payloads. */
#include "lanes.h"
#include "payload.h"
#include "words.h"
#include "wvtoken.h"

#include <string.h>

static const char parameter[] = "ExpressPlayToken=";
#define WVT_VERSION 1 /* of the tokens that are read here */
#define PARAMETER_BYTES (sizeof parameter - 1)
#define PAYLOAD_AT (WVT_HEADER_BYTES + WVT_NONCE_BYTES) /* in an opened token */

/* Find a character. Return its place, or len. The text is public. */
static size_t find(const uint8_t *text, size_t len, uint8_t c)
{
    size_t at = 0;
    for (; at + 8 <= len; at += 8) {
        const uint64_t found = wvt_bytes_equal(wvt_load_le64(text + at), c);
        if (found) {
            return at + wvt_count_bytes((found & (0 - found)) - 1);
        }
    }
    while (at < len && text[at] != c) {
        at++;
    }
    return at;
}

/* Find the token in a text: the whole text, or what follows `?ExpressPlayToken=` in a URL with one parameter and without
 * a fragment. wvt_open_tokens refuses a token with a character outside its alphabet. Return 0 to hand the text back. */
static int find_token(const uint8_t *text, size_t len, size_t *start)
{
    const size_t query = find(text, len, '?');
    *start = 0;
    if (query == len) {
        return 1;
    }
    *start = query + 1 + PARAMETER_BYTES;
    return find(text, query, '#') == query && len > *start && memcmp(text + query + 1, parameter, PARAMETER_BYTES) == 0;
}

/* Copy the tokens of the texts into buffers->tokens. A text that is handed back has an empty token. */
static void copy_tokens(const uint8_t *texts, const uint32_t *offsets, size_t n,
                        const struct wvt_redeem_buffers *buffers)
{
    uint32_t used = 0;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *text = texts + offsets[i];
        const size_t len = offsets[i + 1] - offsets[i];
        size_t start = 0;
        buffers->offsets[i] = used;
        if (find_token(text, len, &start) && start < len) {
            memcpy(buffers->tokens + used, text + start, len - start);
            used += (uint32_t)(len - start);
        }
    }
    buffers->offsets[n] = used;
}

/* Find the fields of an opened and verified payload. Return 0 to hand it back. Its content key remains a secret. */
static int read_opened(const uint8_t *data, uint32_t start, uint32_t end, struct wvt_layout *layout)
{
    if (end - start < WVT_PAYLOAD_FIXED_BYTES) {
        return 0;
    }
    WVT_DECLASSIFY(data + start, WVT_CONTENT_KEY_AT);
    WVT_DECLASSIFY(data + start + WVT_LEVELS_AT, end - start - WVT_LEVELS_AT);
    return wvt_read_payload(data, start, end, layout);
}

/* Check the payload of each opened token. Return the number of those that are handed back.
 * Not inlined: wvt_forget wipes the stack of this function. */
WVT_NOINLINE static int64_t read_all(size_t n, const struct wvt_redeem_buffers *buffers)
{
    int64_t handed_back = 0;
    struct wvt_contents *contents = buffers->contents;
    contents->count = contents->extensions = contents->texts_bytes = contents->payloads_bytes = 0;
    for (size_t i = 0; i < n; i++) {
        const uint32_t place = buffers->places[i], end = buffers->places[i + 1];
        struct wvt_layout layout;
        WVT_DECLASSIFY(&buffers->status[i], 1);
        if (buffers->status[i] != WVT_OK) {
            continue;
        }
        if (buffers->out[place] == WVT_VERSION &&
            read_opened(buffers->out, place + PAYLOAD_AT, end - WVT_TAG_BYTES, &layout)) {
            wvt_add_contents(contents, buffers->out, place + WVT_HEADER_BYTES, &layout);
        } else {
            buffers->status[i] = WVT_HANDED_BACK;
            handed_back++;
        }
    }
    wvt_wipe(buffers->out, buffers->places[n]);
    return handed_back;
}

int64_t wvt_redeem(uint32_t lanes, const struct wvt_opening *with, const uint8_t *texts, const uint32_t *offsets,
                   size_t n, const struct wvt_redeem_buffers *buffers)
{
    const struct wvt_kernels *kernels = wvt_kernels_of(lanes);
    if (!kernels || n > UINT32_MAX || with->audience_len > WVT_AUDIENCE_MAX || with->key_count > UINT32_MAX ||
        !wvt_offsets_fit(offsets, n, UINT32_MAX)) {
        return -1;
    }
    if (n == 0) {
        return 0;
    }
    copy_tokens(texts, offsets, n, buffers);
    int64_t refused = wvt_open_tokens(lanes, with, buffers->tokens, buffers->offsets, n, buffers->out, buffers->places,
                                      buffers->status);
    WVT_DECLASSIFY(&refused, sizeof refused);
    refused += read_all(n, buffers);
    wvt_forget(kernels);
    return refused;
}
