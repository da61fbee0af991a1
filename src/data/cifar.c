/* cifar.c: CIFAR-10's binary batches: rows of 3,073 bytes, one label, then 3 x 32 x 32 pixels (planes R, G, B), that is
 * (C, H, W) already. The files have no header, so their exact size (10,000 rows) and each label are what can be
 * checked. data_batch_1..5.bin train, test_batch.bin tests, in the file's order. */
#include <string.h>

#include "data/data.h"

rb_status rb__cifar_parse(rb__reader *r, int64_t rows, int classes, uint8_t *pixels, int32_t *labels) {
    rb_status status = RB_OK;
    uint64_t expected = (uint64_t)rows * RB_CIFAR_ROW, found = rb__reader_limit(r);
    unsigned char row[RB_CIFAR_ROW];
    size_t got;
    if (found != expected) {
        bool shorter = found < expected;
        status = rb__bad(r, shorter ? found : expected, "expected %llu bytes (%lld rows of %d), found %llu (%s)",
                         (unsigned long long)expected, (long long)rows, (int)RB_CIFAR_ROW, (unsigned long long)found,
                         shorter ? "truncated" : "oversized");
        goto cleanup;
    }
    for (int64_t i = 0; i < rows; i++) {
        uint64_t at = rb__reader_at(r);
        RB_TRY(rb__reader_read(r, row, sizeof row, &got));
        if (got < sizeof row) { /* it shrank while we read */
            status = rb__bad(r, at + got, "expected a row of %d bytes, found %zu (truncated)", (int)RB_CIFAR_ROW, got);
            goto cleanup;
        }
        if (row[0] >= classes) {
            status = rb__bad(r, at, "expected a label below %d (row %lld), found %d", classes, (long long)i, row[0]);
            goto cleanup;
        }
        labels[i] = row[0];
        memcpy(pixels + i * (RB_CIFAR_ROW - 1), row + 1, RB_CIFAR_ROW - 1);
    }
    RB_TRY(rb__reader_end(r));
cleanup:
    return status;
}

rb_status rb__cifar_read(const rb__set *set, const rb__place *place, rb_dataset *data) {
    enum { FILES = 6 };
    rb_status status = RB_OK;
    rb__reader *r = NULL;
    RB_TRY(rb__store_new(data, (FILES - 1) * RB_CIFAR_BATCH, RB_CIFAR_BATCH));
    for (int i = 0; i < FILES; i++) {
        int64_t first = (int64_t)i * RB_CIFAR_BATCH;
        RB_TRY(rb__reader_open(place->file[i], set->entry.name, false, &r));
        RB_TRY(rb__cifar_parse(r, RB_CIFAR_BATCH, data->classes, rb__pixels(data) + first * (RB_CIFAR_ROW - 1),
                               rb__labels(data) + first));
        rb__reader_close(r);
        r = NULL;
    }
cleanup:
    rb__reader_close(r);
    return status;
}
