/* markdown.c: the tables for people. Each line ends with a link to the lines of the file that its numbers come from. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "published/internal.h"
#include "report/others.h"

/* 56150.4 as 56,150: four digits that count, thousands apart. */
void rb__put_count(double value, rb_text *out) {
    char digits[64];
    double unit = value >= 10000 ? pow(10, floor(log10(value)) - 3) : 1;
    if (value < 100) {
        rb_text_printf(out, "%.3g", value);
        return;
    }
    int n = snprintf(digits, sizeof digits, "%.0f", round(value / unit) * unit);
    for (int i = 0; i < n; i++) rb_text_printf(out, "%s%c", i && (n - i) % 3 == 0 ? "," : "", digits[i]);
}

void rb__put_ratio(double value, rb_text *out) { rb_text_printf(out, value < 3 ? "%.2f" : "%.1f", value); }

static const rb_published_set *set_of(const rb_published *p, const char *name) {
    for (int s = 0; s < p->n; s++)
        if (!strcmp(p->sets[s].name, name)) return &p->sets[s];
    return NULL;
}

/* `to`, seen from folder `from`; both real paths. */
static void put_relative(const char *from, const char *to, rb_text *out) {
    size_t common = 0;
    for (size_t i = 0;; i++) {
        bool end_from = !from[i] || from[i] == '/', end_to = !to[i] || to[i] == '/';
        if (end_from && end_to) common = i;
        if (!from[i] || !to[i] || from[i] != to[i]) break;
    }
    for (const char *at = from + common; *at; at++)
        if (*at == '/' && at[1]) rb_text_append(out, "../");
    rb_text_append(out, to[common] == '/' ? to + common + 1 : to + common);
}

/* Widens first .. last by lines "2,4-5". */
void rb__note_range(const char *lines, int *first, int *last) {
    for (const char *at = lines; *at; at += strspn(at, ",-")) {
        char *end;
        long line = strtol(at, &end, 10);
        if (end == at) return;
        if (line < *first) *first = (int)line;
        if (line > *last) *last = (int)line;
        at = end;
    }
}

/* Where a file of a set lies, seen from the document's folder. */
void rb__put_path(const rb_published *p, const char *set_name, const char *file, const char *folder, rb_text *out) {
    const rb_published_set *set = set_of(p, set_name);
    char path[4096], real[4096], from[4096];
    if (!set) return;
    snprintf(path, sizeof path, "%s/%s", set->path, file);
    if (realpath(path, real) && realpath(*folder ? folder : ".", from))
        put_relative(from, real, out);
    else
        rb_text_append(out, path);
}

/* "[2,4-5](published/SET/cpu/runs.csv#L2-L5)"; `more`: other lines of the same file. */
static void put_source(const rb_published *p, const char *set_name, const char *file, const char *lines,
                       const char *more, const char *folder, rb_text *out) {
    int first = INT_MAX, last = 0;
    rb__note_range(lines, &first, &last);
    rb__note_range(more, &first, &last);
    rb_text_printf(out, "[%s%s%s](", lines, *more ? "; " : "", more);
    rb__put_path(p, set_name, file, folder, out);
    rb_text_printf(out, "#L%d", first);
    if (last > first) rb_text_printf(out, "-L%d", last);
    rb_text_append(out, ")");
}

/* Bars would end a cell. */
static void put_word(const char *word, rb_text *out) {
    for (; *word; word++) rb_text_printf(out, *word == '|' ? "\\%c" : "%c", *word == '\n' ? ' ' : *word);
}

bool rb__differs(const rb_row *rows, int n, int column) {
    for (int i = 1; i < n; i++)
        if (!rb__same(&rows[0], &rows[i], column)) return true;
    return false;
}

/* Overrides but for the batch, which has a column of its own. */
static void put_overrides(const rb_row *row, rb_text *out) {
    const char *list = rb__cell(row, RB_COL(result_devices, overrides));
    size_t before = out->length;
    for (size_t n; (n = strcspn(list, " ")); list += n + (list[n] == ' '))
        if (strncmp(list, "batch=", 6) != 0)
            rb_text_printf(out, "%s%.*s", out->length > before ? " " : "", (int)n, list);
}

