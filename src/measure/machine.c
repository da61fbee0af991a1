/* machine.c: collects the facts, from /proc, /sys and the libraries that core links. */
#include "measure/machine.h"

#include <cjson/cJSON.h>
#ifdef REGBENCH_HAVE_CURL
#include <curl/curl.h>
#endif
#ifdef REGBENCH_HAVE_GSL
#include <gsl/gsl_version.h>
#endif
#include <openssl/crypto.h>
#include <png.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <zlib.h>
#ifdef REGBENCH_HAVE_SQLITE
#include <sqlite3.h>
#endif
#ifdef REGBENCH_HAVE_JPEG
#include <jpeglib.h> /* wants <stdio.h> before it */
#endif
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#include "core/sha256.h"
#include "core/text.h"
#include "measure/build.h"
#include "measure/system.h"
#ifdef REGBENCH_HAVE_HWLOC
#include "measure/topology.h"
#endif

#define TEXT_OF_(x) #x
#define TEXT_OF(x)  TEXT_OF_(x)

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

void rb__env_note(rb_env *env, const char *name, const char *value, bool stable) {
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
    rb__env_note(env, name, value, stable);
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

static void add_build(rb_env *env) {
    rb__env_note(env, "regbench_version", rb_build_version(), true);
    rb__env_note(env, "commit", rb_build_commit(), true);
    rb__env_note(env, "dirty", rb_build_dirty() ? "1" : "0", true);
    rb__env_note(env, "build_type", rb_build_type(), true);
    rb__env_note(env, "compiler", rb_build_compiler(), true);
    rb__env_note(env, "compiler_flags", rb_build_flags(), true);
    rb__env_note(env, "zlib", zlibVersion(), true);
    rb__env_note(env, "libpng", png_get_libpng_ver(NULL), true);
    rb__env_note(env, "cjson", cJSON_Version(), true);
    rb__env_note(env, "openssl", OpenSSL_version(OPENSSL_VERSION), true);
#ifdef REGBENCH_HAVE_CURL
    rb__env_note(env, "curl", curl_version_info(CURLVERSION_NOW)->version, true);
#endif
#ifdef REGBENCH_HAVE_SQLITE
    rb__env_note(env, "sqlite", sqlite3_libversion(), true);
#endif
#ifdef REGBENCH_HAVE_GSL
    rb__env_note(env, "gsl", gsl_version, true);
#endif
#ifdef REGBENCH_HAVE_JPEG
#ifdef LIBJPEG_TURBO_VERSION
    rb__env_note(env, "libjpeg", "turbo " TEXT_OF(LIBJPEG_TURBO_VERSION), true);
#else
    rb__env_note(env, "libjpeg", TEXT_OF(JPEG_LIB_VERSION), true);
#endif
#endif
#ifdef __GLIBC__
    rb__env_note(env, "glibc", gnu_get_libc_version(), true);
#endif
}

/* The container this process runs in as it shows itself; NULL where nothing says that there is one. */
static const char *container(void) {
    static const char *const kinds[] = {"kubepods", "docker", "containerd", "libpod", "lxc"};
    char line[4096];
    const char *named = getenv("container"); /* set by systemd-nspawn, podman, lxc */
    if (getenv("KUBERNETES_SERVICE_HOST")) return "kubernetes";
    if (getenv("APPTAINER_CONTAINER") || getenv("SINGULARITY_CONTAINER")) return "apptainer";
    if (rb_system_there("/.dockerenv")) return "docker";
    if (rb_system_there("/run/.containerenv")) return "podman";
    if (named && *named) return named;
    if (!rb_system_line(line, sizeof line, "/proc/1/cgroup")) return NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strstr(line, kinds[i])) return kinds[i];
    return NULL;
}

