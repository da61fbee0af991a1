/* cpu.h: the inside of the cpu backend: how a variant is cut into phases, and what kernels receive.
 *
 * A step is a list of phases with a barrier after each. In a UNITS phase threads share numbered units of work. In a
 * ROWS phase the batch is cut into a fixed number of groups; a thread takes whole groups and runs *all* ops of the
 * phase on a few rows at a time, so that what only these ops exchange stays in its cache ("local" tensors, one small
 * copy per thread). Weight gradients of linear layers wait until the rows are done and then share the output; those of
 * convolutions add up one partial per group. A LIBRARY phase is one op that brings its own threads. Groups, units and
 * the order of every sum are fixed by shapes alone: the number of threads changes no bit. */
#ifndef RB_CPU_CPU_H
#define RB_CPU_CPU_H

#include <stdint.h>

#include "regbench/backend.h"

enum { RB__ALIGN = 64, RB__MAX_IN = RB_OP_MAX_IN + 1 }; /* merged items read more than their op does */

typedef struct rb__item rb__item;

/* Which row of the data set, learning rate and metrics belong to a step. */
typedef struct rb__step {
    const rb_cursor *cursor; /* as it was when the submission began */
    int32_t slot;            /* of this step */
    const uint32_t *seed;    /* Philox key */
    int present;             /* rows of the batch that exist */
} rb__step;

/* What one call of a kernel works on. */
typedef struct rb__call {
    void *in[RB__MAX_IN], *out[RB_OP_MAX_OUT]; /* addresses at row `row` (of tensors without rows: as they are) */
    int row, rows;                             /* part of the batch */
    bool first;                                /* first rows of their group: partials begin here */
    float *partial;                            /* of the group */
    unsigned char *scratch;                    /* of the thread, as many bytes as the item asked for */
    const rb__step *step;
} rb__call;

typedef void rb__rows_fn(const rb__item *it, const rb__call *c);
typedef void rb__unit_fn(const rb__item *it, int unit, const rb__call *c);

/* Kernels of one instruction set; see kernels/. */
typedef struct rb__kernels {
    const char *isa;
    int lanes, tile_rows; /* of a vector; of the largest register tile */
    double (*fma)(int rounds, float *out);
    void (*activate_rows)(const rb_op *op, const float *from, float *to, int64_t pixels, int channels, int ld);
    void (*derive_rows)(const rb_op *op, const float *dy, const float *y, float *to, int64_t n);
    rb__rows_fn *gather, *linear, *linear_dx, *conv, *conv_dx, *conv_dw, *max_pool, *max_pool_dx, *avg_pool,
        *avg_pool_dx, *act, *act_dx, *add, *attack, *copy, *dropout, *loss_ce, *loss_mse, *conv_planar, *conv_dw_planar,
        *conv_dw_sparse, *conv_dx_sparse, *batchnorm_moments, *batchnorm, *batchnorm_dx_sums, *batchnorm_dx,
        *batchnorm_pool_sums, *batchnorm_pool_dx;
    rb__unit_fn *pack_linear, *pack_conv, *linear_dw, *linear_db, *sum_partials, *loss_total, *update, *update_total,
        *copy_flat, *sum_planar, *sum_sparse, *pack_sparse, *batchnorm_settle, *batchnorm_running, *batchnorm_dx_settle;
} rb__kernels;

extern const rb__kernels rb__kernels_baseline, rb__kernels_avx2, rb__kernels_avx512;

/* Where a tensor lies. */
typedef struct rb__place {
    unsigned char *base; /* of row 0; local: NULL until bound to a thread */
    size_t offset;       /* local: in the thread's arena */
    size_t row_bytes;    /* step to the next batch row; 0 = no rows */
    bool local;
} rb__place;

/* Extents of an op; ld* = elements from one pixel or row of channels to the next. */
typedef struct rb__geometry {
    int N, C, H, W, K, P, Q, R, stride, pad;
    int D;             /* linear: elements of an input row, padding included */
    int ldx, ldy, ldw; /* input side, output side, weight rows */
} rb__geometry;

/* One op, made ready to run. */
struct rb__item {
    const rb_op *op;
    const rb_variant *variant;
    const rb_program *program;
    const rb__kernels *kernels;
    const char *provider;
    rb__geometry g;
    int in_id[RB__MAX_IN], out_id[RB_OP_MAX_OUT]; /* tensors: the op's own, or what merge.c made of them */
    rb__place in[RB__MAX_IN], out[RB_OP_MAX_OUT];
    rb__rows_fn *rows;    /* NULL: an op of units only */
    rb__rows_fn *survey;  /* BATCHNORM*: sees the whole batch, and `reduce` sums up what it saw, before `rows` begin */
    size_t scratch_bytes; /* that its kernels want of a thread */
    void *library;        /* a provider's own state; NULL: our kernels */
    size_t apart_bytes;   /* LIBRARY: of what it writes before that is added to out[0] */
    float *apart;         /* WORK: one piece, which all such items use in turn */

