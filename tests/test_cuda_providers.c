/* test_cuda_providers.c: NVIDIA's libraries as providers of the cuda backend, without a GPU: what the program says
 * where one is missing, which code ran what and how, precisions tf32 and bf16, --fastest.
 *
 * The program runs over tests/cuda's stand-ins. Names in cublas.def and cudnn.def are looked up in NVIDIA's own
 * libraries, where this machine has them; their types are those of the headers, by which the stand-ins are compiled,
 * too. */
#include "cuda/cli.h"

#include <dlfcn.h>
#include <math.h>

#include "regbench/check.h"
#include "regbench/train.h"
#include "report/csv_read.h"

#if defined(REGBENCH_HAVE_CUDA) && defined(TEST_HOST_CUBLAS) && defined(TEST_HOST_CUDNN)

#define LIBRARIES                                                                                                      \
    HOST "REGBENCH_CUBLAS_LIBRARY=" TEST_HOST_CUBLAS " REGBENCH_CUDNN_LIBRARY=" TEST_HOST_CUDNN " "                    \
         "XDG_CACHE_HOME=${TEST_CACHE:-$PWD/cache} "
/* data that needs no file; convolutions that cuDNN takes, linear layers */
#define LENET "$R run size/lenet --dataset sample -B 4 --train-size 8 --valid-size 8 --max-steps 2 -d cuda "

/* A column of row `row` of the session's runs. */
static const char *of_row(const char *session, int row, const char *column) {
    static char value[256];
    char path[256];
    rb_csv csv;
    snprintf(path, sizeof path, "%s/%s/runs.csv", folder, session);
    assert_int_equal(rb_csv_read(path, &csv), RB_OK);
    snprintf(value, sizeof value, "%s", rb_csv_get(&csv, row, column));
    rb_csv_free(&csv);
    return value;
}

static void assert_row(const char *session, const char *column, const char *expected) {
    assert_string_equal(of_row(session, 0, column), expected);
}

/* --- what is missing ---------------------------------------------------------------------------------------------- */

static void a_missing_library_costs_a_row(void **state) {
    (void)state;
    assert_int_equal(shell(LIBRARIES "REGBENCH_CUDNN_LIBRARY=/no/libcudnn.so.9 " LENET "--provider cudnn -O nocudnn"),
                     77);
    assert_row("nocudnn", "status", "unsupported");
    assert_non_null(strstr(of_row("nocudnn", 0, "status_reason"),
                           "cuda:0: provider cudnn: cuDNN (libcudnn.so.9) is not found: install NVIDIA's package "
                           "cudnn9-cuda, or name the file in REGBENCH_CUDNN_LIBRARY"));
    assert_int_equal(shell(LIBRARIES "REGBENCH_CUBLAS_LIBRARY=/no/lib.so " LENET "--provider nvidia -O nocublas"), 77);
    assert_non_null(strstr(of_row("nocublas", 0, "status_reason"),
                           "provider cublas: cuBLAS (libcublasLt.so.13 or 12) is not found: install NVIDIA's package"));
    assert_int_equal(shell(LIBRARIES "REGBENCH_CUDNN_LIBRARY=" TEST_HOST_CUBLAS " " LENET "--provider cudnn -O other"),
                     77);
    assert_non_null(strstr(of_row("other", 0, "status_reason"), "cuDNN has no cudnnGetVersion: version 9 is wanted"));
    assert_int_equal(shell(LIBRARIES "TEST_CUDNN=version=8907 " LENET "--provider cudnn -O old"), 77);
    assert_non_null(strstr(of_row("old", 0, "status_reason"), "cuDNN is version 8907: 9 is wanted"));
    assert_int_equal(shell(LIBRARIES "CUBLAS_EMULATE_SINGLE_PRECISION=1 " LENET "--provider cublas -O emulated"), 77);
    assert_non_null(strstr(of_row("emulated", 0, "status_reason"), "CUBLAS_EMULATE_SINGLE_PRECISION is set"));
    /* own kernels need neither */
    assert_int_equal(
        shell(LIBRARIES "REGBENCH_CUDNN_LIBRARY=/no/a.so REGBENCH_CUBLAS_LIBRARY=/no/b.so " LENET "-O none"), 0);
    assert_row("none", "provider", "own");
    assert_row("none", "algo", "");
}

