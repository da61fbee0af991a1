/* runs.h: recorded sessions read back as rows of `runs`: a session's folder, a runs.csv, JSON of Google Benchmark. */
#ifndef RB_COMPARE_RUNS_H
#define RB_COMPARE_RUNS_H

#include "regbench/report.h"
#include "report/choices.h"
#include "report/csv_read.h"
#include "report/peer.h"

typedef struct rb_runs {
    char *path;
    rb_row *rows; /* (n) of `runs` */
    int n, capacity;
    rb_csv env;       /* env.csv beside them; no rows where there is none */
    rb_csv ratios;    /* ratios.csv of bench/peers/alternate beside them: who else used the cores */
    double *others;   /* (n) where the rows are of several sessions: rb_others_cores of each; else NULL; borrowed */
    double aa_noise;  /* fact aa_noise_pct of env.csv as a share: how far a build is from itself here; 0 = unknown */
    bool no_settings; /* a runs.csv from before that column: what was asked of the device is not known */
} rb_runs;

/* `path`: a session's folder; a runs.csv; a JSON file of Google Benchmark, or a folder of such files, one per process.
 *
 * Repetitions inside one process of Google Benchmark are one value, their median: only processes are samples. A
 * benchmark's value is its counter samples_per_s (or items_per_second), else runs per second of real time; of
 * another project's benchmarks there is no workload_hash, their name stands for what they do.
 *
 * RB_MISSING: nothing there. RB_INPUT: another table, a number that is none, a session of a newer version, an
 * events.jsonl that ends in half a line or lacks runs that runs.csv has. Rows of another schema_version among others
 * are kept: whoever compares looks at it. */
rb_status rb_runs_read(const char *path, rb_runs *out);
void rb_runs_free(rb_runs *runs);
rb_status rb_runs_add(rb_runs *runs, const rb_row *row); /* a copy */
/* Takes in a fact of env.csv that comparing depends on: the machine's noise, the largest that any says. */
void rb_runs_note_fact(rb_runs *runs, const char *name, const char *value);

/* Rows of runs.csv alone, for programs whose session is nowhere. */
rb_status rb_runs_read_csv(const char *path, rb_runs *out);
/* Adds what a JSON file of Google Benchmark holds. */
rb_status rb_runs_read_gbench(const char *path, rb_runs *out);

bool rb_run_ok(const rb_row *row); /* its status is ok */

#endif
