/* item.c: an item in words and as the columns of its row. */
#include "cli/item.h"

#include <string.h>

int rb_budget(const rb_options *o) { return (int)rb_value_int(o, RB_FLAG_BUDGET, 0); }

/* The regularizers of a case in words, for people who read the CSV. */
static void describe_regularizers(const rb_case *c, char *out, size_t size, float *dropout, bool *batchnorm) {
    int n = 0;
    out[0] = '\0';
    *dropout = 0;
    *batchnorm = false;
    for (const rb_layer *l = c->layers; l->kind != RB_LAYER_END; l++) {
        if (l->kind == RB_LAYER_DROPOUT && l->p > *dropout) *dropout = l->p;
        if (l->kind == RB_LAYER_BATCHNORM) *batchnorm = true;
    }
    const struct {
        bool used;
        const char *word;
    } parts[] = {{c->l1 > 0, "l1"},
                 {c->l2 > 0, "l2"},
                 {c->weight_decay > 0, "weight-decay"},
                 {*dropout > 0, "dropout"},
                 {rb_augment_any(&c->augment), "augment"},
                 {c->stop.kind != RB_STOP_NEVER, "early-stop"},
                 {*batchnorm, "batchnorm"},
                 {c->adversary.steps > 0, "adversarial-training"},
                 {c->distill, "distillation"}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].used && n < (int)size)
            n += snprintf(out + n, size - (size_t)n, "%s%s", n ? " " : "", parts[i].word);
}

/* The augmentations in use: "hflip=0.1 crop-pad=4", as overrides would set them. */
static void describe_augment(const rb_augment *a, char *out, size_t size) {
    const struct {
        const char *name;
        double value;
    } parts[] = {{"hflip", rb_float_shortest(a->hflip)},
                 {"vflip", rb_float_shortest(a->vflip)},
                 {"crop-pad", a->crop_pad},
                 {"rotate", rb_float_shortest(a->rotate)}};
    int n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].value > 0 && n < (int)size)
            n += snprintf(out + n, size - (size_t)n, "%s%s=%.9g", n ? " " : "", parts[i].name, parts[i].value);
}

/* Overrides and limits, separated by blanks. */
static void describe_changes(const rb_item *item, char *out, size_t size) {
    const char *limits = item->limits ? item->limits : "", *edits = item->edit->overrides;
    snprintf(out, size, "%s%s%s", edits, edits[0] && limits[0] ? " " : "", limits);
}

void rb_item_row(const rb_item *item, const char *phase, rb_row *row) {
    const rb_case *c = &item->edit->c;
    char reg[96], augment[96], backend[32], changes[600], stop[48];
    float dropout;
    bool batchnorm;
    rb_row_begin(row, RB_TABLE_runs);
    describe_changes(item, changes, sizeof changes);
    describe_regularizers(c, reg, sizeof reg, &dropout, &batchnorm);
    snprintf(backend, sizeof backend, "%.*s", (int)strcspn(item->device, ":"), item->device);
    rb_row_text(row, RB_COL(runs, case), c->name);
    rb_row_text(row, RB_COL(runs, device_key), item->device);
    rb_row_text(row, RB_COL(runs, backend), backend);
    rb_row_text(row, RB_COL(runs, dataset), item->dataset ? item->dataset : c->dataset);
    rb_row_text(row, RB_COL(runs, model), c->model);
    rb_row_text(row, RB_COL(runs, reg), reg[0] ? reg : NULL);
    rb_row_text(row, RB_COL(runs, overrides), changes);
    rb_row_text(row, RB_COL(runs, precision), c->precision ? c->precision : "fp32");
    rb_row_int(row, RB_COL(runs, ranks), 1);
    rb_row_int(row, RB_COL(runs, batch_size), c->batch);
    rb_row_text(row, RB_COL(runs, optimizer), c->optimizer == RB_ADAM ? "adam" : "sgd");
    rb_row_float(row, RB_COL(runs, lr), c->lr);
    if (c->optimizer == RB_SGD) rb_row_float(row, RB_COL(runs, momentum), c->momentum);
    rb_row_float(row, RB_COL(runs, weight_decay), c->weight_decay);
    rb_row_float(row, RB_COL(runs, l1), c->l1);
    rb_row_float(row, RB_COL(runs, l2), c->l2);
    rb_row_float(row, RB_COL(runs, dropout_p), dropout);
    rb_row_int(row, RB_COL(runs, batchnorm), batchnorm);
    describe_augment(&c->augment, augment, sizeof augment);
    rb_row_text(row, RB_COL(runs, augment), augment[0] ? augment : NULL);
    rb_stop_describe(&c->stop, stop);
    rb_row_text(row, RB_COL(runs, early_stop), stop[0] ? stop : NULL);
    if (c->label_noise > 0) rb_row_float(row, RB_COL(runs, label_noise), c->label_noise);
    rb_row_int(row, RB_COL(runs, seed), item->seed);
    rb_row_text(row, RB_COL(runs, phase), phase);
}

void rb_item_label(const rb_item *item, char *out, size_t size) {
    char changes[600];
    describe_changes(item, changes, sizeof changes);
    snprintf(out, size, "%s on %s, seed %lld%s%s", item->edit->c.name, item->device, (long long)item->seed,
             changes[0] ? ", " : "", changes);
}
