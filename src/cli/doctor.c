/* doctor.c: the verb `doctor`: what is installed, what would disturb a measurement; with --aa how much it does. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/bench.h"
#include "cli/devices.h"
#include "cli/verb.h"
#include "core/log.h"
#include "core/text.h"
#include "measure/disturb.h"
#include "measure/meter.h"
#include "measure/noise.h"

enum { PER_ARM = 7, MOST_PER_ARM = RB_NOISE_VALUES / 2 };
#define AA_CASE "size/mlp"

typedef struct findings {
    rb_row *rows; /* (n) */
    int n, wrong;
    const char *topic;
    rb_status status;
} findings;

static void add(void *context, const char *check, const char *found, const char *advice) {
    findings *f = context;
    rb_row *rows = f->status == RB_OK ? realloc(f->rows, (size_t)(f->n + 1) * sizeof *rows) : NULL;
    if (!rows) {
        if (f->status == RB_OK) f->status = rb_fail(RB_MEMORY, "out of memory for what was found");
        return;
    }
    f->rows = rows;
    rb_row *row = &rows[f->n++];
    rb_row_begin(row, RB_TABLE_doctor);
    rb_row_text(row, RB_COL(doctor, topic), f->topic);
    rb_row_text(row, RB_COL(doctor, check), check);
    rb_row_text(row, RB_COL(doctor, found), found);
    rb_row_text(row, RB_COL(doctor, advice), advice);
    f->wrong += *advice != '\0';
}

/* --- what is there --------------------------------------------------------------------------------------------------
 */

static void add_libraries(findings *f, const rb_env *env) {
    static const struct {
        const char *fact, *what, *advice;
    } libraries[] = {{"compiler", "compiler", ""},
                     {"openssl", "OpenSSL", ""},
                     {"zlib", "zlib", ""},
                     {"libpng", "libpng", ""},
                     {"curl", "libcurl", "`data fetch` downloads nothing: install libcurl4-openssl-dev, build again"},
                     {"hwloc_api", "hwloc", "env.csv has no cores and NUMA nodes: install libhwloc-dev, build again"},
                     {"sqlite", "SQLite", "no `export -o sql`: install libsqlite3-dev, build again"},
                     {"libjpeg", "libjpeg", "no JPEG images: install libjpeg-dev, build again"}};
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        const char *found = rb_env_get(env, libraries[i].fact);
        add(f, libraries[i].what, *found ? found : "absent", *found ? "" : libraries[i].advice);
    }
}

/* "..; pci_bus=0000:01:00.0; .." */
static void bus_of(const char *details, char *out, size_t size) {
    static const char name[] = "pci_bus=";
    const char *at = strstr(details, name);
    snprintf(out, size, "%.*s", at ? (int)strcspn(at + sizeof name - 1, ";") : 0, at ? at + sizeof name - 1 : "");
}

static rb_status add_devices(findings *f, const rb_options *o) {
    rb_row *rows = NULL;
    int n = 0;
    rb_status status = rb_device_rows(o, &rows, &n);
    if (status == RB_NO_DEVICE) {
        add(f, rb_value(o, RB_FLAG_DEVICE), "absent", rb_error_last()->text);
        rb_error_clear();
        return RB_OK;
    }
    for (int i = 0; status == RB_OK && i < n; i++) {
        char found[512], noise[160], bus[32];
        const char *key = rb_row_get_text(&rows[i], RB_COL(devices, device_key));
        const char *name = rb_row_get_text(&rows[i], RB_COL(devices, device));
        double pct = rb_noise_find(key, name);
        rb_meter meter;
        f->topic = "devices";
        snprintf(found, sizeof found, "%s (%s)", name, rb_row_get_text(&rows[i], RB_COL(devices, driver)));
        add(f, key, found, "");
        f->topic = "measuring";
        snprintf(found, sizeof found, "A/A noise of %s", key);
        snprintf(noise, sizeof noise, "%.2g %%", pct);
        if (isfinite(pct))
            add(f, found, noise,
                pct > 2 ? "a slowdown below twice this is not told from noise: quiet the machine" : "");
        else
            add(f, found, "never measured", "`regbench doctor --aa`: verdicts of compare rest on it");
        bus_of(rb_row_get_text(&rows[i], RB_COL(devices, details)), bus, sizeof bus);
        rb_meter_open(&meter, rb_row_get_text(&rows[i], RB_COL(devices, type)), bus);
        snprintf(found, sizeof found, "energy of %s", key);
        add(f, found, rb_meter_has_energy(&meter) ? "readable" : "not readable", "");
    }
    rb_device_rows_free(rows, n);
    return status;
}

static void add_data(findings *f, const rb_options *o) {
    for (const rb_dataset_entry *d = rb_dataset_registry(); d->name; d++) {
        rb_data_options options = rb_data_choice(o);
        char path[2048], advice[128];
        rb_status status = rb_dataset_path(d->name, &options, path, (int)sizeof path);
        rb_error_clear();
        snprintf(advice, sizeof advice, "`regbench data fetch %s` if it can be downloaded, or --data DIR", d->name);
        if (status == RB_OK)
            add(f, d->name, path, "");
        else
            add(f, d->name, "absent", advice);
    }
}

static bool on_path(const char *program) {
    const char *path = getenv("PATH");
    char file[1024];
    for (const char *at = path ? path : ""; *at;) {
        size_t n = strcspn(at, ":");
        snprintf(file, sizeof file, "%.*s/%s", (int)(n < 900 ? n : 900), at, program);
        if (access(file, X_OK) == 0) return true;
        at += n + (at[n] == ':');
    }
    return false;
}

