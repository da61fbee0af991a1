/* rates.c: regbench/rates.csv in the XDG cache. */
#include "measure/rates.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "core/text.h"
#include "data/data.h"

static const char *const header = "device_key,case,batch_size,samples_per_s\n";

void rb_rates_read(rb_csv *out) {
    char folder[RB_PATH], path[RB_PATH + 16];
    memset(out, 0, sizeof *out);
    if (!rb__cache_folder(folder, sizeof folder)) return;
    snprintf(path, sizeof path, "%s/rates.csv", folder);
    if (rb_csv_read(path, out) == RB_OK) return;
    rb_log(RB_LOG_DEBUG, "no rates of earlier sessions: %s", rb_error_last() ? rb_error_last()->text : path);
    rb_error_clear();
    memset(out, 0, sizeof *out);
}

static bool is_for(const rb_csv *rates, int i, const char *case_name, int64_t batch) {
    return !strcmp(rb_csv_get(rates, i, "case"), case_name) &&
           strtoll(rb_csv_get(rates, i, "batch_size"), NULL, 10) == batch;
}

double rb_rates_find(const rb_csv *rates, const char *backend, const char *case_name, int64_t batch) {
    size_t length = strlen(backend);
    for (int i = 0; i < rates->n_rows; i++) {
        const char *key = rb_csv_get(rates, i, "device_key");
        double rate = strtod(rb_csv_get(rates, i, "samples_per_s"), NULL);
        if (strncmp(key, backend, length) != 0 || (key[length] && key[length] != ':')) continue;
        if (is_for(rates, i, case_name, batch) && isfinite(rate) && rate > 0) return rate;
    }
    return NAN;
}

/* Under another name first: a reader, or a session that runs at the same time, never sees half a file. */
static void replace(const char *folder, const rb_text *text) {
    char path[RB_PATH + 16], fresh[RB_PATH + 48];
    int why = rb__make_folders(folder);
    snprintf(path, sizeof path, "%s/rates.csv", folder);
    snprintf(fresh, sizeof fresh, "%s.%ld.tmp", path, (long)getpid());
    FILE *file = why ? NULL : fopen(fresh, "we");
    bool good = file && fwrite(text->data, 1, text->length, file) == text->length;
    if (file) good &= fclose(file) == 0;
    if (good && rename(fresh, path) == 0) return;
    rb_log(RB_LOG_DEBUG, "%s is not written: %s", path, strerror(why ? why : errno));
    if (file) unlink(fresh);
}

void rb_rate_remember(const char *device_key, const char *case_name, int64_t batch, double samples_per_s) {
    char folder[RB_PATH];
    rb_csv old;
    rb_text text = {0};
    if (!rb__cache_folder(folder, sizeof folder)) return;
    rb_rates_read(&old);
    rb_text_append(&text, header);
    rb_text_printf(&text, "%s,%s,%lld,%.6g\n", device_key, case_name, (long long)batch, samples_per_s);
    for (int i = 0; i < old.n_rows; i++) {
        const char *key = rb_csv_get(&old, i, "device_key");
        if (is_for(&old, i, case_name, batch) && !strcmp(key, device_key)) continue;
        rb_text_printf(&text, "%s,%s,%s,%s\n", key, rb_csv_get(&old, i, "case"), rb_csv_get(&old, i, "batch_size"),
                       rb_csv_get(&old, i, "samples_per_s"));
    }
    if (!text.failed) replace(folder, &text);
    rb_csv_free(&old);
    rb_text_free(&text);
}
