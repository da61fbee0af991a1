/* checkpoint.c: a trainer's state into a file and back: tensors, generator, epoch, and whose run it is.
 *
 * Texts of the file's head: case, overrides, workload (rb_case_describe: what decides the work), run_id, lineage, seed,
 * epoch, step, best_epoch, best (1: the copy of the best epoch is in the file) and FIGURES. The tensor
 * `generator` (627) is the mt19937: 624 words, index of the next one, whether a normal is cached, that normal;
 * `early_stop` is rb_stop_state, beside the copy of the best epoch. */
#include "regbench/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "regbench/study.h"
#include "train/state.h"

enum { GENERATOR = 627 };

struct rb_checkpoint {
    char *path;
    rb__tensor_file *file;
    rb_checkpoint_head head;
};

/* Figures of rb_epoch_result, by their names. */
#define FIGURES(X) X(train_s) X(eval_s) X(train_loss) X(val_loss) X(val_acc) X(val_acc_best) X(param_l2)
/* clang-format off */
enum {
#define COUNT(name) FIGURE_##name,
    FIGURES(COUNT)
#undef COUNT
    REALS, TEXTS = 10 + REALS
};
/* clang-format on */

/* rb_stop_state, where the copy of the best epoch is in the file. */
static const rb__tensor_out stop_tensor = {.name = "early_stop", .type = RB__F64, .n_dims = 1, .dims = {RB_STOP_STATE}};
static const rb__tensor_out generator_tensor = {.name = "generator", .type = RB__F64, .n_dims = 1, .dims = {GENERATOR}};

/* Doubles hold 32-bit words exactly, and every reader knows them. */
static void generator_values(const rb_mt19937 *g, double out[GENERATOR]) {
    for (int i = 0; i < 624; i++) out[i] = g->state[i];
    out[624] = g->next;
    out[625] = g->has_normal;
    out[626] = g->normal;
}

static bool generator_from(const double values[GENERATOR], rb_mt19937 *g) {
    for (int i = 0; i < 624; i++) {
        if (!(values[i] >= 0 && values[i] <= UINT32_MAX)) return false;
        g->state[i] = (uint32_t)values[i];
    }
    if (!(values[624] >= 0 && values[624] <= 624)) return false;
    g->next = (int)values[624];
    g->has_normal = values[625] != 0;
    g->normal = values[626];
    return true;
}

/* How long a run is changes no step of it, but for one that learns from a teacher: that trains as long, before. */
static rb_status describe(const rb_trainer *t, rb_text *text) {
    rb_status status = RB_OK;
    const rb_case *c = rb_trainer_case(t);
    RB_TRY(rb_case_describe(c, rb_trainer_data(t)->sha256, rb_trainer_rows(t, RB_SPLIT_TRAIN), text));
    if (c->distill) rb_text_printf(text, "teacher of %d epochs\n", c->epochs);
    status = rb_text_status(text);
cleanup:
    return status;
}

