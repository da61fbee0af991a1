/* backend.h: the seam. A backend receives a program and a store, never a layer or a learning-rate schedule.
 *
 * Life: probe -> open -> (layout -> compile) -> supports -> store_new -> put ... -> bind -> submit* -> wait -> get.
 * bind does all slow work (choose kernels, compile, tune, allocate scratch). submit enqueues steps: it never waits,
 * allocates or prints. Calls on one device come from one thread. A backend may run ops in any way that gives the
 * contract of program.h. */
#ifndef REGBENCH_BACKEND_H
#define REGBENCH_BACKEND_H

#include "regbench/program.h"

enum { RB_BACKEND_ABI = 8, RB_MAX_DEVICES = 64 };

/* Opaque to everything but the backend that made them. */
typedef struct rb_device rb_device;
typedef struct rb_store rb_store;
typedef struct rb_bound rb_bound;

/* What is unknown or does not apply is "" or 0. */
typedef struct rb_device_info {
    char key[32];            /* "cpu", "opencl:0" */
    char name[128];          /* hardware name */
    char driver[128];        /* library or driver and version */
    char isa[64];            /* instruction set or compute capability in use */
    char type[16];           /* "cpu", "gpu", "accelerator" */
    char platform[128];      /* whose runtime stands between: an OpenCL platform */
    char vendor[128];        /* of the hardware, as its driver says */
    char version[128];       /* of the programming interface */
    int threads;             /* compute threads or units in use */
    size_t memory;           /* bytes available to a store; 0 = unknown */
    size_t max_alloc;        /* largest segment in bytes; 0 = no limit below memory */
    char pci_bus[32];        /* "0000:01:00.0": where the machine tells of its power and clocks */
    double product_roundoff; /* relative rounding of an operand of a product, beyond fp32's; 0 in fp32 */
    double result_roundoff;  /* the same of what a product gives back; 0 where that is fp32 */
    char details[8192];      /* limits and settings for `devices -v`: "name=value; name=value" */
} rb_device_info;

/* TF32 keeps 10 bits of a mantissa; whether hardware rounds or cuts the rest off is not said. */
#define RB_ROUNDOFF_TF32 0x1p-10
/* bf16 keeps 7 bits, rounded to the nearest. */
#define RB_ROUNDOFF_BF16 0x1p-8

/* A zeroed struct is the default in everything. */
typedef struct rb_open_options {
    int threads;           /* 0 = all cores the process may use */
    const char *provider;  /* "auto", "own", "onednn" ... */
    const char *quirks;    /* "max_wg=64,local_mem=0": settles what the device's driver cannot be asked; NULL = none */
    const char *precision; /* of products: "fp32" (NULL: the same), "tf32", "bf16" */
    bool fastest;          /* libraries may take algorithms whose bits differ from run to run */
    const char *submit;    /* how steps are enqueued, a word of `submission`; NULL = the backend's first */
} rb_open_options;

