/* test_opencl.c: what the opencl backend promises beyond right numbers: few launches, the same bits every time, a clear
 * word about kernels that do not compile, a cache that survives damage, vector code.
 *
 * usage: test_opencl, or test_opencl --bits CASE DATASET STEPS: trains so many steps and prints a hash of the
 * parameters. */
#include "cli_util.h"

#include "core/sha256.h"
#include "golden_run.h"
#include "regbench/check.h"

/* --- launches ----------------------------------------------------------------------------------------------------- */

static int launches_of(const char *name, const char *dataset, const char *quirks) {
    const rb_case *c;
    rb_device_id id = found_device("opencl");
    rb_device *device;
    rb_layout layout;
    rb_program *program;
    rb_store *store;
    rb_bound *bound;
    rb_dataset shape = {.n_train = 4096, .n_test = 1024, .C = strcmp(dataset, "cifar") ? 1 : 3, .stddev = 1};
    shape.H = shape.W = shape.C == 1 ? 28 : 32;
    shape.classes = 10;
    snprintf(shape.name, sizeof shape.name, "%s", dataset);
    assert_ok(rb_case_find(name, &c));
    rb_case mine = *c;
    mine.n_train = 2048;
    mine.n_valid = 1024;
    assert_ok(id.backend->open(id.index, &(rb_open_options){.quirks = quirks}, &device));
    id.backend->layout(device, &layout);
    rb_spec spec;
    assert_ok(rb_case_spec(&mine, &shape, &spec));
    assert_ok(rb_program_compile(&spec, &layout, &program));
    assert_ok(id.backend->store_new(device, program->bytes, &store));
    assert_ok(id.backend->bind(store, program, &program->variant[RB_VARIANT_TRAIN], &bound));
    int n = id.backend->launches(bound);
    id.backend->unbind(bound);
    id.backend->store_free(store);
    rb_program_free(program);
    id.backend->close(device);
    return n;
}

#define GPU_FAMILY "family=gpu,max_wg=64,local_mem=32768"

static void a_step_has_few_launches(void **state) {
    (void)state;
    (void)found_device("opencl");
    static const struct {
        const char *name, *dataset;
        int most, most_gpu; /* 0: not looked at, to save the time of compiling */
    } cases[] = {{"size/mlp", "fashion", 5, 10},
                 {"size/deep-mlp", "fashion", 5, 0},
                 {"trajectory/mlp-b256", "mnist", 5, 0},
                 {"cnn/mnist", "mnist", 12, 15},
                 {"cnn/cifar", "cifar", 12, 0},
                 {"size/lenet", "fashion", 20, 0},
                 {"trajectory/batchnorm-dropout", "mnist", 12, 0},
                 {"tricks/cnn-batchnorm", "cifar", 22, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int cpu = launches_of(cases[i].name, cases[i].dataset, NULL);
        print_message("%s: %d launches\n", cases[i].name, cpu);
        assert_in_range(cpu, 4, cases[i].most);
        if (!cases[i].most_gpu) continue;
        int gpu = launches_of(cases[i].name, cases[i].dataset, GPU_FAMILY);
        print_message("%s: %d launches in the gpu family\n", cases[i].name, gpu);
        assert_in_range(gpu, 4, cases[i].most_gpu);
    }
}

/* --- bits --------------------------------------------------------------------------------------------------------- */

static rb_status print_bits(char *const *what) {
    rb_status status = RB_OK;
    const rb_case *c;
    rb_device_id id;
    rb_device *device = NULL;
    rb_trainer *trainer = NULL;
    rb_dataset *data = NULL;
    rb_run_result result;
    char hex[65];
    float *values = NULL;
    RB_TRY(rb_case_find(what[0], &c));
    rb_case mine = *c;
    mine.n_train = 2000; /* the last batch of an epoch is shorter */
    RB_TRY(rb_dataset_load(what[1], &(rb_data_options){0}, &data));
    RB_TRY(rb_device_select("opencl", &id));
    RB_TRY(id.backend->open(id.index, &(rb_open_options){0}, &device));
    RB_TRY(rb_trainer_new(id.backend, device, &mine, data, 1, &trainer));
    RB_TRY(rb_train(trainer, &(rb_run_options){.max_steps = atoi(what[2]), .no_eval = true}, &result));
    const rb_program *p = rb_trainer_program(trainer);
    size_t bytes = p->bytes[RB_SEG_PARAM];
    values = malloc(bytes);
    if (!values) return rb_fail(RB_MEMORY, "out of memory");
    RB_TRY(id.backend->get(rb_trainer_store(trainer), RB_SEG_PARAM, 0, bytes, values));
    RB_TRY(rb_sha256(values, bytes, hex));
    printf("%s\n", hex);
cleanup:
    free(values);
    rb_trainer_free(trainer);
    if (device) id.backend->close(device);
    rb_dataset_free(data);
    if (status != RB_OK) fprintf(stderr, "%s\n", rb_error_last()->text);
    return status;
}

static void the_same_bits_every_time(void **state) {
    (void)state;
    (void)found_device("opencl");
    /* again; on one thread; compiled anew; by PoCL's other scheduler */
    static const char *const settings[] = {"", "POCL_MAX_PTHREAD_COUNT=1", "POCL_CACHE_DIR=$PWD/fresh",
                                           "POCL_DEVICES=basic"};
    static const char *const models[] = {"size/mlp fashion 20", "cnn/mnist fashion 10"}; /* each past a shorter batch */
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        char first[80];
        assert_int_equal(shell("$T --bits %s", models[m]), 0);
        snprintf(first, sizeof first, "%s", rb_text_string(&out));
        assert_int_equal(strlen(first), 65);
        for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
            assert_int_equal(shell("%s $T --bits %s", settings[i], models[m]), 0);
            assert_string_equal(rb_text_string(&out), first);
        }
    }
}

