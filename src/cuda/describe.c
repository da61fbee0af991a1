/* describe.c: what a CUDA device is and can do, and its settings. */
#include <stdio.h>
#include <string.h>

#include "cuda/cuda.h"
#include "measure/nvml.h"

/* --- settings ----------------------------------------------------------------------------------------------------- */

static const rb__kn_quirk quirks[] = {
#define RB_CHOICE(name, words, otherwise, meaning) {#name, words, 0},
#define RB_SIZE(name, low, otherwise, meaning)     {#name, NULL, low},
#include "cuda/quirks.def"
#undef RB_CHOICE
#undef RB_SIZE
};

enum { QUIRKS = sizeof quirks / sizeof *quirks };

rb_status rb__cuda_settle(const char *overrides, rb__cuda_quirks *out) {
    const char *from[RB__KN_QUIRKS] = {0};
#define RB_CHOICE(name, words, otherwise, meaning) out->name = (otherwise);
#define RB_SIZE(name, low, otherwise, meaning)     out->name = (otherwise);
#include "cuda/quirks.def"
#undef RB_CHOICE
#undef RB_SIZE
    if (!overrides || !overrides[0]) return RB_OK;
    return rb__kn_quirks_apply(quirks, QUIRKS, overrides, "--quirk", out->at, from);
}

/* Words of another backend, which probe may be given, change nothing. */
static void describe_quirks(const char *overrides, rb_text *out) {
    rb__cuda_quirks q;
    if (rb__cuda_settle(overrides, &q) != RB_OK) {
        rb_error_clear();
        rb__cuda_settle(NULL, &q);
    }
    for (int i = 0; i < QUIRKS; i++) {
        char value[32];
        rb__kn_quirk_value(&quirks[i], q.at[i], value);
        rb_text_printf(out, "; quirk %s=%s", quirks[i].name, value);
    }
}

/* --- the device --------------------------------------------------------------------------------------------------- */

static int attribute(CUdevice id, CUdevice_attribute which) {
    int value = 0;
    return rb__cuda.device_attribute(&value, which, id) == CUDA_SUCCESS ? value : 0;
}

static void describe_limits(CUdevice id, rb_text *out) {
    static const struct {
        const char *name;
        CUdevice_attribute which;
        int unit; /* what is printed is value / unit */
    } list[] = {
        {"sm_count", CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 1},
        {"clock_mhz", CU_DEVICE_ATTRIBUTE_CLOCK_RATE, 1000},
        {"memory_clock_mhz", CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE, 1000},
        {"memory_bus_bits", CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH, 1},
        {"l2_bytes", CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, 1},
        {"ecc", CU_DEVICE_ATTRIBUTE_ECC_ENABLED, 1},
        {"compute_mode", CU_DEVICE_ATTRIBUTE_COMPUTE_MODE, 1}, /* 3: exclusive */
        {"max_threads_per_block", CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 1},
        {"shared_bytes_per_block", CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK, 1},
        {"shared_bytes_per_sm", CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, 1},
        {"registers_per_sm", CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR, 1},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        rb_text_printf(out, "; %s=%d", list[i].name, attribute(id, list[i].which) / list[i].unit);
}

bool rb__cuda_describe(int index, const char *overrides, CUdevice *id, int *capability, rb_device_info *out,
                       char why[256]) {
    char version[64];
    rb_text details = {0};
    CUresult error = rb__cuda.device_get(id, index);
    memset(out, 0, sizeof *out);
    if (error == CUDA_SUCCESS) error = rb__cuda.device_name(out->name, (int)sizeof out->name, *id);
    if (error == CUDA_SUCCESS) error = rb__cuda.device_memory(&out->memory, *id);
    if (error != CUDA_SUCCESS) {
        snprintf(why, 256, "cuda:%d does not answer (%d)", index, (int)error);
        return false;
    }
    int major = attribute(*id, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
    int minor = attribute(*id, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    *capability = 10 * major + minor;
    if (*capability < rb__nvrtc.known[0]) {
        snprintf(why, 256,
                 "%.100s is left out: its compute capability is %d.%d, CUDA's compiler %d.%d wants %d.%d or more",
                 out->name, major, minor, rb__nvrtc.major, rb__nvrtc.minor, rb__nvrtc.known[0] / 10,
                 rb__nvrtc.known[0] % 10);
        return false;
    }
    rb_nvml_driver(version, sizeof version);
    snprintf(out->key, sizeof out->key, "cuda:%d", index);
    snprintf(out->driver, sizeof out->driver, "NVIDIA%s%s, CUDA %d.%d", version[0] ? " " : "", version,
             rb__cuda.version / 1000, rb__cuda.version % 1000 / 10);
    snprintf(out->isa, sizeof out->isa, "sm_%d", *capability);
    snprintf(out->type, sizeof out->type, "gpu");
    snprintf(out->platform, sizeof out->platform, "CUDA");
    snprintf(out->vendor, sizeof out->vendor, "NVIDIA");
    snprintf(out->version, sizeof out->version, "NVRTC %d.%d", rb__nvrtc.major, rb__nvrtc.minor);
    out->threads = attribute(*id, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
    rb_text_printf(&details, "compute_capability=%d.%d; memory_bytes=%zu", major, minor, out->memory);
    describe_limits(*id, &details);
    if (rb__cuda.device_bus(out->pci_bus, (int)sizeof out->pci_bus, *id) == CUDA_SUCCESS) {
        rb_text_printf(&details, "; pci_bus=%s", out->pci_bus);
        rb_nvml_describe(out->pci_bus, &details);
    } else {
        out->pci_bus[0] = '\0';
    }
    describe_quirks(overrides, &details);
    snprintf(out->details, sizeof out->details, "%s", rb_text_string(&details));
    rb_text_free(&details);
    return true;
}
