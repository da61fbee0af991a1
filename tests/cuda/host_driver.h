/* host_driver.h: what the files of the stand-in for libcuda share: failures, memory, work. */
#ifndef TESTS_CUDA_HOST_DRIVER_H
#define TESTS_CUDA_HOST_DRIVER_H

#include <cuda.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cuda/fibres.h"
#include "cuda/setting.h"

#undef cuEventElapsedTime /* the name that all drivers have */

/* --- failures ----------------------------------------------------------------------------------------------------- */

extern CUresult host_lasting; /* after it every call fails alike */
extern pid_t host_home;       /* who called cuInit: a child that it forks has no driver */
extern int host_captures;     /* under way */
extern int host_spoiled;      /* by an unsafe call */
extern struct host_calls {
    long kernels, graphs, most_nodes;
} host_calls; /* cuLaunchKernel outside of a capture, cuGraphLaunch, launches in a graph */

CUresult host_fail(CUresult error, const char *why);
/* What a call of the function returns before it does anything. */
CUresult host_trouble(const char *function);

#define TROUBLE                                                                                                        \
    do {                                                                                                               \
        CUresult trouble_now = host_home == getpid() ? host_trouble(__func__) : CUDA_ERROR_NOT_INITIALIZED;            \
        if (trouble_now) return trouble_now;                                                                           \
    } while (0)

#define UNSAFE                                                                                                         \
    do {                                                                                                               \
        if (host_captures) {                                                                                           \
            fprintf(stderr, "host_driver: %s while a step is captured\n", __func__);                                   \
            host_spoiled = 1;                                                                                          \
            return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;                                                              \
        }                                                                                                              \
    } while (0)

/* --- memory ------------------------------------------------------------------------------------------------------- */

size_t host_capacity(void);
/* Whether nothing wrote beside an allocation. */
CUresult host_canaries(void);

/* --- work --------------------------------------------------------------------------------------------------------- */

enum { MOST_ARGUMENTS = 128 };

typedef struct task {
    enum { LAUNCH, FILL, WRITE, READ, MARK, CALL } kind;
    void (*call)(const void *);
    CUfunction function;
    unsigned groups, threads;
    union {
        void *pointer;
        int number;
    } values[MOST_ARGUMENTS];
    void *to;
    const void *from;
    size_t bytes;
    struct CUevent_st *event;
} task;

typedef struct list {
    task *tasks;
    size_t n, room;
} list;

struct CUstream_st {
    list queue, recorded;
    bool capturing;
};
struct CUgraph_st {
    list steps;
};
struct CUgraphExec_st {
    list steps;
};
struct CUevent_st {
    double ms;
};

task *host_add(list *to);
/* A new task behind all others of the stream, or of the step that is captured. */
task *host_task(CUstream stream);

#endif
