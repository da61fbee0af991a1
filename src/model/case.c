/* case.c: finding, changing and describing cases. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "regbench/portable.h"
#include "regbench/study.h"

rb_status rb_case_find(const char *name, const rb_case **out) {
    const char *names[1024];
    int n = 0;
    for (const rb_lab *const *lab = rb_labs(); *lab; lab++)
        for (const rb_case *c = (*lab)->cases; c->name; c++) {
            if (strcmp(c->name, name) == 0) {
                *out = c;
                return RB_OK;
            }
            if (n < 1024) names[n++] = c->name;
        }
    for (const rb_lab *const *lab = rb_labs(); *lab; lab++)
        for (const rb_study *s = (*lab)->studies; s && s->name; s++)
            if (n < 1024) names[n++] = s->name;
    const char *nearest = rb_text_nearest(name, names, n);
    return rb_fail(RB_USAGE, "unknown case \"%s\"%s%s%s (`regbench list` shows all)", name,
                   nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

int64_t rb_case_valid(const rb_case *c, int64_t n_train) {
    return c->n_valid ? c->n_valid : (int64_t)((double)c->valid_share * (double)n_train + 0.5);
}

rb_status rb_case_edit_begin(rb_case_edit *edit, const rb_case *c) {
    int n = rb_layer_count(c->layers) + 1;
    if (n > (int)(sizeof edit->layers / sizeof edit->layers[0]))
        return rb_fail(RB_INTERNAL, "case %s has %d layers, more than an edit holds", c->name, n);
    memset(edit, 0, sizeof *edit);
    edit->c = *c;
    memcpy(edit->layers, c->layers, sizeof *c->layers * (size_t)n);
    edit->c.layers = edit->layers;
    return RB_OK;
}

void rb_case_edit_copy(const rb_case_edit *from, rb_case_edit *to) {
    *to = *from;
    to->c.layers = to->layers;
    if (from->c.dataset == from->dataset) to->c.dataset = to->dataset;
    if (from->c.name == from->name) to->c.name = to->name;
}

rb_status rb_case_edit_rename(rb_case_edit *edit, const char *name) {
    if (snprintf(edit->name, sizeof edit->name, "%s", name) >= (int)sizeof edit->name)
        return rb_fail(RB_USAGE, "\"%s\" is too long a name for a run", name);
    edit->c.name = edit->name;
    return RB_OK;
}

static rb_status parse_real(const char *name, const char *value, double low, bool low_open, double high, float *out) {
    char *end;
    errno = 0;
    double x = strtod(value, &end);
    float f = (float)x; /* what counts: 1e-60 is 0 and 0.99999999999 is 1 there */
    if (end == value || *end || !isfinite(x) || x < low || (low_open && !((double)f > low)) || (double)f >= high)
        return rb_fail(RB_USAGE, "%s must be a number %s %g and under %g, not \"%s\"", name,
                       low_open ? "above" : "of at least", low, high, value);
    *out = f;
    return RB_OK;
}

/* From 0 to `high`, both included. */
static rb_status parse_up_to(const char *name, const char *value, double high, float *out) {
    char *end;
    double x = strtod(value, &end);
    if (end == value || *end || !(x >= 0 && x <= high))
        return rb_fail(RB_USAGE, "%s must be a number from 0 to %g, not \"%s\"", name, high, value);
    *out = (float)x;
    return RB_OK;
}

static rb_status parse_int(const char *name, const char *value, long low, long high, int *out) {
    char *end;
    errno = 0;
    long x = strtol(value, &end, 10);
    if (end == value || *end || errno || x < low || x > high)
        return rb_fail(RB_USAGE, "%s must be a whole number from %ld to %ld, not \"%s\"", name, low, high, value);
    *out = (int)x;
    return RB_OK;
}

static const char *const names[] = {"epochs",     "batch",        "lr",         "momentum",   "l1",
                                    "l2",         "weight-decay", "dropout",    "optimizer",  "train-size",
                                    "valid-size", "dataset",      "hflip",      "vflip",      "crop-pad",
                                    "rotate",     "patience",     "stop-alpha", "stop-strip", "stop-count"};

