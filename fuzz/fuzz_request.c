/* fuzz_request.c - requests to URLs (wvt_issue) and back (wvt_redeem), and payloads (wvt_read_payload).
 *
 * The first byte selects the target and the options, the rest is the text. Each buffer has exactly the length of the
 * contract, so that AddressSanitizer finds any access beyond it. */
#include "harness.h"
#include "payload.h"

static const uint8_t key[WVT_SEALING_KEY_BYTES] = {1}, header[WVT_HEADER_BYTES] = {1, 0, 0, 0, 7};
static const uint8_t nonces[2 * WVT_NONCE_BYTES] = {3}, prefix[] = "https://example.com/?ExpressPlayToken=";
enum { PREFIX = sizeof prefix - 1, NOW = 1800000000 };

static uint32_t any_lanes(void)
{
    const uint32_t supported = wvt_lanes_supported();
    return supported & (0 - supported);
}

/* Opens the URL of an accepted request. */
static void check_url(struct held *held, const uint8_t *url, size_t len, size_t customer_len)
{
    const struct wvt_opening opening = {header, key, NULL, 1, 0};
    const uint32_t offsets[2] = {0, (uint32_t)len};
    uint32_t places[2], token_offsets[2];
    uint8_t status[1];
    struct wvt_layout layout;
    const struct wvt_redeem_buffers buffers = {
        bytes(held, len), token_offsets, bytes(held, len * 3 / 4 + WVT_OPEN_SLACK), places, status, &layout};
    HOLDS(wvt_redeem(any_lanes(), &opening, url, offsets, 1, &buffers) == 0);
    HOLDS(status[0] == WVT_OK && layout.customer.end - layout.customer.start == customer_len);
}

static void fuzz_issue(struct held *held, const uint8_t *data, size_t size, uint8_t options)
{
    const size_t customer_len = options & 2 ? WVT_CUSTOMER_MAX : 0;
    const struct wvt_issuer issuer = {{key, header, NULL, prefix, 0, PREFIX}, any_lanes(), options & 4};
    const uint32_t offsets[3] = {0, (uint32_t)(size / 2 * (options >> 3 & 1)), (uint32_t)size};
    const size_t room = 2 * (size_t)(PREFIX + WVT_URL_BYTES) + size * 4 / 3 + 4;
    uint8_t stored_len[2] = {options & 16 ? 16 : 24, 0};
    uint8_t *customer = bytes(held, customer_len), *status = bytes(held, 2), *out = bytes(held, room);
    memset(customer, 'c', customer_len);
    const struct wvt_issue_buffers buffers = {
        (struct wvt_issue_workspace *)(void *)bytes(held, wvt_issue_workspace_bytes()),
        options & 32 ? bytes(held, 2 * WVT_WRAPPED_KEY_BYTES) : NULL,
        stored_len,
        out,
        status,
        bytes(held, 2 * WVT_KID_BYTES)};
    const uint8_t *text = copied(held, data, size);
    const int64_t written = wvt_issue(&issuer, &buffers, text, offsets, 2, nonces, NOW, customer, customer_len);
    HOLDS(written >= 0 && (size_t)written <= room);
    const uint8_t *url = out;
    for (size_t i = 0; i < 2; i++) {
        HOLDS(status[i] == WVT_OK || status[i] == WVT_HANDED_BACK || status[i] == WVT_NEEDS_KEY);
        if (status[i] == WVT_OK) {
            const uint8_t *end = memchr(url, '\n', (size_t)(out + written - url));
            HOLDS(end);
            check_url(held, url, (size_t)(end - url), customer_len);
            url = end + 1;
        }
    }
    HOLDS(url == out + written);
}

static void fuzz_payload(struct held *held, const uint8_t *data, size_t size)
{
    struct wvt_layout layout;
    if (wvt_read_payload(copied(held, data, size), 0, (uint32_t)size, &layout)) {
        HOLDS(size <= WVT_PAYLOAD_BYTES_MAX && size >= WVT_PAYLOAD_FIXED_BYTES);
        HOLDS(layout.extensions.end <= size);
        HOLDS(layout.cookie.end <= size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct held held = {.n = 0};
    if (size && any_lanes()) {
        if (data[0] & 1) {
            fuzz_payload(&held, data + 1, size - 1);
        } else {
            fuzz_issue(&held, data + 1, size - 1, data[0]);
        }
        release(&held);
    }
    return 0;
}
