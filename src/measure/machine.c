/* machine.c: collects the facts, from /proc, /sys and the libraries that core links. */
#include "measure/machine.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <openssl/crypto.h>
#include <png.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <zlib.h>

#include "core/sha256.h"
#include "core/text.h"
#include "measure/build.h"

static rb_status update_id(rb_env *env) {
    rb_text all = {0};
    char hex[65];
    for (int i = 0; i < env->n; i++)
        if (env->facts[i].stable) rb_text_printf(&all, "%s=%s\n", env->facts[i].name, env->facts[i].value);
    rb_status status = rb_text_status(&all);
    if (status == RB_OK) status = rb_sha256(rb_text_string(&all), all.length, hex);
    if (status == RB_OK) snprintf(env->id, sizeof env->id, "%.12s", hex);
    rb_text_free(&all);
    return status;
}

/* Adds without a new id; out of memory leaves the fact out. */
static void add(rb_env *env, const char *name, const char *value, bool stable) {
    if (!value || !*value) return;
    rb_fact *facts = realloc(env->facts, (size_t)(env->n + 1) * sizeof *facts);
    if (!facts) return;
    env->facts = facts;
    rb_fact fact = {strdup(name), strdup(value), stable};
    if (fact.name && fact.value)
        env->facts[env->n++] = fact;
    else
        free(fact.name), free(fact.value);
}

rb_status rb_env_add(rb_env *env, const char *name, const char *value, bool stable) {
    add(env, name, value, stable);
    return update_id(env);
}

void rb_env_free(rb_env *env) {
    for (int i = 0; i < env->n; i++) {
        free(env->facts[i].name);
        free(env->facts[i].value);
    }
    free(env->facts);
    memset(env, 0, sizeof *env);
}

const char *rb_env_get(const rb_env *env, const char *name) {
    for (int i = 0; i < env->n; i++)
        if (strcmp(env->facts[i].name, name) == 0) return env->facts[i].value;
    return "";
}

/* First line of a small file, without blanks at its end; false where it cannot be read or is empty. */
static bool first_line(char *out, size_t size, const char *fmt, ...) RB_PRINTF(3, 4);
static bool first_line(char *out, size_t size, const char *fmt, ...) {
    char path[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(path, sizeof path, fmt, args);
    va_end(args);
    FILE *file = fopen(path, "r");
    out[0] = '\0';
    if (!file) return false;
    if (!fgets(out, (int)size, file)) out[0] = '\0';
    fclose(file);
    for (size_t n = strlen(out); n > 0 && isspace((unsigned char)out[n - 1]); n--) out[n - 1] = '\0';
    return out[0] != '\0';
}

/* Value behind `key` and `separator` on the first such line of a file ("model name : X", NAME="X"). */
static bool entry(char *out, size_t size, const char *path, const char *key, char separator) {
    FILE *file = fopen(path, "r");
    char line[8192];
    bool found = false;
    out[0] = '\0';
    while (file && !found && fgets(line, sizeof line, file)) {
        size_t n = strlen(key);
        if (strncmp(line, key, n) != 0) continue;
        char *at = line + n;
        while (*at == ' ' || *at == '\t') at++;
        if (*at++ != separator) continue;
        while (*at == ' ' || *at == '\t' || *at == '"') at++;
        size_t end = strlen(at);
        while (end > 0 && (isspace((unsigned char)at[end - 1]) || at[end - 1] == '"')) end--;
        snprintf(out, size, "%.*s", (int)end, at);
        found = true;
    }
    if (file) fclose(file);
    return found && *out;
}

static void add_build(rb_env *env) {
    add(env, "regbench_version", rb_build_version(), true);
    add(env, "commit", rb_build_commit(), true);
    add(env, "dirty", rb_build_dirty() ? "1" : "0", true);
    add(env, "build_type", rb_build_type(), true);
    add(env, "compiler", rb_build_compiler(), true);
    add(env, "compiler_flags", rb_build_flags(), true);
    add(env, "zlib", zlibVersion(), true);
    add(env, "libpng", png_get_libpng_ver(NULL), true);
    add(env, "cjson", cJSON_Version(), true);
    add(env, "openssl", OpenSSL_version(OPENSSL_VERSION), true);
}

static void add_system(rb_env *env) {
    char value[512];
    struct utsname name;
    if (entry(value, sizeof value, "/etc/os-release", "PRETTY_NAME", '=')) add(env, "os", value, true);
    if (uname(&name) == 0) {
        snprintf(value, sizeof value, "%s %s", name.sysname, name.release);
        add(env, "kernel", value, true);
        add(env, "architecture", name.machine, true);
        add(env, "host", name.nodename, false); /* a container's name changes with every start */
    }
    if (first_line(value, sizeof value, "/sys/class/dmi/id/product_name")) add(env, "product", value, true);
}

/* Of the hundred or so instruction sets those on which the choice of kernels depends. */
static void add_features(rb_env *env) {
    static const char *const wanted[] = {"sse4_2",  "avx",         "f16c",     "fma",      "avx2",
                                         "avx512f", "avx512_bf16", "avx_vnni", "amx_tile", "hypervisor"};
    char all[8192] = " ", have[128] = "", word[32];
    if (!entry(all + 1, sizeof all - 2, "/proc/cpuinfo", "flags", ':')) return;
    strcat(all, " ");
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        snprintf(word, sizeof word, " %s ", wanted[i]);
        if (!strstr(all, word)) continue;
        if (*have) strcat(have, " ");
        strcat(have, wanted[i]);
    }
    add(env, "cpu_features", have, true);
}

