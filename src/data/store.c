/* store.c: the memory of a data set, pixels then labels, and its hash. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/sha256.h"
#include "data/data.h"

size_t rb__store_labels_at(int64_t rows, int64_t sample_bytes) {
    return ((size_t)rows * (size_t)sample_bytes + 63) / 64 * 64;
}

rb_status rb__store_alloc(rb_dataset *data, size_t bytes) {
    struct rb_dataset_store *store = calloc(1, sizeof *store);
    if (store) store->base = malloc(bytes);
    if (!store || !store->base) {
        free(store);
        return rb_fail(RB_MEMORY, "out of memory: data set `%s` needs %zu bytes", data->name, bytes);
    }
    store->bytes = bytes;
    data->store = store;
    return RB_OK;
}

rb_status rb__store_new(rb_dataset *data, int64_t n_train, int64_t n_test) {
    rb_status status = RB_OK;
    int64_t rows = n_train + n_test, sample = (int64_t)data->C * data->H * data->W;
    size_t labels_at = rb__store_labels_at(rows, sample), pixels = (size_t)(rows * sample);
    RB_TRY(rb__store_alloc(data, labels_at + (size_t)rows * sizeof(int32_t)));
    memset((char *)data->store->base + pixels, 0, labels_at - pixels); /* the gap: the cache writes it too */
    data->n_train = n_train;
    data->n_test = n_test;
    data->x = data->store->base;
    data->labels = (const int32_t *)(const void *)((const char *)data->store->base + labels_at);
cleanup:
    return status;
}

void rb__store_free(struct rb_dataset_store *store) {
    if (!store) return;
    if (store->mapped)
        munmap(store->base, store->bytes);
    else
        free(store->base);
    free(store);
}

uint8_t *rb__pixels(const rb_dataset *data) { return data->store->base; }

int32_t *rb__labels(const rb_dataset *data) {
    size_t at = rb__store_labels_at(data->n_train + data->n_test, (int64_t)data->C * data->H * data->W);
    return (int32_t *)(void *)((char *)data->store->base + at);
}

rb_status rb__dataset_hash(const rb_dataset *data, char hex[65]) {
    rb_status status = RB_OK;
    size_t rows = (size_t)(data->n_train + data->n_test);
    uint8_t *labels = malloc(rows ? rows : 1); /* one byte each: the same on any byte order */
    if (!labels) {
        status = rb_fail(RB_MEMORY, "out of memory while hashing `%s`", data->name);
        goto cleanup;
    }
    for (size_t i = 0; i < rows; i++) labels[i] = (uint8_t)data->labels[i];
    const void *piece[] = {data->x, labels};
    const size_t bytes[] = {rows * (size_t)(data->C * data->H * data->W), rows};
    RB_TRY(rb_sha256_pieces(piece, bytes, 2, hex));
cleanup:
    free(labels);
    return status;
}
