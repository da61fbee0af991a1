/* effects.c: pairs the runs of an arm with those of its base, and puts the mean of the differences into rows.
 *
 * A pair shares machine, device, data and seed: split, initialization and order of the images are then the same, and
 * their share of the spread cancels. */
#include "report/effects.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "measure/statistics.h"
#include "regbench/lab.h"

/* Accuracies nearer than this are neither ranked nor called different. */
static const double near = 0.003;

static const struct {
    const char *name;
    bool accuracy, ranked;
} figures[RB_FIGURES] = {
    [RB_FIGURE_VAL_ACC] = {"val_acc_final", true, true}, [RB_FIGURE_VAL_ACC_BEST] = {"val_acc_best", true, true},
    [RB_FIGURE_GAP] = {"train_valid_gap", true, false},  [RB_FIGURE_VAL_LOSS] = {"val_loss", false, false},
    [RB_FIGURE_PARAM_L2] = {"param_l2", false, false},   [RB_FIGURE_NEAR_ZERO] = {"near_zero", false, false},
    [RB_FIGURE_EPOCH_S] = {"epoch_s", false, false},
};

typedef struct pair {
    const rb_effect_run *arm, *base;
} pair;

/* --- who is compared with whom --------------------------------------------------------------------------------------
 */

static bool same_place(const rb_effect_run *a, const rb_effect_run *b) {
    return !strcmp(a->machine, b->machine) && !strcmp(a->device_key, b->device_key) && !strcmp(a->dataset, b->dataset);
}

static bool same_arm(const rb_effect_run *a, const rb_effect_run *b) {
    return same_place(a, b) && !strcmp(a->case_name, b->case_name) && !strcmp(a->overrides, b->overrides);
}

/* Ran to its end, whatever its case foresaw. */
static bool ok(const rb_effect_run *r) { return !strcmp(r->status, "ok") || !strcmp(r->status, "unexpected"); }

/* The case that run r is compared with, NULL = none. */
static const char *base_case(const rb_effect_run *r, const char *base) {
    const rb_case *c;
    if (base) return r->regularized || strcmp(r->case_name, base) != 0 ? base : NULL;
    if (r->regularized) return r->case_name;
    if (rb_case_find(r->case_name, &c) == RB_OK) return c->base;
    rb_error_clear(); /* of another build */
    return NULL;
}

static bool is_base(const rb_effect_run *b, const rb_effect_run *arm, const char *base) {
    const char *name = base_case(arm, base);
    if (!name || b->regularized || !same_place(arm, b) || strcmp(b->case_name, name) || strcmp(b->core, arm->core))
        return false;
    return strcmp(b->case_name, arm->case_name) != 0 || strcmp(b->reg, arm->reg) != 0; /* it does without something */
}

/* The run that `arm` is paired with; one that trained on as many images before others. */
static const rb_effect_run *partner(const rb_effect_runs *runs, const rb_effect_run *arm, const char *base) {
    const rb_effect_run *found = NULL;
    for (int i = 0; i < runs->n; i++) {
        const rb_effect_run *b = &runs->at[i];
        if (b->seed != arm->seed || !ok(b) || !is_base(b, arm, base)) continue;
        if (!found || (found->n_train != arm->n_train && b->n_train == arm->n_train)) found = b;
    }
    return found;
}

/* --- what is said beside the numbers --------------------------------------------------------------------------------
 */

static void label(const rb_effect_run *r, rb_text *out) {
    rb_text_printf(out, "%s%s%s", r->case_name, r->overrides[0] ? " " : "", r->overrides);
}

/* What else differs between the two: then it is not the regularizer alone that speaks. */
static bool note_unlike(const pair *p, rb_text *note) {
    const rb_effect_run *a = p->arm, *b = p->base;
    size_t before = note->length;
    const struct {
        const char *name;
        double arm, base;
    } conditions[] = {
        {"n_train", (double)a->n_train, (double)b->n_train},
        {"batch", (double)a->batch, (double)b->batch},
        {"epochs", a->epochs && b->epochs ? (double)a->epochs : 0, a->epochs && b->epochs ? (double)b->epochs : 0},
        {"lr", a->lr, b->lr},
        {"momentum", a->momentum, b->momentum}};
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++)
        if (conditions[i].arm != conditions[i].base && (isfinite(conditions[i].arm) || isfinite(conditions[i].base)))
            rb_text_printf(note, "%s%s %g against %g", note->length ? "; " : "", conditions[i].name, conditions[i].arm,
                           conditions[i].base);
    if (strcmp(a->optimizer, b->optimizer) != 0)
        rb_text_printf(note, "%s%s against %s", note->length ? "; " : "", a->optimizer, b->optimizer);
    return note->length > before;
}

