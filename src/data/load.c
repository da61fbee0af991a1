/* load.c: a data set by name: searched, read or taken from the unpacked cache, hashed. */
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/text.h"
#include "data/data.h"

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
