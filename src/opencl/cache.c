/* cache.c: one program, from disk or from its source; what a compiler says when it refuses.
 *
 * A file of the cache is named after a hash of source, options, device, driver and platform version: whatever changes
 * one of them asks for another file. It holds a header, the hash of the binary, the binary; it is replaced as a whole.
 * A file that is damaged, foreign or refused by the driver is ignored and written anew. Kernels are created before the
 * binary is asked for, because some drivers compile only then. */
#include "opencl/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/log.h"
#include "core/sha256.h"
#include "data/data.h"

static const char format[] = "regbench OpenCL program 1\n";

enum { HEAD = sizeof format - 1 + 64, LINES = 6 }; /* bytes before the binary; of a log, in a failure's text */

/* ${XDG_CACHE_HOME:-~/.cache}/regbench/opencl/KEY.ENDING, its folder made; false where there is no such place. */
static bool cache_path(const char *key, const char *ending, char path[RB_PATH]) {
    char folder[RB_PATH];
    if (!rb__cache_folder(folder, sizeof folder)) return false;
    if (snprintf(path, RB_PATH, "%s/opencl", folder) >= RB_PATH || rb__make_folders(path)) return false;
    return snprintf(path, RB_PATH, "%s/opencl/%.32s.%s", folder, key, ending) < RB_PATH;
}

static rb_status key_of(const rb_device *device, const char *source, const char *options, char key[65]) {
    const rb__cl_limits *l = &device->limits;
    const char *const pieces[] = {format,    source,  options,    l->platform_name, l->platform_version,
                                  l->vendor, l->name, l->version, l->driver};
    const void *data[sizeof pieces / sizeof *pieces];
    size_t bytes[sizeof pieces / sizeof *pieces];
    int n = (int)(sizeof pieces / sizeof *pieces);
    for (int i = 0; i < n; i++) data[i] = pieces[i], bytes[i] = strlen(pieces[i]) + 1;
    return rb_sha256_pieces(data, bytes, n, key);
}

/* --- what is on disk ---------------------------------------------------------------------------------------------- */

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
static cl_program load(rb_device *device, const char *path, const char *options, const char *const *names,
                       int n_names) {
    void *data = NULL;
    size_t bytes = 0;
    char hex[65];
    cl_program program = NULL;
    if (rb_file_read(path, &data, &bytes) != RB_OK) {
        rb_error_clear();
        return NULL;
    }
    const unsigned char *binary = (const unsigned char *)data + HEAD;
    bool good = bytes > HEAD && memcmp(data, format, sizeof format - 1) == 0;
    size_t size = good ? bytes - HEAD : 0;
    good = good && rb_sha256(binary, size, hex) == RB_OK;
    good = good && memcmp((const char *)data + sizeof format - 1, hex, 64) == 0;
    if (good) {
        cl_int error, taken;
        program = clCreateProgramWithBinary(device->context, 1, &device->id, &size, &binary, &taken, &error);
        bool built = program && clBuildProgram(program, 1, &device->id, options, NULL, NULL) == CL_SUCCESS;
        if (program && !(built && has_kernels(program, names, n_names))) {
            clReleaseProgram(program);
            program = NULL;
        }
    }
    if (!program) rb_log(RB_LOG_DEBUG, "%s: %s is ignored: damaged, or refused by the driver", device->key, path);
    free(data);
    return program;
}

