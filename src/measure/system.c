/* system.c: reads the kernel's small files. */
#include "measure/system.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *rb_system_root = "";

static FILE *open_file(const char *path) {
    char whole[1024];
    snprintf(whole, sizeof whole, "%s%s", rb_system_root, path);
    return fopen(whole, "re");
}

static bool line_of(char *out, size_t size, const char *fmt, va_list args) {
    char path[512];
    vsnprintf(path, sizeof path, fmt, args);
    FILE *file = open_file(path);
    out[0] = '\0';
    if (!file) return false;
    if (!fgets(out, (int)size, file)) out[0] = '\0';
    fclose(file);
    for (size_t n = strlen(out); n > 0 && isspace((unsigned char)out[n - 1]); n--) out[n - 1] = '\0';
    return out[0] != '\0';
}

bool rb_system_line(char *out, size_t size, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    bool read = line_of(out, size, fmt, args);
    va_end(args);
    return read;
}

bool rb_system_number(double *out, const char *fmt, ...) {
    char line[128], *end;
    va_list args;
    va_start(args, fmt);
    bool read = line_of(line, sizeof line, fmt, args);
    va_end(args);
    if (!read) return false;
    *out = strtod(line, &end);
    return end != line && *end == '\0';
}

bool rb_system_entry(char *out, size_t size, const char *path, const char *key, char separator) {
    FILE *file = open_file(path);
    char line[8192];
    bool found = false;
    out[0] = '\0';
    while (file && !found && fgets(line, sizeof line, file)) {
        size_t n = strlen(key);
        if (strncmp(line, key, n) != 0) continue;
        char *at = line + n;
        if (separator == ' ' && *at != ' ') continue; /* only the beginning of a key */
        while (*at == ' ' || *at == '\t') at++;
        if (separator != ' ' && *at++ != separator) continue;
        while (*at == ' ' || *at == '\t' || *at == '"') at++;
        size_t end = strlen(at);
        while (end > 0 && (isspace((unsigned char)at[end - 1]) || at[end - 1] == '"')) end--;
        snprintf(out, size, "%.*s", (int)end, at);
        found = true;
    }
    if (file) fclose(file);
    return found && *out;
}

bool rb_system_there(const char *path) {
    char whole[1024];
    snprintf(whole, sizeof whole, "%s%s", rb_system_root, path);
    return access(whole, F_OK) == 0;
}
