/* test_export.c: the verbs export and columns: sessions as SQL, CSV and JSON; names taken out; damaged files refused.
 */
#include "cli_util.h"

/* A session as somebody called erika on the host falcon.lab.example recorded it. */
static void record(const char *name, const char *id, int n) {
    char path[256];
    rb_session *s;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    rb_session_options options = {.out_dir = path, .machine = "falcon"};
    assert_int_equal(rb_session_open(&options, &s), RB_OK);
    static const char *const facts[][2] = {{"host", "falcon.lab.example"},
                                           {"SLURM_JOB_USER", "erika"},
                                           {"SLURM_SUBMIT_DIR", "secret/project"},
                                           {"compiler_flags", "-O3 -I/opt/erika/include"},
                                           {"os", "Debian GNU/Linux 12"}};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        rb_row row;
        rb_row_begin(&row, RB_TABLE_env);
        rb_row_text(&row, RB_COL(env, env_id), id);
        rb_row_text(&row, RB_COL(env, name), facts[i][0]);
        rb_row_text(&row, RB_COL(env, value), facts[i][1]);
        assert_int_equal(rb_session_row(s, &row), RB_OK);
        rb_row_end(&row);
    }
    for (int i = 0; i < n; i++) {
        rb_row row;
        rb_row_begin(&row, RB_TABLE_runs);
        rb_row_text(&row, RB_COL(runs, run_id), id);
        rb_row_text(&row, RB_COL(runs, machine), "falcon");
        rb_row_text(&row, RB_COL(runs, case), "size/mlp");
        rb_row_text(&row, RB_COL(runs, status), i ? "bad-input" : "ok");
        if (i) rb_row_text(&row, RB_COL(runs, status_reason), "falcon: erika's /home/erika/x.png: 3 of 1/2, \"no\"");
        if (i) rb_row_text(&row, RB_COL(runs, resumed_from), "mine/checkpoints/a.safetensors");
        rb_row_int(&row, RB_COL(runs, seed), 4294967295LL + i);
        rb_row_real(&row, RB_COL(runs, samples_per_s), 1e6 / 3);
        assert_int_equal(rb_session_row(s, &row), RB_OK);
        rb_row_end(&row);
    }
    rb_session_close(s);
}

/* One answer of a query through the program's own database. */
static void ask(const char *query) { assert_int_equal(shell("sqlite3 -bail all.sqlite \"%s\"", query), 0); }

static void a_database_of_all_sessions(void **state) {
    (void)state;
    record("all/a", "aaaa-0001", 1);
    record("all/b", "bbbb-0001", 2);
    int code = shell("$R export -o sql --to all.sqlite all all/a all/b/runs.csv");
    if (code == 2 && strstr(rb_text_string(&err), "no SQLite")) skip();
    assert_int_equal(code, 0);
    assert_has(err, "13 rows in all.sqlite"); /* each file once */
    if (shell("command -v sqlite3") != 0) skip();
    ask("select count(*), sum(seed), typeof(samples_per_s), min(status_reason) is not null from runs");
    assert_string_equal(rb_text_string(&out), "3|12884901886|real|1\n");
    ask("select group_concat(status) from runs where run_id like 'b%'");
    assert_string_equal(rb_text_string(&out), "ok,bad-input\n");
    ask("select count(*) from runs where val_acc_final is null");
    assert_string_equal(rb_text_string(&out), "3\n");
    ask("select count(*) from pragma_table_info('runs')");
    assert_int_equal(atoi(rb_text_string(&out)), rb_table_columns(RB_TABLE_runs));
    ask("pragma user_version");
    assert_int_equal(atoi(rb_text_string(&out)), RB_SCHEMA_VERSION);
    /* Made anew, not added to; another program's file is left alone. */
    assert_int_equal(shell("$R export -o sql --to all.sqlite all/a"), 0);
    ask("select count(*) from runs");
    assert_string_equal(rb_text_string(&out), "1\n");
    assert_int_equal(shell("echo mine >notes; $R export -o sql --to notes all/a; code=$?; cat notes; exit $code"), 2);
    assert_string_equal(rb_text_string(&out), "mine\n");
    assert_has(err, "not made by `regbench export`");
    assert_int_equal(shell("$R export -o sql --to no/such/folder.sqlite all/a"), 2);
    assert_int_equal(shell("ls *.tmp 2>/dev/null"), 2);
}

