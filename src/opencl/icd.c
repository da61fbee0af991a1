/* icd.c: the loader skips a driver that it cannot load without a word; this finds it and says why. */
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opencl/device.h"

/* Both loaders take a folder of .icd files from OCL_ICD_VENDORS; what else they take there is left to them. */
static const char *vendors_folder(void) {
    const char *given = getenv("OCL_ICD_VENDORS");
    return given && given[0] ? given : "/etc/OpenCL/vendors";
}

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* The library that an .icd file names on its first line, or "". */
static void read_icd(const char *path, char out[512]) {
    FILE *file = fopen(path, "r");
    out[0] = '\0';
    if (!file) return;
    if (!fgets(out, 512, file)) out[0] = '\0';
    out[strcspn(out, " \t\r\n")] = '\0';
    fclose(file);
}

bool rb__cl_icd_trouble(char why[256], bool *loaded) {
    const char *folder = vendors_folder();
    DIR *all = opendir(folder);
    bool found = false;
    *loaded = false;
    for (struct dirent *entry; all && !found && (entry = readdir(all));) {
        char path[1024], library[512];
        if (!ends_with(entry->d_name, ".icd")) continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        read_icd(path, library);
        if (library[0] && dlopen(library, RTLD_LAZY | RTLD_LOCAL)) { /* kept: it has been loaded before */
            *loaded = true;
            continue;
        }
        const char *reason = library[0] ? dlerror() : NULL;
        snprintf(why, 256, "%.100s: %.150s", path, reason ? reason : "names no library");
        found = true;
    }
    if (all) closedir(all);
    return found;
}
