/* runtime.c: what the planner asks of CUDA: memory, kernels with their arguments, launches on one stream. */
#include <stdlib.h>

#include "cuda/providers.h"

/* A kernel's arguments, as cuLaunchKernel wants them. */
typedef union value {
    CUdeviceptr memory;
    int32_t number;
} value;

typedef struct kernel {
    CUfunction function;
    value *values;
    void **places;
} kernel;

/* After these the context answers nothing else. */
static bool is_lasting(CUresult error) {
    switch ((int)error) {
    case CUDA_ERROR_ECC_UNCORRECTABLE:
    case CUDA_ERROR_ILLEGAL_ADDRESS:
    case CUDA_ERROR_LAUNCH_TIMEOUT:
    case CUDA_ERROR_HARDWARE_STACK_ERROR:
    case CUDA_ERROR_ILLEGAL_INSTRUCTION:
    case CUDA_ERROR_MISALIGNED_ADDRESS:
    case CUDA_ERROR_INVALID_ADDRESS_SPACE:
    case CUDA_ERROR_INVALID_PC:
    case CUDA_ERROR_LAUNCH_FAILED:
    case CUDA_ERROR_ASSERT:
    case CUDA_ERROR_NVLINK_UNCORRECTABLE:
    case CUDA_ERROR_CONTEXT_IS_DESTROYED:
    case CUDA_ERROR_EXTERNAL_DEVICE:
    case 226:                /* CUDA_ERROR_CONTAINED, which headers of CUDA 12 lack */
    case CUDA_ERROR_UNKNOWN: /* among others of a card that has left the bus */
        return true;
    default:
        return false;
    }
}

