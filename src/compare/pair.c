/* pair.c: pairs arms and has them judged. */
#include "compare/pair.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare/judge.h"
#include "compare/pair_rows.h"
#include "core/text.h"
#include "report/others.h"

typedef struct pairing {
    const rb_arms *arms;
    double aa_noise;
    rb_pair *pairs;
    int n, capacity;
} pairing;

static double speed_of(const rb_row *row) {
    double speed = rb_row_number(row, RB_COL(runs, samples_per_s));
    return rb_run_ok(row) && speed > 0 ? speed : NAN;
}

/* Entries of one arm from `from` on, within [from, end). They are sorted by key, then file: arms may alternate. */
static const rb_entry *first_of(const rb_entry *from, const rb_entry *end, int arm, int *count) {
    const rb_entry *first = NULL;
    *count = 0;
    for (const rb_entry *e = from; e < end; e++) {
        if (e->arm != arm) continue;
        if (!first) first = e;
        ++*count;
    }
    return first;
}

static int values_of(const rb_entry *from, const rb_entry *end, int arm, double *values) {
    int n = 0;
    for (const rb_entry *e = from; e < end; e++)
        if (e->arm == arm && isfinite(speed_of(e->row))) values[n++] = speed_of(e->row);
    return n;
}

static rb_pair *add_pair(pairing *p) {
    if (p->n == p->capacity) {
        int capacity = p->capacity ? 2 * p->capacity : 64;
        rb_pair *pairs = realloc(p->pairs, (size_t)capacity * sizeof *pairs);
        if (!pairs) return NULL;
        p->pairs = pairs;
        p->capacity = capacity;
    }
    memset(&p->pairs[p->n], 0, sizeof *p->pairs);
    return &p->pairs[p->n++];
}

/* 2 % where the device is known to be a GPU. Of OpenCL's devices the rows do not tell: the wider threshold. */
static double threshold_of(const pairing *p, const rb_row *a, const rb_row *b) {
    bool gpu = !strcmp(rb_row_get_text(a, RB_COL(runs, backend)), "cuda") &&
               !strcmp(rb_row_get_text(b, RB_COL(runs, backend)), "cuda");
    return fmax(gpu ? RB_THRESHOLD_GPU : RB_THRESHOLD_CPU, 2 * p->aa_noise);
}

static void count_failures(const rb_entry *from, const rb_entry *end, int arm, int *n, int *bad) {
    *n = *bad = 0;
    for (const rb_entry *e = from; e < end; e++) {
        if (e->arm != arm) continue;
        ++*n;
        *bad += !rb_run_ok(e->row);
    }
}

/* "B: 2 of 7 timeout (ended after 5 s by --timeout)": how an arm's runs of one stem failed; nothing where none did. */
static void tell_failures(const rb_entry *from, const rb_entry *end, int arm, char name, rb_text *out) {
    const rb_row *failed = NULL;
    int n, bad;
    count_failures(from, end, arm, &n, &bad);
    if (!bad) return;
    for (const rb_entry *e = from; e < end; e++)
        if (e->arm == arm && !rb_run_ok(e->row)) failed = e->row;
    const char *why = rb_row_get_text(failed, RB_COL(runs, status_reason));
    rb_text_printf(out, "%s%c: %d of %d %s", out->length ? "; " : "", name, bad, n,
                   rb_row_get_text(failed, RB_COL(runs, status)));
    if (*why) rb_text_printf(out, " (%.80s)", why);
}

/* The end of the entries that begin with the same `length` bytes as `from`. */
static const rb_entry *block_end(const rb_entry *from, const rb_entry *end, size_t length) {
    const rb_entry *e = from;
    while (e < end && !strncmp(e->key, from->key, length)) e++;
    return e;
}

/* "A mixes threads (1 and 2)": the speeds of two things are no sample of one. */
static void tell_mixture(const rb_arms *arms, const rb_entry *from, const rb_entry *end, int arm, char name,
                         rb_text *out) {
    const rb_row *first = NULL;
    rb_text what = {0};
    for (const rb_entry *e = from; e < end && !what.length; e++) {
        if (e->arm != arm || !isfinite(speed_of(e->row))) continue;
        if (first) rb_arms_tell_mixture(arms, first, e->row, &what);
        if (!first) first = e->row;
    }
    if (what.length) rb_text_printf(out, "%s%c mixes %s", out->length ? "; " : "", name, what.data);
    rb_text_free(&what);
}