static void add_system(rb_env *env) {
    char value[512];
    struct utsname name;
    if (rb_system_entry(value, sizeof value, "/etc/os-release", "PRETTY_NAME", '='))
        rb__env_note(env, "os", value, true);
    if (uname(&name) == 0) {
        snprintf(value, sizeof value, "%s %s", name.sysname, name.release);
        rb__env_note(env, "kernel", value, true);
        rb__env_note(env, "architecture", name.machine, true);
        rb__env_note(env, "host", name.nodename, false); /* a container's name changes with every start */
    }
    if (rb_system_line(value, sizeof value, "/sys/class/dmi/id/product_name"))
        rb__env_note(env, "product", value, true);
    /* Versions of drivers that need no device to be opened. */
    if (rb_system_entry(value, sizeof value, "/proc/driver/nvidia/version", "NVRM version", ':'))
        rb__env_note(env, "nvidia_driver", value, true);
    if (rb_system_line(value, sizeof value, "/sys/module/amdgpu/version"))
        rb__env_note(env, "amdgpu_driver", value, true);
    rb__env_note(env, "container", container(), true);
}

/* Of the hundred or so instruction sets those on which the choice of kernels depends. */
static void add_features(rb_env *env) {
    static const char *const wanted[] = {"sse4_2",  "avx",         "f16c",     "fma",      "avx2",
                                         "avx512f", "avx512_bf16", "avx_vnni", "amx_tile", "hypervisor"};
    char all[8192] = " ", have[128] = "", word[32];
    if (!rb_system_entry(all + 1, sizeof all - 2, "/proc/cpuinfo", "flags", ':')) return;
    strcat(all, " ");
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        snprintf(word, sizeof word, " %s ", wanted[i]);
        if (!strstr(all, word)) continue;
        if (*have) strcat(have, " ");
        strcat(have, wanted[i]);
    }
    rb__env_note(env, "cpu_features", have, true);
}

static void add_caches(rb_env *env) {
    char level[16], kind[32], size[32], name[32];
    for (int i = 0; i < 8; i++) {
        if (!rb_system_line(level, sizeof level, "/sys/devices/system/cpu/cpu0/cache/index%d/level", i) ||
            !rb_system_line(kind, sizeof kind, "/sys/devices/system/cpu/cpu0/cache/index%d/type", i) ||
            !rb_system_line(size, sizeof size, "/sys/devices/system/cpu/cpu0/cache/index%d/size", i))
            continue;
        const char *letter = strcmp(kind, "Data") == 0 ? "d" : strcmp(kind, "Instruction") == 0 ? "i" : "";
        snprintf(name, sizeof name, "cache_l%s%s", level, letter);
        rb__env_note(env, name, size, true);
    }
}

/* "0-3,8": the processors this process is pinned to. */
static void cpu_list(const cpu_set_t *set, char *out, size_t size) {
    size_t n = 0;
    out[0] = '\0';
    for (int i = 0; i < CPU_SETSIZE && n < size; i++) {
        int last = i;
        if (!CPU_ISSET(i, set)) continue;
        while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, set)) last++;
        n += (size_t)snprintf(out + n, size - n, last > i ? "%s%d-%d" : "%s%d", n ? "," : "", i, last);
        i = last;
    }
}

static void add_clocks(rb_env *env) {
    static const struct {
        const char *fact, *file;
        bool stable;
    } files[] = {{"governor", "scaling_governor", true},
                 {"cpu_driver", "scaling_driver", true},
                 {"energy_preference", "energy_performance_preference", true},
                 {"cpu_min_khz", "scaling_min_freq", true},
                 {"cpu_max_khz", "scaling_max_freq", true},
                 {"cpu_hardware_max_khz", "cpuinfo_max_freq", true},
                 {"cpu_khz", "scaling_cur_freq", false}};
    char value[512];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (rb_system_line(value, sizeof value, "/sys/devices/system/cpu/cpu0/cpufreq/%s", files[i].file))
            rb__env_note(env, files[i].fact, value, files[i].stable);
    if (rb_system_entry(value, sizeof value, "/proc/cpuinfo", "cpu MHz", ':'))
        rb__env_note(env, "cpu_mhz", value, false);
    if (rb_system_line(value, sizeof value, "/sys/devices/system/cpu/intel_pstate/no_turbo"))
        rb__env_note(env, "turbo", strcmp(value, "0") == 0 ? "on" : "off", true);
    else if (rb_system_line(value, sizeof value, "/sys/devices/system/cpu/cpufreq/boost"))
        rb__env_note(env, "turbo", strcmp(value, "1") == 0 ? "on" : "off", true);
    if (rb_system_line(value, sizeof value, "/sys/devices/system/clocksource/clocksource0/current_clocksource"))
        rb__env_note(env, "clocksource", value, true);
}

