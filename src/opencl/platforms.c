/* platforms.c: enumerates the devices of all platforms and reads their limits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "opencl/device.h"

enum { NO_PLATFORM = -1001, MOST_PLATFORMS = 32 }; /* CL_PLATFORM_NOT_FOUND_KHR, of the loader */

const char *rb__cl_error_name(cl_int code) {
    static const struct {
        cl_int code;
        const char *name;
    } names[] = {
#define NAME(code) {code, #code}
        NAME(CL_SUCCESS),
        NAME(CL_DEVICE_NOT_FOUND),
        NAME(CL_DEVICE_NOT_AVAILABLE),
        NAME(CL_COMPILER_NOT_AVAILABLE),
        NAME(CL_MEM_OBJECT_ALLOCATION_FAILURE),
        NAME(CL_OUT_OF_RESOURCES),
        NAME(CL_OUT_OF_HOST_MEMORY),
        NAME(CL_PROFILING_INFO_NOT_AVAILABLE),
        NAME(CL_MEM_COPY_OVERLAP),
        NAME(CL_BUILD_PROGRAM_FAILURE),
        NAME(CL_MAP_FAILURE),
        NAME(CL_MISALIGNED_SUB_BUFFER_OFFSET),
        NAME(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST),
        NAME(CL_KERNEL_ARG_INFO_NOT_AVAILABLE),
        NAME(CL_INVALID_VALUE),
        NAME(CL_INVALID_DEVICE_TYPE),
        NAME(CL_INVALID_PLATFORM),
        NAME(CL_INVALID_DEVICE),
        NAME(CL_INVALID_CONTEXT),
        NAME(CL_INVALID_QUEUE_PROPERTIES),
        NAME(CL_INVALID_COMMAND_QUEUE),
        NAME(CL_INVALID_HOST_PTR),
        NAME(CL_INVALID_MEM_OBJECT),
        NAME(CL_INVALID_BINARY),
        NAME(CL_INVALID_BUILD_OPTIONS),
        NAME(CL_INVALID_PROGRAM),
        NAME(CL_INVALID_PROGRAM_EXECUTABLE),
        NAME(CL_INVALID_KERNEL_NAME),
        NAME(CL_INVALID_KERNEL_DEFINITION),
        NAME(CL_INVALID_KERNEL),
        NAME(CL_INVALID_ARG_INDEX),
        NAME(CL_INVALID_ARG_VALUE),
        NAME(CL_INVALID_ARG_SIZE),
        NAME(CL_INVALID_KERNEL_ARGS),
        NAME(CL_INVALID_WORK_DIMENSION),
        NAME(CL_INVALID_WORK_GROUP_SIZE),
        NAME(CL_INVALID_WORK_ITEM_SIZE),
        NAME(CL_INVALID_GLOBAL_OFFSET),
        NAME(CL_INVALID_EVENT_WAIT_LIST),
        NAME(CL_INVALID_EVENT),
        NAME(CL_INVALID_OPERATION),
        NAME(CL_INVALID_BUFFER_SIZE),
        NAME(CL_INVALID_GLOBAL_WORK_SIZE),
        NAME(CL_INVALID_PROPERTY),
#undef NAME
        {NO_PLATFORM, "CL_PLATFORM_NOT_FOUND_KHR"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].code == code) return names[i].name;
    return "unknown OpenCL error";
}

const char *rb__cl_type_name(cl_device_type type) {
    /* Oclgrind is of every type at once: the first counts, here as in the rules of quirks.c. */
    return type & CL_DEVICE_TYPE_CPU           ? "cpu"
           : type & CL_DEVICE_TYPE_GPU         ? "gpu"
           : type & CL_DEVICE_TYPE_ACCELERATOR ? "accelerator"
                                               : "custom";
}

/* --- reading --------------------------------------------------------------------------------------------------------
 */

/* Without blanks at both ends; what does not fit is cut. */
static void keep_text(char *out, size_t size, char *text) {
    char *end = text + strlen(text);
    while (*text == ' ') text++;
    while (end > text && (end[-1] == ' ' || end[-1] == '\n')) *--end = '\0';
    snprintf(out, size, "%s", text);
}

