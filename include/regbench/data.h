/* data.h: data sets: found, read, checked, cached.
 *
 * Search order: --data DIR, REGBENCH_DATA, the XDG cache, Debian's folder. The search goes on only where files are
 * *absent*; a present but bad file is RB_INPUT and names file, offset, expected and found. A missing set is RB_MISSING
 * and names the fetch command. */
#ifndef REGBENCH_DATA_H
#define REGBENCH_DATA_H

#include "regbench/program.h"
#include "regbench/rng.h"

typedef struct rb_dataset {
    char name[32];     /* what was asked for: "fashion" */
    char source[1024]; /* where it came from: folder or "embedded sample" */
    char sha256[65];   /* of the pixels (u8), then one byte per label; training rows first in both */
    const char *used;  /* name of the set that was loaded: another one where that stands in for an absent one */
    bool stand_in;     /* one does */
    int64_t n_train, n_test;
    int64_t skipped; /* images that could not be read, and are not among the rows */
    int C, H, W, classes;
    rb_dtype x_dtype;               /* RB_U8, or RB_F32 for made data */
    float mean, stddev;             /* (x/255 - mean)/stddev */
    const char *const *class_names; /* classes entries */
    const void *x;                  /* (n_train + n_test, C, H, W), training rows first */
    const int32_t *labels;          /* (n_train + n_test), NULL for regression */
    const float *targets;           /* regression: (n_train + n_test, classes) */
    bool regression;                /* has targets instead of labels */
    struct rb_dataset_store *store; /* owner of the memory: heap or mapping of the cache */
} rb_dataset;

typedef struct rb_data_options {
    const char *dir; /* --data, may be NULL */
    bool no_cache;   /* do not read or write the unpacked cache */
    uint64_t seed;   /* of made data: the run's */
} rb_data_options;

rb_status rb_dataset_load(const char *name, const rb_data_options *options, rb_dataset **out);
void rb_dataset_free(rb_dataset *data);
/* Moves a run's generator, fresh from its seed, past what the data set itself drew from it; nothing for files. */
void rb_dataset_draws(const rb_dataset *data, rb_mt19937 *g);
/* Shape, published counts, normalization and class names of a set, without its rows: what a case compiles against.
 * Nothing to free. */
rb_status rb_dataset_outline(const char *name, rb_dataset *out);

/* The registry, for `data list`: name, one line of text, where it was found ("" = absent); NULL name ends it. */
typedef struct rb_dataset_entry {
    const char *name;
    const char *title;
    int C, H, W, classes;
    int64_t n_train, n_test;
    bool regression; /* f32 inputs and targets */
} rb_dataset_entry;
const rb_dataset_entry *rb_dataset_registry(void);
/* Folder in which the set's files are, into `path`. RB_MISSING where absent. */
rb_status rb_dataset_path(const char *name, const rb_data_options *options, char *path, int size);
/* Name of the set that rb_dataset_load would hand out: "sample" where that stands in for an absent fashion,
 * "cifar-animals" for absent animals. Looks for the files, reads none. */
rb_status rb_dataset_in_use(const char *name, const rb_data_options *options, const char **used);
/* Downloads, checks (sha256) and stores the set under the XDG cache or options->dir, in a folder of the set's name that
 * is made. REGBENCH_FETCH_BASE names another place of the published files: a mirror, or file:///path. */
rb_status rb_dataset_fetch(const char *name, const rb_data_options *options);
/* Writes a labelled grid of the first rows x columns images as PNG. */
rb_status rb_dataset_show(const rb_dataset *data, int rows, int columns, const char *png_path);
/* The first `columns` images as they are, and below them, row by row, as a run with this seed sees them in its epochs.
 */
rb_status rb_dataset_show_augmented(const rb_dataset *data, const rb_augment *a, uint64_t seed, int rows, int columns,
                                    const char *png_path);
/* A grid under a title of images `which` (n row numbers), with what they were taken for (n classes) below what they
 * are, marked right or wrong by a sign, and by a colour that also frames the image. */
rb_status rb_dataset_show_predictions(const rb_dataset *data, const char *title, const int32_t *which,
                                      const int32_t *pred, int64_t n, int rows, int columns, const char *png_path);

#endif
