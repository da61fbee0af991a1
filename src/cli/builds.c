/* builds.c: two builds measured by turns. */
#include "cli/builds.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/flag_table.h"
#include "cli/process.h"
#include "cli/recorder.h"
#include "core/file.h"
#include "core/log.h"
#include "core/text.h"
#include "data/data.h"

enum { PROCESSES = 7, PROCESSES_QUICK = 5, MOST_WORDS = 256 };

/* --- finding a build ------------------------------------------------------------------------------------------------
 */

static bool is_program(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

/* What a command prints, up to its first line's end; false where it fails. */
static bool first_line_of(const char *command, char *out, size_t size) {
    FILE *from = popen(command, "re");
    bool good = from && fgets(out, (int)size, from);
    if (from) good &= pclose(from) == 0;
    if (good) out[strcspn(out, "\n")] = '\0';
    return good && out[0];
}

static bool find_commit(const char *build, char commit[64]) {
    rb_text command = {0};
    rb_text_append(&command, "git rev-parse --verify --quiet --end-of-options ");
    rb_text quoted = {0};
    rb_text_printf(&quoted, "%s^{commit}", build);
    rb_shell_quote(rb_text_string(&quoted), &command);
    rb_text_append(&command, " 2>/dev/null");
    bool found = !command.failed && !quoted.failed && first_line_of(command.data, commit, 64);
    rb_text_free(&quoted);
    rb_text_free(&command);
    return found && strlen(commit) >= 40;
}

static rb_status step(const char *const *argv, const char *log, const char *what) {
    int code = 0;
    rb_status status = rb_process_run(argv, log, log, &code);
    if (status == RB_OK && code != 0) {
        status = code == 127
                     ? rb_fail(RB_INPUT, "%s: there is no program \"%s\" here", what, argv[0])
                     : rb_fail(RB_INPUT, "%s: %s ended with code %d; its output is in %s", what, argv[0], code, log);
    }
    return status;
}

/* Checks the commit out beside the cache's builds, builds it as a release, moves the whole build folder into place: a
 * folder with the commit's name is always complete. */
static rb_status build_commit(const char *commit, const char *folder) {
    rb_status status = RB_OK;
    char jobs[16], what[96], fresh[RB_PATH], source[RB_PATH], build[RB_PATH], log[RB_PATH];
    RB_TRY(rb__path(fresh, sizeof fresh, "%s.%ld.tmp", folder, (long)getpid()));
    RB_TRY(rb__path(source, sizeof source, "%s/source", fresh));
    RB_TRY(rb__path(build, sizeof build, "%s/build", fresh));
    RB_TRY(rb__path(log, sizeof log, "%s.log", folder));
    const char *const checkout[] = {"git", "worktree", "add", "--force", "--detach", source, commit, NULL};
    const char *const forget[] = {"git", "worktree", "remove", "--force", source, NULL};
    const char *const configure[] = {
        "cmake", "-S", source, "-B", build, "-DCMAKE_BUILD_TYPE=Release", "-DREGBENCH_TESTS=OFF", NULL};
    const char *const make[] = {"cmake", "--build", build, "--parallel", jobs, NULL};
    const char *const sweep[] = {"rm", "-rf", fresh, NULL};
    int ignored;
    snprintf(jobs, sizeof jobs, "%ld", sysconf(_SC_NPROCESSORS_ONLN)); /* make's own idea is: all at once */
    snprintf(what, sizeof what, "building commit %.12s", commit);
    rb_log(RB_LOG_INFO, "%s (once; kept in %s)", what, folder);
    if (rb__make_folders(fresh) != 0) {
        status = rb_fail(RB_OUTPUT, "cannot make the folder %s", fresh);
        goto cleanup;
    }
    unlink(log);
    status = step(checkout, log, what);
    if (status == RB_OK) status = step(configure, log, what);
    if (status == RB_OK) status = step(make, log, what);
    rb_process_run(forget, log, log, &ignored); /* the user's repository is as before, whatever happened */
    /* Of two that built the same commit at once the second finds it in place. */
    if (status == RB_OK && rename(build, folder) != 0 && access(folder, F_OK) != 0)
        status = rb__write_failed(0, folder);
    rb_process_run(sweep, NULL, NULL, &ignored);
cleanup:
    return status;
}

rb_status rb_build_find(const char *build, char *program, size_t size) {
    rb_status status = RB_OK;
    char path[RB_PATH], cache[RB_PATH], commit[64];
    struct stat info;
    bool is_there = stat(build, &info) == 0;
    RB_TRY(rb__path(path, sizeof path, is_there && S_ISDIR(info.st_mode) ? "%s/regbench" : "%s", build));
    if (is_there && is_program(path)) {
        char *whole = realpath(path, NULL); /* a bare name would be looked for in PATH */
        status = whole ? rb__path(program, (int)size, "%s", whole) : rb_fail(RB_USAGE, "cannot find %s", path);
        free(whole);
        return status;
    }
    if (!find_commit(build, commit))
        return rb_fail(RB_USAGE,
                       "--build \"%s\": neither a program, nor a folder with `regbench` in it, nor a commit of the "
                       "repository here",
                       build);
    if (!rb__cache_folder(cache, sizeof cache))
        return rb_fail(RB_OUTPUT, "no cache folder to build in: set HOME or XDG_CACHE_HOME");
    RB_TRY(rb__path(path, sizeof path, "%s/builds/%.12s", cache, commit));
    RB_TRY(rb__path(program, (int)size, "%s/regbench", path));
    if (!is_program(program)) RB_TRY(build_commit(commit, path));
    if (!is_program(program)) status = rb_fail(RB_INPUT, "commit %.12s built no program %s", commit, program);
cleanup:
    return status;
}

/* --- measuring ------------------------------------------------------------------------------------------------------
 */

typedef struct work {
    const rb_options *o;
    rb_recorder *recorder;
    rb_runs *out;
    char program[2][RB_PATH];
    char scratch[RB_PATH]; /* sessions and output of the builds' own bench; goes away */
    int number;            /* of processes so far */
} work;

/* bench's flags as they were given, but those that are ours. */
static rb_status add_flags(const rb_options *o, rb_words *words) {
    static const rb_flag ours[] = {RB_FLAG_REPETITIONS, RB_FLAG_OUT_DIR, RB_FLAG_OUTPUT, RB_FLAG_VERBOSE,
                                   RB_FLAG_QUIET};
    rb_status status = RB_OK;
    for (int f = 0; f < RB_FLAGS; f++) {
        bool is_ours = !(rb__flags[f].verbs & (1u << RB_VERB_bench));
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) is_ours |= f == (int)ours[i];
        for (int i = 0; i < o->flag[f].n && !is_ours; i++) {
            rb_text word = {0};
            rb_text_printf(&word, rb__flags[f].rule == RULE_SWITCH ? "--%s" : "--%s=%s", rb__flags[f].name,
                           o->flag[f].at[i]);
            status = rb_text_status(&word);
            if (status == RB_OK) status = rb_words_add(words, word.data, word.length);
            rb_text_free(&word);
            if (status != RB_OK) return status;
        }
    }
    return status;
}

