/* test_cuda_compile.c: the cases' CUDA kernels through the real NVRTC, which needs no GPU: no error, no warning, no
 * double, and what ptxas says about registers.
 *
 * usage: test_cuda_compile [all]: some cases, or all, for the oldest and the newest target. Sources come from the
 * backend itself over the stand-ins of tests/cuda, which leave them in a folder. */
#include "cli_util.h"

#include <dirent.h>
#include <dlfcn.h>

#include "golden_run.h"

#ifdef REGBENCH_HAVE_CUDA
#include <nvrtc.h>

#include "cuda/real_nvrtc.h"

static bool all;

/* --- sources ------------------------------------------------------------------------------------------------------ */

/* The shape alone: no data is needed to compile. */
static rb_dataset shape_of(const rb_case *c) {
    const bool animals = strstr(c->dataset, "animals"), color = animals || strstr(c->dataset, "cifar");
    rb_dataset d = {.n_train = 60000, .n_test = 10000, .C = 1, .H = 28, .W = 28, .x_dtype = RB_U8, .stddev = 1};
    d.classes = animals ? 3 : 10;
    if (color) d.C = 3, d.H = d.W = 32;
    if (strcmp(c->dataset, "toy") == 0) d.H = d.W = 1, d.classes = 1, d.x_dtype = RB_F32, d.n_train = 10, d.n_test = 40;
    snprintf(d.name, sizeof d.name, "%s", c->dataset);
    return d;
}

static void bind_all(const rb_backend *backend, rb_device *device, const rb_case *c) {
    rb_dataset shape = shape_of(c);
    rb_layout layout;
    rb_program *program;
    rb_store *store;
    rb_spec spec;
    backend->layout(device, &layout);
    rb_status status = rb_case_spec(c, &shape, &spec);
    if (status == RB_OK) status = rb_program_compile(&spec, &layout, &program);
    if (status != RB_OK) fail_msg("%s: %s", c->name, rb_error_last()->text);
    if (rb_backend_supports(backend, device, program) != RB_OK) {
        print_message("%s: %s\n", c->name, rb_error_last()->text);
        rb_error_clear();
        rb_program_free(program);
        return;
    }
    status = backend->store_new(device, program->bytes, &store);
    for (int v = 0; v < RB_VARIANTS && status == RB_OK; v++) {
        rb_bound *bound = NULL;
        if (program->variant[v].n_ops == 0) continue;
        status = backend->bind(store, program, &program->variant[v], &bound);
        if (status == RB_OK) backend->unbind(bound);
    }
    assert_ok(status);
    backend->store_free(store);
    rb_program_free(program);
}

/* Own kernels of some cases or of all; what stands around the libraries' products (cl/library.cl), for one. */
static int write_sources(const rb_open_options *options) {
    static const char *const some[] = {"size/lenet", "cnn/cifar", "trajectory/batchnorm-dropout", "toy/",
                                       "animals/attack-pgd-cnn"};
    rb_device_id id;
    rb_device *device;
    int n = 0;
    assert_ok(rb_device_select("cuda", &id));
    assert_ok(id.backend->open(id.index, options, &device));
    for (const rb_lab *const *lab = rb_labs(); *lab; lab++)
        for (const rb_case *c = (*lab)->cases; c->name; c++) {
            bool wanted = all && !options->provider;
            for (size_t i = 0; i < (options->provider ? 1 : sizeof some / sizeof *some); i++)
                wanted |= strncmp(c->name, some[i], strlen(some[i])) == 0;
            if (wanted) bind_all(id.backend, device, c), n++;
        }
    id.backend->close(device);
    return n;
}

/* --- compiling ---------------------------------------------------------------------------------------------------- */

/* "ptxas info : 120 bytes stack frame, 64 bytes spill stores, ..": what a kernel spills. */
static int spilled(const char *log) {
    int most = 0, bytes;
    for (const char *at = log; (at = strstr(at, " bytes spill stores")); at++) {
        const char *from = at;
        while (from > log && from[-1] >= '0' && from[-1] <= '9') from--;
        if (sscanf(from, "%d", &bytes) == 1 && bytes > most) most = bytes;
    }
    return most;
}

/* A constant without its f, or a function of math.h that takes a float for a double: a tenth of the speed and less. */
static void assert_no_double(const real_nvrtc *nvrtc, nvrtcProgram program, const char *name) {
    size_t size = 0;
    assert_int_equal(nvrtc->ptx_size(program, &size), NVRTC_SUCCESS);
    char *ptx = calloc(1, size + 1), *at;
    assert_int_equal(nvrtc->ptx(program, ptx), NVRTC_SUCCESS);
    assert_non_null(strstr(ptx, ".entry"));
    if ((at = strstr(ptx, ".f64"))) fail_msg("%s computes in double: %.60s", name, at);
    free(ptx);
}