/* Whether layers of this kind have that value: a change without effect would be recorded as if it had one. */
static bool has_value(rb_layer_kind kind, const char *value) {
    bool conv = kind == RB_LAYER_CONV, pool = kind == RB_LAYER_MAXPOOL || kind == RB_LAYER_AVGPOOL;
    if (strcmp(value, "units") == 0) return conv || kind == RB_LAYER_LINEAR;
    if (strcmp(value, "kernel") == 0) return conv || pool;
    if (strcmp(value, "p") == 0) return kind == RB_LAYER_DROPOUT;
    return strcmp(value, "slope") || kind == RB_LAYER_LEAKY_RELU;
}

/* TAG.units=N and the like, on the layer with that tag. */
static rb_status set_layer(rb_case_edit *e, const char *name, const char *value) {
    const char *dot = strchr(name, '.');
    rb_text known = {0};
    rb_status status = RB_OK;
    for (rb_layer *l = e->layers; l->kind != RB_LAYER_END; l++) {
        if (!l->tag) continue;
        rb_text_printf(&known, " %s", l->tag);
        if (strncmp(l->tag, name, (size_t)(dot - name)) || l->tag[dot - name]) continue;
        if (!has_value(l->kind, dot + 1))
            status =
                rb_fail(RB_USAGE, "cannot set \"%s\": a %s layer has no %s", name, rb_layer_name(l->kind), dot + 1);
        else if (strcmp(dot + 1, "units") == 0)
            status = parse_int(name, value, 1, 1 << 20, &l->units);
        else if (strcmp(dot + 1, "kernel") == 0)
            status = parse_int(name, value, 1, 255, &l->kernel);
        else if (strcmp(dot + 1, "p") == 0)
            status = parse_real(name, value, 0, false, 1, &l->p);
        else if (strcmp(dot + 1, "slope") == 0)
            status = parse_real(name, value, 0, true, 1, &l->slope);
        else
            status = rb_fail(RB_USAGE, "cannot set \"%s\": a layer has units, kernel, p, slope", name);
        goto cleanup;
    }
    status = rb_fail(RB_USAGE, "cannot set \"%s\": case %s has %s%s", name, e->c.name,
                     known.length ? "only the tags" : "no tagged layer", rb_text_string(&known));
cleanup:
    rb_text_free(&known);
    return status;
}

/* What the case's rule for stopping early has; another rule, or one where there was none, is another case. */
static rb_status set_stop(rb_case *c, const char *name, const char *value) {
    rb_stop_rule *r = &c->stop;
    char rule[48];
    if (strcmp(name, "patience") == 0 && r->kind == RB_STOP_PATIENCE)
        return parse_int(name, value, 0, 1000000, &r->count);
    if (strcmp(name, "stop-alpha") == 0 && (r->kind == RB_STOP_GL || r->kind == RB_STOP_PQ))
        return parse_real(name, value, 0, true, 1e6, &r->alpha);
    if (strcmp(name, "stop-strip") == 0 && (r->kind == RB_STOP_PQ || r->kind == RB_STOP_UP))
        return parse_int(name, value, 1, 1000000, &r->strip);
    if (strcmp(name, "stop-count") == 0 && r->kind == RB_STOP_UP) return parse_int(name, value, 1, 1000000, &r->count);
    rb_stop_describe(r, rule);
    return rb_fail(RB_USAGE, "cannot set %s: case %s %s%s", name, c->name, rule[0] ? "stops by " : "never stops early",
                   rule);
}

/* One strength in place of the sweep. */
static rb_status set_attack_eps(rb_case *c, const char *value) {
    if (c->attack.kind == RB_ATTACK_NONE)
        return rb_fail(RB_USAGE, "cannot set attack.eps: case %s is not attacked", c->name);
    rb_status status = parse_real("attack.eps", value, 0, false, 256, &c->attack.eps[0]);
    if (status == RB_OK) c->attack.n_eps = 1;
    return status;
}

/* Was `name` set before? */
static bool was_set(const rb_case_edit *e, const char *name) {
    size_t length = strlen(name);
    for (const char *at = e->overrides; *at; at += strcspn(at, " "), at += *at == ' ')
        if (strncmp(at, name, length) == 0 && at[length] == '=') return true;
    return false;
}

