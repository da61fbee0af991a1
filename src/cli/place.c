/* place.c: opens device, data and trainer of an item, and writes down what they are. */
#include "cli/place.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/child.h"
#include "cli/verb.h"
#include "core/clock.h"
#include "core/sha256.h"
#include "core/text.h"
#include "measure/memory.h"
#include "regbench/check.h"

/* Work per sample beyond which the plain loops of the reference would be felt when a run starts. */
static const double most_mflop_per_sample = 20;
static const float most_lr = 0.1f; /* while comparing */

rb_status rb_place_device(rb_place *p, const rb_options *o, const char *selector, rb_row *row) {
    rb_status status = RB_OK;
    memset(p, 0, sizeof *p);
    rb_open_options options = rb_open_choice(o);
    RB_TRY(rb_device_select(selector, &p->id));
    RB_TRY(p->id.backend->open(p->id.index, &options, &p->device));
    p->id.backend->info(p->device, &p->info);
    rb_row_text(row, RB_COL(runs, device), p->info.name);
    rb_row_text(row, RB_COL(runs, quirks), options.quirks);
    rb_row_text(row, RB_COL(runs, backend), p->id.backend->name);
    rb_row_text(row, RB_COL(runs, submit), rb_backend_submission(p->id.backend, p->device));
    rb_row_text(row, RB_COL(runs, isa), p->info.isa[0] ? p->info.isa : NULL);
    if (p->info.threads) rb_row_int(row, RB_COL(runs, threads), p->info.threads);
cleanup:
    return status;
}

static rb_status open_data(rb_place *p, const rb_options *o, const rb_item *item, rb_row *row) {
    rb_status status = RB_OK;
    rb_data_options options = rb_data_choice(o);
    options.seed = (uint64_t)item->seed;
    RB_TRY(rb_dataset_load(item->edit->c.dataset, &options, &p->data));
    rb_row_text(row, RB_COL(runs, dataset), p->data->used);
    rb_row_text(row, RB_COL(runs, dataset_sha256), p->data->sha256);
cleanup:
    return status;
}

rb_status rb_place_open(rb_place *p, const rb_options *o, const rb_item *item, rb_row *row) {
    rb_status status = RB_OK;
    RB_TRY(rb_place_device(p, o, item->device, row));
    RB_TRY(open_data(p, o, item, row));
cleanup:
    return status;
}

rb_verified rb_verified_by(const rb_row *row) {
    const char *word = rb_row_get_text(row, RB_COL(runs, verify));
    const rb_cell *err = &row->cells[RB_COL(runs, verify_max_rel_err)];
    return (rb_verified){.passed = !strcmp(word, "quick") || !strcmp(word, "full"),
                         .max_rel_err = err->type == RB_CELL_REAL ? err->u.r : NAN};
}

/* Rounded products are compared coarsely: so the same provider's in fp32, too, on a device of its own. */
rb_status rb_place_compare(rb_place *p, const rb_options *o, const rb_case *c, uint64_t seed, int steps, int rows,
                           double *err) {
    rb_status status = RB_OK;
    rb_open_options options = rb_open_choice(o);
    rb_device *exact = NULL;
    if (p->info.product_roundoff > 0) {
        options.precision = NULL;
        RB_TRY(p->id.backend->open(p->id.index, &options, &exact));
        RB_TRY(rb_verify(p->id.backend, exact, c, p->data, seed, steps, rows, err));
    }
    status = rb_verify(p->id.backend, p->device, c, p->data, seed, steps, rows, err);
cleanup:
    if (exact) p->id.backend->close(exact);
    return status;
}

rb_status rb_place_verify(rb_place *p, const rb_options *o, const rb_item *item, const rb_verified *before,
                          rb_row *row) {
    rb_status status = RB_OK;
    rb_case tame = item->edit->c;
    const char *word = rb_value(o, RB_FLAG_VERIFY);
    double err = before->max_rel_err;
    if (!word) word = o->verb == RB_VERB_run && item->mflop > most_mflop_per_sample ? "off" : "quick";
    bool full = !strcmp(word, "full");
    int most = full ? 64 : item->mflop > most_mflop_per_sample ? 4 : 8, rows = tame.batch < most ? tame.batch : most;
    /* Some runs are meant to diverge, at once even: what is compared here is the arithmetic, not the story. */
    if (tame.lr > most_lr) tame.lr = most_lr;
    if (strcmp(word, "off") != 0) {
        if (!before->passed) status = rb_place_compare(p, o, &tame, (uint64_t)item->seed, full ? 20 : 2, rows, &err);
        rb_row_real(row, RB_COL(runs, verify_max_rel_err), err);
    }
    if (status == RB_OK) rb_row_text(row, RB_COL(runs, verify), word);
    return status;
}