/* The last line that the build said on stderr, which tells best why there is nothing. */
static void last_line(const char *path, char *out, size_t size) {
    FILE *file = fopen(path, "re");
    char line[512];
    out[0] = '\0';
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0]) snprintf(out, size, "%s", line);
    }
    if (file) fclose(file);
}

/* Facts about the build's own machine and compiler, once per env_id. */
static rb_status adopt_env(work *w, const char *folder) {
    rb_status status = RB_OK;
    char path[RB_PATH], fresh[64] = "";
    rb_csv env;
    RB_TRY(rb__path(path, sizeof path, "%s/env.csv", folder));
    if (access(path, R_OK) != 0) return RB_OK;
    RB_TRY(rb_csv_read(path, &env));
    for (int i = 0; i < env.n_rows && status == RB_OK; i++) {
        const char *id = rb_csv_get(&env, i, "env_id");
        rb_row row;
        rb_runs_note_fact(w->out, rb_csv_get(&env, i, "name"), rb_csv_get(&env, i, "value"));
        if (strcmp(id, fresh) != 0 && rb_session_has_env(w->recorder->session, id)) continue;
        snprintf(fresh, sizeof fresh, "%s", id); /* its first fact makes it known */
        rb_row_begin(&row, RB_TABLE_env);
        rb_row_text(&row, RB_COL(env, env_id), id);
        rb_row_text(&row, RB_COL(env, name), rb_csv_get(&env, i, "name"));
        rb_row_text(&row, RB_COL(env, value), rb_csv_get(&env, i, "value"));
        rb_row_int(&row, RB_COL(env, stable), strcmp(rb_csv_get(&env, i, "stable"), "0") != 0);
        status = rb_session_row(w->recorder->session, &row);
        rb_row_end(&row);
    }
    rb_csv_free(&env);
cleanup:
    return status;
}

/* The rows that one process printed, into the session. */
static rb_status adopt_rows(work *w, int arm, const char *csv) {
    rb_status status = RB_OK;
    char label[1100], id[32];
    rb_runs got = {0};
    RB_TRY(rb_runs_read_csv(csv, &got));
    snprintf(label, sizeof label, "%c: %.1000s", 'A' + arm, w->o->flag[RB_FLAG_BUILD].at[arm]);
    for (int i = 0; i < got.n; i++) {
        rb_row *row = &got.rows[i];
        rb_session_run_id(w->recorder->session, id);
        rb_row_text(row, RB_COL(runs, run_id), id);
        rb_row_text(row, RB_COL(runs, session_id), rb_session_id(w->recorder->session));
        rb_row_text(row, RB_COL(runs, arm), label);
        RB_TRY(rb_session_row(w->recorder->session, row));
        RB_TRY(rb_runs_add(w->out, row));
    }
cleanup:
    rb_runs_free(&got);
    return status;
}