    rb__unit_fn
        *pack;  /* LINEAR_DX, CONV_DX: turns the weights into WORK.packed before the rows; BATCHNORM: see there */
    int n_pack; /* its units */
    size_t packed_count;
    float *packed;

    rb__unit_fn *reduce; /* CONV_DW: adds WORK.partials, one per group, after the rows; BATCHNORM*: after `survey` */
    int n_reduce;        /* its units */
    size_t partial_count;
    float *partials;
    int groups; /* of the phase that fills them */

    int n_sums;   /* LOSS_*: rows; UPDATE, NORMS: units */
    double *sums; /* WORK: two for each */

    const rb__item *gather; /* LINEAR_DW: builds its input rows again from the data set instead of reading them */

    /* what merge.c sets */
    bool idle;                           /* another item does this op's work */
    int window;                          /* side of the pooling window */
    int pooled_h, pooled_w, pool_stride; /* the pooling's output and stride */
    rb_op activation;                    /* gradients: the op whose act and slope apply */
    size_t y_row_bytes;                  /* what out[0] needs per row where that is less than its tensor says, else 0 */
};

/* --- machine.c ---------------------------------------------------------------------------------------------------- */
int rb__cpu_threads(void); /* that this process may use: affinity mask and cgroup quota */
void rb__cpu_name(char *name, size_t size);
rb_status rb__cpu_kernels(const rb__kernels **out); /* best for this machine, or what REGBENCH_ISA asks for */

/* --- phases.c ----------------------------------------------------------------------------------------------------- */
typedef struct rb__work {
    rb__item *item;
    rb__unit_fn *fn;
    int units;
    double cost; /* of a unit, in cycles, roughly: threads share a phase by it */
} rb__work;

typedef struct rb__pass { /* of one item over the rows */
    int item;
    rb__rows_fn *fn;
} rb__pass;

typedef enum rb__phase_kind { RB__UNITS, RB__ROWS, RB__LIBRARY } rb__phase_kind;
typedef struct rb__phase {
    rb__phase_kind kind;
    int first, count;  /* UNITS: in plan->works; ROWS: in plan->sequence; LIBRARY: item number */
    int groups, chunk; /* ROWS: parts of the batch, rows at a time */
} rb__phase;

typedef struct rb__plan {
    int n_items, n_works, n_sequence, n_phases;
    rb__item *items; /* one per op of the variant */
    rb__work *works;
    rb__pass *sequence; /* of ROWS phases in order */
    rb__phase *phases;
    unsigned char *memory; /* WORK: everything below, one allocation */
    size_t memory_bytes, arena_offset, arena_bytes, scratch_offset;
    int threads;         /* that are worth their while */
    int library_threads; /* that a library brings */
} rb__plan;

rb_status rb__plan_new(rb_store *store, const rb_program *program, const rb_variant *variant, rb__plan **out);
void rb__plan_free(rb__plan *plan);

/* --- items.c ------------------------------------------------------------------------------------------------------ */
/* Geometry and kernel of one op; places are filled by the planner. */
void rb__item_prepare(rb__item *it, const rb__kernels *k, const rb_program *program, const rb_variant *variant,
                      const rb_op *op);

/* --- merge.c ------------------------------------------------------------------------------------------------------ */
/* Neighbours that one kernel does better together: changes operands and kernels of items, sets others idle. */
void rb__merge(rb__plan *plan, const rb_variant *variant, const rb__kernels *kernels);

/* --- team.c ------------------------------------------------------------------------------------------------------- */
/* ns: NULL, or what each item took on the first thread is added there. */
void rb__team_run(const rb__plan *plan, const rb_variant *variant, rb_ctrl_head *head, const int32_t *order,
                  int n_steps, int64_t *ns);

/* Best rate of multiply-adds of all threads together over about `seconds`, in GFLOP/s. */
double rb__team_fma_peak(const rb__kernels *kernels, int threads, double seconds);

/* --- onednn.c ----------------------------------------------------------------------------------------------------- */
/* The device's provider asks for oneDNN here and it can do this op. */
bool rb__onednn_wanted(const rb_device *device, const rb__item *it);
/* Makes the primitives and sets it->library and it->provider; leaves them alone where oneDNN refuses. */
rb_status rb__onednn_prepare(rb__item *it, int threads);
void rb__onednn_run(const rb__item *it);
void rb__onednn_release(rb__item *it);

/* --- backend.c ---------------------------------------------------------------------------------------------------- */
struct rb_device {
    int threads;
    bool threads_given; /* by the caller: all are used, whether worth their while or not */
    const rb__kernels *kernels;
    enum { RB__AUTO, RB__OWN, RB__ONEDNN } provider;
};
struct rb_store {
    rb_device *device;
    size_t bytes[RB_SEGMENTS];
    unsigned char *base[RB_SEGMENTS];
};

#endif