/* Equal text = equal work: what may be compared. */
static rb_status note_workload(const rb_place *p, const rb_case *c, int64_t n_train, rb_row *row) {
    rb_status status = RB_OK;
    rb_text text = {0};
    char hex[65];
    RB_TRY(rb_case_describe(c, p->data->sha256, n_train, &text));
    RB_TRY(rb_text_status(&text));
    RB_TRY(rb_sha256(rb_text_string(&text), text.length, hex));
    hex[12] = '\0';
    rb_row_text(row, RB_COL(runs, workload_hash), hex);
cleanup:
    rb_text_free(&text);
    return status;
}

/* Adds a word to a list, unless it is there. */
static void add_word(char *list, size_t size, const char *word) {
    size_t length = strlen(word), used = strlen(list);
    if (!length) return;
    for (const char *at = list; (at = strstr(at, word)); at += length)
        if ((at == list || at[-1] == ' ') && (!at[length] || at[length] == ' ')) return;
    if (used + length + 2 < size) snprintf(list + used, size - used, "%s%s", used ? " " : "", word);
}

/* Whose code runs the ops of a training step, and by which algorithms, each name once: "own onednn". Own kernels
 * compute in fp32: RB_UNSUPPORTED where they do all of a step that is to be in another precision. */
static rb_status note_providers(const rb_place *p, const rb_case *c, rb_row *row) {
    const rb_backend *backend = p->id.backend;
    const rb_bound *bound = rb_trainer_bound(p->trainer, RB_VARIANT_TRAIN);
    char providers[128] = "", algos[256] = "";
    int n_ops = rb_trainer_program(p->trainer)->variant[RB_VARIANT_TRAIN].n_ops;
    for (int i = 0; bound && i < n_ops; i++) {
        const char *name = backend->provider(bound, i), *algo = backend->algo ? backend->algo(bound, i) : NULL;
        if (name) add_word(providers, sizeof providers, name);
        if (algo) add_word(algos, sizeof algos, algo);
    }
    rb_row_text(row, RB_COL(runs, provider), providers[0] ? providers : NULL);
    if (algos[0]) rb_row_text(row, RB_COL(runs, algo), algos);
    if (p->info.product_roundoff > 0 && strcmp(providers, "own") == 0)
        return rb_fail(
            RB_UNSUPPORTED,
            "no product of %s would be in %s: the libraries take none of them, and own kernels compute in fp32",
            c->name, c->precision);
    return RB_OK;
}

rb_status rb_place_trainer(rb_place *p, const rb_item *item, rb_row *row) {
    rb_status status = RB_OK;
    const rb_case *c = &item->edit->c;
    RB_TRY(rb_trainer_new(p->id.backend, p->device, c, p->data, (uint64_t)item->seed, &p->trainer));
    const rb_program *program = rb_trainer_program(p->trainer);
    rb_trainer_times times = rb_trainer_setup_times(p->trainer);
    int64_t n_train = rb_trainer_rows(p->trainer, RB_SPLIT_TRAIN);
    rb_row_int(row, RB_COL(runs, batch_size), program->spec.batch); /* a small data set clips what was asked for */
    rb_row_int(row, RB_COL(runs, n_params), program->n_weights);
    rb_row_int(row, RB_COL(runs, n_train), n_train);
    rb_row_int(row, RB_COL(runs, n_valid), rb_trainer_rows(p->trainer, RB_SPLIT_VALID));
    if (strcmp(p->info.type, "cpu") != 0 && p->info.type[0]) {
        double bytes = 0;
        for (int s = 0; s < RB_SEGMENTS; s++) bytes += (double)program->bytes[s];
        rb_row_real(row, RB_COL(runs, mem_peak_mib), bytes / (1 << 20));
    }
    rb_row_real(row, RB_COL(runs, init_s), times.init);
    rb_row_real(row, RB_COL(runs, kernel_compile_s), times.compile);
    rb_row_real(row, RB_COL(runs, model_mflop_per_sample), rb_program_mflop_per_sample(program));
    RB_TRY(note_providers(p, c, row));
    RB_TRY(note_workload(p, c, n_train, row));
cleanup:
    return status;
}

void rb_place_close(rb_place *p) {
    rb_trainer_free(p->trainer);
    rb_dataset_free(p->data);
    if (p->device) p->id.backend->close(p->device);
    memset(p, 0, sizeof *p);
}

rb_status rb_place_finish(FILE *to, rb_row *row, rb_status status, double started) {
    /* The child was forked for this item alone, so its high-water mark is the item's; where the device has memory of
     * its own, what its store takes there is known since rb_place_trainer. */
    if (row->cells[RB_COL(runs, mem_peak_mib)].type == RB_CELL_EMPTY && rb_peak_rss_mib() > 0)
        rb_row_real(row, RB_COL(runs, mem_peak_mib), rb_peak_rss_mib());
    rb_row_real(row, RB_COL(runs, duration_s), rb_clock_s() - started);
    if (status != RB_OK) {
        rb_row_text(row, RB_COL(runs, status), rb_status_word(status));
        rb_row_text(row, RB_COL(runs, status_reason), rb_error_last() ? rb_error_last()->text : NULL);
    }
    rb_status sent = rb_send_row(to, row);
    return status != RB_OK ? status : sent;
}
