/* page_util.h: what the tests of the report share: sessions of whole runs, the page's data read back from the page.
 * Include after <cmocka.h>. */
#ifndef PAGE_UTIL_H
#define PAGE_UTIL_H

#include <cjson/cJSON.h>
#include <math.h>

#include "core/text.h"
#include "made_session.h"
#include "page/page.h"

/* The data of a page: what stands in its element "data". Fails the test unless nothing in it could be taken for markup.
 */
static inline cJSON *page_data(const char *html) {
    static const char begin[] = "<script type=\"application/json\" id=\"data\">";
    const char *from = strstr(html, begin);
    assert_non_null(from);
    from += sizeof begin - 1;
    const char *to = strstr(from, "</script>");
    assert_non_null(to);
    assert_null(strstr(to, begin)); /* one of them */
    for (const char *c = from; c < to; c++)
        if (strchr("<>&", *c) || !strncmp(c, "\xe2\x80\xa8", 3)) fail_msg("markup in the data: %.60s", c);
    cJSON *data = cJSON_ParseWithLength(from, (size_t)(to - from));
    assert_non_null(data);
    return data;
}

static inline void page_check_table(const cJSON *table) {
    const cJSON *row, *column, *columns = cJSON_GetObjectItemCaseSensitive(table, "columns");
    const cJSON *meaning = cJSON_GetObjectItemCaseSensitive(table, "meaning");
    assert_int_equal(cJSON_GetArraySize(meaning), cJSON_GetArraySize(columns));
    cJSON_ArrayForEach(column, meaning) assert_true(cJSON_IsString(column) && *column->valuestring);
    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(table, "rows")) {
        const cJSON *cell;
        assert_int_equal(cJSON_GetArraySize(row), cJSON_GetArraySize(columns));
        cJSON_ArrayForEach(cell, row) {
            assert_true(cJSON_IsNull(cell) || cJSON_IsString(cell) || cJSON_IsNumber(cell));
            if (cJSON_IsNumber(cell)) assert_true(isfinite(cell->valuedouble));
        }
    }
}

/* The report of the sessions at `path`, as data; every table is checked for its form. */
static inline cJSON *page_of(const char *path) {
    rb_report *report = NULL;
    rb_text html = {0};
    if (rb_report_read(&path, 1, NULL, &report) != RB_OK) fail_msg("%s", rb_error_last()->text);
    assert_int_equal(rb_report_html(report, &html), RB_OK);
    cJSON *data = page_data(html.data), *item;
    cJSON_ArrayForEach(item, data) if (cJSON_IsObject(item)) page_check_table(item);
    rb_report_free(report);
    rb_text_free(&html);
    return data;
}

static inline int page_rows(const cJSON *data, const char *table) {
    const cJSON *t = cJSON_GetObjectItemCaseSensitive(data, table);
    assert_non_null(t);
    return cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(t, "rows"));
}

static inline const cJSON *page_cell(const cJSON *data, const char *table, int row, const char *column) {
    const cJSON *t = cJSON_GetObjectItemCaseSensitive(data, table), *name;
    int c = 0;
    cJSON_ArrayForEach(name, cJSON_GetObjectItemCaseSensitive(t, "columns")) {
        if (!strcmp(name->valuestring, column))
            return cJSON_GetArrayItem(cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(t, "rows"), row), c);
        c++;
    }
    fail_msg("%s has no column %s", table, column);
    return NULL;
}

static inline double page_number(const cJSON *data, const char *table, int row, const char *column) {
    const cJSON *cell = page_cell(data, table, row, column);
    if (!cJSON_IsNumber(cell)) fail_msg("%s, row %d: %s is no number", table, row, column);
    return cell->valuedouble;
}

static inline const char *page_text(const cJSON *data, const char *table, int row, const char *column) {
    const cJSON *cell = page_cell(data, table, row, column);
    return cJSON_IsString(cell) ? cell->valuestring : "";
}

/* The first row whose column is `value`; fails where there is none. */
static inline int page_find(const cJSON *data, const char *table, const char *column, const char *value) {
    for (int i = 0; i < page_rows(data, table); i++)
        if (!strcmp(page_text(data, table, i, column), value)) return i;
    fail_msg("no row of %s has %s = %s", table, column, value);
    return -1;
}

/* Does a sentence of "summary" or "notes" hold this part? */
static inline bool page_says(const cJSON *data, const char *list, const char *part) {
    const cJSON *sentence;
    cJSON_ArrayForEach(sentence, cJSON_GetObjectItemCaseSensitive(data, list)) {
        if (strstr(sentence->valuestring, part)) return true;
    }
    return false;
}

#define assert_says(data, list, part)                                                                                  \
    do {                                                                                                               \
        if (!page_says(data, list, part)) {                                                                            \
            char *all = cJSON_Print(cJSON_GetObjectItemCaseSensitive(data, list));                                     \
            print_message("expected \"%s\" in %s\n", part, all);                                                       \
            fail();                                                                                                    \
        }                                                                                                              \
    } while (0)

/* A whole run; `accuracy` and the like as given. */
typedef struct made_run {
    const char *name, *overrides, *status, *why, *reg;
    int seed, number; /* of the run, for its run_id */
    double accuracy;
} made_run;

static inline void made_run_id(int number, char id[16]) { snprintf(id, 16, "abcdef-%04d", number); }

static inline void made_add_run(rb_text *csv, const made_run *m) {
    char id[16];
    rb_row row;
    made base = {
        .name = m->name, .overrides = m->overrides, .status = m->status, .why = m->why, .reg = m->reg, .speed = 100};
    made_run_id(m->number, id);
    made_row(&base, &row);
    rb_row_text(&row, RB_COL(runs, run_id), id);
    rb_row_text(&row, RB_COL(runs, phase), "run");
    rb_row_text(&row, RB_COL(runs, dataset_sha256), "f00d");
    rb_row_int(&row, RB_COL(runs, seed), m->seed);
    rb_row_int(&row, RB_COL(runs, epochs_run), 2);
    if (!m->status || !strcmp(m->status, "ok")) rb_row_real(&row, RB_COL(runs, val_acc_final), m->accuracy);
    rb_csv_row(&row, csv);
    rb_row_end(&row);
}

static inline void made_add_epoch(rb_text *csv, int run, int epoch, double train_acc, double val_acc) {
    char id[16];
    rb_row row;
    made_run_id(run, id);
    rb_row_begin(&row, RB_TABLE_epochs);
    rb_row_text(&row, RB_COL(epochs, run_id), id);
    rb_row_int(&row, RB_COL(epochs, epoch), epoch);
    rb_row_real(&row, RB_COL(epochs, train_loss), 1.0 / epoch);
    rb_row_real(&row, RB_COL(epochs, train_acc), train_acc);
    rb_row_real(&row, RB_COL(epochs, val_acc), val_acc);
    rb_csv_row(&row, csv);
    rb_row_end(&row);
}

#endif
