/* repeat.c: the command line that does a recorded run again, built from what its row says. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare/more.h"
#include "page/internal.h"
#include "regbench/lab.h"

static void put_flag(const char *flag, const char *value, rb_text *out) {
    if (!*value) return;
    rb_text_printf(out, " %s ", flag);
    rb_shell_quote(value, out);
}

/* The batch of another library's row, where it is not the case's own; in our rows it stands in the overrides. */
static void put_peer_batch(const rb_row *row, rb_text *out) {
    const rb_cell *batch = &row->cells[RB_COL(runs, batch_size)];
    const rb_case *c;
    if (rb_case_find(rb_row_get_text(row, RB_COL(runs, case)), &c) != RB_OK) {
        rb_error_clear();
        return;
    }
    if (batch->type == RB_CELL_INT && batch->u.i != c->batch) rb_text_printf(out, " -B %lld", (long long)batch->u.i);
}

/* All but the seeds. */
static void put_command(const rb_page_run *which, int n, rb_text *out) {
    const rb_row *row = which->row;
    const char *phase = rb_row_get_text(row, RB_COL(runs, phase)), *verify = rb_row_get_text(row, RB_COL(runs, verify));
    const char *device = rb_row_get_text(row, RB_COL(runs, device_key)), *study = rb__page_study_of(which);
    const rb_cell *threads = &row->cells[RB_COL(runs, threads)];
    bool run = !strcmp(phase, "run"), peer = rb_run_is_peer(row);
    rb_text_append(out, peer ? "bench/peers/alternate " : run ? "regbench run " : "regbench bench ");
    rb_shell_quote(study ? study : rb_row_get_text(row, RB_COL(runs, case)), out);
    if (peer) put_flag("--peer", rb_row_get_text(row, RB_COL(runs, backend)), out);
    put_flag("-d", device, out);
    if (peer) put_peer_batch(row, out);
    rb_overrides_as_flags(rb_row_get_text(row, RB_COL(runs, overrides)), out);
    if (peer) {
        if (threads->type == RB_CELL_INT && !strcmp(device, "cpu"))
            rb_text_printf(out, " -t %lld", (long long)threads->u.i);
        rb_text_printf(out, " -n %d", n);
        return;
    }
    rb_choices_as_flags(row, out);
    if (strcmp(verify, "quick") != 0) put_flag("--verify", verify, out);
    if (isfinite(rb_row_number(row, RB_COL(runs, target_value))))
        rb_text_printf(out, " --target %.6g", rb_row_number(row, RB_COL(runs, target_value)));
    if (!run && strcmp(phase, "largest-batch") != 0) rb_text_printf(out, " -r %d", n);
}

static int64_t seed_of(const rb_page_run *run) {
    const rb_cell *seed = &run->row->cells[RB_COL(runs, seed)];
    return seed->type == RB_CELL_INT ? seed->u.i : 2021; /* the usual one, where a row has none */
}

static int ascending(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void put_seeds(const rb_page_run *runs, int n, bool usual, rb_text *out) {
    int64_t *seeds = malloc((size_t)n * sizeof *seeds);
    if (!seeds) {
        out->failed = 1;
        return;
    }
    for (int i = 0; i < n; i++) seeds[i] = seed_of(&runs[i]);
    qsort(seeds, (size_t)n, sizeof *seeds, ascending);
    if (usual || seeds[0] != 2021 || seeds[n - 1] != 2021)
        for (int i = 0; i < n; i++)
            if (i == 0 || seeds[i] != seeds[i - 1])
                rb_text_printf(out, "%s%lld", i ? "," : " -s ", (long long)seeds[i]);
    free(seeds);
}

const char *rb__page_repeat(rb_report *r, const rb_page_run *runs, int n) {
    const char *phase = rb_row_get_text(runs[0].row, RB_COL(runs, phase));
    rb_text command = {0};
    if (!strcmp(phase, "gbench") || !*rb_row_get_text(runs[0].row, RB_COL(runs, case))) return NULL;
    put_command(&runs[0], n, &command);
    if (!rb_run_is_peer(runs[0].row)) put_seeds(runs, n, !strcmp(phase, "run"), &command);
    r->memory |= command.failed;
    const char *kept = rb__page_keep(r, rb_text_string(&command));
    rb_text_free(&command);
    return kept;
}