/* --- compilers in trouble ----------------------------------------------------------------------------------------- */

#define RUN "$R run size/mlp -d opencl --train-size 256 --max-steps 2 --verify off -o csv"

static void kernels_that_do_not_compile(void **state) {
    (void)state;
    (void)found_device("opencl");
    assert_int_equal(shell("cp -r %s/../cl broken && echo 'void no { this is not C' >> broken/linear.cl", TEST_FOLDER),
                     0);
    assert_int_equal(shell("XDG_CACHE_HOME=$PWD/cache REGBENCH_CL_DIR=$PWD/broken " RUN " -O refused"), 77);
    assert_has(out, ",unsupported,");
    assert_has(out, "linear.cl");
    assert_has(out, "/cache/regbench/opencl/");
    assert_int_equal(shell("grep -q 'error' cache/regbench/opencl/*.log && grep -q 'this is not C' "
                           "cache/regbench/opencl/*.cl"),
                     0);
    assert_int_equal(shell("rm broken/update.cl; REGBENCH_CL_DIR=$PWD/broken " RUN " -O lacking"), 2);
    assert_has(err, "update.cl");
}

static void a_compiler_that_aborts_costs_one_item(void **state) {
    (void)state;
    (void)found_device("opencl");
    assert_int_equal(shell("LD_PRELOAD=%s $R run size/mlp -d opencl,reference --train-size 64 -B 32 --max-steps 1 "
                           "--verify off -O aborted -o csv",
                           ABORTING_COMPILER),
                     4);
    assert_has(out, ",crash,");
    assert_has(out, ",ok,");
}

static void compilers_that_fail_otherwise(void **state) {
    (void)state;
    (void)found_device("opencl");
    const char *run = "$R run size/mlp -d opencl --train-size 64 -B 32 --max-steps 1 --verify off -o csv";
    /* groups smaller than ours */
    assert_int_not_equal(shell("LD_PRELOAD=%s TEST_COMPILER=few %s -O few --quirk family=gpu,work_group=64,max_wg=64",
                               ABORTING_COMPILER, run),
                         0);
    assert_has(out, ",unsupported,");
    assert_has(err, "in groups of at most 24 work-items, not 64: use --quirk work_group=16");
    assert_int_equal(shell("LD_PRELOAD=%s TEST_COMPILER=few %s -O fewer --quirk family=gpu,work_group=16,max_wg=64",
                           ABORTING_COMPILER, run),
                     0);
    /* CL_OUT_OF_RESOURCES is neither the source's fault nor a lack of memory */
    assert_int_not_equal(shell("LD_PRELOAD=%s TEST_COMPILER=-5 %s -O without", ABORTING_COMPILER, run), 0);
    assert_null(strstr(rb_text_string(&out), ",unsupported,"));
    assert_has(err, "build kernels: CL_OUT_OF_RESOURCES");
}

/* --- limits ------------------------------------------------------------------------------------------------------- */

