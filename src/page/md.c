/* md.c: the report for a pull request: sentences and the main tables, cut short. */
#include <math.h>
#include <string.h>

#include "page/internal.h"
#include "report/internal.h"

enum { MOST_ROWS = 30, MOST_COLUMNS = 22 };

/* What is shown, in this order; a column that is empty in every row is left out. */
static const struct {
    rb_page_table table;
    const char *heading, *columns[MOST_COLUMNS];
} sections[] = {
    {RB_PAGE_speeds,
     "Speeds",
     {"case",
      "machine",
      "device_key",
      "backend",
      "batch_size",
      "precision",
      "provider",
      "submit",
      "threads",
      "quirks",
      "settings",
      "overrides",
      "mode",
      "n",
      "samples_per_s",
      "samples_per_s_low",
      "samples_per_s_high",
      "interval",
      "pct_peak_flops",
      "commit"}},
    {RB_PAGE_compare,
     "Devices against the first one of their machine",
     {"case", "machine", "arm_a", "arm_b", "batch_size", "overrides", "n_a", "n_b", "ratio", "ratio_low", "ratio_high",
      "q_value", "verdict", "reason"}},
    {RB_PAGE_outcomes,
     "Outcomes",
     {"case", "machine", "device_key", "overrides", "precision", "seeds", "status", "epochs_run", "val_acc_final",
      "val_acc_final_low", "val_acc_final_high", "test_acc", "gap"}},
    {RB_PAGE_effects,
     "Regularizers",
     {"arm", "base", "machine", "device_key", "figure", "pairs", "change", "low", "high", "verdict", "note"}},
    {RB_PAGE_failures,
     "Failures",
     {"case", "machine", "device_key", "overrides", "phase", "seed", "status", "status_reason", "repeat"}},
};

/* Text inside of a cell or line: bars and markup escaped, control characters blank, what is no UTF-8 replaced. */
static void put_text(const char *s, rb_text *out) {
    for (int n; *s; s += n ? n : 1) {
        n = rb__utf8_length((const unsigned char *)s);
        if (n != 1)
            rb_text_printf(out, "%.*s", n ? n : 3, n ? s : "\xef\xbf\xbd");
        else if (*s == '|')
            rb_text_append(out, "\\|");
        else if (*s == '<')
            rb_text_append(out, "&lt;");
        else
            rb_text_printf(out, "%c", (unsigned char)*s < ' ' || *s == 0x7f ? ' ' : *s);
    }
}

static void put_cell(const rb_page_cell *cell, bool code, rb_text *out) {
    switch (cell->type) {
    case RB_CELL_EMPTY:
        break;
    case RB_CELL_INT:
        rb_text_printf(out, "%lld", (long long)cell->u.i);
        break;
    case RB_CELL_REAL:
        rb__round_real(cell->u.r, out);
        break;
    case RB_CELL_TEXT:
        code &= !strchr(cell->u.s, '`') && !strchr(cell->u.s, '<');
        if (code) rb_text_append(out, "`");
        put_text(cell->u.s, out);
        if (code) rb_text_append(out, "`");
        break;
    }
}

static bool is_run(const rb_report *r, int row) {
    return !strcmp(rb__page_text_at(r, RB_PAGE_speeds, row, RB_PAGE_COL(speeds, mode)), "run");
}

/* Of effects the accuracies; of speeds those of the protocol, where there are any: the others would make a long table.
 */
static bool is_wanted(const rb_report *r, rb_page_table table, int row, bool runs) {
    if (table == RB_PAGE_speeds) return runs || !is_run(r, row);
    if (table != RB_PAGE_effects) return true;
    const char *figure = rb__page_text_at(r, table, row, rb__page_column(table, "figure"));
    return !*figure || !strcmp(figure, "val_acc_final") || !strcmp(figure, "train_valid_gap");
}

