/* effects.c: pairs the runs of an arm with those of its base, and puts the mean of the differences into rows.
 *
 * A pair shares machine, device, data, precision and seed: split, initialization and order of the images are then the
 * same, and their share of the spread cancels. */
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
    bool timed; /* seconds: arms are trained one after the other, and between them the machine becomes another */
} figures[RB_FIGURES] = {
    [RB_FIGURE_VAL_ACC] = {"val_acc_final", true, true, false},
    [RB_FIGURE_VAL_ACC_BEST] = {"val_acc_best", true, true, false},
    [RB_FIGURE_GAP] = {"train_valid_gap", true, false, false},
    [RB_FIGURE_VAL_LOSS] = {"val_loss", false, false, false},
    [RB_FIGURE_PARAM_L2] = {"param_l2", false, false, false},
    [RB_FIGURE_NEAR_ZERO] = {"near_zero", false, false, false},
    [RB_FIGURE_EPOCH_S] = {"epoch_s", false, false, true},
};

typedef struct pair {
    const rb_effect_run *arm, *base;
} pair;

/* --- who is compared with whom --------------------------------------------------------------------------------------
 */

static bool same_place(const rb_effect_run *a, const rb_effect_run *b) {
    return !strcmp(a->machine, b->machine) && !strcmp(a->device_key, b->device_key) &&
           !strcmp(a->dataset, b->dataset) && !strcmp(a->precision, b->precision);
}

/* Ran to its end, whatever its case foresaw. */
static bool ok(const rb_effect_run *r) { return !strcmp(r->status, "ok") || !strcmp(r->status, "unexpected"); }

/* The base that a case of this build names; cases of other builds name none. */
static const char *named_base(const char *name) {
    for (const rb_lab *const *lab = rb_labs(); *lab; lab++)
        for (const rb_case *c = (*lab)->cases; c->name; c++)
            if (!strcmp(c->name, name)) return c->base;
    return NULL;
}

/* The case that run r is compared with, NULL = none. */
static const char *base_case(const rb_effect_run *r, const char *base) {
    if (base) return r->regularized || strcmp(r->case_name, base) != 0 ? base : NULL;
    return r->regularized ? r->case_name : named_base(r->case_name);
}

static bool is_base(const rb_effect_run *b, const rb_effect_run *arm, const char *base) {
    const char *name = base_case(arm, base);
    if (!name || b->regularized || !same_place(arm, b) || strcmp(b->case_name, name) || strcmp(b->core, arm->core))
        return false;
    return strcmp(b->case_name, arm->case_name) != 0 || strcmp(b->reg, arm->reg) != 0; /* it does without something */
}

/* Sessions may have ten thousand runs: which of them make an arm, and which may be its base, is looked up. */
typedef struct lookup {
    const rb_effect_run **sorted; /* (n) by case, then place and overrides, then as they were read */
    int n;
} lookup;

/* One arm, and the runs without the regularizer that may be its base: both as they were read. */
typedef struct sides {
    const rb_effect_run **arm, **bases;
    int n_arm, n_bases;
} sides;

static int compare_arms(const rb_effect_run *a, const rb_effect_run *b) {
    int order = strcmp(a->case_name, b->case_name);
    if (!order) order = strcmp(a->overrides, b->overrides);
    if (!order) order = strcmp(a->machine, b->machine);
    if (!order) order = strcmp(a->device_key, b->device_key);
    if (!order) order = strcmp(a->precision, b->precision);
    return order ? order : strcmp(a->dataset, b->dataset);
}

static int by_arm(const void *a, const void *b) {
    const rb_effect_run *x = *(const rb_effect_run *const *)a, *y = *(const rb_effect_run *const *)b;
    int order = compare_arms(x, y);
    return order ? order : (x > y) - (x < y);
}

static int by_place_in_list(const void *a, const void *b) {
    const rb_effect_run *x = *(const rb_effect_run *const *)a, *y = *(const rb_effect_run *const *)b;
    return (x > y) - (x < y);
}

static rb_status look_up(const rb_effect_runs *runs, lookup *out) {
    out->n = runs->n;
    out->sorted = malloc(((size_t)runs->n + 1) * sizeof *out->sorted);
    if (!out->sorted) return rb_fail(RB_MEMORY, "out of memory for the effects of %d runs", runs->n);
    for (int i = 0; i < runs->n; i++) out->sorted[i] = &runs->at[i];
    qsort(out->sorted, (size_t)out->n, sizeof *out->sorted, by_arm);
    return RB_OK;
}