/* Of a device, or where that is NULL of its platform. */
static bool info_text(cl_platform_id platform, cl_device_id device, cl_uint what, char *out, size_t size) {
    size_t n = 0;
    out[0] = '\0';
    cl_int code = device ? clGetDeviceInfo(device, what, 0, NULL, &n) : clGetPlatformInfo(platform, what, 0, NULL, &n);
    char *text = code == CL_SUCCESS ? calloc(1, n + 1) : NULL;
    if (!text) return false;
    code = device ? clGetDeviceInfo(device, what, n, text, NULL) : clGetPlatformInfo(platform, what, n, text, NULL);
    if (code == CL_SUCCESS) keep_text(out, size, text);
    free(text);
    return code == CL_SUCCESS;
}

#define READ(what, into) good &= clGetDeviceInfo(l->device, what, sizeof(into), &(into), NULL) == CL_SUCCESS

static bool read_numbers(rb__cl_limits *l) {
    bool good = true;
    cl_ulong local = 0, alloc = 0, global = 0;
    cl_uint units = 0, width = 0, align_bits = 0, dimensions = 0;
    cl_bool unified = CL_FALSE;
    cl_device_local_mem_type local_type = CL_NONE;
    size_t sizes[16] = {1, 1, 1};
    READ(CL_DEVICE_TYPE, l->type);
    READ(CL_DEVICE_VENDOR_ID, l->vendor_id);
    READ(CL_DEVICE_MAX_WORK_GROUP_SIZE, l->max_wg);
    READ(CL_DEVICE_MAX_WORK_ITEM_DIMENSIONS, dimensions);
    if (good && dimensions <= 16)
        good &= clGetDeviceInfo(l->device, CL_DEVICE_MAX_WORK_ITEM_SIZES, dimensions * sizeof *sizes, sizes, NULL) ==
                CL_SUCCESS;
    READ(CL_DEVICE_LOCAL_MEM_SIZE, local);
    READ(CL_DEVICE_LOCAL_MEM_TYPE, local_type);
    READ(CL_DEVICE_MAX_MEM_ALLOC_SIZE, alloc);
    READ(CL_DEVICE_GLOBAL_MEM_SIZE, global);
    READ(CL_DEVICE_MAX_PARAMETER_SIZE, l->max_parameters);
    READ(CL_DEVICE_MEM_BASE_ADDR_ALIGN, align_bits);
    READ(CL_DEVICE_SINGLE_FP_CONFIG, l->fp);
    READ(CL_DEVICE_HOST_UNIFIED_MEMORY, unified);
    READ(CL_DEVICE_MAX_COMPUTE_UNITS, units);
    READ(CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, width);
    READ(CL_DEVICE_PROFILING_TIMER_RESOLUTION, l->timer_ns);
    memcpy(l->item_sizes, sizes, sizeof l->item_sizes);
    l->local_mem = (size_t)local;
    l->local_is_fast = local_type == CL_LOCAL;
    l->max_alloc = (size_t)alloc;
    l->global_mem = (size_t)global;
    l->align = align_bits / 8;
    l->unified = unified == CL_TRUE;
    l->compute_units = (int)units;
    l->float_width = (int)width;
    return good;
}

/* Where a GPU sits: by the extension of all vendors, or NVIDIA's own, whose slot holds device and function. */
static void read_bus(rb__cl_limits *l) {
    enum { BUS_INFO_KHR = 0x410F, BUS_NV = 0x4008, SLOT_NV = 0x4009, DOMAIN_NV = 0x400A };
    cl_uint at[4] = {0}, slot = 0; /* domain, bus, device, function */
    bool good = strstr(l->extensions, "cl_khr_pci_bus_info") &&
                clGetDeviceInfo(l->device, BUS_INFO_KHR, sizeof at, at, NULL) == CL_SUCCESS;
    if (!good && strstr(l->extensions, "cl_nv_device_attribute_query")) {
        good = clGetDeviceInfo(l->device, BUS_NV, sizeof at[1], &at[1], NULL) == CL_SUCCESS &&
               clGetDeviceInfo(l->device, SLOT_NV, sizeof slot, &slot, NULL) == CL_SUCCESS;
        if (good && clGetDeviceInfo(l->device, DOMAIN_NV, sizeof at[0], &at[0], NULL) != CL_SUCCESS) at[0] = 0;
        at[2] = slot >> 3, at[3] = slot & 7;
    }
    if (good) snprintf(l->pci_bus, sizeof l->pci_bus, "%04x:%02x:%02x.%x", at[0], at[1], at[2], at[3]);
}