/* --- which code ran ----------------------------------------------------------------------------------------------- */

static void the_row_says_whose_code_ran(void **state) {
    (void)state;
    static const struct {
        const char *environment, *flags, *provider, *algo;
    } ways[] = {
        {"", "--provider own", "own", ""},
        {"", "--provider cublas", "own cublas", "lt5 lt21/3"},
        {"", "--provider cudnn", "own cudnn", "precomp_gemm dw1 dx1"},
        {"", "--provider nvidia", "own cudnn cublas", "precomp_gemm lt5 lt21/3 dw1 dx1"},
        {"", "--provider nvidia --submit eager", "own cudnn cublas", "precomp_gemm lt5 lt21/3 dw1 dx1"},
        {"TEST_CUDNN=none=1 ", "--provider nvidia", "own cublas", "lt5 lt21/3"},
        {"TEST_CUBLAS=none=1 ", "--provider nvidia", "own cudnn", "precomp_gemm dw1 dx1"},
        /* offered, and refused when called: the next one, without epilogue, own kernels */
        {"TEST_CUBLAS=refuse=21 ", "--provider nvidia", "own cudnn cublas", "precomp_gemm lt5 dw1 dx1"},
        {"TEST_CUBLAS=refuse=5 ", "--provider nvidia", "own cudnn cublas", "precomp_gemm lt21/3 dw1 dx1"},
        {"TEST_CUBLAS=refuse=0 ", "--provider nvidia", "own cudnn", "precomp_gemm dw1 dx1"},
        {"TEST_CUBLAS=plain=1 TEST_CUDNN=plain=1 ", "--provider nvidia", "own cudnn cublas", NULL},
        {"", "--provider nvidia --fastest", "own cudnn cublas", "any:direct any:lt7/2 any:dw0 any:dx0"},
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char session[16];
        print_message("%s%s\n", ways[i].environment, ways[i].flags);
        snprintf(session, sizeof session, "way%zu", i);
        assert_int_equal(shell(LIBRARIES "%s" LENET "%s -O %s", ways[i].environment, ways[i].flags, session), 0);
        assert_row(session, "provider", ways[i].provider);
        if (ways[i].algo) assert_row(session, "algo", ways[i].algo);
        assert_row(session, "precision", "fp32");
        assert_row(session, "verify", "quick");
        assert_true(atof(of_row(session, 0, "verify_max_rel_err")) < 1e-5);
    }
}

/* Bias and ReLU in the convolution's call, or behind it where the library does not have that. */
static void relu_is_taken_along(void **state) {
    (void)state;
    static const char *const ways[][2] = {{"", "precomp_gemm+relu dw1 dx1"},
                                          {"TEST_CUDNN=plain=1 ", "precomp_gemm dw1 dx1"}};
    for (int i = 0; i < 2; i++) {
        char session[16];
        snprintf(session, sizeof session, "relu%d", i);
        assert_int_equal(shell(LIBRARIES
                               "%s$R run cnn/mnist --dataset sample -B 4 --train-size 8 --valid-size 8 --max-steps 2 "
                               "-d cuda --provider cudnn -O %s",
                               ways[i][0], session),
                         0);
        assert_row(session, "algo", ways[i][1]);
        assert_true(atof(of_row(session, 0, "verify_max_rel_err")) < 1e-5);
    }
}

/* What the library refuses has another way; a device that does not survive it has none. */
static void a_device_lost_while_choosing_is_lost(void **state) {
    (void)state;
    assert_int_equal(shell(LIBRARIES "TEST_CUDA=lost=1 " LENET "--provider cublas -O lost"), 4);
    assert_row("lost", "status", "device-error");
    assert_non_null(strstr(of_row("lost", 0, "status_reason"), "cuda:0: try cuBLAS out: CUDA_ERROR_LAUNCH_FAILED"));
}

