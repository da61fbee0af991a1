/* providers.c: which of NVIDIA's libraries a device uses, and for which ops.
 *
 *     auto    own in fp32; in tf32 and bf16, which own kernels do not have, as nvidia
 *     own     own kernels
 *     cublas  linear layers by cuBLASLt, the rest own
 *     cudnn   convolutions by cuDNN, the rest own
 *     nvidia  both */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/providers.h"

void *rb__cuda_open_library(const char *variable, const char *const *names) {
    const char *given = getenv(variable);
    if (given && given[0]) return dlopen(given, RTLD_NOW | RTLD_LOCAL);
    void *library = NULL;
    for (int i = 0; names[i] && !library; i++) library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    return library;
}

#ifndef REGBENCH_HAVE_CUBLAS
rb_status rb__cublas_open(rb__cuda_device *device) {
    (void)device;
    return rb_fail(RB_USAGE,
                   "provider \"cublas\": this build has no cublasLt.h; install it and build again, or use own");
}
size_t rb__cublas_version(void) { return 0; }
void rb__cublas_close(rb__cuda_device *device) { (void)device; }
bool rb__cublas_takes(const rb__kn_item *item) { return (void)item, false; }
void rb__cublas_lower(rb__kn_plan *plan, rb__kn_item *item) { (void)plan, (void)item; }
#endif
#ifndef REGBENCH_HAVE_CUDNN
rb_status rb__cudnn_open(rb__cuda_device *device) {
    (void)device;
    return rb_fail(RB_USAGE, "provider \"cudnn\": this build has no cudnn.h; install it and build again, or use own");
}
size_t rb__cudnn_version(void) { return 0; }
void rb__cudnn_close(rb__cuda_device *device) { (void)device; }
bool rb__cudnn_takes(const rb__kn_item *item) { return (void)item, false; }
void rb__cudnn_lower(rb__kn_plan *plan, rb__kn_item *item) { (void)plan, (void)item; }
#endif

static bool uses_cublas(const rb__cuda_device *d) {
    return d->provider == RB__CUDA_CUBLAS || d->provider == RB__CUDA_NVIDIA;
}

static bool uses_cudnn(const rb__cuda_device *d) {
    return d->provider == RB__CUDA_CUDNN || d->provider == RB__CUDA_NVIDIA;
}

static const char *const precisions[] = {[RB__CUDA_FP32] = "fp32", [RB__CUDA_TF32] = "tf32", [RB__CUDA_BF16] = "bf16"};

/* Another arithmetic is asked for by name, and not where the library is told to leave it. */
static rb_status check_precision(const rb__cuda_device *device) {
    const char *override = getenv("NVIDIA_TF32_OVERRIDE");
    if (device->provider == RB__CUDA_OWN)
        return rb_fail(RB_UNSUPPORTED,
                       "%s: own kernels compute in fp32: precision %s wants provider cublas, cudnn or nvidia",
                       device->base.key, precisions[device->precision]);
    if (device->precision == RB__CUDA_TF32 && override && strcmp(override, "0") == 0)
        return rb_fail(RB_UNSUPPORTED, "%s: NVIDIA_TF32_OVERRIDE=0 turns tf32 off", device->base.key);
    return RB_OK;
}

static const char *const names[] = {[RB__CUDA_AUTO] = "auto",
                                    [RB__CUDA_OWN] = "own",
                                    [RB__CUDA_CUBLAS] = "cublas",
                                    [RB__CUDA_CUDNN] = "cudnn",
                                    [RB__CUDA_NVIDIA] = "nvidia"};

static rb_status choose(rb__cuda_device *device, const rb_open_options *options) {
    rb_status status = RB_OK;
    RB_TRY(rb_provider_select("cuda", options ? options->provider : NULL, names, 5, &device->provider));
    RB_TRY(rb_precision_select("cuda", options, precisions, 3, &device->precision));
    if (device->precision == RB__CUDA_FP32) goto cleanup;
    RB_TRY(check_precision(device));
    if (device->provider == RB__CUDA_AUTO) device->provider = RB__CUDA_NVIDIA;
cleanup:
    return status;
}

rb_status rb__cuda_providers_open(rb__cuda_device *device, const rb_open_options *options) {
    rb_status status = RB_OK;
    RB_TRY(choose(device, options));
    RB_TRY(rb__cuda_precision_check(device, precisions[device->precision]));
    device->fastest = options && options->fastest;
    if (device->precision == RB__CUDA_TF32) device->base.info.product_roundoff = RB_ROUNDOFF_TF32;
    if (device->precision == RB__CUDA_BF16) device->base.info.product_roundoff = RB_ROUNDOFF_BF16;
    if (device->precision == RB__CUDA_BF16 && uses_cudnn(device)) device->base.info.result_roundoff = RB_ROUNDOFF_BF16;
    rb__cuda_providers_describe(options, &device->base.info);
    if (uses_cublas(device)) RB_TRY(rb__cublas_open(device));
    if (uses_cudnn(device)) RB_TRY(rb__cudnn_open(device));
cleanup:
    return status;
}

static void add_version(const char *name, size_t version, rb_device_info *info) {
    size_t length = strlen(info->version);
    if (version)
        snprintf(info->version + length, sizeof info->version - length, ", %s %zu.%zu.%zu", name, version / 10000,
                 version / 100 % 100, version % 100);
}

void rb__cuda_providers_describe(const rb_open_options *options, rb_device_info *info) {
    rb__cuda_device wish = {0};
    if (choose(&wish, options) != RB_OK) { /* opening says why */
        rb_error_clear();
        return;
    }
    if (uses_cublas(&wish)) add_version("cuBLAS", rb__cublas_version(), info);
    if (uses_cudnn(&wish)) add_version("cuDNN", rb__cudnn_version(), info);
}

void rb__cuda_providers_close(rb__cuda_device *device) {
    rb__cudnn_close(device);
    rb__cublas_close(device);
}

bool rb__cuda_takes(const rb__kn_plan *plan, const rb__kn_item *it) {
    const rb__cuda_device *device = rb__cuda_of(plan->device);
    return (uses_cublas(device) && rb__cublas_takes(it)) || (uses_cudnn(device) && rb__cudnn_takes(it));
}

void rb__cuda_lower(rb__kn_plan *plan, rb__kn_item *it) {
    if (uses_cublas(rb__cuda_of(plan->device)) && rb__cublas_takes(it))
        rb__cublas_lower(plan, it);
    else
        rb__cudnn_lower(plan, it);
}

rb_status rb__cuda_address(rb__kn_plan *plan, const rb__kn_part *part, int arg, CUdeviceptr *address) {
    rb__kn_memory *memory;
    rb_status status = rb__kn_memory_of(plan, &part->args[arg], &memory);
    *address = status == RB_OK ? (CUdeviceptr)memory : 0;
    return status;
}
