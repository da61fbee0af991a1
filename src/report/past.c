/* past.c: what a session's rows say about its past. Linear searches compare hashes first: a session of ten thousand
 * runs asks ten thousand times. */
#include "report/past.h"

#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/text.h"
#include "report/internal.h"

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv */
static uint64_t hash_of(const char *text) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) hash = (hash ^ *c) * 0x100000001b3u;
    return hash;
}

/* `items` with room for one more than n: doubled where it is used up. NULL, with the error: out of memory. */
static void *room(void *items, int n, size_t size) {
    if (n & (n - 1)) return items; /* there is room for a power of two */
    void *more = realloc(items, (n ? 2 * (size_t)n : 1) * size);
    if (!more) rb_fail(RB_MEMORY, "out of memory for the rows of a session");
    return more;
}

/* What makes two runs the same item. The batch is none of it: what was asked for stands in the overrides, and a small
 * data set may have made it smaller. */
static char *run_key(const rb_row *row) {
    static const int columns[] = {RB_COL(runs, case),      RB_COL(runs, device_key), RB_COL(runs, seed),
                                  RB_COL(runs, dataset),   RB_COL(runs, overrides),  RB_COL(runs, phase),
                                  RB_COL(runs, precision), RB_COL(runs, settings)};
    rb_text key = {0};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        rb__csv_cell(&row->cells[columns[i]], &key);
        rb_text_append(&key, "\n");
    }
    if (key.failed) rb_text_free(&key);
    return key.data;
}

static const char *run_id_of(const rb__past_run *run) { return rb_row_get_text(&run->row, RB_COL(runs, run_id)); }

static rb_status remember_run(rb__past *p, const rb_row *row) {
    void *more = room(p->runs, p->n_runs, sizeof *p->runs);
    if (!more) return RB_MEMORY;
    p->runs = more;
    rb__past_run *run = &p->runs[p->n_runs++];
    rb_status word = rb_status_from_word(rb_row_get_text(row, RB_COL(runs, status)));
    rb_row_copy(row, &run->row);
    run->key = run_key(row);
    run->done = word == RB_OK || word == RB_DIVERGED || word == RB_UNEXPECTED;
    if (!run->key) return rb_fail(RB_MEMORY, "out of memory for the rows of a session");
    run->key_hash = hash_of(run->key);
    run->id_hash = hash_of(run_id_of(run));
    return RB_OK;
}

static bool is_damaged(const rb__past *p, const char *run_id) {
    for (int i = 0; i < p->n_damaged; i++)
        if (strcmp(p->damaged[i], run_id) == 0) return true;
    return false;
}

static rb_status remember_damage(rb__past *p, const char *run_id) {
    if (is_damaged(p, run_id)) return RB_OK;
    void *more = room(p->damaged, p->n_damaged, sizeof *p->damaged);
    if (!more) return RB_MEMORY;
    p->damaged = more;
    snprintf(p->damaged[p->n_damaged++], sizeof *p->damaged, "%s", run_id);
    rb_log(RB_LOG_WARN,
           "%s/events.jsonl: a line of run %s is damaged: the run is left out, and done again if asked for", p->dir,
           run_id);
    return RB_OK;
}

bool rb__past_has_env(const rb__past *p, const char *env_id) {
    for (int i = 0; i < p->n_env_ids; i++)
        if (strcmp(p->env_ids[i], env_id) == 0) return true;
    return false;
}

static rb_status remember_env(rb__past *p, const char *env_id) {
    if (!*env_id || rb__past_has_env(p, env_id)) return RB_OK;
    void *more = room(p->env_ids, p->n_env_ids, sizeof *p->env_ids);
    if (!more) return RB_MEMORY;
    p->env_ids = more;
    snprintf(p->env_ids[p->n_env_ids++], sizeof *p->env_ids, "%s", env_id);
    return RB_OK;
}

/* A run may be a trial of several studies. */
static void trial_key(const rb_row *row, char key[160]) {
    snprintf(key, 160, "%.80s %.64s", rb_row_get_text(row, RB_COL(trials, study)),
             rb_row_get_text(row, RB_COL(trials, run_id)));
}

bool rb__past_has_trial(const rb__past *p, const rb_row *trial) {
    char key[160];
    trial_key(trial, key);
    for (int i = 0; i < p->n_trials; i++)
        if (strcmp(p->trials[i], key) == 0) return true;
    return false;
}

static rb_status remember_trial(rb__past *p, const rb_row *row) {
    void *more = room(p->trials, p->n_trials, sizeof *p->trials);
    if (!more) return RB_MEMORY;
    p->trials = more;
    trial_key(row, p->trials[p->n_trials++]);
    return RB_OK;
}

rb_status rb__past_remember(rb__past *p, const rb_row *row) {
    int column = rb_column_find(row->table, "run_id");
    const char *dash = column < 0 ? NULL : strrchr(rb_row_get_text(row, column), '-');
    int number = dash ? atoi(dash + 1) : 0;
    if (number > p->last_number) p->last_number = number;
    if (row->table == RB_TABLE_runs) return remember_run(p, row);
    if (row->table == RB_TABLE_trials) return remember_trial(p, row);
    if (row->table == RB_TABLE_env) return remember_env(p, rb_row_get_text(row, RB_COL(env, env_id)));
    return RB_OK;
}

