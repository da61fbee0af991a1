/* pci_bus.c: preloaded by test_opencl: the OpenCL device at hand as a GPU on PCI bus 0000:01:00.0. TEST_BUS
 * says by which extension: "khr", which all vendors have, or "nv", NVIDIA's own. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TYPE = 0x1000, EXTENSIONS = 0x1030, BUS_INFO_KHR = 0x410F, BUS_NV = 0x4008, SLOT_NV = 0x4009, NOT_KNOWN = -30 };

static int tell(const void *what, size_t bytes, size_t size, void *value, size_t *given) {
    if (given) *given = bytes;
    if (value && size >= bytes) memcpy(value, what, bytes);
    return value && size < bytes ? NOT_KNOWN : 0;
}

int clGetDeviceInfo(void *device, unsigned what, size_t size, void *value, size_t *given);
int clGetDeviceInfo(void *device, unsigned what, size_t size, void *value, size_t *given) {
    static const unsigned bus_info[4] = {0, 1, 0, 0}, one = 1, slot = 0;
    static const unsigned long long gpu = 4;
    int (*real)(void *, unsigned, size_t, void *, size_t *);
    int khr = !strcmp(getenv("TEST_BUS"), "khr");
    *(void **)&real = dlsym(RTLD_NEXT, "clGetDeviceInfo");
    if (what == TYPE) return tell(&gpu, sizeof gpu, size, value, given);
    if (what == BUS_INFO_KHR) return khr ? tell(bus_info, sizeof bus_info, size, value, given) : NOT_KNOWN;
    if (what == BUS_NV) return khr ? NOT_KNOWN : tell(&one, sizeof one, size, value, given);
    if (what == SLOT_NV) return khr ? NOT_KNOWN : tell(&slot, sizeof slot, size, value, given);
    if (what == EXTENSIONS) {
        const char *text = khr ? "cl_khr_fp64 cl_khr_pci_bus_info" : "cl_nv_device_attribute_query";
        return tell(text, strlen(text) + 1, size, value, given);
    }
    return real(device, what, size, value, given);
}
