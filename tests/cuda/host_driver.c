/* host_driver.c: libcuda for tests without a GPU: one device, whose work runs here, on the processor.
 *
 * What is enqueued runs when somebody waits for it, no sooner: a missing wait shows. New memory is full of NaN and has
 * canaries at both ends, looked at after all work. While a step is captured, calls that CUDA calls unsafe then (memory,
 * modules, waiting) are refused and spoil the capture. A child that is forked behind cuInit is refused all. A module is
 * a library of host_nvrtc.c. TEST_CUDA, words separated by commas: version=12040 the driver's; devices=0; memory=BYTES
 * it says it has; free=BYTES that can be had of them; capability=90; mode=3: exclusive; lost=N: launch N and all behind
 * it fail; order=N as in fibres.h; fail=FUNCTION:N:CODE: call N of the function, from 1, returns CODE, and so does
 * every call behind it where no context survives such an error, once=FILE but only until that file is there, which it
 * makes; calls=FILE: a line for each context, with what was asked of it. */
#include <cuda.h>
#include <dlfcn.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#undef cuEventElapsedTime /* the name that all drivers have */

#include "cuda/fibres.h"
#include "cuda/setting.h"

enum { CANARY = 256, MOST_ARGUMENTS = 128 };
static const unsigned char guard = 0xC5;

/* --- failures ----------------------------------------------------------------------------------------------------- */

static CUresult lasting; /* after it every call fails alike */
static long launches;
static struct {
    long kernels, graphs, most_nodes;
} calls; /* cuLaunchKernel outside of a capture, cuGraphLaunch, launches in a graph */

static CUresult fail_for_good(CUresult error, const char *why) {
    fprintf(stderr, "host_driver: %s\n", why);
    return lasting = error;
}

/* What a call of the function returns before it does anything. */
static CUresult trouble(const char *function) {
    static long n;
    const char *text = setting_text("TEST_CUDA", "fail");
    const size_t length = strlen(function);
    char *end;
    if (lasting || !text || strncmp(text, function, length) || text[length] != ':') return lasting;
    if (++n != strtol(text + length + 1, &end, 10)) return CUDA_SUCCESS;
    CUresult code = (CUresult)strtol(end + 1, NULL, 10);
    const char *once = setting_text("TEST_CUDA", "once"); /* over `text`, which is done with */
    FILE *mark = once ? fopen(once, "wx") : NULL;
    if (once && !mark) return CUDA_SUCCESS;
    if (mark) fclose(mark);
    bool sticky = code == CUDA_ERROR_ECC_UNCORRECTABLE || (code >= 700 && code < 720) || code == CUDA_ERROR_UNKNOWN;
    if (sticky) fail_for_good(code, "the device is lost, as asked for");
    return code;
}

static pid_t home; /* who called cuInit: a child that it forks has no driver */

#define TROUBLE                                                                                                        \
    do {                                                                                                               \
        CUresult trouble_now = home == getpid() ? trouble(__func__) : CUDA_ERROR_NOT_INITIALIZED;                      \
        if (trouble_now) return trouble_now;                                                                           \
    } while (0)

static int captures, spoiled; /* under way; by an unsafe call */

#define UNSAFE                                                                                                         \
    do {                                                                                                               \
        if (captures) {                                                                                                \
            fprintf(stderr, "host_driver: %s while a step is captured\n", __func__);                                   \
            spoiled = 1;                                                                                               \
            return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;                                                              \
        }                                                                                                              \
    } while (0)

/* --- memory ------------------------------------------------------------------------------------------------------- */

typedef struct block {
    unsigned char *whole; /* canary, bytes, canary */
    size_t bytes;
    struct block *next;
} block;
static block *blocks;
static size_t used;

static size_t capacity(void) {
    long given = setting("TEST_CUDA", "memory");
    return given >= 0 ? (size_t)given : (size_t)4 << 30;
}

static size_t unused(void) {
    long given = setting("TEST_CUDA", "free");
    size_t most = given >= 0 ? (size_t)given : capacity();
    return most > used ? most - used : 0;
}

static CUresult look_at_canaries(const block *b) {
    for (size_t i = 0; i < CANARY; i++)
        if (b->whole[i] != guard || b->whole[CANARY + b->bytes + i] != guard)
            return fail_for_good(CUDA_ERROR_ILLEGAL_ADDRESS, "something wrote beside an allocation");
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
    *total = capacity();
    *available = unused();
    return CUDA_SUCCESS;
}

/* --- modules ------------------------------------------------------------------------------------------------------ */

struct CUmod_st {
    void *library; /* NULL: of host_nvrtc's sources= */
};

struct CUfunc_st {
    void (*call)(void **);
    int sizes[MOST_ARGUMENTS], n;
    struct rb_host **host;
};

