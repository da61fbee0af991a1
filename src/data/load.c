/* load.c: a data set by name: searched, read or taken from the unpacked cache, hashed. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/log.h"
#include "core/sha256.h"
#include "core/text.h"
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

/* MNIST's files and Fashion-MNIST's cannot be told apart by name or header: the published sets are told by hash. */
static rb_status check_identity(const rb__set *set, const rb_dataset *data) {
    int count;
    const rb__set *sets = rb__set_list(&count);
    for (int i = 0; i < count; i++)
        if (&sets[i] != set && sets[i].sha256 && strcmp(sets[i].sha256, data->sha256) == 0)
            return rb_fail(
                RB_INPUT,
                "%s: byte 0: expected data set `%s`, found `%s` (same file names, sha256 %.12s...); put each "
                "in its own folder, DIR/%s and DIR/%s",
                data->source, set->entry.name, sets[i].entry.name, data->sha256, set->folders[0], sets[i].folders[0]);
    return RB_OK;
}

static rb_status read_files(const rb__set *set, const rb__place *place, bool no_cache, rb_dataset *data) {
    rb_status status = RB_OK;
    if (!no_cache && rb__cache_load(set, place, data)) {
        rb_log(RB_LOG_DEBUG, "data set `%s`: unpacked copy of %s", data->name, place->folder);
        if (data->skipped)
            rb_log(RB_LOG_WARN, "%s: %lld images could not be read when it was unpacked; change one to see which",
                   place->folder, (long long)data->skipped);
        return RB_OK;
    }
    RB_TRY(set->read(set, place, data));
    RB_TRY(rb__dataset_hash(data, data->sha256));
    RB_TRY(check_identity(set, data));
    if (!no_cache) rb__cache_save(set, place, data);
cleanup:
    return status;
}

rb_status rb_dataset_outline(const char *name, rb_dataset *out) {
    const rb__set *set = rb__set_find(name);
    if (!set) return rb__set_unknown(name);
    *out = (rb_dataset){.n_train = set->entry.n_train,
                        .n_test = set->entry.n_test,
                        .C = set->entry.C,
                        .H = set->entry.H,
                        .W = set->entry.W,
                        .classes = set->entry.classes,
                        .class_names = set->class_names,
                        .x_dtype = set->entry.regression ? RB_F32 : RB_U8,
                        .regression = set->entry.regression,
                        .mean = set->mean,
                        .stddev = set->stddev > 0 ? set->stddev : 1};
    snprintf(out->name, sizeof out->name, "%s", name);
    return RB_OK;
}

void rb_dataset_draws(const rb_dataset *data, rb_mt19937 *g) {
    const rb__set *set = rb__set_find(data->name);
    if (set && set->draws) set->draws(g);
}

static void tell_stand_in(const rb__set *set, const rb_dataset *data) {
    rb_text how = {0};
    if (set->folders_of_files)
        rb_text_printf(&how,
                       "to use your own, put folders train and val, with a folder of images for each class, into "
                       "DIR/%s and say --data DIR",
                       set->folders[0]);
    else
        rb_text_printf(&how, "get all of it with `regbench data fetch %s` or Debian's package `%s`", data->name,
                       set->package);
    rb_log(RB_LOG_INFO, "data set `%s` is absent: `%s` (%s, %lld + %lld images) stands in for it (%s)", data->name,
           data->used, data->source, (long long)data->n_train, (long long)data->n_test, rb_text_string(&how));
    rb_text_free(&how);
}

static rb_status take(const rb__set *set, const rb_data_options *options, rb_dataset *data) {
    rb_status status = RB_OK;
    rb_dataset *from = NULL;
    RB_TRY(rb_dataset_load(set->from, options, &from));
    RB_TRY(set->take(from, data));
    RB_TRY(rb__dataset_hash(data, data->sha256));
    snprintf(data->source, sizeof data->source, "%s", from->source);
cleanup:
    rb_dataset_free(from);
    return status;
}

/* Fills `data`, which has the outline of the set that was asked for. */
static rb_status load(const rb__set *set, const rb_data_options *options, rb__place *place, rb_dataset *data) {
    rb_status status = RB_OK;
    bool found = false;
    data->used = set->entry.name;
    if (set->make) {
        RB_TRY(set->make(options ? options->seed : 0, data));
    } else if (set->from) {
        RB_TRY(take(set, options, data));
    } else if (!set->files[0]) {
        RB_TRY(rb__search(set, options, place, &found)); /* a folder that was named must exist, needed or not */
        snprintf(data->source, sizeof data->source, "embedded sample");
        RB_TRY(rb__sample_read(data));
        RB_TRY(rb__dataset_hash(data, data->sha256));
    } else {
        RB_TRY(rb__search(set, options, place, &found));
        if (!found && set->stand_in) {
            data->stand_in = true;
            status = load(rb__set_find(set->stand_in), options, place, data);
            if (status == RB_MISSING) status = rb__missing_too(set, options);
            if (status != RB_OK) goto cleanup;
            tell_stand_in(set, data);
            goto cleanup;
        }
        if (!found) {
            status = rb__missing(set, options);
            goto cleanup;
        }
        snprintf(data->source, sizeof data->source, "%s", place->folder);
        RB_TRY(read_files(set, place, options && options->no_cache, data));
    }
cleanup:
    return status;
}

rb_status rb_dataset_load(const char *name, const rb_data_options *options, rb_dataset **out) {
    rb_status status = RB_OK;
    rb_dataset *data = calloc(1, sizeof *data);
    rb__place *place = malloc(sizeof *place);
    *out = NULL;
    if (!data || !place) {
        status = rb_fail(RB_MEMORY, "out of memory while loading data set `%s`", name);
        goto cleanup;
    }
    RB_TRY(rb_dataset_outline(name, data));
    RB_TRY(load(rb__set_find(name), options, place, data));
    *out = data;
    data = NULL;
cleanup:
    free(place);
    rb_dataset_free(data);
    return status;
}

void rb_dataset_free(rb_dataset *data) {
    if (!data) return;
    rb__store_free(data->store);
    free(data);
}
