/* gbench.c: prepares a lab's cases one at a time in this process; Google Benchmark decides how many windows it takes.
 */
#include "cli/gbench.h"

#include <stdlib.h>
#include <string.h>

#include "cli/child.h"
#include "cli/devices.h"
#include "cli/feed.h"
#include "cli/matrix.h"
#include "cli/place.h"
#include "cli/verb.h"
#include "core/log.h"
#include "core/text.h"
#include "regbench/lab.h"

/* A case with its overrides and devices. */
typedef struct lab_case {
    rb_options options;
    rb_matrix matrix;
    char why[1024]; /* not empty: it cannot be prepared */
} lab_case;

typedef struct entry {
    char name[256];
    int at;              /* case */
    const rb_item *item; /* NULL: the case cannot be prepared */
} entry;

struct rb_gbench {
    lab_case *cases;
    int n_cases;
    entry *entries;
    int n;
    rb_env env;
    /* of the entry that is open */
    int open; /* -1 = none */
    rb_place place;
    rb_row row;
    rb_feed feed;
    int steps; /* per window */
    char label[256], why[1024];
};

static const char *reason(char out[1024], rb_status status) {
    snprintf(out, 1024, "%s", rb_error_last() ? rb_error_last()->text : rb_status_word(status));
    rb_error_clear();
    return out;
}

static rb_status add_entry(rb_gbench *g, int at, const rb_item *item) {
    entry *more = realloc(g->entries, (size_t)(g->n + 1) * sizeof *more);
    if (!more) return rb_fail(RB_MEMORY, "out of memory for a list of benchmarks");
    g->entries = more;
    entry *e = &g->entries[g->n++];
    *e = (entry){.at = at, .item = item};
    if (!item) {
        snprintf(e->name, sizeof e->name, "%s", g->cases[at].options.names.at[0]);
        return RB_OK;
    }
    const rb_case_edit *edit = item->edit;
    int n = snprintf(e->name, sizeof e->name, "%s/%s/batch:%d", edit->c.name, item->device, edit->c.batch);
    if (g->cases[at].matrix.seeds.n > 1)
        snprintf(e->name + n, sizeof e->name - (size_t)n, "/seed:%lld", (long long)item->seed);
    for (char *c = e->name; *c; c++)
        if (*c == ' ') *c = ',';
    return RB_OK;
}

