/* disturb.c: one judgement per fact. */
#include "measure/disturb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct judging {
    const rb_env *env;
    rb_disturb_tell *tell;
    void *context;
} judging;

static void tell(const judging *j, const char *check, const char *found, bool wrong, const char *advice) {
    if (*found) j->tell(j->context, check, found, wrong ? advice : "");
}

/* Where every value but one is suspicious. */
static void expect(const judging *j, const char *fact, const char *good, const char *advice) {
    const char *found = rb_env_get(j->env, fact);
    tell(j, fact, found, strcmp(found, good) != 0, advice);
}

static void judge_load(const judging *j) {
    const char *load = rb_env_get(j->env, "load");
    double minute = 0;
    int running = 0;
    char found[96];
    int n = sscanf(load, "%lf %*f %*f %d/", &minute, &running);
    if (n < 1) return;
    snprintf(found, sizeof found, "%.2f in the last minute%s", minute,
             n == 2 && running > 1 ? ", something runs now" : "");
    tell(j, "load", found, minute > 0.25 || (n == 2 && running > 1),
         "other processes take processor time: wait, or stop them (`ps -eo pcpu,comm --sort=-pcpu | head`)");
}

static void judge_memory(const judging *j) {
    double available = atof(rb_env_get(j->env, "memory_available_mib")), all = atof(rb_env_get(j->env, "memory_mib"));
    char found[64];
    if (available <= 0 || all <= 0) return;
    snprintf(found, sizeof found, "%.0f of %.0f MiB free", available, all);
    tell(j, "memory", found, available < 0.1 * all, "little memory is left: pages may be swapped or given back slowly");
}

static void judge_affinity(const judging *j) {
    const char *usable = rb_env_get(j->env, "cpus_usable"), *online = rb_env_get(j->env, "cpus_online");
    char found[96];
    if (!*usable || !*online) return;
    snprintf(found, sizeof found, "%s of %s processors, %s", usable, online, rb_env_get(j->env, "affinity"));
    tell(j, "affinity", found, atoi(usable) < atoi(online),
         "pinned to some of the processors: fine if it is meant; results of other sets do not compare");
}

void rb_disturbances(const rb_env *env, rb_disturb_tell *out, void *context) {
    const judging j = {env, out, context};
    judge_load(&j);
    expect(&j, "governor", "performance",
           "the clock follows the load: `cpupower frequency-set -g performance`, or warm-up takes longer");
    expect(&j, "smt", "off",
           "two threads share a core: use one thread per core (`taskset`, `--threads`) for even results");
    expect(&j, "cgroup_quota", "none",
           "the container may use up its share and then stands still: throttled windows are flagged (throttled_frac)");
    judge_affinity(&j);
    judge_memory(&j);
    const char *features = rb_env_get(env, "cpu_features");
    tell(&j, "virtual machine", strstr(features, "hypervisor") ? "yes" : "", true,
         "neighbours on the host are not seen here: trust only sessions whose peaks.csv shows no drift");
    tell(&j, "clocksource", rb_env_get(env, "clocksource"), strcmp(rb_env_get(env, "clocksource"), "tsc") != 0,
         "reading the clock is slow or coarse: windows hide it, op profiles do not");
    expect(&j, "build_type", "Release", "not what is measured: `cmake --preset release`");
    tell(&j, "dirty", strcmp(rb_env_get(env, "dirty"), "1") ? "" : "the built source differs from its commit", true,
         "nobody can build this again: commit, then measure what is to be published");
}
