/* intrin.h - what csrc/ uses of MSVC's. */
#ifndef MSVC_INTRIN_H
#define MSVC_INTRIN_H

#include <immintrin.h>

void __cpuidex(int *words, int leaf, int subleaf);
unsigned __int64 _xgetbv(unsigned int index);

#endif
