/* foresee.c: looks for data sets, compiles cases, opens devices, before a session is opened. */
#include "cli/foresee.h"

#include <stdlib.h>
#include <string.h>

#include "cli/child.h"
#include "cli/place.h"
#include "cli/verb.h"
#include "core/log.h"

rb_status rb_foresee_case(const rb_options *o, const rb_case *c, const char **dataset, double *mflop) {
    rb_status status = RB_OK;
    rb_layout layout = rb_layout_canonical();
    rb_program *program = NULL;
    rb_case used = *c;
    rb_data_options options = rb_data_choice(o);
    RB_TRY(rb_dataset_in_use(c->dataset, &options, dataset));
    used.dataset = *dataset;
    RB_TRY(rb_case_compile(&used, &layout, &program));
    *mflop = rb_program_mflop_per_sample(program);
cleanup:
    rb_program_free(program);
    return status;
}

typedef struct open_work {
    const rb_options *o;
    const char *selector;
} open_work;

static rb_status open_device(void *context, FILE *to) {
    const open_work *w = context;
    rb_place place = {0};
    rb_row row;
    (void)to;
    rb_row_begin(&row, RB_TABLE_runs);
    rb_status status = rb_place_device(&place, w->o, w->selector, &row);
    rb_place_close(&place);
    rb_row_end(&row);
    return status;
}

/* Threads of a step wait for each other by spinning: one more than there are processors costs far more than it does.
 * What a processor's own backend finds costs no driver's start. */
static rb_status warn_of_threads(const rb_options *o, const rb_words *devices) {
    rb_status status = RB_OK;
    char why[256];
    int given = (int)rb_value_int(o, RB_FLAG_THREADS, 0), n = 0;
    rb_device_info *list = calloc(RB_MAX_DEVICES, sizeof *list);
    if (!list) return rb_fail(RB_MEMORY, "out of memory for a list of devices");
    for (int i = 0; i < devices->n; i++) {
        rb_device_id id;
        if (strcmp(devices->at[i], "cpu") != 0) continue;
        RB_TRY(rb_device_select(devices->at[i], &id));
        RB_TRY(id.backend->probe(NULL, list, &n, why));
        if (n == 0 || given <= list[0].threads) continue;
        rb_log(RB_LOG_WARN,
               "-t %d is more than the %d processor%s that this process may use (affinity, cgroup): its threads wait "
               "for each other and it becomes many times slower; leave -t out, or give %d at most",
               given, list[0].threads, list[0].threads == 1 ? "" : "s", list[0].threads);
    }
cleanup:
    free(list);
    return status;
}

rb_status rb_foresee_devices(const rb_options *o, const rb_words *devices) {
    rb_status status = RB_OK;
    /* Without a wish there is nothing to refuse. */
    if (!rb_given(o, RB_FLAG_THREADS) && !rb_given(o, RB_FLAG_PROVIDER) && !rb_given(o, RB_FLAG_SUBMIT)) return RB_OK;
    for (int i = 0; i < devices->n; i++) {
        rb_child_end end;
        rb_child_hooks hooks = {0};
        open_work w = {.o = o, .selector = devices->at[i]};
        RB_TRY(rb_child_run(open_device, &w, &hooks, rb_value_real(o, RB_FLAG_TIMEOUT, 120), &end));
        if (end.status == RB_USAGE) return rb_fail(RB_USAGE, "%s", end.text);
    }
    RB_TRY(warn_of_threads(o, devices));
cleanup:
    return status;
}
