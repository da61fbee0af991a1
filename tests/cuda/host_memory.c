/* host_memory.c: memory of the stand-in for libcuda: full of NaN, with canaries at both ends of each allocation. */
#include "cuda/host_driver.h"

enum { CANARY = 256 };
static const unsigned char guard = 0xC5;

typedef struct block {
    unsigned char *whole; /* canary, bytes, canary */
    size_t bytes;
    struct block *next;
} block;
static block *blocks;
static size_t used;

size_t host_capacity(void) {
    long given = setting("TEST_CUDA", "memory");
    return given >= 0 ? (size_t)given : (size_t)4 << 30;
}

static size_t unused(void) {
    long given = setting("TEST_CUDA", "free");
    size_t most = given >= 0 ? (size_t)given : host_capacity();
    return most > used ? most - used : 0;
}

static CUresult look_at_canaries(const block *b) {
    for (size_t i = 0; i < CANARY; i++)
        if (b->whole[i] != guard || b->whole[CANARY + b->bytes + i] != guard)
            return host_fail(CUDA_ERROR_ILLEGAL_ADDRESS, "something wrote beside an allocation");
    return CUDA_SUCCESS;
}

CUresult cuMemAlloc_v2(CUdeviceptr *out, size_t bytes) {
    TROUBLE;
    UNSAFE;
    if (bytes > unused()) return CUDA_ERROR_OUT_OF_MEMORY;
    block *b = calloc(1, sizeof *b);
    if (!b || !(b->whole = aligned_alloc(256, (bytes + 2 * CANARY + 255) / 256 * 256))) return CUDA_ERROR_OUT_OF_MEMORY;
    b->bytes = bytes;
    b->next = blocks;
    blocks = b;
    used += bytes;
    memset(b->whole, guard, bytes + 2 * CANARY);
    memset(b->whole + CANARY, 0xFF, bytes);
    *out = (CUdeviceptr)(b->whole + CANARY);
    return CUDA_SUCCESS;
}

CUresult cuMemFree_v2(CUdeviceptr memory) {
    UNSAFE;
    for (block **at = &blocks; *at; at = &(*at)->next) {
        block *b = *at;
        if ((CUdeviceptr)(b->whole + CANARY) != memory) continue;
        CUresult error = look_at_canaries(b);
        *at = b->next;
        used -= b->bytes;
        free(b->whole);
        free(b);
        return error;
    }
    return CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemGetInfo_v2(size_t *available, size_t *total) {
    *total = host_capacity();
    *available = unused();
    return CUDA_SUCCESS;
}

CUresult host_canaries(void) {
    for (const block *b = blocks; b && !host_lasting; b = b->next) look_at_canaries(b);
    return host_lasting;
}

/* For host_work.h. */
bool rb_host_holds(const void *at, size_t bytes) {
    const unsigned char *from = at;
    for (const block *b = blocks; b; b = b->next)
        if (from >= b->whole + CANARY && from + bytes <= b->whole + CANARY + b->bytes) return true;
    return false;
}