/* Overrides belong into the name, but for the batch, which is there. */
static void name_overrides(rb_gbench *g, int first) {
    for (int i = first; i < g->n; i++) {
        entry *e = &g->entries[i];
        if (!e->item) continue;
        char changes[512], *save = NULL;
        snprintf(changes, sizeof changes, "%s", e->item->edit->overrides);
        for (char *word = strtok_r(changes, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
            size_t n = strlen(e->name);
            if (strncmp(word, "batch=", 6) != 0) snprintf(e->name + n, sizeof e->name - n, "/%s", word);
        }
    }
}

static rb_status add_case(rb_gbench *g, const char *name) {
    rb_status status = RB_OK;
    char program[] = "regbench", verb[] = "bench", *copy = strdup(name);
    char *argv[] = {program, verb, copy, NULL};
    lab_case *c = &g->cases[g->n_cases];
    bool done;
    int first = g->n;
    if (!copy) return rb_fail(RB_MEMORY, "out of memory for a list of cases");
    RB_TRY(rb_options_parse(3, argv, &c->options, &done));
    g->n_cases++;
    status = rb_matrix_build(&c->options, &c->matrix);
    if (status == RB_USAGE || status == RB_NO_DEVICE) goto cleanup; /* a wish that no case can fulfil */
    if (status != RB_OK) {
        reason(c->why, status);
        status = add_entry(g, g->n_cases - 1, NULL);
        goto cleanup;
    }
    for (int i = 0; i < c->matrix.n; i++) RB_TRY(add_entry(g, g->n_cases - 1, &c->matrix.items[i]));
    name_overrides(g, first);
cleanup:
    free(copy);
    return status;
}

rb_gbench *rb_gbench_open(const char *lab, int *exit_code) {
    rb_status status = RB_OK;
    int n_cases = 0;
    const rb_lab *found = NULL;
    rb_gbench *g = calloc(1, sizeof *g);
    if (!g) {
        status = rb_fail(RB_MEMORY, "out of memory");
        goto cleanup;
    }
    g->open = -1;
    for (const rb_lab *const *l = rb_labs(); *l; l++)
        if (!strcmp((*l)->name, lab)) found = *l;
    if (!found) {
        status = rb_fail(RB_INTERNAL, "no lab \"%s\" in this build", lab);
        goto cleanup;
    }
    while (found->cases[n_cases].name) n_cases++;
    g->cases = calloc((size_t)n_cases + 1, sizeof *g->cases);
    if (!g->cases) {
        status = rb_fail(RB_MEMORY, "out of memory for %d cases", n_cases);
        goto cleanup;
    }
    for (int i = 0; i < n_cases; i++) RB_TRY(add_case(g, found->cases[i].name));
    RB_TRY(rb_env_collect(&g->env));
    RB_TRY(rb_devices_facts(&g->env));
cleanup:
    *exit_code = rb_status_exit_code(status);
    if (status == RB_OK) return g;
    rb_log_error();
    rb_gbench_close(g);
    return NULL;
}

static void close_entry(rb_gbench *g) {
    if (g->open < 0) return;
    rb_place_close(&g->place);
    rb_row_end(&g->row);
    g->open = -1;
}

void rb_gbench_close(rb_gbench *g) {
    if (!g) return;
    close_entry(g);
    for (int i = 0; i < g->n_cases; i++) {
        rb_matrix_free(&g->cases[i].matrix);
        rb_options_free(&g->cases[i].options);
    }
    rb_env_free(&g->env);
    free(g->cases);
    free(g->entries);
    free(g);
}

int rb_gbench_count(const rb_gbench *g) { return g->n; }
const char *rb_gbench_name(const rb_gbench *g, int i) { return g->entries[i].name; }
double rb_gbench_flop_per_sample(const rb_gbench *g) { return rb_feed_flop(&g->feed); }
const char *rb_gbench_label(const rb_gbench *g) { return g->label; }

static rb_status run_window(void *context, int n, int64_t *ns) { return rb_feed_window(context, n, ns); }

/* Until windows agree, by the protocol; the steps of a window are then known. */
static rb_status warm_up(rb_gbench *g, const rb_options *o) {
    rb_status status = RB_OK;
    rb_windows windows;
    rb_window_limits limits = rb_feed_limits(o);
    rb_windows_begin(&windows, &limits);
    while (!windows.warm) {
        int64_t ns = 0;
        RB_TRY(run_window(&g->feed, rb_windows_next(&windows), &ns));
        RB_TRY(rb_windows_add(&windows, ns));
    }
    g->steps = windows.steps;
cleanup:
    rb_windows_free(&windows);
    return status;
}

const char *rb_gbench_begin(rb_gbench *g, int i) {
    rb_status status = RB_OK;
    const entry *e = &g->entries[i];
    lab_case *c = &g->cases[e->at];
    rb_verified before = {0};
    if (!e->item) return c->why;
    if (g->open == i) return NULL;
    close_entry(g);
    memset(&g->place, 0, sizeof g->place);
    rb_item_row(e->item, "bench", &g->row);
    g->open = i;
    RB_TRY(rb_place_open(&g->place, &c->options, e->item, &g->row));
    RB_TRY(rb_place_verify(&g->place, &c->options, e->item, &before, &g->row));
    RB_TRY(rb_place_trainer(&g->place, e->item, &g->row));
    g->feed = (rb_feed){.trainer = g->place.trainer};
    RB_TRY(warm_up(g, &c->options));
    snprintf(g->label, sizeof g->label, "workload_hash=%s verify=%s provider=%s",
             rb_row_get_text(&g->row, RB_COL(runs, workload_hash)), rb_row_get_text(&g->row, RB_COL(runs, verify)),
             rb_row_get_text(&g->row, RB_COL(runs, provider)));
    return NULL;
cleanup:
    close_entry(g);
    return reason(g->why, status);
}

const char *rb_gbench_window(rb_gbench *g, double *seconds, double *samples) {
    int64_t ns = 0;
    rb_status status = rb_feed_window(&g->feed, g->steps, &ns);
    if (status == RB_OK && ns <= 0) status = rb_fail(RB_DEVICE, "%d steps took %lld ns", g->steps, (long long)ns);
    if (status != RB_OK) return reason(g->why, status);
    *seconds = (double)ns * 1e-9;
    *samples = (double)g->feed.rows;
    return NULL;
}

const char *rb_gbench_fact(const rb_gbench *g, int i, const char **value) {
    static const char *const names[] = {"commit", "dirty", "compiler", "compiler_flags", "cpu", "governor", "kernel"};
    enum { NAMES = sizeof names / sizeof *names };
    *value = i == 0 ? g->env.id : i <= NAMES ? rb_env_get(&g->env, names[i - 1]) : "";
    return i == 0 ? "env_id" : i <= NAMES ? names[i - 1] : NULL;
}
