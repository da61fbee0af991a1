/* published.h: sets of results that are passed on: what lies in them, whether it holds, and the tables made of them.
 *
 * A set is a folder with any number of sessions in it, as regbench or bench/peers/alternate wrote them: TABLE.csv
 * files, in the set itself or in folders below. Beside them README.md says how it was made. Two lines of it are read
 * here:
 *
 *     Claims: seeds 5, processes 10      every case has at least so many seeds (phase run), processes (phase bench)
 *     Admits: historical, disturbed      kinds of findings that are known and said
 *
 * SHA256SUMS (the format of sha256sum) seals the set: all files but prose. */
#ifndef RB_PUBLISHED_PUBLISHED_H
#define RB_PUBLISHED_PUBLISHED_H

#include "regbench/report.h"

struct rb_text;

/* One file of a set. Rows are kept of runs, peaks and env alone: the tables are made of these; row i stands in line i
 * + 2. */
typedef struct rb_published_file {
    char *path;     /* to open it */
    char *name;     /* below the set: "cpu/runs.csv" */
    rb_table table; /* RB_TABLES: no table of ours */
    rb_row *rows;
    int n, capacity;
    char *trouble; /* why it could not be read; NULL */
} rb_published_file;

typedef struct rb_published_set {
    char *path, *name;
    rb_published_file *files;
    int n, capacity;
    char *readme;    /* its README.md, "" where there is none */
    char latest[32]; /* start of its last run, ISO 8601; "" without runs */
} rb_published_set;

typedef struct rb_published {
    rb_published_set *sets;
    int n;
} rb_published;

/* `paths`: sets, or folders with sets in them, in any order; none twice. What is wrong with a single file is no
 * failure: the file's `trouble` says it. RB_MISSING: nothing there; RB_INPUT: unreadable folders. */
rb_status rb_published_read(const char *const *paths, int n, rb_published *out);
/* The folder itself, whatever it holds: a set that is about to be sealed. */
rb_status rb_published_read_set(const char *path, rb_published *out);
void rb_published_free(rb_published *p);

/* The line "KEY: .." of README.md in the folder of file `name` ("cpu/runs.csv"), else of the set's; "" where there is
 * none. To be freed. NULL: out of memory. */
char *rb_published_line(const rb_published_set *set, const char *name, const char *key);
/* The file of that name in the folder in which `beside` lies. NULL: there is none. */
const rb_published_file *rb_published_beside(const rb_published_set *set, const rb_published_file *beside,
                                             const char *name);

/* The row counts for the tables: a whole measurement of training steps that ended well, on real data. */
bool rb_published_is_speed(const rb_row *runs);

/* --- checks --------------------------------------------------------------------------------------------------------
 */

typedef struct rb_findings {
    rb_row *rows; /* (n) of `result_findings` */
    int n, capacity;
    int bad; /* of which so many are neither notes nor admitted by README.md */
} rb_findings;

/* Everything that can be checked without running anything: checksums, schema, plausibility, consistency of the files
 * with each other, what README.md claims. `sealed`: also that SHA256SUMS holds. */
rb_status rb_published_check(const rb_published_set *set, bool sealed, rb_findings *out);
void rb_findings_free(rb_findings *f);

typedef enum rb_finding_kind {
    RB_BAD,
    RB_NOTE,
    RB_ADMIT_DIRTY,
    RB_ADMIT_HISTORICAL,
    RB_ADMIT_DISTURBED,
    RB_ADMIT_UNVERIFIED,
    RB_ADMIT_FAILED
} rb_finding_kind;
/* For the parts of the check. `file` may be NULL: the set; line 0: the file. */
rb_status rb_finding(rb_findings *f, const rb_published_set *set, const char *file, int line, rb_finding_kind kind,
                     const char *check, const char *fmt, ...) RB_PRINTF(7, 8);
rb_status rb_check_runs(const rb_published_set *set, const rb_published_file *file, rb_findings *f);
rb_status rb_check_epochs(const rb_published_set *set, const rb_published_file *file, rb_findings *f);
rb_status rb_check_ratios(const rb_published_set *set, const rb_published_file *file, rb_findings *f);
rb_status rb_check_sums(const rb_published_set *set, rb_findings *f);

/* Writes SHA256SUMS anew. */
rb_status rb_published_seal(const rb_published_set *set);

/* --- tables --------------------------------------------------------------------------------------------------------
 */

/* What a table is to show; a NULL list is all. Lists are separated by commas, with * as in a shell;
 * sets may be "newest": the newest set that has such rows (of speeds: beside a peer). */
typedef struct rb_published_choice {
    const char *sets, *cases, *machines, *peers;
} rb_published_choice;
bool rb_published_chosen(const char *list, const char *word);

/* Rows of `result_devices`, `result_regularizers`, `result_machines`, `result_sets`, to be ended and freed by the
 * caller. */
rb_status rb_published_devices(const rb_published *p, const rb_published_choice *choice, rb_row **rows, int *n);
rb_status rb_published_regularizers(const rb_published *p, const rb_published_choice *choice, rb_row **rows, int *n);
rb_status rb_published_machines(const rb_published *p, const rb_published_choice *choice, rb_row **rows, int *n);
rb_status rb_published_sets(const rb_published *p, const rb_published_choice *choice, rb_row **rows, int *n);
/* These by name: devices, speeds (the same rows, side by side for people), regularizers, machines, sets; *table is
 * theirs. RB_USAGE with the names. */
rb_status rb_published_table(const rb_published *p, const char *name, const rb_published_choice *choice, rb_row **rows,
                             int *n, rb_table *table);

/* The rows of the table of that name as Markdown for people; links are relative to `folder`, that of the document. */
rb_status rb_published_markdown(const rb_published *p, const char *name, const rb_row *rows, int n, const char *folder,
                                struct rb_text *out);

/* Makes the blocks of a document anew, between "<!-- results: TABLE sets=.. cases=.. machines=.. peers=.. -->" and
 * "<!-- end -->". *changed: they were others. With `write` the file is replaced where they were. RB_INPUT: a block
 * without end, an unknown table, a document without blocks. */
rb_status rb_published_document(const rb_published *p, const char *path, bool write, bool *changed);

#endif
