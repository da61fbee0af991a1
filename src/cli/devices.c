/* devices.c: the verb `devices`, and the choice of devices for run, bench, check. */
#include "cli/devices.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/child.h"
#include "cli/verb.h"
#include "core/log.h"
#include "core/text.h"
#include "measure/machine.h"
#include "measure/noise.h"
#include "regbench/backend.h"

/* --- in the child ---------------------------------------------------------------------------------------------------
 */

static rb_status send_device(FILE *to, const rb_backend *backend, const rb_device_info *info) {
    rb_row row;
    rb_row_begin(&row, RB_TABLE_devices);
    rb_row_text(&row, RB_COL(devices, device_key), info->key);
    rb_row_text(&row, RB_COL(devices, backend), backend->name);
    rb_row_text(&row, RB_COL(devices, device), info->name);
    rb_row_text(&row, RB_COL(devices, driver), info->driver);
    rb_row_text(&row, RB_COL(devices, isa), info->isa);
    if (info->threads) rb_row_int(&row, RB_COL(devices, threads), info->threads);
    if (info->memory) rb_row_int(&row, RB_COL(devices, memory_mib), (int64_t)(info->memory >> 20));
    if (info->max_alloc) rb_row_int(&row, RB_COL(devices, max_alloc_mib), (int64_t)(info->max_alloc >> 20));
    rb_row_text(&row, RB_COL(devices, type), info->type);
    rb_row_text(&row, RB_COL(devices, platform), info->platform);
    rb_row_text(&row, RB_COL(devices, vendor), info->vendor);
    rb_row_text(&row, RB_COL(devices, version), info->version);
    rb_row_text(&row, RB_COL(devices, details), info->details);
    rb_status status = rb_send_row(to, &row);
    rb_row_end(&row);
    return status;
}

typedef struct probe_work_of {
    const rb_options *o;
    const rb_words *selectors; /* those named, or */
    const rb_backend *backend; /* all devices of one backend */
} probe_work_of;

static rb_status probe_backend(const rb_options *o, const rb_backend *backend, FILE *to) {
    rb_status status = RB_OK;
    char why[256] = "";
    int n = 0;
    rb_device_info *list = calloc(RB_MAX_DEVICES, sizeof *list);
    if (!list) return rb_fail(RB_MEMORY, "out of memory for a list of devices");
    rb_open_options options = rb_open_choice(o);
    RB_TRY(backend->probe(&options, list, &n, why));
    /* Who asks which devices there are wants to know why one is missing. */
    if (why[0]) rb_log(o->verb == RB_VERB_devices ? RB_LOG_INFO : RB_LOG_DEBUG, "backend %s: %s", backend->name, why);
    for (int i = 0; i < n; i++) RB_TRY(send_device(to, backend, &list[i]));
cleanup:
    free(list);
    return status;
}

static rb_status probe_selected(const rb_options *o, const rb_words *selectors, FILE *to) {
    rb_status status = RB_OK;
    rb_open_options options = rb_open_choice(o);
    rb_device_info *list = calloc(RB_MAX_DEVICES, sizeof *list);
    if (!list) return rb_fail(RB_MEMORY, "out of memory for a list of devices");
    for (int i = 0; i < selectors->n; i++) {
        rb_device_id id;
        char why[256] = "";
        int n = 0;
        RB_TRY(rb_device_select(selectors->at[i], &id));
        RB_TRY(id.backend->probe(&options, list, &n, why));
        if (id.index >= n) {
            status = rb_fail(RB_NO_DEVICE, "no device %s%s%s", selectors->at[i], why[0] ? ": " : "", why);
            goto cleanup;
        }
        RB_TRY(send_device(to, id.backend, &list[id.index]));
    }
cleanup:
    free(list);
    return status;
}

static rb_status work(void *context, FILE *to) {
    const probe_work_of *w = context;
    return w->selectors ? probe_selected(w->o, w->selectors, to) : probe_backend(w->o, w->backend, to);
}

