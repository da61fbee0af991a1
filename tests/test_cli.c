/* test_cli.c: the program from outside: what it takes and prints. Runs it on the reference backend. */
#include "cli_util.h"

/* --- usage ----------------------------------------------------------------------------------------------------------
 */

static void usage_errors_name_what_and_suggest(void **state) {
    static const struct {
        const char *arguments;
        int code;
        const char *says; /* part of the one line on stderr */
    } cases[] = {
        {"rnu", 2, "did you mean \"run\"?"},
        {"frobnicate", 2, "unknown verb \"frobnicate\""},
        {"run", 2, "needs a case"},
        {"run size/mlp --no-eval --target 0.5", 2, "--no-eval and --target contradict each other"},
        {"run size/mlp --max-steps 3 --checkpoint-every 1", 2, "--max-steps and --checkpoint-every contradict"},
        {"run size/mlp -d reference --from nowhere -n", 2, "cannot open nowhere"},
        {"report ''", 2, "an empty word is no name"},
        {"devices ''", 2, "takes no \"\""},
        {"report a,b", 2, "cannot open a,b: "},
        {"run size/mpl", 2, "did you mean \"size/mlp\"?"},
        {"run 'zzz/*'", 2, "matches no case"},
        {"run size/mlp -d cup", 2, "did you mean \"cpu\"?"},
        {"run size/mlp -d reference:", 2, "reference:"},
        {"run size/mlp -d reference:9", 77, "reference:9"},
        {"bench size/mlp -d reference:9", 77, "reference:9"},
        {"run size/mlp --bacth 3", 2, "did you mean --batch?"},
        {"run size/mlp -z", 2, "unknown flag -z"},
        {"run size/mlp --lr", 2, "--lr needs an argument"},
        {"run size/mlp --lr --seed 1", 2, "--lr needs an argument"},
        {"run size/mlp --batch 0", 2, "--batch \"0\""},
        {"run size/mlp --batch 1e3", 2, "--batch \"1e3\""},
        {"run size/mlp --batch 99999999999", 2, "--batch"},
        {"run size/mlp --batch 64-16", 2, "backwards"},
        {"run size/mlp --batch 1-600000000", 2, "more than"},
        {"run size/mlp --batch 1,,2", 2, "--batch \"\""},
        {"run size/mlp --batch '64-1024*1'", 2, "FACTOR"},
        {"run size/mlp --lr nan", 2, "--lr \"nan\""},
        {"run size/mlp --lr inf", 2, "--lr \"inf\""},
        {"run size/mlp --lr 0", 2, "above 0"},
        {"run size/mlp --lr 1e-60", 2, "--lr \"1e-60\""},
        {"run size/mlp --lr 0.1x", 2, "--lr \"0.1x\""},
        {"run size/mlp --epochs -1", 2, "--epochs \"-1\""},
        {"run size/mlp --momentum 1", 2, "without 1"},
        {"run size/mlp --dropout -0.1", 2, "--dropout"},
        {"run size/mlp --l1 -1", 2, "--l1"},
        {"run size/mlp --seed -1", 2, "--seed"},
        {"run size/mlp --optimizer sgb", 2, "did you mean \"sgd\"?"},
        {"run size/mlp -o cvs", 2, "did you mean \"csv\"?"},
        {"run size/mlp --set hidden1", 2, "NAME=VALUE"},
        {"run size/mlp -d reference --set hiden1.units=3", 2, "hiden1.units"},
        {"run size/mlp --resume", 2, "--out-dir"},
        {"run size/mlp --no-eval=1", 2, "takes no argument"},
        {"run size/mlp --machine ../up", 2, "--machine"},
        {"run size/mlp --seed 4294967296", 2, "from 0 to 4294967295"},
        {"run size/mlp --seed 1-", 2, "--seed \"1-\""},
        {"run size/mlp --batch 4-x", 2, "--batch \"4-x\""},
        {"list --lr 3", 2, "takes no --lr"},
        {"list --data .", 2, "takes no --data"},
        {"bench size/mlp -r 0", 2, "--repetitions"},
        {"bench size/mlp --verify quik", 2, "did you mean \"quick\"?"},
        {"devices cpu", 2, "takes no \"cpu\""},
        {"summary", 2, "needs a case"},
        {"summary 'size/*'", 2, "takes one case"},
        {"data pth fashion", 2, "did you mean \"path\"?"},
        {"data path fashoin", 2, "did you mean \"fashion\"?"},
        {"data list -o x", 2, "md|csv|json"},
        {"--lr 3", 2, "the verb comes first"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int code = shell("$R %s", cases[i].arguments);
        if (code != cases[i].code) print_message("regbench %s: %s", cases[i].arguments, rb_text_string(&err));
        assert_int_equal(code, cases[i].code);
        assert_has(err, cases[i].says);
        assert_int_equal(lines(rb_text_string(&err)), 1);
        assert_string_equal(rb_text_string(&out), "");
    }
}

static void without_a_verb_the_help_goes_to_stderr(void **state) {
    (void)state;
    assert_int_equal(shell("$R"), 2);
    assert_has(err, "usage: regbench");
    assert_string_equal(rb_text_string(&out), "");
}

static void the_environment_speaks_and_the_command_line_wins(void **state) {
    (void)state;
    assert_int_equal(shell("REGBENCH_BATCH=0 $R run size/mlp"), 2);
    assert_has(err, "REGBENCH_BATCH \"0\"");
    assert_int_equal(shell("REGBENCH_BATCH=32 REGBENCH_DEVICE=reference $R run size/mlp -n -o csv"), 0);
    assert_has(out, ",32,");
    assert_int_equal(shell("REGBENCH_BATCH=32 $R run size/mlp -d reference -n -o csv -B 16"), 0);
    assert_has(out, ",16,");
    assert_null(strstr(rb_text_string(&out), ",32,"));
    /* REGBENCH_DATA is a place to look, not an order: a folder that is gone is no error. */
    assert_int_equal(shell("REGBENCH_DATA=/nowhere $R run size/mlp -d reference -n"), 0);
    assert_has(err, "REGBENCH_DATA=/nowhere");
    assert_int_equal(shell("$R run size/mlp -d reference -n --data /nowhere"), 2);
    assert_int_equal(shell("REGBENCH_ISA=sse9 $R devices"), 2);
    assert_has(err, "REGBENCH_ISA=sse9");
    assert_int_equal(shell("REGBENCH_NO_EVAL=maybe $R run size/mlp -d reference -n"), 2);
    assert_has(err, "REGBENCH_NO_EVAL");
}

static void lists_and_ranges_multiply(void **state) {
    (void)state;
    assert_int_equal(shell("$R run 'size/m*' -d reference -n -o csv -s 1-3,7 -B '64-256*2' --lr 0.1 --lr 1 "
                           "--set hidden1.units=8,16"),
                     0);
    assert_int_equal(lines(rb_text_string(&out)), 1 + 4 * 3 * 2 * 2);
    assert_has(out, ",256,");
    assert_has(out, "hidden1.units=16");
    assert_int_equal(shell("$R run size/mlp,size/mlp 'size/ml?' -d reference,reference:0 -n -o csv"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 2); /* each once */
    assert_int_equal(shell("$R run size/mlp -d reference -n -o csv -s 1,1,01 --lr 0.1,0.10,1e-1 "
                           "--set hidden1.units=8,8"),
                     0);
    assert_int_equal(lines(rb_text_string(&out)), 2);
}

static void help_names_every_flag_of_the_verb(void **state) {
    static const struct {
        const char *verb, *flags[24];
    } verbs[] = {
        {"devices", {"--device", "--output", "--timeout"}},
        {"list", {"--output"}},
        {"run", {"--device", "--seed",      "--batch",        "--epochs",     "--lr",        "--momentum",
                 "--l1",     "--l2",        "--weight-decay", "--dropout",    "--optimizer", "--train-size",
                 "--set",    "--max-steps", "--no-eval",      "--trajectory", "--threads",   "--provider",
                 "--data",   "--out-dir",   "--machine",      "--resume",     "--dry-run"}},
        {"bench",
         {"--repetitions", "--quick", "--verify", "--batch", "--device", "--out-dir", "--machine", "--output"}},
        {"summary", {"--set"}},
        {"plan", {"--device", "--batch"}},
        {"check", {"--device", "--data", "--timeout"}},
        {"data", {"--data", "--rows", "--columns", "--output"}},
    };
    (void)state;
    assert_int_equal(shell("$R --help"), 0);
    for (size_t v = 0; v < sizeof verbs / sizeof *verbs; v++) assert_has(out, verbs[v].verb);
    for (size_t v = 0; v < sizeof verbs / sizeof *verbs; v++) {
        assert_int_equal(shell("$R %s --help", verbs[v].verb), 0);
        assert_has(out, "examples:");
        assert_has(out, "--help");
        for (int f = 0; verbs[v].flags[f]; f++) assert_has(out, verbs[v].flags[f]);
        assert_string_equal(rb_text_string(&err), "");
    }
    /* Where a flag is another thing to a verb, its own help says so, and nothing of the others. */
    assert_int_equal(shell("$R export --help"), 0);
    assert_has(out, "--output sql|csv|json ");
    assert_null(strstr(rb_text_string(&out), "PNG"));
    assert_null(strstr(rb_text_string(&out), "Lists:"));
    assert_int_equal(shell("$R data --help"), 0);
    assert_has(out, "the PNG file");
    assert_has(out, "Every flag but --help and --output has a variable");
    assert_has(out, "REGBENCH_DATA is one of the places");
    assert_int_equal(shell("$R list --help"), 0);
    assert_has(out, "Every flag but --help has a variable");
    assert_null(strstr(rb_text_string(&out), "REGBENCH_DATA"));
    assert_int_equal(shell("$R --version"), 0);
    assert_int_equal(strncmp(rb_text_string(&out), "regbench ", 9), 0);
}

/* --- output ---------------------------------------------------------------------------------------------------------
 */

static void csv_is_exactly_header_and_rows(void **state) {
    static const struct {
        const char *arguments;
        rb_table table;
        int rows;
    } cases[] = {
        {SMALL " -s 1,2 -O csv-run -o csv", RB_TABLE_runs, 2},
        {"bench size/mlp -d reference -B 4,8 --train-size 64 --quick -r 2 -O csv-bench -o csv", RB_TABLE_runs, 2},
        {"devices -d reference -o csv", RB_TABLE_devices, 1},
        {"list size/mlp -o csv", RB_TABLE_cases, 1},
    };
    (void)state;
    rb_text header = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(shell("$R %s", cases[i].arguments), 0);
        rb_text_clear(&header);
        rb_csv_header(cases[i].table, &header);
        assert_int_equal(strncmp(rb_text_string(&out), rb_text_string(&header), header.length), 0);
        assert_int_equal(lines(rb_text_string(&out)), 1 + cases[i].rows);
        assert_null(strstr(rb_text_string(&out), "nan"));
    }
    rb_text_free(&header);
}

static void a_run_writes_its_files(void **state) {
    (void)state;
    assert_int_equal(shell("$R " SMALL " --trajectory -O files -o md"), 0);
    assert_has(out, "| size/mlp");
    assert_has(out, "precision");
    assert_has(err, "results in files");
    static const struct {
        const char *file;
        int rows;
    } files[] = {{"files/runs.csv", 1}, {"files/epochs.csv", 1}, {"files/steps.csv", 3}, {"files/classes.csv", 10}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        slurp(files[i].file, &out);
        assert_int_equal(lines(rb_text_string(&out)), 1 + files[i].rows);
    }
    slurp("files/env.csv", &out);
    assert_true(lines(rb_text_string(&out)) > 3);
    assert_has(out, ",reference.device,");
    slurp("files/run.log", &out);
    assert_has(out, "size/mlp on reference");
}

/* A cell of the first row that was printed. */
static const char *cell(const char *name) {
    static char value[256];
    const char *at = strchr(rb_text_string(&out), '\n') + 1;
    bool quoted = false;
    size_t n = 0;
    for (int left = rb_column_find(RB_TABLE_runs, name); *at && *at != '\n' && left >= 0; at++) {
        if (*at == '"') quoted = !quoted;
        if (*at == ',' && !quoted)
            left--;
        else if (left == 0 && n < sizeof value - 1)
            value[n++] = *at;
    }
    value[n] = '\0';
    return value;
}

static void rows_say_what_ran(void **state) {
    (void)state;
    assert_int_equal(shell("$R run size/mlp -d reference --train-size 100 --epochs 1 -B 512 --lr 0.1 -o csv -O ran"),
                     0);
    assert_string_equal(cell("batch_size"), "100"); /* not what was asked for */
    assert_string_equal(cell("lr"), "0.1");
    assert_string_equal(cell("verify"), "quick");
    assert_true(strlen(cell("verify_max_rel_err")) > 0);
    assert_string_equal(cell("overrides"), "epochs=1 lr=0.1 train-size=100 batch=512");
    assert_int_equal(shell("$R run size/mlp -d reference --max-steps 2 --no-eval --verify off -o csv -O short"), 0);
    assert_string_equal(cell("overrides"), "max-steps=2 no-eval");
    assert_string_equal(cell("verify"), "off");
    /* Seeds of one case take over what the first found. */
    assert_int_equal(shell("$R run size/mlp -d reference --max-steps 2 -s 1,2 -o csv -O two"), 0);
    assert_int_equal(shell("cut -d, -f 2 two/runs.csv | tail -n +2 | sort | uniq | wc -l"), 0);
    assert_string_equal(rb_text_string(&out), "2\n");
    assert_int_equal(shell("grep -c ',quick,' two/runs.csv"), 0);
    assert_string_equal(rb_text_string(&out), "2\n");
}

static void max_steps_evaluates_once_after_the_last_step(void **state) {
    (void)state;
    assert_int_equal(shell("$R run size/mlp -d reference -B 32 --max-steps 2 --trajectory -O steps -o csv"), 0);
    slurp("steps/epochs.csv", &out);
    assert_int_equal(lines(rb_text_string(&out)), 2);
    const char *row = strchr(rb_text_string(&out), '\n') + 1;
    assert_non_null(strstr(row, "-0001,1,2,")); /* run_id, epoch, step */
    slurp("steps/steps.csv", &out);
    assert_int_equal(lines(rb_text_string(&out)), 4);
    row = strchr(rb_text_string(&out), '\n') + 1;
    assert_non_null(strstr(row, "-0001,0,,"));       /* no loss at step 0 ... */
    assert_int_equal(*(strchr(row, '\n') - 1), ','); /* ... and no gradient */
    slurp("steps/classes.csv", &out);
    assert_string_equal(rb_text_string(&out), "");
}

static void resume_skips_what_is_done(void **state) {
    (void)state;
    assert_int_equal(shell("$R " SMALL " -s 1 -O again -o csv"), 0);
    assert_int_equal(shell("$R " SMALL " -s 1 -O again -o csv"), 2); /* an old session is never overwritten */
    assert_int_equal(shell("$R " SMALL " -s 1,2 -O again -o csv --resume"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 3); /* what was done before is printed too */
    assert_has(err, "1 of 2 items were done before");
    slurp("again/runs.csv", &out);
    assert_int_equal(lines(rb_text_string(&out)), 3);
    assert_int_equal(shell("$R " SMALL " -s 1,2 -O again -o csv --resume"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 3);
    slurp("again/runs.csv", &err);
    assert_int_equal(lines(rb_text_string(&err)), 3);
}

/* Another flag makes another item: who goes on with a session is told, and of runs by another build too. */
static void resume_tells_what_it_leaves(void **state) {
    (void)state;
    assert_int_equal(shell("$R " SMALL " -s 1 -O flags -o csv"), 0);
    assert_int_equal(shell("$R " SMALL " -s 1 -O flags -o csv --resume --provider own"), 0);
    assert_null(strstr(rb_text_string(&err), "were done before"));
    assert_has(err, "1 run of this session, the last size/mlp on reference, seed 1");
    assert_int_equal(shell("$R " SMALL " -s 2 -O flags -o csv --resume --provider own"), 0);
    assert_null(strstr(rb_text_string(&err), "of this session")); /* other seeds are no other flags */
    assert_int_equal(shell("sed -i 's/\"commit\":\"[^\"]*\"/\"commit\":\"000000000000\"/' flags/events.jsonl; $R " SMALL
                           " -s 2 -O flags -o csv --resume --provider own"),
                     0);
    assert_has(err, "1 of 1 items were done before");
    assert_has(err, "1 of them by another build");
}

static void a_short_run_is_no_run(void **state) {
    (void)state;
    assert_int_equal(shell("$R run size/mlp -d reference --train-size 128 --epochs 1 -B 64 --max-steps 1 -O limit "
                           "-o csv"),
                     0);
    assert_int_equal(shell("$R run size/mlp -d reference --train-size 128 --epochs 1 -B 64 -O limit -o csv --resume"),
                     0);
    assert_null(strstr(rb_text_string(&err), "were done before"));
    assert_string_equal(cell("epochs_run"), "1");
    slurp("limit/runs.csv", &out);
    assert_int_equal(lines(rb_text_string(&out)), 3);
}

/* Another set of the same name is another item: here the sample, because the real one is absent. */
static void the_stand_in_is_named(void **state) {
    (void)state;
    assert_int_equal(shell("XDG_CACHE_HOME=$PWD REGBENCH_DATA= $R run size/mlp -d reference -n -o csv"), 0);
    const char *absent = strstr(rb_text_string(&out), ",sample,");
    assert_int_equal(shell("XDG_CACHE_HOME=$PWD REGBENCH_DATA= $R data path fashion"), absent ? 2 : 0);
}

/* What ended otherwise than foreseen is done, and its session still ends with 3. */
static void unexpected_ends_are_kept(void **state) {
    (void)state;
    assert_int_equal(shell("$R run size/mlp -d reference --max-steps 1 -O odd -o csv"), 0);
    assert_int_equal(shell("sed -i 's/\"status\":\"ok\"/\"status\":\"unexpected\"/' odd/events.jsonl"), 0);
    assert_int_equal(shell("$R run size/mlp -d reference --max-steps 1 -O odd -o csv --resume"), 3);
    assert_has(err, "1 of 1 items were done before");
    assert_has(out, ",unexpected,");
    /* A case that was changed may diverge: its row says that this was foreseen. */
    assert_int_equal(shell("$R " SMALL " --lr 900000 --weight-decay 900000 -O wild -o csv"), 0);
    assert_has(out, ",diverged,as foreseen: ");
    assert_int_equal(shell("$R " SMALL " --lr 900000 --weight-decay 900000 -O wild -o csv --resume"), 0);
    assert_int_equal(shell("sed -i 's/as foreseen: //' wild/events.jsonl"), 0);
    assert_int_equal(shell("$R " SMALL " --lr 900000 --weight-decay 900000 -O wild -o csv --resume"), 3);
}

/* What was measured once tells how long a whole run takes. */
static void list_tells_expected_times(void **state) {
    (void)state;
    assert_int_equal(shell("export XDG_CACHE_HOME=$PWD/xdg; $R list size/mlp -o csv | tail -n 1"), 0);
    assert_has(out, ",,,\n"); /* nothing is known */
    assert_int_equal(shell("export XDG_CACHE_HOME=$PWD/xdg; $R bench size/mlp -d cpu --quick -r 1 -O rate -o csv &&\n"
                           "$R bench size/mlp -d cpu --quick -r 1 -B 8 -O rates -o csv && cat xdg/regbench/rates.csv"),
                     0);
    assert_has(out, "device_key,case,batch_size,samples_per_s\ncpu,size/mlp,");
    assert_null(strstr(rb_text_string(&out), "cpu,size/mlp,8,")); /* the case's own settings only */
    assert_int_equal(shell("export XDG_CACHE_HOME=$PWD/xdg; $R list size/mlp -o csv | tail -n 1"), 0);
    assert_null(strstr(rb_text_string(&out), ",,,\n"));
    /* A damaged file is no reason to fail. */
    assert_int_equal(shell("export XDG_CACHE_HOME=$PWD/xdg; printf 'a,\"b' > xdg/regbench/rates.csv; $R list -o csv"),
                     0);
    assert_string_equal(rb_text_string(&err), "");
}

static void summary_and_plan_need_no_device(void **state) {
    (void)state;
    assert_int_equal(shell("$R summary size/lenet"), 0);
    assert_has(out, "61706");
    assert_int_equal(shell("$R summary size/mlp --set hidden1.units=7"), 0);
    assert_has(out, "[-1, 7]");
    assert_int_equal(shell("$R plan size/mlp"), 0);
    assert_has(out, "variant train");
    assert_int_equal(shell("$R plan size/mlp -d reference -B 3"), 0);
    assert_has(out, "batch 3");
}

static void data_shows_a_picture(void **state) {
    (void)state;
    assert_int_equal(shell("$R data list -o csv"), 0);
    assert_has(out, "\n1,sample,1,28,28,10,");
    assert_int_equal(shell("$R data show sample -o grid.png --rows 2 --columns 3"), 0);
    assert_string_equal(rb_text_string(&out), "grid.png\n");
    assert_int_equal(shell("head -c 4 grid.png | tail -c 3"), 0);
    assert_string_equal(rb_text_string(&out), "PNG");
}

static double value(const char *name) {
    const char *text = cell(name);
    return text && *text ? atof(text) : -1;
}

static void the_doctor_tells(void **state) {
    (void)state;
    assert_int_equal(shell("XDG_CACHE_HOME=$PWD/dr $R doctor -d cpu -o csv"), 0);
    assert_has(out, ",installed,compiler,");
    assert_has(out, ",devices,cpu,");
    assert_has(out, ",data,sample,(in the program),");
    assert_has(out, ",disturbs,load,");
    assert_has(out, ",A/A noise of cpu,never measured,");
    assert_int_equal(shell("export XDG_CACHE_HOME=$PWD/dr; $R doctor --aa -r 2 -d cpu -O noise -o csv"), 0);
    assert_has(out, ",A/A noise of cpu,");
    assert_null(strstr(rb_text_string(&out), "never measured"));
    slurp("noise/runs.csv", &out);
    assert_int_equal(lines(rb_text_string(&out)), 1 + 4);
    /* Later sessions carry it, for compare. */
    assert_int_equal(shell("export XDG_CACHE_HOME=$PWD/dr; $R run size/mlp -d cpu --max-steps 1 -O after -o csv"), 0);
    slurp("after/env.csv", &out);
    assert_has(out, ",aa_noise_pct,");
    static const char *const refused[] = {"doctor size/mlp", "doctor -r 3", "doctor --aa -r 11", "doctor --aa -r 1",
                                          "doctor -d cpuu"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (shell("$R %s", refused[i]) != 2) fail_msg("regbench %s is not refused", refused[i]);
    assert_int_equal(shell("$R doctor -d cpu:9 -o csv"), 0); /* to say that it is not there is what it is for */
    assert_has(out, ",cpu:9,absent,");
}

static void bench_has_modes(void **state) {
    (void)state;
    assert_int_equal(shell("$R bench size/mlp -d cpu -B 32 --train-size 600 --quick -r 1 -O modes -o csv"), 0);
    assert_string_equal(cell("phase"), "bench");
    double train = value("model_mflop_per_sample");
    assert_true(value("peak_gflops") > 0 && value("pct_peak_flops") > 0 && value("pct_roofline") > 0);
    /* The device's peak at the session's begin and at its end, with what changed meanwhile. */
    slurp("modes/peaks.csv", &out);
    assert_int_equal(lines(rb_text_string(&out)), 3);
    assert_has(out, ",begin,");
    assert_has(out, ",end,");
    assert_int_equal(
        shell("$R bench size/mlp -d cpu -B 32 --train-size 600 --quick -r 1 --mode inference -O forward -o csv"), 0);
    assert_string_equal(cell("phase"), "inference");
    /* Forward only: a third of a training step's FLOPs, and a little more, since that leaves out the first dx. */
    assert_true(value("model_mflop_per_sample") > 0.3 * train && value("model_mflop_per_sample") < 0.55 * train);
    assert_true(value("samples_per_s") > 0);
    assert_int_equal(shell("$R bench size/mlp -d cpu --train-size 600 -B 50 --mode largest-batch -O most -o csv"), 0);
    assert_string_equal(cell("phase"), "largest-batch");
    assert_string_equal(cell("batch_size"), "600");
    assert_string_equal(cell("stop_reason"), "all samples");
    assert_int_equal(shell("$R bench size/mlp --mode forward"), 2);
    assert_int_equal(shell("$R bench size/mlp --mode inference --profile"), 2);
    assert_has(err, "--profile");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usage_errors_name_what_and_suggest),
        cmocka_unit_test(without_a_verb_the_help_goes_to_stderr),
        cmocka_unit_test(the_environment_speaks_and_the_command_line_wins),
        cmocka_unit_test(lists_and_ranges_multiply),
        cmocka_unit_test(help_names_every_flag_of_the_verb),
        cmocka_unit_test(csv_is_exactly_header_and_rows),
        cmocka_unit_test(a_run_writes_its_files),
        cmocka_unit_test(rows_say_what_ran),
        cmocka_unit_test(max_steps_evaluates_once_after_the_last_step),
        cmocka_unit_test(resume_skips_what_is_done),
        cmocka_unit_test(resume_tells_what_it_leaves),
        cmocka_unit_test(a_short_run_is_no_run),
        cmocka_unit_test(the_stand_in_is_named),
        cmocka_unit_test(unexpected_ends_are_kept),
        cmocka_unit_test(list_tells_expected_times),
        cmocka_unit_test(summary_and_plan_need_no_device),
        cmocka_unit_test(data_shows_a_picture),
        cmocka_unit_test(bench_has_modes),
        cmocka_unit_test(the_doctor_tells),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
