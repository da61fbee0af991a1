/* device.h: provisional */
#ifndef RB_OPENCL_DEVICE_H
#define RB_OPENCL_DEVICE_H
#include <CL/cl.h>
#include <stddef.h>
typedef struct rb__cl_quirks {
    int family, mac, flush, queue_bound, zero_copy, cache;
    size_t max_wg, local_mem, max_alloc;
} rb__cl_quirks;
typedef struct rb__cl_device {
    cl_platform_id platform;
    cl_device_id id;
    size_t align;
    rb__cl_quirks quirks;
} rb__cl_device;
static inline const char *rb__cl_mac_name(const rb__cl_quirks *q) {
    (void)q;
    return "fma";
}
#endif
