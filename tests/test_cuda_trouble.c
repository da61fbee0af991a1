/* test_cuda_trouble.c: bad situations on a CUDA device: memory that is short, a driver that refuses, a device that is
 * lost, taken or shared. Each costs a row that says what was and what to do, and nothing else.
 *
 * The program runs over tests/cuda's stand-ins for NVIDIA's libraries. */
#include "cuda/cli.h"

#include "regbench/backend.h"
#include "report/csv_read.h"

#ifdef REGBENCH_HAVE_CUDA

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

/* In the middle of a run: that item's row says so, the next opens the device anew. */
static void a_lost_device_costs_one_item(void **state) {
    (void)state;
    static const struct {
        const char *fail, *said;
    } ways[] = {{"cuGraphLaunch:2:719", "launch a graph of steps: CUDA_ERROR_LAUNCH_FAILED (719)"},
                {"cuStreamSynchronize:5:214", "CUDA_ERROR_ECC_UNCORRECTABLE (214)"},
                {"cuMemcpyDtoHAsync_v2:1:999", "CUDA_ERROR_UNKNOWN (999)"}}; /* fallen off the bus */
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        print_message("%s\n", ways[i].fail);
        assert_int_equal(
            shell(HOST "TEST_CUDA=fail=%s,once=$PWD/once%zu " RUN "-d cuda -s 1-2 -O item%zu", ways[i].fail, i, i), 4);
        assert_int_equal(count(&out, ",device-error,"), 1);
        assert_int_equal(count(&out, ",ok,"), 1);
        assert_has(out, ways[i].said);
        assert_has(out, "; the device is lost to this process");
    }
}

static void what_the_driver_refuses(void **state) {
    (void)state;
    /* somebody else has the card */
    assert_int_equal(shell(HOST "TEST_CUDA=fail=cuDevicePrimaryCtxRetain:1:46,mode=3 " RUN "-d cuda -O mode3"), 4);
    assert_has(out, ",device-error,");
    assert_has(out, "another process has it, and its compute mode is exclusive: wait, or `nvidia-smi -c DEFAULT`");
    assert_int_equal(shell(HOST "TEST_CUDA=fail=cuDevicePrimaryCtxRetain:1:46 " RUN "-d cuda -O mode0"), 4);
    assert_has(out, "CUDA_ERROR_DEVICE_UNAVAILABLE");
    /* no context fits beside others */
    assert_int_equal(shell(HOST "TEST_CUDA=fail=cuDevicePrimaryCtxRetain:1:2 " RUN "-d cuda -O context"), 4);
    assert_has(out, ",oom,");
    /* nor a graph */
    assert_int_equal(shell(HOST "TEST_CUDA=fail=cuGraphInstantiateWithFlags:1:2 " RUN "-d cuda -O graph"), 4);
    assert_has(out, ",oom,");
    /* a newer device gets PTX, which only a driver as new as the compiler takes */
    assert_int_equal(shell(HOST "XDG_CACHE_HOME=$PWD/ptx TEST_CUDA=capability=120,fail=cuModuleLoadData:1:222 " RUN
                                "-d cuda -O ptx"),
                     4);
    assert_has(out, "the driver, of CUDA 13.0, does not take the PTX that NVRTC 13.0 made (222): update NVIDIA's "
                    "driver, or name an NVRTC of CUDA 13.0 or older in REGBENCH_NVRTC_LIBRARY");
    /* what no other process can load must not stay in the cache */
    assert_int_equal(shell("ls ptx/regbench/cuda/*.bin"), 2);
    assert_refused(shell(HOST "TEST_CUDA=fail=cuInit:1:803 " LISTED), "the driver does not start");
}

static void the_largest_batch_that_fits(void **state) {
    (void)state;
    rb_csv csv;
    char path[256];
    assert_int_equal(shell(HOST "TEST_CUDA=free=6000000 $R bench size/mlp --dataset sample -B 8 --train-size 200 "
                                "--verify off --mode largest-batch -d cuda -O largest"),
                     0);
    snprintf(path, sizeof path, "%s/largest/runs.csv", folder);
    assert_int_equal(rb_csv_read(path, &csv), RB_OK);
    int batch = atoi(rb_csv_get(&csv, 0, "batch_size"));
    print_message("largest batch %d\n", batch);
    assert_true(batch > 8 && batch < 200);
    assert_string_equal(rb_csv_get(&csv, 0, "stop_reason"), "memory");
    rb_csv_free(&csv);
}

/* Both compile, each writes whole files, a third finds them. */
static void two_processes_and_a_cold_cache(void **state) {
    (void)state;
    assert_int_equal(shell("a() { " HOST "XDG_CACHE_HOME=$PWD/cold " RUN "-d cuda -s $1 -O both$1; }; "
                           "a 1 >out1 & a 2 >out2; second=$?; wait $!; echo $? $second; cat out1 out2"),
                     0);
    assert_has(out, "0 0\n");
    assert_int_equal(count(&out, ",ok,"), 2);
    assert_int_equal(shell("ls cold/regbench/cuda/* | grep -v '[.]bin$'"), 1); /* no half a file left */
    assert_int_equal(shell(HOST "XDG_CACHE_HOME=$PWD/cold TEST_NVRTC=sources=/no/folder " RUN "-d cuda -v -O both3"),
                     0);
    assert_null(strstr(rb_text_string(&err), "is ignored"));
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
#ifdef REGBENCH_HAVE_CUDA
        cmocka_unit_test(trouble_costs_a_row),
        cmocka_unit_test(a_lost_device_can_be_opened_again),
        cmocka_unit_test(kernels_that_do_not_compile),
        cmocka_unit_test(a_lost_device_costs_one_item),
        cmocka_unit_test(what_the_driver_refuses),
        cmocka_unit_test(the_largest_batch_that_fits),
        cmocka_unit_test(two_processes_and_a_cold_cache),
#else
        cmocka_unit_test(no_backend),
#endif
    };
    return cmocka_run_group_tests(tests, begin, end);
}
