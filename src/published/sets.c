/* sets.c: the table of sets: what each shows, where and from which commits it was measured. */
#include <stdlib.h>
#include <string.h>

#include "published/internal.h"

/* "# NAME: what it shows": the part behind the colon, of the first line. */
static void put_title(const rb_published_set *set, rb_text *out) {
    size_t end = strcspn(set->readme, "\r\n");
    const char *colon = memchr(set->readme, ':', end);
    if (!colon || set->readme[0] != '#') return;
    colon++;
    colon += strspn(colon, " ");
    rb_text_printf(out, "%.*s", (int)(set->readme + end - colon), colon);
}

/* Adds a word to a list, once. */
static void add_word(const char *word, rb_text *list) {
    size_t n = strlen(word);
    for (const char *at = rb_text_string(list); (at = strstr(at, word)); at += n)
        if ((at == list->data || at[-1] == ' ') && (!at[n] || at[n] == ' ')) return;
    if (n) rb_text_printf(list, "%s%s", list->length ? " " : "", word);
}

static int words(const rb_text *list) {
    int n = list->length > 0;
    for (const char *at = rb_text_string(list); *at; at++) n += *at == ' ';
    return n;
}

typedef struct summary {
    rb_text machines, devices, commits, timed_cases, trained_cases;
    int timed, trained;
    const char *first;
} summary;

static void take(summary *s, const rb_row *row) {
    const char *name = rb__cell(row, RB_COL(runs, case)), *utc = rb__cell(row, RB_COL(runs, started_utc));
    bool timed = rb_published_is_speed(row), trained = !strcmp(rb__cell(row, RB_COL(runs, phase)), "run");
    if (rb_run_is_peer(row)) return;
    add_word(rb__cell(row, RB_COL(runs, machine)), &s->machines);
    add_word(rb__cell(row, RB_COL(runs, device_key)), &s->devices);
    add_word(rb__cell(row, RB_COL(runs, commit)), &s->commits);
    if (timed) add_word(name, &s->timed_cases);
    if (trained) add_word(name, &s->trained_cases);
    s->timed += timed;
    s->trained += trained;
    if (*utc && (!s->first || strcmp(utc, s->first) < 0)) s->first = utc;
}

static rb_status add_set(const rb_published_set *set, rb__list *list) {
    rb_status status = RB_OK;
    summary s = {0};
    rb_text title = {0};
    rb_row *row = rb__list_next(list, RB_TABLE_result_sets);
    if (!row) return RB_MEMORY;
    for (int f = 0; f < set->n; f++)
        for (int i = 0; set->files[f].table == RB_TABLE_runs && i < set->files[f].n; i++)
            take(&s, &set->files[f].rows[i]);
    put_title(set, &title);
    rb_row_text(row, RB_COL(result_sets, set_name), set->name);
    rb_row_text(row, RB_COL(result_sets, title), rb_text_string(&title));
    rb_row_text(row, RB_COL(result_sets, machine), rb_text_string(&s.machines));
    rb_row_text(row, RB_COL(result_sets, device_key), rb_text_string(&s.devices));
    rb_row_text(row, RB_COL(result_sets, commit), rb_text_string(&s.commits));
    rb_row_text(row, RB_COL(result_sets, started_utc), s.first);
    rb_row_text(row, RB_COL(result_sets, ended_utc), set->latest);
    rb_row_int(row, RB_COL(result_sets, timed), s.timed);
    rb_row_int(row, RB_COL(result_sets, timed_cases), words(&s.timed_cases));
    rb_row_int(row, RB_COL(result_sets, trained), s.trained);
    rb_row_int(row, RB_COL(result_sets, trained_cases), words(&s.trained_cases));
    if (title.failed || s.machines.failed || s.devices.failed || s.commits.failed || s.timed_cases.failed ||
        s.trained_cases.failed)
        status = rb_fail(RB_MEMORY, "out of memory for what set %s holds", set->name);
    rb_text_free(&title);
    rb_text_free(&s.machines);
    rb_text_free(&s.devices);
    rb_text_free(&s.commits);
    rb_text_free(&s.timed_cases);
    rb_text_free(&s.trained_cases);
    return status;
}

/* The newest first; those without runs last. */
static int newest_first(const void *a, const void *b) {
    int order = strcmp(rb__cell(b, RB_COL(result_sets, ended_utc)), rb__cell(a, RB_COL(result_sets, ended_utc)));
    return order ? order
                 : strcmp(rb__cell(a, RB_COL(result_sets, set_name)), rb__cell(b, RB_COL(result_sets, set_name)));
}

rb_status rb_published_sets(const rb_published *p, const rb_published_choice *choice, rb_row **rows, int *n) {
    rb_status status = RB_OK;
    rb__list list = {0};
    for (int s = 0; s < p->n; s++)
        if (rb_published_chosen(choice->sets, p->sets[s].name)) RB_TRY(add_set(&p->sets[s], &list));
    if (list.n) qsort(list.rows, (size_t)list.n, sizeof *list.rows, newest_first);
cleanup:
    *rows = list.rows;
    *n = list.n;
    return status;
}
