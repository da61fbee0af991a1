/* topology.c: asks hwloc once; the whole machine counts, not only what this process may use. */
#include "measure/topology.h"

#include <hwloc.h>
#include <stdio.h>

static void count(rb_env *env, hwloc_topology_t topology, hwloc_obj_type_t type, const char *name) {
    char text[32];
    int n = hwloc_get_nbobjs_by_type(topology, type);
    if (n <= 0) return; /* the machine has none, or at several depths */
    snprintf(text, sizeof text, "%d", n);
    rb__env_note(env, name, text, true);
}

/* "2 x 2 MiB": how many there are, and their size, which on some machines differs from one to the next. */
static void cache(rb_env *env, hwloc_topology_t topology, hwloc_obj_type_t type, const char *name) {
    unsigned long long least = 0, most = 0;
    char text[96];
    int n = hwloc_get_nbobjs_by_type(topology, type);
    for (int i = 0; i < n; i++) {
        hwloc_obj_t object = hwloc_get_obj_by_type(topology, type, (unsigned)i);
        unsigned long long size = object->attr->cache.size / 1024;
        if (i == 0 || size < least) least = size;
        if (size > most) most = size;
    }
    if (n <= 0 || most == 0) return;
    if (least == most)
        snprintf(text, sizeof text, "%d x %llu KiB", n, most);
    else
        snprintf(text, sizeof text, "%d x %llu to %llu KiB", n, least, most);
    rb__env_note(env, name, text, true);
}

void rb__env_topology(rb_env *env) {
    hwloc_topology_t topology;
    char version[32];
    unsigned v = hwloc_get_api_version();
    snprintf(version, sizeof version, "%u.%u.%u", v >> 16, v >> 8 & 0xff, v & 0xff);
    rb__env_note(env, "hwloc_api", version, true);
    if (hwloc_topology_init(&topology) != 0) return;
    hwloc_topology_set_flags(topology, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
    if (hwloc_topology_load(topology) == 0) {
        count(env, topology, HWLOC_OBJ_PACKAGE, "packages");
        count(env, topology, HWLOC_OBJ_NUMANODE, "numa_nodes");
        count(env, topology, HWLOC_OBJ_CORE, "cores");
        count(env, topology, HWLOC_OBJ_PU, "hardware_threads");
        cache(env, topology, HWLOC_OBJ_L1CACHE, "caches_l1d");
        cache(env, topology, HWLOC_OBJ_L2CACHE, "caches_l2");
        cache(env, topology, HWLOC_OBJ_L3CACHE, "caches_l3");
    }
    hwloc_topology_destroy(topology);
}
