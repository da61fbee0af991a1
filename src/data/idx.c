/* idx.c: the IDX files of MNIST and Fashion-MNIST, raw or gzip.
 *
 * Images: magic 0x00000803, count, height, width (big-endian u32 each), then count x H x W bytes. Labels: magic
 * 0x00000801, count, then count bytes. The counts are the file's own; all else is checked, and a message names the
 * byte: foreign (magic, side lengths), truncated, oversized, mislabelled (label >= classes), images != labels. */
#include <stdlib.h>
#include <string.h>

#include "data/data.h"

enum { IMAGES = 0x803, LABELS = 0x801 };

static uint32_t big_endian(const unsigned char b[4]) {
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static const char *kind(uint32_t magic) { return magic == IMAGES ? "images" : "labels"; }

/* Reads and checks the header; *count is the number of rows, each of row_bytes. */
static rb_status header(rb__reader *r, uint32_t magic, int H, int W, uint32_t *count) {
    rb_status status = RB_OK;
    unsigned char head[16];
    size_t want = magic == IMAGES ? 16 : 8, got;
    RB_TRY(rb__reader_read(r, head, want, &got));
    if (got >= 4 && big_endian(head) != magic) {
        status = rb__bad(r, 0, "expected the magic number 0x%08x (IDX %s), found 0x%08x", magic, kind(magic),
                         big_endian(head));
        goto cleanup;
    }
    if (got < want) {
        status = rb__bad(r, got, "expected an IDX header of %zu bytes, found the end of the file", want);
        goto cleanup;
    }
    *count = big_endian(head + 4);
    if (magic == IMAGES)
        for (int i = 0; i < 2; i++) {
            uint32_t found = big_endian(head + 8 + 4 * i), side = (uint32_t)(i ? W : H);
            if (found == side) continue;
            status = rb__bad(r, (uint64_t)(8 + 4 * i), "expected images %u pixels %s, found %u", side,
                             i ? "wide" : "high", found);
            goto cleanup;
        }
    if (*count == 0) {
        status = rb__bad(r, 4, "expected at least 1 of %s, found 0", kind(magic));
        goto cleanup;
    }
    uint64_t row_bytes = magic == IMAGES ? (uint64_t)H * (uint64_t)W : 1, total = want + *count * row_bytes;
    if (total > rb__reader_limit(r)) {
        status = rb__bad(r, rb__reader_exact(r) ? rb__reader_limit(r) : 4,
                         "expected %llu bytes for the %u %s that its header names, found %s%llu (truncated)",
                         (unsigned long long)total, *count, kind(magic), rb__reader_exact(r) ? "" : "at most ",
                         (unsigned long long)rb__reader_limit(r));
        goto cleanup;
    }
    if (rb__reader_exact(r) && total < rb__reader_limit(r))
        status = rb__bad(r, total, "expected the end after the %u %s that its header names, found %llu further bytes",
                         *count, kind(magic), (unsigned long long)(rb__reader_limit(r) - total));
cleanup:
    return status;
}

/* `bytes` bytes into `to`, and the end of the file after them. */
static rb_status body(rb__reader *r, void *to, size_t bytes) {
    rb_status status = RB_OK;
    size_t got;
    uint64_t start = rb__reader_at(r);
    RB_TRY(rb__reader_read(r, to, bytes, &got));
    if (got < bytes)
        status = rb__bad(r, start + got, "expected %zu bytes after the header, found %zu (truncated)", bytes, got);
    else
        RB_TRY(rb__reader_end(r));
cleanup:
    return status;
}

rb_status rb__idx_parse(rb__reader *const r[4], rb_dataset *data) {
    rb_status status = RB_OK;
    uint32_t count[4];
    unsigned char *bytes = NULL;
    for (int i = 0; i < 4; i++) RB_TRY(header(r[i], i % 2 ? LABELS : IMAGES, data->H, data->W, &count[i]));
    for (int i = 0; i < 4; i += 2)
        if (count[i] != count[i + 1]) {
            status = rb__bad(r[i + 1], 4, "expected %u labels, one for each image, found %u", count[i], count[i + 1]);
            goto cleanup;
        }
    RB_TRY(rb__store_new(data, count[0], count[2]));
    size_t image = (size_t)(data->C * data->H * data->W);
    RB_TRY(body(r[0], rb__pixels(data), count[0] * image));
    RB_TRY(body(r[2], rb__pixels(data) + count[0] * image, count[2] * image));
    bytes = malloc(count[0] > count[2] ? count[0] : count[2]);
    if (!bytes) {
        status = rb_fail(RB_MEMORY, "out of memory while reading labels");
        goto cleanup;
    }
    int32_t *labels = rb__labels(data);
    for (int i = 1; i < 4; i += 2) {
        RB_TRY(body(r[i], bytes, count[i]));
        for (uint32_t k = 0; k < count[i]; k++) {
            if (bytes[k] >= data->classes) {
                status = rb__bad(r[i], 8 + (uint64_t)k, "expected a label below %d, found %d", data->classes, bytes[k]);
                goto cleanup;
            }
            *labels++ = bytes[k];
        }
    }
cleanup:
    free(bytes);
    return status;
}

rb_status rb__idx_read(const rb__set *set, const rb__place *place, rb_dataset *data) {
    rb_status status = RB_OK;
    rb__reader *r[4] = {NULL};
    for (int i = 0; i < 4; i++) RB_TRY(rb__reader_open(place->file[i], set->entry.name, set->gzip, &r[i]));
    RB_TRY(rb__idx_parse(r, data));
cleanup:
    for (int i = 0; i < 4; i++) rb__reader_close(r[i]);
    return status;
}