/* One process of one build: one value for each of the case's rows. */
static rb_status one_process(work *w, int arm, const char *name) {
    rb_status status = RB_OK;
    char folder[RB_PATH], csv[RB_PATH], err[RB_PATH], why[512];
    const char *argv[MOST_WORDS + 12];
    rb_words words = {0};
    int n = 0, code = 0;
    w->number++;
    RB_TRY(rb__path(folder, sizeof folder, "%s/%d", w->scratch, w->number));
    RB_TRY(rb__path(csv, sizeof csv, "%s.csv", folder));
    RB_TRY(rb__path(err, sizeof err, "%s.err", folder));
    RB_TRY(add_flags(w->o, &words));
    if (words.n > MOST_WORDS) {
        status = rb_fail(RB_USAGE, "more than %d flags and values for one bench", MOST_WORDS);
        goto cleanup;
    }
    const char *const first[] = {w->program[arm], "bench", name, "-r", "1", "-o", "csv", "-q", "-O", folder};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) argv[n++] = first[i];
    for (int i = 0; i < words.n; i++) argv[n++] = words.at[i];
    argv[n] = NULL;
    RB_TRY(rb_process_run(argv, csv, err, &code));
    /* A failed item is a row with its status, whatever the exit code; no row at all is the build's failure. */
    if (adopt_rows(w, arm, csv) != RB_OK) {
        bool no_rows = rb_error_last()->status == RB_INPUT || rb_error_last()->status == RB_MISSING;
        last_line(err, why, sizeof why);
        if (!no_rows || code == 0) {
            status = rb_error_last()->status;
            goto cleanup;
        }
        rb_error_clear();
        status = rb_fail(RB_INPUT, "build %c (%s) gives no rows: `bench %s` ended with code %d%s%s", 'A' + arm,
                         w->program[arm], name, code, why[0] ? ": " : "", why);
        goto cleanup;
    }
    RB_TRY(adopt_env(w, folder));
cleanup:
    rb_words_free(&words);
    return status;
}

static rb_status measure(work *w, int repetitions) {
    rb_status status = RB_OK;
    const rb_words *names = &w->o->names;
    int total = 2 * names->n * repetitions;
    for (int rep = 0; rep < repetitions; rep++)
        for (int k = 0; k < names->n; k++)
            for (int turn = 0; turn < 2; turn++) { /* A B of one case side by side, B A the next time */
                const char *name = names->at[rep % 2 ? names->n - 1 - k : k];
                int arm = (turn + rep) % 2;
                char label[200];
                snprintf(label, sizeof label, "%.100s with build %c", name, 'A' + arm);
                rb_bar_item(&w->recorder->bar, w->number, total, label);
                status = one_process(w, arm, name);
                rb_bar_clear(&w->recorder->bar);
                if (status != RB_OK) return status;
            }
    return status;
}

rb_status rb_builds_measure(const rb_options *o, rb_runs *out) {
    rb_status status = RB_OK;
    rb_recorder recorder = {0};
    work w = {.o = o, .recorder = &recorder, .out = out};
    const char *folder = getenv("TMPDIR");
    int ignored, repetitions = (int)rb_value_int(o, RB_FLAG_REPETITIONS,
                                                 rb_given(o, RB_FLAG_QUICK) ? PROCESSES_QUICK : PROCESSES);
    memset(out, 0, sizeof *out);
    if (repetitions > 1000) return rb_fail(RB_USAGE, "--repetitions \"%d\": must be at most 1000", repetitions);
    for (int arm = 0; arm < 2; arm++)
        RB_TRY(rb_build_find(o->flag[RB_FLAG_BUILD].at[arm], w.program[arm], sizeof w.program[arm]));
    RB_TRY(rb_recorder_open(&recorder, o));
    RB_TRY(rb__path(w.scratch, sizeof w.scratch, "%s/regbench-compare-XXXXXX", folder && *folder ? folder : "/tmp"));
    if (!mkdtemp(w.scratch)) {
        w.scratch[0] = '\0';
        status = rb_fail(RB_OUTPUT, "cannot make a folder for what the builds write; set TMPDIR");
        goto cleanup;
    }
    out->path = strdup(rb_session_dir(recorder.session));
    RB_TRY(measure(&w, repetitions));
    rb_log(RB_LOG_INFO, "results in %s", rb_session_dir(recorder.session));
cleanup:
    if (w.scratch[0]) {
        const char *const sweep[] = {"rm", "-rf", w.scratch, NULL};
        rb_process_run(sweep, NULL, NULL, &ignored);
    }
    rb_recorder_close(&recorder);
    if (status != RB_OK) rb_runs_free(out);
    return status;
}
