/* test_cuda.c: the cuda backend without a GPU: what it says where something is missing, and what it does when a device
 * runs out of memory or is lost; graphs, order of threads, the cache.
 *
 * The program runs over tests/cuda's stand-ins for NVIDIA's libraries. */
#include "cli_util.h"

#include <math.h>

#include "regbench/backend.h"
#include "report/csv_read.h"

#ifdef REGBENCH_HAVE_CUDA

#define HOST                                                                                                           \
    "REGBENCH_CUDA_LIBRARY=" TEST_HOST_DRIVER " REGBENCH_NVRTC_LIBRARY=" TEST_HOST_NVRTC " XDG_CACHE_HOME=$PWD/cache "
#define LISTED "$R devices -d cuda -o csv"
/* data that needs no file, a small network */
#define RUN "$R run size/mlp --dataset sample -B 8 --train-size 16 --max-steps 3 --verify off -o csv "

/* One line on stderr, nothing on stdout. */
static void assert_refused(int code, const char *part) {
    assert_int_equal(code, 77);
    assert_has(err, part);
    assert_int_equal(lines(rb_text_string(&err)), 1);
    assert_string_equal(rb_text_string(&out), "");
}

/* --- what is missing ---------------------------------------------------------------------------------------------- */

static void what_is_missing_is_named(void **state) {
    (void)state;
    assert_refused(shell("REGBENCH_CUDA_LIBRARY=/no/libcuda.so.1 " LISTED),
                   "no driver: /no/libcuda.so.1 cannot be opened; install NVIDIA's driver (Debian: nvidia-driver)");
    assert_refused(shell(HOST "TEST_CUDA=version=11080 " LISTED), "the driver is of CUDA 11.8, older than 12: update");
    assert_refused(shell(HOST "TEST_CUDA=devices=0 " LISTED), "the driver finds no device");
    assert_refused(shell(HOST "REGBENCH_NVRTC_LIBRARY=/no/libnvrtc.so " LISTED),
                   "libnvrtc.so.13 is not found: install NVIDIA's package cuda-nvrtc-13-0");
    assert_refused(shell(HOST "TEST_CUDA=version=12040 " LISTED),
                   "CUDA's compiler is of 13.0, newer than the driver, 12.4: update the driver or install NVRTC 12");
    assert_refused(shell(HOST "REGBENCH_CUDA_LIBRARY=" TEST_HOST_NVRTC " " LISTED),
                   "the driver's library has no cuInit");
    assert_refused(shell(HOST "TEST_CUDA=capability=70 " LISTED),
                   "is left out: its compute capability is 7.0, CUDA's compiler 13.0 wants 7.5 or more");
    /* The rest of the program goes on. */
    assert_int_equal(shell("REGBENCH_CUDA_LIBRARY=/no/libcuda.so.1 $R devices -o csv"), 0);
    assert_has(err, "backend cuda: no driver");
    assert_has(out, "cpu");
}

static void a_device_is_described(void **state) {
    (void)state;
    assert_int_equal(shell(HOST LISTED), 0);
    assert_has(out,
               "1,cuda:0,cuda,host processor as a CUDA device,\"NVIDIA, CUDA 13.0\",sm_90,4,4096,,gpu,CUDA,NVIDIA,");
    assert_has(out, "compute_capability=9.0; memory_bytes=4294967296; sm_count=4;");
    assert_has(out, "quirk submit=graph");
    assert_null(strstr(rb_text_string(&out), "power"));
    assert_int_equal(shell(HOST "REGBENCH_NVML_LIBRARY=" TEST_HOST_DRIVER " " LISTED " --quirk submit=eager"), 0);
    assert_has(out, "\"NVIDIA 580.65.06, CUDA 13.0\"");
    assert_has(
        out,
        "; power_limit_w=700.0; power_w=123.4; temperature_c=41; sm_clock_now_mhz=1980; memory_clock_now_mhz=3201;");
    assert_has(out, "quirk submit=eager");
    assert_int_equal(shell(HOST RUN "-d cuda --quirk submit=eeger -O quirk"), 2);
    assert_has(err, "must be one of graph|eager; did you mean \"eager\"?");
    assert_int_equal(shell(HOST RUN "-d cuda --provider cudn -O provider"), 2);
    assert_has(err, "unknown provider \"cudn\" of cuda");
}

