/* contents.c - the contents of tokens in columns: copied from opened payloads, and sealed. */
#include "lanes.h"
#include "payload.h"
#include "wvtoken.h"

#include <string.h>

/* A record: the id, the fixed part of the payload, and the number of extensions, big-endian. */
#define FIXED_BYTES (WVT_NONCE_BYTES + WVT_PAYLOAD_FIXED_BYTES)
#define COUNT_BYTES 4

WVT_STATIC_ASSERT(record_is_complete, WVT_RECORD_BYTES == FIXED_BYTES + COUNT_BYTES);
/* Why each column of wvt_redeem has room: a token is longer than its record, and longer than its texts with their line
 * feeds. An extension takes at least 8 bytes of a token, and 4 bytes each in `types` and `ends`. */
WVT_STATIC_ASSERT(records_have_room, WVT_RECORD_BYTES <= WVT_TOKEN_OVERHEAD + WVT_PAYLOAD_FIXED_BYTES);
/* Why the memory of wvt_seal_contents has room: a field has a tag and a length, a line of `texts` its line feed, and an
 * extension its end. */
WVT_STATIC_ASSERT(payloads_have_room, WVT_PAYLOAD_FIXED_BYTES + 3 * (WVT_PAYLOAD_FIELD_BYTES - 1) <= WVT_RECORD_BYTES &&
                                          WVT_PAYLOAD_FIELD_BYTES <= sizeof(uint32_t));

static void add_text(struct wvt_contents *contents, const uint8_t *data, struct wvt_place text)
{
    const size_t len = text.end - text.start;
    memcpy(contents->texts + contents->texts_bytes, data + text.start, len);
    contents->texts[contents->texts_bytes + len] = '\n';
    contents->texts_bytes += len + 1;
}

/* Return the number of extensions. */
static size_t add_extensions(struct wvt_contents *contents, const uint8_t *data, struct wvt_place place)
{
    const size_t before = contents->extensions;
    for (uint32_t at = place.start; at < place.end;) {
        const uint32_t value = at + WVT_PAYLOAD_FIELD_BYTES, payload = value + WVT_EXTENSION_TYPE_BYTES;
        at = value + ((uint32_t)data[at + 1] << 8 | data[at + 2]);
        memcpy(contents->types + contents->extensions * WVT_EXTENSION_TYPE_BYTES, data + value,
               WVT_EXTENSION_TYPE_BYTES);
        memcpy(contents->payloads + contents->payloads_bytes, data + payload, at - payload);
        contents->payloads_bytes += at - payload;
        contents->ends[contents->extensions++] = (uint32_t)contents->payloads_bytes;
    }
    return contents->extensions - before;
}

void wvt_add_contents(struct wvt_contents *contents, const uint8_t *data, uint32_t start,
                      const struct wvt_layout *layout)
{
    uint8_t *record = contents->records + WVT_RECORD_BYTES * contents->count++;
    wvt_copy(record, data + start, FIXED_BYTES);
    add_text(contents, data, layout->cookie);
    add_text(contents, data, layout->content_id);
    add_text(contents, data, layout->customer);
    wvt_put_number(record + FIXED_BYTES, add_extensions(contents, data, layout->extensions), COUNT_BYTES);
}

/* The next item of each column that wvt_seal_contents has to read. */
struct reader {
    const uint8_t *text, *type, *payload;
    size_t extension;
};

/* Write the next line as a field, if it is not empty. Return the end of the field. */
static uint8_t *put_line(struct reader *next, uint8_t tag, uint8_t *out)
{
    const uint8_t *text = next->text;
    size_t len = 0;
    while (text[len] != '\n') {
        len++;
    }
    next->text += len + 1;
    return len ? wvt_put_field(out, tag, text, len) : out;
}

static uint8_t *put_extension(struct reader *next, const struct wvt_contents *contents, uint8_t *out)
{
    const uint8_t *end = contents->payloads + contents->ends[next->extension++];
    const size_t len = (size_t)(end - next->payload);
    out = wvt_put_field(out, WVT_FIELD_EXTENSION, next->type, WVT_EXTENSION_TYPE_BYTES);
    wvt_put_number(out - WVT_EXTENSION_TYPE_BYTES - 2, WVT_EXTENSION_TYPE_BYTES + len, 2);
    memcpy(out, next->payload, len);
    next->type += WVT_EXTENSION_TYPE_BYTES;
    next->payload = end;
    return out + len;
}

int64_t wvt_seal_contents(uint32_t lanes, const struct wvt_sealing *with, const uint8_t *nonces,
                          const struct wvt_contents *contents, uint8_t *memory, uint32_t *offsets, uint8_t *out)
{
    const struct wvt_kernels *kernels = wvt_kernels_of(lanes);
    struct reader next = {contents->texts, contents->types, contents->payloads, 0};
    uint8_t *at = memory;
    if (!kernels) {
        return -1;
    }
    offsets[0] = 0;
    for (size_t i = 0; i < contents->count; i++) {
        const uint8_t *record = contents->records + i * WVT_RECORD_BYTES;
        wvt_copy(at, record + WVT_NONCE_BYTES, WVT_PAYLOAD_FIXED_BYTES);
        at = put_line(&next, WVT_FIELD_COOKIE, at + WVT_PAYLOAD_FIXED_BYTES);
        at = put_line(&next, WVT_FIELD_CONTENT_ID, at);
        for (uint64_t left = wvt_get_number(record + FIXED_BYTES, COUNT_BYTES); left; left--) {
            at = put_extension(&next, contents, at);
        }
        at = put_line(&next, WVT_FIELD_CUSTOMER, at);
        offsets[i + 1] = (uint32_t)(at - memory);
    }
    const int64_t written = wvt_seal_tokens(lanes, with, nonces, memory, offsets, contents->count, out);
    wvt_wipe(memory, (size_t)(at - memory));
    wvt_forget(kernels);
    return written;
}
