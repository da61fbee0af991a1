/* made_session.h: what the tests of compare and history share: sessions made of whole cloth, with known speeds. */
#ifndef MADE_SESSION_H
#define MADE_SESSION_H

#include <math.h>
#include <sys/stat.h>

#include "core/text.h"
#include "regbench/report.h"
#include "support.h"

/* A run; what is NULL or 0 takes the usual value. */
typedef struct made {
    const char *name, *device_key, *device, *backend, *provider, *hash, *machine, *commit, *status, *why, *started,
        *overrides, *reg, *env_id, *arm, *session, *phase, *settings;
    int batch, schema, dirty;
    double speed;
} made;

static inline const char *made_or(const char *text, const char *usual) { return text ? text : usual; }

static inline void made_row(const made *m, rb_row *row) {
    bool ok = !m->status || !strcmp(m->status, "ok");
    rb_row_begin(row, RB_TABLE_runs);
    rb_row_int(row, 0, m->schema ? m->schema : RB_SCHEMA_VERSION);
    rb_row_text(row, RB_COL(runs, run_id), "x-0001");
    rb_row_text(row, RB_COL(runs, session_id), made_or(m->session, "abcdef"));
    rb_row_text(row, RB_COL(runs, status), made_or(m->status, "ok"));
    rb_row_text(row, RB_COL(runs, status_reason), m->why);
    rb_row_text(row, RB_COL(runs, started_utc), made_or(m->started, "2026-01-01T00:00:00Z"));
    rb_row_text(row, RB_COL(runs, commit), made_or(m->commit, "0123456789ab"));
    rb_row_int(row, RB_COL(runs, dirty), m->dirty);
    rb_row_text(row, RB_COL(runs, env_id), made_or(m->env_id, "e00000000000"));
    rb_row_text(row, RB_COL(runs, machine), made_or(m->machine, "vm"));
    rb_row_text(row, RB_COL(runs, device_key), made_or(m->device_key, "cpu"));
    rb_row_text(row, RB_COL(runs, case), made_or(m->name, "size/mlp"));
    rb_row_text(row, RB_COL(runs, overrides), m->overrides);
    rb_row_text(row, RB_COL(runs, reg), m->reg);
    rb_row_text(row, RB_COL(runs, phase), made_or(m->phase, "bench"));
    rb_row_int(row, RB_COL(runs, batch_size), m->batch ? m->batch : 512);
    rb_row_text(row, RB_COL(runs, precision), "fp32");
    rb_row_text(row, RB_COL(runs, arm), m->arm);
    rb_row_text(row, RB_COL(runs, settings), m->settings);
    if (!ok) return; /* it failed before more was known */
    rb_row_text(row, RB_COL(runs, device), made_or(m->device, "Some CPU"));
    rb_row_text(row, RB_COL(runs, backend), made_or(m->backend, "cpu"));
    rb_row_text(row, RB_COL(runs, provider), made_or(m->provider, "own"));
    rb_row_text(row, RB_COL(runs, workload_hash), made_or(m->hash, "aaaaaaaaaaaa"));
    rb_row_int(row, RB_COL(runs, threads), 2);
    rb_row_real(row, RB_COL(runs, samples_per_s), m->speed);
}

/* The n-th of a fixed set of speeds around `level`: within 1 %, all different. */
static inline double made_speed(double level, int n) { return level * (1 + 0.001 * ((n * 7) % 19 - 9)); }

/* A folder of sessions below which each is made. */
static inline void made_begin(const char *base, const char *name, rb_text *csv) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", base, name);
    mkdir(path, 0777);
    rb_text_clear(csv);
    rb_csv_header(RB_TABLE_runs, csv);
}

static inline void made_add(rb_text *csv, const made *m) {
    rb_row row;
    made_row(m, &row);
    rb_csv_row(&row, csv);
    rb_row_end(&row);
}

/* n runs around a level. */
static inline void made_arm(rb_text *csv, made m, double level, int n) {
    for (int i = 0; i < n; i++) {
        m.speed = made_speed(level, i);
        made_add(csv, &m);
    }
}

static inline void made_write(const char *base, const char *name, const char *file, const char *text) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s/%s", base, name, file);
    FILE *to = fopen(path, "w");
    assert_non_null(to);
    fputs(text, to);
    assert_int_equal(fclose(to), 0);
}

#endif
