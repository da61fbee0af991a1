/* host_work.h: what the libraries that stand in for cuBLAS and cuDNN ask of the one that stands in for the driver. */
#ifndef TESTS_CUDA_HOST_WORK_H
#define TESTS_CUDA_HOST_WORK_H

#include <cuda.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Work in order with all else on a stream; `args` are copied. */
typedef CUresult (*host_enqueue)(CUstream stream, void (*call)(const void *args), const void *args, size_t bytes);
/* These bytes lie in one allocation. */
typedef bool (*host_holds)(const void *at, size_t bytes);
typedef bool (*host_capturing)(CUstream stream);

/* The driver that this process has open. */
static inline void *host_symbol(const char *name) {
    void *driver = dlopen(getenv("REGBENCH_CUDA_LIBRARY"), RTLD_NOW | RTLD_NOLOAD);
    void *symbol = driver ? dlsym(driver, name) : NULL;
    if (!symbol) {
        fprintf(stderr, "the stand-in for the driver is not open or has no %s\n", name);
        abort();
    }
    return symbol;
}

static inline bool holds(const void *at, size_t bytes) { return ((host_holds)host_symbol("rb_host_holds"))(at, bytes); }

static inline CUresult enqueue(void *stream, void (*call)(const void *), const void *args, size_t bytes) {
    return ((host_enqueue)host_symbol("rb_host_enqueue"))(stream, call, args, bytes);
}

static inline bool capturing(void *stream) { return ((host_capturing)host_symbol("rb_host_capturing"))(stream); }

/* An operand as tensor cores take it: 10 bits of mantissa, rounded to the nearest, or cut off (`TEST_TF32=cut`). */
static inline float to_tf32(float x) {
    static int cut = -1;
    uint32_t bits;
    if (cut < 0) cut = getenv("TEST_TF32") && strcmp(getenv("TEST_TF32"), "cut") == 0;
    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7F800000u) == 0x7F800000u) return x;
    bits = (cut ? bits : bits + 0x1000u) & ~0x1FFFu;
    memcpy(&x, &bits, sizeof bits);
    return x;
}

/* bf16 as the libraries read and write it: the upper half of a float, rounded to the nearest, ties to even. Written
 * otherwise than in cl/library.cl. */
static inline float of_bf16(uint16_t word) {
    const uint32_t bits = (uint32_t)word << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint16_t to_bf16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint32_t rest = bits & 0xFFFFu;
    uint16_t word = (uint16_t)(bits >> 16);
    if (x != x) return (uint16_t)(word | 0x40u);
    if (rest > 0x8000u || (rest == 0x8000u && word % 2)) word++; /* into infinity, too */
    return word;
}

#endif
