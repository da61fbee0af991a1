/* sha256.h: hashes of data sets and workloads (libcrypto's SHA-256 behind three calls). */
#ifndef RB_CORE_SHA256_H
#define RB_CORE_SHA256_H

#include <stddef.h>

#include "regbench/status.h"

/* Lower-case hex of `bytes` bytes. */
rb_status rb_sha256(const void *data, size_t bytes, char hex[65]);
/* Of several pieces one after another. */
rb_status rb_sha256_pieces(const void *const *data, const size_t *bytes, int n, char hex[65]);
rb_status rb_sha256_file(const char *path, char hex[65]);

#endif
