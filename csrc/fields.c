/* fields.c - one function per kind of value. Each returns 1 for a value in its usual form, 0 to hand it back. */
#include "hex.h"
#include "request.h"
#include "sha1.h"

#include <string.h>

#define DIGITS_MAX 10u

int wvt_is_printable(const uint8_t *text, size_t len)
{
    unsigned outside = 0;
    for (size_t i = 0; i < len; i++) {
        outside |= (unsigned)text[i] - 0x20u > 0x5eu;
    }
    int printable = outside == 0;
    WVT_DECLASSIFY(&printable, sizeof printable);
    return printable;
}

static int parse_choice(const struct wvt_parameter *parameter, const uint8_t *text, struct wvt_value *value)
{
    for (size_t i = 0; i < parameter->words_count; i++) {
        const struct wvt_word *word = &parameter->words[i];
        if (word->len == value->len && memcmp(word->text, text, word->len) == 0) {
            value->number = word->number;
            return 1;
        }
    }
    return 0;
}

static int parse_hex(const struct wvt_parameter *parameter, uint8_t *text, struct wvt_value *value)
{
    for (size_t i = 0; i < sizeof parameter->hex_bytes && parameter->hex_bytes[i]; i++) {
        if (value->len == 2u * parameter->hex_bytes[i]) {
            value->len = parameter->hex_bytes[i];
            return wvt_decode_hex(text, 2 * (size_t)value->len, text);
        }
    }
    return 0;
}

static int parse_printable(const struct wvt_parameter *parameter, const uint8_t *text, const struct wvt_value *value)
{
    return value->len <= parameter->most && wvt_is_printable(text, value->len);
}

/* A decimal number from 1 to `most` without leading zeros; -1 for anything else. */
static int64_t parse_decimal(const uint8_t *text, size_t len, uint32_t most)
{
    int64_t number = 0;
    if (len == 0 || len > DIGITS_MAX || text[0] == '0') {
        return -1;
    }
    for (size_t i = 0; i < len; i++) {
        if (!wvt_is_digit(text[i])) {
            return -1;
        }
        number = 10 * number + (text[i] - '0');
    }
    return number <= most ? number : -1;
}

static int parse_number(const struct wvt_parameter *parameter, const uint8_t *text, struct wvt_value *value)
{
    value->number = parse_decimal(text, value->len, parameter->most);
    return value->number > 0;
}

/* ^name: put the kid (the first bytes of the SHA-1 of the name) before the name. */
static int parse_kid_name(const struct wvt_parameter *parameter, struct wvt_request *request, struct wvt_value *value)
{
    uint8_t *text = request->bytes + value->at, digest[WVT_SHA1_BYTES], name[WVT_KID_NAME_MAX];
    const size_t len = value->len - 1;
    if (len == 0 || len > parameter->most || len > sizeof name || !wvt_is_printable(text + 1, len) ||
        WVT_VALUES_ROOM - request->used < WVT_KID_BYTES) {
        return 0;
    }
    memcpy(name, text + 1, len);
    wvt_sha1(name, len, digest);
    memcpy(text, digest, WVT_KID_BYTES);
    memcpy(text + WVT_KID_BYTES, name, len);
    request->used += WVT_KID_BYTES;
    value->len = WVT_KID_BYTES;
    value->number = (int64_t)len;
    return 1;
}

static int parse_kid(const struct wvt_parameter *parameter, struct wvt_request *request, struct wvt_value *value)
{
    uint8_t *text = request->bytes + value->at;
    value->number = 0;
    return text[0] == '^' ? parse_kid_name(parameter, request, value) : parse_hex(parameter, text, value);
}

/* The 6 bits of a base64 character, or a negative number. A space stands for '+' (form decoding made it one). */
static int base64_bits(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (wvt_is_digit(c)) {
        return c - '0' + 52;
    }
    return c == '+' || c == ' ' ? 62 : c == '/' ? 63 : -1;
}

/* Decode base64 with its padding and without stray bits. Return the number of bytes, or 0. */
static size_t decode_base64(const uint8_t *text, size_t len, uint8_t *out)
{
    size_t n = 0;
    if (len == 0 || len % 4 != 0) {
        return 0;
    }
    const size_t padding = (size_t)(text[len - 1] == '=') + (text[len - 1] == '=' && text[len - 2] == '=');
    for (size_t i = 0; i < len; i += 4) {
        const size_t missing = i + 4 == len ? padding : 0;
        int32_t bits = 0, invalid = 0;
        for (size_t j = 0; j < 4; j++) {
            const int six = j < 4 - missing ? base64_bits(text[i + j]) : 0;
            invalid |= six;
            bits = (int32_t)((uint32_t)bits << 6 | (uint32_t)(six & 63));
        }
        const uint8_t three[3] = {(uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits};
        if (invalid < 0 || (missing > 0 && three[2]) || (missing > 1 && three[1])) {
            return 0;
        }
        memcpy(out + n, three, 3 - missing);
        n += 3 - missing;
    }
    return n;
}

int wvt_has_comma(const uint8_t *text, size_t len)
{
    int found = 0;
    for (size_t i = 0; i < len; i++) {
        found |= text[i] == ',';
    }
    return found;
}

/* type,payload: append a field of the payload. */
static int parse_extension(struct wvt_request *request, const uint8_t *text, const struct wvt_value *value)
{
    const size_t type = WVT_EXTENSION_TYPE_BYTES, head = WVT_PAYLOAD_FIELD_BYTES + type;
    const size_t room = sizeof request->extensions - request->extension_bytes;
    uint8_t *field = request->extensions + request->extension_bytes;
    if (value->len <= type || text[type] != ',' || wvt_has_comma(text, type) || !wvt_is_printable(text, type) ||
        head + value->len > room) {
        return 0;
    }
    const size_t bytes = decode_base64(text + type + 1, value->len - type - 1, field + head);
    const size_t length = type + bytes;
    if (bytes == 0) {
        wvt_wipe(field + head, value->len);
        return 0;
    }
    field[0] = WVT_FIELD_EXTENSION;
    field[1] = (uint8_t)(length >> 8);
    field[2] = (uint8_t)length;
    memcpy(field + WVT_PAYLOAD_FIELD_BYTES, text, type);
    request->extension_bytes += (uint32_t)(head + bytes);
    return 1;
}

/* Seconds from issuance set value->len to 1, an absolute time sets it to 0. */
static int parse_time(const struct wvt_parameter *parameter, const uint8_t *text, struct wvt_value *value)
{
    const size_t len = value->len;
    if (text[0] != ' ' && text[0] != '+') {
        value->len = 0;
        return wvt_parse_rfc3339(text, len, &value->number);
    }
    value->number = parse_decimal(text + 1, len - 1, parameter->most);
    value->len = 1;
    return value->number > 0;
}

int wvt_parse_value(struct wvt_request *request, const struct wvt_parameter *parameter, struct wvt_value *value)
{
    uint8_t *text = request->bytes + value->at;
    switch (parameter->kind) {
    case WVT_CHOICE:
        return parse_choice(parameter, text, value);
    case WVT_HEX:
        return parse_hex(parameter, text, value);
    case WVT_PRINTABLE:
        return parse_printable(parameter, text, value);
    case WVT_NUMBER:
        return parse_number(parameter, text, value);
    case WVT_KID:
        return parse_kid(parameter, request, value);
    case WVT_EXTENSION:
        return parse_extension(request, text, value);
    case WVT_TIME:
        return parse_time(parameter, text, value);
    default:
        return 0;
    }
}