typedef struct rb_backend {
    const char *name;
    int abi; /* RB_BACKEND_ABI */

    /* Devices present, at most RB_MAX_DEVICES, as `options` (NULL = the defaults) would open them; *n = 0 with RB_OK
     * and a reason in `why` when there are none. With devices, `why` is empty or says what is amiss beside them. */
    rb_status (*probe)(const rb_open_options *options, rb_device_info *list, int *n, char why[256]);
    rb_status (*open)(int index, const rb_open_options *options, rb_device **out);
    void (*close)(rb_device *device);
    void (*info)(const rb_device *device, rb_device_info *out);
    void (*layout)(const rb_device *device, rb_layout *out);
    /* NULL if the device runs this op of this variant, else the reason in one line (static or owned by the device). */
    const char *(*supports)(rb_device *device, const rb_program *program, const rb_variant *variant, const rb_op *op);

    /* A store holds bytes[s] for every segment, zeroed. RB_MEMORY says what was needed. */
    rb_status (*store_new)(rb_device *device, const size_t bytes[RB_SEGMENTS], rb_store **out);
    void (*store_free)(rb_store *store);
    /* Blocking transfers of raw bytes in the device's layout; they order with submitted work. */
    rb_status (*put)(rb_store *store, rb_segment segment, size_t offset, size_t bytes, const void *from);
    rb_status (*get)(rb_store *store, rb_segment segment, size_t offset, size_t bytes, void *to);

    /* program, variant and store must outlive the binding. */
    rb_status (*bind)(rb_store *store, const rb_program *program, const rb_variant *variant, rb_bound **out);
    void (*unbind)(rb_bound *bound);
    /* Enqueue n steps; after each the family's cursor slot in CTRL is advanced by one on the device. */
    rb_status (*submit)(rb_bound *bound, int n_steps);
    /* All submitted work of the device is done and its failures are known. */
    rb_status (*wait)(rb_device *device);
    /* Which code runs op i of the bound variant: "own", "onednn", "reference", ... */
    const char *(*provider)(const rb_bound *bound, int op);
    /* Optional (NULL): what op i's library chose where it has several algorithms; NULL = nothing to choose. */
    const char *(*algo)(const rb_bound *bound, int op);
    /* Optional (NULL): runs n steps like submit, waits, and adds each op's time in ns to ns_per_op[op]. Slower than
     * submit and never part of a measured window. */
    rb_status (*profile)(rb_bound *bound, int n_steps, int64_t *ns_per_op);
    /* Optional (NULL): measured peak of fused multiply-add in all threads or units, about `seconds` long. */
    rb_status (*fma_peak)(rb_device *device, double seconds, double *gflop_per_s);
    /* Optional (NULL): kernels and library calls that one step enqueues. */
    int (*launches)(const rb_bound *bound);
    /* Optional (NULL: "direct", submit does the work itself): how steps are enqueued: "eager", launch by launch;
     * "graph", several steps in one launch; "graph-step", a step in one. */
    const char *(*submission)(const rb_device *device);
} rb_backend;

/* All backends of this build, in the order of backends.def; NULL-terminated. */
const rb_backend *const *rb_backends(void);
/* True if the backend takes part only when it is named. */
bool rb_backend_only_named(const rb_backend *backend);

/* A selector: "cpu", "reference", "opencl:0", "opencl:gpu", "opencl:AMD". */
typedef struct rb_device_id {
    const rb_backend *backend;
    int index;
} rb_device_id;

/* "cpu" and "cpu:0" alike. A word behind the colon is a type of device or, in either case, a part of its name, vendor
 * or platform; the first match counts. RB_USAGE for an unknown backend (with a suggestion) or malformed selector;
 * RB_NO_DEVICE, with a list of what there is, for a well-formed selector that matches no device. */
rb_status rb_device_select(const char *selector, rb_device_id *out);

/* Every op of every compiled variant is supported, else RB_UNSUPPORTED with the first reason. */
rb_status rb_backend_supports(const rb_backend *backend, rb_device *device, const rb_program *program);

/* For backends' open: the number of provider `name` (NULL: the first) among n names; `backend` as the failure says it.
 * RB_USAGE with a suggestion and what is known. */
rb_status rb_provider_select(const char *backend, const char *name, const char *const *names, int n, int *out);

/* The same for how steps are enqueued. */
rb_status rb_submit_select(const char *backend, const char *name, const char *const *names, int n, int *out);
/* What a device's rows say of it. */
const char *rb_backend_submission(const rb_backend *backend, const rb_device *device);
/* The same for options->precision (options may be NULL): RB_UNSUPPORTED where the backend does not have it. */
rb_status rb_precision_select(const char *backend, const rb_open_options *options, const char *const *names, int n,
                              int *out);
/* For backends that have fp32 alone. */
rb_status rb_precision_fp32(const char *backend, const rb_open_options *options);

/* For backends' put and get: RB_INTERNAL where a transfer passes the end of its segment. */
rb_status rb_transfer_check(const size_t segment_bytes[RB_SEGMENTS], rb_segment segment, size_t offset, size_t bytes);

/* put/get of a tensor in canonical order (RB_REAL: float on the host side). `scratch` free use of malloc: not for hot
 * paths. */
rb_status rb_tensor_put(const rb_backend *backend, rb_store *store, const rb_program *program, const rb_tensor *t,
                        const void *canonical);
rb_status rb_tensor_get(const rb_backend *backend, rb_store *store, const rb_program *program, const rb_tensor *t,
                        void *canonical);

#endif
