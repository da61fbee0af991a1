/* cuda.h: the inside of the cuda backend: NVIDIA's libraries opened at run time, its device, failures of their calls.
 *
 * Only the toolkit's headers are needed to build. The driver is CUDA 12 or newer; NVRTC is of the driver's major
 * version or older, whose binaries the driver takes. */
#ifndef RB_CUDA_CUDA_H
#define RB_CUDA_CUDA_H

#include <cuda.h>
#include <nvrtc.h>

#include "kernel/kernel.h"
#include "kernel/quirks.h"

enum { RB__CUDA_OLDEST = 12, RB__CUDA_TARGETS = 64 };
/* How steps are enqueued: several in one graph, one, launch by launch. */
enum { RB__CUDA_GRAPH, RB__CUDA_GRAPH_STEP, RB__CUDA_EAGER };
enum { RB__CUDA_AUTO, RB__CUDA_OWN, RB__CUDA_CUBLAS, RB__CUDA_CUDNN, RB__CUDA_NVIDIA }; /* the last: both libraries */
enum { RB__CUDA_FP32, RB__CUDA_TF32, RB__CUDA_BF16 };

typedef struct rb__cuda_driver {
#define RB_CUDA(name, symbol, parameters) CUresult(*name) parameters;
#include "cuda/driver.def"
#undef RB_CUDA
    int version; /* 13000: CUDA 13.0 */
} rb__cuda_driver;

typedef struct rb__cuda_nvrtc {
#define RB_NVRTC(name, symbol, parameters) nvrtcResult(*name) parameters;
#include "cuda/nvrtc.def"
#undef RB_NVRTC
    int major, minor;
    int known[RB__CUDA_TARGETS], n_known; /* capabilities it compiles for: 75, 80, ..: rising */
} rb__cuda_nvrtc;

typedef union rb__cuda_quirks {
    struct {
#define RB_CHOICE(name, words, otherwise, meaning) int64_t name;
#define RB_SIZE(name, low, otherwise, meaning)     int64_t name;
#include "cuda/quirks.def"
#undef RB_CHOICE
#undef RB_SIZE
    };
    int64_t at[RB__KN_QUIRKS];
} rb__cuda_quirks;

typedef struct rb__cuda_device {
    rb_device base;
    CUdevice id;
    CUcontext context;
    CUstream stream;
    CUevent marks[2]; /* around what is timed */
    int capability;   /* 90: 9.0 */
    int submit;       /* RB__CUDA_GRAPH, .. */
    rb__cuda_quirks quirks;
    bool lost; /* a failure that the context does not survive */
    int provider, precision;
    bool fastest;         /* libraries may take algorithms whose bits differ from run to run */
    void *cublas, *cudnn; /* handles; NULL where they are not used */
} rb__cuda_device;

static inline rb__cuda_device *rb__cuda_of(const rb_device *device) { return (rb__cuda_device *)(uintptr_t)device; }

/* --- libraries.c -------------------------------------------------------------------------------------------------- */
/* Good after rb__cuda_load alone. */
extern rb__cuda_driver rb__cuda;
extern rb__cuda_nvrtc rb__nvrtc;
/* Once per process: both libraries, checked against each other. False: `why` says what is missing and what to install.
 */
bool rb__cuda_load(char why[256]);

/* --- describe.c --------------------------------------------------------------------------------------------------- */
/* `overrides` as --quirk gives them. False: `why` says why the device is left out. */
bool rb__cuda_describe(int index, const char *overrides, CUdevice *id, int *capability, rb_device_info *out,
                       char why[256]);
/* Defaults, then what --quirk gives (NULL: nothing). RB_USAGE. */
rb_status rb__cuda_settle(const char *overrides, rb__cuda_quirks *out);

/* --- runtime.c ---------------------------------------------------------------------------------------------------- */
/* RB_OK for CUDA_SUCCESS, else a failure that says what was tried, on which device, with the error's name. */
rb_status rb__cuda_status(const rb_device *device, CUresult error, const char *what);
rb_status rb__cuda_allocate(rb_device *device, size_t bytes, const char *what, rb__kn_memory **out);
extern const rb__kn_runtime rb__cuda_runtime;

/* --- compile.c ---------------------------------------------------------------------------------------------------- */
rb_status rb__cuda_build(rb_device *device, const char *source, const char *const *names, int n_names,
                         rb__kn_program **out);

#endif
