/* test_cuda.c: the cuda backend without a GPU: what it says where something is missing, what a device
 * is, the same bits by graphs and in any order of threads, the cache.
 *
 * The program runs over tests/cuda's stand-ins for NVIDIA's libraries. */
#include "cuda/cli.h"

#include <math.h>

#include "report/csv_read.h"

#ifdef REGBENCH_HAVE_CUDA

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
                   "the driver's library has no cuDriverGetVersion");
    assert_refused(shell(HOST "REGBENCH_NVRTC_LIBRARY=" TEST_HOST_DRIVER " " LISTED),
                   "CUDA's compiler libnvrtc has no nvrtcVersion: update NVIDIA's package cuda-nvrtc");
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
    assert_has(out, "quirk graph_steps=32");
    assert_null(strstr(rb_text_string(&out), "power"));
    assert_int_equal(shell(HOST NVML LISTED " --quirk graph_steps=8"), 0);
    assert_has(out, "\"NVIDIA 580.65.06, CUDA 13.0\"");
    assert_has(out, "NVRTC 13.0");
    assert_has(out, "; ecc=0; compute_mode=0;");
    assert_has(out, "; pci_bus=0000:01:00.0; power_limit_w=700.0; power_w=123.4; energy_j=1005; temperature_c=41; "
                    "sm_clock_now_mhz=1980; memory_clock_now_mhz=3201; throttle_reasons=none;");
    assert_has(out, "quirk graph_steps=8");
    assert_int_equal(shell(HOST RUN "-d cuda --quirk graph_steps=0 -O quirk"), 2);
    assert_int_equal(shell(HOST RUN "-d cuda --submit eeger -O submit"), 2);
    assert_has(err,
               "unknown way to submit \"eeger\" of cuda; did you mean \"eager\"?; known: graph, graph-step, eager");
    assert_int_equal(shell(HOST RUN "-d cuda,cpu --submit graph -O submit"), 2);
    assert_has(err, "unknown way to submit \"graph\" of cpu");
    assert_int_equal(shell(HOST RUN "-d cuda --provider cudn -O provider"), 2);
    assert_has(err, "unknown provider \"cudn\" of cuda");
}

/* --- the same bits ------------------------------------------------------------------------------------------------ */

/* Of the tensors in the checkpoint behind the last epoch: safetensors, whose header tells of the run. An epoch is five
 * steps and a smaller one. */
static void bits_of(const char *setting, const char *flags, char hash[65]) {
    static int n;
    assert_int_equal(shell(HOST
                           "%s $R run size/mlp --dataset sample -B 8 --train-size 44 --epochs 2 --verify off -d cuda "
                           "--checkpoint-every 1 -O bits%d %s",
                           setting, n, flags),
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
        const char *setting, *flags;
    } ways[] = {{"TEST_CUDA=order=1", ""},     {"TEST_CUDA=order=2", ""},       {"", "--submit eager"},
                {"", "--submit graph-step"},   {"", "--quirk graph_steps=2"},     /* 2 + 2 + 1 */
                {"", "--quirk graph_steps=4"}, {"TEST_CUDA=capability=120", ""}}; /* newer than the compiler: PTX */
    char first[65], other[65];
    bits_of("", "", first);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        print_message("%s %s\n", ways[i].setting, ways[i].flags);
        bits_of(ways[i].setting, ways[i].flags, other);
        assert_string_equal(first, other);
    }
}

/* What the driver was asked for by two epochs of five steps and a smaller one; the loop feels its way through the
 * first. */
static void calls_of(const char *flags, long *kernels, long *graphs, long *most_nodes) {
    static int n;
    assert_int_equal(shell(HOST "TEST_CUDA=calls=$PWD/calls%d $R run size/mlp --dataset sample -B 8 --train-size 44 "
                                "--max-steps 12 --no-eval --verify off -d cuda -O calls-%d %s && tail -n 1 calls%d >&2",
                           n, n, flags, n),
                     0);
    const char *at = strstr(rb_text_string(&err), "kernels=");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "kernels=%ld graphs=%ld most_nodes=%ld", kernels, graphs, most_nodes), 3);
    print_message("%s: %s", flags, at);
    n++;
}

static void several_steps_are_one_launch(void **state) {
    (void)state;
    long kernels[4], graphs[4], nodes[4];
    calls_of("--submit eager", &kernels[0], &graphs[0], &nodes[0]);
    calls_of("--submit graph-step", &kernels[1], &graphs[1], &nodes[1]);
    calls_of("", &kernels[2], &graphs[2], &nodes[2]);
    calls_of("--quirk graph_steps=2", &kernels[3], &graphs[3], &nodes[3]);
    assert_true(kernels[0] > 5 * kernels[1] && graphs[0] == 0);
    assert_true(kernels[1] == kernels[2] && kernels[1] == kernels[3]); /* what bind tries out */
    assert_int_equal(graphs[1], 12);
    assert_int_equal(graphs[2], 12 - 4); /* five steps are one launch */
    assert_int_equal(nodes[2], 5 * nodes[1]);
    assert_true(graphs[3] < 12); /* 2 + 2 + 1 */
    assert_int_equal(nodes[3], 2 * nodes[1]);
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

/* Larger tiles, which local memory does not hold, are none to choose while it holds others. Kernels are only looked at:
 * nothing is compiled, and the run has nothing to say. */
static void a_tile_that_local_memory_holds_goes_first(void **state) {
    (void)state;
    static const char *const sizes[] = {"work_group=512,local_mem=32768", "work_group=256,local_mem=16384",
                                        "work_group=64,local_mem=8192"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        shell("mkdir tiles%zu && " HOST "TEST_NVRTC=sources=$PWD/tiles%zu " RUN
              "-d cuda -O tiles-%zu --quirk cache=off,%s",
              i, i, i, sizes[i]);
        assert_int_equal(shell("cat tiles%zu/*.cu", i), 0);
        if (count(&out, "#define LMEM 0") || !strstr(rb_text_string(&out), "#define BODY_gemm"))
            fail_msg("%s: a product without local memory, or none at all", sizes[i]);
    }
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
#ifdef REGBENCH_HAVE_CUDA
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(a_device_is_described),
        cmocka_unit_test(the_same_bits_in_any_order),
        cmocka_unit_test(several_steps_are_one_launch),
        cmocka_unit_test(a_run_is_as_on_the_cpu),
        cmocka_unit_test(the_cache_survives_damage),
        cmocka_unit_test(a_tile_that_local_memory_holds_goes_first),
#else
        cmocka_unit_test(no_backend),
#endif
    };
    return cmocka_run_group_tests(tests, begin, end);
}
