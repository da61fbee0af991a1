/* noise.c: all splits of the values, and the file that remembers. */
#include "measure/noise.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/file.h"
#include "core/text.h"
#include "data/data.h"
#include "measure/statistics.h"
#include "report/csv_read.h"
#include "report/internal.h"

rb_status rb_noise_of(const double *values, int n, double *pct) {
    int count = 0, capacity = 1, half = n / 2;
    if (n < 4 || n > RB_NOISE_VALUES || n % 2)
        return rb_fail(RB_INTERNAL, "noise of %d values: an even number from 4 to %d is needed", n, RB_NOISE_VALUES);
    for (int i = 1; i <= half; i++) capacity = (int)((int64_t)capacity * (n - half + i) / i);
    double *apart = malloc((size_t)capacity * sizeof *apart);
    if (!apart) return rb_fail(RB_MEMORY, "out of memory for %d splits", capacity);
    for (unsigned split = 0; split < 1u << n; split++) {
        double a[RB_NOISE_VALUES], b[RB_NOISE_VALUES];
        int n_a = 0, n_b = 0;
        if (__builtin_popcount(split) != half) continue;
        for (int i = 0; i < n; i++) {
            if (split >> i & 1)
                a[n_a++] = values[i];
            else
                b[n_b++] = values[i];
        }
        apart[count++] = fabs(log(rb_median(a, half) / rb_median(b, half)));
    }
    *pct = 100 * (exp(rb_percentile(apart, count, 0.95)) - 1);
    free(apart);
    return RB_OK;
}

static bool file_path(char folder[RB_PATH], char path[RB_PATH + 16]) {
    if (!rb__cache_folder(folder, RB_PATH)) return false;
    snprintf(path, RB_PATH + 16, "%s/aa.csv", folder);
    return true;
}

static void host_name(char out[256]) {
    out[0] = '\0';
    if (gethostname(out, 255) != 0) strcpy(out, "unknown");
}

static void read_file(rb_csv *out) {
    char folder[RB_PATH], path[RB_PATH + 16];
    memset(out, 0, sizeof *out);
    if (!file_path(folder, path) || rb_csv_read(path, out) == RB_OK) return;
    rb_error_clear(); /* never measured, or damaged: measured anew it is whole again */
    memset(out, 0, sizeof *out);
}

static bool is_for(const rb_csv *csv, int i, const char *device_key, const char *device) {
    char host[256];
    host_name(host);
    return !strcmp(rb_csv_get(csv, i, "host"), host) && !strcmp(rb_csv_get(csv, i, "device_key"), device_key) &&
           !strcmp(rb_csv_get(csv, i, "device"), device);
}

double rb_noise_find(const char *device_key, const char *device) {
    rb_csv csv;
    double found = NAN;
    read_file(&csv);
    for (int i = 0; i < csv.n_rows; i++) {
        double pct = strtod(rb_csv_get(&csv, i, "noise_pct"), NULL);
        if (is_for(&csv, i, device_key, device) && isfinite(pct) && pct >= 0) found = pct;
    }
    rb_csv_free(&csv);
    return found;
}

rb_status rb_noise_remember(const char *device_key, const char *device, const char *case_name, int n, double pct) {
    static const char *const columns[] = {"host", "device_key", "device", "case", "processes", "noise_pct", "utc"};
    enum { COLUMNS = sizeof columns / sizeof *columns };
    rb_status status = RB_OK;
    char folder[RB_PATH], path[RB_PATH + 16], host[256], utc[32];
    time_t now = time(NULL);
    struct tm broken;
    rb_csv old;
    rb_text text = {0};
    read_file(&old);
    host_name(host);
    strftime(utc, sizeof utc, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &broken));
    if (!file_path(folder, path)) {
        status = rb_fail(RB_OUTPUT, "no place to keep the noise: set HOME or XDG_CACHE_HOME");
        goto cleanup;
    }
    for (int c = 0; c < COLUMNS; c++) rb_text_printf(&text, "%s%s", c ? "," : "", columns[c]);
    rb_text_append(&text, "\n");
    for (int i = 0; i < old.n_rows; i++) {
        if (is_for(&old, i, device_key, device)) continue;
        for (int c = 0; c < COLUMNS; c++) {
            if (c) rb_text_append(&text, ",");
            rb__csv_field(rb_csv_get(&old, i, columns[c]), &text);
        }
        rb_text_append(&text, "\n");
    }
    rb_text_printf(&text, "%s,%s,", host, device_key);
    rb__csv_field(device, &text);
    rb_text_printf(&text, ",%s,%d,%.4g,%s\n", case_name, n, pct, utc);
    RB_TRY(rb_text_status(&text));
    int why = rb__make_folders(folder);
    if (why) {
        status = rb__write_failed(why, folder);
        goto cleanup;
    }
    RB_TRY(rb_file_replace(path, text.data, text.length));
cleanup:
    rb_csv_free(&old);
    rb_text_free(&text);
    return status;
}