/* Where some pairs are alike in all but the regularizer, only those count. */
static int keep_like(pair *pairs, int n) {
    rb_text ignored = {0};
    int like = 0;
    for (int i = 0; i < n; i++)
        if (!note_unlike(&pairs[i], &ignored)) pairs[like++] = pairs[i];
    rb_text_free(&ignored);
    return like ? like : n; /* none: nothing was moved */
}

static void note_seed(rb_text *list, const char *what, const rb_effect_run *r) {
    if (!list->length) rb_text_append(list, what);
    rb_text_printf(list, " %lld", (long long)r->seed);
    if (!ok(r)) rb_text_printf(list, " (%s)", r->status);
}

static void join(rb_text *note, rb_text *part) {
    if (part->length) rb_text_printf(note, "%s%s", note->length ? "; " : "", rb_text_string(part));
    rb_text_free(part);
}

/* Seeds that only one of the two has, or that did not end well. */
static void note_unpaired(const rb_effect_runs *runs, const rb_effect_run *arm, const char *base, const pair *pairs,
                          int n, rb_text *note) {
    rb_text alone = {0}, missing = {0}, failed = {0};
    for (int i = 0; i < runs->n; i++) {
        const rb_effect_run *r = &runs->at[i];
        bool paired = false;
        for (int k = 0; k < n; k++) paired = paired || pairs[k].arm == r || pairs[k].arm->seed == r->seed;
        if (paired) continue;
        if (same_arm(r, arm))
            note_seed(ok(r) ? &alone : &failed, ok(r) ? "without base: seed" : "arm failed: seed", r);
        else if (n > 0 && is_base(r, arm, base) && !strcmp(r->overrides, pairs[0].base->overrides))
            note_seed(&missing, ok(r) ? "without arm: seed" : "base failed: seed", r);
    }
    join(note, &alone);
    join(note, &missing);
    join(note, &failed);
}

/* --- rows -----------------------------------------------------------------------------------------------------------
 */

static void describe(const rb_effect_run *arm, const rb_effect_run *base, const char *base_name, rb_row *row) {
    rb_text text = {0};
    rb_row_begin(row, RB_TABLE_effects);
    label(arm, &text);
    rb_row_text(row, RB_COL(effects, arm), rb_text_string(&text));
    rb_text_clear(&text);
    if (base) label(base, &text);
    rb_row_text(row, RB_COL(effects, base), base ? rb_text_string(&text) : base_name);
    rb_text_free(&text);
    rb_row_text(row, RB_COL(effects, reg), arm->reg);
    rb_row_text(row, RB_COL(effects, machine), arm->machine);
    rb_row_text(row, RB_COL(effects, device_key), arm->device_key);
}

/* A figure of both runs of a pair; false where one of them lacks it. */
static bool both(const pair *p, rb_figure f, double *arm, double *base) {
    *arm = p->arm->figure[f], *base = p->base->figure[f];
    if (f == RB_FIGURE_GAP && !(isfinite(*arm) && isfinite(*base)))
        *arm = p->arm->running_gap, *base = p->base->running_gap;
    return isfinite(*arm) && isfinite(*base);
}

static const char *judge(rb_figure f, bool unlike, bool interval, double change, double low, double high) {
    if (unlike) return "unlike";
    if (figures[f].accuracy && fabs(change) < near) return "close";
    return !interval ? "unclear" : low > 0 ? "higher" : high < 0 ? "lower" : "unclear";
}

/* Adds what the pairs say of figure f. False where none has it. */
static bool compare(const pair *pairs, int n, rb_figure f, bool unlike, double *differences, rb_row *row) {
    double arms = 0, bases = 0, mean, low, high;
    int count = 0;
    for (int i = 0; i < n; i++) {
        double arm, base;
        if (!both(&pairs[i], f, &arm, &base)) continue;
        arms += arm, bases += base;
        differences[count++] = arm - base;
    }
    if (!count) return false;
    bool interval = rb_mean_interval(differences, count, &mean, &low, &high);
    rb_row_text(row, RB_COL(effects, figure), figures[f].name);
    rb_row_int(row, RB_COL(effects, pairs), count);
    rb_row_real(row, RB_COL(effects, base_mean), bases / count);
    rb_row_real(row, RB_COL(effects, arm_mean), arms / count);
    rb_row_real(row, RB_COL(effects, change), mean);
    if (interval) {
        rb_row_real(row, RB_COL(effects, low), low);
        rb_row_real(row, RB_COL(effects, high), high);
    }
    rb_row_text(row, RB_COL(effects, verdict), judge(f, unlike, interval, mean, low, high));
    return true;
}

