/* shard.c: items are dealt out like cards: neighbours, which often take equally long, go to different processes. */
#include "cli/shard.h"

#include <stdio.h>

rb_status rb_shard_keep(const rb_options *o, rb_matrix *m) {
    const char *text = rb_value(o, RB_FLAG_SHARD);
    int i, n, kept = 0, end = 0;
    if (!text) return RB_OK;
    if (sscanf(text, "%d/%d%n", &i, &n, &end) != 2 || text[end] || n < 1 || n > 100000 || i < 1 || i > n)
        return rb_fail(RB_USAGE, "--shard \"%s\": must be I/N with I from 1 to N, as 3/8", text);
    for (int k = i - 1; k < m->n; k += n) m->items[kept++] = m->items[k];
    m->n = kept;
    return RB_OK;
}
