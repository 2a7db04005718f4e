/* request.h - a license token request and its parameters, between form.c, fields.c, payload.c and issue.c.
 *
 * These files accept the usual form of a valid request. They hand back everything else: any error, any repetition, any
 * rare form. The Python reference (parameters.py) then decides. They never reject a request.
 *
 * Secrets are the values of keys and of the customer authenticator. Public are the positions of delimiters and escapes,
 * the lengths, and whether a character is valid for its parameter. WVT_DECLASSIFY marks each such public fact, so that
 * the constant-time tests can tell it from a secret.
 */
#ifndef WVT_REQUEST_H
#define WVT_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "wvtoken.h"

#if !defined(WVT_DECLASSIFY)
#define WVT_DECLASSIFY(p, n) ((void)0)
#endif

/* Kinds of values. wvt_grammar_table.h has one row per parameter, generated from parameters.py. */
enum wvt_kind {
    WVT_UNSUPPORTED, /* always handed back */
    WVT_CHOICE,      /* one of a few words; the value is the number of the word */
    WVT_HEX,         /* hexadecimal digits of 1 of up to 3 lengths */
    WVT_PRINTABLE,   /* 1 to `most` printable ASCII characters */
    WVT_NUMBER,      /* decimal, 1 to `most`, no leading zero */
    WVT_KID,         /* hexadecimal digits, or ^ and a name of up to `most` printable ASCII characters */
    WVT_EXTENSION,   /* type, comma, base64; may repeat */
    WVT_TIME         /* + and seconds up to `most`, or an RFC 3339 time in UTC */
};

struct wvt_word {
    const char *text;
    uint8_t len, number;
};

/* A row of the grammar. */
struct wvt_parameter {
    const char *name;
    const struct wvt_word *words; /* CHOICE */
    size_t words_count;
    uint32_t most;
    uint8_t kind;
    uint8_t next_of_length; /* the next row whose name is as long, or WVT_NO_ROW */
    uint8_t hex_bytes[3];   /* HEX, KID: the lengths in bytes; 0 for none */
};

#define WVT_NO_ROW 255u

#include "wvt_grammar.h"

/* Decoded values of one request. A request that needs more is handed back. */
#define WVT_VALUES_ROOM 16384u

struct wvt_request {
    uint32_t given;   /* bit i: parameter i of the grammar */
    uint32_t ignored; /* 1 if there is a parameter that the grammar does not know */
    uint32_t used, extension_bytes;
    struct wvt_value values[WVT_PARAMETERS];
    uint8_t extensions[WVT_PAYLOAD_BYTES_MAX]; /* as fields of a payload */
    uint8_t bytes[WVT_VALUES_ROOM];
};

/* Parse the text of a request (query, or body). Return 1 if it is accepted, 0 if it is handed back. */
int wvt_parse_request(const uint8_t *text, size_t len, struct wvt_request *request);

/* Parse a value, which is in request->bytes, decoded and not empty. Return 1, or 0 to hand the request back. */
int wvt_parse_value(struct wvt_request *request, const struct wvt_parameter *parameter, struct wvt_value *value);

/* Parse a time such as 2006-04-14T12:01:10Z to UNIX seconds. Return 1, or 0 to hand the request back. Fractions, leap
 * seconds and lower-case letters are handed back. */
int wvt_parse_rfc3339(const uint8_t *text, size_t len, int64_t *seconds);

/* Return 1 if all characters are printable ASCII. The characters may be secret; this result is public. */
int wvt_is_printable(const uint8_t *text, size_t len);

int wvt_has_comma(const uint8_t *text, size_t len);

static inline int wvt_is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

/* Wipe what the last request left. */
void wvt_wipe_request(struct wvt_request *request);

static inline int wvt_given(const struct wvt_request *request, size_t row) { return (int)(request->given >> row & 1); }

#endif