/* The end of a library's file: behind its table of sections. */
static size_t image_bytes(const void *image) {
    const Elf64_Ehdr *head = image;
    return head->e_shoff + (size_t)head->e_shnum * head->e_shentsize;
}

CUresult cuModuleLoadData(CUmodule *out, const void *image) {
    TROUBLE;
    UNSAFE;
    CUmodule module = calloc(1, sizeof *module);
    *out = module;
    if (strcmp(image, "nothing") == 0) return CUDA_SUCCESS;
    if (memcmp(image, ELFMAG, SELFMAG) != 0) return CUDA_ERROR_INVALID_IMAGE;
    char path[] = "/tmp/regbench-module-XXXXXX"; /* a new name each: dlopen goes by names */
    int file = mkstemp(path);
    if (file < 0 || write(file, image, image_bytes(image)) != (ssize_t)image_bytes(image))
        return CUDA_ERROR_INVALID_IMAGE;
    module->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!module->library) fprintf(stderr, "host_driver: %s\n", dlerror());
    unlink(path);
    close(file);
    return module->library ? CUDA_SUCCESS : CUDA_ERROR_INVALID_IMAGE;
}

CUresult cuModuleUnload(CUmodule module) {
    if (module->library) dlclose(module->library);
    free(module);
    return CUDA_SUCCESS;
}

CUresult cuModuleGetFunction(CUfunction *out, CUmodule module, const char *name) {
    char symbol[256];
    int (*sizes)(int *);
    static struct CUfunc_st nothing;
    *out = &nothing;
    if (!module->library) return CUDA_SUCCESS;
    CUfunction f = calloc(1, sizeof *f); /* lives as long as the process, like a driver's */
    snprintf(symbol, sizeof symbol, "rb_call_%s", name);
    *(void **)&f->call = dlsym(module->library, symbol);
    snprintf(symbol, sizeof symbol, "rb_sizes_%s", name);
    *(void **)&sizes = dlsym(module->library, symbol);
    f->host = dlsym(module->library, "rb_host_now");
    if (!f->call || !sizes || !f->host) {
        free(f);
        return CUDA_ERROR_NOT_FOUND;
    }
    f->n = sizes(f->sizes);
    *out = f;
    return CUDA_SUCCESS;
}

CUresult cuFuncGetAttribute(int *value, CUfunction_attribute which, CUfunction function) {
    (void)function;
    *value = which == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK ? MOST_FIBRES : 0;
    return CUDA_SUCCESS;
}

/* --- work --------------------------------------------------------------------------------------------------------- */

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

static task *add(list *to) {
    if (to->n == to->room)
        to->tasks = realloc(to->tasks, sizeof *to->tasks * (to->room = to->room ? 2 * to->room : 16));
    memset(&to->tasks[to->n], 0, sizeof *to->tasks);
    return &to->tasks[to->n++];
}

static task *enqueue(CUstream stream) { return add(stream->capturing ? &stream->recorded : &stream->queue); }

/* A kernel's launch or a library's. */
static CUresult count_launch(void) {
    const long lost = setting("TEST_CUDA", "lost");
    if (lost < 0 || ++launches < lost) return CUDA_SUCCESS;
    return fail_for_good(CUDA_ERROR_LAUNCH_FAILED, "the device is lost, as asked for");
}

static CUresult run_launch(task *t) {
    struct rb_host host = {0};
    void *places[MOST_ARGUMENTS];
    const long order = setting("TEST_CUDA", "order");
    if (!t->function->call) return CUDA_SUCCESS;
    CUresult error = count_launch();
    if (error) return error;
    for (int i = 0; i < t->function->n; i++) places[i] = &t->values[i];
    *t->function->host = &host;
    for (unsigned i = 0; i < t->groups; i++) {
        const unsigned number = order == 1 ? t->groups - 1 - i : i;
        if (!run_block(&host, t->function->call, places, (int)t->threads, number, order))
            return fail_for_good(CUDA_ERROR_LAUNCH_FAILED, "a thread ended while others wait at a barrier");
    }
    return CUDA_SUCCESS;
}

