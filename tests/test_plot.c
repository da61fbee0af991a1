/* test_plot.c: charts of recorded sessions: what their data and scripts say, what gnuplot makes of them, and what must
 * not matter: names, gaps, a gnuplot that is absent or fails. */
#include "plot_util.h"

/* Every byte of one chart's data, and of its script what draws it. */
static void curves(void **state) {
    (void)state;
    int charts;
    play_gnuplot("echo \"$@\" >asked; pwd >where");
    two_epochs("", "");
    expect_ok(rb_plot_session(dir, &charts));
    assert_int_equal(charts, 1);
    char *data = util_read(dir, "plots/size-mlp.cpu.curves.dat");
    assert_string_equal(data, "# training (mean over the epoch's batches)\n# x value\n 1 2.5\n 2 1.5\n"
                              "\n\n# validation\n# x value\n 1 2\n 2 1\n"
                              "\n\n# training (mean over the epoch's batches)\n# x value\n 1 0.25\n 2 0.5\n"
                              "\n\n# validation\n# x value\n 1 0.5\n 2 0.75\n");
    free(data);
    static const char *const parts[] = {
        "data = 'size-mlp.cpu.curves.dat'",
        "set output 'size-mlp.cpu.curves.png'",
        "size 900,458 noenhanced",
        "set label 1 'size/mlp: loss and accuracy'",
        "set xlabel 'epoch'\nset ylabel 'loss'",
        "set xtics 1\n",
        "set ylabel 'accuracy, %'",
        ("plot data index 0 using 1:2 with linespoints lw 2 pt 7 ps 0.6 lc rgb '#0072b2' dt 1 notitle, \\\n"
         "     data index 1 using 1:2 with linespoints lw 2 pt 7 ps 0.6 lc rgb '#d55e00' dt 1 notitle\n"),
        "data index 3 using 1:(100*$2)",
        "title 'training (mean over the epoch''s batches)'",
        "title 'validation'\nunset multiplot\nunset output\n",
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        expect_holds("plots/size-mlp.cpu.curves.gp", parts[i], true);
    expect_holds("plots/asked", "-d size-mlp.cpu.curves.gp\n", true);
    expect_holds("plots/where", "/plots\n", true);
}

/* Seeds become a median and a band, in whatever order they come; an interrupted run and its successor one curve. */
static void seeds(void **state) {
    (void)state;
    play_gnuplot("true");
    two_epochs("r2,size/mlp,cpu,,fashion,run,7,ok,MLP,sgd,1,0,60000,0.9\n"
               "r3,size/mlp,cpu,,fashion,run,8,interrupted,MLP,sgd,1,0,60000,\n"
               "r4,size/mlp,cpu,,fashion,run,8,ok,MLP,sgd,1,0,60000,0.9\n",
               "r2,1,4.5,0.25,2,0.5,8\nr2,2,3.5,0.5,1,0.75,9\n"
               "r3,1,0.5,0.25,2,0.5,8\nr4,2,7,0.5,1,0.75,9\nlost,1,99,0.5,1,0.75,9\n");
    expect_ok(rb_plot_session(dir, NULL));
    expect_holds("plots/size-mlp.cpu.curves.dat",
                 "# x median lowest highest, then every seed's\n 1 2.5 0.5 4.5 2.5 4.5 0.5\n 2 3.5 1.5 7 1.5 3.5 7\n",
                 true);
    expect_holds("plots/size-mlp.cpu.curves.gp", "using 1:(1*$3):(1*$4) with filledcurves fs transparent solid 0.2",
                 true);
    expect_holds("plots/size-mlp.cpu.curves.gp", "(3 seeds: median, lowest to highest)", true);
    expect_holds("plots/size-mlp.cpu.curves.dat", "99", false);
}

/* Empty cells are gaps; a run that never saw an epoch is no line; what is all zero needs no logarithm. */
static void gaps(void **state) {
    (void)state;
    play_gnuplot("true");
    two_epochs("r2,size/bad,cpu,,fashion,run,2021,diverged,MLP,sgd,9,0,60000,\n"
               "r3,size/none,cpu,,fashion,run,2021,crash,MLP,sgd,9,0,60000,\n",
               "r2,1,2.5,0.25,,0.5,8\nr2,2,1e9,,,,\nr2,3,inf,nan,x,,\n");
    expect_ok(rb_plot_session(dir, NULL));
    expect_holds("plots/size-bad.cpu.curves.dat", " 1 2.5\n 2 1e+09\n 3 NaN\n", true);
    expect_holds("plots/size-bad.cpu.curves.dat", " 1 0.25\n 2 NaN\n 3 NaN\n", true);
    expect_holds("plots/size-bad.cpu.curves.gp", "'size/bad: loss and accuracy (diverged)'", true);
    expect_holds("plots/size-bad.cpu.curves.gp", "unset logscale x\nset logscale y\n", true);
    expect_holds("plots/size-mlp.cpu.curves.gp", "\nset logscale", false);
    assert_false(there("plots/size-none.cpu.curves.gp"));
    assert_false(there("plots/size.compare.gp")); /* one of two has two epochs with an accuracy */
}

/* Nothing to draw is no error, and leaves no folder. */
static void empty(void **state) {
    (void)state;
    int charts = 9;
    assert_fails(rb_plot_session(dir, &charts), RB_MISSING, "holds no session: there is no runs.csv");
    assert_int_equal(charts, 0);
    util_write(dir, "runs.csv", "w", RUNS);
    expect_ok(rb_plot_session(dir, &charts));
    util_write(dir, "epochs.csv", "w", EPOCHS);
    expect_ok(rb_plot_session(dir, &charts));
    two_epochs("r2,size/x,cpu,,fashion,run,1,ok,MLP,sgd,9,0,60000,\n", "");
    util_write(dir, "epochs.csv", "w", EPOCHS "r1,1,1,1,1,1,1\nr2,1,1,1,1,1,1\n");
    expect_ok(rb_plot_session(dir, &charts));
    assert_int_equal(charts, 0);
    assert_false(there("plots"));
    util_write(dir, "epochs.csv", "w", EPOCHS "r1,1\n");
    assert_fails(rb_plot_session(dir, &charts), RB_INPUT, "not as many fields");
}

static void gnuplot_absent(void **state) {
    (void)state;
    two_epochs("", "");
    setenv("PATH", dir, 1);
    assert_fails(rb_plot_session(dir, NULL), RB_MISSING, "not installed (Debian: gnuplot-nox)");
    assert_true(there("plots/size-mlp.cpu.curves.gp") && there("plots/size-mlp.cpu.curves.dat"));
}

/* A script that fails is named, with what gnuplot says, and costs no other. */
static void gnuplot_fails(void **state) {
    (void)state;
    two_epochs("r2,size/bad,cpu,,fashion,run,1,ok,MLP,sgd,9,0,60000,\n", "r2,1,1,1,1,1,1\nr2,2,1,1,1,1,1\n");
    play_gnuplot(
        "for f; do case $f in *bad*) echo 'line 7: what is this?' >&2; exit 3;; -d) ;; *) >$f.drawn;; esac; done");
    assert_fails(rb_plot_session(dir, NULL), RB_OUTPUT, "size-bad.cpu.curves.gp: line 7: what is this?");
    assert_true(there("plots/size-mlp.cpu.curves.gp.drawn") && there("plots/size.compare.gp.drawn"));
    play_gnuplot("kill -9 $$");
    assert_fails(rb_plot_session(dir, NULL), RB_OUTPUT, "gnuplot died by signal 9");
}

/* Names are letters and nothing else, to gnuplot, to the shell, to the file system. */
static void hostile(void **state) {
    (void)state;
    static const char *const names[] = {"it's `touch pwned` {/=20 x}_2 ^3 $(touch pwned) \"\" \\\\ @x %s\n!touch pwned",
                                        "../../../pwned",
                                        ".hidden",
                                        "-e",
                                        "\xc3\xa4\xe2\x82\xac \xff\xc3 '; system 'touch pwned'",
                                        "x' ; !touch pwned"};
    enum { N = sizeof names / sizeof *names };
    char cell[512];
    int charts;
    util_write(dir, "runs.csv", "w", RUNS);
    util_write(dir, "epochs.csv", "w", EPOCHS);
    util_write(dir, "layers.csv", "w", "run_id,epoch,tensor,l2,near_zero\n");
    for (int i = 0; i < N; i++) {
        int n = 0;
        for (const char *c = names[i]; *c; c++)
            n += snprintf(cell + n, sizeof cell - (size_t)n, *c == '"' ? "\"\"" : "%c", *c);
        char text[4096];
        snprintf(text, sizeof text, "r%d,\"%s\",\"%s\",\"%s\",fashion,run,\"%s\",ok,MLP,sgd,1,0,60000,1\n", i, cell,
                 cell, cell, cell);
        util_write(dir, "runs.csv", "a", text);
        snprintf(text, sizeof text, "r%d,1,2,0.1,3,0.1,7\nr%d,2,1,0.2,2,0.3,8\n", i, i);
        util_write(dir, "epochs.csv", "a", text);
        snprintf(text, sizeof text, "r%d,0,\"%s\",1,0.5\nr%d,2,\"%s\",2,0.5\n", i, cell, i, cell);
        util_write(dir, "layers.csv", "a", text);
    }
    if (!has_gnuplot()) play_gnuplot("true");
    expect_ok(rb_plot_session(dir, &charts));
    assert_int_equal(charts, 2 * N); /* curves and layers */
    char command[1400];
    snprintf(command, sizeof command, "find '%s' -name pwned | grep .", dir);
    assert_int_not_equal(system(command), 0);
    snprintf(command, sizeof command, "test $(ls '%s/plots' | grep -c 'png$') = %d", dir, 2 * N);
    if (has_gnuplot()) assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "ls -A '%s/plots' | grep -v '^[A-Za-z0-9_=+][A-Za-z0-9._=+-]*$'", dir);
    assert_int_not_equal(system(command), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(curves, begin, finish),
        cmocka_unit_test_setup_teardown(seeds, begin, finish),
        cmocka_unit_test_setup_teardown(gaps, begin, finish),
        cmocka_unit_test_setup_teardown(empty, begin, finish),
        cmocka_unit_test_setup_teardown(gnuplot_absent, begin, finish),
        cmocka_unit_test_setup_teardown(gnuplot_fails, begin, finish),
        cmocka_unit_test_setup_teardown(hostile, begin, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
