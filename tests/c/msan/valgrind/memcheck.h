/* memcheck.h - the macros of valgrind that test_constant_time.c uses, for MemorySanitizer. It reports branches and
 * addresses that depend on uninitialized memory, as valgrind does, and runs every instruction that the CPU has. */
#include <sanitizer/msan_interface.h>

#define RUNNING_ON_VALGRIND 1
#define VALGRIND_MAKE_MEM_UNDEFINED(p, n) __msan_allocated_memory(p, n)
#define VALGRIND_MAKE_MEM_DEFINED(p, n) __msan_unpoison(p, n)
#define VALGRIND_GET_VBITS(p, bits, n)                                                                                 \
    do {                                                                                                               \
        for (size_t at_ = 0; at_ < (n); at_++) {                                                                       \
            (bits)[at_] = __msan_test_shadow((p) + at_, 1) >= 0;                                                       \
        }                                                                                                              \
    } while (0)
