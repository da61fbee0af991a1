/* data.c: the verb `data`: which data sets there are and where; download; a picture of the first images. */
#include "regbench/data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/verb.h"
#include "core/log.h"
#include "core/text.h"

static rb_status known(const char *name) {
    const char *names[32];
    int n = 0;
    for (const rb_dataset_entry *d = rb_dataset_registry(); d->name && n < 32; d++) {
        if (!strcmp(d->name, name)) return RB_OK;
        names[n++] = d->name;
    }
    const char *near = rb_text_nearest(name, names, n);
    return rb_fail(RB_USAGE, "unknown data set \"%s\"%s%s%s; `regbench data list` shows all", name,
                   near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* "" where the set is absent; a set that is there but bad is told as such, without hiding the others. */
static void where(const rb_options *o, const char *name, char *path, size_t size) {
    rb_data_options options = rb_data_choice(o);
    path[0] = '\0';
    rb_status status = rb_dataset_path(name, &options, path, (int)size);
    if (status != RB_OK) path[0] = '\0';
    if (status != RB_OK && status != RB_MISSING && rb_error_last()) rb_log(RB_LOG_WARN, "%s", rb_error_last()->text);
    rb_error_clear();
}

static rb_status list(const rb_options *o) {
    rb_status status = RB_OK;
    char path[2048];
    rb_row rows[32];
    int n = 0;
    status = rb_output_choice(o, "md|csv|json");
    if (status != RB_OK) return status;
    for (const rb_dataset_entry *d = rb_dataset_registry(); d->name && n < 32; d++) {
        rb_row *row = &rows[n++];
        where(o, d->name, path, sizeof path);
        rb_row_begin(row, RB_TABLE_datasets);
        rb_row_text(row, RB_COL(datasets, dataset), d->name);
        rb_row_int(row, RB_COL(datasets, channels), d->C);
        rb_row_int(row, RB_COL(datasets, height), d->H);
        rb_row_int(row, RB_COL(datasets, width), d->W);
        rb_row_int(row, RB_COL(datasets, classes), d->classes);
        rb_row_int(row, RB_COL(datasets, n_train), d->n_train);
        rb_row_int(row, RB_COL(datasets, n_test), d->n_test);
        rb_row_text(row, RB_COL(datasets, path), path);
        rb_row_text(row, RB_COL(datasets, title), d->title);
    }
    static const int columns[] = {RB_COL(datasets, dataset), RB_COL(datasets, channels), RB_COL(datasets, height),
                                  RB_COL(datasets, width),   RB_COL(datasets, classes),  RB_COL(datasets, n_train),
                                  RB_COL(datasets, n_test),  RB_COL(datasets, path),     RB_COL(datasets, title)};
    status = rb_print_table(RB_TABLE_datasets, rb_output_format(o), rows, n, columns, sizeof columns / sizeof *columns);
    for (int i = 0; i < n; i++) rb_row_end(&rows[i]);
    return status;
}

static rb_status print_path(const rb_options *o, const char *name) {
    rb_data_options options = rb_data_choice(o);
    char path[4096];
    rb_status status = RB_OK;
    RB_TRY(rb_dataset_path(name, &options, path, sizeof path));
    printf("%s\n", path);
cleanup:
    return status;
}

static rb_status fetch(const rb_options *o, const char *name) {
    rb_data_options options = rb_data_choice(o);
    return rb_dataset_fetch(name, &options);
}

/* One value each: a picture is no matrix. */
static rb_status read_augment(const rb_options *o, rb_augment *out) {
    static const rb_flag flags[] = {RB_FLAG_HFLIP, RB_FLAG_VFLIP, RB_FLAG_CROP_PAD, RB_FLAG_ROTATE};
    for (int i = 0; i < 4; i++)
        if (o->flag[flags[i]].n > 1)
            return rb_fail(RB_USAGE, "`regbench data` takes one value of --%s", rb_flag_name(flags[i]));
    *out = (rb_augment){.hflip = (float)rb_value_real(o, RB_FLAG_HFLIP, 0),
                        .vflip = (float)rb_value_real(o, RB_FLAG_VFLIP, 0),
                        .crop_pad = (int)rb_value_int(o, RB_FLAG_CROP_PAD, 0),
                        .rotate = (float)rb_value_real(o, RB_FLAG_ROTATE, 0)};
    return RB_OK;
}

static rb_status show(const rb_options *o, const char *name) {
    rb_status status = RB_OK;
    rb_data_options options = rb_data_choice(o);
    rb_dataset *data = NULL;
    char file[64];
    const char *path = rb_value(o, RB_FLAG_OUTPUT);
    if (!path) {
        snprintf(file, sizeof file, "%.50s.png", name);
        path = file;
    }
    int rows = (int)rb_value_int(o, RB_FLAG_ROWS, 4), columns = (int)rb_value_int(o, RB_FLAG_COLUMNS, 10);
    rb_augment augment;
    RB_TRY(read_augment(o, &augment));
    RB_TRY(rb_dataset_load(name, &options, &data));
    if (rb_augment_any(&augment))
        RB_TRY(rb_dataset_show_augmented(data, &augment, 2021, rows, columns, path));
    else
        RB_TRY(rb_dataset_show(data, rows, columns, path));
    printf("%s\n", path);
cleanup:
    rb_dataset_free(data);
    return status;
}

rb_status rb_verb_data(const rb_options *o) {
    static const struct {
        const char *name;
        rb_status (*run)(const rb_options *o, const char *name);
    } actions[] = {{"path", print_path}, {"fetch", fetch}, {"show", show}};
    static const char *const names[] = {"list", "path", "fetch", "show"};
    const char *action = o->names.n > 0 ? o->names.at[0] : "list";
    rb_status status = RB_OK;
    if (!strcmp(action, "list")) {
        if (o->names.n > 1) return rb_fail(RB_USAGE, "`regbench data list` takes no \"%s\"", o->names.at[1]);
        return list(o);
    }
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(action, actions[i].name) != 0) continue;
        if (o->names.n < 2) return rb_fail(RB_USAGE, "`regbench data %s` needs the name of a data set", action);
        for (int k = 1; k < o->names.n; k++) RB_TRY(known(o->names.at[k]));
        for (int k = 1; k < o->names.n; k++) RB_TRY(actions[i].run(o, o->names.at[k]));
        return RB_OK;
    }
    const char *near = rb_text_nearest(action, names, 4);
    status = rb_fail(RB_USAGE, "`regbench data` knows list, path, fetch, show; not \"%s\"%s%s%s", action,
                     near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
cleanup:
    return status;
}