static bool has_overrides(const rb_row *rows, int n) {
    rb_text words = {0};
    for (int i = 0; i < n; i++) put_overrides(&rows[i], &words);
    bool some = words.length > 0;
    rb_text_free(&words);
    return some;
}

static bool has(const rb_row *rows, int n, int column) {
    for (int i = 0; i < n; i++)
        if (rows[i].cells[column].type != RB_CELL_EMPTY) return true;
    return false;
}

/* --- devices --------------------------------------------------------------------------------------------------------
 */

static bool same_origin(const rb_row *a, const rb_row *b) {
    return rb__same(a, b, RB_COL(result_devices, set_name)) && rb__same(a, b, RB_COL(result_devices, machine)) &&
           rb__same(a, b, RB_COL(result_devices, device_key)) && rb__same(a, b, RB_COL(result_devices, commit));
}

/* What the devices' names mean, set by set. */
void rb__put_caption(const rb_published *p, const rb_row *rows, int n, const char *folder, rb_text *out) {
    for (int i = 0; i < n; i++) {
        const char *set = rb__cell(&rows[i], RB_COL(result_devices, set_name));
        bool seen = false, set_seen = false;
        for (int k = 0; k < i; k++) {
            seen = seen || same_origin(&rows[k], &rows[i]);
            set_seen = set_seen || rb__same(&rows[k], &rows[i], RB_COL(result_devices, set_name));
        }
        if (seen) continue;
        rb_text_append(out, out->length ? "; " : "");
        if (!set_seen) {
            rb_text_printf(out, "[%s](", set);
            rb__put_path(p, set, "README.md", folder, out);
            rb_text_printf(out, ") on %s: ", rb__cell(&rows[i], RB_COL(result_devices, machine)));
        }
        double threads = rb__number(&rows[i], RB_COL(result_devices, threads));
        rb_text_printf(out, "`%s` is ", rb__cell(&rows[i], RB_COL(result_devices, device_key)));
        put_word(rb__cell(&rows[i], RB_COL(result_devices, device)), out);
        rb_text_printf(out, " (%.0f thread%s, commit %s, %.10s)", threads, threads == 1 ? "" : "s",
                       rb__cell(&rows[i], RB_COL(result_devices, commit)),
                       rb__cell(&rows[i], RB_COL(result_devices, started_utc)));
    }
}

const char rb__doubt[] =
    " \\* Other programs used more than " RB_OTHERS_CORES_TEXT " cores meanwhile: a doubtful value.";

bool rb__doubtful(const rb_row *row) {
    return rb__number(row, RB_COL(result_devices, others_cores_max)) > RB_OTHERS_CORES;
}

static void put_speed(const rb_row *row, rb_text *out) {
    double low = rb__number(row, RB_COL(result_devices, samples_per_s_low)),
           high = rb__number(row, RB_COL(result_devices, samples_per_s_high));
    rb__put_count(rb__number(row, RB_COL(result_devices, samples_per_s)), out);
    if (rb__doubtful(row)) rb_text_append(out, " \\*");
    if (!isfinite(low)) return;
    rb_text_append(out, " (");
    rb__put_count(low, out);
    rb_text_append(out, "–");
    rb__put_count(high, out);
    rb_text_append(out, ")");
}

static void put_peer(const rb_row *row, bool version, rb_text *out) {
    double low = rb__number(row, RB_COL(result_devices, ratio_low));
    rb__put_peer(row, version, out);
    rb_text_append(out, " ");
    if (!isfinite(rb__number(row, RB_COL(result_devices, ratio)))) {
        rb_text_append(out, "| | ");
        return;
    }
    rb__put_count(rb__number(row, RB_COL(result_devices, peer_samples_per_s)), out);
    rb_text_append(out, " | ");
    rb__put_ratio(rb__number(row, RB_COL(result_devices, ratio)), out);
    if (isfinite(low)) {
        rb_text_append(out, " (");
        rb__put_ratio(low, out);
        rb_text_append(out, "–");
        rb__put_ratio(rb__number(row, RB_COL(result_devices, ratio_high)), out);
        rb_text_append(out, ")");
    }
    rb_text_append(out, " | ");
}