/* Momentum is SGD's: with Adam it would stand in the row and change nothing. That of the case itself rests meanwhile.
 */
rb_status rb_case_edit_check(const rb_case_edit *e) {
    if (e->c.optimizer != RB_ADAM || e->c.momentum == 0 || !was_set(e, "momentum")) return RB_OK;
    return rb_fail(RB_USAGE,
                   "cannot set momentum=%.9g of case %s: its optimizer is adam, which has none (beta1 = %g stands in "
                   "for it)",
                   (double)e->c.momentum, e->c.name, (double)RB_ADAM_BETA1);
}

static rb_status set_optimizer(rb_case *c, const char *value) {
    bool adam = strcmp(value, "adam") == 0;
    if (!adam && strcmp(value, "sgd")) return rb_fail(RB_USAGE, "optimizer must be sgd or adam, not \"%s\"", value);
    c->optimizer = adam ? RB_ADAM : RB_SGD;
    return RB_OK;
}

static rb_status set_value(rb_case_edit *e, const char *name, const char *value) {
    rb_case *c = &e->c;
    if (strcmp(name, "epochs") == 0) return parse_int(name, value, 1, 1000000, &c->epochs);
    if (strcmp(name, "batch") == 0) return parse_int(name, value, 1, 1 << 20, &c->batch);
    if (strcmp(name, "train-size") == 0) return parse_int(name, value, 1, INT32_MAX, &c->n_train);
    if (strcmp(name, "valid-size") == 0) return parse_int(name, value, 1, INT32_MAX, &c->n_valid);
    if (strcmp(name, "lr") == 0) return parse_real(name, value, 0, true, 1e6, &c->lr);
    if (strcmp(name, "momentum") == 0) return parse_real(name, value, 0, false, 1, &c->momentum);
    if (strcmp(name, "l1") == 0) return parse_real(name, value, 0, false, 1e6, &c->l1);
    if (strcmp(name, "l2") == 0) return parse_real(name, value, 0, false, 1e6, &c->l2);
    if (strcmp(name, "weight-decay") == 0) return parse_real(name, value, 0, false, 1e6, &c->weight_decay);
    if (strcmp(name, "hflip") == 0) return parse_up_to(name, value, 1, &c->augment.hflip);
    if (strcmp(name, "vflip") == 0) return parse_up_to(name, value, 1, &c->augment.vflip);
    if (strcmp(name, "crop-pad") == 0) return parse_int(name, value, 0, RB_VIEW_MAX - 1, &c->augment.crop_pad);
    if (strcmp(name, "rotate") == 0) return parse_up_to(name, value, 180, &c->augment.rotate);
    if (strcmp(name, "dataset") == 0) {
        if (snprintf(e->dataset, sizeof e->dataset, "%s", value) >= (int)sizeof e->dataset)
            return rb_fail(RB_USAGE, "no data set is called \"%s\"; `regbench data list` shows them", value);
        c->dataset = e->dataset;
        return RB_OK;
    }
    if (strcmp(name, "optimizer") == 0) return set_optimizer(c, value);
    if (strcmp(name, "dropout") == 0) {
        int n = 0;
        for (rb_layer *l = e->layers; l->kind != RB_LAYER_END; l++)
            if (l->kind == RB_LAYER_DROPOUT) {
                rb_status status = parse_real(name, value, 0, false, 1, &l->p);
                if (status != RB_OK) return status;
                n++;
            }
        return n ? RB_OK : rb_fail(RB_USAGE, "cannot set dropout: case %s has no dropout layer", c->name);
    }
    if (strcmp(name, "attack.eps") == 0) return set_attack_eps(c, value);
    if (strchr(name, '.')) return set_layer(e, name, value);
    if (strcmp(name, "patience") == 0 || strcmp(name, "stop-alpha") == 0 || strcmp(name, "stop-strip") == 0 ||
        strcmp(name, "stop-count") == 0)
        return set_stop(c, name, value);
    int n = (int)(sizeof names / sizeof names[0]);
    const char *nearest = rb_text_nearest(name, names, n);
    return rb_fail(RB_USAGE,
                   "cannot set \"%s\"%s%s%s; known: epochs batch lr momentum l1 l2 weight-decay dropout hflip vflip "
                   "crop-pad rotate optimizer train-size valid-size dataset attack.eps patience stop-alpha stop-strip "
                   "stop-count TAG.units TAG.kernel TAG.p TAG.slope",
                   name, nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

rb_status rb_case_edit_set(rb_case_edit *e, const char *name, const char *value) {
    rb_status status = set_value(e, name, value);
    if (status != RB_OK) return status;
    size_t used = strlen(e->overrides), need = strlen(name) + strlen(value) + 3;
    if (used + need > sizeof e->overrides)
        return rb_fail(RB_USAGE, "too many overrides for one run (at most %zu characters)", sizeof e->overrides);
    snprintf(e->overrides + used, sizeof e->overrides - used, "%s%s=%s", used ? " " : "", name, value);
    e->c.expect = RB_EXPECT_ANYTHING; /* the story is about the case as it stands */
    return RB_OK;
}

/* The layer whose output a tag means to layer i, -1 = none: a tag that nothing reads is no part of the work. */
static int source(const rb_layer *layers, int i, const char *tag) {
    while (tag && --i >= 0)
        if (layers[i].tag && strcmp(layers[i].tag, tag) == 0) return i;
    return -1;
}

rb_status rb_case_describe(const rb_case *c, const char *dataset_sha256, int64_t n_train, rb_text *text) {
    char stop[48];
    rb_text_printf(text, "case %s\ndata %s %s train %lld split %d %d order %s\n", c->name, c->dataset, dataset_sha256,
                   (long long)n_train, c->n_train, c->n_valid, c->in_order ? "fixed" : "shuffled");
    rb_text_printf(text, "batch %d optimizer %s lr %.9g momentum %.9g decay %.9g l1 %.9g l2 %.9g precision %s\n",
                   c->batch, c->optimizer == RB_ADAM ? "adam" : "sgd", (double)c->lr, (double)c->momentum,
                   (double)c->weight_decay, (double)c->l1, (double)c->l2, c->precision ? c->precision : "fp32");
    if (c->fresh_params) rb_text_printf(text, "parameters fresh\n");
    if (c->valid_share > 0 && !c->n_valid) rb_text_printf(text, "split share %.9g\n", (double)c->valid_share);
    if (c->label_noise > 0) rb_text_printf(text, "label noise %.9g\n", (double)c->label_noise);
    if (c->temperature > 0) rb_text_printf(text, "temperature %.9g\n", (double)c->temperature);
    if (c->distill) rb_text_printf(text, "distilled\n");
    if (c->adversary.steps > 0)
        rb_text_printf(text, "adversary steps %d of %.9g eps %.9g\n", c->adversary.steps, (double)c->adversary.step,
                       (double)c->adversary.eps);
    if (rb_augment_any(&c->augment))
        rb_text_printf(text, "augment hflip %.9g vflip %.9g crop-pad %d rotate %.9g\n", (double)c->augment.hflip,
                       (double)c->augment.vflip, c->augment.crop_pad, (double)c->augment.rotate);
    rb_stop_describe(&c->stop, stop);
    if (stop[0]) rb_text_printf(text, "early stop %s\n", stop);
    for (int i = 0; c->layers[i].kind != RB_LAYER_END; i++) {
        const rb_layer *l = &c->layers[i];
        bool pool = l->kind == RB_LAYER_MAXPOOL || l->kind == RB_LAYER_AVGPOOL;
        int stride = l->stride ? l->stride : pool ? l->kernel : l->kind == RB_LAYER_CONV;
        int from = l->from ? source(c->layers, i, l->from) : i - 1;
        rb_text_printf(text, "%s units %d kernel %d stride %d pad %d bias %d p %.9g slope %.9g from %d with %d\n",
                       rb_layer_name(l->kind), l->units, l->kernel, stride, l->pad, !l->no_bias, (double)l->p,
                       (double)l->slope, from, source(c->layers, i, l->with));
    }
    return rb_text_status(text);
}