/* Other programs' use of the cores while an arm was measured. */
static void tell_others(const rb_entry *from, const rb_entry *end, int arm, char name, rb_text *out) {
    double most = 0;
    for (const rb_entry *e = from; e < end; e++)
        if (e->arm == arm && isfinite(speed_of(e->row))) most = fmax(most, e->others);
    if (most > RB_OTHERS_CORES)
        rb_text_printf(out, "%sothers used up to %.2f cores while %c was measured", out->length ? ", " : "", most,
                       name);
}

/* Arms of one session take turns, so that a disturbance hits both; those of two sessions or commits do not. */
static bool take_turns(rb_across across) {
    return across != RB_ACROSS_SESSIONS && across != RB_ACROSS_COMMIT && across != RB_ACROSS_MACHINE;
}

/* One pair of arms with equal keys. */
static rb_status pair_up(pairing *p, const rb_entry *from, const rb_entry *end, int a, int b) {
    rb_pair *to = add_pair(p);
    if (!to) return rb_fail(RB_MEMORY, "out of memory for the pairs");
    rb_contrast *c = &to->contrast;
    to->a = first_of(from, end, a, &to->n_a);
    to->b = first_of(from, end, b, &to->n_b);
    to->values = malloc((size_t)(to->n_a + to->n_b) * sizeof *to->values);
    if (!to->values) return rb_fail(RB_MEMORY, "out of memory for the values");
    c->a = to->values;
    c->n_a = values_of(from, end, a, to->values);
    c->b = to->values + c->n_a;
    c->n_b = values_of(from, end, b, to->values + c->n_a);
    c->threshold = threshold_of(p, to->a->row, to->b->row);
    const char *names[] = {rb_row_get_text(to->a->row, RB_COL(runs, machine)),
                           rb_row_get_text(to->b->row, RB_COL(runs, machine))};
    to->rivals = !strcmp(names[0], names[1]) && p->arms->across != RB_ACROSS_REG;
    rb_text mixed = {0};
    tell_mixture(p->arms, from, end, a, 'A', &mixed);
    tell_mixture(p->arms, from, end, b, 'B', &mixed);
    snprintf(to->mixed, sizeof to->mixed, "%s", rb_text_string(&mixed));
    rb_text_clear(&mixed);
    tell_others(from, end, a, 'A', &mixed);
    tell_others(from, end, b, 'B', &mixed);
    snprintf(to->doubt, sizeof to->doubt, "%s", rb_text_string(&mixed));
    rb_text_free(&mixed);
    to->disturbed = to->doubt[0] && !take_turns(p->arms->across);
    c->only_ratio = !to->rivals || to->mixed[0] || to->disturbed;
    return RB_OK;
}

static rb_status set_apart(pairing *p, const rb_entry *a, const rb_entry *b, const char *why) {
    rb_pair *to = add_pair(p);
    if (!to) return rb_fail(RB_MEMORY, "out of memory for the pairs");
    to->a = a;
    to->b = b;
    snprintf(to->apart, sizeof to->apart, "%s", why);
    return RB_OK;
}

static bool has_values(const rb_entry *from, const rb_entry *end, int arm) {
    for (const rb_entry *e = from; e < end; e++)
        if (e->arm == arm && isfinite(speed_of(e->row))) return true;
    return false;
}

/* Runs of another arm that differ from `from` in work alone; NULL where there are none. */
static const rb_entry *other_work(const rb_entry *base, const rb_entry *base_end, const rb_entry *from, int but) {
    for (const rb_entry *e = base; e < base_end; e++)
        if (e->arm != but && strcmp(e->key, from->key) != 0 && isfinite(speed_of(e->row))) return e;
    return NULL;
}

static bool is_lonely(const rb_entry *base, const rb_entry *base_end, const rb_entry *of) {
    for (const rb_entry *e = base; e < base_end; e++)
        if (e->arm != of->arm && !strcmp(e->key, of->key) && isfinite(speed_of(e->row))) return false;
    return true;
}

