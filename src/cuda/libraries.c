/* libraries.c: NVIDIA's driver and compiler, opened when a device is first asked for, and checked against each other.
 *
 * REGBENCH_CUDA_LIBRARY and REGBENCH_NVRTC_LIBRARY name other files, for tests. Libraries are never closed: they keep
 * threads and exit handlers. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "cuda/cuda.h"

rb__cuda_driver rb__cuda;
rb__cuda_nvrtc rb__nvrtc;

/* what[0]: the library in words; what[1]: the package that brings it. */
static bool find(void *library, const char *symbol, void *function, const char *const what[2], char why[256]) {
    *(void **)function = dlsym(library, symbol);
    if (!*(void **)function) snprintf(why, 256, "%s has no %s: update %s", what[0], symbol, what[1]);
    return *(void **)function != NULL;
}

static bool load_driver(char why[256]) {
    static const char *const what[2] = {"the driver's library", "NVIDIA's driver"};
    const char *given = getenv("REGBENCH_CUDA_LIBRARY"), *name = given && given[0] ? given : "libcuda.so.1";
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        snprintf(why, 256, "no driver: %.120s cannot be opened; install NVIDIA's driver (Debian: nvidia-driver)", name);
        return false;
    }
    /* The version first: an old driver lacks functions. */
    if (!find(library, "cuDriverGetVersion", &rb__cuda.driver_version, what, why)) return false;
    CUresult error = rb__cuda.driver_version(&rb__cuda.version);
    if (error == CUDA_SUCCESS && rb__cuda.version < RB__CUDA_OLDEST * 1000) {
        snprintf(why, 256, "the driver is of CUDA %d.%d, older than %d: update NVIDIA's driver",
                 rb__cuda.version / 1000, rb__cuda.version % 1000 / 10, RB__CUDA_OLDEST);
        return false;
    }
#define RB_CUDA(name, symbol, parameters)                                                                              \
    if (!find(library, symbol, &rb__cuda.name, what, why)) return false;
#include "cuda/driver.def"
#undef RB_CUDA
    if (error == CUDA_SUCCESS) error = rb__cuda.init(0);
    if (error == CUDA_SUCCESS) return true;
    const char *text = NULL;
    if (rb__cuda.error_string(error, &text) != CUDA_SUCCESS || !text) text = "unknown error";
    snprintf(why, 256,
             error == CUDA_ERROR_NO_DEVICE ? "the driver finds no device" : "the driver does not start: %s (%d)", text,
             (int)error);
    return false;
}

/* The driver's own major version first: an older one's binaries are good, too, a newer one's are not. */
static void *open_nvrtc(void) {
    const char *given = getenv("REGBENCH_NVRTC_LIBRARY");
    if (given && given[0]) return dlopen(given, RTLD_NOW | RTLD_LOCAL);
    for (int major = rb__cuda.version / 1000; major >= RB__CUDA_OLDEST; major--) {
        static const char *const patterns[] = {"libnvrtc.so.%d", "/usr/local/cuda/lib64/libnvrtc.so.%d",
                                               "/usr/local/cuda-%d/lib64/libnvrtc.so"};
        for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
            char name[64];
            snprintf(name, sizeof name, patterns[i], major);
            void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
            if (library) return library;
        }
    }
    return NULL;
}

static bool load_nvrtc(char why[256]) {
    static const char *const what[2] = {"CUDA's compiler libnvrtc", "NVIDIA's package cuda-nvrtc"};
    void *library = open_nvrtc();
    int major = rb__cuda.version / 1000, n = 0;
    if (!library) {
        snprintf(why, 256,
                 "CUDA's compiler libnvrtc.so.%d is not found: install NVIDIA's package cuda-nvrtc-%d-%d, or name the "
                 "file in REGBENCH_NVRTC_LIBRARY",
                 major, major, rb__cuda.version % 1000 / 10);
        return false;
    }
#define RB_NVRTC(name, symbol, parameters)                                                                             \
    if (!find(library, symbol, &rb__nvrtc.name, what, why)) return false;
#include "cuda/nvrtc.def"
#undef RB_NVRTC
    nvrtcResult error = rb__nvrtc.version(&rb__nvrtc.major, &rb__nvrtc.minor);
    if (error == NVRTC_SUCCESS) error = rb__nvrtc.n_targets(&n);
    if (error != NVRTC_SUCCESS || n < 1 || n > RB__CUDA_TARGETS || rb__nvrtc.targets(rb__nvrtc.known)) {
        snprintf(why, 256, "CUDA's compiler libnvrtc does not answer (%d)", (int)error);
        return false;
    }
    rb__nvrtc.n_known = n;
    if (rb__nvrtc.major <= major) return true;
    snprintf(why, 256,
             "CUDA's compiler is of %d.%d, newer than the driver, %d.%d: update the driver or install NVRTC %d",
             rb__nvrtc.major, rb__nvrtc.minor, major, rb__cuda.version % 1000 / 10, major);
    return false;
}

static bool loaded;
static char reason[256];

static void load_once(void) { loaded = load_driver(reason) && load_nvrtc(reason); }

bool rb__cuda_load(char why[256]) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_once);
    snprintf(why, 256, "%s", reason);
    return loaded;
}
