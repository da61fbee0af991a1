/* cache.h: compiled programs that earlier runs left on disk, and what a compiler says when it refuses one. */
#ifndef RB_KERNEL_CACHE_H
#define RB_KERNEL_CACHE_H

#include "regbench/backend.h"

enum { RB__KN_KEY = 65 };

/* A hash of all texts that a binary depends on: source, options, device, versions. */
rb_status rb__kn_cache_key(const char *const *texts, int n, char key[RB__KN_KEY]);
/* A malloc'ed binary, or NULL where there is no good file. `folder`: "opencl". */
unsigned char *rb__kn_cache_read(const char *folder, const char *key, size_t *size);
/* A cache that cannot be written costs time, nothing else. */
void rb__kn_cache_write(const char *folder, const char *key, const void *binary, size_t size);
/* For a log: a file of the cache that is not used. */
void rb__kn_cache_ignored(const char *folder, const char *key, const char *device);

typedef struct rb__kn_refusal {
    const char *folder, *key, *ending; /* the source goes to folder/key.ending */
    const char *source, *options, *log;
    int code; /* the compiler's own */
    const char *error;
} rb__kn_refusal;
/* RB_UNSUPPORTED: the log's first lines are in the failure's text, all of it and the source in files that it names. */
rb_status rb__kn_refuse(const rb_device_info *device, const rb__kn_refusal *r);

#endif