/* "only in A", and what the other arm has instead where it is nearly the same. */
static void tell_alone(const rb_arms *arms, const rb_entry *from, const rb_entry *stem, const rb_entry *stem_end,
                       rb_text *why) {
    bool lettered = arms->across == RB_ACROSS_SESSIONS || arms->across == RB_ACROSS_BUILDS;
    if (lettered)
        rb_text_printf(why, "only in %c", 'A' + from->arm);
    else
        rb_text_printf(why, "only in %s", arms->labels[from->arm]);
    for (const rb_entry *e = stem; e < stem_end; e++) {
        if (e->arm == from->arm || !isfinite(speed_of(e->row))) continue;
        rb_text_append(why, "; the other arm differs in ");
        rb_arms_tell_difference(arms, from->row, e->row, why);
        return;
    }
}

/* Runs of one key with values in one arm only: why they have no partner. `base` .. `base_end` differ in work alone,
 * `stem` .. `stem_end` also in how it is done. */
static rb_status tell_lonely(pairing *p, const rb_entry *from, int arm, const rb_entry *base, const rb_entry *base_end,
                             const rb_entry *stem, const rb_entry *stem_end) {
    rb_status status = RB_OK;
    rb_text why = {0};
    const rb_entry *other = other_work(base, base_end, from, arm);
    if (other && other < from && is_lonely(base, base_end, other)) {
        const rb_entry *back = other_work(base, base_end, other, other->arm);
        if (back && !strcmp(back->key, from->key)) goto cleanup; /* told from its side */
    }
    if (other) {
        const rb_row *a = from->arm < other->arm ? from->row : other->row, *b = a == from->row ? other->row : from->row;
        if (a->cells[0].u.i != b->cells[0].u.i)
            rb_text_printf(&why, "another schema_version, %lld and %lld: not compared", (long long)a->cells[0].u.i,
                           (long long)b->cells[0].u.i);
        else
            rb_text_printf(&why, "another workload_hash, %s and %s: not compared",
                           rb_row_get_text(a, RB_COL(runs, workload_hash)),
                           rb_row_get_text(b, RB_COL(runs, workload_hash)));
        RB_TRY(rb_text_status(&why));
        RB_TRY(from->arm < other->arm ? set_apart(p, from, other, why.data) : set_apart(p, other, from, why.data));
        goto cleanup;
    }
    for (int k = 0; k < p->arms->n_arms; k++)
        if (k != arm && !has_values(stem, stem_end, k)) tell_failures(stem, stem_end, k, (char)('A' + (k > arm)), &why);
    bool broken = why.length && arm == 0; /* A ran, B did not */
    if (!why.length) tell_alone(p->arms, from, stem, stem_end, &why);
    RB_TRY(rb_text_status(&why));
    RB_TRY(arm == 0 ? set_apart(p, from, NULL, why.data) : set_apart(p, NULL, from, why.data));
    p->pairs[p->n - 1].broken = broken;
cleanup:
    rb_text_free(&why);
    return status;
}

/* All entries of one key. */
static rb_status one_key(pairing *p, const rb_entry *from, const rb_entry *end, const rb_entry *base,
                         const rb_entry *base_end, const rb_entry *stem, const rb_entry *stem_end) {
    rb_status status = RB_OK;
    int first = -1, partners = 0;
    for (int arm = 0; arm < p->arms->n_arms; arm++) {
        if (!has_values(from, end, arm)) continue;
        if (first < 0) {
            first = arm;
            continue;
        }
        partners++;
        RB_TRY(pair_up(p, from, end, first, arm));
        rb_text failures = {0};
        tell_failures(stem, stem_end, first, 'A', &failures);
        tell_failures(stem, stem_end, arm, 'B', &failures);
        snprintf(p->pairs[p->n - 1].apart, sizeof p->pairs->apart, "%s", rb_text_string(&failures));
        rb_text_free(&failures);
        int n_a, n_b, bad_a, bad_b;
        count_failures(stem, stem_end, first, &n_a, &bad_a);
        count_failures(stem, stem_end, arm, &n_b, &bad_b);
        p->pairs[p->n - 1].failing = bad_a == 0 && 2 * bad_b > n_b;
    }
    if (first >= 0 && partners == 0) RB_TRY(tell_lonely(p, from, first, base, base_end, stem, stem_end));
cleanup:
    return status;
}

