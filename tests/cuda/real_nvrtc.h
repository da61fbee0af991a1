/* real_nvrtc.h: NVIDIA's own libnvrtc, beside the one that stands in for it. */
#ifndef TESTS_CUDA_REAL_NVRTC_H
#define TESTS_CUDA_REAL_NVRTC_H

#include <dlfcn.h>
#include <nvrtc.h>
#include <stdbool.h>

typedef struct real_nvrtc {
    nvrtcResult (*create)(nvrtcProgram *, const char *, const char *, int, const char *const *, const char *const *);
    nvrtcResult (*destroy)(nvrtcProgram *);
    nvrtcResult (*compile)(nvrtcProgram, int, const char *const *);
    nvrtcResult (*log_size)(nvrtcProgram, size_t *);
    nvrtcResult (*log)(nvrtcProgram, char *);
    nvrtcResult (*cubin_size)(nvrtcProgram, size_t *);
    nvrtcResult (*ptx_size)(nvrtcProgram, size_t *);
    nvrtcResult (*ptx)(nvrtcProgram, char *);
    int targets[64], n_targets;
} real_nvrtc;

static inline bool real_nvrtc_open(real_nvrtc *to) {
    static const char *const names[] = {"libnvrtc.so.13", "libnvrtc.so.12", "/usr/local/cuda/lib64/libnvrtc.so"};
    void *library = NULL;
    for (int i = 0; i < 3 && !library; i++) library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!library) return false;
    nvrtcResult (*count)(int *), (*list)(int *);
    *(void **)&to->create = dlsym(library, "nvrtcCreateProgram");
    *(void **)&to->destroy = dlsym(library, "nvrtcDestroyProgram");
    *(void **)&to->compile = dlsym(library, "nvrtcCompileProgram");
    *(void **)&to->log_size = dlsym(library, "nvrtcGetProgramLogSize");
    *(void **)&to->log = dlsym(library, "nvrtcGetProgramLog");
    *(void **)&to->cubin_size = dlsym(library, "nvrtcGetCUBINSize");
    *(void **)&to->ptx_size = dlsym(library, "nvrtcGetPTXSize");
    *(void **)&to->ptx = dlsym(library, "nvrtcGetPTX");
    *(void **)&count = dlsym(library, "nvrtcGetNumSupportedArchs");
    *(void **)&list = dlsym(library, "nvrtcGetSupportedArchs");
    return count(&to->n_targets) == NVRTC_SUCCESS && to->n_targets <= 64 && list(to->targets) == NVRTC_SUCCESS;
}

#endif
