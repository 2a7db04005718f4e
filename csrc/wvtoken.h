/* wvtoken.h - batches of AES Key Wrap (RFC 3394) and of tokens sealed with AES-256-GCM-SIV (RFC 8452).
 *
 * This header is the contract. For every function:
 *
 * - Items of a batch lie one after the other without gaps. Items of different lengths have n + 1 offsets: item i is the
 *   bytes from offsets[i] to offsets[i + 1]. No string ends with NUL.
 * - A pointer to zero bytes may be NULL for the audience and the prefix. If n is 0, all pointers may be NULL.
 * - `lanes` is one WVT_LANES_* value and selects the SIMD variant. Every variant writes the same bytes. The caller asks
 *   wvt_lanes_supported() once and passes only what it returned: the CPU is not checked again.
 * - No global is written. Any number of threads may call.
 * - The return value is -1 if `lanes` is not in this build or a length is outside its limits. Then only lengths and
 *   offsets have been read, and nothing has been written. Otherwise it is the number of items that were refused, or for
 *   wvt_seal_tokens the number of bytes that were written.
 * - `status[i]` is WVT_OK or the reason why item i was refused. The key or payload of a refused item is all zeros.
 *   While a function runs, unverified plaintext passes through `out`: nobody else may read `out` before it returns.
 *   A refused item does not change the others.
 * - `out` must not overlap an input.
 * - No branch and no address depends on a key, a derived key or a plaintext. Verdicts become visible only in `status`
 *   and in the return value. Public are lengths, nonces, texts and headers.
 * - Before a function returns, it wipes its workspace, the stack that the compiler used for spilled vectors, and all
 *   vector registers (not with MSVC, which has no means for the registers). This holds for a build with optimization.
 *   Nothing is allocated. 48 KiB of stack are enough.
 */
#ifndef WVTOKEN_H
#define WVTOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "wvt_limits.h" /* WVT_SEALING_KEY_BYTES and the other limits: build_native.py writes them from values.py */

