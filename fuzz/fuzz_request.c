/* fuzz_request.c - requests to URLs (wvt_issue) and back (wvt_redeem), payloads (wvt_read_payload), texts (wvt_redeem).
 *
 * The first byte selects the target and the options, the rest is the text. Each buffer has exactly the length of the
 * contract, so that AddressSanitizer finds any access beyond it. */
#include "harness.h"
#include "payload.h"

static const uint8_t key[WVT_SEALING_KEY_BYTES] = {1}, header[WVT_HEADER_BYTES] = {1, 0, 0, 0, 7};
static const uint8_t nonces[2 * WVT_NONCE_BYTES] = {3}, prefix[] = "https://example.com/?ExpressPlayToken=";
enum { PREFIX = sizeof prefix - 1, NOW = 1800000000 };

struct opened {
    uint8_t status;
    struct wvt_contents contents;
};

/* Seals the contents of a token again. The result must be the same token. */
static void seal_again(struct held *held, const struct wvt_contents *c, const uint8_t *text, size_t len)
{
    const struct wvt_sealing sealing = {key, header, NULL, NULL, 0, 0};
    const size_t ends = c->extensions * sizeof *c->ends, types = c->extensions * WVT_EXTENSION_TYPE_BYTES;
    uint8_t *memory = bytes(held, WVT_RECORD_BYTES + c->texts_bytes + types + c->payloads_bytes + ends);
    uint8_t *out = bytes(held, len + 1);
    uint32_t offsets[2];
    const int64_t written = wvt_seal_contents(first_lanes(), &sealing, c->records, c, memory, offsets, out);
    HOLDS(written > 0 && (size_t)written <= len + 1 && all(memory, offsets[1], 0));
    HOLDS(memcmp(text + len + 1 - written, out, (size_t)written - 1) == 0);
}

static struct opened redeem(struct held *held, uint32_t lanes, const uint8_t *text, size_t len)
{
    const struct wvt_opening opening = {header, key, NULL, 1, 0};
    const uint32_t offsets[2] = {0, (uint32_t)len};
    const size_t room = len * 3 / 4 + WVT_OPEN_SLACK;
    uint32_t places[2], token_offsets[2];
    uint8_t *out = bytes(held, room);
    struct opened opened = {0,
                            {bytes(held, room), bytes(held, room), bytes(held, room), bytes(held, room),
                             (uint32_t *)(void *)bytes(held, room), 0, 0, 0, 0}};
    const struct wvt_redeem_buffers buffers = {bytes(held, len), token_offsets,  out,
                                               places,           &opened.status, &opened.contents};
    const int64_t refused = wvt_redeem(lanes, &opening, copied(held, text, len), offsets, 1, &buffers);
    HOLDS(refused == (opened.status != WVT_OK) && opened.status <= WVT_HANDED_BACK && places[1] <= len * 3 / 4);
    HOLDS(all(out, places[1], 0) && opened.contents.count == (opened.status == WVT_OK));
    if (opened.status == WVT_OK) {
        seal_again(held, &opened.contents, text, len);
    }
    return opened;
}

/* Opens the URL of an accepted request. Its payload must be the one of the request. Returns the content key. */
static const uint8_t *check_url(struct held *held, const uint8_t *url, size_t len, const uint8_t *text, size_t text_len,
                                const uint8_t *customer, size_t customer_len)
{
    static struct wvt_request request;
    const struct wvt_sealing sealing = {key, header, NULL, prefix, 0, PREFIX};
    const struct opened opened = redeem(held, first_lanes(), url, len);
    const uint8_t *content_key = opened.contents.records + WVT_NONCE_BYTES + WVT_CONTENT_KEY_AT;
    struct wvt_terms terms = {NOW, 0, customer, customer_len};
    HOLDS(opened.status == WVT_OK);
    HOLDS(wvt_parse_request(text, text_len, &request) && wvt_find_expiry(&request, NOW, &terms.expires_at));
    const uint32_t offsets[2] = {0, (uint32_t)wvt_payload_bytes(&request, &terms)};
    uint8_t *payload = bytes(held, offsets[1]), *again = bytes(held, len + 1);
    wvt_write_payload(&request, &terms, payload);
    memcpy(payload + WVT_CONTENT_KEY_AT, content_key, WVT_CONTENT_KEY_BYTES);
    HOLDS(wvt_seal_tokens(first_lanes(), &sealing, opened.contents.records, payload, offsets, 1, again) ==
          (int64_t)len + 1);
    HOLDS(memcmp(again, url, len) == 0);
    return content_key;
}

static void check_is_wiped(const uint8_t *workspace, const uint8_t *secret)
{
    if (!memchr(secret, 0, WVT_CONTENT_KEY_BYTES) && !memchr(secret, 0xee, WVT_CONTENT_KEY_BYTES)) {
        for (size_t i = 0; i + WVT_CONTENT_KEY_BYTES <= wvt_issue_workspace_bytes(); i++) {
            HOLDS(workspace[i] != secret[0] || memcmp(workspace + i, secret, WVT_CONTENT_KEY_BYTES) != 0);
        }
    }
}