/* The peer's lines, where they stand in the same file the link leads to both. */
static void put_device_source(const rb_published *p, const rb_row *row, const char *folder, rb_text *out) {
    const char *file = rb__cell(row, RB_COL(result_devices, file)),
               *peer = rb__cell(row, RB_COL(result_devices, peer_file)),
               *set = rb__cell(row, RB_COL(result_devices, set_name)),
               *lines = rb__cell(row, RB_COL(result_devices, lines)),
               *peer_lines = rb__cell(row, RB_COL(result_devices, peer_lines));
    bool same = *peer && !strcmp(file, peer);
    put_source(p, set, file, lines, same ? peer_lines : "", folder, out);
    if (*peer && !same) {
        rb_text_append(out, " ");
        put_source(p, set, peer, peer_lines, "", folder, out);
    }
}

void rb__md_devices(const rb_published *p, const rb_row *rows, int n, const char *folder, rb_text *out) {
    bool machine = rb__differs(rows, n, RB_COL(result_devices, machine)), others = false;
    bool overrides = has_overrides(rows, n), peers = has(rows, n, RB_COL(result_devices, peer));
    bool versions = rb__peers_differ(rows, n), ways = false;
    bool precision = rb__differs(rows, n, RB_COL(result_devices, precision));
    rb_text caption = {0}, way = {0};
    for (int i = 0; i < n; i++) {
        rb__way(rows, n, &rows[i], &way);
        ways = ways || way.length;
        precision = precision || !rb__usual_precision(rb__cell(&rows[i], RB_COL(result_devices, precision)));
    }
    rb_text_printf(out, "| case |%s device |%s%s batch |%s samples/s | %sshare of peak | n | lines |\n",
                   machine ? " machine |" : "", ways ? " set to |" : "", precision ? " precision |" : "",
                   overrides ? " changed |" : "", peers ? "beside it, samples/s | ratio | " : "");
    rb_text_printf(out, "|---|%s---|%s%s---:|%s---:|%s---:|---:|---|\n", machine ? "---|" : "", ways ? "---|" : "",
                   precision ? "---|" : "", overrides ? "---|" : "", peers ? "---:|---:|" : "");
    for (int i = 0; i < n; i++) {
        const rb_row *row = &rows[i];
        double pct = rb__number(row, RB_COL(result_devices, pct_peak_flops));
        rb_text_printf(out, "| %s |", rb__cell(row, RB_COL(result_devices, case)));
        if (machine) rb_text_printf(out, " %s |", rb__cell(row, RB_COL(result_devices, machine)));
        rb_text_printf(out, " %s |", rb__cell(row, RB_COL(result_devices, device_key)));
        rb__way(rows, n, row, &way);
        if (ways) {
            rb_text_append(out, " ");
            put_word(rb_text_string(&way), out);
            rb_text_append(out, " |");
        }
        if (precision) rb_text_printf(out, " %s |", rb__cell(row, RB_COL(result_devices, precision)));
        rb_text_printf(out, " %.0f |", rb__number(row, RB_COL(result_devices, batch_size)));
        if (overrides) {
            rb_text_append(out, " ");
            put_overrides(row, out);
            rb_text_append(out, " |");
        }
        rb_text_append(out, " ");
        put_speed(row, out);
        rb_text_append(out, " | ");
        if (peers) put_peer(row, versions, out);
        if (isfinite(pct)) rb_text_printf(out, "%.0f %%", pct);
        rb_text_printf(out, " | %.0f | ", rb__number(row, RB_COL(result_devices, n)));
        put_device_source(p, row, folder, out);
        rb_text_append(out, " |\n");
        others = others || rb__doubtful(row);
    }
    rb__put_caption(p, rows, n, folder, &caption);
    rb_text_printf(out, "\nMedians over n processes%s; %s.%s\n",
                   has(rows, n, RB_COL(result_devices, samples_per_s_low)) ? " (95 % interval)" : "",
                   rb_text_string(&caption), others ? rb__doubt : "");
    rb_text_free(&caption);
    rb_text_free(&way);
}

/* --- regularizers ---------------------------------------------------------------------------------------------------
 */