#ifdef __cplusplus
extern "C" {
#endif

#define WVT_LANES_AESNI 1u   /* x86-64, one item per instruction: AES-NI, PCLMULQDQ, SSSE3 */
#define WVT_LANES_VAES256 2u /* x86-64, two items: VAES, VPCLMULQDQ, AVX2 */
#define WVT_LANES_VAES512 4u /* x86-64, four items: VAES, VPCLMULQDQ, AVX-512 F, BW and VL */
#define WVT_LANES_ARMV8 8u   /* AArch64, one item: AES, PMULL */

/* status[i] */
#define WVT_OK 0
#define WVT_REFUSED 1     /* not genuine: altered, another key, another audience */
#define WVT_MALFORMED 2   /* not the text of a token */
#define WVT_UNKNOWN_KEY 3 /* the header of the token is not in the table */

/* Bytes behind the opened tokens in `out`, which wvt_open_tokens may overwrite. */
#define WVT_OPEN_SLACK 64u

/* The variants that this CPU and its operating system can run, combined by OR. 0: the engine cannot work here. */
uint32_t wvt_lanes_supported(void);

/* AES Key Wrap. keks: n keys of kek_len (16, 24 or 32) bytes, or one for all if kek_count is 1. keys: n keys of key_len
 * bytes, a multiple of 8 from WVT_WRAP_BYTES_MIN to WVT_WRAP_BYTES_MAX. out: n keys of key_len + 8 bytes. */
int64_t wvt_wrap(uint32_t lanes, const uint8_t *keks, size_t kek_count, size_t kek_len, const uint8_t *keys,
                 size_t key_len, size_t n, uint8_t *out);

/* The inverse. wrapped: n keys of key_len + 8 bytes. out: n keys of key_len bytes. */
int64_t wvt_unwrap(uint32_t lanes, const uint8_t *keks, size_t kek_count, size_t kek_len, const uint8_t *wrapped,
                   size_t key_len, size_t n, uint8_t *out, uint8_t *status);

/* What all tokens of a call are sealed with. */
struct wvt_sealing {
    const uint8_t *key;      /* WVT_SEALING_KEY_BYTES */
    const uint8_t *header;   /* WVT_HEADER_BYTES: version and key id */
    const uint8_t *audience; /* at most WVT_AUDIENCE_MAX bytes */
    const uint8_t *prefix;   /* the URL before the token; at most WVT_PREFIX_MAX bytes */
    size_t audience_len, prefix_len;
};

/* Writes for each payload (at most WVT_PAYLOAD_BYTES_MAX bytes): prefix || base64url(header || nonce ||
 * AES-256-GCM-SIV(key, nonce, header || audience, payload)), and a line feed. nonces: n of WVT_NONCE_BYTES. */
int64_t wvt_seal_tokens(uint32_t lanes, const struct wvt_sealing *with, const uint8_t *nonces, const uint8_t *payloads,
                        const uint32_t *offsets, size_t n, uint8_t *out);

/* The keys that open tokens. */
struct wvt_opening {
    const uint8_t *headers;  /* key_count of WVT_HEADER_BYTES, in ascending order */
    const uint8_t *keys;     /* key_count of WVT_SEALING_KEY_BYTES: the key of each header */
    const uint8_t *audience; /* at most WVT_AUDIENCE_MAX bytes */
    size_t key_count, audience_len;
};

/* Opens each text with the key of its header. out: 3/4 of the length of all texts, and WVT_OPEN_SLACK bytes more.
 * places: n + 1 offsets in `out`. The opened token, header || nonce || payload, is the bytes of `out` from places[i] to
 * places[i + 1] - WVT_TAG_BYTES. A text that is too short or too long for a token has places[i] == places[i + 1]. */
int64_t wvt_open_tokens(uint32_t lanes, const struct wvt_opening *with, const uint8_t *texts, const uint32_t *offsets,
                        size_t n, uint8_t *out, uint32_t *places, uint8_t *status);

/* The fast path. It accepts valid input in its usual form and hands back everything else: the Python reference decides.
 *
 * Secret in a request are the values of keys and of the customer authenticator. Public are the positions of delimiters
 * and escapes, all lengths, and whether a character is valid for its parameter. Secret in an opened and verified token is
 * only its content key. */
#define WVT_HANDED_BACK 4 /* status[i]: the reference has to decide */
#define WVT_NEEDS_KEY 5   /* status[i]: a valid request without a key; kids[i] is its kid */

/* A URL has at most as many bytes as the prefix, 4/3 of its request, and this. */
#define WVT_URL_BYTES 256

/* What all requests of a call have in common. */
struct wvt_issuer {
    struct wvt_sealing sealing;
    uint32_t lanes;
    uint32_t forbids_unknown; /* 1: a request with an unknown parameter is handed back */
};

/* The memory of a call of wvt_issue, for n requests. */
struct wvt_issue_buffers {
    struct wvt_issue_workspace *workspace; /* wvt_issue_workspace_bytes() bytes, aligned for uint64_t */
    const uint8_t *stored_keys;            /* NULL, or for each request WVT_WRAPPED_KEY_BYTES with its stored key */
    const uint8_t *stored_len;             /* the length of each stored key; 0 for none */
    uint8_t *out;                          /* n times the most that a URL may have */
    uint8_t *status;                       /* n */
    uint8_t *kids;                         /* n of WVT_KID_BYTES */
};

size_t wvt_issue_workspace_bytes(void);

/* Parses each request, unwraps its key, writes its payload and seals it. Writes for each request with status WVT_OK its
 * URL and a line feed, in the order of the requests. nonces: n of WVT_NONCE_BYTES; tokens use the first of them. now: UNIX
 * seconds. customer: at most WVT_CUSTOMER_MAX printable ASCII characters; the caller checks them. Wipes the workspace.
 * Returns the number of bytes in `out`, or -1. */
int64_t wvt_issue(const struct wvt_issuer *issuer, const struct wvt_issue_buffers *buffers, const uint8_t *texts,
                  const uint32_t *offsets, size_t n, const uint8_t *nonces, int64_t now, const uint8_t *customer,
                  size_t customer_len);

/* The value of a parameter: `len` bytes from `at` on, or a number. For a kid, `number` is the length of the name that
 * follows it. For a time, `len` is 1 for seconds from issuance and 0 for an absolute time. */
struct wvt_value {
    uint32_t at, len;
    int64_t number;
};

/* Parses one request, at most WVT_PARSE_MAX bytes. values: WVT_VALUES_MAX; gets a value for each given parameter, in the
 * order of the grammar. out: 2 * WVT_PARSE_MAX bytes; gets the bytes of all values, *out_len in number. The extensions are
 * fields of a payload. Returns the set of given parameters (bit i: parameter i), or 0: handed back. A request with unknown
 * parameters is handed back. The caller wipes `out`. This function does not wipe the stack and the registers. */
#define WVT_PARSE_MAX 4096
#define WVT_VALUES_MAX 32
uint32_t wvt_parse(const uint8_t *text, size_t len, struct wvt_issue_workspace *workspace, struct wvt_value *values,
                   uint8_t *out, uint32_t *out_len);

/* The contents of tokens, in columns. */
#define WVT_RECORD_BYTES 70
struct wvt_contents {
    uint8_t *records;  /* for each token WVT_RECORD_BYTES: id, fixed part of the payload, number of its extensions */
    uint8_t *texts;    /* three lines for each token: cookie, content id, customer; a missing text is an empty line */
    uint8_t *types;    /* for each extension its type */
    uint8_t *payloads; /* for each extension its payload */
    uint32_t *ends;    /* for each extension the offset in `payloads` where its payload ends */
    size_t count;      /* number of tokens */
    size_t extensions; /* number of extensions of all tokens */
    size_t texts_bytes, payloads_bytes;
};

/* Seals tokens with these contents, as wvt_seal_tokens does. The ids in the records are ignored. memory: as many bytes as
 * the five columns together, and less than 4 GiB. The payloads are built there. The memory is wiped. offsets: count + 1.
 * out: for each token the prefix and WVT_URL_BYTES, and 4/3 of the length of `memory`. */
int64_t wvt_seal_contents(uint32_t lanes, const struct wvt_sealing *with, const uint8_t *nonces,
                          const struct wvt_contents *contents, uint8_t *memory, uint32_t *offsets, uint8_t *out);

/* The memory of a call of wvt_redeem, for n texts. */
struct wvt_redeem_buffers {
    uint8_t *tokens;               /* as many bytes as all texts */
    uint32_t *offsets;             /* n + 1: the offsets of the tokens in `tokens` */
    uint8_t *out;                  /* as for wvt_open_tokens; wiped */
    uint32_t *places;              /* n + 1, as for wvt_open_tokens */
    uint8_t *status;               /* n */
    struct wvt_contents *contents; /* results; each column has as many bytes as `out` */
};

/* Finds the token in each text (a token, or a URL with one), opens it, checks its payload and copies its fields.
 * Returns the number of texts that were not accepted, or -1. The caller wipes the records. */
int64_t wvt_redeem(uint32_t lanes, const struct wvt_opening *with, const uint8_t *texts, const uint32_t *offsets,
                   size_t n, const struct wvt_redeem_buffers *buffers);

/* Overwrites memory with zeros. The compiler does not remove this. */
void wvt_wipe(void *p, size_t n);

#ifdef __cplusplus
}
#endif

#endif
