/* harness.h - what the C targets share: an input read byte by byte, memory of exactly the length that is asked for, and
 * an end with a message where something does not hold. */
#ifndef HARNESS_H
#define HARNESS_H

#include "wvtoken.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOLDS(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "does not hold: %s:%d: %s\n", __FILE__, __LINE__, #condition);                             \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

struct input {
    const uint8_t *at;
    size_t left;
    uint64_t random; /* what comes behind the input's end, and fills buffers */
};

static inline uint64_t next_random(struct input *in)
{
    in->random ^= in->random << 13;
    in->random ^= in->random >> 7;
    in->random ^= in->random << 17;
    return in->random;
}

static inline struct input input_of(const uint8_t *data, size_t size)
{
    struct input in = {data, size, 0x9e3779b97f4a7c15u};
    for (size_t i = 0; i < size; i++) {
        in.random = (in.random ^ data[i]) * 0x100000001b3u;
    }
    in.random |= 1;
    return in;
}

static inline uint8_t take(struct input *in)
{
    if (!in->left) {
        return 0;
    }
    in->left--;
    return *in->at++;
}

/* Lengths at the edges: of a word of key wrap, of a block, of one, two and four lanes of blocks, of a group of 64
 * characters, of a payload; and 8192, the longest payload of a token. */
static inline size_t edge(struct input *in)
{
    static const uint16_t edges[] = {0,    1,    2,    3,    4,    7,    8,    9,    15,   16,   17,   23,   24,
                                     25,   31,   32,   33,   40,   47,   48,   49,   54,   62,   63,   64,   65,
                                     66,   69,   79,   80,   81,   95,   96,   97,   111,  112,  113,  127,  128,
                                     129,  143,  144,  145,  191,  192,  193,  255,  256,  257,  511,  512,  513,
                                     1023, 1024, 1025, 4095, 4096, 4097, 8159, 8160, 8191, 8192, 8193, 10966};
    const uint8_t byte = take(in);
    return byte < 128 ? byte : edges[byte % (sizeof edges / sizeof *edges)];
}

/* How many items: up to a window of 64 and a little, and now and then beyond. */
static inline size_t count_of(struct input *in)
{
    const uint8_t byte = take(in);
    return byte < 250 ? byte % 70 : (size_t)byte - 250 + 126;
}

/* Of all items together, so that one run stays short. */
#define TOTAL_MAX ((size_t)48 * 1024)

/* Memory of exactly n bytes, so that a sanitizer sees the first byte beyond it, also when n is 0. */
struct held {
    void *blocks[128];
    size_t n;
};

static inline uint8_t *bytes(struct held *held, size_t n)
{
    uint8_t *p = malloc(n ? n : 1);
    HOLDS(p && held->n < sizeof held->blocks / sizeof *held->blocks);
    held->blocks[held->n++] = p;
    memset(p, 0xee, n ? n : 1);
    return n ? p : p + 1;
}

static inline uint8_t *filled(struct held *held, struct input *in, size_t n)
{
    uint8_t *p = bytes(held, n);
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)(next_random(in) >> 24);
    }
    return p;
}

static inline uint8_t *copied(struct held *held, const uint8_t *from, size_t n)
{
    uint8_t *p = bytes(held, n);
    memcpy(p, from, n);
    return p;
}

static inline uint32_t *lengths(struct held *held, size_t n)
{
    uint32_t *p = malloc(n ? n * sizeof *p : 1);
    HOLDS(p && held->n < sizeof held->blocks / sizeof *held->blocks);
    held->blocks[held->n++] = p;
    return p;
}

/* Lengths of n items as the input has them, a few in turn, of TOTAL_MAX together; their sum. */
static inline size_t take_lengths(struct input *in, uint32_t *len, size_t n)
{
    size_t given[8], of = 1 + take(in) % 8, sum = 0;
    for (size_t i = 0; i < of; i++) {
        given[i] = edge(in);
    }
    for (size_t i = 0; i < n; i++) {
        len[i] = (uint32_t)(sum + given[i % of] <= TOTAL_MAX ? given[i % of] : i % 3);
        sum += len[i];
    }
    return sum;
}

static inline void release(struct held *held)
{
    while (held->n) {
        free(held->blocks[--held->n]);
    }
}

static inline int all(const uint8_t *p, size_t n, uint8_t value)
{
    uint8_t differing = 0;
    for (size_t i = 0; i < n; i++) {
        differing |= p[i] ^ value;
    }
    return differing == 0;
}

/* The kinds of lanes that this CPU has, one after the other. */
#define EACH_LANES(lanes)                                                                                              \
    for (uint32_t supported_ = wvt_lanes_supported(), lanes = 1; lanes && lanes <= supported_; lanes <<= 1)            \
        if (supported_ & lanes)

static inline uint32_t first_lanes(void)
{
    const uint32_t supported = wvt_lanes_supported();
    HOLDS(supported); /* else nothing would be tested */
    return supported & (~supported + 1);
}

/* What is no one kind of lanes of this build. */
static inline uint32_t wrong_lanes(struct input *in)
{
    static const uint32_t wrong[] = {0, 3, 16, 0x80000000u, 0xffffffffu};
    return wrong[take(in) % 5];
}

#endif
