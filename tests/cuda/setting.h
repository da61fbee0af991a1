/* setting.h: what a test asks of the libraries that stand in for NVIDIA's: VARIABLE="word,name=value,..". */
#ifndef TESTS_CUDA_SETTING_H
#define TESTS_CUDA_SETTING_H

#include <stdlib.h>
#include <string.h>

/* The text behind `name=`, up to the end or the next comma; NULL where it is not given. */
static inline const char *setting_text(const char *variable, const char *name) {
    static char value[512];
    const char *at = getenv(variable);
    const size_t length = strlen(name);
    for (; at && *at; at += strcspn(at, ","), at += *at == ',') {
        if (strncmp(at, name, length) || at[length] != '=') continue;
        at += length + 1;
        size_t n = strcspn(at, ",");
        if (n >= sizeof value) n = sizeof value - 1;
        memcpy(value, at, n);
        value[n] = '\0';
        return value;
    }
    return NULL;
}

/* The number behind `name=`, -1 where it is not given. */
static inline long setting(const char *variable, const char *name) {
    const char *text = setting_text(variable, name);
    return text ? atol(text) : -1;
}

#endif
