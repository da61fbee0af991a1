/* judge.h: the verdict on two samples of speeds: faster, slower, same or unclear, and why.
 *
 * One value is one process: what repetitions inside a process share (memory layout, clock, neighbours) would pass for
 * a difference between two builds. */
#ifndef RB_COMPARE_JUDGE_H
#define RB_COMPARE_JUDGE_H

#include "measure/ranks.h"

typedef enum rb_verdict { RB_NO_VERDICT, RB_FASTER, RB_SLOWER, RB_SAME, RB_UNCLEAR } rb_verdict;
const char *rb_verdict_word(rb_verdict verdict); /* "" for none */

enum { RB_GATE_VALUES = 7 /* per arm: fewer decide no gate */ };
/* A difference counts where its adjusted p-value is at most this: at 5 % one in twenty comparisons of a build with
 * itself would pass the test, and on a noisy machine the threshold too. */
#define RB_COMPARE_LEVEL      0.01
#define RB_COMPARE_CONFIDENCE 0.95 /* of the interval of the ratio */
/* Smallest differences worth a verdict: the speeds of one build differ by this much from one link order, or one boot,
 * to the next. */
#define RB_THRESHOLD_GPU 0.02
#define RB_THRESHOLD_CPU 0.03

/* Two samples of one thing: speeds of arm a and of arm b. */
typedef struct rb_contrast {
    const double *a, *b; /* (n_a), (n_b): work per second, all positive */
    int n_a, n_b;
    double threshold; /* 0.03: differences below 3 % are none */
    bool only_ratio;  /* no verdict: the arms are not of one machine, or do other work */
    /* what comes out */
    double median_a, median_b, p, q;
    rb_ratio ratio; /* b / a */
    rb_verdict verdict;
    int wanted;       /* values per arm that should settle what is unclear; 0 = settled */
    char reason[256]; /* of the verdict, one line */
} rb_contrast;

/* Tests every contrast that has values in both arms, adjusts the p-values over the family, gives the verdicts. `gate`:
 * fewer than RB_GATE_VALUES per arm are unclear. */
rb_status rb_judge(rb_contrast *family, int n, bool gate);

#endif
