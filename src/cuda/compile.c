/* compile.c: one module from its source by NVRTC, or from what an earlier run left on disk.
 *
 * A device that is newer than the compiler gets PTX of the newest target the compiler knows, which the driver turns
 * into machine code. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/cuda.h"
#include "kernel/cache.h"

static const char folder[] = "cuda";

enum { OPTIONS = 8 };

typedef struct settings {
    char target[48], local[24];
    bool ptx;
    const char *list[OPTIONS];
    char text[256]; /* the same, in one line */
} settings;

/* fp32 as IEEE says, but for a * b + c in one instruction; no option may hide a NaN. */
static void choose(const rb__cuda_device *device, settings *s) {
    int target = rb__nvrtc.known[0];
    for (int i = 0; i < rb__nvrtc.n_known; i++)
        if (rb__nvrtc.known[i] <= device->capability) target = rb__nvrtc.known[i];
    s->ptx = target != device->capability;
    snprintf(s->target, sizeof s->target, "--gpu-architecture=%s_%d", s->ptx ? "compute" : "sm", target);
    snprintf(s->local, sizeof s->local, "-DLOCAL=%d", device->base.local);
    /* 177: a program does not use every helper of the preludes */
    const char *const list[OPTIONS] = {
        s->target,     s->local,      "-DFAMILY_GPU",        "-DMAC_fma",
        "--std=c++17", "--fmad=true", "--diag-suppress=177", "--device-as-default-execution-space"};
    for (int i = 0, n = 0; i < OPTIONS; i++) {
        s->list[i] = list[i];
        n += snprintf(s->text + n, sizeof s->text - (size_t)n, "%s%s", i ? " " : "", list[i]);
    }
}

static rb_status nvrtc_status(const rb_device *device, nvrtcResult error, const char *what) {
    if (error == NVRTC_SUCCESS) return RB_OK;
    return rb_fail_native(error == NVRTC_ERROR_OUT_OF_MEMORY ? RB_MEMORY : RB_DEVICE, error,
                          "%s: NVRTC: %s fails with status %d", device->key, what, (int)error);
}

static rb_status refuse(const rb_device *device, nvrtcProgram program, const settings *s, nvrtcResult error,
                        const char *key, const char *source) {
    size_t size = 0;
    char *log = NULL;
    if (rb__nvrtc.log_size(program, &size) == NVRTC_SUCCESS && (log = calloc(1, size + 1))) rb__nvrtc.log(program, log);
    rb_status status = rb__kn_refuse(&device->info, &(rb__kn_refusal){.folder = folder,
                                                                      .key = key,
                                                                      .ending = "cu",
                                                                      .source = source,
                                                                      .options = s->text,
                                                                      .log = log,
                                                                      .code = (int)error,
                                                                      .error = "NVRTC"});
    free(log);
    return status;
}

static rb_status compile(const rb_device *device, const settings *s, const char *key, const char *source, char **image,
                         size_t *size) {
    rb_status status = RB_OK;
    nvrtcProgram program = NULL;
    RB_TRY(nvrtc_status(device, rb__nvrtc.program_new(&program, source, "regbench.cu", 0, NULL, NULL), "a program"));
    nvrtcResult error = rb__nvrtc.compile(program, OPTIONS, s->list);
    if (error == NVRTC_ERROR_COMPILATION || error == NVRTC_ERROR_INVALID_OPTION) {
        status = refuse(device, program, s, error, key, source);
        goto cleanup;
    }
    RB_TRY(nvrtc_status(device, error, "compiling kernels"));
    error = s->ptx ? rb__nvrtc.ptx_size(program, size) : rb__nvrtc.binary_size(program, size);
    RB_TRY(nvrtc_status(device, error, "a binary's size"));
    *image = malloc(*size);
    if (!*image) {
        status = rb_fail(RB_MEMORY, "out of memory while building kernels");
        goto cleanup;
    }
    error = s->ptx ? rb__nvrtc.ptx(program, *image) : rb__nvrtc.binary(program, *image);
    RB_TRY(nvrtc_status(device, error, "a binary"));
cleanup:
    if (program) rb__nvrtc.program_free(&program);
    return status;
}

static bool has_kernels(CUmodule module, const char *const *names, int n_names) {
    CUfunction function;
    for (int i = 0; i < n_names; i++)
        if (rb__cuda.module_function(&function, module, names[i]) != CUDA_SUCCESS) return false;
    return true;
}

/* NULL where there is no good file, or where the driver does not take it. */
static CUmodule load(const rb_device *device, const char *key, const char *const *names, int n_names) {
    size_t size;
    CUmodule module = NULL;
    unsigned char *image = rb__kn_cache_read(folder, key, &size);
    if (!image) return NULL;
    if (rb__cuda.module_load(&module, image) != CUDA_SUCCESS) module = NULL;
    if (module && !has_kernels(module, names, n_names)) {
        rb__cuda.module_unload(module);
        module = NULL;
    }
    if (!module) rb__kn_cache_ignored(folder, key, device->key);
    free(image);
    return module;
}

/* What NVRTC made is too new for the driver: PTX, which only the driver of the same version or a newer one takes, or
 * machine code. */
static rb_status load_status(const rb_device *device, const settings *s, CUresult error) {
    if (error != CUDA_ERROR_UNSUPPORTED_PTX_VERSION && error != CUDA_ERROR_NO_BINARY_FOR_GPU &&
        error != CUDA_ERROR_INVALID_PTX)
        return rb__cuda_status(device, error, "load compiled kernels");
    return rb_fail_native(RB_DEVICE, error,
                          "%s: the driver, of CUDA %d.%d, does not take the %s that NVRTC %d.%d made (%d): update "
                          "NVIDIA's driver, or name an NVRTC of CUDA %d.%d or older in REGBENCH_NVRTC_LIBRARY",
                          device->key, rb__cuda.version / 1000, rb__cuda.version % 1000 / 10, s->ptx ? "PTX" : "binary",
                          rb__nvrtc.major, rb__nvrtc.minor, (int)error, rb__cuda.version / 1000,
                          rb__cuda.version % 1000 / 10);
}

rb_status rb__cuda_build(rb_device *base, const char *source, const char *const *names, int n_names,
                         rb__kn_program **out) {
    rb__cuda_device *device = rb__cuda_of(base);
    rb_status status = RB_OK;
    settings s;
    char key[RB__KN_KEY], *image = NULL;
    size_t size = 0;
    CUmodule module = NULL;
    choose(device, &s);
    const char *const texts[] = {source, s.text, base->info.name, base->info.driver, base->info.version};
    RB_TRY(rb__kn_cache_key(texts, (int)(sizeof texts / sizeof *texts), key));
    if (device->quirks.cache) module = load(base, key, names, n_names);
    if (!module) {
        RB_TRY(compile(base, &s, key, source, &image, &size));
        RB_TRY(load_status(base, &s, rb__cuda.module_load(&module, image)));
        if (device->quirks.cache) rb__kn_cache_write(folder, key, image, size);
    }
    *out = (rb__kn_program *)module;
cleanup:
    free(image);
    return status;
}
