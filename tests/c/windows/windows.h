/* windows.h - what csrc/ uses of the Windows SDK. */
#ifndef WINDOWS_WINDOWS_H
#define WINDOWS_WINDOWS_H

#define PF_ARM_V8_CRYPTO_INSTRUCTIONS_AVAILABLE 30

int __stdcall IsProcessorFeaturePresent(unsigned long feature);

#endif