static void fuzz_parse(struct held *held, const uint8_t *text, size_t size)
{
    struct wvt_value *values = (struct wvt_value *)(void *)bytes(held, WVT_VALUES_MAX * sizeof *values);
    uint8_t *workspace = bytes(held, wvt_issue_workspace_bytes()), *out = bytes(held, (size_t)2 * WVT_PARSE_MAX);
    uint32_t out_len = 0;
    const uint32_t given =
        wvt_parse(text, size, (struct wvt_issue_workspace *)(void *)workspace, values, out, &out_len);
    HOLDS(given >> WVT_PARAMETERS == 0 && out_len <= 2 * WVT_PARSE_MAX);
    for (size_t row = 0; row < WVT_PARAMETERS; row++) {
        HOLDS(!(given >> row & 1) || row == WVT_ROW_EXPIRATION_TIME || values[row].at + values[row].len <= out_len);
    }
}

/* The second half of the text is a request of its own with option 8. */
static void fuzz_issue(struct held *held, const uint8_t *data, size_t size, uint8_t options)
{
    const size_t customer_len = options & 2 ? WVT_CUSTOMER_MAX : 0;
    const uint32_t offsets[3] = {0, (uint32_t)(size / 2 * (options >> 3 & 1)), (uint32_t)size};
    const size_t room = 2 * (size_t)(PREFIX + WVT_URL_BYTES) + size * 4 / 3;
    const uint8_t stored_len[2] = {options & 16 ? 16 : 24, 0}, *text = copied(held, data, size), *before = NULL;
    uint8_t *customer = bytes(held, customer_len);
    memset(customer, 'c', customer_len);
    fuzz_parse(held, text, size);
    EACH_LANES(lanes)
    {
        const struct wvt_issuer issuer = {{key, header, NULL, prefix, 0, PREFIX}, lanes, options & 4};
        uint8_t *workspace = bytes(held, wvt_issue_workspace_bytes()), *out = bytes(held, room);
        uint8_t *status = bytes(held, 2), *stored = options & 32 ? bytes(held, 2 * WVT_WRAPPED_KEY_BYTES) : NULL;
        const struct wvt_issue_buffers buffers = {(struct wvt_issue_workspace *)(void *)workspace,
                                                  stored,
                                                  stored_len,
                                                  out,
                                                  status,
                                                  bytes(held, 2 * WVT_KID_BYTES)};
        const int64_t written = wvt_issue(&issuer, &buffers, text, offsets, 2, nonces, NOW, customer, customer_len);
        const uint8_t *url = out;
        HOLDS(written >= 0 && (size_t)written <= room);
        HOLDS(!before || memcmp(before, out, (size_t)written) == 0);
        before = out;
        for (size_t i = 0; i < 2; i++) {
            HOLDS(status[i] == WVT_OK || status[i] == WVT_HANDED_BACK || status[i] == WVT_NEEDS_KEY);
            if (status[i] == WVT_OK) {
                const uint8_t *end = memchr(url, '\n', (size_t)(out + written - url));
                HOLDS(end);
                const uint8_t *content_key = check_url(held, url, (size_t)(end - url), text + offsets[i],
                                                       offsets[i + 1] - offsets[i], customer, customer_len);
                if (options & 64) {
                    check_is_wiped(workspace, content_key);
                }
                url = end + 1;
            }
        }
        HOLDS(url == out + written);
    }
}

/* A payload is accepted if and only if its token is. */
static void fuzz_payload(struct held *held, const uint8_t *data, size_t size)
{
    const struct wvt_sealing sealing = {key, header, NULL, prefix, 0, PREFIX};
    const uint32_t offsets[2] = {0, (uint32_t)size};
    const size_t url_len = PREFIX + (4 * (size + WVT_TOKEN_OVERHEAD) + 2) / 3;
    uint8_t *url = bytes(held, url_len + 1);
    const uint8_t *payload = copied(held, data, size);
    struct wvt_layout layout;
    const int accepted = wvt_read_payload(payload, 0, (uint32_t)size, &layout);
    const int64_t written = wvt_seal_tokens(first_lanes(), &sealing, nonces, payload, offsets, 1, url);
    HOLDS(written == (int64_t)url_len + 1);
    const struct opened opened = redeem(held, first_lanes(), url, url_len);
    HOLDS(opened.status == (accepted ? WVT_OK : WVT_HANDED_BACK));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct held held = {.n = 0};
    if (size) {
        if (!(data[0] & 1)) {
            fuzz_issue(&held, data + 1, size - 1, data[0]);
        } else if (data[0] & 2) {
            fuzz_payload(&held, data + 1, size - 1);
        } else {
            redeem(&held, first_lanes(), data + 1, size - 1);
        }
        release(&held);
    }
    return 0;
}
