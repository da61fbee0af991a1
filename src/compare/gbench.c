/* gbench.c: JSON of Google Benchmark as rows of `runs`: one row per benchmark and file, since a file is a process. */
#include <cjson/cJSON.h>
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "compare/runs.h"
#include "core/file.h"
#include "core/text.h"
#include "measure/statistics.h"

static const char *text_of(const cJSON *object, const char *name) {
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text ? text : "";
}

static double number_of(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static const char *run_name(const cJSON *benchmark) {
    const char *name = text_of(benchmark, "run_name"); /* without "_mean" and the like */
    return *name ? name : text_of(benchmark, "name");
}

/* Work per second of one repetition; NaN where it has none. */
static double rate_of(const cJSON *benchmark) {
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}};
    static const char *const counters[] = {"samples_per_s", "samples/s", "items_per_second"};
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
        if (number_of(benchmark, counters[i]) > 0) return number_of(benchmark, counters[i]);
    double time = number_of(benchmark, "real_time");
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (!strcmp(text_of(benchmark, "time_unit"), units[i].name) && time > 0) return 1 / (time * units[i].seconds);
    return NAN;
}

/* "workload_hash=HASH verify=WORD provider=WORDS", the label of this project's own benchmarks. */
static void put_label(const cJSON *benchmark, rb_row *row) {
    static const struct {
        const char *word;
        int column;
    } words[] = {{"workload_hash=", RB_COL(runs, workload_hash)},
                 {"verify=", RB_COL(runs, verify)},
                 {"provider=", RB_COL(runs, provider)}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char value[128];
        const char *at = strstr(text_of(benchmark, "label"), words[i].word);
        if (!at) continue;
        at += strlen(words[i].word);
        size_t length = i == 2 ? strlen(at) : strcspn(at, " "); /* several providers: to the end */
        snprintf(value, sizeof value, "%.*s", (int)length, at);
        if (*value) rb_row_text(row, words[i].column, value);
    }
}

/* Means, medians, deviations: Google Benchmark's own summaries of the repetitions. */
static bool is_summary(const cJSON *benchmark) { return !strcmp(text_of(benchmark, "run_type"), "aggregate"); }

/* The row of the benchmark `first`, with the median over its repetitions, which follow it in the list. */
static rb_status add_benchmark(const cJSON *first, const char *host, const char *date, rb_runs *out) {
    rb_status status = RB_OK;
    const char *name = run_name(first), *failed = NULL;
    int n = 0, most = 0;
    for (const cJSON *b = first; b; b = b->next) most++;
    double *rates = malloc((size_t)most * sizeof *rates);
    if (!rates) return rb_fail(RB_MEMORY, "out of memory for %d repetitions", most);
    for (const cJSON *b = first; b; b = b->next) {
        if (is_summary(b) || strcmp(run_name(b), name) != 0) continue;
        double rate = rate_of(b);
        if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(b, "error_occurred")))
            failed = *text_of(b, "error_message") ? text_of(b, "error_message") : "error_occurred";
        else if (isfinite(rate))
            rates[n++] = rate;
        else
            failed = "no real_time above 0 in a known time_unit";
    }
    rb_row row;
    rb_row_begin(&row, RB_TABLE_runs);
    rb_row_text(&row, RB_COL(runs, case), name);
    rb_row_text(&row, RB_COL(runs, phase), "gbench");
    put_label(first, &row);
    rb_row_text(&row, RB_COL(runs, machine), host);
    rb_row_text(&row, RB_COL(runs, started_utc), date);
    rb_row_text(&row, RB_COL(runs, status), rb_status_word(failed ? RB_UNEXPECTED : RB_OK));
    rb_row_text(&row, RB_COL(runs, status_reason), failed);
    if (!failed && n > 0) rb_row_real(&row, RB_COL(runs, samples_per_s), rb_median(rates, n));
    status = rb_runs_add(out, &row);
    rb_row_end(&row);
    free(rates);
    return status;
}

static rb_status read_file(const char *path, rb_runs *out) {
    rb_status status = RB_OK;
    void *text = NULL;
    size_t bytes;
    cJSON *json = NULL;
    const cJSON *b;
    RB_TRY(rb_file_read(path, &text, &bytes));
    json = cJSON_ParseWithLength(text, bytes);
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "benchmarks");
    const cJSON *context = cJSON_GetObjectItemCaseSensitive(json, "context");
    if (!json || !cJSON_IsArray(list)) {
        status = rb_fail(RB_INPUT, "%s is %s", path,
                         json ? "no output of Google Benchmark: it has no list \"benchmarks\""
                              : "damaged: no whole JSON text");
        goto cleanup;
    }
    cJSON_ArrayForEach(b, list) {
        bool seen = is_summary(b) || !*run_name(b);
        for (const cJSON *earlier = list->child; earlier != b && !seen; earlier = earlier->next)
            seen = !is_summary(earlier) && !strcmp(run_name(earlier), run_name(b));
        if (!seen) RB_TRY(add_benchmark(b, text_of(context, "host_name"), text_of(context, "date"), out));
    }
cleanup:
    cJSON_Delete(json);
    free(text);
    return status;
}

static int is_json(const struct dirent *entry) {
    size_t n = strlen(entry->d_name);
    return n > 5 && entry->d_name[0] != '.' && !strcmp(entry->d_name + n - 5, ".json");
}

rb_status rb_runs_read_gbench(const char *path, rb_runs *out) {
    rb_status status = RB_OK;
    struct stat info;
    struct dirent **names = NULL;
    rb_text file = {0};
    if (stat(path, &info) == 0 && !S_ISDIR(info.st_mode)) return read_file(path, out);
    int n = scandir(path, &names, is_json, alphasort);
    for (int i = 0; i < n; i++) {
        rb_text_clear(&file);
        rb_text_printf(&file, "%s/%s", path, names[i]->d_name);
        RB_TRY(rb_text_status(&file));
        RB_TRY(read_file(file.data, out));
    }
cleanup:
    for (int i = 0; i < n; i++) free(names[i]);
    free(names);
    rb_text_free(&file);
    return status;
}
