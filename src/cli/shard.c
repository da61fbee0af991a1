/* shard.c: deals out runs. */
#include "cli/shard.h"

#include <stdio.h>

static bool read_shard(const rb_options *o, int *i, int *n) {
    const char *text = rb_value(o, RB_FLAG_SHARD);
    int end = 0;
    *i = *n = 1;
    if (!text) return true;
    return sscanf(text, "%d/%d%n", i, n, &end) == 2 && !text[end] && *n >= 1 && *n <= 100000 && *i >= 1 && *i <= *n;
}

static int cards_of(const rb_options *o, const rb_item *item) {
    return item->study && rb_study_independent(item->study) ? rb_study_runs(item->study, rb_budget(o)) : 1;
}

bool rb_shard_mine(const rb_options *o, const rb_item *item, int trial) {
    int i, n;
    bool divided = item->study && rb_study_independent(item->study);
    return read_shard(o, &i, &n) && (item->card + (divided ? trial : 0)) % n == i - 1;
}

rb_status rb_shard_keep(const rb_options *o, rb_item *items, int *n_items) {
    int i, n, kept = 0, cards = 0;
    const rb_study *whole = NULL;
    if (!read_shard(o, &i, &n))
        return rb_fail(RB_USAGE, "--shard \"%s\": must be I/N with I from 1 to N, as 3/8", rb_value(o, RB_FLAG_SHARD));
    for (int k = 0; k < *n_items; k++) {
        rb_item *item = &items[k];
        item->card = cards;
        cards += cards_of(o, item);
        if (item->study && !rb_study_independent(item->study)) whole = item->study;
    }
    if (whole && cards < n)
        return rb_fail(
            RB_USAGE,
            "--shard %d/%d: %s decides each run from what came of those before, so only whole studies (case, "
            "device, seed) can be dealt out, and there are %d: take more seeds, or fewer shards",
            i, n, whole->name, cards);
    for (int k = 0; k < *n_items; k++) {
        bool mine = false;
        for (int c = 0; c < cards_of(o, &items[k]) && !mine; c++) mine = rb_shard_mine(o, &items[k], c);
        if (mine) items[kept++] = items[k];
    }
    *n_items = kept;
    return RB_OK;
}
