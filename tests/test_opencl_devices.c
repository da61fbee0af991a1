/* test_opencl_devices.c: OpenCL that is there, twice, broken, absent; selectors, quirks, kernels' texts.
 *
 * Drivers are asked in children of the program, as users do; what needs no driver is called in the module itself. */
#include <dlfcn.h>

#include "cli_util.h"
#include "regbench/backend.h"

#ifdef REGBENCH_HAVE_OPENCL
#include "kernel/sources.h"
#include "opencl/device.h"
#endif

/* One line on stderr, nothing on stdout. */
static void assert_one_line(const char *part) {
    assert_has(err, part);
    assert_int_equal(lines(rb_text_string(&err)), 1);
    assert_string_equal(rb_text_string(&out), "");
}

/* --- no OpenCL ------------------------------------------------------------------------------------------------------
 */

static void without_a_module_the_rest_works(void **state) {
    (void)state;
    assert_int_equal(shell("mkdir -p empty; export REGBENCH_MODULES=$PWD/empty; $R devices -o csv"), 0);
    assert_has(out, "cpu");
    assert_null(strstr(rb_text_string(&out), "opencl"));
    assert_has(err, "backend opencl: REGBENCH_MODULES: there is no ");
    assert_int_equal(shell("export REGBENCH_MODULES=$PWD/empty; $R devices -d opencl -o csv"), 77);
    assert_one_line("no device \"opencl\": backend opencl has 0 devices: REGBENCH_MODULES");
    assert_int_equal(shell("export REGBENCH_MODULES=$PWD/empty; $R run size/mlp -d opencl:0 -O no -o csv"), 77);
    assert_one_line("no device \"opencl:0\"");
    assert_int_equal(shell("[ -e no ]"), 1); /* before a folder is made */
    assert_int_equal(shell("export REGBENCH_MODULES=$PWD/empty; $R run size/mlp -n -o csv"), 0);
    assert_string_equal(rb_text_string(&err), "");
}

static void a_module_of_another_build_is_refused(void **state) {
    (void)state;
    assert_int_equal(shell("mkdir -p old; cp " TEST_MODULE_OLD " old/regbench_opencl.so\n"
                           "export REGBENCH_MODULES=$PWD/old; $R devices -d opencl -o csv"),
                     77);
    assert_one_line("is of another build (interface ");
    assert_int_equal(shell("mkdir -p odd; echo text > odd/regbench_opencl.so\n"
                           "export REGBENCH_MODULES=$PWD/odd; $R devices -d opencl -o csv"),
                     77);
    assert_one_line("odd/regbench_opencl.so");
}

#ifdef REGBENCH_HAVE_OPENCL

static const char *module_path(void) {
    static char path[512];
    const char *given = getenv("REGBENCH_MODULES"); /* a changed module of tests/mutate */
    if (!given) return TEST_MODULE;
    snprintf(path, sizeof path, "%s/regbench_opencl.so", given);
    return path;
}

static void without_the_loader_it_says_what_to_install(void **state) {
    (void)state;
    /* The module as it is, but wanting a library that nobody has. */
    assert_int_equal(shell("mkdir -p unlinked; sed 's/libOpenCL\\.so\\.1/libOpenCL.so.0/' %s > "
                           "unlinked/regbench_opencl.so\n"
                           "export REGBENCH_MODULES=$PWD/unlinked; $R devices -d opencl -o csv",
                           module_path()),
                     77);
    assert_one_line("libOpenCL.so.0 not found: install ocl-icd-libopencl1");
    assert_int_equal(shell("export REGBENCH_MODULES=$PWD/unlinked; $R devices -o csv"), 0);
    assert_has(out, "cpu");
    assert_has(err, "libOpenCL.so.0 not found: install ocl-icd-libopencl1");
}

/* --- drivers --------------------------------------------------------------------------------------------------------
 */

