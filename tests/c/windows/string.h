/* string.h - what csrc/ uses of the C library. */
#ifndef WINDOWS_STRING_H
#define WINDOWS_STRING_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
