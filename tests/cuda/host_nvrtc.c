/* host_nvrtc.c: libnvrtc for tests without a GPU: the host's C++ compiler makes a library of the kernels.
 *
 * Its "binary" is that library, which host_work.c loads. Options that NVRTC does not know are refused as NVRTC does.
 * TEST_NVRTC, words separated by commas: version=MAJOR says another version; sources=FOLDER leaves each source there
 * and compiles nothing: such kernels do nothing. */
#include <nvrtc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cuda/setting.h"

struct _nvrtcProgram {
    char *source, *log, *binary;
    size_t log_bytes, binary_bytes;
};

nvrtcResult nvrtcVersion(int *major, int *minor) {
    long given = setting("TEST_NVRTC", "version");
    *major = given >= 0 ? (int)given : 13, *minor = 0;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetNumSupportedArchs(int *n) {
    *n = 2;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetSupportedArchs(int *list) {
    list[0] = 75, list[1] = 90;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcCreateProgram(nvrtcProgram *program, const char *source, const char *name, int n,
                               const char *const *headers, const char *const *names) {
    (void)name, (void)headers, (void)names;
    *program = calloc(1, sizeof **program);
    if (n != 0 || !*program) return NVRTC_ERROR_INVALID_INPUT;
    (*program)->source = strdup(source);
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcDestroyProgram(nvrtcProgram *program) {
    free((*program)->source);
    free((*program)->log);
    free((*program)->binary);
    free(*program);
    *program = NULL;
    return NVRTC_SUCCESS;
}

static char *whole_file(const char *path, size_t *bytes) {
    FILE *file = fopen(path, "rb");
    char *data = NULL;
    if (file && fseek(file, 0, SEEK_END) == 0) {
        *bytes = (size_t)ftell(file);
        rewind(file);
        data = calloc(1, *bytes + 1);
        if (data && fread(data, 1, *bytes, file) != *bytes) *bytes = 0;
    }
    if (file) fclose(file);
    return data;
}

/* The source, and what makes its kernels callable. */
static void write_source(FILE *file, const char *source) {
    static const char mark[] = "__kernel WORK_GROUP void ";
    fprintf(file, "#include \"%s/cuda/kernels.h\"\n#line 1 \"regbench.cu\"\n%s\n", TEST_FOLDER, source);
    for (const char *at = source; (at = strstr(at, mark));) {
        at += sizeof mark - 1;
        fprintf(file, "RB_KERNEL(%.*s)\n", (int)strcspn(at, "("), at);
    }
}

static int known(const char *option) {
    static const char *const list[] = {"--gpu-architecture=sm_75",
                                       "--gpu-architecture=sm_90",
                                       "--gpu-architecture=compute_75",
                                       "--gpu-architecture=compute_90",
                                       "--std=c++17",
                                       "--fmad=true",
                                       "--diag-suppress=177",
                                       "--device-as-default-execution-space"};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (strcmp(list[i], option) == 0) return 1;
    return strncmp(option, "-D", 2) == 0;
}

static nvrtcResult keep_source(nvrtcProgram program, const char *folder) {
    char path[600];
    static int n;
    snprintf(path, sizeof path, "%s/%d-%d.cu", folder, (int)getpid(), n++);
    FILE *file = fopen(path, "w");
    if (!file) return NVRTC_ERROR_INTERNAL_ERROR;
    fputs(program->source, file);
    fclose(file);
    program->binary = strdup("nothing");
    program->binary_bytes = 8;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcCompileProgram(nvrtcProgram program, int n, const char *const *options) {
    char folder[] = "/tmp/regbench-nvrtc-XXXXXX", path[128], command[2048];
    const char *sources = setting_text("TEST_NVRTC", "sources");
    int code, used;
    for (int i = 0; i < n; i++)
        if (!known(options[i])) return NVRTC_ERROR_INVALID_OPTION;
    if (sources) return keep_source(program, sources);
    if (!mkdtemp(folder)) return NVRTC_ERROR_INTERNAL_ERROR;
    snprintf(path, sizeof path, "%s/k.cc", folder);
    FILE *file = fopen(path, "w");
    if (!file) return NVRTC_ERROR_INTERNAL_ERROR;
    write_source(file, program->source);
    fclose(file);
    used = snprintf(command, sizeof command,
                    "cd %s && %s -std=c++17 -O1 -march=native -fno-exceptions -ffp-contract=off -fPIC -shared -w",
                    folder, TEST_CXX);
    for (int i = 0; i < n; i++)
        if (strncmp(options[i], "-D", 2) == 0)
            used += snprintf(command + used, sizeof command - (size_t)used, " '%s'", options[i]);
    snprintf(command + used, sizeof command - (size_t)used, " -o k.so k.cc 2>log");
    code = system(command);
    snprintf(path, sizeof path, "%s/log", folder);
    program->log = whole_file(path, &program->log_bytes);
    snprintf(path, sizeof path, "%s/k.so", folder);
    if (code == 0) program->binary = whole_file(path, &program->binary_bytes);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command)) return NVRTC_ERROR_INTERNAL_ERROR;
    return code == 0 && program->binary ? NVRTC_SUCCESS : NVRTC_ERROR_COMPILATION;
}

nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram program, size_t *size) {
    *size = program->log_bytes + 1;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetProgramLog(nvrtcProgram program, char *log) {
    memcpy(log, program->log ? program->log : "", program->log_bytes + 1);
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetCUBINSize(nvrtcProgram program, size_t *size) {
    *size = program->binary_bytes;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetCUBIN(nvrtcProgram program, char *binary) {
    memcpy(binary, program->binary, program->binary_bytes);
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetPTXSize(nvrtcProgram program, size_t *size) { return nvrtcGetCUBINSize(program, size); }
nvrtcResult nvrtcGetPTX(nvrtcProgram program, char *ptx) { return nvrtcGetCUBIN(program, ptx); }
