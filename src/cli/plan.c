/* plan.c: the verb `plan`: the compiled program of a case, for a device's layout or the canonical one. */
#include <stdio.h>
#include <string.h>

#include "cli/child.h"
#include "cli/devices.h"
#include "cli/matrix.h"
#include "cli/verb.h"
#include "core/text.h"

typedef struct plan_work {
    const rb_options *o;
    const rb_case *c;
    const char *device; /* NULL = canonical layout, no device needed */
} plan_work;

/* In the child, because a device is opened. */
static rb_status work(void *context, FILE *to) {
    const plan_work *w = context;
    rb_status status = RB_OK;
    rb_layout layout = rb_layout_canonical();
    rb_program *program = NULL;
    rb_device *device = NULL;
    rb_device_id id = {0};
    rb_text text = {0};
    if (w->device) {
        rb_open_options options = rb_open_choice(w->o);
        RB_TRY(rb_device_select(w->device, &id));
        RB_TRY(id.backend->open(id.index, &options, &device));
        id.backend->layout(device, &layout);
    }
    RB_TRY(rb_case_compile(w->c, &layout, &program));
    RB_TRY(rb_program_dump(program, &text));
    RB_TRY(rb_text_status(&text));
    RB_TRY(rb_send_text(to, rb_text_string(&text)));
cleanup:
    rb_text_free(&text);
    rb_program_free(program);
    if (device) id.backend->close(device);
    return status;
}

static void keep(void *context, const char *text) { rb_text_append(context, text); }

rb_status rb_verb_plan(const rb_options *o) {
    rb_status status = RB_OK;
    rb_matrix matrix = {0};
    rb_words devices = {0};
    const rb_case *c;
    rb_case_list one = {.n = 1, .at = &c};
    rb_text out = {0};
    rb_child_hooks hooks = {.context = &out, .text = keep};
    RB_TRY(rb_cases_one(o, &c));
    RB_TRY(rb_matrix_edits(o, &one, &matrix));
    if (rb_given(o, RB_FLAG_DEVICE)) RB_TRY(rb_devices_chosen(o, &devices));
    for (int i = 0; i < matrix.n_edits; i++)
        for (int d = 0; d < (devices.n ? devices.n : 1); d++) {
            plan_work w = {.o = o, .c = &matrix.edits[i].c, .device = devices.n ? devices.at[d] : NULL};
            rb_child_end end;
            if (matrix.n_edits > 1 || devices.n > 1)
                rb_text_printf(&out, "%s# %s %s %s\n", i || d ? "\n" : "", c->name, matrix.edits[i].overrides,
                               w.device ? w.device : "");
            RB_TRY(rb_child_run(work, &w, &hooks, 0, &end));
            if (end.status != RB_OK) {
                status = rb_fail(end.status, "%s", end.text);
                goto cleanup;
            }
        }
    RB_TRY(rb_text_status(&out));
    RB_TRY(rb_print_text(rb_text_string(&out)));
cleanup:
    rb_text_free(&out);
    rb_words_free(&devices);
    rb_matrix_free(&matrix);
    return status;
}
