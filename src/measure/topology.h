/* topology.h: how the processors hang together, through hwloc. */
#ifndef RB_MEASURE_TOPOLOGY_H
#define RB_MEASURE_TOPOLOGY_H

#include "measure/machine.h"

/* Adds packages, NUMA nodes, cores, hardware threads and the number of each cache; nothing in a build without hwloc,
 * nor where hwloc cannot read the machine. Out of memory leaves facts out. */
void rb__env_topology(rb_env *env);

#endif