static const struct {
    const char *figure, *title;
    double factor; /* accuracies are shown in points */
    const char *format;
} figures[] = {{"val_acc_final", "validation accuracy, points", 100, "%+.1f"},
               {"train_valid_gap", "gap to training, points", 100, "%+.1f"},
               {"val_loss", "validation loss", 1, "%+.3f"},
               {"param_l2", "norm", 1, "%+.2f"}};

static bool same_arm(const rb_row *a, const rb_row *b) {
    static const int columns[] = {RB_COL(result_regularizers, arm),      RB_COL(result_regularizers, base),
                                  RB_COL(result_regularizers, machine),  RB_COL(result_regularizers, device_key),
                                  RB_COL(result_regularizers, set_name), RB_COL(result_regularizers, file)};
    return rb_row_same(a, b, columns, sizeof columns / sizeof *columns);
}

/* Whether the arm that begins at row i has any of the figures shown. */
static bool shows(const rb_row *rows, int n, int i) {
    for (int k = i; k < n && same_arm(&rows[k], &rows[i]); k++)
        for (size_t f = 0; f < sizeof figures / sizeof *figures; f++)
            if (!strcmp(rb__cell(&rows[k], RB_COL(result_regularizers, figure)), figures[f].figure)) return true;
    return false;
}

/* "**-5.01** (-5.14 to -4.88)": bold where the interval is clear of zero. */
static void put_effect(const rb_row *row, double factor, const char *format, rb_text *out) {
    double low = rb__number(row, RB_COL(result_regularizers, low)),
           high = rb__number(row, RB_COL(result_regularizers, high));
    const char *verdict = rb__cell(row, RB_COL(result_regularizers, verdict));
    bool clear = !strcmp(verdict, "higher") || !strcmp(verdict, "lower");
    char text[64];
    snprintf(text, sizeof text, format, factor * rb__number(row, RB_COL(result_regularizers, change)));
    rb_text_printf(out, clear ? "**%s**" : "%s", text);
    if (!isfinite(low)) return;
    snprintf(text, sizeof text, format, factor * low);
    rb_text_printf(out, " (%s to ", text);
    snprintf(text, sizeof text, format, factor * high);
    rb_text_printf(out, "%s)", text);
}

void rb__md_regularizers(const rb_published *p, const rb_row *rows, int n, const char *folder, rb_text *out) {
    enum { FIGURES = sizeof figures / sizeof *figures };
    bool device = rb__differs(rows, n, RB_COL(result_regularizers, device_key)) ||
                  rb__differs(rows, n, RB_COL(result_regularizers, machine));
    rb_text_printf(out, "| arm | against |%s seeds |", device ? " on |" : "");
    for (int f = 0; f < FIGURES; f++) rb_text_printf(out, " %s |", figures[f].title);
    rb_text_printf(out, " lines |\n|---|---|%s---:|", device ? "---|" : "");
    for (int f = 0; f < FIGURES; f++) rb_text_append(out, "---:|");
    rb_text_append(out, "---|\n");
    for (int i = 0; i < n; i++) {
        const rb_row *row = &rows[i];
        if ((i && same_arm(row, &rows[i - 1])) || !shows(rows, n, i)) continue;
        rb_text_append(out, "| ");
        put_word(rb__cell(row, RB_COL(result_regularizers, arm)), out);
        rb_text_append(out, " | ");
        put_word(rb__cell(row, RB_COL(result_regularizers, base)), out);
        if (device)
            rb_text_printf(out, " | %s, %s", rb__cell(row, RB_COL(result_regularizers, machine)),
                           rb__cell(row, RB_COL(result_regularizers, device_key)));
        rb_text_printf(out, " | %.0f |", rb__number(row, RB_COL(result_regularizers, pairs)));
        for (int f = 0; f < FIGURES; f++) {
            rb_text_append(out, " ");
            for (int k = i; k < n && same_arm(&rows[k], row); k++)
                if (!strcmp(rb__cell(&rows[k], RB_COL(result_regularizers, figure)), figures[f].figure))
                    put_effect(&rows[k], figures[f].factor, figures[f].format, out);
            rb_text_append(out, " |");
        }
        rb_text_append(out, " ");
        put_source(p, rb__cell(row, RB_COL(result_regularizers, set_name)),
                   rb__cell(row, RB_COL(result_regularizers, file)), rb__cell(row, RB_COL(result_regularizers, lines)),
                   rb__cell(row, RB_COL(result_regularizers, base_lines)), folder, out);
        rb_text_append(out, " |\n");
    }
    rb_text_append(out, "\nMean of the paired differences over seeds, arm minus base, with its 95 % interval; "
                        "**bold**: the interval is "
                        "clear of zero.\n");
}

