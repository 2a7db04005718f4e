/* form.c - form decoding (WHATWG URL Standard, application/x-www-form-urlencoded) of requests in their usual form. */
#include "compiler.h"
#include "hex.h"
#include "request.h"
#include "words.h"
#include "wvtoken.h"
#include "wvt_grammar_table.h"

#include <string.h>

/* The end of a name or value in a request. */
struct span {
    size_t len;
    int plain; /* no escape, no +, ASCII only */
};

/* Load up to 8 bytes; the rest are '&', which ends every span. */
static uint64_t load_word(const uint8_t *text, size_t len)
{
    uint8_t last[8] = {'&', '&', '&', '&', '&', '&', '&', '&'};
    if (len >= 8) {
        return wvt_load_le64(text);
    }
    memcpy(last, text, len);
    return wvt_load_le64(last);
}

/* Find the first `stop` or '&' in the text, or its end. */
static struct span find_end(const uint8_t *text, size_t len, uint8_t stop)
{
    struct span span = {0, 1};
    for (; span.len < len; span.len += 8) {
        const uint64_t word = load_word(text + span.len, len - span.len);
        const uint64_t stops = wvt_bytes_equal(word, '&') | wvt_bytes_equal(word, stop);
        /* All bits below the first stop, which is exact: only bytes above a match can be false matches. */
        uint64_t before = (stops & (0 - stops)) - 1;
        WVT_DECLASSIFY(&before, sizeof before);
        const uint64_t special = wvt_bytes_equal(word, '%') | wvt_bytes_equal(word, '+') | (word & WVT_EACH_BYTE(0x80));
        int plain = (special & before) == 0;
        WVT_DECLASSIFY(&plain, sizeof plain);
        span.plain &= plain;
        if (before != UINT64_MAX) {
            span.len += wvt_count_bytes(before);
            break;
        }
    }
    return span;
}

static size_t find_row(const uint8_t *name, size_t len)
{
    size_t row = len <= WVT_NAME_MAX ? first_of_length[len] : WVT_NO_ROW;
    while (row != WVT_NO_ROW && memcmp(grammar[row].name, name, len) != 0) {
        row = grammar[row].next_of_length;
    }
    return row;
}

/* Decode escapes and '+' (a space). Return the number of bytes, or 0 for a malformed escape. */
static size_t unescape(const uint8_t *text, size_t len, uint8_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        int escape = text[i] == '%', plus = text[i] == '+';
        WVT_DECLASSIFY(&escape, sizeof escape);
        WVT_DECLASSIFY(&plus, sizeof plus);
        if (!escape) {
            out[n++] = plus ? ' ' : text[i];
        } else if (len - i >= 3 && wvt_decode_hex(text + i + 1, 2, out + n)) {
            n++;
            i += 2;
        } else {
            return 0;
        }
    }
    return n;
}

/* Append the value of parameter `row`, decoded, to the values of the request. Return 0 to hand the request back. */
static int add_value(struct wvt_request *request, size_t row, const uint8_t *text, struct span span)
{
    if (span.len == 0 || span.len > WVT_VALUES_ROOM - request->used) {
        return 0;
    }
    struct wvt_value *value = &request->values[row];
    uint8_t *out = request->bytes + request->used;
    value->at = request->used;
    value->len = (uint32_t)span.len;
    request->used += (uint32_t)span.len;
    if (span.plain) {
        wvt_copy(out, text, span.len);
    } else {
        value->len = (uint32_t)unescape(text, span.len, out);
    }
    return value->len != 0;
}

/* Parse one parameter, which is not empty. `rest` is the length of the text from here on; *len gets its own. */
static int parse_parameter(struct wvt_request *request, const uint8_t *text, size_t rest, size_t *len)
{
    const struct span name = find_end(text, rest, '=');
    const size_t start = name.len < rest && text[name.len] == '=' ? name.len + 1 : name.len;
    const struct span value = find_end(text + start, rest - start, '&');
    const size_t row = find_row(text, name.len);
    *len = start + value.len;
    if (row == WVT_NO_ROW) {
        request->ignored = 1;
        return name.plain; /* an escaped name may be a known one, and must be UTF-8 */
    }
    const uint32_t bit = UINT32_C(1) << row;
    if (request->given & bit & ~WVT_REPEATABLE) {
        return 0;
    }
    request->given |= bit;
    return add_value(request, row, text + start, value) &&
           wvt_parse_value(request, &grammar[row], &request->values[row]);
}

static size_t text_field_bytes(const struct wvt_request *request, size_t row)
{
    return wvt_given(request, row) ? WVT_PAYLOAD_FIELD_BYTES + request->values[row].len : 0;
}

/* The rules that involve several parameters. */
static int parameters_agree(const struct wvt_request *request)
{
    const int content_key = wvt_given(request, WVT_ROW_CONTENT_KEY), kek = wvt_given(request, WVT_ROW_KEK);
    const size_t payload_bytes = WVT_PAYLOAD_FIXED_BYTES + text_field_bytes(request, WVT_ROW_COOKIE) +
                                 text_field_bytes(request, WVT_ROW_CONTENT_ID) + request->extension_bytes +
                                 WVT_PAYLOAD_FIELD_BYTES + WVT_CUSTOMER_MAX;
    return (request->given & WVT_REQUIRED) == WVT_REQUIRED && !(content_key && kek) &&
           (kek || !wvt_given(request, WVT_ROW_EK)) && payload_bytes <= WVT_PAYLOAD_BYTES_MAX;
}

/* `given` has one bit for each row. */
WVT_STATIC_ASSERT(rows_fit, WVT_PARAMETERS <= 32);

int wvt_parse_request(const uint8_t *text, size_t len, struct wvt_request *request)
{
    request->given = request->ignored = request->used = request->extension_bytes = 0;
    if (len > WVT_REQUEST_BYTES_MAX) {
        return 0;
    }
    size_t count = 0;
    for (size_t at = 0, step; at < len; at += step + 1) {
        step = 0;
        if (text[at] == '&') {
            continue;
        }
        if (++count > WVT_PARAMETERS_MAX || !parse_parameter(request, text + at, len - at, &step)) {
            return 0;
        }
    }
    return parameters_agree(request);
}

void wvt_wipe_request(struct wvt_request *request)
{
    wvt_wipe(request->bytes, request->used);
    wvt_wipe(request->extensions, request->extension_bytes);
}
