/* table.c: the kernels of one instruction set, for the planner. */
#include "cpu/kernels/kernels.h"

#define RB_STRING_(x) #x
#define RB_STRING(x)  RB_STRING_(x)

const rb__kernels RB_CAT(rb__kernels, RB_ISA) = {
    .isa = RB_STRING(RB_ISA),
    .tile_rows = RB_MR,
    .lanes = RB_LANES,
    .fma = RB_KERNEL(fma),
    .activate_rows = RB_KERNEL(activate_rows),
    .derive_rows = RB_KERNEL(derive_rows),
    .gather = RB_KERNEL(gather),
    .linear = RB_KERNEL(linear),
    .linear_dx = RB_KERNEL(linear_dx),
    .conv = RB_KERNEL(conv),
    .conv_dx = RB_KERNEL(conv_dx),
    .conv_dw = RB_KERNEL(conv_dw),
    .max_pool = RB_KERNEL(max_pool),
    .max_pool_dx = RB_KERNEL(max_pool_dx),
    .avg_pool = RB_KERNEL(avg_pool),
    .avg_pool_dx = RB_KERNEL(avg_pool_dx),
    .act = RB_KERNEL(act),
    .act_dx = RB_KERNEL(act_dx),
    .add = RB_KERNEL(add),
    .copy = RB_KERNEL(copy),
    .loss_ce = RB_KERNEL(loss_ce),
    .pack_linear = RB_KERNEL(pack_linear),
    .pack_conv = RB_KERNEL(pack_conv),
    .linear_dw = RB_KERNEL(linear_dw),
    .sum_partials = RB_KERNEL(sum_partials),
    .loss_total = RB_KERNEL(loss_total),
    .update = RB_KERNEL(update),
    .update_total = RB_KERNEL(update_total),
    .conv_planar = RB_KERNEL(conv_planar),
    .conv_dw_planar = RB_KERNEL(conv_dw_planar),
    .conv_dw_sparse = RB_KERNEL(conv_dw_sparse),
    .conv_dx_sparse = RB_KERNEL(conv_dx_sparse),
    .pack_sparse = RB_KERNEL(pack_sparse),
    .sum_sparse = RB_KERNEL(sum_sparse),
    .sum_planar = RB_KERNEL(sum_planar),
    .copy_flat = RB_KERNEL(copy_flat),
};
