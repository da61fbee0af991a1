/* host_driver.c: libcuda for tests without a GPU: one device, whose work runs here, on the processor.
 *
 * What is enqueued runs when somebody waits for it, no sooner: a missing wait shows. New memory is full of NaN and has
 * canaries at both ends, looked at after all work. While a step is captured, calls that CUDA calls unsafe then (memory,
 * modules, waiting) are refused and spoil the capture. A child that is forked behind cuInit is refused all. A module is
 * a library of host_nvrtc.c. Memory is in host_memory.c, modules and what runs them in host_work.c, streams and graphs
 * in host_graphs.c. TEST_CUDA, words separated by commas: version=12040 the driver's; devices=0; memory=BYTES it says
 * it has; free=BYTES that can be had of them; capability=90; mode=3: exclusive; lost=N: launch N and all behind it
 * fail; order=N as in fibres.h; fail=FUNCTION:N:CODE: call N of the function, from 1, returns CODE, and so does every
 * call behind it where no context survives such an error, once=FILE but only until that file is there, which it makes;
 * calls=FILE: a line for each context, with what was asked of it. */
#include "cuda/host_driver.h"

/* --- failures ----------------------------------------------------------------------------------------------------- */

CUresult host_lasting;
pid_t host_home;
int host_captures, host_spoiled;
struct host_calls host_calls;

CUresult host_fail(CUresult error, const char *why) {
    fprintf(stderr, "host_driver: %s\n", why);
    return host_lasting = error;
}

CUresult host_trouble(const char *function) {
    static long n;
    const char *text = setting_text("TEST_CUDA", "fail");
    const size_t length = strlen(function);
    char *end;
    if (host_lasting || !text || strncmp(text, function, length) || text[length] != ':') return host_lasting;
    if (++n != strtol(text + length + 1, &end, 10)) return CUDA_SUCCESS;
    CUresult code = (CUresult)strtol(end + 1, NULL, 10);
    const char *once = setting_text("TEST_CUDA", "once"); /* over `text`, which is done with */
    FILE *mark = once ? fopen(once, "wx") : NULL;
    if (once && !mark) return CUDA_SUCCESS;
    if (mark) fclose(mark);
    bool sticky = code == CUDA_ERROR_ECC_UNCORRECTABLE || (code >= 700 && code < 720) || code == CUDA_ERROR_UNKNOWN;
    if (sticky) host_fail(code, "the device is lost, as asked for");
    return code;
}

/* --- the device --------------------------------------------------------------------------------------------------- */

CUresult cuInit(unsigned flags) {
    if (!host_home) host_home = getpid();
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
    *bytes = host_capacity();
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
    *context = (CUcontext)&host_calls;
    return host_lasting;
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
    const char *path = setting_text("TEST_CUDA", "calls");
    FILE *file = path ? fopen(path, "a") : NULL;
    (void)device;
    if (file) {
        fprintf(file, "kernels=%ld graphs=%ld most_nodes=%ld\n", host_calls.kernels, host_calls.graphs,
                host_calls.most_nodes);
        fclose(file);
    }
    return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) {
    (void)device;
    host_lasting = CUDA_SUCCESS;
    return CUDA_SUCCESS;
}

CUresult cuCtxSetCurrent(CUcontext context) {
    return context == (CUcontext)&host_calls ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
}
