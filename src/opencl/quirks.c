/* quirks.c: one table of what drivers are known to get wrong, and its overriding by name.
 *
 * Rules are tried in order and each settles only what no earlier one has. The type of device comes first: PoCL and
 * Intel's CPU runtime carry Intel's vendor number as the GPUs do. Then the platform: Mesa's rusticl drives the hardware
 * of many vendors. Values without a source are guesses to start from. */
#include <stdlib.h>
#include <string.h>

#include "kernel/quirks.h"
#include "opencl/device.h"

/* --- the quirks by name ---------------------------------------------------------------------------------------------
 */

_Static_assert((int)RB__QUIRKS <= (int)RB__KN_QUIRKS, "room for names");
static const rb__kn_quirk quirks[RB__QUIRKS] = {
#define RB_CHOICE(name, words, otherwise, meaning) {#name, words, 0},
#define RB_SIZE(name, low, otherwise, meaning)     {#name, NULL, low},
#include "opencl/quirks.def"
#undef RB_CHOICE
#undef RB_SIZE
};

static void set_defaults(const rb__cl_limits *l, rb__quirks *out) {
#define RB_CHOICE(name, words, otherwise, meaning) out->name = (otherwise);
#define RB_SIZE(name, low, otherwise, meaning)     out->name = (otherwise);
#include "opencl/quirks.def"
#undef RB_CHOICE
#undef RB_SIZE
    (void)l;
}

/* --- the table ------------------------------------------------------------------------------------------------------
 */

enum { ANY = 0, AMD = 0x1002, NVIDIA = 0x10DE, INTEL = 0x8086, ARM = 0x13B5 };

static const struct rule {
    const char *name;
    cl_device_type type;  /* 0 = any */
    const char *platform; /* part of the platform's name; NULL = any */
    cl_uint vendor;
    const char *settings;
} rules[] = {
    /* mad() is a multiplication and an addition there, fma() one instruction; programs are cached by PoCL itself. */
    {"PoCL", ANY, "Portable Computing Language", ANY, "mac=fma,cache=off"},
    /* Kernels with a barrier, which only the gpu family has, run in work-groups of one there. */
    {"Apple CPU", CL_DEVICE_TYPE_CPU, "Apple", ANY, "max_wg=1"},
    /* Local memory is a piece of global memory. */
    {"CPU", CL_DEVICE_TYPE_CPU, NULL, ANY, "family=cpu,mac=expr,local_mem=0,max_wg=4096"},
    {"Apple GPU", CL_DEVICE_TYPE_GPU, "Apple", ANY, "max_wg=256,local_mem=32768"},
    /* The driver caches programs; what is enqueued waits until somebody flushes. */
    {"NVIDIA", CL_DEVICE_TYPE_GPU, "NVIDIA", NVIDIA, "mac=fma,max_wg=1024,local_mem=32768,cache=off,flush=on"},
    /* More than 256 work-items need an attribute that others dislike. */
    {"AMD", CL_DEVICE_TYPE_GPU, "AMD", AMD, "max_wg=256,local_mem=32768"},
    /* Wrong results were seen in buffers beyond 4 GiB. */
    {"Intel GPU", CL_DEVICE_TYPE_GPU, "Intel", INTEL, "max_wg=256,local_mem=0,max_alloc=4294901760"},
    /* No dedicated local memory, whoever's driver. */
    {"Mali", CL_DEVICE_TYPE_GPU, NULL, ARM, "max_wg=256,local_mem=0"},
    {"rusticl", ANY, "rusticl", ANY, "max_wg=256,local_mem=32768"},
};

static bool matches(const struct rule *r, const rb__cl_limits *l) {
    return (!r->type || (l->type & r->type)) && (!r->platform || strcasestr(l->platform_name, r->platform)) &&
           (!r->vendor || l->vendor_id == r->vendor);
}

static void limit(rb__quirks *q, const char *from[RB__QUIRKS], int i, size_t most) {
    if (q->at[i] <= 0 || (uint64_t)q->at[i] <= most) return;
    q->at[i] = (int64_t)most;
    from[i] = "the device's limit";
}

rb_status rb__cl_quirks(const rb__cl_limits *l, const char *overrides, rb__quirks *out, const char *from[RB__QUIRKS]) {
    rb_status status = RB_OK;
    const char *own[RB__QUIRKS];
    const char **who = from ? from : own;
    if (!overrides) overrides = getenv("REGBENCH_QUIRK");
    for (int i = 0; i < RB__QUIRKS; i++) who[i] = NULL;
    set_defaults(l, out);
    if (overrides && overrides[0]) RB_TRY(rb__kn_quirks_apply(quirks, RB__QUIRKS, overrides, "--quirk", out->at, who));
    for (size_t r = 0; r < sizeof rules / sizeof *rules; r++)
        if (matches(&rules[r], l))
            RB_TRY(rb__kn_quirks_apply(quirks, RB__QUIRKS, rules[r].settings, rules[r].name, out->at, who));
    for (int i = 0; i < RB__QUIRKS; i++)
        if (!who[i]) who[i] = "default";
    limit(out, who, RB__QUIRK_max_wg, l->max_wg);
    limit(out, who, RB__QUIRK_local_mem, l->local_mem);
    limit(out, who, RB__QUIRK_max_alloc, l->max_alloc);
cleanup:
    return status;
}

const char *rb__cl_quirk_name(int index) { return quirks[index].name; }

void rb__cl_quirk_value(int index, int64_t value, char out[32]) { rb__kn_quirk_value(&quirks[index], value, out); }
