/* arms.h: which runs do the same, and in which arm each stands: keys and labels of runs. */
#ifndef RB_COMPARE_ARMS_H
#define RB_COMPARE_ARMS_H

#include "compare/runs.h"

/* In what the arms differ. */
typedef enum rb_across {
    RB_ACROSS_SESSIONS, /* two recorded sessions, A and B */
    RB_ACROSS_BUILDS,   /* the two arms of one session: column `arm` */
    RB_ACROSS_DEVICE,
    RB_ACROSS_BACKEND,
    RB_ACROSS_MACHINE,
    RB_ACROSS_REG,
    RB_ACROSS_COMMIT,
    RB_ACROSSES
} rb_across;
const char *rb_across_word(rb_across across);

/* Where a run belongs. Runs of one `key` are compared; the key begins with the `stem`, what is known of a run that
 * failed before it began, and goes on with `base`, everything but what decides the work. */
typedef struct rb_entry {
    const rb_row *row;
    char *key;
    size_t stem, base; /* lengths of those prefixes of the key */
    int arm;           /* index into the arms */
    int at;            /* in the order of the files */
    double others;     /* cores that other programs used meanwhile, at most; NaN: unknown */
} rb_entry;

typedef struct rb_arms {
    rb_across across;
    rb_entry *entries; /* (n), sorted by key, then as in the files */
    int n;
    char **labels; /* (n_arms): A first; of commits the oldest, else as they come in the files */
    int n_arms;
    bool machines;    /* the arms are of different machines */
    unsigned differs; /* in what the arms may differ, as bits 1 << rb_across, and one more for untold settings */
} rb_arms;

/* RB_MISMATCH where there are fewer than two arms. */
rb_status rb_arms_of(const rb_runs *const *sessions, int n, rb_across across, rb_arms *out);
void rb_arms_free(rb_arms *arms);

struct rb_text;
/* "provider, threads": in what two runs of one stem differ so that they are not compared. */
void rb_arms_tell_difference(const rb_arms *arms, const rb_row *a, const rb_row *b, struct rb_text *out);
/* "threads (1 and 2)": in what two runs of one arm differ, which should be runs of one thing. */
void rb_arms_tell_mixture(const rb_arms *arms, const rb_row *a, const rb_row *b, struct rb_text *out);

/* "same algorithm", "vendor's best", or "" where the row does not say whose code ran. */
const char *rb_run_kind(const rb_row *row);

#endif