/* --- in the parent --------------------------------------------------------------------------------------------------
 */

typedef struct row_list {
    rb_row *rows;
    int n;
} row_list;

static rb_status keep_row(void *context, const rb_row *row) {
    row_list *list = context;
    if (row->table != RB_TABLE_devices) return RB_OK;
    const char *key = row->cells[RB_COL(devices, device_key)].u.s;
    for (int i = 0; i < list->n; i++) /* `-d cpu,cpu:0` is one device */
        if (key && !strcmp(key, list->rows[i].cells[RB_COL(devices, device_key)].u.s)) return RB_OK;
    rb_row *rows = realloc(list->rows, (size_t)(list->n + 1) * sizeof *rows);
    if (!rows) return rb_fail(RB_MEMORY, "out of memory for a list of devices");
    list->rows = rows;
    rb_row_copy(row, &list->rows[list->n++]);
    return RB_OK;
}

static rb_status probe(const rb_options *o, probe_work_of *w, row_list *list) {
    rb_status status = RB_OK;
    rb_child_end end;
    rb_child_hooks hooks = {.context = list, .row = keep_row};
    /* A driver that hangs while it is asked must not hang the program. */
    RB_TRY(rb_child_run(work, w, &hooks, rb_value_real(o, RB_FLAG_TIMEOUT, 120), &end));
    if (end.status != RB_OK) {
        bool by_signal = end.status == RB_CRASH || end.status == RB_TIMEOUT;
        status = rb_fail(end.status, "%s%s", by_signal ? "while looking for devices: " : "", end.text);
    }
cleanup:
    return status;
}

rb_status rb_device_rows(const rb_options *o, rb_row **rows, int *n) {
    rb_status status = RB_OK;
    row_list list = {0};
    *rows = NULL;
    *n = 0;
    if (rb_given(o, RB_FLAG_DEVICE)) {
        probe_work_of w = {.o = o, .selectors = &o->flag[RB_FLAG_DEVICE]};
        RB_TRY(probe(o, &w, &list));
    }
    for (const rb_backend *const *b = rb_backends(); *b && !rb_given(o, RB_FLAG_DEVICE); b++) {
        probe_work_of w = {.o = o, .backend = *b};
        if (rb_backend_only_named(*b)) continue;
        rb_status found = probe(o, &w, &list);
        if (found == RB_OK) continue;
        if (found == RB_USAGE) { /* a wish that nobody can fulfil (REGBENCH_ISA) is no sick driver */
            status = found;
            goto cleanup;
        }
        /* One sick driver, each in a child of its own, does not hide the other devices. */
        rb_log(RB_LOG_WARN, "backend %s: %s", (*b)->name, rb_error_last() ? rb_error_last()->text : "probing failed");
        rb_error_clear();
    }
cleanup:
    if (status == RB_OK) {
        *rows = list.rows;
        *n = list.n;
    } else {
        rb_device_rows_free(list.rows, list.n);
    }
    return status;
}

void rb_device_rows_free(rb_row *rows, int n) {
    for (int i = 0; i < n; i++) rb_row_end(&rows[i]);
    free(rows);
}

/* What the drivers of the devices last chosen said: asking costs their start, and a process asks only once. */
static rb_env chosen;

static void note_device(const rb_row *row) {
    static const int columns[] = {RB_COL(devices, device), RB_COL(devices, driver), RB_COL(devices, platform),
                                  RB_COL(devices, vendor), RB_COL(devices, version)};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        char name[96];
        snprintf(name, sizeof name, "%s.%s", rb_row_get_text(row, RB_COL(devices, device_key)),
                 rb_column_name(RB_TABLE_devices, columns[i]));
        rb__env_note(&chosen, name, rb_row_get_text(row, columns[i]), true);
    }
}