static void add_programs(findings *f) {
    static const struct {
        const char *name, *advice;
    } programs[] = {{"git", "the commit of a build stays unknown"},
                    {"python3", "bench/peers, what users would run instead, needs it"},
                    {"gnuplot", "no pictures of curves"}};
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        bool there = on_path(programs[i].name);
        add(f, programs[i].name, there ? "found" : "absent", there ? "" : programs[i].advice);
    }
    const char *peers = getenv("REGBENCH_PEER_PYTHON");
    bool bad = peers && access(peers, X_OK) != 0;
    add(f, "REGBENCH_PEER_PYTHON",
        !peers ? "not set"
        : bad  ? "names no program"
               : "set",
        bad ? "must be the interpreter that has PyTorch, JAX or tinygrad" : "");
}

/* --- --aa -----------------------------------------------------------------------------------------------------------
 */

/* The noise of each device from the session's rows, one value from each process. */
static rb_status take_noise(void *context, const rb_recorder *r) {
    int per_arm = *(const int *)context;
    rb_status status = RB_OK;
    for (int first = 0; first < r->n; first++) {
        const char *key = rb_row_get_text(&r->rows[first], RB_COL(runs, device_key));
        const char *device = rb_row_get_text(&r->rows[first], RB_COL(runs, device));
        double values[RB_NOISE_VALUES], pct;
        int n = 0;
        bool seen = false;
        for (int i = 0; i < first; i++) seen |= !strcmp(rb_row_get_text(&r->rows[i], RB_COL(runs, device_key)), key);
        for (int i = first; i < r->n && !seen && n < RB_NOISE_VALUES; i++) {
            const rb_cell *rate = &r->rows[i].cells[RB_COL(runs, samples_per_s)];
            if (strcmp(rb_row_get_text(&r->rows[i], RB_COL(runs, device_key)), key) != 0) continue;
            if (rate->type == RB_CELL_REAL && rate->u.r > 0) values[n++] = rate->u.r;
        }
        if (seen || n < 2 * per_arm) continue; /* failed or interrupted: the session's verdict says so */
        RB_TRY(rb_noise_of(values, n, &pct));
        RB_TRY(rb_noise_remember(key, device, AA_CASE, n, pct));
        rb_log(RB_LOG_INFO, "%s: two times %d processes of the same build seem up to %.2g %% apart", key, per_arm, pct);
    }
cleanup:
    return status;
}

static rb_status measure_noise(const rb_options *o) {
    static const rb_flag passed[] = {RB_FLAG_DEVICE, RB_FLAG_THREADS, RB_FLAG_PROVIDER, RB_FLAG_QUIRK,  RB_FLAG_SUBMIT,
                                     RB_FLAG_DATA,   RB_FLAG_OUT_DIR, RB_FLAG_MACHINE,  RB_FLAG_TIMEOUT};
    rb_status status = RB_OK;
    rb_options bench = {0};
    char flag[64][48], count[16], program[] = "regbench", verb[] = "bench", name[] = AA_CASE, quick[] = "--quick",
                                  repetitions[] = "-r";
    char *argv[160] = {program, verb, name, quick, repetitions, count};
    int argc = 6, per_arm = (int)rb_value_int(o, RB_FLAG_REPETITIONS, PER_ARM);
    bool done;
    if (per_arm < 2 || per_arm > MOST_PER_ARM)
        return rb_fail(RB_USAGE, "--repetitions \"%d\": with --aa from 2 to %d processes per arm", per_arm,
                       MOST_PER_ARM);
    snprintf(count, sizeof count, "%d", 2 * per_arm);
    for (size_t i = 0, k = 0; i < sizeof passed / sizeof *passed; i++)
        for (int v = 0; v < o->flag[passed[i]].n && k < 64; v++, k++) {
            snprintf(flag[k], sizeof flag[k], "--%s", rb_flag_name(passed[i]));
            argv[argc++] = flag[k];
            argv[argc++] = o->flag[passed[i]].at[v];
        }
    RB_TRY(rb_options_parse(argc, argv, &bench, &done));
    RB_TRY(rb_bench_session(&bench, take_noise, &per_arm));
cleanup:
    rb_options_free(&bench);
    return status;
}

rb_status rb_verb_doctor(const rb_options *o) {
    static const int columns[] = {RB_COL(doctor, topic), RB_COL(doctor, check), RB_COL(doctor, found),
                                  RB_COL(doctor, advice)};
    rb_status status = RB_OK;
    rb_env env = {0};
    findings f = {0};
    RB_TRY(rb_no_names(o));
    if (!rb_given(o, RB_FLAG_AA) && (rb_given(o, RB_FLAG_REPETITIONS) || rb_given(o, RB_FLAG_OUT_DIR)))
        return rb_fail(RB_USAGE, "without --aa nothing is measured: no --repetitions, no --out-dir");
    RB_TRY(rb_env_collect(&env)); /* before anything runs: the load is not ours */
    if (rb_given(o, RB_FLAG_AA)) RB_TRY(measure_noise(o));
    f.topic = "installed";
    add_libraries(&f, &env);
    add_programs(&f);
    RB_TRY(add_devices(&f, o));
    f.topic = "data";
    add_data(&f, o);
    f.topic = "disturbs";
    rb_disturbances(&env, add, &f);
    RB_TRY(f.status);
    RB_TRY(
        rb_print_table(RB_TABLE_doctor, rb_output_format(o), f.rows, f.n, columns, sizeof columns / sizeof *columns));
    rb_log(RB_LOG_INFO, "%d things to look at: the lines with advice", f.wrong);
cleanup:
    for (int i = 0; i < f.n; i++) rb_row_end(&f.rows[i]);
    free(f.rows);
    rb_env_free(&env);
    return status;
}
