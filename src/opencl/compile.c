/* compile.c: one program from its source, or from what an earlier run left on disk.
 *
 * Kernels are created before the binary is asked for, because some drivers compile only then. */
#include <stdlib.h>
#include <string.h>

#include "kernel/cache.h"
#include "opencl/opencl.h"

static const char folder[] = "opencl";

/* No option may hide a NaN or an infinity; reassociation would change sums. */
static rb_status write_options(const rb_device *device, rb_text *options) {
    char mac[32];
    rb__cl_quirk_value(RB__QUIRK_mac, rb__cl(device)->quirks.mac, mac);
    rb_text_append(options, "-cl-std=CL1.2 -cl-mad-enable -cl-no-signed-zeros -cl-denorms-are-zero");
    rb_text_printf(options, " -D%s -DLOCAL=%d -DMAC_%s", device->gpu ? "FAMILY_GPU" : "FAMILY_CPU", device->local, mac);
    return rb_text_status(options);
}

static rb_status key_of(const rb__cl_device *device, const char *source, const char *options, char key[RB__KN_KEY]) {
    const rb__cl_limits *l = &device->limits;
    const char *const texts[] = {source,    options, l->platform_name, l->platform_version,
                                 l->vendor, l->name, l->version,       l->driver};
    return rb__kn_cache_key(texts, (int)(sizeof texts / sizeof *texts), key);
}

static bool has_kernels(cl_program program, const char *const *names, int n_names) {
    for (int i = 0; i < n_names; i++) {
        cl_int error;
        cl_kernel kernel = clCreateKernel(program, names[i], &error);
        if (error != CL_SUCCESS) return false;
        clReleaseKernel(kernel);
    }
    return true;
}

/* NULL where there is no good file, or where the driver makes no kernels of it. */
static cl_program load(rb__cl_device *device, const char *key, const char *options, const char *const *names,
                       int n_names) {
    size_t size;
    cl_int error, taken;
    unsigned char *data = rb__kn_cache_read(folder, key, &size);
    const unsigned char *binary = data;
    if (!data) return NULL;
    cl_program program = clCreateProgramWithBinary(device->context, 1, &device->id, &size, &binary, &taken, &error);
    bool built = program && clBuildProgram(program, 1, &device->id, options, NULL, NULL) == CL_SUCCESS;
    if (program && !(built && has_kernels(program, names, n_names))) {
        clReleaseProgram(program);
        program = NULL;
    }
    if (!program) rb__kn_cache_ignored(folder, key, device->base.key);
    free(data);
    return program;
}

static void save(const char *key, cl_program program) {
    size_t size = 0;
    unsigned char *binary = NULL;
    cl_uint n = 0;
    cl_kernel *kernels = NULL;
    if (clCreateKernelsInProgram(program, 0, NULL, &n) == CL_SUCCESS && n) {
        kernels = calloc(n, sizeof *kernels);
        if (!kernels || clCreateKernelsInProgram(program, n, kernels, NULL) != CL_SUCCESS) n = 0;
    }
    if (clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof size, &size, NULL) != CL_SUCCESS || size == 0)
        goto cleanup;
    binary = malloc(size);
    if (binary && clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL) == CL_SUCCESS)
        rb__kn_cache_write(folder, key, binary, size);
cleanup:
    for (cl_uint i = 0; i < n; i++) clReleaseKernel(kernels[i]);
    free(kernels);
    free(binary);
}

static rb_status refuse(rb__cl_device *device, cl_program program, cl_int error, const char *key, const char *source,
                        const char *options) {
    size_t size = 0; /* asked for first: some drivers cut at what one guesses */
    clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size);
    char *log = calloc(1, size + 1);
    if (log && size) clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, size, log, NULL);
    rb_status status = rb__kn_refuse(&device->base.info, &(rb__kn_refusal){.folder = folder,
                                                                           .key = key,
                                                                           .ending = "cl",
                                                                           .source = source,
                                                                           .options = options,
                                                                           .log = log,
                                                                           .code = error,
                                                                           .error = rb__cl_error_name(error)});
    free(log);
    return status;
}

rb_status rb__cl_build(rb_device *base, const char *source, const char *const *names, int n_names,
                       rb__kn_program **out) {
    rb__cl_device *device = rb__cl(base);
    rb_status status = RB_OK;
    rb_text text = {0};
    char key[RB__KN_KEY];
    cl_int error;
    cl_program program = NULL;
    size_t length = strlen(source);
    const bool cached = device->quirks.cache == RB__ON;
    RB_TRY(write_options(base, &text));
    const char *options = rb_text_string(&text);
    RB_TRY(key_of(device, source, options, key));
    if (cached) program = load(device, key, options, names, n_names);
    if (!program) {
        program = clCreateProgramWithSource(device->context, 1, &source, &length, &error);
        RB_TRY(rb__cl_status(base, error, "create a program"));
        error = clBuildProgram(program, 1, &device->id, options, NULL, NULL);
        if (error == CL_BUILD_PROGRAM_FAILURE || error == CL_INVALID_BUILD_OPTIONS) {
            status = refuse(device, program, error, key, source, options);
            goto cleanup;
        }
        RB_TRY(rb__cl_status(base, error, "build kernels"));
        if (cached) save(key, program);
    }
    *out = (rb__kn_program *)program;
    program = NULL;
cleanup:
    if (program) clReleaseProgram(program);
    rb_text_free(&text);
    return status;
}
