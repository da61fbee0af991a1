/* host_work.c: modules and work of the stand-in for libcuda: what is enqueued runs when somebody waits for it. */
#include <dlfcn.h>
#include <elf.h>
#include <time.h>

#include "cuda/host_driver.h"

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

task *host_add(list *to) {
    if (to->n == to->room)
        to->tasks = realloc(to->tasks, sizeof *to->tasks * (to->room = to->room ? 2 * to->room : 16));
    memset(&to->tasks[to->n], 0, sizeof *to->tasks);
    return &to->tasks[to->n++];
}

task *host_task(CUstream stream) { return host_add(stream->capturing ? &stream->recorded : &stream->queue); }

/* A kernel's launch or a library's. */
static CUresult count_launch(void) {
    static long launches;
    const long lost = setting("TEST_CUDA", "lost");
    if (lost < 0 || ++launches < lost) return CUDA_SUCCESS;
    return host_fail(CUDA_ERROR_LAUNCH_FAILED, "the device is lost, as asked for");
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
            return host_fail(CUDA_ERROR_LAUNCH_FAILED, "a thread ended while others wait at a barrier");
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
        if (count_launch()) return host_lasting;
        t->call(t->values);
        return CUDA_SUCCESS;
    }
    return CUDA_ERROR_INVALID_VALUE;
}

CUresult cuStreamSynchronize(CUstream stream) {
    TROUBLE;
    UNSAFE;
    for (size_t i = 0; i < stream->queue.n && !host_lasting; i++) {
        CUresult error = run(&stream->queue.tasks[i]);
        if (error != CUDA_SUCCESS) host_lasting = error;
    }
    stream->queue.n = 0;
    return host_canaries();
}

CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                        unsigned block_y, unsigned block_z, unsigned shared_bytes, CUstream stream, void **parameters,
                        void **extra) {
    TROUBLE;
    if (grid_x < 1 || grid_y * grid_z * block_y * block_z != 1 || block_x < 1 || block_x > MOST_FIBRES ||
        shared_bytes || extra)
        return CUDA_ERROR_INVALID_VALUE;
    task *t = host_task(stream);
    host_calls.kernels += !stream->capturing;
    t->kind = LAUNCH;
    t->function = function, t->groups = grid_x, t->threads = block_x;
    for (int i = 0; i < function->n; i++) memcpy(&t->values[i], parameters[i], (size_t)function->sizes[i]);
    return CUDA_SUCCESS;
}

static CUresult copy(CUstream stream, int kind, void *to, const void *from, size_t bytes, int number) {
    if (host_lasting) return host_lasting;
    if (stream->capturing) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    task *t = host_task(stream);
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
    if (host_lasting) return host_lasting;
    task *t = host_task(stream);
    if (bytes > sizeof t->values) return CUDA_ERROR_INVALID_VALUE;
    t->kind = CALL;
    t->call = call;
    memcpy(t->values, args, bytes);
    return CUDA_SUCCESS;
}

bool rb_host_capturing(CUstream stream) { return stream->capturing; }
