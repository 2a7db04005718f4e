/* payload.c - see payload.h. */
#include "payload.h"
#include "wvtoken.h"

#include <string.h>

static uint8_t *put_bytes(uint8_t *out, const uint8_t *bytes, size_t len)
{
    if (len) {
        memcpy(out, bytes, len);
    }
    return out + len;
}

uint8_t *wvt_put_number(uint8_t *out, uint64_t number, size_t len)
{
    for (size_t i = len; i-- > 0; number >>= 8) {
        out[i] = (uint8_t)number;
    }
    return out + len;
}

uint8_t *wvt_put_field(uint8_t *out, uint8_t tag, const uint8_t *value, size_t len)
{
    *out++ = tag;
    return put_bytes(wvt_put_number(out, len, 2), value, len);
}

static uint8_t *put_text(uint8_t *out, uint8_t tag, const struct wvt_request *request, size_t row)
{
    const struct wvt_value *value = &request->values[row];
    return wvt_given(request, row) ? wvt_put_field(out, tag, request->bytes + value->at, value->len) : out;
}

static size_t text_bytes(const struct wvt_request *request, size_t row)
{
    return wvt_given(request, row) ? WVT_PAYLOAD_FIELD_BYTES + request->values[row].len : 0;
}

int wvt_find_expiry(const struct wvt_request *request, int64_t now, int64_t *expires_at)
{
    const struct wvt_value *time = &request->values[WVT_ROW_EXPIRATION_TIME];
    const int given = wvt_given(request, WVT_ROW_EXPIRATION_TIME);
    const int is_absolute = given && time->len == 0;
    *expires_at = is_absolute ? time->number : now + (given ? time->number : WVT_LIFETIME_MAX);
    return *expires_at > now && *expires_at - now <= WVT_LIFETIME_MAX && *expires_at <= WVT_TIME_MAX;
}

size_t wvt_payload_bytes(const struct wvt_request *request, const struct wvt_terms *terms)
{
    return WVT_PAYLOAD_FIXED_BYTES + text_bytes(request, WVT_ROW_COOKIE) + text_bytes(request, WVT_ROW_CONTENT_ID) +
           request->extension_bytes + (terms->customer_len ? WVT_PAYLOAD_FIELD_BYTES + terms->customer_len : 0);
}

void wvt_write_payload(const struct wvt_request *request, const struct wvt_terms *terms, uint8_t *out)
{
    const struct wvt_value *values = request->values;
    const int64_t duration = wvt_given(request, WVT_ROW_LICENSE_DURATION) ? values[WVT_ROW_LICENSE_DURATION].number : 0;
    out = wvt_put_number(out, (uint64_t)terms->issued_at, 8);
    out = wvt_put_number(out, (uint64_t)terms->expires_at, 8);
    out = put_bytes(out, request->bytes + values[WVT_ROW_KID].at, WVT_KID_BYTES);
    memset(out, 0, WVT_CONTENT_KEY_BYTES);
    out += WVT_CONTENT_KEY_BYTES;
    out = wvt_put_number(out, (uint64_t)values[WVT_ROW_SECURITY_LEVEL].number, 1);
    out = wvt_put_number(out, (uint64_t)values[WVT_ROW_HDCP_OUTPUT_CONTROL].number, 1);
    out = wvt_put_number(out, (uint64_t)duration, 4);
    out = put_text(out, WVT_FIELD_COOKIE, request, WVT_ROW_COOKIE);
    out = put_text(out, WVT_FIELD_CONTENT_ID, request, WVT_ROW_CONTENT_ID);
    out = put_bytes(out, request->extensions, request->extension_bytes);
    if (terms->customer_len) {
        wvt_put_field(out, WVT_FIELD_CUSTOMER, terms->customer, terms->customer_len);
    }
}

uint64_t wvt_get_number(const uint8_t *p, size_t len)
{
    uint64_t number = 0;
    for (size_t i = 0; i < len; i++) {
        number = number << 8 | p[i];
    }
    return number;
}

static int fixed_part_is_valid(const uint8_t *payload)
{
    const uint64_t issued_at = wvt_get_number(payload, 8), expires_at = wvt_get_number(payload + 8, 8);
    const uint8_t level = payload[WVT_LEVELS_AT], control = payload[WVT_LEVELS_AT + 1];
    return issued_at <= WVT_TIME_MAX && expires_at <= WVT_TIME_MAX && expires_at > issued_at &&
           expires_at - issued_at <= WVT_LIFETIME_MAX && level >= WVT_SECURITY_LEVEL_MIN &&
           level <= WVT_SECURITY_LEVEL_MAX && control <= WVT_HDCP_OUTPUT_CONTROL_MAX;
}

/* The text of a field goes to `place`. Return 0 if it is empty, too long or not printable ASCII. */
static int read_text(const uint8_t *data, struct wvt_place value, size_t most, struct wvt_place *place)
{
    const size_t len = value.end - value.start;
    *place = value;
    return len > 0 && len <= most && wvt_is_printable(data + value.start, len);
}

static int read_extension(const uint8_t *data, struct wvt_place value, struct wvt_place *extensions)
{
    const uint8_t *type = data + value.start;
    if (value.end - value.start <= WVT_EXTENSION_TYPE_BYTES || !wvt_is_printable(type, WVT_EXTENSION_TYPE_BYTES) ||
        wvt_has_comma(type, WVT_EXTENSION_TYPE_BYTES)) {
        return 0;
    }
    if (extensions->end == 0) {
        extensions->start = value.start - WVT_PAYLOAD_FIELD_BYTES;
    }
    extensions->end = value.end;
    return 1;
}

static int read_field(const uint8_t *data, uint8_t tag, struct wvt_place value, struct wvt_layout *layout)
{
    switch (tag) {
    case WVT_FIELD_COOKIE:
        return read_text(data, value, WVT_COOKIE_MAX, &layout->cookie);
    case WVT_FIELD_CONTENT_ID:
        return read_text(data, value, WVT_CONTENT_ID_MAX, &layout->content_id);
    case WVT_FIELD_EXTENSION:
        return read_extension(data, value, &layout->extensions);
    case WVT_FIELD_CUSTOMER:
        return read_text(data, value, WVT_CUSTOMER_MAX, &layout->customer);
    default:
        return 0;
    }
}

int wvt_read_payload(const uint8_t *data, uint32_t start, uint32_t end, struct wvt_layout *layout)
{
    const struct wvt_layout empty = {{0, 0}, {0, 0}, {0, 0}, {0, 0}};
    const uint32_t len = end - start;
    *layout = empty;
    if (len < WVT_PAYLOAD_FIXED_BYTES || len > WVT_PAYLOAD_BYTES_MAX || !fixed_part_is_valid(data + start)) {
        return 0;
    }
    uint8_t last = 0;
    for (uint32_t at = start + WVT_PAYLOAD_FIXED_BYTES; at < end;) {
        if (end - at < WVT_PAYLOAD_FIELD_BYTES) {
            return 0;
        }
        const uint8_t tag = data[at];
        const uint32_t value_len = (uint32_t)wvt_get_number(data + at + 1, 2);
        at += WVT_PAYLOAD_FIELD_BYTES;
        const struct wvt_place value = {at, at + value_len};
        if (value_len > end - at || (tag <= last && !(tag == last && tag == WVT_FIELD_EXTENSION)) ||
            !read_field(data, tag, value, layout)) {
            return 0;
        }
        last = tag;
        at += value_len;
    }
    return 1;
}