static const rb_layer large_maps[] = {RB_CONV(20, .kernel = 3, .pad = 1),
                                      RB_RELU,
                                      RB_CONV(32, .kernel = 3, .pad = 1),
                                      RB_RELU,
                                      RB_MAXPOOL(4),
                                      RB_AVGPOOL(4),
                                      RB_LINEAR(3),
                                      RB_END};

/* A GPU's place on the PCI bus leads to what NVIDIA's library tells of it. */
static void a_gpus_bus_leads_to_its_readings(void **state) {
    (void)state;
    static const char *const ways[] = {"khr", "nv"};
    (void)found_device("opencl");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(shell("LD_PRELOAD=" TEST_PCI_BUS " TEST_BUS=%s $R devices -d opencl:0 -o csv", ways[i]), 0);
        assert_has(out, "; pci_bus=0000:01:00.0; ");
        assert_int_equal(shell("LD_PRELOAD=" TEST_PCI_BUS " TEST_BUS=%s REGBENCH_NVML_LIBRARY=" TEST_HOST_NVML
                               " $R doctor -d opencl:0 -o csv >found && grep 'energy of opencl:0' found",
                               ways[i]),
                         0);
        assert_has(out, ",readable,");
    }
    assert_int_equal(shell("$R devices -d opencl:0 -o csv"), 0);
    assert_null(strstr(rb_text_string(&out), "pci_bus"));
}

/* Images that do not fit a thread's stack, with and without what would merge with a pooling. */
static void maps_larger_than_a_stack(void **state) {
    (void)state;
    enum { SIDE = 200 };
    static uint8_t pixels[3 * SIDE * SIDE];
    static const int32_t labels[3] = {0, 2, 1};
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * i % 251);
    rb_dataset data = {.n_train = 2,
                       .n_test = 1,
                       .C = 1,
                       .H = SIDE,
                       .W = SIDE,
                       .classes = 3,
                       .x_dtype = RB_U8,
                       .stddev = 1,
                       .x = pixels,
                       .labels = labels};
    rb_case c = {.name = "test/large", .layers = large_maps, .dataset = "made", .batch = 2, .epochs = 1, .lr = 0.1f};
    rb_device_id id = found_device("opencl");
    rb_device *device;
    double error = 1;
    assert_ok(id.backend->open(id.index, NULL, &device));
    assert_ok(rb_verify(id.backend, device, &c, &data, 1, 1, 2, &error));
    print_message("relative error %g\n", error);
    id.backend->close(device);
}

static void more_elements_than_an_int_counts(void **state) {
    (void)state;
    rb_device_id id = found_device("opencl");
    const rb_case *c;
    rb_device *device;
    rb_layout layout;
    rb_program *program;
    rb_spec spec;
    assert_ok(rb_case_find("size/mlp", &c));
    assert_ok(id.backend->open(id.index, NULL, &device));
    id.backend->layout(device, &layout);
    rb_dataset shape = {.n_train = 2739000, .C = 1, .H = 28, .W = 28, .classes = 10, .stddev = 1};
    for (int more = 0; more < 2; more++) { /* 2739137 * 784 is just below 2^31 */
        shape.n_test = 137 + more;
        assert_ok(rb_case_spec(c, &shape, &spec));
        assert_ok(rb_program_compile(&spec, &layout, &program));
        rb_status status = rb_backend_supports(id.backend, device, program);
        if (more) {
            assert_int_equal(status, RB_UNSUPPORTED);
            assert_non_null(strstr(rb_error_last()->text, "elements, OpenCL's kernels count up to 2147483647"));
        } else {
            assert_int_equal(status, RB_OK);
        }
        rb_program_free(program);
    }
    id.backend->close(device);
}

/* --- the cache ---------------------------------------------------------------------------------------------------- */