/* A column on how devices worked: where it is the same in every row it says nothing. */
static bool is_way(const char *column) {
    static const char *const ways[] = {"precision", "provider", "submit", "threads", "quirks", "settings"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (!strcmp(column, ways[i])) return true;
    return false;
}

static bool same_cell(const rb_page_cell *a, const rb_page_cell *b) {
    if (a->type != b->type) return false;
    return a->type == RB_CELL_TEXT   ? !strcmp(a->u.s, b->u.s)
           : a->type == RB_CELL_INT  ? a->u.i == b->u.i
           : a->type == RB_CELL_REAL ? a->u.r == b->u.r
                                     : true;
}

/* Some row that is shown has a value, or of a way of working two have different ones. */
static bool is_used(const rb_report *r, rb_page_table table, int column, bool runs) {
    bool way = is_way(rb__page_column_name(table, column)), used = false;
    const rb_page_cell *first = NULL;
    for (int i = 0; i < r->tables[table].n && !used; i++) {
        const rb_page_cell *cell = rb__page_at(r, table, i, column);
        if (!is_wanted(r, table, i, runs)) continue;
        if (!first) first = cell;
        used = way ? !same_cell(first, cell) : cell->type != RB_CELL_EMPTY;
    }
    return used;
}

static void put_table(const rb_report *r, int section, rb_text *out) {
    rb_page_table table = sections[section].table;
    int columns[MOST_COLUMNS], n = 0, wanted = 0, shown = 0;
    bool runs = true;
    for (int i = 0; i < r->tables[RB_PAGE_speeds].n && runs; i++) runs = is_run(r, i);
    for (int i = 0; i < r->tables[table].n; i++) wanted += is_wanted(r, table, i, runs);
    if (wanted == 0) return;
    for (int k = 0; k < MOST_COLUMNS && sections[section].columns[k]; k++) {
        int c = rb__page_column(table, sections[section].columns[k]);
        if (is_used(r, table, c, runs)) columns[n++] = c;
    }
    rb_text_printf(out, "\n## %s\n\n", sections[section].heading);
    for (int k = 0; k < n; k++) rb_text_printf(out, "| %s ", rb__page_column_name(table, columns[k]));
    rb_text_append(out, "|\n");
    for (int k = 0; k < n; k++) {
        bool number = true;
        for (int i = 0; i < r->tables[table].n && number; i++)
            number = rb__page_at(r, table, i, columns[k])->type != RB_CELL_TEXT;
        rb_text_append(out, number ? "| ---: " : "| --- ");
    }
    rb_text_append(out, "|\n");
    for (int i = 0; i < r->tables[table].n && shown < MOST_ROWS; i++) {
        if (!is_wanted(r, table, i, runs)) continue;
        shown++;
        for (int k = 0; k < n; k++) {
            rb_text_append(out, "| ");
            put_cell(rb__page_at(r, table, i, columns[k]), !strcmp(rb__page_column_name(table, columns[k]), "repeat"),
                     out);
            rb_text_append(out, " ");
        }
        rb_text_append(out, "|\n");
    }
    if (wanted > shown) rb_text_printf(out, "\n%d more rows: `regbench report` has all.\n", wanted - shown);
}

static void put_list(const char *lines, rb_text *out) {
    rb_text one = {0};
    while (*lines) {
        size_t length = strcspn(lines, "\n");
        rb_text_clear(&one);
        rb_text_printf(&one, "%.*s", (int)length, lines);
        rb_text_append(out, "- ");
        put_text(rb_text_string(&one), out);
        rb_text_append(out, "\n");
        lines += length + (lines[length] == '\n');
    }
    out->failed |= one.failed;
    rb_text_free(&one);
}

rb_status rb_report_md(const rb_report *r, rb_text *out) {
    rb_text_append(out, "# ");
    put_text(r->title, out);
    rb_text_append(out, "\n\n");
    put_list(rb_text_string(&r->summary), out);
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) put_table(r, (int)i, out);
    if (r->notes.length) {
        rb_text_append(out, "\n## Notes\n\n");
        put_list(r->notes.data, out);
    }
    return rb_text_status(out);
}