/* A cache that cannot be written costs time, nothing else. */
static void save(const rb_device *device, const char *path, cl_program program) {
    size_t size = 0;
    char hex[65];
    unsigned char *file = NULL, *binary;
    cl_uint n = 0;
    cl_kernel *kernels = NULL;
    if (clCreateKernelsInProgram(program, 0, NULL, &n) == CL_SUCCESS && n) {
        kernels = calloc(n, sizeof *kernels);
        if (!kernels || clCreateKernelsInProgram(program, n, kernels, NULL) != CL_SUCCESS) n = 0;
    }
    if (clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof size, &size, NULL) != CL_SUCCESS || size == 0)
        goto cleanup;
    file = malloc(HEAD + size);
    if (!file) goto cleanup;
    binary = file + HEAD;
    if (clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL) != CL_SUCCESS) goto cleanup;
    if (rb_sha256(binary, size, hex) != RB_OK) goto cleanup;
    memcpy(file, format, sizeof format - 1);
    memcpy(file + sizeof format - 1, hex, 64);
    if (rb_file_replace(path, file, HEAD + size) != RB_OK)
        rb_log(RB_LOG_DEBUG, "%s: no cached program: %s", device->key, rb_error_last()->text);
cleanup:
    rb_error_clear();
    for (cl_uint i = 0; i < n; i++) clReleaseKernel(kernels[i]);
    free(kernels);
    free(file);
}

/* --- what a compiler says ----------------------------------------------------------------------------------------- */

/* The first lines of a log that has any, on one line. */
static void first_lines(const char *log, char *out, size_t size) {
    size_t n = 0;
    int lines = 0;
    for (; *log && n + 4 < size && lines < LINES; log++) {
        if (*log != '\n') {
            out[n++] = *log;
        } else if (n && out[n - 1] != ' ') {
            out[n++] = ' ', out[n++] = '|', out[n++] = ' ';
            lines++;
        }
    }
    out[n] = '\0';
}

static rb_status refuse(rb_device *device, cl_program program, cl_int error, const char *key, const char *source,
                        const char *options) {
    size_t size = 0; /* asked for first: some drivers cut at what one guesses */
    char log_path[RB_PATH] = "", source_path[RB_PATH] = "", lines[480] = "(the log is empty)";
    rb_text text = {0};
    clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size);
    char *log = calloc(1, size + 1);
    if (log && size) clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, size, log, NULL);
    if (log && log[0]) first_lines(log, lines, sizeof lines);
    rb_text_printf(&text, "device: %s\ndriver: %s\noptions: %s\nsource: %.32s.cl beside this file\n\n%s\n",
                   device->info.name, device->info.driver, options, key, log ? log : "");
    bool kept = cache_path(key, "log", log_path) && cache_path(key, "cl", source_path) && !text.failed &&
                rb_file_replace(log_path, text.data, text.length) == RB_OK &&
                rb_file_replace(source_path, source, strlen(source)) == RB_OK;
    rb_error_clear();
    rb_text_free(&text);
    free(log);
    return rb_fail_native(RB_UNSUPPORTED, error, "%s: the driver's compiler refuses the kernels (%s), log in %s: %s",
                          device->key, rb__cl_error_name(error), kept ? log_path : "no file: the cache is not writable",
                          lines);
}

rb_status rb__cl_compile(rb_device *device, const char *source, const char *options, const char *const *names,
                         int n_names, cl_program *out) {
    char key[65], path[RB_PATH] = "";
    cl_int error;
    size_t length = strlen(source);
    rb_status status = key_of(device, source, options, key);
    if (status != RB_OK) return status;
    bool cached = device->quirks.cache == RB__ON && cache_path(key, "bin", path);
    *out = cached ? load(device, path, options, names, n_names) : NULL;
    if (*out) return RB_OK;
    *out = clCreateProgramWithSource(device->context, 1, &source, &length, &error);
    if (error != CL_SUCCESS) return rb__cl_status(device, error, "create a program");
    error = clBuildProgram(*out, 1, &device->id, options, NULL, NULL);
    if (error != CL_SUCCESS) {
        bool refused = error == CL_BUILD_PROGRAM_FAILURE || error == CL_INVALID_BUILD_OPTIONS;
        status =
            refused ? refuse(device, *out, error, key, source, options) : rb__cl_status(device, error, "build kernels");
        clReleaseProgram(*out);
        *out = NULL;
        return status;
    }
    if (cached) save(device, path, *out);
    return RB_OK;
}