/* The first run in the order of `sorted` whose case is not before `name`. */
static int first_of_case(const lookup *l, const char *name) {
    int low = 0, high = l->n;
    while (low < high) {
        int middle = (low + high) / 2;
        if (strcmp(l->sorted[middle]->case_name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The arm that begins at sorted[from]; its end. */
static int arm_end(const lookup *l, int from) {
    int to = from + 1;
    while (to < l->n && compare_arms(l->sorted[from], l->sorted[to]) == 0) to++;
    return to;
}

/* `sides` has room for all runs. */
static void find_sides(const lookup *l, int from, int to, const char *base, sides *out) {
    const rb_effect_run *first = l->sorted[from];
    const char *name = base_case(first, base);
    out->n_arm = out->n_bases = 0;
    for (int i = from; i < to; i++) out->arm[out->n_arm++] = l->sorted[i];
    for (int i = name ? first_of_case(l, name) : l->n; i < l->n && !strcmp(l->sorted[i]->case_name, name); i++)
        if (!l->sorted[i]->regularized && same_place(first, l->sorted[i]) && !strcmp(l->sorted[i]->core, first->core))
            out->bases[out->n_bases++] = l->sorted[i];
    qsort(out->bases, (size_t)out->n_bases, sizeof *out->bases, by_place_in_list);
}

/* The run that `arm` is paired with; one that trained on as many images before others. */
static const rb_effect_run *partner(const sides *s, const rb_effect_run *arm, const char *base) {
    const rb_effect_run *found = NULL;
    for (int i = 0; i < s->n_bases; i++) {
        const rb_effect_run *b = s->bases[i];
        if (b->seed != arm->seed || !ok(b) || !is_base(b, arm, base)) continue;
        if (!found || (found->n_train != arm->n_train && b->n_train == arm->n_train)) found = b;
    }
    return found;
}

/* --- what is said beside the numbers --------------------------------------------------------------------------------
 */

static void label(const rb_effect_run *r, rb_text *out) {
    rb_text_printf(out, "%s%s%s", r->case_name, r->overrides[0] ? " " : "", r->overrides);
    if (strcmp(r->precision, "fp32") != 0) rb_text_printf(out, " %s", r->precision);
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

static bool is_paired(const rb_effect_run *r, const pair *pairs, int n) {
    for (int k = 0; k < n; k++)
        if (pairs[k].arm == r || pairs[k].arm->seed == r->seed) return true;
    return false;
}

/* Seeds that only one of the two has, or that did not end well. */
static void note_unpaired(const sides *s, const char *base, const pair *pairs, int n, rb_text *note) {
    rb_text alone = {0}, missing = {0}, failed = {0};
    for (int i = 0; i < s->n_arm; i++) {
        const rb_effect_run *r = s->arm[i];
        if (!is_paired(r, pairs, n))
            note_seed(ok(r) ? &alone : &failed, ok(r) ? "without base: seed" : "arm failed: seed", r);
    }
    for (int i = 0; i < s->n_bases && n > 0; i++) {
        const rb_effect_run *r = s->bases[i];
        if (is_base(r, s->arm[0], base) && !strcmp(r->overrides, pairs[0].base->overrides) && !is_paired(r, pairs, n))
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

/* A figure of both runs of a pair; false where one of them lacks it, or they did not run alike and it is a time. */
static bool both(const pair *p, rb_figure f, double *arm, double *base) {
    *arm = p->arm->figure[f], *base = p->base->figure[f];
    if (f == RB_FIGURE_GAP && !(isfinite(*arm) && isfinite(*base)))
        *arm = p->arm->running_gap, *base = p->base->running_gap;
    return isfinite(*arm) && isfinite(*base) && !(figures[f].timed && strcmp(p->arm->how, p->base->how) != 0);
}

/* "close" is a finding: the difference is known well enough to be called small, or too small to matter. A mean near
 * zero of which nothing is known is unclear. */
static const char *judge(rb_figure f, bool unlike, bool interval, double change, double low, double high) {
    if (unlike) return "unlike";
    bool known = interval && (low > 0 || high < 0 || (low > -near && high < near));
    if (figures[f].accuracy && fabs(change) < near) return known ? "close" : "unclear";
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
    if (figures[f].timed) return true; /* the pairs share what changed between the arms: no interval of chance alone */
    if (interval) {
        rb_row_real(row, RB_COL(effects, low), low);
        rb_row_real(row, RB_COL(effects, high), high);
    }
    rb_row_text(row, RB_COL(effects, verdict), judge(f, unlike, interval, mean, low, high));
    return true;
}

/* The rows of one arm, RB_FIGURES at most. `pairs` and `differences` have room for its runs. */
static void compare_arm(const sides *s, const char *base, pair *pairs, double *differences, rb_row *rows, int *n) {
    rb_text note = {0};
    int n_pairs = 0, before = *n;
    bool unlike = false;
    for (int i = 0; i < s->n_arm; i++) {
        pair p = {s->arm[i], ok(s->arm[i]) ? partner(s, s->arm[i], base) : NULL};
        if (p.base) pairs[n_pairs++] = p;
    }
    n_pairs = keep_like(pairs, n_pairs);
    unlike = n_pairs && note_unlike(&pairs[0], &note);
    note_unpaired(s, base, pairs, n_pairs, &note);
    for (int f = 0; f < RB_FIGURES && n_pairs; f++) {
        describe(s->arm[0], pairs[0].base, NULL, &rows[*n]);
        if (compare(pairs, n_pairs, (rb_figure)f, unlike, differences, &rows[*n]))
            ++*n;
        else
            rb_row_end(&rows[*n]);
    }
    if (*n == before) {
        describe(s->arm[0], NULL, base_case(s->arm[0], base), &rows[*n]);
        rb_row_int(&rows[*n], RB_COL(effects, pairs), 0);
        rb_row_text(&rows[(*n)++], RB_COL(effects, verdict), "unpaired");
    }
    for (int i = before; i < *n; i++) rb_row_text(&rows[i], RB_COL(effects, note), rb_text_string(&note));
    rb_text_free(&note);
}

/* Rivals are the arms of one base, from as many seeds, where no more than the regularizer differs: rows of one rivalry
 * compare as equal here. */
static int by_rivalry(const void *a, const void *b) {
    static const int columns[] = {RB_COL(effects, base), RB_COL(effects, figure), RB_COL(effects, machine),
                                  RB_COL(effects, device_key)};
    const rb_row *x = *(rb_row *const *)a, *y = *(rb_row *const *)b;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        int order = strcmp(rb_row_get_text(x, columns[i]), rb_row_get_text(y, columns[i]));
        if (order) return order;
    }
    int64_t n = x->cells[RB_COL(effects, pairs)].u.i, m = y->cells[RB_COL(effects, pairs)].u.i;
    return (n > m) - (n < m);
}

static bool is_ranked(const rb_row *row) {
    bool ranked = false;
    for (int f = 0; f < RB_FIGURES; f++)
        ranked =
            ranked || (figures[f].ranked && !strcmp(rb_row_get_text(row, RB_COL(effects, figure)), figures[f].name));
    return ranked && strcmp(rb_row_get_text(row, RB_COL(effects, verdict)), "unlike") != 0 &&
           row->cells[RB_COL(effects, low)].type != RB_CELL_EMPTY;
}

static double change_of(const rb_row *row) { return row->cells[RB_COL(effects, change)].u.r; }

static rb_status rank(rb_row *rows, int n) {
    int ranked = 0;
    rb_row **list = malloc(((size_t)n + 1) * sizeof *list);
    if (!list) return rb_fail(RB_MEMORY, "out of memory for the ranks of %d effects", n);
    for (int i = 0; i < n; i++)
        if (is_ranked(&rows[i])) list[ranked++] = &rows[i];
    qsort(list, (size_t)ranked, sizeof *list, by_rivalry);
    for (int from = 0, to; from < ranked; from = to) {
        for (to = from + 1; to < ranked && by_rivalry(&list[from], &list[to]) == 0;) to++;
        for (int i = from; i < to; i++) {
            int better = 0;
            for (int k = from; k < to; k++) better += change_of(list[k]) - change_of(list[i]) >= near;
            rb_row_int(list[i], RB_COL(effects, rank), 1 + better);
        }
    }
    free(list);
    return RB_OK;
}

/* Where each arm begins in `sorted`, in the order in which the arms were read; `starts` has room for all runs. */
static int find_arms(const lookup *l, const char *base, const rb_effect_run ***starts) {
    int n = 0;
    for (int from = 0; from < l->n; from = arm_end(l, from))
        if (base_case(l->sorted[from], base)) starts[n++] = &l->sorted[from];
    return n;
}

static int by_first(const void *a, const void *b) {
    return by_place_in_list(*(const rb_effect_run **const *)a, *(const rb_effect_run **const *)b);
}

rb_status rb_effects_rows(const rb_effect_runs *runs, const char *base, rb_row **rows, int *n) {
    rb_status status = RB_OK;
    size_t most = (size_t)runs->n + 1;
    lookup l = {0};
    sides s = {.arm = malloc(most * sizeof *s.arm), .bases = malloc(most * sizeof *s.bases)};
    const rb_effect_run ***starts = malloc(most * sizeof *starts);
    pair *pairs = malloc(most * sizeof *pairs);
    double *differences = malloc(most * sizeof *differences);
    *n = 0;
    *rows = calloc((size_t)runs->n * RB_FIGURES + 1, sizeof **rows);
    if (!*rows || !s.arm || !s.bases || !starts || !pairs || !differences) {
        status = rb_fail(RB_MEMORY, "out of memory for the effects of %d runs", runs->n);
        goto cleanup;
    }
    RB_TRY(look_up(runs, &l));
    int n_arms = find_arms(&l, base, starts);
    qsort(starts, (size_t)n_arms, sizeof *starts, by_first);
    for (int i = 0; i < n_arms; i++) {
        int from = (int)(starts[i] - l.sorted);
        find_sides(&l, from, arm_end(&l, from), base, &s);
        compare_arm(&s, base, pairs, differences, *rows, n);
    }
    RB_TRY(rank(*rows, *n));
    if (*n == 0)
        status = rb_fail(RB_USAGE,
                         "nothing to compare: of %d runs none has a regularizer and a case without it; "
                         "--base CASE says what the others are compared with",
                         runs->n);
cleanup:
    free(l.sorted);
    free(s.arm);
    free(s.bases);
    free(starts);
    free(pairs);
    free(differences);
    return status;
}