static void compile(const real_nvrtc *nvrtc, const char *name, const char *source, int target, int *kernels,
                    int *worst) {
    char architecture[48];
    nvrtcProgram program;
    size_t size = 0, binary = 0;
    snprintf(architecture, sizeof architecture, "--gpu-architecture=sm_%d", target);
    const char *options[] = {architecture,          "-DLOCAL=64",         "-DFAMILY_GPU",
                             "-DMAC_fma",           "--std=c++17",        "--fmad=true",
                             "--diag-suppress=177", "--ptxas-options=-v", "--device-as-default-execution-space"};
    assert_int_equal(nvrtc->create(&program, source, name, 0, NULL, NULL), NVRTC_SUCCESS);
    nvrtcResult result = nvrtc->compile(program, (int)(sizeof options / sizeof *options), options);
    assert_int_equal(nvrtc->log_size(program, &size), NVRTC_SUCCESS);
    char *log = calloc(1, size + 1);
    assert_int_equal(nvrtc->log(program, log), NVRTC_SUCCESS);
    if (result != NVRTC_SUCCESS || strstr(log, "warning")) fail_msg("%s for sm_%d: %s", name, target, log);
    assert_int_equal(nvrtc->cubin_size(program, &binary), NVRTC_SUCCESS);
    assert_true(binary > 1000);
    assert_no_double(nvrtc, program, name);
    for (const char *at = log; (at = strstr(at, "Compiling entry function")); at++) ++*kernels;
    if (spilled(log) > *worst) *worst = spilled(log);
    free(log);
    assert_int_equal(nvrtc->destroy(&program), NVRTC_SUCCESS);
}

static void every_case_compiles(void **state) {
    (void)state;
    real_nvrtc nvrtc;
    char path[600], setting[700];
    int cases, kernels = 0, sources = 0, worst = 0;
    if (!real_nvrtc_open(&nvrtc)) {
        print_message("libnvrtc is not installed\n");
        skip();
    }
    setenv("REGBENCH_CUDA_LIBRARY", TEST_HOST_DRIVER, 1);
    setenv("REGBENCH_NVRTC_LIBRARY", TEST_HOST_NVRTC, 1);
    snprintf(setting, sizeof setting, "sources=%s", folder);
    setenv("TEST_NVRTC", setting, 1);
    cases = write_sources(&(rb_open_options){.quirks = "cache=off"});
#if defined(TEST_HOST_CUBLAS) && defined(TEST_HOST_CUDNN)
    setenv("REGBENCH_CUBLAS_LIBRARY", TEST_HOST_CUBLAS, 1);
    setenv("REGBENCH_CUDNN_LIBRARY", TEST_HOST_CUDNN, 1);
    write_sources(&(rb_open_options){.quirks = "cache=off", .provider = "nvidia"});
    write_sources(&(rb_open_options){.quirks = "cache=off", .provider = "nvidia", .precision = "bf16"});
#endif
    DIR *list = opendir(folder);
    for (struct dirent *entry; (entry = readdir(list));) {
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcmp(dot, ".cu") != 0) continue;
        rb_text text = {0};
        slurp(entry->d_name, &text);
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        sources++;
        for (int i = 0; i < nvrtc.n_targets; i++)
            if (i == 0 || i == nvrtc.n_targets - 1)
                compile(&nvrtc, entry->d_name, text.data, nvrtc.targets[i], &kernels, &worst);
        rb_text_free(&text);
    }
    closedir(list);
    print_message("%d cases, %d sources, %d kernels, sm_%d to sm_%d; largest spill %d bytes\n", cases, sources, kernels,
                  nvrtc.targets[0], nvrtc.targets[nvrtc.n_targets - 1], worst);
    assert_true(cases >= 5 && sources >= cases && kernels >= 20);
}
#else
static void every_case_compiles(void **state) {
    (void)state;
    print_message("this build has no backend cuda\n");
    skip();
}
#endif

int main(int argc, char **argv) {
#ifdef REGBENCH_HAVE_CUDA
    all = argc > 1 && strcmp(argv[1], "all") == 0;
#else
    (void)argc, (void)argv;
#endif
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_case_compiles)};
    return cmocka_run_group_tests(tests, begin, end);
}
