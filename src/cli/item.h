/* item.h: one thing to do: a case as it was edited, or a study of it, on a device with a seed. */
#ifndef RB_CLI_ITEM_H
#define RB_CLI_ITEM_H

#include "cli/options.h"
#include "regbench/lab.h"
#include "regbench/report.h"
#include "regbench/study.h"

typedef struct rb_item {
    const rb_case_edit *edit; /* of a study: its base case; of a LIST all its cases, one after the other */
    const rb_study *study;    /* NULL = the item is one run */
    const char *device;       /* selector */
    int64_t seed;
    const char *limits;  /* what makes the run less than whole, as overrides: "max-steps=20 no-eval"; NULL = nothing */
    const char *dataset; /* the one that is used, NULL = the case's */
    double mflop;        /* per sample of a training step */
    int card;            /* of its first run, see shard.h */
} rb_item;

int rb_budget(const rb_options *o); /* --budget: runs of a study; 0 = each study's own */
/* The columns of a runs row that are known before the item starts. */
void rb_item_row(const rb_item *item, const char *phase, rb_row *row);
/* "size/mlp on cpu, seed 2021, lr=0.5" */
void rb_item_label(const rb_item *item, char *out, size_t size);

#endif