static void one_table_on_stdout(void **state) {
    (void)state;
    record("two/a", "aaaa-0001", 1);
    record("two/b", "bbbb-0001", 2);
    assert_int_equal(shell("$R export -o csv two"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 1 + 3);
    assert_int_equal(strncmp(rb_text_string(&out), "schema_version,run_id,", 22), 0);
    assert_int_equal(shell("$R export two/a -o csv >1; cmp 1 two/a/runs.csv"), 0); /* a session's own file again */
    assert_int_equal(shell("$R export two/a/events.jsonl -o csv >1; cmp 1 two/a/runs.csv"), 0);
    assert_int_equal(shell("$R export -o json --table env two/b"), 0);
    assert_has(out, "\"value\":\"Debian GNU/Linux 12\"");
    assert_int_equal(shell("$R export -o csv --table steps two"), 0); /* none was recorded: the header */
    assert_int_equal(lines(rb_text_string(&out)), 1);
    /* What a newer program set aside, or bench/peers/alternate gathered from parts, is there already. */
    assert_int_equal(shell("cp two/a/runs.csv two/a/runs.1.csv; $R export -o csv two"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 1 + 3);
    assert_int_equal(
        shell("mkdir -p sit/sessions; cp -r two/b sit/sessions/b; cp two/b/runs.csv sit; $R export -o csv sit"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 1 + 2);
    assert_int_equal(shell("$R export -o csv --table env sit"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 1 + 5);
}

static void nobody_is_named(void **state) {
    (void)state;
    record("names", "cccc-0001", 2);
    assert_int_equal(shell("$R export -o csv --redact names && $R export -o csv --redact --table env names"), 0);
    static const char *const gone[] = {"falcon", "erika", "/home", "secret", "checkpoints", "SLURM", "lab.example"};
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        if (strstr(rb_text_string(&out), gone[i])) fail_msg("\"%s\" is in:\n%s", gone[i], rb_text_string(&out));
    assert_has(out, ": user");
    assert_has(out, "'s <path>: 3 of 1/2, \"\"no\"\"");
    assert_has(out, "-O3 -I<path>");
    assert_has(out, "Debian GNU/Linux 12");
    assert_has(out, "size/mlp");
    assert_has(out, ",<path>,");
}

static void what_cannot_be_read_is_refused(void **state) {
    (void)state;
    record("bad", "dddd-0001", 2);
    static const struct {
        const char *make, *arguments, *says;
    } cases[] = {
        {"", "", "which sessions?"},
        {"", "nowhere", "nowhere"},
        {"mkdir -p empty", "empty", "holds no CSV file"},
        {"", "bad -o md", "sql|csv|json"},
        {"", "bad --table run", "did you mean \"runs\""},
        {"", "bad -o csv --to x", "--to"},
        {"cp bad/run* . ; echo x >notes.txt", "notes.txt", "neither events.jsonl nor TABLE.csv"},
        {"sed 's/,seed,/,sneed,/' bad/runs.csv >runs.csv", "runs.csv", "no column \"sneed\""},
        {"sed '2s/^1,/2,/' bad/runs.csv >runs.csv", "runs.csv", "row 2: schema_version"},
        {"sed '3s/,4294967296,/,many,/' bad/runs.csv >runs.csv", "runs.csv", "row 3: seed \"many\" is no number"},
        {"head -c -9 bad/runs.csv >runs.csv", "runs.csv", "runs.csv, row"},
        {"head -c -5 bad/events.jsonl >events.jsonl", "events.jsonl", "ends in the middle"},
        {"echo '{}' >events.jsonl", "events.jsonl", "line 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int code = shell("%s\n$R export -o csv %s", cases[i].make, cases[i].arguments);
        if (code != 2) fail_msg("%s: exit code %d", cases[i].says, code);
        assert_has(err, cases[i].says);
        assert_string_equal(rb_text_string(&out), "");
    }
}

static void columns_are_documented(void **state) {
    (void)state;
    assert_int_equal(shell("$R columns -o md >columns.md; cmp columns.md " TEST_FOLDER "/../results/columns.md || {\n"
                           "echo 'run: regbench columns -o md >results/columns.md' >&2; exit 1; }"),
                     0);
    assert_int_equal(shell("$R columns -o csv runs windows"), 0);
    assert_int_equal(lines(rb_text_string(&out)),
                     1 + rb_table_columns(RB_TABLE_runs) + rb_table_columns(RB_TABLE_windows));
    assert_int_equal(shell("$R columns run"), 2);
    assert_has(err, "did you mean \"runs\"");
    assert_int_equal(shell("$R columns -o xml"), 2);
    if (shell("command -v sqlite3") == 0) assert_int_equal(shell("$R columns -o sql | sqlite3 -bail :memory:"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_database_of_all_sessions),
        cmocka_unit_test(one_table_on_stdout),
        cmocka_unit_test(nobody_is_named),
        cmocka_unit_test(what_cannot_be_read_is_refused),
        cmocka_unit_test(columns_are_documented),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
