/* issue.c - requests to license acquisition URLs: parse, unwrap, write the payload, seal. */
#include "lanes.h"
#include "payload.h"
#include "wvtoken.h"

#include <string.h>

#define WINDOW 256u

/* Requests that wait to be sealed together. All of it is secret. */
struct wvt_issue_workspace {
    struct wvt_request request;
    /* Payloads, one after the other, and the item of each. */
    size_t count;
    uint32_t offsets[WINDOW + 1];
    size_t items[WINDOW];
    uint8_t payloads[4 * WVT_PAYLOAD_BYTES_MAX];
    /* Wrapped keys of some of these payloads, all with KEKs of one length. */
    size_t wrapped_count, kek_len;
    uint8_t payload_of[WINDOW]; /* the payload of each wrapped key */
    uint8_t keks[WINDOW * WVT_KEK_BYTES_MAX];
    uint8_t wrapped[WINDOW * WVT_WRAPPED_KEY_BYTES];
    uint8_t keys[WINDOW * WVT_CONTENT_KEY_BYTES];
    uint8_t refused[WINDOW];
};

size_t wvt_issue_workspace_bytes(void) { return sizeof(struct wvt_issue_workspace); }

static uint8_t *content_key_of(struct wvt_issue_workspace *w, size_t payload)
{
    return w->payloads + w->offsets[payload] + WVT_CONTENT_KEY_AT;
}

static void add_wrapped_key(struct wvt_issue_workspace *w, const uint8_t *kek, size_t kek_len, const uint8_t *wrapped)
{
    w->kek_len = kek_len;
    wvt_copy(w->keks + w->wrapped_count * kek_len, kek, kek_len);
    memcpy(w->wrapped + w->wrapped_count * WVT_WRAPPED_KEY_BYTES, wrapped, WVT_WRAPPED_KEY_BYTES);
    w->payload_of[w->wrapped_count++] = (uint8_t)w->count;
}

/* Put the unwrapped keys into their payloads. A payload whose key does not unwrap is marked by the status of its item. */
static void unwrap_keys(struct wvt_issue_workspace *w, uint32_t lanes, uint8_t *status)
{
    const size_t n = w->wrapped_count;
    (void)wvt_unwrap(lanes, w->keks, n, w->kek_len, w->wrapped, WVT_CONTENT_KEY_BYTES, n, w->keys, w->refused);
    for (size_t i = 0; i < n; i++) {
        memcpy(content_key_of(w, w->payload_of[i]), w->keys + i * WVT_CONTENT_KEY_BYTES, WVT_CONTENT_KEY_BYTES);
        WVT_DECLASSIFY(&w->refused[i], sizeof w->refused[i]);
        if (w->refused[i] != WVT_OK) {
            status[w->items[w->payload_of[i]]] = WVT_HANDED_BACK;
        }
    }
    wvt_wipe(w->keks, n * w->kek_len);
    wvt_wipe(w->wrapped, n * WVT_WRAPPED_KEY_BYTES);
    wvt_wipe(w->keys, n * WVT_CONTENT_KEY_BYTES);
    w->wrapped_count = 0;
}

/* Remove the payloads whose items are handed back. */
static void remove_payloads(struct wvt_issue_workspace *w, const uint8_t *status)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->count; i++) {
        const uint32_t start = w->offsets[i], len = w->offsets[i + 1] - start, to = w->offsets[kept];
        if (status[w->items[i]] != WVT_OK) {
            continue;
        }
        for (uint32_t byte = 0; to < start && byte < len; byte++) {
            w->payloads[to + byte] = w->payloads[start + byte];
        }
        w->offsets[++kept] = to + len;
    }
    w->count = kept;
}

static size_t url_line_bytes(const struct wvt_issuer *issuer, size_t payload_bytes)
{
    return issuer->sealing.prefix_len + (4 * (payload_bytes + WVT_TOKEN_OVERHEAD) + 2) / 3 + 1;
}

/* The state of a call: the next nonce and the next byte of the output. */
struct progress {
    const uint8_t *nonces;
    uint8_t *out;
};

/* Seal all payloads that wait. */
static void seal_payloads(const struct wvt_issuer *issuer, const struct wvt_issue_buffers *buffers,
                          struct progress *progress)
{
    struct wvt_issue_workspace *w = buffers->workspace;
    const uint32_t used = w->offsets[w->count];
    if (w->wrapped_count) {
        unwrap_keys(w, issuer->lanes, buffers->status);
        remove_payloads(w, buffers->status);
    }
    (void)wvt_seal_tokens(issuer->lanes, &issuer->sealing, progress->nonces, w->payloads, w->offsets, w->count,
                          progress->out);
    for (size_t i = 0; i < w->count; i++) {
        progress->out += url_line_bytes(issuer, w->offsets[i + 1] - w->offsets[i]);
    }
    progress->nonces += w->count * WVT_NONCE_BYTES;
    wvt_wipe(w->payloads, used);
    w->count = 0;
}

/* A key of the request, or of the key storage. */
struct source {
    const uint8_t *bytes;
    size_t len;
};

/* The content key, or the wrapped key if the request has a KEK. The length is 0 if there is none. */
static struct source key_source(const struct wvt_request *request, const struct wvt_issue_buffers *buffers, size_t item)
{
    const struct source none = {NULL, 0};
    const size_t row = wvt_given(request, WVT_ROW_CONTENT_KEY) ? WVT_ROW_CONTENT_KEY : WVT_ROW_EK;
    if (wvt_given(request, row)) {
        const struct source own = {request->bytes + request->values[row].at, request->values[row].len};
        return own;
    }
    if (buffers->stored_keys) {
        const struct source stored = {buffers->stored_keys + item * WVT_WRAPPED_KEY_BYTES, buffers->stored_len[item]};
        return stored;
    }
    return none;
}