static void add_cpu(rb_env *env) {
    char value[512];
    cpu_set_t set;
    if (rb_system_entry(value, sizeof value, "/proc/cpuinfo", "model name", ':') ||
        rb_system_entry(value, sizeof value, "/proc/cpuinfo", "Hardware", ':') ||
        rb_system_line(value, sizeof value, "/proc/device-tree/model"))
        rb__env_note(env, "cpu", value, true);
    if (rb_system_entry(value, sizeof value, "/proc/cpuinfo", "microcode", ':'))
        rb__env_note(env, "cpu_microcode", value, true);
    add_features(env);
    snprintf(value, sizeof value, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    rb__env_note(env, "cpus_online", value, true);
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        snprintf(value, sizeof value, "%d", CPU_COUNT(&set));
        rb__env_note(env, "cpus_usable", value, true);
        cpu_list(&set, value, sizeof value);
        rb__env_note(env, "affinity", value, true);
    }
    add_caches(env);
    if (rb_system_line(value, sizeof value, "/sys/devices/system/cpu/smt/active"))
        rb__env_note(env, "smt", strcmp(value, "1") == 0 ? "on" : "off", true);
    add_clocks(env);
    if (rb_system_line(value, sizeof value, "/sys/kernel/mm/transparent_hugepage/enabled"))
        rb__env_note(env, "hugepages", value, true);
}

/* cgroup 2 has "MAX PERIOD" in one file, cgroup 1 two files; a container sees its own group as the root. */
static void add_quota(rb_env *env) {
    char value[64], other[64];
    double max = 0, period = 0;
    if (rb_system_line(value, sizeof value, "/sys/fs/cgroup/cpu.max")) {
        if (sscanf(value, "%lf %lf", &max, &period) != 2) max = 0; /* "max 100000": no quota */
    } else if (rb_system_line(value, sizeof value, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us") &&
               rb_system_line(other, sizeof other, "/sys/fs/cgroup/cpu/cpu.cfs_period_us")) {
        max = atof(value);
        period = atof(other);
    } else
        return;
    if (max > 0 && period > 0)
        snprintf(value, sizeof value, "%.3g cpus", max / period);
    else
        strcpy(value, "none");
    rb__env_note(env, "cgroup_quota", value, true);
    if (rb_system_line(value, sizeof value, "/sys/fs/cgroup/memory.max"))
        rb__env_note(env, "cgroup_memory", value, true);
}

static void add_memory(rb_env *env) {
    char value[64];
    long long kib;
    if (rb_system_entry(value, sizeof value, "/proc/meminfo", "MemTotal", ':') && sscanf(value, "%lld", &kib) == 1) {
        snprintf(value, sizeof value, "%lld", kib / 1024);
        rb__env_note(env, "memory_mib", value, true);
    }
    if (rb_system_entry(value, sizeof value, "/proc/meminfo", "MemAvailable", ':') &&
        sscanf(value, "%lld", &kib) == 1) {
        snprintf(value, sizeof value, "%lld", kib / 1024);
        rb__env_note(env, "memory_available_mib", value, false);
    }
    if (rb_system_line(value, sizeof value, "/proc/loadavg")) rb__env_note(env, "load", value, false);
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
            rb__env_note(env, name, equals + 1, wanted[k].stable);
        }
    free(sorted);
}

rb_status rb_env_collect(rb_env *out) {
    memset(out, 0, sizeof *out);
    add_build(out);
    add_system(out);
    add_cpu(out);
#ifdef REGBENCH_HAVE_HWLOC
    rb__env_topology(out);
#endif
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
