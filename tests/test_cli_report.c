/* test_cli_report.c: the verb `report`: where the page goes, what stdout gets, exit codes; a recorded session shown,
 * and repeated by the command that the page gives. */
#include "cli_util.h"

#include "page_util.h"

static void session(const char *name, int n) {
    rb_text csv = {0};
    made_begin(folder, name, &csv);
    made_arm(&csv, (made){.name = "size/mlp"}, 1000, n);
    made_write(folder, name, "runs.csv", csv.data);
    rb_text_free(&csv);
}

static void pages_go_where_they_are_sent(void **state) {
    rb_text page = {0};
    (void)state;
    session("one", 7);
    assert_int_equal(shell("$R report one"), 0);
    assert_has(err, "wrote one/report.html");
    assert_string_equal(rb_text_string(&out), "");
    slurp("one/report.html", &page);
    cJSON *data = page_data(page.data);
    assert_int_equal(page_rows(data, "speeds"), 1);
    cJSON_Delete(data);
    assert_has(page, "<title>regbench report</title>");
    /* Made again, into a folder that is not there yet. */
    assert_int_equal(shell("$R report one -O deep/site/ --title 'A <b> & \"c\"'"), 0);
    slurp("deep/site/report.html", &page);
    assert_has(page, "<title>A &lt;b&gt; &amp; &quot;c&quot;</title>");
    assert_int_equal(shell("$R report -q one && [ ! -e one/report.html.tmp ]"), 0);
    assert_string_equal(rb_text_string(&err), "");
    /* By default all sessions below results/. */
    assert_int_equal(shell("mkdir -p results/vm && cp -r one results/vm/ && $R report && test -s results/report.html"),
                     0);
    /* Nothing is asked of anybody else: the only addresses are names of namespaces, and comments of Chart.js. */
    assert_has(page, "default-src 'none'");
    assert_null(strstr(page.data, "src=\"http"));
    assert_null(strstr(page.data, "href=\"http"));
    rb_text_free(&page);
}

static void other_formats_go_to_stdout(void **state) {
    (void)state;
    session("one", 7);
    assert_int_equal(shell("$R report one -o md --title Today"), 0);
    assert_has(out, "# Today\n\n- 7 runs of 1 case on 1 device of 1 machine");
    assert_has(out, "## Speeds\n\n| case ");
    assert_has(out, "| size/mlp | vm | cpu |");
    assert_null(strstr(rb_text_string(&out), "## Failures"));
    assert_int_equal(shell("$R report one -o json"), 0);
    cJSON *data = cJSON_Parse(rb_text_string(&out));
    assert_int_equal(page_rows(data, "speeds"), 1);
    cJSON_Delete(data);
    assert_int_equal(shell("$R report one -o json | head -c 10"), 0);
}

static void errors_say_what_and_where(void **state) {
    (void)state;
    session("one", 3);
    assert_int_equal(shell("$R report nowhere"), 2);
    assert_has(err, "cannot open nowhere");
    assert_int_equal(shell("mkdir bare && $R report bare"), 2);
    assert_has(err, "bare holds no session");
    assert_int_equal(shell("$R report one/runs.csv"), 2);
    assert_has(err, "is no folder");
    assert_int_equal(shell("$R report one -o csv"), 2);
    assert_has(err, "html");
    assert_int_equal(shell("$R report one -o md -O there"), 2);
    assert_has(err, "--out-dir is for the page");
    assert_int_equal(shell("$R report one -O one/runs.csv"), 2);
    assert_has(err, "one/runs.csv");
    assert_int_equal(shell("$R report one -o json >/dev/full"), 4);
    assert_has(err, "no room");
    if (geteuid() != 0) {
        assert_int_equal(shell("mkdir -m 555 locked && $R report one -O locked"), 2);
        assert_has(err, "locked");
    }
    /* A newer session alone is an error; beside another one it is left out, and the page says so. */
    assert_int_equal(shell("cp -r one new && sed -i '2,$s/^1,/9,/' new/runs.csv && $R report new"), 2);
    assert_has(err, "schema_version 9");
    assert_int_equal(shell("$R report one new -o md"), 0);
    assert_has(out, "Left out: new/runs.csv has schema_version 9");
}

/* What it shows of a real session, and that the command beside the row trains the same. */
static void a_session_is_repeated(void **state) {
    rb_text page = {0};
    (void)state;
    assert_int_equal(shell("$R " SMALL " -s 3 --no-plots -O real && $R report real"), 0);
    slurp("real/report.html", &page);
    cJSON *data = page_data(page.data);
    assert_int_equal(page_rows(data, "outcomes"), 1);
    assert_int_equal(page_rows(data, "curves"), 1);
    assert_true(page_rows(data, "environment") > 5);
    double accuracy = page_number(data, "outcomes", 0, "val_acc_final");
    const char *repeat = page_text(data, "outcomes", 0, "repeat");
    assert_int_equal(strncmp(repeat, "regbench run size/mlp", 21), 0);
    assert_int_equal(shell("regbench() { \"$R\" \"$@\" --no-plots -O again; }; %s && $R report again -o json", repeat),
                     0);
    char *json = strstr(rb_text_string(&out), "{\"format\"");
    cJSON *again = cJSON_Parse(json);
    assert_true(page_number(again, "outcomes", 0, "val_acc_final") == accuracy);
    assert_string_equal(page_text(again, "outcomes", 0, "overrides"), page_text(data, "outcomes", 0, "overrides"));
    assert_string_equal(page_text(again, "speeds", 0, "workload_hash"), page_text(data, "speeds", 0, "workload_hash"));
    cJSON_Delete(again);
    cJSON_Delete(data);
    rb_text_free(&page);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(pages_go_where_they_are_sent), TEST(other_formats_go_to_stdout),
                                       TEST(errors_say_what_and_where), TEST(a_session_is_repeated)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