/* NULL, or why the device is left out. */
static const char *read_limits(cl_platform_id platform, cl_device_id device, rb__cl_limits *l) {
    cl_bool available = CL_FALSE, compiler = CL_FALSE;
    int major = 0, minor = 0;
    bool good = true;
    memset(l, 0, sizeof *l);
    l->platform = platform;
    l->device = device;
    good &= info_text(platform, NULL, CL_PLATFORM_NAME, l->platform_name, sizeof l->platform_name);
    good &= info_text(platform, NULL, CL_PLATFORM_VERSION, l->platform_version, sizeof l->platform_version);
    good &= info_text(platform, device, CL_DEVICE_NAME, l->name, sizeof l->name);
    good &= info_text(platform, device, CL_DEVICE_VENDOR, l->vendor, sizeof l->vendor);
    good &= info_text(platform, device, CL_DRIVER_VERSION, l->driver, sizeof l->driver);
    good &= info_text(platform, device, CL_DEVICE_VERSION, l->version, sizeof l->version);
    good &= info_text(platform, device, CL_DEVICE_OPENCL_C_VERSION, l->c_version, sizeof l->c_version);
    good &= info_text(platform, device, CL_DEVICE_EXTENSIONS, l->extensions, sizeof l->extensions);
    READ(CL_DEVICE_AVAILABLE, available);
    READ(CL_DEVICE_COMPILER_AVAILABLE, compiler);
    good &= read_numbers(l);
    read_bus(l);
    if (!good) return "its driver does not answer what OpenCL 1.2 must";
    if (sscanf(l->version, "OpenCL %d.%d", &major, &minor) != 2 || major * 10 + minor < 12)
        return "older than OpenCL 1.2";
    if (!available) return "its driver calls it unavailable";
    if (!compiler) return "its driver has no compiler";
    return NULL;
}

/* --- enumerating ----------------------------------------------------------------------------------------------------
 */

static void add_platform(cl_platform_id platform, rb__cl_limits *list, int *n, char why[256]) {
    cl_device_id devices[RB_MAX_DEVICES];
    cl_uint count = 0;
    cl_int code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, RB_MAX_DEVICES, devices, &count);
    if (code == CL_DEVICE_NOT_FOUND) count = 0;
    if (code != CL_SUCCESS && code != CL_DEVICE_NOT_FOUND) {
        char name[128];
        info_text(platform, NULL, CL_PLATFORM_NAME, name, sizeof name);
        snprintf(why, 256, "platform %s lists no devices: %s (%d)", name, rb__cl_error_name(code), code);
        return;
    }
    for (cl_uint i = 0; i < count && i < RB_MAX_DEVICES && *n < RB_MAX_DEVICES; i++) {
        const char *reason = read_limits(platform, devices[i], &list[*n]);
        if (!reason)
            ++*n;
        else
            snprintf(why, 256, "%.100s (%.60s) is left out: %s", list[*n].name, list[*n].platform_name, reason);
    }
}

rb_status rb__cl_devices(rb__cl_limits **list, int *n, char why[256]) {
    cl_platform_id platforms[MOST_PLATFORMS];
    cl_uint count = 0;
    why[0] = '\0';
    *n = 0;
    *list = NULL;
    cl_int code = clGetPlatformIDs(MOST_PLATFORMS, platforms, &count);
    if (code != CL_SUCCESS && code != NO_PLATFORM)
        return rb_fail_native(RB_DEVICE, code, "OpenCL lists no platforms: %s (%d)", rb__cl_error_name(code), code);
    if (code == NO_PLATFORM) count = 0;
    *list = calloc(RB_MAX_DEVICES, sizeof **list);
    if (!*list) return rb_fail(RB_MEMORY, "out of memory for a list of devices");
    for (cl_uint i = 0; i < count && i < MOST_PLATFORMS; i++) add_platform(platforms[i], *list, n, why);
    bool loaded;
    if (!why[0] && !rb__cl_icd_trouble(why, &loaded) && *n == 0)
        snprintf(why, 256, "%s",
                 loaded ? "the installed driver finds none; PoCL wants a cache folder that it can write "
                          "(POCL_CACHE_DIR, XDG_CACHE_HOME, HOME)"
                        : "no driver is installed; pocl-opencl-icd runs OpenCL on any CPU");
    return RB_OK;
}