/* The largest of these devices': one number for the session. */
static rb_status add_noise(rb_env *env) {
    double most = NAN;
    char text[32];
    for (int i = 0; i < chosen.n; i++) {
        const char *dot = strrchr(chosen.facts[i].name, '.');
        char key[96];
        if (!dot || strcmp(dot, ".device") != 0) continue;
        snprintf(key, sizeof key, "%.*s", (int)(dot - chosen.facts[i].name), chosen.facts[i].name);
        most = fmax(most, rb_noise_find(key, chosen.facts[i].value));
    }
    if (!isfinite(most)) return RB_OK;
    snprintf(text, sizeof text, "%.4g", most);
    return rb_env_add(env, "aa_noise_pct", text, false);
}

rb_status rb_devices_facts(rb_env *env) {
    rb_status status = add_noise(env);
    for (int i = 0; i < chosen.n && status == RB_OK; i++)
        status = rb_env_add(env, chosen.facts[i].name, chosen.facts[i].value, chosen.facts[i].stable);
    return status;
}

rb_status rb_devices_chosen(const rb_options *o, rb_words *selectors) {
    rb_status status = RB_OK;
    rb_row *rows = NULL;
    int n = 0;
    RB_TRY(rb_device_rows(o, &rows, &n));
    rb_env_free(&chosen);
    for (int i = 0; i < n; i++) note_device(&rows[i]);
    for (int i = 0; i < n; i++) {
        const char *key = rows[i].cells[RB_COL(devices, device_key)].u.s;
        RB_TRY(rb_words_add(selectors, key, strlen(key)));
    }
    if (n == 0) status = rb_fail(RB_NO_DEVICE, "no device found; `-d reference` always works, slowly");
cleanup:
    rb_device_rows_free(rows, n);
    return status;
}

/* What does not fit into a table, for people: a line for each thing. */
static rb_status print_details(const rb_row *rows, int n) {
    rb_status status = RB_OK;
    rb_text text = {0};
    for (int i = 0; i < n; i++) {
        const char *at = rb_row_get_text(&rows[i], RB_COL(devices, details));
        if (!at[0]) continue;
        rb_text_printf(&text, "\n%s\n", rb_row_get_text(&rows[i], RB_COL(devices, device_key)));
        rb_text_printf(&text, "  vendor=%s\n", rb_row_get_text(&rows[i], RB_COL(devices, vendor)));
        rb_text_printf(&text, "  version=%s\n", rb_row_get_text(&rows[i], RB_COL(devices, version)));
        while (*at) {
            const char *end = strstr(at, "; ");
            size_t length = end ? (size_t)(end - at) : strlen(at);
            rb_text_printf(&text, "  %.*s\n", (int)length, at);
            at += end ? length + 2 : length;
        }
    }
    RB_TRY(rb_text_status(&text));
    RB_TRY(rb_print_text(rb_text_string(&text)));
cleanup:
    rb_text_free(&text);
    return status;
}

rb_status rb_verb_devices(const rb_options *o) {
    static const int columns[] = {RB_COL(devices, device_key), RB_COL(devices, backend),   RB_COL(devices, device),
                                  RB_COL(devices, type),       RB_COL(devices, driver),    RB_COL(devices, isa),
                                  RB_COL(devices, threads),    RB_COL(devices, memory_mib)};
    rb_status status = RB_OK;
    rb_format format = rb_output_format(o);
    rb_row *rows = NULL;
    int n = 0;
    RB_TRY(rb_no_names(o));
    RB_TRY(rb_device_rows(o, &rows, &n));
    RB_TRY(rb_print_table(RB_TABLE_devices, format, rows, n, columns, sizeof columns / sizeof *columns));
    if (format == RB_FORMAT_MD && rb_given(o, RB_FLAG_VERBOSE)) RB_TRY(print_details(rows, n));
    if (n == 0) rb_log(RB_LOG_INFO, "no device found; `-d reference` always works, slowly");
cleanup:
    rb_device_rows_free(rows, n);
    return status;
}