/* --- trouble ------------------------------------------------------------------------------------------------------ */

static void trouble_costs_a_row(void **state) {
    (void)state;
    /* the device has the memory, but somebody else uses it */
    assert_int_equal(shell(HOST "TEST_CUDA=free=1000000 " RUN "-d cuda,reference -O full"), 4);
    assert_has(out, ",oom,");
    assert_has(out, "bytes are needed");
    assert_has(out, "of 4294967296 are free");
    assert_has(out, ",ok,");
    assert_int_equal(shell(HOST "TEST_CUDA=lost=20 " RUN "-d cuda,reference -O lost"), 4);
    assert_has(out, ",device-error,");
    assert_has(out, "CUDA_ERROR_LAUNCH_FAILED (719)");
    assert_has(out, ",ok,");
}

/* In one process: who opens a lost device anew finds it well. */
static void a_lost_device_can_be_opened_again(void **state) {
    (void)state;
    rb_device_id id;
    rb_device *device;
    rb_store *store;
    size_t bytes[RB_SEGMENTS] = {[RB_SEG_PARAM] = 64};
    char word[4] = {0};
    double rate;
    setenv("REGBENCH_CUDA_LIBRARY", TEST_HOST_DRIVER, 1);
    setenv("REGBENCH_NVRTC_LIBRARY", TEST_HOST_NVRTC, 1);
    setenv("TEST_CUDA", "lost=1", 1);
    assert_int_equal(rb_device_select("cuda", &id), RB_OK);
    assert_int_equal(id.backend->open(id.index, NULL, &device), RB_OK);
    assert_int_equal(id.backend->fma_peak(device, 0.0, &rate), RB_DEVICE);
    assert_int_equal(id.backend->store_new(device, bytes, &store), RB_DEVICE);
    id.backend->close(device);
    setenv("TEST_CUDA", "", 1);
    assert_int_equal(id.backend->open(id.index, NULL, &device), RB_OK);
    assert_int_equal(id.backend->store_new(device, bytes, &store), RB_OK);
    assert_int_equal(id.backend->put(store, RB_SEG_PARAM, 60, 4, "abcd"), RB_OK);
    assert_int_equal(id.backend->get(store, RB_SEG_PARAM, 60, 4, word), RB_OK);
    assert_memory_equal(word, "abcd", 4);
    assert_int_equal(id.backend->get(store, RB_SEG_PARAM, 0, 4, word), RB_OK);
    assert_memory_equal(word, "\0\0\0\0", 4); /* new memory is zero */
    assert_int_equal(id.backend->fma_peak(device, 0.0, &rate), RB_OK);
    assert_true(rate > 0.0);
    id.backend->store_free(store);
    id.backend->close(device);
    rb_error_clear();
}

static void kernels_that_do_not_compile(void **state) {
    (void)state;
    assert_int_equal(
        shell("cp -r %s/../cl broken && cp %s/../cuda/prelude.cu broken && echo 'void no { this is not C' >> "
              "broken/gemm.cl",
              TEST_FOLDER, TEST_FOLDER),
        0);
    assert_int_equal(shell(HOST "REGBENCH_CL_DIR=$PWD/broken " RUN "-d cuda -O refused"), 77);
    assert_has(out, ",unsupported,");
    assert_has(out, "gemm.cl");
    assert_int_equal(
        shell("grep -q error cache/regbench/cuda/*.log && grep -q 'this is not C' cache/regbench/cuda/*.cu"), 0);
}

/* --- the same bits ------------------------------------------------------------------------------------------------ */