/* The rows of one arm, RB_FIGURES at most. */
static rb_status compare_arm(const rb_effect_runs *runs, const rb_effect_run *arm, const char *base, rb_row *rows,
                             int *n) {
    rb_status status = RB_OK;
    rb_text note = {0};
    int n_pairs = 0, before = *n;
    bool unlike = false;
    pair *pairs = calloc((size_t)runs->n, sizeof *pairs);
    double *differences = calloc((size_t)runs->n, sizeof *differences);
    if (!pairs || !differences) {
        status = rb_fail(RB_MEMORY, "out of memory for pairs of %d runs", runs->n);
        goto cleanup;
    }
    for (int i = 0; i < runs->n; i++) {
        const rb_effect_run *r = &runs->at[i];
        pair p = {r, ok(r) && same_arm(r, arm) ? partner(runs, r, base) : NULL};
        if (p.base) pairs[n_pairs++] = p;
    }
    n_pairs = keep_like(pairs, n_pairs);
    unlike = n_pairs && note_unlike(&pairs[0], &note);
    note_unpaired(runs, arm, base, pairs, n_pairs, &note);
    for (int f = 0; f < RB_FIGURES && n_pairs; f++) {
        describe(arm, pairs[0].base, NULL, &rows[*n]);
        if (compare(pairs, n_pairs, (rb_figure)f, unlike, differences, &rows[*n]))
            ++*n;
        else
            rb_row_end(&rows[*n]);
    }
    if (*n == before) {
        describe(arm, NULL, base_case(arm, base), &rows[*n]);
        rb_row_int(&rows[*n], RB_COL(effects, pairs), 0);
        rb_row_text(&rows[(*n)++], RB_COL(effects, verdict), "unpaired");
    }
    for (int i = before; i < *n; i++) rb_row_text(&rows[i], RB_COL(effects, note), rb_text_string(&note));
cleanup:
    free(pairs);
    free(differences);
    rb_text_free(&note);
    return status;
}

static bool same_text(const rb_row *a, const rb_row *b, int column) {
    return strcmp(rb_row_get_text(a, column), rb_row_get_text(b, column)) == 0;
}

/* Among the arms of one base, from as many seeds; unlike ones take no part. */
static bool rivals(const rb_row *a, const rb_row *b) {
    return same_text(a, b, RB_COL(effects, base)) && same_text(a, b, RB_COL(effects, figure)) &&
           same_text(a, b, RB_COL(effects, machine)) && same_text(a, b, RB_COL(effects, device_key)) &&
           a->cells[RB_COL(effects, pairs)].u.i == b->cells[RB_COL(effects, pairs)].u.i &&
           strcmp(rb_row_get_text(b, RB_COL(effects, verdict)), "unlike") != 0;
}

static void rank(rb_row *rows, int n) {
    for (int i = 0; i < n; i++) {
        bool ranked = false;
        int better = 0;
        for (int f = 0; f < RB_FIGURES; f++)
            ranked = ranked || (figures[f].ranked &&
                                !strcmp(rb_row_get_text(&rows[i], RB_COL(effects, figure)), figures[f].name));
        if (!ranked || !rivals(&rows[i], &rows[i]) || rows[i].cells[RB_COL(effects, low)].type == RB_CELL_EMPTY)
            continue;
        for (int k = 0; k < n; k++)
            if (rivals(&rows[i], &rows[k]) && rows[k].cells[RB_COL(effects, low)].type != RB_CELL_EMPTY &&
                rows[k].cells[RB_COL(effects, change)].u.r - rows[i].cells[RB_COL(effects, change)].u.r >= near)
                better++;
        rb_row_int(&rows[i], RB_COL(effects, rank), 1 + better);
    }
}

rb_status rb_effects_rows(const rb_effect_runs *runs, const char *base, rb_row **rows, int *n) {
    rb_status status = RB_OK;
    *n = 0;
    *rows = calloc((size_t)runs->n * RB_FIGURES + 1, sizeof **rows);
    if (!*rows) return rb_fail(RB_MEMORY, "out of memory for the effects of %d runs", runs->n);
    for (int i = 0; i < runs->n; i++) {
        bool seen = base_case(&runs->at[i], base) == NULL;
        for (int k = 0; k < i && !seen; k++) seen = same_arm(&runs->at[k], &runs->at[i]);
        if (!seen) RB_TRY(compare_arm(runs, &runs->at[i], base, *rows, n));
    }
    rank(*rows, *n);
    if (*n == 0)
        status = rb_fail(RB_USAGE,
                         "nothing to compare: of %d runs none has a regularizer and a case without it; "
                         "--base CASE says what the others are compared with",
                         runs->n);
cleanup:
    return status;
}
