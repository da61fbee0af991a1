/* csv_read.c: reads a CSV file whole, through libcsv in strict mode. */
#include "report/csv_read.h"

#include <csv.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regbench/report.h"

typedef struct reading {
    rb_csv *csv;
    size_t *at; /* (count) where in csv->text each cell begins: the text moves while it grows */
    size_t count, capacity;
    size_t length, room; /* of the text */
    int fields;          /* of the row in progress */
    int rows;            /* finished, the header included */
    int ragged;          /* first row of another length, from 1; 0 = none */
    bool memory;
} reading;

static bool grow(reading *r, size_t length) {
    if (r->count == r->capacity) {
        size_t capacity = r->capacity ? r->capacity * 2 : 256;
        size_t *at = realloc(r->at, capacity * sizeof *at);
        if (!at) return false;
        r->at = at;
        r->capacity = capacity;
    }
    if (r->length + length + 1 > r->room) {
        size_t room = 2 * (r->length + length) + 4096;
        char *text = realloc(r->csv->text, room);
        if (!text) return false;
        r->csv->text = text;
        r->room = room;
    }
    return true;
}

static void on_field(void *data, size_t length, void *context) {
    reading *r = context;
    if (r->memory || r->ragged) return;
    r->memory = !grow(r, length);
    if (r->memory) return;
    memcpy(r->csv->text + r->length, data, length);
    r->csv->text[r->length + length] = '\0';
    r->at[r->count++] = r->length;
    r->length += length + 1;
    r->fields++;
}

static void on_row(int terminator, void *context) {
    reading *r = context;
    (void)terminator;
    if (r->memory || r->ragged) return;
    r->rows++;
    if (r->rows == 1)
        r->csv->n_columns = r->fields;
    else if (r->fields != r->csv->n_columns)
        r->ragged = r->rows;
    r->fields = 0;
}

static int no_space(unsigned char c) {
    (void)c;
    return 0; /* blanks belong to their field */
}

rb_status rb_csv_read(const char *path, rb_csv *out) {
    rb_status status = RB_OK;
    struct csv_parser parser;
    reading r = {.csv = out};
    char buffer[16384];
    size_t n;
    bool first = true;
    memset(out, 0, sizeof *out);
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0) return rb_fail(RB_INTERNAL, "libcsv does not start");
    csv_set_space_func(&parser, no_space);
    FILE *file = fopen(path, "rb");
    if (!file) {
        status =
            rb_fail_native(errno == ENOENT ? RB_MISSING : RB_INPUT, errno, "cannot open %s: %s", path, strerror(errno));
        goto cleanup;
    }
    while ((n = fread(buffer, 1, sizeof buffer, file)) > 0) {
        size_t skip = first && n >= 3 && memcmp(buffer, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* byte order mark */
        first = false;
        if (csv_parse(&parser, buffer + skip, n - skip, on_field, on_row, &r) != n - skip) break;
    }
    if (ferror(file)) {
        status = rb_fail_native(RB_INPUT, errno, "cannot read %s: %s", path, strerror(errno));
        goto cleanup;
    }
    if (csv_error(&parser) == CSV_SUCCESS) csv_fini(&parser, on_field, on_row, &r);
    out->n_rows = r.rows - 1;
    out->cells = malloc((r.count + 1) * sizeof *out->cells);
    r.memory |= !out->cells;
    for (size_t i = 0; !r.memory && i < r.count; i++) out->cells[i] = out->text + r.at[i];
    if (r.memory)
        status = rb_fail(RB_MEMORY, "out of memory while reading %s", path);
    else if (csv_error(&parser) != CSV_SUCCESS)
        status = rb_fail(RB_INPUT, "%s, row %d: not CSV: %s", path, r.rows + 1, csv_strerror(csv_error(&parser)));
    else if (r.ragged)
        status = rb_fail(RB_INPUT, "%s, row %d: not as many fields as the header's %d", path, r.ragged, out->n_columns);
    else if (r.rows == 0)
        status = rb_fail(RB_INPUT, "%s is empty: not even a header", path);
cleanup:
    if (file) fclose(file);
    csv_free(&parser);
    free(r.at);
    if (status != RB_OK) rb_csv_free(out);
    return status;
}

void rb_csv_free(rb_csv *csv) {
    if (!csv) return;
    free(csv->cells);
    free(csv->text);
    memset(csv, 0, sizeof *csv);
}

rb_status rb_csv_check_version(const rb_csv *csv, const char *path) {
    int column = rb_csv_column(csv, "schema_version");
    for (int i = 0; column >= 0 && i < csv->n_rows; i++)
        if (strtoll(rb_csv_at(csv, i, column), NULL, 10) > RB_SCHEMA_VERSION)
            return rb_fail(RB_INPUT,
                           "%s, row %d: schema_version %.20s, this program knows %d: a newer regbench wrote it", path,
                           i + 2, rb_csv_at(csv, i, column), RB_SCHEMA_VERSION);
    return RB_OK;
}

int rb_csv_column(const rb_csv *csv, const char *name) {
    for (int c = 0; c < csv->n_columns; c++)
        if (strcmp(csv->cells[c], name) == 0) return c;
    return -1;
}

const char *rb_csv_at(const rb_csv *csv, int row, int column) {
    return csv->cells[(size_t)(row + 1) * (size_t)csv->n_columns + (size_t)column];
}

const char *rb_csv_get(const rb_csv *csv, int row, const char *name) {
    int column = rb_csv_column(csv, name);
    return column < 0 ? "" : rb_csv_at(csv, row, column);
}

double rb_csv_number(const rb_csv *csv, int row, int column) {
    const char *text = column < 0 ? "" : rb_csv_at(csv, row, column);
    char *end;
    double value = strtod(text, &end);
    return *text && !*end && isfinite(value) ? value : (double)NAN;
}
