/* sha1.h - SHA-1 (FIPS 180-4), for the KID of `kid=^name`. Not for anything that needs collision resistance. */
#ifndef WVT_SHA1_H
#define WVT_SHA1_H

#include <stddef.h>
#include <stdint.h>

#define WVT_SHA1_BYTES 20u

void wvt_sha1(const uint8_t *message, size_t len, uint8_t digest[WVT_SHA1_BYTES]);

#endif