static rb_status one_stem(pairing *p, const rb_entry *stem, const rb_entry *stem_end) {
    rb_status status = RB_OK;
    bool any = false;
    for (const rb_entry *base = stem, *base_end; base < stem_end; base = base_end) {
        base_end = block_end(base, stem_end, base->base);
        for (const rb_entry *from = base, *end; from < base_end; from = end) {
            end = block_end(from, base_end, strlen(from->key) + 1);
            for (const rb_entry *e = from; e < end; e++) any |= isfinite(speed_of(e->row));
            RB_TRY(one_key(p, from, end, base, base_end, stem, stem_end));
        }
    }
    if (!any) { /* nothing but failures */
        rb_text why = {0};
        for (int k = 0; k < p->arms->n_arms; k++) tell_failures(stem, stem_end, k, (char)('A' + (k > 0)), &why);
        if (!why.length) rb_text_append(&why, "no samples_per_s in any arm");
        status = set_apart(p, stem->arm == 0 ? stem : NULL, stem->arm == 0 ? NULL : stem, why.data);
        rb_text_free(&why);
    }
cleanup:
    return status;
}

/* --- all of it ------------------------------------------------------------------------------------------------------
 */

rb_status rb_compare_runs(const rb_runs *const *sessions, int n, rb_across across, rb_gate gate, rb_compared *out) {
    rb_status status = RB_OK;
    rb_arms arms = {0};
    pairing p = {.arms = &arms};
    rb_contrast *family = NULL;
    memset(out, 0, sizeof *out);
    RB_TRY(rb_arms_of(sessions, n, across, &arms));
    for (int s = 0; s < n; s++) p.aa_noise = fmax(p.aa_noise, sessions[s]->aa_noise);
    const rb_entry *last = arms.entries + arms.n;
    for (const rb_entry *stem = arms.entries, *end; stem < last; stem = end) {
        end = block_end(stem, last, stem->stem);
        RB_TRY(one_stem(&p, stem, end));
    }
    family = malloc(((size_t)p.n + 1) * sizeof *family);
    if (!family) {
        status = rb_fail(RB_MEMORY, "out of memory for %d rows", p.n);
        goto cleanup;
    }
    for (int i = 0; i < p.n; i++) family[i] = p.pairs[i].contrast;
    RB_TRY(rb_judge(family, p.n, gate != RB_GATE_NONE));
    for (int i = 0; i < p.n; i++) {
        p.pairs[i].contrast = family[i];
        if (p.pairs[i].rivals && (p.pairs[i].mixed[0] || p.pairs[i].disturbed))
            p.pairs[i].contrast.verdict = RB_UNCLEAR;
        if (p.pairs[i].rivals && p.pairs[i].disturbed) p.pairs[i].contrast.wanted = 10; /* by turns, then */
    }
    RB_TRY(rb_pairs_write(p.pairs, p.n, &arms, out));
cleanup:
    for (int i = 0; i < p.n; i++) free(p.pairs[i].values);
    free(p.pairs);
    free(family);
    rb_arms_free(&arms);
    if (status != RB_OK) rb_compared_free(out);
    return status;
}

void rb_compared_free(rb_compared *compared) {
    for (int i = 0; i < compared->n; i++) rb_row_end(&compared->rows[i]);
    free(compared->rows);
    memset(compared, 0, sizeof *compared);
}

rb_status rb_compared_verdict(const rb_compared *c, rb_gate gate) {
    int found = c->slower + c->broken + c->failing + (gate == RB_GATE_UNCLEAR ? c->unclear + c->apart - c->broken : 0);
    if (gate != RB_GATE_NONE && found > 0)
        return rb_fail(RB_REGRESSION, "gate: %d slower, %d that run no more in B, %d unclear, %d not compared",
                       c->slower, c->broken + c->failing, c->unclear, c->apart - c->broken);
    if (c->judged + (gate == RB_GATE_NONE ? c->ratios : 0) == 0)
        return rb_fail(RB_MISMATCH, "none of %d row%s could be %s: %s", c->n, c->n == 1 ? "" : "s",
                       gate == RB_GATE_NONE ? "compared" : "judged",
                       c->n ? rb_row_get_text(&c->rows[0], RB_COL(compare, reason)) : "there are no runs");
    return RB_OK;
}
