/* effects_read.c: the runs of a session with the figures that regularizers change: runs.csv, epochs.csv, layers.csv. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/text.h"
#include "report/csv_read.h"
#include "report/effects.h"

static double number(const rb_csv *csv, int row, const char *column) {
    const char *text = rb_csv_get(csv, row, column);
    return *text ? strtod(text, NULL) : NAN;
}

/* FOLDER/NAME.csv; with `optional` an absent file has no rows. */
static rb_status read_table(const char *folder, const char *name, bool optional, rb_csv *out) {
    rb_text path = {0};
    rb_text_printf(&path, "%s/%s.csv", folder, name);
    rb_status status = rb_text_status(&path);
    if (status == RB_OK) status = rb_csv_read(rb_text_string(&path), out);
    if (status == RB_MISSING && optional) {
        rb_error_clear();
        status = RB_OK;
    }
    if (status == RB_OK) status = rb_csv_check_version(out, rb_text_string(&path));
    rb_text_free(&path);
    return status;
}

/* A table with a run_id: its rows by run, so that those of one are found at once. */
typedef struct by_run {
    const rb_csv *csv;
    int *rows; /* (csv->n_rows) sorted by run_id, then as in the file */
    int id;    /* column, -1 = none */
} by_run;

static int compare_rows(const void *a, const void *b, void *context) {
    const by_run *t = context;
    int x = *(const int *)a, y = *(const int *)b;
    int order = strcmp(rb_csv_at(t->csv, x, t->id), rb_csv_at(t->csv, y, t->id));
    return order ? order : x - y;
}

static rb_status sort_by_run(const rb_csv *csv, by_run *out) {
    *out = (by_run){.csv = csv, .id = rb_csv_column(csv, "run_id")};
    if (out->id < 0 || csv->n_rows == 0) return RB_OK;
    out->rows = malloc((size_t)csv->n_rows * sizeof *out->rows);
    if (!out->rows) return rb_fail(RB_MEMORY, "out of memory for %d rows", csv->n_rows);
    for (int i = 0; i < csv->n_rows; i++) out->rows[i] = i;
    qsort_r(out->rows, (size_t)csv->n_rows, sizeof *out->rows, compare_rows, out);
    return RB_OK;
}

