/* machine.c: the processor: its name, the threads this process may use, and the instruction set to use.
 *
 * Threads: the affinity mask, at most what the cgroup (v2 or v1) grants. REGBENCH_ISA forces an instruction set. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/text.h"
#include "cpu/cpu.h"

/* Processors granted by the cgroup's quota per period, rounded up; 0 = no limit known. */
static int quota_of(const char *quota_path, const char *period_path) {
    long long quota = -1, period = 0;
    FILE *f = fopen(quota_path, "r");
    if (!f) return 0;
    int n = fscanf(f, "%lld %lld", &quota, &period); /* v2: both on one line, or "max" */
    fclose(f);
    if (n == 1 && period_path && (f = fopen(period_path, "r"))) {
        n += fscanf(f, "%lld", &period);
        fclose(f);
    }
    return n == 2 && quota > 0 && period > 0 ? (int)((quota + period - 1) / period) : 0;
}

static int quota(void) {
    char line[512], path[600];
    int limit = quota_of("/sys/fs/cgroup/cpu.max", NULL);
    if (!limit) limit = quota_of("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    FILE *f = fopen("/proc/self/cgroup", "r"); /* seen from outside of a container: the group's own folder */
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "0::/", 4) != 0) continue;
        snprintf(path, sizeof path, "/sys/fs/cgroup%.500s/cpu.max", line + 3);
        int own = quota_of(path, NULL);
        if (own && (!limit || own < limit)) limit = own;
    }
    if (f) fclose(f);
    return limit;
}

int rb__cpu_threads(void) {
    int n = 0, limit = quota();
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) n = CPU_COUNT(&set);
#endif
    if (n < 1) n = (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (limit && limit < n) n = limit;
    return n < 1 ? 1 : n;
}

void rb__cpu_name(char *name, size_t size) {
    char line[512];
    FILE *f = fopen("/proc/cpuinfo", "r");
    snprintf(name, size, "CPU");
    while (f && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(name, size, "%.100s", colon + 1 + strspn(colon + 1, " "));
        break;
    }
    if (f) fclose(f);
}

static bool have(const char *isa) {
#if defined(__x86_64__)
    if (strcmp(isa, "avx512") == 0)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (strcmp(isa, "avx2") == 0) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return strcmp(isa, "baseline") == 0;
}

rb_status rb__cpu_kernels(const rb__kernels **out) {
    static const char *const names[] = {"avx512", "avx2", "baseline"};
    static const rb__kernels *const kernels[] = {
#if defined(__x86_64__)
        &rb__kernels_avx512,
        &rb__kernels_avx2,
#else
        NULL,
        NULL,
#endif
        &rb__kernels_baseline
    };
    const char *asked = getenv("REGBENCH_ISA");
    if (asked && !asked[0]) asked = NULL;
    bool known = false;
    for (int i = 0; i < 3; i++) {
        if (asked && strcmp(asked, names[i]) != 0) continue;
        known = true;
        if (!kernels[i] || !have(names[i])) continue;
        *out = kernels[i];
        return RB_OK;
    }
    if (known)
        return rb_fail(RB_USAGE,
                       "REGBENCH_ISA=%s: this processor does not have it; leave REGBENCH_ISA unset to use the best",
                       asked);
    const char *nearest = rb_text_nearest(asked, names, 3);
    return rb_fail(RB_USAGE, "REGBENCH_ISA=%s is no instruction set%s%s%s; known: baseline, avx2, avx512", asked,
                   nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}