/* Every call of a library is timed between two events, as kernels are. */
static void calls_are_timed(void **state) {
    (void)state;
    rb_device_id id;
    rb_device *device;
    rb_dataset *data;
    rb_trainer *trainer;
    const rb_case *c;
    int calls = 0;
    setenv("REGBENCH_CUDA_LIBRARY", TEST_HOST_DRIVER, 1);
    setenv("REGBENCH_NVRTC_LIBRARY", TEST_HOST_NVRTC, 1);
    setenv("REGBENCH_CUBLAS_LIBRARY", TEST_HOST_CUBLAS, 1);
    setenv("REGBENCH_CUDNN_LIBRARY", TEST_HOST_CUDNN, 1);
    if (getenv("TEST_CACHE")) setenv("XDG_CACHE_HOME", getenv("TEST_CACHE"), 1);
    assert_int_equal(rb_device_select("cuda", &id), RB_OK);
    assert_int_equal(id.backend->open(id.index, &(rb_open_options){.provider = "nvidia"}, &device), RB_OK);
    assert_int_equal(rb_case_find("size/lenet", &c), RB_OK);
    assert_int_equal(rb_dataset_load("sample", &(rb_data_options){.seed = 1}, &data), RB_OK);
    rb_case small = *c;
    small.batch = 4;
    assert_int_equal(rb_trainer_new(id.backend, device, &small, data, 1, &trainer), RB_OK);
    rb_bound *bound = rb_trainer_bound(trainer, RB_VARIANT_TRAIN);
    const rb_variant *v = &rb_trainer_program(trainer)->variant[RB_VARIANT_TRAIN];
    int64_t *ns = calloc((size_t)v->n_ops, sizeof *ns);
    assert_int_equal(id.backend->profile(bound, 1, ns), RB_OK);
    for (int i = 0; i < v->n_ops; i++) {
        if (strcmp(id.backend->provider(bound, i), "own") == 0) continue;
        calls++;
        assert_true(ns[i] > 0);
    }
    assert_int_equal(calls, 4 * 3); /* three linear layers and the second convolution: three passes each */
    free(ns);
    rb_trainer_free(trainer);
    rb_dataset_free(data);
    id.backend->close(device);
}

static void versions_are_told(void **state) {
    (void)state;
    assert_int_equal(shell(LIBRARIES "$R devices -d cuda -o csv"), 0);
    assert_has(out, ",NVRTC 13.0,");
    assert_int_equal(shell(LIBRARIES "$R devices -d cuda -o csv --provider nvidia"), 0);
    assert_has(out, "NVRTC 13.0, cuBLAS 13.0.2, cuDNN 9.19.0");
    assert_int_equal(shell(LIBRARIES "$R devices -d cuda -o csv --precision tf32 --provider cublas"), 0);
    assert_has(out, "NVRTC 13.0, cuBLAS 13.0.2\"");
}

/* Of the tensors behind the last epoch, without the header of the file. */
static void bits_of(const char *name, char hash[65]) {
    assert_int_equal(
        shell(LIBRARIES
              "$R run size/lenet --dataset sample -B 4 --train-size 10 --valid-size 8 --epochs 2 --verify off -d cuda "
              "--provider nvidia --checkpoint-every 1 -O %s",
              name),
        0);
    assert_int_equal(shell("for f in %s/checkpoints/*; do head=$(od -An -tu8 -N8 $f) && "
                           "tail -c +$((head + 9)) $f | sha256sum; done",
                           name),
                     0);
    snprintf(hash, 65, "%.64s", rb_text_string(&out));
    assert_int_equal(strlen(hash), 64);
}

static void the_same_bits_again(void **state) {
    (void)state;
    char first[65], second[65];
    bits_of("bits1", first);
    bits_of("bits2", second);
    assert_string_equal(first, second);
}

