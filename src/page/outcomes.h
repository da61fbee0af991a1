/* outcomes.h: runs and their epochs, for outcomes.c and curves.c. */
#ifndef RB_PAGE_OUTCOMES_H
#define RB_PAGE_OUTCOMES_H

#include "page/internal.h"

/* Of a run's last epoch, or the one whose parameters were put back; NaN where epochs.csv does not say. */
typedef struct rb_page_last {
    double train_acc, val_acc, param_l2;
} rb_page_last;
void rb__page_last_epoch(const rb_page_run *run, rb_page_last *out);

/* Curves are thinned by how many there are, so all groups are known before the first is put. */
typedef struct rb_page_curves {
    struct {
        const rb_page_run *runs; /* (n) one per seed, kept by the caller until the end */
        int n;
    } * at;
    int n, capacity;
} rb_page_curves;
rb_status rb__page_curves_add(rb_page_curves *curves, const rb_page_run *runs, int n);
rb_status rb__page_curves_end(rb_report *r, const rb_page_curves *curves); /* fills the table */
void rb__page_curves_free(rb_page_curves *curves);

#endif