/* --- machines -------------------------------------------------------------------------------------------------------
 */

void rb__md_machines(const rb_published *p, const rb_row *rows, int n, const char *folder, rb_text *out) {
    rb_text_append(out, "| machine | device | hardware, driver | threads | commit | when | cases | headline, samples/s "
                        "| of own peak | lines "
                        "|\n|---|---|---|---:|---|---|---:|---:|---:|---|\n");
    for (int i = 0; i < n; i++) {
        const rb_row *row = &rows[i];
        const char *driver = rb__cell(row, RB_COL(result_machines, driver));
        double pct = rb__number(row, RB_COL(result_machines, pct_peak_flops)),
               peak = rb__number(row, RB_COL(result_machines, fma_gflop_per_s));
        rb_text_printf(out, "| %s | %s | ", rb__cell(row, RB_COL(result_machines, machine)),
                       rb__cell(row, RB_COL(result_machines, device_key)));
        put_word(rb__cell(row, RB_COL(result_machines, device)), out);
        rb_text_append(out, *driver ? ", " : "");
        put_word(driver, out);
        rb_text_printf(
            out, " | %.0f | %s | %.10s | %.0f | %s ", rb__number(row, RB_COL(result_machines, threads)),
            rb__cell(row, RB_COL(result_machines, commit)), rb__cell(row, RB_COL(result_machines, started_utc)),
            rb__number(row, RB_COL(result_machines, cases)), rb__cell(row, RB_COL(result_machines, headline_case)));
        rb__put_count(rb__number(row, RB_COL(result_machines, samples_per_s)), out);
        rb_text_append(out, " | ");
        if (isfinite(pct)) rb_text_printf(out, "%.0f %%", pct);
        if (isfinite(peak)) rb_text_printf(out, " of %.0f GFLOP/s", peak);
        rb_text_append(out, " | ");
        put_source(p, rb__cell(row, RB_COL(result_machines, set_name)), rb__cell(row, RB_COL(result_machines, file)),
                   rb__cell(row, RB_COL(result_machines, lines)), "", folder, out);
        rb_text_append(out, " |\n");
    }
}

/* --- sets -----------------------------------------------------------------------------------------------------------
 */

static void put_work(const rb_row *row, int n_column, int cases_column, const char *what, rb_text *out) {
    double n = rb__number(row, n_column), cases = rb__number(row, cases_column);
    if (n > 0) rb_text_printf(out, "%.0f %s of %.0f case%s", n, what, cases, cases == 1 ? "" : "s");
}

void rb__md_sets(const rb_published *p, const rb_row *rows, int n, const char *folder, rb_text *out) {
    rb_text_append(out, "| set | what it shows | on | speeds | training | commits |\n|---|---|---|---|---|---|\n");
    for (int i = 0; i < n; i++) {
        const rb_row *row = &rows[i];
        const char *name = rb__cell(row, RB_COL(result_sets, set_name)),
                   *machine = rb__cell(row, RB_COL(result_sets, machine));
        rb_text_printf(out, "| [%s](", name);
        rb__put_path(p, name, "README.md", folder, out);
        rb_text_append(out, ") | ");
        put_word(rb__cell(row, RB_COL(result_sets, title)), out);
        rb_text_printf(out, " | %s%s%s | ", machine, *machine ? ": " : "",
                       rb__cell(row, RB_COL(result_sets, device_key)));
        put_work(row, RB_COL(result_sets, timed), RB_COL(result_sets, timed_cases), "processes", out);
        rb_text_append(out, " | ");
        put_work(row, RB_COL(result_sets, trained), RB_COL(result_sets, trained_cases), "runs", out);
        rb_text_printf(out, " | %s |\n", rb__cell(row, RB_COL(result_sets, commit)));
    }
}