/* --- precision ---------------------------------------------------------------------------------------------------- */

static void tf32_is_a_row_of_its_own(void **state) {
    (void)state;
    char exact[256];
    assert_int_equal(shell(LIBRARIES LENET "-O fp32"), 0);
    snprintf(exact, sizeof exact, "%s", of_row("fp32", 0, "workload_hash"));
    for (int cut = 0; cut < 2; cut++) {
        const char *session = cut ? "cut" : "tf32";
        assert_int_equal(shell(LIBRARIES
                               "TEST_TF32=%s $R run size/lenet --dataset sample -B 4 --train-size 8 --valid-size "
                               "8 --max-steps 2 -d cuda,cpu "
                               "--precision tf32 -O %s",
                               session, session),
                         0); /* cuda alone has it */
        assert_row(session, "status", "ok");
        assert_row(session, "precision", "tf32");
        assert_row(session, "provider", "own cudnn cublas"); /* auto */
        assert_row(session, "verify", "quick");
        double error = atof(of_row(session, 0, "verify_max_rel_err"));
        assert_true(error > 1e-5 && error < 0.02);
        assert_string_not_equal(of_row(session, 0, "workload_hash"), exact);
        assert_string_equal(of_row(session, 1, "status"), "unsupported");
        assert_string_equal(of_row(session, 1, "status_reason"), "the cpu has no precision tf32; it has: fp32");
    }
    /* nor is it the run of that name in fp32 */
    assert_int_equal(shell(LIBRARIES LENET "--precision tf32 --resume -O fp32"), 0);
    assert_string_equal(of_row("fp32", 1, "precision"), "tf32");
    assert_int_equal(shell(LIBRARIES LENET "--precision tf32 --provider own -O own"), 77);
    assert_non_null(strstr(of_row("own", 0, "status_reason"), "own kernels compute in fp32: precision tf32 wants"));
    assert_int_equal(shell(LIBRARIES "NVIDIA_TF32_OVERRIDE=0 " LENET "--precision tf32 -O off"), 77);
    assert_non_null(strstr(of_row("off", 0, "status_reason"), "NVIDIA_TF32_OVERRIDE=0 turns tf32 off"));
    assert_int_equal(shell(LIBRARIES LENET "--precision fp16"), 2);
    assert_has(err, "fp32|tf32|bf16");
}

/* What is rounded is in test_cuda_bf16; here, what the rows say. */
static void bf16_is_a_row_of_its_own(void **state) {
    (void)state;
    assert_int_equal(shell(LIBRARIES LENET "-d cpu --precision bf16 -O bf16"), 0);
    assert_row("bf16", "status", "ok");
    assert_row("bf16", "precision", "bf16");
    assert_row("bf16", "provider", "own cudnn cublas"); /* auto */
    assert_row("bf16", "verify", "quick");
    double error = atof(of_row("bf16", 0, "verify_max_rel_err"));
    assert_true(error > 1e-4 && error < 0.06);
    assert_string_equal(of_row("bf16", 1, "status_reason"), "the cpu has no precision bf16; it has: fp32");
    assert_int_equal(shell(LIBRARIES LENET "--precision bf16 --provider own -O own16"), 77);
    assert_non_null(strstr(of_row("own16", 0, "status_reason"), "own kernels compute in fp32: precision bf16 wants"));
    /* a library that lacks algorithms leaves its products to fp32, and says so */
    assert_int_equal(
        shell(LIBRARIES "TEST_CUDNN=none=1 TEST_CUBLAS=plain=1 " LENET "--precision bf16 --submit eager -O some"), 0);
    assert_row("some", "provider", "own cublas");
}

