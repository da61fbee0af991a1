/* test_cli_study.c: the program's studies: runs, tables, what is refused, failing runs, killed studies that go on. */
#include "cli_util.h"

#include "regbench/study.h"
#include "report/csv_read.h"

#define GRID    "$R run cnn/grid -d cpu -t 1 --dataset sample --train-size 200 --valid-size 100 --epochs 1 --verify off "
#define ANIMALS "$R run %s -d cpu -t 1 --data . --train-size 12 --valid-size 8 --verify off -q -o csv --epochs "

static rb_csv table(const char *name) {
    char path[512];
    rb_csv csv;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (rb_csv_read(path, &csv) != RB_OK) fail_msg("%s: %s", path, rb_error_last()->text);
    return csv;
}

/* What must not depend on the clock, nor on how often somebody pulled the plug. */
static void trials_of(const char *name, rb_text *text) {
    static const char *const columns[] = {"study",       "strategy", "trial",  "case",       "parameters", "val_acc",
                                          "best_so_far", "test_acc", "status", "device_key", "seed",       "overrides"};
    rb_csv csv = table(name);
    rb_text_clear(text);
    for (int i = 0; i < csv.n_rows; i++)
        for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
            rb_text_printf(text, "%s%s", rb_csv_get(&csv, i, columns[c]),
                           c + 1 < sizeof columns / sizeof *columns ? "," : "\n");
    rb_csv_free(&csv);
}

static void a_grid(void **state) {
    (void)state;
    static const char *const names[] = {"cnn/grid-lr0.1-b256", "cnn/grid-lr0.1-b512", "cnn/grid-lr0.01-b256",
                                        "cnn/grid-lr0.01-b512"};
    assert_int_equal(shell(GRID "-o md -O grid -q"), 0);
    assert_has(out, "cnn/grid on cpu, seed 2021, epochs=1 train-size=200 valid-size=100 dataset=sample: grid, 4 runs");
    assert_has(out, "| lr \\ batch | 256 | 512 |\n|---|---:|---:|\n| 0.1 | 0.");
    assert_has(out, "\nbest: cnn/grid-lr0.");
    assert_has(out, ", test accuracy 0.");
    rb_csv trials = table("grid/trials.csv"), runs = table("grid/runs.csv");
    double best = 0;
    assert_int_equal(trials.n_rows, 4);
    assert_int_equal(runs.n_rows, 4);
    for (int i = 0; i < 4; i++) {
        double value = strtod(rb_csv_get(&trials, i, "val_acc"), NULL);
        best = value > best ? value : best;
        assert_true(strtod(rb_csv_get(&trials, i, "best_so_far"), NULL) == best);
        assert_string_equal(rb_csv_get(&trials, i, "case"), names[i]);
        assert_string_equal(rb_csv_get(&runs, i, "case"), names[i]);
        assert_string_equal(rb_csv_get(&trials, i, "run_id"), rb_csv_get(&runs, i, "run_id"));
        assert_string_equal(rb_csv_get(&trials, i, "val_acc"), rb_csv_get(&runs, i, "val_acc_best"));
        assert_string_equal(rb_csv_get(&trials, i, "test_acc"), rb_csv_get(&runs, i, "test_acc"));
        assert_non_null(strstr(rb_csv_get(&runs, i, "overrides"), rb_csv_get(&trials, i, "parameters")));
    }
    assert_string_equal(rb_csv_get(&runs, 2, "lr"), "0.01");
    rb_csv_free(&trials);
    rb_csv_free(&runs);
    /* Seeds multiply; one run by its name is that run. */
    assert_int_equal(shell(GRID "-s 1,2 --budget 3 -o md -O seeds -q"), 0);
    assert_has(out, "on cpu, seed 2, ");
    trials = table("seeds/trials.csv");
    assert_int_equal(trials.n_rows, 6);
    assert_string_equal(rb_csv_get(&trials, 3, "trial"), "1");
    rb_csv_free(&trials);
    assert_int_equal(shell("$R run cnn/grid-lr0.01-b256 -d cpu -t 1 --dataset sample --train-size 200 --valid-size 100 "
                           "--epochs 1 --verify off --checkpoint-every 1 -O one -q -o csv"),
                     0);
    rb_csv one = table("one/runs.csv"), all = table("grid/runs.csv");
    assert_int_equal(one.n_rows, 1);
    assert_string_equal(rb_csv_get(&one, 0, "val_acc_final"), rb_csv_get(&all, 2, "val_acc_final"));
    assert_string_equal(rb_csv_get(&one, 0, "workload_hash"), rb_csv_get(&all, 2, "workload_hash"));
    rb_csv_free(&one);
    rb_csv_free(&all);
    assert_int_equal(shell("[ ! -e one/trials.csv ] && $R summary one/checkpoints/*.safetensors"), 0);
    assert_has(out, "cnn/grid-lr0.01-b256: CNN");
    assert_int_equal(shell("$R predict one/checkpoints/*.safetensors -d cpu -o csv | wc -l"), 0);
    assert_true(atoi(rb_text_string(&out)) > 100);
}

