/* fibres.h: a block's threads for host_work.c: as many fibres as the block has threads, which stop at barriers. */
#ifndef TESTS_CUDA_FIBRES_H
#define TESTS_CUDA_FIBRES_H

#include <stdbool.h>

/* As tests/cuda/kernels.h has it. */
struct rb_host {
    struct {
        unsigned x;
    } thread, block;
    void (*barrier)(void);
};

enum { MOST_FIBRES = 1024 };

/* Runs a block: call(parameters) once per thread, with *host telling it which it is. Threads go from barrier to barrier
 * in an order that TEST_CUDA's order= says: 0 rising, 1 falling, other numbers: shuffled anew at every barrier. False:
 * a thread ended while others wait at a barrier. */
bool run_block(struct rb_host *host, void (*call)(void **), void **parameters, int threads, unsigned block, long order);

#endif
