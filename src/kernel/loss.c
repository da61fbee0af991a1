/* loss.c: parts of loss layers: rows on their own; finish.cl adds them up. */
#include "kernel/kernel.h"

void rb__kn_lower_loss(rb__kn_plan *plan, rb__kn_item *it) {
    bool gradient = it->out[1] >= 0, predict = it->out[2] >= 0;
    const bool mse = it->op->kind == RB_OP_LOSS_MSE, soft = !mse && it->in[3] >= 0, scores = it->out[3] >= 0;
    int present = -1, rows = rb__kn_work_new(plan, 2 * sizeof(float) * (size_t)it->N);
    if (it->out[0] >= 0) { /* else, in an attack, nobody adds them up */
        plan->n_loss_rows = it->N;
        plan->loss_op = it->number;
        plan->loss_rows = rows;
    }
    if (gradient) {
        int counts = rb__kn_work_new(plan, sizeof(int32_t) * (size_t)plan->device->local);
        present = rb__kn_work_new(plan, sizeof(int32_t));
        rb__kn_part *count = rb__kn_part_new(plan, it->number, "loss.cl", "present");
        rb__kn_cursor(plan, count);
        rb__kn_in(plan, count, it->in[2]);
        rb__kn_work_out(count, counts, "__global int *");
        rb__kn_work_out(count, present, "__global int *");
        rb__kn_int(count, it->N);
        count->cost = it->N;
    }
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "loss.cl", mse ? "loss_mse" : "loss");
    rb__kn_define(part, "K", it->K);
    rb__kn_define(part, "LD", it->ldx);
    rb__kn_define(part, "SOFT", soft);
    rb__kn_define(part, "GRADIENT", gradient);
    rb__kn_define(part, "PREDICT", predict);
    rb__kn_define(part, "SCORES", scores);
    rb__kn_define_float(part, "INVERSE_T", mse ? 1.0f : 1.0f / it->op->u.loss.temperature);
    rb__kn_cursor(plan, part);
    rb__kn_in(plan, part, it->in[0]);
    rb__kn_in(plan, part, it->in[1]);
    rb__kn_in(plan, part, it->in[2]);
    if (soft) rb__kn_in(plan, part, it->in[3]);
    if (gradient) {
        rb__kn_out(plan, part, it->out[1]);
        rb__kn_work_in(part, present, "__global const int *");
    }
    if (predict) rb__kn_out(plan, part, it->out[2]);
    if (scores) rb__kn_out(plan, part, it->out[3]);
    rb__kn_work_out(part, rows, "__global float2 *");
    rb__kn_int(part, it->N);
    rb__kn_rows(plan, part, it->N);
    part->cost = (double)it->K * 4.0 * 16;
}
