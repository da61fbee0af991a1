/* json.c: rows as JSON lines and back (cJSON). */
#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "report/internal.h"

static const int64_t exact = 1LL << 53; /* integers up to here are exact as doubles */

cJSON *rb__json_cell(const rb_cell *cell) {
    char digits[32];
    switch (cell->type) {
    case RB_CELL_INT:
        snprintf(digits, sizeof digits, "%lld", (long long)cell->u.i);
        return cell->u.i <= exact && cell->u.i >= -exact ? cJSON_CreateRaw(digits) : cJSON_CreateString(digits);
    case RB_CELL_REAL:
        return cJSON_CreateNumber(cell->u.r);
    case RB_CELL_TEXT:
        return cJSON_CreateString(cell->u.s);
    case RB_CELL_EMPTY:
        break;
    }
    return cJSON_CreateNull();
}

rb_status rb_json_row(const rb_row *row, rb_text *out) {
    rb_status status = RB_OK;
    cJSON *line = cJSON_CreateObject(), *object = NULL;
    char *printed = NULL;
    if (!line || !cJSON_AddStringToObject(line, "table", rb_table_name(row->table))) goto memory;
    object = cJSON_AddObjectToObject(line, "row");
    if (!object) goto memory;
    for (int c = 0; c < rb_table_columns(row->table); c++) {
        if (row->cells[c].type == RB_CELL_EMPTY) continue;
        cJSON *value = rb__json_cell(&row->cells[c]);
        if (!value || !cJSON_AddItemToObject(object, rb_column_name(row->table, c), value)) {
            cJSON_Delete(value);
            goto memory;
        }
    }
    printed = cJSON_PrintUnformatted(line);
    if (!printed) goto memory;
    rb_text_append(out, printed);
    rb_text_append(out, "\n");
    status = rb_text_status(out);
    goto cleanup;
memory:
    status = rb_fail(RB_MEMORY, "out of memory while writing a row of %s as JSON", rb_table_name(row->table));
cleanup:
    cJSON_free(printed);
    cJSON_Delete(line);
    return status;
}

/* False where the value does not fit the column. */
static bool set(rb_row *row, int column, const cJSON *value) {
    rb_cell_type type = rb_column_type(row->table, column);
    if (cJSON_IsNull(value)) return true;
    if (type == RB_CELL_TEXT) {
        if (!cJSON_IsString(value)) return false;
        rb_row_text(row, column, value->valuestring);
        return true;
    }
    if (cJSON_IsNumber(value)) {
        if (type == RB_CELL_INT && value->valuedouble != rint(value->valuedouble)) return false;
        rb_row_real(row, column, value->valuedouble);
        return true;
    }
    if (type == RB_CELL_INT && cJSON_IsString(value)) {
        char *end;
        errno = 0;
        long long i = strtoll(value->valuestring, &end, 10);
        if (errno || end == value->valuestring || *end) return false;
        rb_row_int(row, column, i);
        return true;
    }
    return false;
}

rb_status rb_json_row_parse(const char *line, rb_row *out) {
    rb_status status = RB_OK;
    cJSON *json = cJSON_Parse(line);
    const cJSON *table = cJSON_GetObjectItemCaseSensitive(json, "table");
    const cJSON *row = cJSON_GetObjectItemCaseSensitive(json, "row"), *value;
    rb_row_begin(out, (rb_table)0);
    if (!cJSON_IsString(table) || !cJSON_IsObject(row)) {
        status = rb_fail(RB_INPUT, "not a row {\"table\":..., \"row\":{...}}: %.80s", line);
        goto cleanup;
    }
    rb_table t = rb_table_find(table->valuestring);
    if (t == RB_TABLES) {
        status = rb_fail(RB_INPUT, "a row of the unknown table \"%.40s\"", table->valuestring);
        goto cleanup;
    }
    rb_row_begin(out, t);
    cJSON_ArrayForEach(value, row) {
        int column = rb_column_find(t, value->string);
        if (column < 0 || set(out, column, value)) continue;
        status = rb_fail(RB_INPUT, "column %s of %s has a value of another type: %.80s", value->string,
                         rb_table_name(t), line);
        rb_row_end(out);
        goto cleanup;
    }
cleanup:
    cJSON_Delete(json);
    return status;
}
