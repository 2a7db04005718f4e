/* payload.h - the payload of a token, version 1: written from a request, and read again. payload.py specifies it. */
#ifndef WVT_PAYLOAD_H
#define WVT_PAYLOAD_H

#include "request.h"

/* What a payload has beside the request. */
struct wvt_terms {
    int64_t issued_at, expires_at; /* UNIX seconds */
    const uint8_t *customer;       /* checked by the caller */
    size_t customer_len;           /* 0 for none */
};

/* Where the content key and the two levels are in a payload. */
#define WVT_CONTENT_KEY_AT 32u
#define WVT_LEVELS_AT 48u

/* Find when the token of a request expires. Return 0 to hand the request back: the time is out of bounds. */
int wvt_find_expiry(const struct wvt_request *request, int64_t now, int64_t *expires_at);

/* Return the length of the payload of an accepted request: at most WVT_PAYLOAD_BYTES_MAX. */
size_t wvt_payload_bytes(const struct wvt_request *request, const struct wvt_terms *terms);

/* Write that payload. The caller fills in the content key, WVT_CONTENT_KEY_BYTES at WVT_CONTENT_KEY_AT. */
void wvt_write_payload(const struct wvt_request *request, const struct wvt_terms *terms, uint8_t *out);

/* The bytes of `data` from `start` to `end`; both are 0 for a missing field. */
struct wvt_place {
    uint32_t start, end;
};

/* Where the fields of a payload are. `extensions` are all extensions, with their tags and lengths. */
struct wvt_layout {
    struct wvt_place cookie, content_id, customer, extensions;
};

/* Check a payload, the bytes of `data` from `start` to `end`, as strictly as payload.py does, and find its fields. Return
 * 1 if it is accepted. Return 0 to hand it back, also for a text that is not ASCII: payload.py then decides. Nothing
 * depends on the content key. */
int wvt_read_payload(const uint8_t *data, uint32_t start, uint32_t end, struct wvt_layout *layout);

/* Big-endian numbers of `len` bytes. Return the end of what was written. */
uint8_t *wvt_put_number(uint8_t *out, uint64_t number, size_t len);
uint64_t wvt_get_number(const uint8_t *p, size_t len);

/* Write a field. Return its end. */
uint8_t *wvt_put_field(uint8_t *out, uint8_t tag, const uint8_t *value, size_t len);

/* Copy the fields of a token into the columns. Its id is at `start` in `data`; `layout` is that of its payload. */
void wvt_add_contents(struct wvt_contents *contents, const uint8_t *data, uint32_t start,
                      const struct wvt_layout *layout);

#endif