/* --- describing -----------------------------------------------------------------------------------------------------
 */

static void describe_limits(const rb__cl_limits *l, rb_text *out) {
    static const struct {
        cl_device_fp_config bit;
        const char *word;
    } bits[] = {{CL_FP_FMA, "fma"},
                {CL_FP_DENORM, "denorm"},
                {CL_FP_INF_NAN, "inf_nan"},
                {CL_FP_ROUND_TO_NEAREST, "round_to_nearest"},
                {CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT, "exact_divide_sqrt"}};
    rb_text_printf(out, "platform_version=%s; driver_version=%s; c_version=%s", l->platform_version, l->driver,
                   l->c_version);
    rb_text_printf(out, "; max_work_group=%zu; max_work_items=%zux%zux%zu", l->max_wg, l->item_sizes[0],
                   l->item_sizes[1], l->item_sizes[2]);
    rb_text_printf(out, "; local_mem_bytes=%zu (%s)", l->local_mem,
                   l->local_is_fast ? "dedicated" : "in global memory");
    rb_text_printf(out, "; max_alloc_bytes=%zu; global_mem_bytes=%zu; max_parameter_bytes=%zu; base_align_bytes=%zu",
                   l->max_alloc, l->global_mem, l->max_parameters, l->align);
    rb_text_printf(out, "; unified_memory=%s; compute_units=%d; native_float_width=%d; timer_ns=%zu; fp32=",
                   l->unified ? "yes" : "no", l->compute_units, l->float_width, l->timer_ns);
    for (size_t i = 0, n = 0; i < sizeof bits / sizeof *bits; i++)
        if (l->fp & bits[i].bit) rb_text_printf(out, "%s%s", n++ ? " " : "", bits[i].word);
    if (l->pci_bus[0]) rb_text_printf(out, "; pci_bus=%s", l->pci_bus);
}

rb_status rb__cl_describe(const rb__cl_limits *l, int index, const char *overrides, rb_device_info *out) {
    rb_status status = RB_OK;
    rb_text details = {0};
    rb__quirks quirks;
    const char *from[RB__QUIRKS];
    RB_TRY(rb__cl_quirks(l, overrides, &quirks, from));
    memset(out, 0, sizeof *out);
    snprintf(out->key, sizeof out->key, "opencl:%d", index);
    snprintf(out->name, sizeof out->name, "%s", l->name);
    bool named = strstr(l->driver, l->platform_name); /* Oclgrind */
    snprintf(out->driver, sizeof out->driver, "%.80s%s%.40s", named ? "" : l->platform_name, named ? "" : " ",
             l->driver);
    snprintf(out->isa, sizeof out->isa, "%.63s", l->c_version);
    snprintf(out->type, sizeof out->type, "%s", rb__cl_type_name(l->type));
    snprintf(out->platform, sizeof out->platform, "%s", l->platform_name);
    snprintf(out->vendor, sizeof out->vendor, "%s", l->vendor);
    snprintf(out->version, sizeof out->version, "%s", l->version);
    snprintf(out->pci_bus, sizeof out->pci_bus, "%s", l->pci_bus);
    out->threads = l->compute_units;
    out->memory = l->global_mem;
    out->max_alloc = (size_t)quirks.max_alloc;
    describe_limits(l, &details);
    for (int i = 0; i < RB__QUIRKS; i++) {
        char value[32];
        rb__cl_quirk_value(i, quirks.at[i], value);
        rb_text_printf(&details, "; quirk %s=%s (%s)", rb__cl_quirk_name(i), value, from[i]);
    }
    rb_text_printf(&details, "; extensions=%s", l->extensions);
    RB_TRY(rb_text_status(&details));
    snprintf(out->details, sizeof out->details, "%s", rb_text_string(&details));
cleanup:
    rb_text_free(&details);
    return status;
}