static void the_cache_survives_damage(void **state) {
    (void)state;
    (void)found_device("opencl");
    const char *run = "XDG_CACHE_HOME=$PWD/kept " RUN " --quirk cache=on -v";
    assert_int_equal(shell("%s -O one", run), 0);
    assert_int_equal(shell("cd kept/regbench/opencl && ls *.bin && cksum *.bin >../sums"), 0);
    assert_int_equal(shell("%s -O two && cd kept/regbench/opencl && cksum *.bin | cmp - ../sums", run), 0);
    assert_null(strstr(rb_text_string(&err), "is ignored"));
    /* cut short, a bit turned, emptied: not used, and written anew (a driver may write other bytes then) */
    static const char *const damage[] = {"truncate -s 1000 $f", "printf x | dd of=$f bs=1 seek=2000 conv=notrunc",
                                         ": > $f"};
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        assert_int_equal(shell("cd kept/regbench/opencl && for f in *.bin; do %s; done", damage[i]), 0);
        assert_int_equal(shell("%s -O damaged%zu", run, i), 0);
        assert_has(err, "is ignored");
        assert_int_equal(shell("cd kept/regbench/opencl && cksum *.bin >../sums"), 0);
        assert_int_equal(shell("%s -O mended%zu && cd kept/regbench/opencl && cksum *.bin | cmp - ../sums", run, i), 0);
        assert_null(strstr(rb_text_string(&err), "is ignored"));
    }
    /* Other options have files of their own and leave these alone. */
    assert_int_equal(shell("XDG_CACHE_HOME=$PWD/kept " RUN
                           " --quirk cache=on,mac=expr -O other && cd kept/regbench/opencl && "
                           "cksum $(sed 's/.* //' ../sums) | cmp - ../sums && ls *.bin | wc -l && wc -l <../sums"),
                     0);
    assert_null(strstr(rb_text_string(&err), "is ignored"));
    int files = 0, before = 0;
    const char *counts = strrchr(rb_text_string(&out), ',') ? strchr(strrchr(rb_text_string(&out), ','), '\n') : NULL;
    assert_true(counts && sscanf(counts, "%d %d", &files, &before) == 2 && files > before);
    /* a good program that is another's: its kernels have other names */
    assert_int_equal(shell("cd kept/regbench/opencl && set -- *.bin && [ $# -gt 1 ] && last=$1 && cp $1 first && "
                           "for f in \"$@\"; do cp $f $last; last=$f; done && cp first $last && rm first"),
                     0);
    assert_int_equal(shell("%s -O exchanged", run), 0);
    assert_int_equal(shell("ls kept/regbench/opencl | grep -c tmp"), 1);
    /* a cache that cannot be made */
    assert_int_equal(
        shell(": > file; POCL_CACHE_DIR=$PWD/pocl XDG_CACHE_HOME=$PWD/file " RUN " --quirk cache=on -O nowhere"), 0);
}

/* --- code --------------------------------------------------------------------------------------------------------- */

static void products_use_wide_multiply_adds(void **state) {
    (void)state;
    (void)found_device("opencl");
    if (shell("grep -q avx512f /proc/cpuinfo && command -v objdump && $R devices -d opencl -o csv | grep -qi pocl")) {
        print_message("needs PoCL on a processor with AVX-512, and objdump\n");
        skip();
    }
    assert_int_equal(shell("POCL_CACHE_DIR=$PWD/code " RUN " -O code-run"), 0);
    /* PoCL leaves each kernel as a library of its own: the multiply-adds of linear layers are on 512-bit registers. */
    assert_int_equal(
        shell("for f in $(find code -name '*.so' -path '*linear*'); do objdump -d --no-show-raw-insn $f; "
              "done > asm; for p in 'vfmadd.*zmm' 'vfmadd.*[xy]mm' 'vmulps.*zmm'; do grep -c \"$p\" asm; done; true"),
        0);
    int wide = 0, narrow = 0, apart = 0;
    assert_int_equal(sscanf(rb_text_string(&out), "%d %d %d", &wide, &narrow, &apart), 3);
    print_message("multiply-adds: %d of 512 bits, %d narrower, %d products alone\n", wide, narrow, apart);
    assert_true(wide > 100);
    assert_true(narrow < wide / 4);
}

int main(int argc, char **argv) {
    if (argc == 5 && strcmp(argv[1], "--bits") == 0) return print_bits(argv + 2) == RB_OK ? 0 : 1;
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) self[n] = '\0', setenv("T", self, 1);
    cmocka_set_test_filter(getenv("ONLY_TEST"));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_has_few_launches),          cmocka_unit_test(the_same_bits_every_time),
        cmocka_unit_test(kernels_that_do_not_compile),      cmocka_unit_test(a_compiler_that_aborts_costs_one_item),
        cmocka_unit_test(compilers_that_fail_otherwise),    cmocka_unit_test(maps_larger_than_a_stack),
        cmocka_unit_test(more_elements_than_an_int_counts), cmocka_unit_test(the_cache_survives_damage),
        cmocka_unit_test(products_use_wide_multiply_adds),  cmocka_unit_test(a_gpus_bus_leads_to_its_readings),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
