/* kernels.h: the functions of one instruction set that other kernels of the same set call. */
#ifndef RB_CPU_KERNELS_KERNELS_H
#define RB_CPU_KERNELS_KERNELS_H

#include "cpu/kernels/vec.h"

/* Elements [d, d + width) of batch row k, normalized, as GATHER `it` builds them. */
void RB_KERNEL(gather_row)(const rb__item *it, const rb__step *step, int k, int d, int width, float *to);
/* to = act(from) on `pixels` rows of ld elements of which `channels` count: pad lanes stay zero. */
void RB_KERNEL(activate_rows)(const rb_op *op, const float *from, float *to, int64_t pixels, int channels, int ld);
/* to = dy act'(y) on n elements. */
void RB_KERNEL(derive_rows)(const rb_op *op, const float *dy, const float *y, float *to, int64_t n);
/* One image (H,W,C of ldx) into the middle of `to` (Hp,Wp,C) dense, one element every `spread` pixels; what lies
 * between and around is left as it is (zero). */
void RB_KERNEL(embed)(const float *x, int H, int W, int C, int ldx, float *to, int Wp, int top, int left, int spread);

/* The call's input with its channels padded as the output's, in scratch (after `slot` such) where it comes unpadded. */
const float *RB_KERNEL(padded)(const rb__item *it, const rb__call *c, int input, int ld, int slot);

struct rb__tile;
/* One image: c (P,Q,columns) from the bordered image in form->a, rows of Wp pixels of C values. */
void RB_KERNEL(conv_image)(const struct rb__tile *form, int P, int Q, int columns, int Wp, int C, int stride);
/* Multiply-adds at full rate; returns the floating-point operations done. out: two factors, changed. */
double RB_KERNEL(fma)(int rounds, float *out);

rb__rows_fn RB_KERNEL(gather), RB_KERNEL(linear), RB_KERNEL(linear_dx), RB_KERNEL(conv), RB_KERNEL(conv_dx),
    RB_KERNEL(conv_dw), RB_KERNEL(max_pool), RB_KERNEL(max_pool_dx), RB_KERNEL(avg_pool), RB_KERNEL(avg_pool_dx),
    RB_KERNEL(act), RB_KERNEL(act_dx), RB_KERNEL(add), RB_KERNEL(attack), RB_KERNEL(copy), RB_KERNEL(loss_ce),
    RB_KERNEL(conv_planar), RB_KERNEL(conv_dw_planar), RB_KERNEL(conv_dw_sparse), RB_KERNEL(conv_dx_sparse),
    RB_KERNEL(dropout), RB_KERNEL(loss_mse), RB_KERNEL(batchnorm_moments), RB_KERNEL(batchnorm),
    RB_KERNEL(batchnorm_dx_sums), RB_KERNEL(batchnorm_dx), RB_KERNEL(batchnorm_pool_sums), RB_KERNEL(batchnorm_pool_dx);
rb__unit_fn RB_KERNEL(pack_linear), RB_KERNEL(pack_conv), RB_KERNEL(linear_dw), RB_KERNEL(linear_db),
    RB_KERNEL(sum_partials), RB_KERNEL(loss_total), RB_KERNEL(update), RB_KERNEL(update_total), RB_KERNEL(copy_flat),
    RB_KERNEL(sum_planar), RB_KERNEL(sum_sparse), RB_KERNEL(pack_sparse), RB_KERNEL(batchnorm_settle),
    RB_KERNEL(batchnorm_running), RB_KERNEL(batchnorm_dx_settle);

#endif
