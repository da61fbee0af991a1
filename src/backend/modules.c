/* modules.c: backends in a library of their own, loaded when their devices are first asked for.
 *
 * So a program built with OpenCL runs where OpenCL is not installed. A module's vtable starts with two entries, probe
 * and open; both load regbench_NAME.so, which stands beside the library of this code or in REGBENCH_MODULES, and
 * replace the whole vtable by the one that it exports as rb_backend_NAME. */
#include "backend/modules.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void find_folder(char *out, size_t size) {
    const char *given = getenv("REGBENCH_MODULES");
    Dl_info self;
    snprintf(out, size, ".");
    if (given && given[0]) {
        snprintf(out, size, "%s", given);
    } else if (dladdr((void *)rb_backends, &self) && self.dli_fname && strchr(self.dli_fname, '/')) {
        snprintf(out, size, "%.*s", (int)(strrchr(self.dli_fname, '/') - self.dli_fname), self.dli_fname);
    }
}

/* What dlopen says, in words that help: a library that the module needs is missing, or something else is wrong. */
static void explain(const char *to_run, char why[256]) {
    const char *text = dlerror(), *colon = text ? strchr(text, ':') : NULL;
    if (colon && text[0] != '/' && strstr(colon, "cannot open shared object file"))
        snprintf(why, 256, "%.*s not found: install %s", (int)(colon - text), text, to_run);
    else
        snprintf(why, 256, "%s", text ? text : "dlopen failed");
}

/* True once the module's own vtable stands in *backend; else the reason is in `why`. The library is never closed:
 * drivers keep threads and exit handlers in it. */
static bool load(rb_backend *backend, const char *to_run, const char *to_build, char why[256]) {
    char folder[PATH_MAX], path[PATH_MAX + 64], symbol[64];
    find_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/regbench_%s.so", folder, backend->name);
    snprintf(symbol, sizeof symbol, "rb_backend_%s", backend->name);
    if (access(path, F_OK) != 0) {
        if (getenv("REGBENCH_MODULES"))
            snprintf(why, 256, "REGBENCH_MODULES: there is no %.200s", path);
        else
            snprintf(why, 256, "this build has none: install %s and build again (looked for %.120s)", to_build, path);
        return false;
    }
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const rb_backend *real = library ? dlsym(library, symbol) : NULL;
    if (!real) {
        explain(to_run, why);
        return false;
    }
    if (real->abi != RB_BACKEND_ABI) {
        snprintf(why, 256, "%.120s is of another build (interface %d, wanted %d): build again", path, real->abi,
                 RB_BACKEND_ABI);
        return false;
    }
    *backend = *real;
    return true;
}

#define RB_BACKEND(name, only_named)
#define RB_MODULE(id, to_run, to_build)                                                                                \
    static rb_status probe_##id(const rb_open_options *options, rb_device_info *list, int *n, char why[256]) {         \
        *n = 0;                                                                                                        \
        if (!load(&rb__module_##id, to_run, to_build, why)) return RB_OK;                                              \
        return rb__module_##id.probe(options, list, n, why);                                                           \
    }                                                                                                                  \
    static rb_status open_##id(int index, const rb_open_options *options, rb_device **out) {                           \
        char why[256];                                                                                                 \
        *out = NULL;                                                                                                   \
        if (!load(&rb__module_##id, to_run, to_build, why)) return rb_fail(RB_NO_DEVICE, "%s: %s", #id, why);          \
        return rb__module_##id.open(index, options, out);                                                              \
    }                                                                                                                  \
    rb_backend rb__module_##id = {.name = #id, .abi = RB_BACKEND_ABI, .probe = probe_##id, .open = open_##id};
#include "regbench/backends.def"