static CUresult run(task *t) {
    struct timespec now;
    switch (t->kind) {
    case LAUNCH:
        return run_launch(t);
    case FILL:
        memset(t->to, t->values[0].number, t->bytes);
        return CUDA_SUCCESS;
    case WRITE:
    case READ:
        memcpy(t->to, t->from, t->bytes);
        return CUDA_SUCCESS;
    case MARK:
        clock_gettime(CLOCK_MONOTONIC, &now);
        t->event->ms = (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
        return CUDA_SUCCESS;
    case CALL:
        if (count_launch()) return lasting;
        t->call(t->values);
        return CUDA_SUCCESS;
    }
    return CUDA_ERROR_INVALID_VALUE;
}

CUresult cuStreamSynchronize(CUstream stream) {
    TROUBLE;
    UNSAFE;
    for (size_t i = 0; i < stream->queue.n && !lasting; i++) {
        CUresult error = run(&stream->queue.tasks[i]);
        if (error != CUDA_SUCCESS) lasting = error;
    }
    stream->queue.n = 0;
    for (const block *b = blocks; b && !lasting; b = b->next) look_at_canaries(b);
    return lasting;
}

CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                        unsigned block_y, unsigned block_z, unsigned shared_bytes, CUstream stream, void **parameters,
                        void **extra) {
    TROUBLE;
    if (grid_x < 1 || grid_y * grid_z * block_y * block_z != 1 || block_x < 1 || block_x > MOST_FIBRES ||
        shared_bytes || extra)
        return CUDA_ERROR_INVALID_VALUE;
    task *t = enqueue(stream);
    calls.kernels += !stream->capturing;
    t->kind = LAUNCH;
    t->function = function, t->groups = grid_x, t->threads = block_x;
    for (int i = 0; i < function->n; i++) memcpy(&t->values[i], parameters[i], (size_t)function->sizes[i]);
    return CUDA_SUCCESS;
}

static CUresult copy(CUstream stream, int kind, void *to, const void *from, size_t bytes, int number) {
    if (lasting) return lasting;
    if (stream->capturing) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    task *t = enqueue(stream);
    t->kind = kind;
    t->to = to, t->from = from, t->bytes = bytes, t->values[0].number = number;
    return CUDA_SUCCESS;
}

CUresult cuMemsetD8Async(CUdeviceptr memory, unsigned char value, size_t bytes, CUstream stream) {
    TROUBLE;
    return copy(stream, FILL, (void *)memory, NULL, bytes, value);
}

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, CUstream stream) {
    TROUBLE;
    return copy(stream, WRITE, (void *)to, from, bytes, 0);
}

CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream stream) {
    TROUBLE;
    return copy(stream, READ, to, (const void *)from, bytes, 0);
}

/* --- for host_cublas.c and host_cudnn.c: host_work.h ---------------------------------------------------------------
 */

CUresult rb_host_enqueue(CUstream stream, void (*call)(const void *), const void *args, size_t bytes) {
    if (lasting) return lasting;
    task *t = enqueue(stream);
    if (bytes > sizeof t->values) return CUDA_ERROR_INVALID_VALUE;
    t->kind = CALL;
    t->call = call;
    memcpy(t->values, args, bytes);
    return CUDA_SUCCESS;
}

bool rb_host_holds(const void *at, size_t bytes) {
    const unsigned char *from = at;
    for (const block *b = blocks; b; b = b->next)
        if (from >= b->whole + CANARY && from + bytes <= b->whole + CANARY + b->bytes) return true;
    return false;
}

bool rb_host_capturing(CUstream stream) { return stream->capturing; }

/* --- streams, graphs, events -------------------------------------------------------------------------------------- */

CUresult cuStreamCreate(CUstream *stream, unsigned flags) {
    TROUBLE;
    (void)flags;
    return (*stream = calloc(1, sizeof **stream)) ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuStreamDestroy_v2(CUstream stream) {
    free(stream->queue.tasks);
    free(stream->recorded.tasks);
    free(stream);
    return CUDA_SUCCESS;
}

CUresult cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode) {
    TROUBLE;
    if (mode != CU_STREAM_CAPTURE_MODE_THREAD_LOCAL) return CUDA_ERROR_INVALID_VALUE; /* others may go on */
    captures++;
    stream->capturing = true;
    stream->recorded.n = 0;
    return CUDA_SUCCESS;
}

static void copy_list(list *to, const list *from) {
    memset(to, 0, sizeof *to);
    for (size_t i = 0; i < from->n; i++) *add(to) = from->tasks[i];
}

CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph) {
    stream->capturing = false;
    *graph = NULL;
    captures--;
    if (spoiled) {
        spoiled = 0;
        return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    }
    *graph = calloc(1, sizeof **graph);
    copy_list(&(*graph)->steps, &stream->recorded);
    return lasting;
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec *out, CUgraph graph, unsigned long long flags) {
    TROUBLE;
    if (flags) return CUDA_ERROR_INVALID_VALUE;
    *out = calloc(1, sizeof **out);
    copy_list(&(*out)->steps, &graph->steps);
    return CUDA_SUCCESS;
}