/* Add a parsed request to the payloads that wait. Return its status. */
static uint8_t add_request(const struct wvt_issue_buffers *buffers, const struct wvt_terms *terms, size_t item)
{
    struct wvt_issue_workspace *w = buffers->workspace;
    const struct wvt_request *request = &w->request;
    const struct wvt_value *kek = &request->values[WVT_ROW_KEK];
    const int has_kek = wvt_given(request, WVT_ROW_KEK);
    const struct source key = key_source(request, buffers, item);
    if (key.len == 0) {
        memcpy(buffers->kids + item * WVT_KID_BYTES, request->bytes + request->values[WVT_ROW_KID].at, WVT_KID_BYTES);
        return WVT_NEEDS_KEY;
    }
    if (key.len != (has_kek ? WVT_WRAPPED_KEY_BYTES : WVT_CONTENT_KEY_BYTES)) {
        return WVT_HANDED_BACK;
    }
    const uint32_t start = w->offsets[w->count];
    w->items[w->count] = item;
    w->offsets[w->count + 1] = start + (uint32_t)wvt_payload_bytes(request, terms);
    wvt_write_payload(request, terms, w->payloads + start);
    if (has_kek) {
        add_wrapped_key(w, request->bytes + kek->at, kek->len, key.bytes);
    } else {
        memcpy(content_key_of(w, w->count), key.bytes, WVT_CONTENT_KEY_BYTES);
    }
    w->count++;
    return WVT_OK;
}

/* Whether the payloads that wait have to be sealed before the parsed request can be added. */
static int must_seal_first(const struct wvt_issue_workspace *w)
{
    const struct wvt_request *request = &w->request;
    const int other_kek_len =
        wvt_given(request, WVT_ROW_KEK) && w->wrapped_count && request->values[WVT_ROW_KEK].len != w->kek_len;
    return w->count == WINDOW || w->offsets[w->count] > sizeof w->payloads - WVT_PAYLOAD_BYTES_MAX || other_kek_len;
}

/* wvt_issue, without wiping the stack and the registers. Not inlined: wvt_forget wipes the stack of this function. */
WVT_NOINLINE static int64_t issue(const struct wvt_issuer *issuer, const struct wvt_issue_buffers *buffers,
                                  const uint8_t *texts, const uint32_t *offsets, size_t n, struct progress progress,
                                  struct wvt_terms terms)
{
    struct wvt_issue_workspace *w = buffers->workspace;
    w->count = w->wrapped_count = 0;
    w->offsets[0] = 0;
    for (size_t i = 0; i < n; i++) {
        buffers->status[i] = WVT_HANDED_BACK;
        if (wvt_parse_request(texts + offsets[i], offsets[i + 1] - offsets[i], &w->request) &&
            !(issuer->forbids_unknown && w->request.ignored) &&
            wvt_find_expiry(&w->request, terms.issued_at, &terms.expires_at)) {
            if (must_seal_first(w)) {
                seal_payloads(issuer, buffers, &progress);
            }
            buffers->status[i] = add_request(buffers, &terms, i);
        }
        wvt_wipe_request(&w->request);
    }
    seal_payloads(issuer, buffers, &progress);
    return progress.out - buffers->out;
}

int64_t wvt_issue(const struct wvt_issuer *issuer, const struct wvt_issue_buffers *buffers, const uint8_t *texts,
                  const uint32_t *offsets, size_t n, const uint8_t *nonces, int64_t now, const uint8_t *customer,
                  size_t customer_len)
{
    const struct wvt_kernels *kernels = wvt_kernels_of(issuer->lanes);
    const struct wvt_terms terms = {now, 0, customer, customer_len};
    const struct progress progress = {nonces, buffers->out};
    if (!kernels || customer_len > WVT_CUSTOMER_MAX || now < 0 || now > WVT_TIME_MAX || n > UINT32_MAX ||
        issuer->sealing.prefix_len > WVT_PREFIX_MAX || issuer->sealing.audience_len > WVT_AUDIENCE_MAX ||
        !wvt_offsets_fit(offsets, n, UINT32_MAX)) {
        return -1;
    }
    if (n == 0) {
        return 0;
    }
    const int64_t written = issue(issuer, buffers, texts, offsets, n, progress, terms);
    wvt_forget(kernels);
    return written;
}

WVT_STATIC_ASSERT(values_are_enough, WVT_PARAMETERS <= WVT_VALUES_MAX);

uint32_t wvt_parse(const uint8_t *text, size_t len, struct wvt_issue_workspace *workspace, struct wvt_value *values,
                   uint8_t *out, uint32_t *out_len)
{
    struct wvt_request *request = &workspace->request;
    struct wvt_value *extensions = &request->values[WVT_ROW_WV_EXTENSION];
    uint32_t given = 0;
    if (len > WVT_PARSE_MAX) {
        return 0; /* the workspace is not initialized: there is nothing to wipe */
    }
    if (wvt_parse_request(text, len, request) && !request->ignored &&
        request->used + request->extension_bytes <= 2 * WVT_PARSE_MAX) {
        extensions->at = request->used;
        extensions->len = request->extension_bytes;
        memcpy(values, request->values, sizeof request->values);
        memcpy(out, request->bytes, request->used);
        memcpy(out + request->used, request->extensions, request->extension_bytes);
        *out_len = request->used + request->extension_bytes;
        given = request->given;
    }
    wvt_wipe_request(request);
    return given;
}