static void without_a_driver_it_says_what_to_install(void **state) {
    (void)state;
    assert_int_equal(shell("mkdir -p none; export OCL_ICD_VENDORS=$PWD/none; $R devices -d opencl -o csv"), 77);
    assert_one_line("no driver is installed; pocl-opencl-icd runs OpenCL on any CPU");
    assert_int_equal(shell("export OCL_ICD_VENDORS=$PWD/none; $R run size/mlp --max-steps 1 -O alone -o csv"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 2);
}

static void a_driver_without_its_library_is_named(void **state) {
    (void)state;
    assert_int_equal(shell("mkdir -p lost; echo /no/such/libdriver.so > lost/lost.icd\n"
                           "export OCL_ICD_VENDORS=$PWD/lost; $R devices -d opencl -o csv"),
                     77);
    assert_one_line("lost/lost.icd: /no/such/libdriver.so: cannot open shared object file");
    assert_int_equal(shell("mkdir -p blank; : > blank/blank.icd\n"
                           "export OCL_ICD_VENDORS=$PWD/blank; $R devices -d opencl -o csv"),
                     77);
    assert_one_line("blank/blank.icd: names no library");
    /* What it names is on the terminal as text, whatever it is. */
    assert_int_equal(shell("mkdir -p wild; printf '/no/\\033[31mred.so\\n' > wild/wild.icd\n"
                           "export OCL_ICD_VENDORS=$PWD/wild; $R devices -d opencl -o csv"),
                     77);
    assert_one_line("/no/?[31mred.so: ");
}

/* One that loads and is no driver, as PoCL behaves where it cannot write its cache. */
static void a_driver_that_finds_nothing_is_not_absent(void **state) {
    (void)state;
    assert_int_equal(shell("mkdir -p dull; echo libc.so.6 > dull/dull.icd\n"
                           "export OCL_ICD_VENDORS=$PWD/dull; $R devices -d opencl -o csv"),
                     77);
    assert_one_line("the installed driver finds none; PoCL wants a cache folder that it can write");
}

static void a_driver_that_dies_costs_its_backend_alone(void **state) {
    (void)state;
    shell("mkdir -p sick; echo " TEST_ICD_CRASH " > sick/sick.icd");
    assert_int_equal(shell("export OCL_ICD_VENDORS=$PWD/sick; $R devices -o csv"), 0);
    assert_has(out, "cpu");
    assert_has(err, "backend opencl: while looking for devices: died by signal 6");
    assert_int_equal(shell("export OCL_ICD_VENDORS=$PWD/sick; $R devices -d opencl -o csv"), 4);
    assert_has(err, "while looking for devices: died by signal 6");
    /* The parent asks no driver, and nobody does where OpenCL is not wanted. */
    assert_int_equal(shell("export OCL_ICD_VENDORS=$PWD/sick; $R run size/mlp --max-steps 1 -d cpu -O well -o csv"), 0);
    assert_int_equal(shell("export OCL_ICD_VENDORS=$PWD/sick; $R run size/mlp --max-steps 1 -O part -o csv"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 2);
}

/* Skips where this machine has no OpenCL device. */
static void need_device(void) {
    int code = shell("$R devices -d opencl -o csv");
    if (code == 77) {
        print_message("no OpenCL device here\n");
        skip();
    }
    assert_int_equal(code, 0);
}

/* The column of a row (0 = the first) that `devices -o csv` printed. */
static const char *cell(int row, int column) {
    static char value[8192];
    const char *at = rb_text_string(&out);
    bool quoted = false;
    size_t n = 0;
    for (int i = 0; i <= row && at; i++) at = (at = strchr(at, '\n')) ? at + 1 : NULL;
    for (; at && *at && *at != '\n' && column >= 0; at++) {
        if (*at == '"') quoted = !quoted;
        if (*at == ',' && !quoted)
            column--;
        else if (column == 0 && n < sizeof value - 1)
            value[n++] = *at;
    }
    value[n] = '\0';
    return value;
}

static void devices_are_told_and_selected(void **state) {
    char type[64], part[8], name[256];
    (void)state;
    need_device();
    assert_string_equal(cell(0, RB_COL(devices, device_key)), "opencl:0");
    assert_string_equal(cell(0, RB_COL(devices, backend)), "opencl");
    assert_true(atoi(cell(0, RB_COL(devices, threads))) > 0);
    assert_true(atoi(cell(0, RB_COL(devices, memory_mib))) > 0);
    assert_non_null(strstr(cell(0, RB_COL(devices, version)), "OpenCL "));
    assert_non_null(strstr(cell(0, RB_COL(devices, details)), "quirk max_wg="));
    snprintf(type, sizeof type, "%s", cell(0, RB_COL(devices, type)));
    snprintf(name, sizeof name, "%s", cell(0, RB_COL(devices, device)));
    assert_int_equal(shell("$R devices -d opencl:%s -o csv", type), 0);
    assert_string_equal(cell(0, RB_COL(devices, device_key)), "opencl:0");
    /* A part of the name, in the other case. */
    for (int i = 0; i < 7; i++) part[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i]);
    part[strcspn(part, " ,/")] = '\0';
    part[7] = '\0';
    assert_int_equal(shell("$R devices -d 'opencl:%s' -o csv", part), 0);
    assert_string_equal(cell(0, RB_COL(devices, device)), name);
    assert_int_equal(shell("$R devices -d opencl:no-such-thing -o csv"), 77);
    assert_one_line("opencl:0 (");
    assert_int_equal(shell("$R devices -d opencl:99 -o csv"), 77);
    assert_one_line("no device \"opencl:99\": backend opencl has ");
    assert_int_equal(shell("$R devices -d opencl: -o csv"), 2);
    assert_one_line("malformed device \"opencl:\"");
    /* Every device takes part unless one is named. */
    assert_int_equal(shell("$R run size/mlp -n -o csv"), 0);
    assert_has(out, ",opencl:0,");
    assert_int_equal(shell("$R devices -v -o md"), 0);
    assert_has(out, "\nopencl:0\n");
    assert_has(out, "\n  max_work_group=");
    assert_has(out, "\n  quirk queue_bound=64 (default)\n");
}

static void two_drivers_side_by_side(void **state) {
    (void)state;
    if (!TEST_ICD_SECOND[0] || access("/etc/OpenCL/vendors/pocl.icd", R_OK) != 0) {
        print_message("needs pocl-opencl-icd and oclgrind\n");
        skip();
    }
    shell("mkdir -p two; cp /etc/OpenCL/vendors/pocl.icd two/; echo " TEST_ICD_SECOND " > two/second.icd");
    assert_int_equal(shell("export OCL_ICD_VENDORS=$PWD/two; $R devices -d opencl:0,opencl:1 -o csv"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 3);
    assert_has(out, "Portable Computing Language");
    assert_has(out, "Oclgrind");
    assert_int_equal(shell("export OCL_ICD_VENDORS=$PWD/two; $R devices -d opencl:oclgrind -o csv"), 0);
    assert_string_equal(cell(0, RB_COL(devices, platform)), "Oclgrind");
    assert_int_equal(shell("export OCL_ICD_VENDORS=$PWD/two; $R devices -d opencl:Portable -o csv"), 0);
    assert_string_equal(cell(0, RB_COL(devices, platform)), "Portable Computing Language");
    /* Of two drivers one is broken: the other works, and the broken one is told. */
    shell("echo /no/such/libdriver.so > two/second.icd");
    assert_int_equal(shell("export OCL_ICD_VENDORS=$PWD/two; $R devices -o csv"), 0);
    assert_has(out, ",opencl,");
    assert_has(err, "two/second.icd: /no/such/libdriver.so");
}

/* Drivers in this very process: what they leave behind is not ours, what we leave behind is found. */
static void probing_leaves_nothing_behind(void **state) {
    rb_device_id id;
    (void)state;
    rb_status status = rb_device_select("opencl", &id);
    if (status == RB_NO_DEVICE) {
        rb_error_clear();
        print_message("no OpenCL device here\n");
        skip();
    }
    assert_int_equal(status, RB_OK);
    assert_string_equal(id.backend->name, "opencl");
    assert_int_equal(id.backend->abi, RB_BACKEND_ABI);
}

/* --- quirks ---------------------------------------------------------------------------------------------------------
 */

static void *of_module(const char *name) {
    static void *library;
    if (!library) library = dlopen(module_path(), RTLD_NOW | RTLD_LOCAL);
    void *symbol = library ? dlsym(library, name) : NULL;
    if (!symbol) fail_msg("%s", dlerror());
    return symbol;
}

typedef rb_status quirks_function(const rb__cl_limits *, const char *, rb__quirks *, const char **);

static rb__cl_limits some_device(cl_device_type type, const char *platform, cl_uint vendor) {
    rb__cl_limits l = {.type = type, .vendor_id = vendor, .max_wg = 1024, .local_mem = 65536, .max_alloc = 8000000000};
    snprintf(l.platform_name, sizeof l.platform_name, "%s", platform);
    return l;
}

static void rules_look_at_type_then_platform_then_vendor(void **state) {
    quirks_function *settle;
    *(void **)&settle = of_module("rb__cl_quirks");
    const char *pocl = "Portable Computing Language";
    const struct {
        cl_device_type type;
        const char *platform;
        cl_uint vendor;
        int64_t family, mac, max_wg, local_mem, cache, flush;
    } devices[] = {
        {CL_DEVICE_TYPE_CPU, pocl, 0x8086, RB__FAMILY_CPU, RB__MAC_FMA, 1024, 0, RB__OFF, RB__OFF},
        {CL_DEVICE_TYPE_CPU, "Intel(R) OpenCL", 0x8086, RB__FAMILY_CPU, RB__MAC_EXPR, 1024, 0, RB__ON, RB__OFF},
        {CL_DEVICE_TYPE_CPU, "Apple", 0xffffffff, RB__FAMILY_CPU, RB__MAC_EXPR, 1, 0, RB__ON, RB__OFF},
        {CL_DEVICE_TYPE_GPU, pocl, 0x10DE, RB__FAMILY_GPU, RB__MAC_FMA, 64, 0, RB__OFF, RB__OFF},
        {CL_DEVICE_TYPE_GPU, "rusticl", 0x10DE, RB__FAMILY_GPU, RB__MAC_MAD, 256, 32768, RB__ON, RB__OFF},
        {CL_DEVICE_TYPE_GPU, "rusticl", 0x13B5, RB__FAMILY_GPU, RB__MAC_MAD, 256, 0, RB__ON, RB__OFF},
        {CL_DEVICE_TYPE_GPU, "NVIDIA CUDA", 0x10DE, RB__FAMILY_GPU, RB__MAC_FMA, 1024, 32768, RB__OFF, RB__ON},
        {CL_DEVICE_TYPE_GPU, "rusticl", 0x8086, RB__FAMILY_GPU, RB__MAC_MAD, 256, 32768, RB__ON, RB__OFF},
        {CL_DEVICE_TYPE_GPU, "Intel(R) OpenCL HD", 0x8086, RB__FAMILY_GPU, RB__MAC_MAD, 256, 0, RB__ON, RB__OFF},
        {CL_DEVICE_TYPE_GPU, "AMD Accelerated", 0x1002, RB__FAMILY_GPU, RB__MAC_MAD, 256, 32768, RB__ON, RB__OFF},
        {CL_DEVICE_TYPE_GPU, "Somebody", 0x1234, RB__FAMILY_GPU, RB__MAC_MAD, 64, 0, RB__ON, RB__OFF},
        {CL_DEVICE_TYPE_ACCELERATOR, "Somebody", 0x10DE, RB__FAMILY_GPU, RB__MAC_MAD, 64, 0, RB__ON, RB__OFF},
    };
    (void)state;
    unsetenv("REGBENCH_QUIRK");
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        rb__cl_limits l = some_device(devices[i].type, devices[i].platform, devices[i].vendor);
        rb__quirks q;
        assert_int_equal(settle(&l, NULL, &q, NULL), RB_OK);
        print_message("%s 0x%x\n", devices[i].platform, devices[i].vendor);
        assert_int_equal(q.family, devices[i].family);
        assert_int_equal(q.mac, devices[i].mac);
        assert_int_equal(q.max_wg, devices[i].max_wg);
        assert_int_equal(q.local_mem, devices[i].local_mem);
        assert_int_equal(q.cache, devices[i].cache);
        assert_int_equal(q.flush, devices[i].flush);
        assert_int_equal(q.queue_bound, 64);
        assert_int_equal(q.max_alloc, devices[i].platform[0] == 'I' && devices[i].type == CL_DEVICE_TYPE_GPU
                                          ? 4294901760
                                          : 8000000000);
    }
}

static void quirks_are_overruled_within_the_limits(void **state) {
    quirks_function *settle;
    *(void **)&settle = of_module("rb__cl_quirks");
    rb__cl_limits l = some_device(CL_DEVICE_TYPE_GPU, "NVIDIA CUDA", 0x10DE);
    rb__quirks q;
    const char *from[RB__QUIRKS];
    (void)state;
    assert_int_equal(settle(&l, "max_wg=64,local_mem=0,max_alloc=134217728,family=cpu,cache=on", &q, from), RB_OK);
    assert_int_equal(q.max_wg, 64);
    assert_int_equal(q.local_mem, 0);
    assert_int_equal(q.max_alloc, 134217728);
    assert_int_equal(q.family, RB__FAMILY_CPU);
    assert_int_equal(q.cache, RB__ON);
    assert_int_equal(q.flush, RB__ON);
    assert_string_equal(from[RB__QUIRK_max_wg], "--quirk");
    assert_string_equal(from[RB__QUIRK_flush], "NVIDIA");
    assert_string_equal(from[RB__QUIRK_queue_bound], "default");
    assert_int_equal(settle(&l, "max_wg=9999999,max_wg=4096,local_mem=99999999", &q, from), RB_OK);
    assert_int_equal(q.max_wg, 1024);
    assert_int_equal(q.local_mem, 65536);
    assert_string_equal(from[RB__QUIRK_max_wg], "the device's limit");
    setenv("REGBENCH_QUIRK", "queue_bound=3", 1);
    assert_int_equal(settle(&l, NULL, &q, from), RB_OK);
    assert_int_equal(q.queue_bound, 3);
    assert_int_equal(settle(&l, "queue_bound=4", &q, from), RB_OK);
    assert_int_equal(q.queue_bound, 4);
    unsetenv("REGBENCH_QUIRK");
}

static void bad_quirks_are_refused(void **state) {
    static const struct {
        const char *quirks, *says;
    } cases[] = {
        {"foo=1", "unknown quirk \"foo\"; known: family, mac"},
        {"max_w=1", "unknown quirk \"max_w\"; did you mean \"max_wg\"?"},
        {"max_wg=64,,local_mem=0", "quirk \"\": must be NAME=VALUE"},
        {"max_wg", "quirk \"max_wg\": must be NAME=VALUE"},
        {"=3", "must be NAME=VALUE"},
        {"max_wg=0", "quirk max_wg \"0\": must be a whole number, 1 or more"},
        {"max_wg=-1", "quirk max_wg \"-1\""},
        {"local_mem=1k", "quirk local_mem \"1k\""},
        {"local_mem=99999999999999999999", "quirk local_mem"},
        {"family=gpuu", "must be one of cpu|gpu; did you mean \"gpu\"?"},
        {"cache=1", "quirk cache \"1\": must be one of off|on"},
    };
    quirks_function *settle;
    *(void **)&settle = of_module("rb__cl_quirks");
    rb__cl_limits l = some_device(CL_DEVICE_TYPE_CPU, "x", 0);
    rb__quirks q;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("%s\n", cases[i].quirks);
        assert_int_equal(settle(&l, cases[i].quirks, &q, NULL), RB_USAGE);
        if (!strstr(rb_error_last()->text, cases[i].says)) fail_msg("%s", rb_error_last()->text);
        rb_error_clear();
    }
    need_device();
    assert_int_equal(shell("$R run size/mlp -d opencl --quirk max_w=64 -O quirk -o csv"), 2);
    assert_one_line("did you mean \"max_wg\"?");
    assert_int_equal(shell("REGBENCH_QUIRK=family=tpu $R devices -o csv"), 2);
    assert_one_line("must be one of cpu|gpu");
    assert_int_equal(shell("$R devices -d opencl --quirk max_alloc=134217728,queue_bound=7 -o csv"), 0);
    assert_string_equal(cell(0, RB_COL(devices, max_alloc_mib)), "128");
    assert_has(out, "quirk queue_bound=7 (--quirk)");
    assert_int_equal(shell("$R devices -d cpu --quirk max_wg=64 -o csv"), 0); /* of no meaning to it */
}

