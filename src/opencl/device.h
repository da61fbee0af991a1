/* device.h: which OpenCL devices there are, what they can do, and what their drivers are known to get wrong.
 *
 * The floor is OpenCL 1.2; anything beyond is told by an extension's name, never by the digit of a version: a platform
 * of 3.0 may lack what 2.0 demanded. */
#ifndef RB_OPENCL_DEVICE_H
#define RB_OPENCL_DEVICE_H

#include <CL/cl.h>
#include <stdbool.h>

#include "regbench/backend.h"

/* --- what the driver says -------------------------------------------------------------------------------------------
 */

typedef struct rb__cl_limits {
    cl_platform_id platform;
    cl_device_id device;
    char platform_name[128], platform_version[128];
    char name[128], vendor[128];
    char driver[128]; /* version of the driver */
    char version[128], c_version[128];
    char extensions[4096]; /* of the device, separated by blanks */
    cl_device_type type;
    cl_uint vendor_id;
    size_t max_wg, item_sizes[3]; /* work-items */
    size_t local_mem, max_alloc, global_mem;
    bool local_is_fast;    /* dedicated memory, not a piece of global */
    size_t max_parameters; /* bytes of one kernel's arguments */
    size_t align;          /* bytes: offset of a sub-buffer, and of memory given to CL_MEM_USE_HOST_PTR */
    cl_device_fp_config fp;
    bool unified; /* host and device share memory */
    int compute_units;
    int float_width;  /* native vector width in floats */
    size_t timer_ns;  /* resolution of event profiling */
    char pci_bus[32]; /* "0000:01:00.0", or "" */
} rb__cl_limits;

/* Every device of every platform, numbered in the order of the loader. *list is malloc'ed, for the caller to free. *n =
 * 0 with RB_OK and the reason in `why` where there is none; with devices, `why` names a driver that could not be
 * loaded. */
rb_status rb__cl_devices(rb__cl_limits **list, int *n, char why[256]);
/* A driver that the loader could not load; false where all could. */
bool rb__cl_icd_trouble(char why[256], bool *loaded);
const char *rb__cl_type_name(cl_device_type type); /* "cpu", "gpu", "accelerator", "custom" */
/* What `regbench devices` prints; `quirks` as --quirk gives it (NULL = REGBENCH_QUIRK). RB_USAGE. */
rb_status rb__cl_describe(const rb__cl_limits *l, int index, const char *quirks, rb_device_info *out);
const char *rb__cl_error_name(cl_int code); /* "CL_OUT_OF_RESOURCES" */

/* --- what is known of it --------------------------------------------------------------------------------------------
 */

enum { RB__FAMILY_CPU, RB__FAMILY_GPU };
enum { RB__MAC_FMA, RB__MAC_MAD, RB__MAC_EXPR };
enum { RB__OFF, RB__ON };

enum {
#define RB_CHOICE(name, words, otherwise, meaning) RB__QUIRK_##name,
#define RB_SIZE(name, low, otherwise, meaning)     RB__QUIRK_##name,
#include "opencl/quirks.def"
#undef RB_CHOICE
#undef RB_SIZE
    RB__QUIRKS
};

typedef union rb__quirks {
    struct {
#define RB_CHOICE(name, words, otherwise, meaning) int64_t name;
#define RB_SIZE(name, low, otherwise, meaning)     int64_t name;
#include "opencl/quirks.def"
#undef RB_CHOICE
#undef RB_SIZE
    };
    int64_t at[RB__QUIRKS];
} rb__quirks;

/* Settles every quirk: `overrides` ("max_wg=64,local_mem=0"; NULL = REGBENCH_QUIRK), then the first rule of the table
 * that matches, then the default, never beyond the device's limits. from[i] says who decided (may be NULL). RB_USAGE
 * for an unknown name or a bad value. */
rb_status rb__cl_quirks(const rb__cl_limits *l, const char *overrides, rb__quirks *out, const char *from[RB__QUIRKS]);
/* "max_wg", and the value as --quirk takes it. */
const char *rb__cl_quirk_name(int index);
void rb__cl_quirk_value(int index, int64_t value, char out[32]);

#endif