static void add_caches(rb_env *env) {
    char level[16], kind[32], size[32], name[32];
    for (int i = 0; i < 8; i++) {
        if (!first_line(level, sizeof level, "/sys/devices/system/cpu/cpu0/cache/index%d/level", i) ||
            !first_line(kind, sizeof kind, "/sys/devices/system/cpu/cpu0/cache/index%d/type", i) ||
            !first_line(size, sizeof size, "/sys/devices/system/cpu/cpu0/cache/index%d/size", i))
            continue;
        const char *letter = strcmp(kind, "Data") == 0 ? "d" : strcmp(kind, "Instruction") == 0 ? "i" : "";
        snprintf(name, sizeof name, "cache_l%s%s", level, letter);
        add(env, name, size, true);
    }
}

static void add_cpu(rb_env *env) {
    char value[512];
    cpu_set_t set;
    if (entry(value, sizeof value, "/proc/cpuinfo", "model name", ':') ||
        entry(value, sizeof value, "/proc/cpuinfo", "Hardware", ':') ||
        first_line(value, sizeof value, "/proc/device-tree/model"))
        add(env, "cpu", value, true);
    if (entry(value, sizeof value, "/proc/cpuinfo", "microcode", ':')) add(env, "cpu_microcode", value, true);
    add_features(env);
    snprintf(value, sizeof value, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    add(env, "cpus_online", value, true);
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        snprintf(value, sizeof value, "%d", CPU_COUNT(&set));
        add(env, "cpus_usable", value, true);
    }
    add_caches(env);
    if (first_line(value, sizeof value, "/sys/devices/system/cpu/smt/active"))
        add(env, "smt", strcmp(value, "1") == 0 ? "on" : "off", true);
    if (first_line(value, sizeof value, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"))
        add(env, "governor", value, true);
    if (first_line(value, sizeof value, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq"))
        add(env, "cpu_max_khz", value, true);
    if (first_line(value, sizeof value, "/sys/devices/system/cpu/intel_pstate/no_turbo"))
        add(env, "turbo", strcmp(value, "0") == 0 ? "on" : "off", true);
    else if (first_line(value, sizeof value, "/sys/devices/system/cpu/cpufreq/boost"))
        add(env, "turbo", strcmp(value, "1") == 0 ? "on" : "off", true);
    if (first_line(value, sizeof value, "/sys/kernel/mm/transparent_hugepage/enabled"))
        add(env, "hugepages", value, true);
}

/* cgroup 2 has "MAX PERIOD" in one file, cgroup 1 two files; a container sees its own group as the root. */
static void add_quota(rb_env *env) {
    char value[64], other[64];
    double max = 0, period = 0;
    if (first_line(value, sizeof value, "/sys/fs/cgroup/cpu.max")) {
        if (sscanf(value, "%lf %lf", &max, &period) != 2) max = 0; /* "max 100000": no quota */
    } else if (first_line(value, sizeof value, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us") &&
               first_line(other, sizeof other, "/sys/fs/cgroup/cpu/cpu.cfs_period_us")) {
        max = atof(value);
        period = atof(other);
    } else
        return;
    if (max > 0 && period > 0)
        snprintf(value, sizeof value, "%.3g cpus", max / period);
    else
        strcpy(value, "none");
    add(env, "cgroup_quota", value, true);
    if (first_line(value, sizeof value, "/sys/fs/cgroup/memory.max")) add(env, "cgroup_memory", value, true);
}

static void add_memory(rb_env *env) {
    char value[64];
    long long kib;
    if (entry(value, sizeof value, "/proc/meminfo", "MemTotal", ':') && sscanf(value, "%lld", &kib) == 1) {
        snprintf(value, sizeof value, "%lld", kib / 1024);
        add(env, "memory_mib", value, true);
    }
    if (entry(value, sizeof value, "/proc/meminfo", "MemAvailable", ':') && sscanf(value, "%lld", &kib) == 1) {
        snprintf(value, sizeof value, "%lld", kib / 1024);
        add(env, "memory_available_mib", value, false);
    }
    if (first_line(value, sizeof value, "/proc/loadavg")) add(env, "load", value, false);
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Variables that change how fast or where the work runs; in alphabetical order, since their order means nothing. */
static void add_variables(rb_env *env) {
    static const struct {
        const char *prefix;
        bool stable;
    } wanted[] = {{"OMP_", true},  {"GOMP_", true}, {"KMP_", true},       {"ONEDNN_", true}, {"DNNL_", true},
                  {"CUDA_", true}, {"POCL_", true}, {"REGBENCH_", false}, {"SLURM_", false}};
    size_t n = 0;
    while (environ && environ[n]) n++;
    char **sorted = malloc((n + 1) * sizeof *sorted);
    if (!sorted) return;
    for (size_t i = 0; i < n; i++) sorted[i] = environ[i];
    qsort(sorted, n, sizeof *sorted, by_text);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++) {
            const char *equals = strchr(sorted[i], '=');
            char name[128];
            if (!equals || strncmp(sorted[i], wanted[k].prefix, strlen(wanted[k].prefix)) != 0) continue;
            /* Slurm hands tokens and addresses to its jobs: those are nobody's business. */
            if (strstr(sorted[i], "TOKEN") || strstr(sorted[i], "JWT") || strstr(sorted[i], "KEY")) continue;
            snprintf(name, sizeof name, "%.*s", (int)(equals - sorted[i]), sorted[i]);
            add(env, name, equals + 1, wanted[k].stable);
        }
    free(sorted);
}

rb_status rb_env_collect(rb_env *out) {
    memset(out, 0, sizeof *out);
    add_build(out);
    add_system(out);
    add_cpu(out);
    add_quota(out);
    add_memory(out);
    add_variables(out);
    return update_id(out);
}

rb_status rb_env_record(const rb_env *env, rb_session *session) {
    rb_status status = RB_OK;
    if (rb_session_has_env(session, env->id)) return RB_OK;
    for (int i = 0; i < env->n && status == RB_OK; i++) {
        rb_row row;
        rb_row_begin(&row, RB_TABLE_env);
        rb_row_text(&row, RB_COL(env, env_id), env->id);
        rb_row_text(&row, RB_COL(env, name), env->facts[i].name);
        rb_row_text(&row, RB_COL(env, value), env->facts[i].value);
        rb_row_int(&row, RB_COL(env, stable), env->facts[i].stable);
        status = rb_session_row(session, &row);
        rb_row_end(&row);
    }
    return status;
}