/* A line that is no row belongs to the run around it: that of the line before, unless it ended there, else the next. */
rb_status rb__past_follow(void *context, const rb_row *row) {
    rb__past *p = context;
    rb_status status = RB_OK;
    int column = row ? rb_column_find(row->table, "run_id") : -1;
    const char *run_id = column < 0 ? "" : rb_row_get_text(row, column);
    if (!row) {
        p->next_damaged = !p->open_run[0];
        return p->open_run[0] ? remember_damage(p, p->open_run) : RB_OK;
    }
    if (p->next_damaged && *run_id) {
        p->next_damaged = false;
        RB_TRY(remember_damage(p, run_id));
    }
    snprintf(p->open_run, sizeof p->open_run, "%s", row->table == RB_TABLE_runs ? "" : run_id);
    RB_TRY(rb__past_remember(p, row));
cleanup:
    return status;
}

/* Does a row of an interrupted run lie before the checkpoint from which it goes on? */
static bool before_checkpoint(const rb__past *p, const rb_row *row, const char *run_id) {
    for (int i = 0; i < p->n_kept; i++) {
        const rb_kept_run *k = &p->kept[i];
        if (strcmp(k->run_id, run_id) != 0) continue;
        if (row->table == RB_TABLE_epochs) return row->cells[RB_COL(epochs, epoch)].u.i <= k->epoch;
        if (row->table == RB_TABLE_outputs) return row->cells[RB_COL(outputs, epoch)].u.i <= k->epoch;
        if (row->table == RB_TABLE_layers) return row->cells[RB_COL(layers, epoch)].u.i <= k->epoch;
        return row->table == RB_TABLE_steps && row->cells[RB_COL(steps, step)].u.i <= k->step;
    }
    return false;
}

/* The run of this run_id, the last of several; most rows ask for the one that was found before. */
static const rb__past_run *find_id(rb__past *p, const char *run_id) {
    uint64_t hash = hash_of(run_id);
    for (int k = 0; k <= p->n_runs; k++) {
        int i = k == 0 ? p->found : p->n_runs - k;
        if (i >= p->n_runs || p->runs[i].id_hash != hash || strcmp(run_id_of(&p->runs[i]), run_id) != 0) continue;
        p->found = i;
        return &p->runs[i];
    }
    return NULL;
}

bool rb__past_whole(void *context, const rb_row *row) {
    rb__past *p = context;
    int column = rb_column_find(row->table, "run_id");
    const char *run_id = column < 0 ? "" : rb_row_get_text(row, column);
    if (is_damaged(p, run_id)) return false;
    if (column < 0 || row->table == RB_TABLE_runs) return true;
    const rb__past_run *run = find_id(p, run_id);
    if (run) return row->table != RB_TABLE_trials || run->done;
    return before_checkpoint(p, row, run_id);
}

const rb_row *rb__past_run_of(const rb__past *p, const rb_row *like, int n) {
    char *key = run_key(like);
    uint64_t hash = key ? hash_of(key) : 0;
    const rb_row *found = NULL;
    for (int k = 0; key && k < p->n_runs && !found; k++) {
        const rb__past_run *run = &p->runs[n < 0 ? p->n_runs - 1 - k : k];
        if (run->done && run->key_hash == hash && strcmp(run->key, key) == 0 && !is_damaged(p, run_id_of(run)) &&
            (n < 0 || n-- == 0))
            found = &run->row;
    }
    free(key);
    return found;
}

/* The same case, device and seed in the same phase: what else makes an item are flags. */
static bool by_flags_apart(const rb_row *a, const rb_row *b) {
    static const int columns[] = {RB_COL(runs, case), RB_COL(runs, device_key), RB_COL(runs, phase),
                                  RB_COL(runs, seed)};
    return rb_row_same(a, b, columns, sizeof columns / sizeof *columns);
}

int rb__past_beside(const rb__past *p, const rb_row *asked, int n, const rb_row **last) {
    int count = 0, known = 0;
    char **keys = calloc((size_t)n, sizeof *keys);
    uint64_t *hashes = calloc((size_t)n, sizeof *hashes);
    *last = NULL;
    for (; keys && hashes && known < n && (keys[known] = run_key(&asked[known])); known++)
        hashes[known] = hash_of(keys[known]);
    for (int i = 0; i < p->n_runs && known == n; i++) {
        const rb__past_run *run = &p->runs[i];
        bool like = !run->done, apart = false;
        for (int k = 0; k < n && !like; k++) {
            like = hashes[k] == run->key_hash && !strcmp(keys[k], run->key);
            apart = apart || by_flags_apart(&run->row, &asked[k]);
        }
        if (like || !apart) continue;
        *last = &run->row;
        count++;
    }
    for (int k = 0; k < known; k++) free(keys[k]);
    free(keys);
    free(hashes);
    return known == n ? count : -1;
}

void rb__past_free(rb__past *p) {
    for (int i = 0; i < p->n_runs; i++) {
        rb_row_end(&p->runs[i].row);
        free(p->runs[i].key);
    }
    free(p->runs);
    free(p->env_ids);
    free(p->trials);
    free(p->damaged);
}