static void before_anything_starts(void **state) {
    (void)state;
    static const struct {
        const char *arguments, *says;
    } refused[] = {
        {"run cnn/grid --budget 0", "--budget \"0\": must be an integer from 1"},
        {"run animals/tune-random --budget 10001", "at most 10000 in one session"},
        {"run size/mlp --budget 3", "no study here"},
        {"run cnn/grid --lr 0.5", "lr is what cnn/grid varies"},
        {"run cnn/grid --set batch=7", "batch is what cnn/grid varies"},
        {"run cnn/grid-lr0.1-b256 -B 7", "batch is what cnn/grid varies"},
        {"run cnn/grid --no-eval", "compares validation accuracies"},
        {"run trajectory/early-stop-gl --valid-size 100 --train-size 300 --no-eval",
         "trajectory/early-stop-gl stops by what evaluations tell"},
        {"run cnn/grid-lr0.5", "cnn/grid has no run \"cnn/grid-lr0.5\""},
        {"run animals/tune-random-03", "decides on its runs as it goes"},
        {"run cnn/gird", "did you mean \"cnn/grid\""},
        {"bench cnn/grid", "takes its base case, cnn/mnist"},
        {"plan cnn/grid-lr0.1-b256", "is a run of a study"},
        {"summary animals/tune-bayes", "takes its base case, animals/l1l2"},
        {"check cnn/grid", "is a study"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const char *folder_flag =
            strncmp(refused[i].arguments, "run", 3) == 0 ? " -d cpu --dataset sample -O refused" : "";
        if (strstr(refused[i].arguments, "animals")) folder_flag = "";
        int code = shell("$R %s%s", refused[i].arguments, folder_flag);
        if (code != 2) print_message("regbench %s: %s", refused[i].arguments, rb_text_string(&err));
        assert_int_equal(code, 2);
        assert_has(err, refused[i].says);
    }
    assert_int_equal(shell("[ -e refused ] || [ -e results ]"), 1);
    assert_int_equal(shell("$R list 'cnn/*grid' 'animals/tune-*' -o csv"), 0);
    rb_csv list = table("out");
    assert_int_equal(list.n_rows, 6);
    assert_string_equal(rb_csv_get(&list, 0, "case"), "cnn/grid");
    assert_string_equal(rb_csv_get(&list, 0, "runs"), "4");
    assert_string_equal(rb_csv_get(&list, 0, "dataset"), "mnist");
    assert_string_equal(rb_csv_get(&list, 5, "strategy"), "bayes");
    assert_string_equal(rb_csv_get(&list, 5, "runs"), "24");
    rb_csv_free(&list);
    assert_int_equal(shell(GRID "-s 1,2 --dry-run -o csv"), 0);
    rb_csv matrix = table("out");
    assert_int_equal(matrix.n_rows, 8);
    assert_string_equal(rb_csv_get(&matrix, 6, "case"), "cnn/grid-lr0.01-b256");
    assert_string_equal(rb_csv_get(&matrix, 6, "batch_size"), "256");
    rb_csv_free(&matrix);
    assert_int_equal(shell(ANIMALS "3 --budget 7 --dry-run", "animals/tune-coordinate"), 0);
    assert_has(out, "\nanimals/tune-coordinate-01..07,");
}

/* Decay of a thousand: a step multiplies by 1 - 1000 lr, which few rates survive. */
static void failing_runs_are_the_worst_trials(void **state) {
    (void)state;
    int failed = 0;
    assert_int_equal(shell(ANIMALS "30 --weight-decay 1000 --budget 8 -O failing -o md", "animals/tune-random"), 0);
    assert_has(out, "animals/tune-random on cpu, seed 2021");
    rb_csv trials = table("failing/trials.csv");
    double best = 0;
    assert_int_equal(trials.n_rows, 8);
    for (int i = 0; i < 8; i++) {
        const char *value = rb_csv_get(&trials, i, "val_acc");
        bool diverged = strcmp(rb_csv_get(&trials, i, "status"), "diverged") == 0;
        assert_int_equal(diverged, !*value);
        if (!diverged && strtod(value, NULL) > best) best = strtod(value, NULL);
        assert_true(strtod(rb_csv_get(&trials, i, "best_so_far"), NULL) == best);
        failed += diverged;
    }
    assert_true(failed > 0 && failed < 8);
    rb_csv_free(&trials);
    /* A run that crashed is done again, and is a trial as it ended then: the session is made to say that one did. */
    assert_int_equal(shell(ANIMALS "3 --budget 3 -O crashed\n"
                                   "sed -i '/\"runs\"/s/\\(-0002\".*\\)\"ok\"/\\1\"crash\"/' crashed/events.jsonl\n"
                                   "[ $(grep -c '\"crash\"' crashed/events.jsonl) = 1 ]",
                           "animals/tune-random"),
                     0);
    assert_int_equal(shell(ANIMALS "3 --budget 3 -O crashed --resume", "animals/tune-random"), 0);
    trials = table("crashed/trials.csv");
    assert_int_equal(trials.n_rows, 3);
    assert_string_equal(rb_csv_get(&trials, 1, "trial"), "3");
    assert_string_equal(rb_csv_get(&trials, 2, "trial"), "2");
    assert_non_null(strstr(rb_csv_get(&trials, 2, "run_id"), "-0004"));
    rb_csv_free(&trials);
}

/* A list's runs are cases: whoever asks for both gets them once. */
static void a_list(void **state) {
    (void)state;
    for (int again = 0; again < 2; again++) {
        assert_int_equal(shell(ANIMALS "3 -O list --resume", "animals/lr-0.001 animals/lr-sweep"), 0);
        rb_csv trials = table("list/trials.csv"), runs = table("list/runs.csv");
        assert_int_equal(runs.n_rows, 3);
        assert_int_equal(trials.n_rows, 3);
        assert_string_equal(rb_csv_get(&trials, 1, "case"), "animals/lr-0.001");
        assert_string_equal(rb_csv_get(&trials, 1, "run_id"), rb_csv_get(&runs, 0, "run_id"));
        assert_string_equal(rb_csv_get(&trials, 1, "parameters"), "");
        assert_string_equal(rb_csv_get(&trials, 2, "strategy"), "list");
        rb_csv_free(&trials);
        rb_csv_free(&runs);
    }
}

/* Killed hard after some trials, twice: resumed, it ends with the trials of the study that nobody disturbed. */
static void killed_studies_go_on(void **state) {
    (void)state;
    rb_text whole = {0}, cut = {0};
#ifdef REGBENCH_HAVE_GSL
    static const char *const studies[] = {"animals/tune-bayes", "animals/tune-coordinate"};
#else
    static const char *const studies[] = {"animals/tune-random", "animals/tune-coordinate"};
#endif
    for (int k = 0; k < 2; k++) {
        assert_int_equal(shell("rm -rf whole cut\n" ANIMALS "3 --budget 14 -O whole", studies[k]), 0);
        for (int after = 3; after < 14; after += 7)
            assert_int_equal(shell(ANIMALS
                                   "3 --budget 14 -O cut --resume & p=$!\n"
                                   "for i in $(seq 2000); do [ $(cat cut/trials.csv 2>/dev/null | wc -l) -gt %d "
                                   "] && break; sleep 0.01; done\n"
                                   "kill -KILL $p; wait $p; sleep 0.1; [ $(wc -l <cut/trials.csv) -gt %d ]",
                                   studies[k], after, after),
                             0);
        assert_int_equal(shell(ANIMALS "3 --budget 14 -O cut --resume", studies[k]), 0);
        trials_of("whole/trials.csv", &whole);
        trials_of("cut/trials.csv", &cut);
        assert_int_equal(lines(rb_text_string(&whole)), 14);
        assert_string_equal(rb_text_string(&cut), rb_text_string(&whole));
        assert_int_equal(shell(ANIMALS "3 --budget 14 -O cut --resume -v", studies[k]), 0);
        trials_of("cut/trials.csv", &cut); /* done is done */
        assert_string_equal(rb_text_string(&cut), rb_text_string(&whole));
    }
    rb_text_free(&whole);
    rb_text_free(&cut);
}

static int begin_with_pictures(void **state) { return begin(state) || shell(PICTURES); }

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_grid),
        cmocka_unit_test(before_anything_starts),
        cmocka_unit_test(failing_runs_are_the_worst_trials),
        cmocka_unit_test(a_list),
        cmocka_unit_test(killed_studies_go_on),
    };
    return cmocka_run_group_tests(tests, begin_with_pictures, end);
}