rb_status rb__cuda_status(const rb_device *device, CUresult error, const char *what) {
    const char *name = NULL, *text = NULL;
    if (error == CUDA_SUCCESS) return RB_OK;
    if (rb__cuda.error_name(error, &name) != CUDA_SUCCESS || !name) name = "unknown CUDA error";
    if (rb__cuda.error_string(error, &text) != CUDA_SUCCESS || !text) text = "";
    if (is_lasting(error)) rb__cuda_of(device)->lost = true;
    return rb_fail_native(error == CUDA_ERROR_OUT_OF_MEMORY ? RB_MEMORY : RB_DEVICE, error, "%s: %s: %s (%d), %s%s",
                          device->key, what, name, (int)error, text,
                          is_lasting(error) ? "; the device is lost to this process" : "");
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

rb_status rb__cuda_allocate(rb_device *device, size_t bytes, const char *what, rb__kn_memory **out) {
    CUdeviceptr memory = 0;
    size_t available = 0, total = 0;
    CUresult error = rb__cuda.allocate(&memory, bytes);
    *out = (rb__kn_memory *)memory;
    if (error != CUDA_ERROR_OUT_OF_MEMORY || rb__cuda.memory_info(&available, &total) != CUDA_SUCCESS)
        return rb__cuda_status(device, error, what);
    return rb_fail_native(RB_MEMORY, error, "%s: %s: %zu bytes are needed, %zu of %zu are free", device->key, what,
                          bytes, available, total);
}

static void release(rb__kn_memory *memory) { rb__cuda.release((CUdeviceptr)memory); }

static rb_status view(rb_store *store, rb_segment segment, size_t offset, size_t bytes, const char *name,
                      rb__kn_memory **out) {
    (void)bytes;
    (void)name;
    *out = (rb__kn_memory *)((CUdeviceptr)store->buffer[segment] + offset);
    return RB_OK;
}

static void view_release(rb__kn_memory *memory) { (void)memory; }

/* --- kernels ------------------------------------------------------------------------------------------------------ */

static void program_free(rb__kn_program *program) { rb__cuda.module_unload((CUmodule)program); }

static void kernel_free(rb__kn_kernel *it) {
    kernel *k = (kernel *)it;
    free(k->values);
    free(k->places);
    free(k);
}

static rb_status kernel_new(rb_device *device, rb__kn_program *program, const char *name, rb__kn_kernel **out) {
    rb_status status = RB_OK;
    int most = 0;
    kernel *k = calloc(1, sizeof *k);
    if (!k) return rb_fail(RB_MEMORY, "out of memory while building kernels");
    RB_TRY(rb__cuda_status(device, rb__cuda.module_function(&k->function, (CUmodule)program, name), name));
    RB_TRY(rb__cuda_status(
        device, rb__cuda.function_attribute(&most, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, k->function), name));
    if (most < device->local) {
        status =
            rb_fail(RB_UNSUPPORTED, "%s: the device runs %s in groups of at most %d, not %d: use --quirk work_group",
                    device->key, name, most, device->local);
        goto cleanup;
    }
    *out = (rb__kn_kernel *)k;
    k = NULL;
cleanup:
    if (k) kernel_free((rb__kn_kernel *)k);
    return status;
}

static rb_status arguments(rb_device *device, rb__kn_kernel *it, const rb__kn_value *values, int n) {
    kernel *k = (kernel *)it;
    (void)device;
    if (!k->values) k->values = calloc((size_t)n + 1, sizeof *k->values);
    if (!k->places) k->places = calloc((size_t)n + 1, sizeof *k->places);
    if (!k->values || !k->places) return rb_fail(RB_MEMORY, "out of memory while binding");
    for (int i = 0; i < n; i++) {
        if (values[i].memory)
            k->values[i].memory = (CUdeviceptr)values[i].memory;
        else
            k->values[i].number = values[i].number;
        k->places[i] = &k->values[i];
    }
    return RB_OK;
}

static rb_status launch(rb_device *base, rb__kn_kernel *it, size_t groups, const char *name) {
    rb__cuda_device *device = rb__cuda_of(base);
    const kernel *k = (kernel *)it;
    CUresult error = rb__cuda.launch(k->function, (unsigned)groups, 1, 1, (unsigned)base->local, 1, 1, 0,
                                     device->stream, k->places, NULL);
    return rb__cuda_status(base, error, name);
}

static rb_status wait(rb_device *device, const char *what) {
    return rb__cuda_status(device, rb__cuda.stream_wait(rb__cuda_of(device)->stream), what);
}

/* Its time on the device between marks 0 and 1, both behind what came before. */
static rb_status mark(rb_device *base, int which) {
    const rb__cuda_device *device = rb__cuda_of(base);
    return rb__cuda_status(base, rb__cuda.event_record(device->marks[which], device->stream), "record an event");
}

static rb_status read_marks(rb_device *base, int64_t *ns) {
    const rb__cuda_device *device = rb__cuda_of(base);
    rb_status status = RB_OK;
    float milliseconds = 0;
    RB_TRY(wait(base, "profile"));
    RB_TRY(rb__cuda_status(base, rb__cuda.event_elapsed(&milliseconds, device->marks[0], device->marks[1]),
                           "read a launch's time"));
    *ns = (int64_t)((double)milliseconds * 1e6);
cleanup:
    return status;
}

static rb_status time_launch(rb_device *base, rb__kn_kernel *it, size_t groups, const char *name, int64_t *ns) {
    rb_status status = RB_OK;
    RB_TRY(mark(base, 0));
    RB_TRY(launch(base, it, groups, name));
    RB_TRY(mark(base, 1));
    status = read_marks(base, ns);
cleanup:
    return status;
}

static rb_status time_call(rb__kn_plan *plan, const rb__kn_part *part, int64_t *ns) {
    rb_status status = RB_OK;
    RB_TRY(mark(plan->device, 0));
    RB_TRY(part->call(plan, part));
    RB_TRY(mark(plan->device, 1));
    status = read_marks(plan->device, ns);
cleanup:
    return status;
}

static const char *const heads[] = {"portable.h", "prelude.cu", "prelude.cl", NULL};

const rb__kn_runtime rb__cuda_runtime = {.title = "CUDA",
                                         .heads = heads,
                                         .shared = "__shared__",
                                         .allocate = rb__cuda_allocate,
                                         .release = release,
                                         .view = view,
                                         .view_release = view_release,
                                         .build = rb__cuda_build,
                                         .program_free = program_free,
                                         .kernel_new = kernel_new,
                                         .kernel_free = kernel_free,
                                         .arguments = arguments,
                                         .launch = launch,
                                         .time = time_launch,
                                         .time_call = time_call,
                                         .wait = wait,
                                         .takes = rb__cuda_takes,
                                         .lower = rb__cuda_lower};