/* Of the tensors in the checkpoint behind the last epoch: safetensors, whose header tells of the run. */
static void bits_of(const char *setting, const char *quirk, char hash[65]) {
    static int n;
    assert_int_equal(shell(HOST
                           "%s $R run size/mlp --dataset sample -B 8 --train-size 20 --epochs 2 --verify off -d cuda "
                           "--checkpoint-every 1 -O bits%d --quirk %s",
                           setting, n, quirk),
                     0);
    assert_int_equal(shell("for f in bits%d/checkpoints/*; do head=$(od -An -tu8 -N8 $f) && size=$(wc -c <$f) && "
                           "[ $((size - head)) -gt 100000 ] && tail -c +$((head + 9)) $f | sha256sum; done",
                           n++),
                     0);
    snprintf(hash, 65, "%.64s", rb_text_string(&out));
    assert_int_equal(strlen(hash), 64);
}

static void the_same_bits_in_any_order(void **state) {
    (void)state;
    static const struct {
        const char *setting, *quirk;
    } ways[] = {{"TEST_CUDA=order=1", "submit=graph"},
                {"TEST_CUDA=order=2", "submit=graph"},
                {"", "submit=eager"},
                {"TEST_CUDA=capability=120", "submit=graph"}}; /* newer than the compiler: PTX */
    char first[65], other[65];
    bits_of("", "submit=graph", first);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        print_message("%s %s\n", ways[i].setting, ways[i].quirk);
        bits_of(ways[i].setting, ways[i].quirk, other);
        assert_string_equal(first, other);
    }
}

/* Several steps are submitted at once; evaluation and its predictions, too. */
static void a_run_is_as_on_the_cpu(void **state) {
    (void)state;
    rb_csv csv;
    char path[256];
    assert_int_equal(shell(HOST "$R run size/mlp --dataset sample -B 8 --train-size 20 --epochs 3 -d cuda,cpu -O both"),
                     0);
    snprintf(path, sizeof path, "%s/both/epochs.csv", folder);
    assert_int_equal(rb_csv_read(path, &csv), RB_OK);
    assert_int_equal(csv.n_rows, 6);
    for (int row = 0; row < 3; row++) {
        static const char *const columns[] = {"step", "train_loss", "val_loss", "val_acc", "param_l2"};
        for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
            double cuda = atof(rb_csv_get(&csv, row, columns[i])), cpu = atof(rb_csv_get(&csv, row + 3, columns[i]));
            if (!(cuda > 0 && fabs(cuda - cpu) <= 1e-4 * cpu))
                fail_msg("epoch %d: %s is %g, on the cpu %g", row + 1, columns[i], cuda, cpu);
        }
    }
    rb_csv_free(&csv);
}

static void the_cache_survives_damage(void **state) {
    (void)state;
    const char *run = "XDG_CACHE_HOME=$PWD/kept " RUN "-d cuda -v";
    assert_int_equal(shell(HOST "%s -O one && cd kept/regbench/cuda && cksum *.bin >../sums", run), 0);
    /* used as it is: nobody compiles */
    assert_int_equal(shell(HOST
                           "TEST_NVRTC=sources=/no/folder %s -O two && cd kept/regbench/cuda && cksum *.bin | cmp - "
                           "../sums",
                           run),
                     0);
    assert_int_equal(shell("cd kept/regbench/cuda && for f in *.bin; do truncate -s 1000 $f; done"), 0);
    assert_int_equal(shell(HOST "%s -O three", run), 0);
    assert_has(err, "is ignored");
    assert_int_equal(shell(HOST "%s -O four", run), 0);
    assert_null(strstr(rb_text_string(&err), "is ignored"));
}
#else
static void no_backend(void **state) {
    (void)state;
    print_message("this build has no backend cuda\n");
    skip();
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
#ifdef REGBENCH_HAVE_CUDA
        cmocka_unit_test(what_is_missing_is_named),    cmocka_unit_test(a_device_is_described),
        cmocka_unit_test(trouble_costs_a_row),         cmocka_unit_test(a_lost_device_can_be_opened_again),
        cmocka_unit_test(kernels_that_do_not_compile), cmocka_unit_test(the_same_bits_in_any_order),
        cmocka_unit_test(a_run_is_as_on_the_cpu),      cmocka_unit_test(the_cache_survives_damage),
#else
        cmocka_unit_test(no_backend),
#endif
    };
    return cmocka_run_group_tests(tests, begin, end);
}