/* A row `oom` with the bytes that `plan` prints and the batch that fits, which then runs: the session goes on. */
static void too_little_memory_is_a_row(void **state) {
    static const char limited[] = "size/lenet --dataset sample -d opencl --quirk max_alloc=10485760";
    char need[128];
    size_t act = 0, all = 0;
    int batch = 0;
    (void)state;
    need_device();
    assert_int_equal(shell("$R plan %s -B 1000", limited), 0);
    const char *at = strstr(rb_text_string(&out), "segments in bytes:");
    assert_non_null(at);
    assert_int_equal(sscanf(strstr(at, " act "), " act %zu ctrl %*u, in all %zu", &act, &all), 2);
    snprintf(need, sizeof need, "(%zu bytes, of which act %zu) on opencl:0, which has ", all, act);
    assert_int_equal(shell("$R run %s -B 1000,32 --max-steps 1 --verify off -O little -o csv", limited), 4);
    assert_int_equal(lines(rb_text_string(&out)), 3);
    assert_has(out, need);
    assert_has(out, ", in one segment at most 10.00 MiB; a batch of ");
    assert_string_equal(cell(0, RB_COL(runs, status)), "oom");
    assert_string_equal(cell(1, RB_COL(runs, status)), "ok");
    assert_int_equal(sscanf(strstr(rb_text_string(&out), "a batch of "), "a batch of %d would fit (-B", &batch), 1);
    assert_int_equal(shell("$R run %s -B %d,%d --max-steps 1 --verify off -O just -o csv", limited, batch, batch + 1),
                     4);
    assert_string_equal(cell(0, RB_COL(runs, status)), "ok");
    assert_string_equal(cell(1, RB_COL(runs, status)), "oom");
}

