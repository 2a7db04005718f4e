/* wvtoken.h - batches of AES Key Wrap (RFC 3394) and AES-256-GCM-SIV (RFC 8452) on the CPU's own AES units.
 *
 * This header is the contract. All that holds for every function:
 *
 * - Pointer and length, never NUL. Items of a batch lie one after the other without gaps. A pointer to no bytes may be
 *   NULL for a prefix, an audience, an AAD and `out`, and for all when n is 0; for nothing else.
 * - `lanes` is one of the WVT_LANES_* values and says which code runs; every choice gives the same bytes. It must be in
 *   wvt_lanes_supported(), which the caller asks once: to ask the CPU anew in each call would cost more than the call.
 *   A value that is no lanes of this build returns -1; lanes that the CPU lacks end in an illegal instruction.
 * - There is no state: no global is written, so any number of threads may call.
 * - A length or `lanes` outside the contract returns -1 before anything but lengths is read, or anything is written.
 *   Otherwise the return value is the number of items that were refused; functions without `status` refuse none and
 *   return 0.
 * - `status[i]` is WVT_OK or says why item i was refused; the output of a refused item is all zeros. It is so when the
 *   function returns: while it runs, plaintexts that are not verified yet pass through `out`, which nobody else may
 *   read. A refused item does not touch its neighbours.
 * - `out` may not overlap an input. n may be 0.
 * - Keys, derived keys, schedules and plaintexts steer no branch and no address, nor does a verdict on them before the
 *   function returns. What was made of them on the stack is wiped by then. Nothing is allocated; 48 KiB of stack do.
 *   The last two hold for a build with optimization, which keeps in registers what has no business in memory.
 */
#ifndef WVTOKEN_H
#define WVTOKEN_H

#include <stddef.h>
#include <stdint.h>

#define WVT_LANES_AESNI 1u   /* x86-64, one item per instruction: AES-NI, PCLMULQDQ, SSSE3 */
#define WVT_LANES_VAES256 2u /* x86-64, two: VAES, VPCLMULQDQ, AVX2 */
#define WVT_LANES_VAES512 4u /* x86-64, four: VAES, VPCLMULQDQ, AVX-512 F, BW and VL */
#define WVT_LANES_ARMV8 8u   /* AArch64, one: AES, PMULL */

/* status[i] */
#define WVT_OK 0
#define WVT_REFUSED 1 /* forged, truncated, or not the one text of a token */
#define WVT_FOREIGN 2 /* a well-formed text whose header is another one: the caller may try another key */

#define WVT_KEY_BYTES 32u
#define WVT_NONCE_BYTES 12u
#define WVT_TAG_BYTES 16u
#define WVT_HEADER_BYTES 5u        /* version, key id */
#define WVT_AUDIENCE_MAX 64u       /* bytes */
#define WVT_MESSAGE_MAX (1u << 24) /* bytes of one message, of one key to wrap, of one AAD, and of the prefix */
#define WVT_TEXT_MAX 22369666u     /* characters of one text: of WVT_MESSAGE_MAX bytes and WVT_TOKEN_OVERHEAD */
#define WVT_MARK_BYTES 8u
#define WVT_TOKEN_OVERHEAD 33u  /* header, nonce and tag around the payload, before base64url */
#define WVT_OPENED_OVERHEAD 21u /* header and tag, which an opened token has lost */

/* The set (or) of lanes that this CPU and its operating system can run; 0: this engine cannot work here. Always the
 * same. */
uint32_t wvt_lanes_supported(void);

/* AES Key Wrap. keks: n keys of kek_len (16, 24, 32) bytes, or one for all when kek_count is 1; no other kek_count than
 * 1 and n. keys: n of key_len bytes, a multiple of 8, at least 16. out: n of key_len + 8 bytes.
 *
 * mark: NULL, or WVT_MARK_BYTES that stand between each two of the keks and each two of the keys; -1 if anything else
 * does. For callers that join items of any lengths: with a mark that nobody can foresee between them, and the right
 * length of the whole, they were all of the same length. */
int64_t wvt_wrap(uint32_t lanes, const uint8_t *mark, const uint8_t *keks, size_t kek_count, size_t kek_len,
                 const uint8_t *keys, size_t key_len, size_t n, uint8_t *out);

/* The way back. wrapped: n of key_len + 8 bytes; out: n of key_len bytes; status: n. */
int64_t wvt_unwrap(uint32_t lanes, const uint8_t *mark, const uint8_t *keks, size_t kek_count, size_t kek_len,
                   const uint8_t *wrapped, size_t key_len, size_t n, uint8_t *out, uint8_t *status);

/* AES-256-GCM-SIV under one key and one AAD, a nonce each. in: n messages, in_len[i] bytes each; out: the same with
 * WVT_TAG_BYTES more each. */
int64_t wvt_seal(uint32_t lanes, const uint8_t *key, const uint8_t *aad, size_t aad_len, const uint8_t *nonces,
                 const uint8_t *in, const uint32_t *in_len, size_t n, uint8_t *out);

/* The way back. in_len[i] counts the tag; item i takes max(in_len[i] - WVT_TAG_BYTES, 0) bytes of out. */
int64_t wvt_open(uint32_t lanes, const uint8_t *key, const uint8_t *aad, size_t aad_len, const uint8_t *nonces,
                 const uint8_t *in, const uint32_t *in_len, size_t n, uint8_t *out, uint8_t *status);

/* base64url without padding (RFC 4648). out: the texts, each followed by one line feed. */
int64_t wvt_base64url_encode(uint32_t lanes, const uint8_t *in, const uint32_t *in_len, size_t n, uint8_t *out);

/* The way back, strict: no padding, no other alphabet, no stray bits. Item i takes in_len[i] * 3 / 4 bytes of out. */
int64_t wvt_base64url_decode(uint32_t lanes, const uint8_t *in, const uint32_t *in_len, size_t n, uint8_t *out,
                             uint8_t *status);

/* Token texts from payloads, in one pass: prefix || base64url(header || nonce || AES-256-GCM-SIV(key, nonce, header ||
 * audience, payload)), each followed by one line feed. The prefix, as a URL has it before its token, may be empty. */
int64_t wvt_seal_tokens(uint32_t lanes, const uint8_t *prefix, size_t prefix_len, const uint8_t *key,
                        const uint8_t *header, const uint8_t *audience, size_t audience_len, const uint8_t *nonces,
                        const uint8_t *payloads, const uint32_t *payload_len, size_t n, uint8_t *out);

/* The way back. texts: n, text_len[i] bytes each. Item i takes max(text_len[i] * 3 / 4 - WVT_OPENED_OVERHEAD, 0) bytes
 * of out: nonce || payload. A text that decodes to another header is WVT_FOREIGN and costs no AES. */
int64_t wvt_open_tokens(uint32_t lanes, const uint8_t *key, const uint8_t *header, const uint8_t *audience,
                        size_t audience_len, const uint8_t *texts, const uint32_t *text_len, size_t n, uint8_t *out,
                        uint8_t *status);

/* Zeros that the compiler may not leave out, for the caller's own buffers. */
void wvt_wipe(void *p, size_t n);

#endif