/* Its rows are t->rows[first] .. up to the return value. */
static int rows_of(const by_run *t, const char *run_id, int *first) {
    int low = 0, high = t->rows ? t->csv->n_rows : 0, n = high;
    while (low < high) {
        int middle = (low + high) / 2;
        if (strcmp(rb_csv_at(t->csv, t->rows[middle], t->id), run_id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *first = low;
    while (low < n && strcmp(rb_csv_at(t->csv, t->rows[low], t->id), run_id) == 0) low++;
    return low;
}

/* The row of a run's last epoch, or of epoch `wanted`; -1 = none. */
static int find_epoch(const by_run *epochs, const char *run_id, double wanted) {
    int found = -1, first, end = rows_of(epochs, run_id, &first);
    double last = 0;
    for (int k = first; k < end; k++) {
        double epoch = number(epochs->csv, epochs->rows[k], "epoch");
        if (isfinite(wanted) ? epoch == wanted : epoch >= last) last = epoch, found = epochs->rows[k];
    }
    return found;
}

/* Of all parameters: the tensors' shares, each counted by its values. */
static double near_zero(const by_run *layers, const char *run_id, double epoch) {
    double near = 0, all = 0;
    int first, end = rows_of(layers, run_id, &first);
    for (int k = first; k < end; k++) {
        int i = layers->rows[k];
        if (number(layers->csv, i, "epoch") != epoch) continue;
        double n = number(layers->csv, i, "n_params");
        near += n * number(layers->csv, i, "near_zero");
        all += n;
    }
    return all > 0 ? near / all : NAN;
}

static void read_figures(const rb_csv *runs, int i, const by_run *epochs, const by_run *layers, rb_effect_run *r) {
    const char *run_id = rb_csv_get(runs, i, "run_id");
    int e = find_epoch(epochs, run_id, number(runs, i, "kept_epoch"));
    for (int f = 0; f < RB_FIGURES; f++) r->figure[f] = NAN;
    r->running_gap = NAN;
    r->figure[RB_FIGURE_VAL_ACC_BEST] = number(runs, i, "val_acc_best");
    if (e < 0) return;
    double epoch = number(epochs->csv, e, "epoch"), accuracy = number(epochs->csv, e, "val_acc");
    r->figure[RB_FIGURE_VAL_ACC] = accuracy;
    r->figure[RB_FIGURE_GAP] = number(epochs->csv, e, "train_eval_acc") - accuracy;
    r->running_gap = number(epochs->csv, e, "train_acc") - accuracy;
    r->figure[RB_FIGURE_VAL_LOSS] = number(epochs->csv, e, "val_loss");
    r->figure[RB_FIGURE_PARAM_L2] = number(epochs->csv, e, "param_l2");
    r->figure[RB_FIGURE_NEAR_ZERO] = near_zero(layers, run_id, epoch);
    r->figure[RB_FIGURE_EPOCH_S] = number(epochs->csv, e, "train_s_cum") / epoch;
}

/* One override, "name=value": is it a regularizer? */
static bool is_regularizer(const char *name, size_t length) {
    static const char *const names[] = {"l1", "l2", "weight-decay", "dropout", "hflip", "vflip", "crop-pad", "rotate"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == length && strncmp(names[i], name, length) == 0) return true;
    return length > 2 && strncmp(name + length - 2, ".p", 2) == 0; /* of a dropout layer */
}

/* Sorts the overrides "a=1 b=2" into what regularizes and the rest. */
static void sort_overrides(rb_effect_run *r) {
    size_t used = 0;
    r->core[0] = '\0';
    for (const char *at = r->overrides; *at;) {
        size_t length = strcspn(at, " "), name = strcspn(at, "= ");
        if (is_regularizer(at, name)) {
            if (name < length && strtod(at + name + 1, NULL) != 0) r->regularized = true;
        } else if (strncmp(at, "train-size=", 11) != 0) {
            memcpy(r->core + used, at, length);
            used += length;
            r->core[used++] = ' ';
            r->core[used] = '\0';
        }
        at += length + (at[length] == ' ');
    }
}

static void copy(char *to, size_t size, const rb_csv *csv, int row, const char *column) {
    snprintf(to, size, "%s", rb_csv_get(csv, row, column));
}

/* What decides how long the same arithmetic takes on a device. */
static void read_how(const rb_csv *runs, int i, rb_effect_run *r) {
    static const char *const columns[] = {"device", "threads", "provider", "submit",   "isa",
                                          "quirks", "commit",  "dirty",    "settings", "ranks"};
    size_t used = 0;
    for (size_t c = 0; c < sizeof columns / sizeof *columns && used < sizeof r->how; c++)
        used += (size_t)snprintf(r->how + used, sizeof r->how - used, "%.200s\n", rb_csv_get(runs, i, columns[c]));
}

static void read_run(const rb_csv *runs, int i, rb_effect_run *r) {
    memset(r, 0, sizeof *r);
    copy(r->case_name, sizeof r->case_name, runs, i, "case");
    copy(r->overrides, sizeof r->overrides - 1, runs, i, "overrides");
    copy(r->machine, sizeof r->machine, runs, i, "machine");
    copy(r->device_key, sizeof r->device_key, runs, i, "device_key");
    copy(r->dataset, sizeof r->dataset, runs, i, "dataset_sha256");
    copy(r->precision, sizeof r->precision, runs, i, "precision");
    if (!r->precision[0]) strcpy(r->precision, "fp32");
    const char *reg = rb_csv_get(runs, i, "reg"), *augment = rb_csv_get(runs, i, "augment");
    snprintf(r->reg, sizeof r->reg, "%s%s%s", reg, *reg && *augment ? " " : "", augment);
    copy(r->optimizer, sizeof r->optimizer, runs, i, "optimizer");
    copy(r->status, sizeof r->status, runs, i, "status");
    r->seed = strtoll(rb_csv_get(runs, i, "seed"), NULL, 10);
    r->n_train = strtoll(rb_csv_get(runs, i, "n_train"), NULL, 10);
    r->batch = strtoll(rb_csv_get(runs, i, "batch_size"), NULL, 10);
    if (!*rb_csv_get(runs, i, "stop_epoch")) r->epochs = strtoll(rb_csv_get(runs, i, "epochs_run"), NULL, 10);
    r->lr = number(runs, i, "lr");
    r->momentum = number(runs, i, "momentum");
    sort_overrides(r);
    read_how(runs, i, r);
}

static bool same_item(const rb_effect_run *a, const rb_effect_run *b) {
    return a->seed == b->seed && !strcmp(a->case_name, b->case_name) && !strcmp(a->overrides, b->overrides) &&
           !strcmp(a->machine, b->machine) && !strcmp(a->device_key, b->device_key) &&
           !strcmp(a->dataset, b->dataset) && !strcmp(a->precision, b->precision);
}

/* FNV-1a of what same_item compares. */
static uint64_t hash_item(const rb_effect_run *r) {
    const char *const parts[] = {r->case_name, r->overrides, r->machine, r->device_key, r->dataset, r->precision};
    uint64_t hash = 0xcbf29ce484222325u ^ (uint64_t)r->seed;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        for (const char *c = parts[i];; c++) {
            hash = (hash ^ (unsigned char)*c) * 0x100000001b3u;
            if (!*c) break;
        }
    return hash;
}

/* The slot of the item, or the free one where it belongs. */
static int *slot_of(const rb_effect_runs *runs, const rb_effect_run *r) {
    for (uint64_t at = hash_item(r);; at++) {
        int *slot = &runs->slots[at % (uint64_t)runs->n_slots];
        if (*slot == 0 || same_item(&runs->at[*slot - 1], r)) return slot;
    }
}

/* Room for one more run, with as many slots again as runs. */
static rb_status grow(rb_effect_runs *runs) {
    if (runs->n < runs->n_slots / 2) return RB_OK;
    int capacity = runs->n_slots ? runs->n_slots : 256;
    rb_effect_run *at = realloc(runs->at, (size_t)capacity * sizeof *at);
    if (at) runs->at = at;
    int *slots = calloc(2 * (size_t)capacity, sizeof *slots);
    if (!at || !slots) {
        free(slots);
        return rb_fail(RB_MEMORY, "out of memory for %d runs", capacity);
    }
    free(runs->slots);
    runs->slots = slots;
    runs->n_slots = 2 * capacity;
    for (int i = 0; i < runs->n; i++) *slot_of(runs, &runs->at[i]) = i + 1;
    return RB_OK;
}

static rb_status add_run(rb_effect_runs *runs, const rb_effect_run *r) {
    rb_status status = grow(runs);
    if (status != RB_OK) return status;
    int *slot = slot_of(runs, r);
    if (*slot == 0) {
        runs->at[runs->n++] = *r;
        *slot = runs->n;
    } else if (strcmp(r->status, "ok") == 0 || strcmp(runs->at[*slot - 1].status, "ok") != 0)
        runs->at[*slot - 1] = *r;
    return RB_OK;
}

rb_status rb_effects_read(const char *path, rb_effect_runs *out) {
    rb_status status = RB_OK;
    rb_csv runs = {0}, epochs = {0}, layers = {0};
    by_run of_epochs = {0}, of_layers = {0};
    rb_effect_run r;
    char folder[4096];
    struct stat about;
    if (snprintf(folder, sizeof folder, "%s", path) >= (int)sizeof folder)
        return rb_fail(RB_USAGE, "%.60s.. is too long a path", path);
    char *slash = strrchr(folder, '/');
    if (stat(path, &about) == 0 && !S_ISDIR(about.st_mode)) {
        if (strcmp(slash ? slash + 1 : folder, "runs.csv") != 0)
            return rb_fail(RB_USAGE, "%s is no folder of a session, nor its runs.csv", path);
        if (slash)
            *slash = '\0';
        else
            snprintf(folder, sizeof folder, ".");
    }
    RB_TRY(rb_session_refuse_newer(folder));
    status = read_table(folder, "runs", false, &runs);
    if (status == RB_MISSING && stat(folder, &about) == 0) {
        rb_error_clear();
        status = rb_fail(RB_MISSING, "%s holds no session: there is no runs.csv; of several sessions name each: %s/*",
                         folder, folder);
    }
    RB_TRY(status);
    RB_TRY(read_table(folder, "epochs", true, &epochs));
    RB_TRY(read_table(folder, "layers", true, &layers));
    RB_TRY(sort_by_run(&epochs, &of_epochs));
    RB_TRY(sort_by_run(&layers, &of_layers));
    if (rb_csv_column(&runs, "run_id") < 0 || rb_csv_column(&runs, "case") < 0) {
        status = rb_fail(RB_INPUT, "%s/runs.csv is no table of runs: it has no columns run_id and case", folder);
        goto cleanup;
    }
    for (int i = 0; i < runs.n_rows; i++) {
        if (strcmp(rb_csv_get(&runs, i, "phase"), "run") != 0) continue;
        read_run(&runs, i, &r);
        read_figures(&runs, i, &of_epochs, &of_layers, &r);
        RB_TRY(add_run(out, &r));
    }
cleanup:
    free(of_epochs.rows);
    free(of_layers.rows);
    rb_csv_free(&runs);
    rb_csv_free(&epochs);
    rb_csv_free(&layers);
    return status;
}

void rb_effects_free(rb_effect_runs *runs) {
    free(runs->at);
    free(runs->slots);
    memset(runs, 0, sizeof *runs);
}