/* A row of another precision has products in it. */
static void a_precision_without_products_is_refused(void **state) {
    (void)state;
    assert_int_equal(shell(LIBRARIES
                           "TEST_CUBLAS=none=1 $R run size/mlp --dataset sample -B 4 --train-size 8 --valid-size 8 "
                           "--max-steps 2 -d cuda --precision tf32 -O without"),
                     77);
    assert_non_null(strstr(of_row("without", 0, "status_reason"),
                           "no product of size/mlp would be in tf32: the libraries take none of them"));
    static const char *const precisions[] = {"tf32", "bf16"};
    for (int k = 0; k < 2; k++) {
        char session[16];
        snprintf(session, sizeof session, "turing%d", k);
        assert_int_equal(
            shell(LIBRARIES "TEST_CUDA=capability=75 " LENET "--precision %s -O %s", precisions[k], session), 77);
        assert_non_null(strstr(of_row(session, 0, "status_reason"), "compute capability 7.5 has no "));
    }
}

/* 2 u L more than fp32's, for a model of L products one behind the other. */
static void tolerance_follows_the_rounding(void **state) {
    (void)state;
    const rb_case *c;
    rb_layout layout = rb_layout_canonical();
    rb_program *program;
    assert_int_equal(rb_case_find("size/lenet", &c), RB_OK);
    assert_int_equal(rb_case_compile(c, &layout, &program), RB_OK);
    rb_device_info info = {0};
    assert_true(rb_verify_tolerance(&info, program) == RB_VERIFY_TOLERANCE);
    info.product_roundoff = RB_ROUNDOFF_TF32;
    assert_true(fabs(rb_verify_tolerance(&info, program) - (1e-4 + 2 * 5.0 / 1024)) < 1e-12);
    info.product_roundoff = info.result_roundoff = RB_ROUNDOFF_BF16;
    assert_true(fabs(rb_verify_tolerance(&info, program) - (1e-4 + 3 * 5.0 / 256)) < 1e-12);
    rb_program_free(program);
}

/* --- NVIDIA's own libraries --------------------------------------------------------------------------------------- */

static void look_up(const char *const *files, const char *const *symbols, size_t n) {
    void *library = NULL;
    for (int i = 0; files[i] && !library; i++) library = dlopen(files[i], RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        print_message("%s is not here\n", files[0]);
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (!dlsym(library, symbols[i])) fail_msg("%s has no %s", files[0], symbols[i]);
}

static void the_libraries_have_what_is_called(void **state) {
    (void)state;
    static const char *const cublas[] = {
#define RB_CUBLAS(name, symbol) #symbol,
#include "cuda/cublas.def"
#undef RB_CUBLAS
    };
    static const char *const cudnn[] = {
#define RB_CUDNN(name, symbol) #symbol,
#include "cuda/cudnn.def"
#undef RB_CUDNN
    };
    look_up((const char *const[]){"libcublasLt.so.13", "/usr/local/cuda/lib64/libcublasLt.so.13", NULL}, cublas,
            sizeof cublas / sizeof *cublas);
    look_up((const char *const[]){"libcudnn.so.9", "/usr/local/cuda/lib64/libcudnn.so.9", NULL}, cudnn,
            sizeof cudnn / sizeof *cudnn);
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
#if defined(REGBENCH_HAVE_CUDA) && defined(TEST_HOST_CUBLAS) && defined(TEST_HOST_CUDNN)
        cmocka_unit_test(a_missing_library_costs_a_row),
        cmocka_unit_test(the_row_says_whose_code_ran),
        cmocka_unit_test(relu_is_taken_along),
        cmocka_unit_test(a_device_lost_while_choosing_is_lost),
        cmocka_unit_test(calls_are_timed),
        cmocka_unit_test(versions_are_told),
        cmocka_unit_test(the_same_bits_again),
        cmocka_unit_test(tf32_is_a_row_of_its_own),
        cmocka_unit_test(bf16_is_a_row_of_its_own),
        cmocka_unit_test(a_precision_without_products_is_refused),
        cmocka_unit_test(tolerance_follows_the_rounding),
        cmocka_unit_test(the_libraries_have_what_is_called),
#else
        cmocka_unit_test(no_backend),
#endif
    };
    return cmocka_run_group_tests(tests, begin, end);
}