rb_status rb_checkpoint_write(rb_trainer *t, const rb_checkpoint_head *head, const char *path) {
    rb_status status = RB_OK;
    const rb_program *p = rb_trainer_program(t);
    rb_text workload = {0};
    rb__state state = {0};
    rb__tensor_out *tensors = NULL;
    double generator[GENERATOR];
    char numbers[4][24], figures[REALS][32];
    const char *texts[TEXTS][2];
    int n = 0;
    RB_TRY(describe(t, &workload));
    RB_TRY(rb__state_new(p, head->best, &state));
    RB_TRY(rb__state_get(&state, rb_trainer_backend(t), rb_trainer_store(t), p));
    int own = head->best ? 2 : 1; /* beside those of the state */
    tensors = calloc((size_t)(state.n + own), sizeof *tensors);
    if (!tensors) {
        status = rb_fail(RB_MEMORY, "out of memory for a list of tensors");
        goto cleanup;
    }
    generator_values(rb_trainer_generator(t), generator);
    tensors[0] = generator_tensor;
    tensors[0].values = generator;
    if (head->best) tensors[1] = stop_tensor, tensors[1].values = &head->at.stop;
    for (int i = 0; i < state.n; i++) tensors[own + i] = state.at[i].file;
    snprintf(numbers[0], sizeof *numbers, "%llu", (unsigned long long)head->seed);
    snprintf(numbers[1], sizeof *numbers, "%d", head->at.epoch);
    snprintf(numbers[2], sizeof *numbers, "%lld", (long long)head->at.step);
    snprintf(numbers[3], sizeof *numbers, "%d", head->at.best_epoch);
    const char *const known[TEXTS - REALS][2] = {{"case", rb_trainer_case(t)->name},
                                                 {"overrides", head->overrides},
                                                 {"workload", rb_text_string(&workload)},
                                                 {"run_id", head->run_id},
                                                 {"lineage", head->lineage},
                                                 {"seed", numbers[0]},
                                                 {"epoch", numbers[1]},
                                                 {"step", numbers[2]},
                                                 {"best_epoch", numbers[3]},
                                                 {"best", head->best ? "1" : "0"}};
    for (int i = 0; i < TEXTS - REALS; i++, n++) texts[n][0] = known[i][0], texts[n][1] = known[i][1];
#define PRINT(name)                                                                                                    \
    snprintf(figures[FIGURE_##name], sizeof *figures, "%.17g", head->at.name);                                         \
    texts[n][0] = #name, texts[n++][1] = figures[FIGURE_##name];
    FIGURES(PRINT)
#undef PRINT
    RB_TRY(rb__tensor_file_write(path, (const char *const(*)[2])texts, n, tensors, state.n + own));
cleanup:
    free(tensors);
    rb__state_free(&state);
    rb_text_free(&workload);
    return status;
}

/* --- reading --------------------------------------------------------------------------------------------------------
 */

static const char *text_of(const rb_checkpoint *c, const char *key) {
    const char *text = rb__tensor_file_text(c->file, key);
    return text ? text : "";
}

rb_status rb_checkpoint_open(const char *path, rb_checkpoint **out) {
    rb_status status = RB_OK;
    *out = NULL;
    rb_checkpoint *c = calloc(1, sizeof *c);
    if (!c || !(c->path = strdup(path))) {
        status = rb_fail(RB_MEMORY, "out of memory for %s", path);
        goto cleanup;
    }
    RB_TRY(rb__tensor_file_read(path, &c->file));
    rb_checkpoint_head *h = &c->head;
    snprintf(h->case_name, sizeof h->case_name, "%s", text_of(c, "case"));
    snprintf(h->overrides, sizeof h->overrides, "%s", text_of(c, "overrides"));
    snprintf(h->run_id, sizeof h->run_id, "%s", text_of(c, "run_id"));
    snprintf(h->lineage, sizeof h->lineage, "%s", text_of(c, "lineage"));
    h->seed = strtoull(text_of(c, "seed"), NULL, 10);
    h->best = strcmp(text_of(c, "best"), "1") == 0;
    h->at.epoch = atoi(text_of(c, "epoch"));
    h->at.step = strtoll(text_of(c, "step"), NULL, 10);
    h->at.best_epoch = atoi(text_of(c, "best_epoch"));
#define READ(name) h->at.name = strtod(text_of(c, #name), NULL);
    FIGURES(READ)
#undef READ
    if (h->best) RB_TRY(rb__tensor_file_get(c->file, &stop_tensor, &h->at.stop));
    if (h->at.epoch < 1 || h->at.step < 1) {
        status = rb_fail(RB_INPUT, "%s is no checkpoint of regbench: it names no epoch", path);
        goto cleanup;
    }
    *out = c;
    c = NULL;
cleanup:
    rb_checkpoint_close(c);
    return status;
}

void rb_checkpoint_close(rb_checkpoint *c) {
    if (!c) return;
    rb__tensor_file_free(c->file);
    free(c->path);
    free(c);
}

const rb_checkpoint_head *rb_checkpoint_head_of(const rb_checkpoint *c) { return &c->head; }

void rb_checkpoint_lineage(const rb_checkpoint *c, char out[2048]) {
    const rb_checkpoint_head *h = &c->head;
    char last[128];
    const char *before = h->lineage;
    snprintf(last, sizeof last, "%s:%d:%lld", h->run_id, h->at.epoch, (long long)h->at.step);
    while (*before && strlen(before) + strlen(last) + 2 > 2048) { /* the oldest gives way */
        before += strcspn(before, " ");
        before += *before == ' ';
    }
    snprintf(out, 2048, "%.1900s%s%s", before, *before ? " " : "", last);
}

rb_status rb_checkpoint_case(const rb_checkpoint *c, rb_case_edit *edit) {
    rb_status status = RB_OK;
    const rb_case *found;
    char name[sizeof c->head.overrides];
    const rb_study *study = rb_study_of_run(c->head.case_name);
    char base[96];
    bool made = !study && rb_study_base_of_run(c->head.case_name, base); /* by a sweep, which is not here */
    RB_TRY(rb_case_find(study ? study->base : made ? base : c->head.case_name, &found));
    RB_TRY(rb_case_edit_begin(edit, found));
    if (study || made) RB_TRY(rb_case_edit_rename(edit, c->head.case_name));
    for (const char *at = c->head.overrides; *at; at += *at == ' ') { /* "batch=256 lr=0.5" */
        size_t length = strcspn(at, " ");
        memcpy(name, at, length);
        name[length] = '\0';
        at += length;
        char *value = strchr(name, '=');
        if (!value) return rb_fail(RB_INPUT, "%s: \"%s\" among its overrides is none", c->path, name);
        *value++ = '\0';
        RB_TRY(rb_case_edit_set(edit, name, value));
    }
    status = rb_case_edit_check(edit);
cleanup:
    return status;
}

/* What decides the work must be the same, line by line. */
static rb_status same_workload(const rb_checkpoint *c, const rb_trainer *t) {
    rb_status status = RB_OK;
    rb_text text = {0};
    RB_TRY(describe(t, &text));
    for (const char *there = text_of(c, "workload"), *here = rb_text_string(&text); *there || *here;) {
        size_t m = strcspn(there, "\n"), n = strcspn(here, "\n");
        if (m != n || memcmp(there, here, m) != 0) {
            status = rb_fail(RB_MISMATCH, "%s belongs to other work: \"%.*s\" there, \"%.*s\" here", c->path, (int)m,
                             there, (int)n, here);
            goto cleanup;
        }
        there += m + (there[m] == '\n');
        here += n + (here[n] == '\n');
    }
cleanup:
    rb_text_free(&text);
    return status;
}

rb_status rb_checkpoint_restore(const rb_checkpoint *c, rb_trainer *t, uint64_t seed) {
    rb_status status = RB_OK;
    const rb_program *p = rb_trainer_program(t);
    rb__state state = {0};
    double generator[GENERATOR];
    rb_mt19937 g = {0};
    int64_t steps = (int64_t)c->head.at.epoch * rb_trainer_steps_per_epoch(t);
    RB_TRY(same_workload(c, t));
    if (c->head.seed != seed) /* the split too comes from the seed: what was trained on must not validate */
        return rb_fail(RB_MISMATCH, "%s was written by a run with seed %llu, this one has %llu", c->path,
                       (unsigned long long)c->head.seed, (unsigned long long)seed);
    RB_TRY(rb__state_new(p, c->head.best, &state));
    int count = state.n + (c->head.best ? 2 : 1);
    if (rb__tensor_file_count(c->file) != count || c->head.at.step != steps) {
        status = rb_fail(RB_MISMATCH,
                         "%s has %d tensors at step %lld, %d at step %lld are needed: it belongs to another model",
                         c->path, rb__tensor_file_count(c->file), (long long)c->head.at.step, count, (long long)steps);
        goto cleanup;
    }
    RB_TRY(rb__tensor_file_get(c->file, &generator_tensor, generator));
    if (!generator_from(generator, &g)) {
        status = rb_fail(RB_INPUT, "%s: its generator is none", c->path);
        goto cleanup;
    }
    for (int i = 0; i < state.n; i++)
        RB_TRY(rb__tensor_file_get(c->file, &state.at[i].file, (void *)state.at[i].file.values));
    RB_TRY(rb__state_put(&state, rb_trainer_backend(t), rb_trainer_store(t), p));
    *rb_trainer_generator(t) = g;
    rb_trainer_seek(t, steps);
cleanup:
    rb__state_free(&state);
    return status;
}