/* --- kernels' texts -------------------------------------------------------------------------------------------------
 */

static void kernels_are_embedded_and_replaceable(void **state) {
    rb_status (*find)(const char *, char **);
    *(void **)&find = of_module("rb__kn_source_find");
    const rb__kn_source *all = of_module("rb__kn_sources");
    char *text, path[256];
    int n = 0;
    (void)state;
    unsetenv("REGBENCH_CL_DIR");
    for (const rb__kn_source *s = all; s->name; s++, n++) {
        assert_int_equal(strlen(s->text), s->size);
        assert_int_equal(find(s->name, &text), RB_OK);
        assert_string_equal(text, s->text);
        free(text);
        /* Byte for byte the file. */
        const char *ending = strrchr(s->name, '.');
        const char *place = !strcmp(ending, ".cl") ? "cl" : !strcmp(ending, ".cu") ? "cuda" : "include/regbench";
        snprintf(path, sizeof path, TEST_FOLDER "/../%s/%s", place, s->name);
        FILE *f = fopen(path, "r");
        assert_non_null(f);
        char *file = calloc(1, s->size + 2);
        assert_int_equal(fread(file, 1, s->size + 1, f), s->size);
        assert_string_equal(file, s->text);
        free(file);
        fclose(f);
    }
    assert_true(n >= 2);
    assert_int_equal(find("gemn.cl", &text), RB_INTERNAL);
    rb_error_clear();
    shell("mkdir -p cl; printf 'changed' > cl/prelude.cl; : > cl/empty.cl");
    snprintf(path, sizeof path, "%s/cl", folder);
    setenv("REGBENCH_CL_DIR", path, 1);
    assert_int_equal(find("prelude.cl", &text), RB_OK);
    assert_string_equal(text, "changed");
    free(text);
    assert_int_equal(find("empty.cl", &text), RB_OK);
    assert_string_equal(text, "");
    free(text);
    assert_int_equal(find("portable.h", &text), RB_OK);
    free(text);
    /* A folder that lacks a kernel is a mistake, not a wish for the embedded one. */
    assert_int_equal(find("lost.cl", &text), RB_MISSING);
    assert_non_null(strstr(rb_error_last()->text, "/cl/lost.cl"));
    rb_error_clear();
    unsetenv("REGBENCH_CL_DIR");
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_module_the_rest_works),
        cmocka_unit_test(a_module_of_another_build_is_refused),
#ifdef REGBENCH_HAVE_OPENCL
        cmocka_unit_test(without_the_loader_it_says_what_to_install),
        cmocka_unit_test(without_a_driver_it_says_what_to_install),
        cmocka_unit_test(a_driver_without_its_library_is_named),
        cmocka_unit_test(a_driver_that_finds_nothing_is_not_absent),
        cmocka_unit_test(a_driver_that_dies_costs_its_backend_alone),
        cmocka_unit_test(devices_are_told_and_selected),
        cmocka_unit_test(two_drivers_side_by_side),
        cmocka_unit_test(probing_leaves_nothing_behind),
        cmocka_unit_test(rules_look_at_type_then_platform_then_vendor),
        cmocka_unit_test(quirks_are_overruled_within_the_limits),
        cmocka_unit_test(bad_quirks_are_refused),
        cmocka_unit_test(too_little_memory_is_a_row),
        cmocka_unit_test(kernels_are_embedded_and_replaceable),
#endif
    };
    return cmocka_run_group_tests(tests, begin, end);
}
