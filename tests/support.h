/* support.h: what the tests of model, plans and gradients share: specs, generated models, goldens, a running program.
 *
 * Include after <cmocka.h>. Comparators refuse NaN; test_plan.c and test_gradients.c hold their negative tests. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include "regbench/backend.h"
#include "regbench/program.h"

/* --- numbers ---------------------------------------------------------------------------------------------------- */

/* A fixed stream (SplitMix64), so that a failure repeats. */
typedef struct stream {
    uint64_t state;
} stream;
uint64_t stream_next(stream *s);
int stream_int(stream *s, int low, int high); /* both inclusive */
double stream_unit(stream *s);                /* [0, 1) */

/* |a - b| <= tolerance max(1, |b|); false where either is NaN or infinite. */
bool near(double a, double b, double tolerance);

/* --- specs and models ------------------------------------------------------------------------------------------- */

/* u8 data with mean 0.5 and deviation 0.25, plain SGD, two batches and `batch - 1` rows over (none for batch 1). */
rb_spec spec_of(const rb_layer *layers, int C, int H, int W, int classes, int batch);

enum { MODEL_LAYERS = 40 };
typedef struct model {
    rb_layer layers[MODEL_LAYERS];
    char tags[8][8];
    rb_spec spec;
    char text[600]; /* the layers in one line, for messages */
} model;
/* A model that compiles, drawn from `seed`: convolutions, pools, activations, batch norm, dropout, residual blocks with
 * and without a shortcut, one to three linear layers; any optimizer, sometimes an attack or soft labels. */
void model_draw(model *m, uint64_t seed);

/* Layouts that between them use every form: index 0 is the canonical one. */
enum { TEST_LAYOUTS = 7 };
rb_layout test_layout(int index);

/* Compiles or fails the test with the library's message. */
rb_program *compiled(const rb_spec *spec, const rb_layout *layout);

/* --- texts ------------------------------------------------------------------------------------------------------ */

/* NULL where equal, else "line 3: expected `..`, got `..`" (static memory). */
const char *first_difference(const char *expected, const char *actual);
/* Fails unless goldens/<name> holds `text`, byte for byte; REGBENCH_UPDATE_GOLDENS=1 writes it instead. */
void assert_golden(const char *name, const char *text);

/* --- a program that runs on the double reference ---------------------------------------------------------------- */

typedef struct rig {
    rb_device *device;
    rb_store *store;
    rb_program *program;
} rig;
/* Compiles for reference64 and fills the store: data from the stream, labels (or targets), orders 0, 1, 2 ..,
 * parameters and statistics drawn so that nothing saturates. The schedule is zero: a training step then leaves
 * parameters alone. */
void rig_open(rig *r, const rb_spec *spec, uint64_t seed);
/* The same with these RB_FUSE_*; of what they ask for the reference runs only what makes no op different. */
void rig_open_fused(rig *r, const rb_spec *spec, uint64_t seed, uint32_t fuse);
void rig_close(rig *r);
/* Raw bytes of a tensor; single doubles of it. */
void rig_get(rig *r, const rb_tensor *t, void *values);
void rig_put(rig *r, const rb_tensor *t, const void *values);
double rig_peek(rig *r, const rb_tensor *t, int64_t index);
void rig_poke(rig *r, const rb_tensor *t, int64_t index, double value);
/* Cursor of the variant's family. */
void rig_cursor(rig *r, rb_family family, int slot, int base, int wrap, int step);
/* Runs n steps of a variant from where the cursor stands. */
void rig_run(rig *r, const rb_variant *v, int n);
/* One step at slot 0 of the first batch; returns METRIC's sum of losses. */
double rig_loss(rig *r, rb_variant_kind kind);
double rig_metric(rig *r, rb_family family, int slot, int column);

#endif