CUresult cuGraphUpload(CUgraphExec graph, CUstream stream) {
    TROUBLE;
    return graph && !stream->capturing ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuGraphLaunch(CUgraphExec graph, CUstream stream) {
    TROUBLE;
    calls.graphs++;
    if ((long)graph->steps.n > calls.most_nodes) calls.most_nodes = (long)graph->steps.n;
    for (size_t i = 0; i < graph->steps.n; i++) *enqueue(stream) = graph->steps.tasks[i];
    return CUDA_SUCCESS;
}

CUresult cuGraphDestroy(CUgraph graph) {
    free(graph->steps.tasks);
    free(graph);
    return CUDA_SUCCESS;
}

CUresult cuGraphExecDestroy(CUgraphExec graph) {
    free(graph->steps.tasks);
    free(graph);
    return CUDA_SUCCESS;
}

CUresult cuEventCreate(CUevent *event, unsigned flags) {
    TROUBLE;
    (void)flags;
    return (*event = calloc(1, sizeof **event)) ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuEventDestroy_v2(CUevent event) {
    free(event);
    return CUDA_SUCCESS;
}

CUresult cuEventRecord(CUevent event, CUstream stream) {
    TROUBLE;
    task *t = enqueue(stream);
    t->kind = MARK;
    t->event = event;
    return CUDA_SUCCESS;
}

CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end) {
    *milliseconds = (float)(end->ms - start->ms);
    return CUDA_SUCCESS;
}

/* --- the device --------------------------------------------------------------------------------------------------- */

CUresult cuInit(unsigned flags) {
    if (!home) home = getpid();
    TROUBLE;
    if (flags) return CUDA_ERROR_INVALID_VALUE;
    return setting("TEST_CUDA", "devices") == 0 ? CUDA_ERROR_NO_DEVICE : CUDA_SUCCESS;
}

CUresult cuDriverGetVersion(int *version) {
    long given = setting("TEST_CUDA", "version");
    *version = given >= 0 ? (int)given : 13000;
    return CUDA_SUCCESS;
}

CUresult cuGetErrorName(CUresult error, const char **name) {
    *name = error == CUDA_ERROR_LAUNCH_FAILED       ? "CUDA_ERROR_LAUNCH_FAILED"
            : error == CUDA_ERROR_OUT_OF_MEMORY     ? "CUDA_ERROR_OUT_OF_MEMORY"
            : error == CUDA_ERROR_ILLEGAL_ADDRESS   ? "CUDA_ERROR_ILLEGAL_ADDRESS"
            : error == CUDA_ERROR_ECC_UNCORRECTABLE ? "CUDA_ERROR_ECC_UNCORRECTABLE"
                                                    : "CUDA_ERROR_UNKNOWN";
    return CUDA_SUCCESS;
}

CUresult cuGetErrorString(CUresult error, const char **text) {
    (void)error;
    *text = "as the stand-in for the driver says";
    return CUDA_SUCCESS;
}

CUresult cuDeviceGetCount(int *n) {
    *n = 1;
    return CUDA_SUCCESS;
}

CUresult cuDeviceGet(CUdevice *device, int ordinal) {
    *device = ordinal;
    return ordinal == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

CUresult cuDeviceGetName(char *name, int size, CUdevice device) {
    (void)device;
    snprintf(name, (size_t)size, "host processor as a CUDA device");
    return CUDA_SUCCESS;
}

CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
    (void)device;
    *bytes = capacity();
    return CUDA_SUCCESS;
}

CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute which, CUdevice device) {
    (void)device;
    long capability = setting("TEST_CUDA", "capability"), mode = setting("TEST_CUDA", "mode");
    if (capability < 0) capability = 90;
    *value = which == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR      ? (int)capability / 10
             : which == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR    ? (int)capability % 10
             : which == CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK       ? MOST_FIBRES
             : which == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT        ? 4
             : which == CU_DEVICE_ATTRIBUTE_COMPUTE_MODE                ? (int)(mode > 0 ? mode : 0)
             : which == CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK ? 48 << 10
                                                                        : 0;
    return CUDA_SUCCESS;
}

CUresult cuDeviceGetPCIBusId(char *id, int size, CUdevice device) {
    (void)device;
    snprintf(id, (size_t)size, "0000:01:00.0");
    return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
    TROUBLE;
    (void)device;
    *context = (CUcontext)&blocks;
    return lasting;
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
    const char *path = setting_text("TEST_CUDA", "calls");
    FILE *file = path ? fopen(path, "a") : NULL;
    (void)device;
    if (file) {
        fprintf(file, "kernels=%ld graphs=%ld most_nodes=%ld\n", calls.kernels, calls.graphs, calls.most_nodes);
        fclose(file);
    }
    return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) {
    (void)device;
    lasting = CUDA_SUCCESS;
    return CUDA_SUCCESS;
}

CUresult cuCtxSetCurrent(CUcontext context) {
    return context == (CUcontext)&blocks ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
}
