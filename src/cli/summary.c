/* summary.c: the verb `summary`: layers, shapes and parameters of a model, as torchsummary prints them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/matrix.h"
#include "cli/verb.h"
#include "regbench/checkpoint.h"

/* "[-1, 6, 28, 28]": -1 stands for the batch, as in torchsummary. */
static void print_shape(char *out, size_t size, const rb_tensor *t) {
    bool flat = t->dims[2] == 1 && t->dims[3] == 1;
    if (flat)
        snprintf(out, size, "[-1, %lld]", (long long)t->dims[1]);
    else
        snprintf(out, size, "[-1, %lld, %lld, %lld]", (long long)t->dims[1], (long long)t->dims[2],
                 (long long)t->dims[3]);
}

/* The layer's output: the first op that bears its number is its forward op. */
static const rb_tensor *output_of(const rb_variant *v, int layer) {
    for (int i = 0; i < v->n_ops; i++)
        if (v->ops[i].layer == layer && v->ops[i].out[0] >= 0) return &v->tensors[v->ops[i].out[0]];
    return NULL;
}

static void print_line(void) {
    for (int i = 0; i < 64; i++) putchar('=');
    putchar('\n');
}

static void print_table(const rb_program *p, const rb_case_edit *edit) {
    const rb_case *c = &edit->c;
    const rb_variant *v = &p->variant[RB_VARIANT_TRAIN];
    char shape[64] = "", name[48];
    double values = 0;
    printf("%s: %s on %s%s%s\n\n", c->name, c->model, c->dataset, edit->overrides[0] ? ", " : "", edit->overrides);
    printf("%-28s %-22s %12s\n", "Layer", "Output shape", "Parameters");
    print_line();
    for (int l = 0; l < rb_layer_count(p->spec.layers); l++) {
        const rb_layer *layer = &p->spec.layers[l];
        const rb_tensor *out = output_of(v, l);
        int64_t params = 0;
        for (int i = 0; i < p->n_params; i++)
            if (p->params[i].layer == l) params += rb_tensor_count(&p->params[i].tensor);
        if (out) {
            print_shape(shape, sizeof shape, out);
            values += (double)out->dims[1] * (double)out->dims[2] * (double)out->dims[3];
        }
        snprintf(name, sizeof name, "%s-%d%s%s", rb_layer_name(layer->kind), l + 1, layer->tag ? "  " : "",
                 layer->tag ? layer->tag : "");
        printf("%-28s %-22s %12lld\n", name, shape, (long long)params);
    }
    print_line();
    printf("Parameters:              %lld (%.2f MiB)\n", (long long)p->n_weights, (double)p->n_weights * 4 / 1048576);
    printf("Input of a sample:       %d x %d x %d\n", p->spec.C, p->spec.H, p->spec.W);
    printf("Outputs of a sample:     %.0f values (%.3f MiB)\n", values, values * 4 / 1048576);
    printf("Work of a training step: %.4g MFLOP per sample\n", rb_program_mflop_per_sample(p));
}

/* Where the run stood that wrote the file, and its model. */
static rb_status summarize_checkpoint(const char *path) {
    rb_status status = RB_OK;
    rb_layout layout = rb_layout_canonical();
    rb_program *program = NULL;
    rb_checkpoint *checkpoint = NULL;
    rb_case_edit *edit = malloc(sizeof *edit);
    if (!edit) return rb_fail(RB_MEMORY, "out of memory for a case");
    RB_TRY(rb_checkpoint_open(path, &checkpoint));
    RB_TRY(rb_checkpoint_case(checkpoint, edit));
    RB_TRY(rb_case_compile(&edit->c, &layout, &program));
    const rb_checkpoint_head *h = rb_checkpoint_head_of(checkpoint);
    print_table(program, edit);
    printf("\nCheckpoint:              %s\n", path);
    printf("Written by run:          %s, seed %llu\n", h->run_id, (unsigned long long)h->seed);
    printf("After:                   epoch %d, step %lld\n", h->at.epoch, (long long)h->at.step);
    printf("L2 norm of parameters:   %.6g\n", h->at.param_l2);
    if (h->at.best_epoch > 0)
        printf("Validation accuracy:     %.4f (best %.4f, epoch %d)\n", h->at.val_acc, h->at.val_acc_best,
               h->at.best_epoch);
cleanup:
    rb_program_free(program);
    rb_checkpoint_close(checkpoint);
    free(edit);
    return status;
}

rb_status rb_verb_summary(const rb_options *o) {
    rb_status status = RB_OK;
    rb_layout layout = rb_layout_canonical();
    rb_program *program = NULL;
    rb_matrix matrix = {0};
    const rb_case *c;
    rb_case_list one = {.n = 1, .at = &c};
    if (o->names.n == 1 && access(o->names.at[0], F_OK) == 0) { /* a file, unless a case is called so */
        if (rb_case_find(o->names.at[0], &c) != RB_OK) {
            rb_error_clear();
            return summarize_checkpoint(o->names.at[0]);
        }
    }
    RB_TRY(rb_cases_one(o, &c));
    RB_TRY(rb_matrix_edits(o, &one, &matrix));
    for (int i = 0; i < matrix.n_edits; i++) {
        if (i) putchar('\n');
        RB_TRY(rb_case_compile(&matrix.edits[i].c, &layout, &program));
        print_table(program, &matrix.edits[i]);
        rb_program_free(program);
        program = NULL;
    }
cleanup:
    rb_program_free(program);
    rb_matrix_free(&matrix);
    return status;
}
