/* test_cli_plot.c: pictures as the program makes them: when, where, and that they never spoil a run. */
#include "cli_util.h"

#define TWO "run size/mlp -d cpu -q --train-size 128 --epochs 2 -B 64"
/* A gnuplot of one shell command, found first. */
#define PLAYED "PATH=$PWD/bin:$PATH "

static void play_gnuplot(const char *command) {
    assert_int_equal(shell("mkdir -p bin && printf '#!/bin/sh\\n%s\\n' >bin/gnuplot && chmod +x bin/gnuplot", command),
                     0);
}

static void run_draws(void **state) {
    (void)state;
    play_gnuplot("echo \"$@\" >asked");
    assert_int_equal(shell(PLAYED "$R " TWO " -O s"), 0);
    assert_string_equal(rb_text_string(&err), "");
    assert_int_equal(shell("cat s/plots/asked; ls s/plots"), 0);
    assert_has(out, "-d size-mlp.cpu.epochs=2_train-size=128_batch=64.curves.gp\n");
    assert_has(out, "\nsize-mlp.cpu.2021.epochs=2_train-size=128_batch=64.filters.png\n");
    assert_has(out, "\nsize-mlp.cpu.2021.epochs=2_train-size=128_batch=64.predictions.png\n");
}

/* Nothing that was asked not to be, or that has one point. */
static void nothing_to_draw(void **state) {
    (void)state;
    play_gnuplot("echo never >>$PWD/asked; exit 1");
    assert_int_equal(shell(PLAYED "$R " TWO " --no-plots -O a && REGBENCH_NO_PLOTS=1 " PLAYED "$R " TWO
                                  " -O b && " PLAYED "$R run size/mlp -d cpu -q --max-steps 1 -O c"),
                     0);
    assert_string_equal(rb_text_string(&err), "");
    assert_int_not_equal(shell("ls -d a/plots || ls -d b/plots || ls -d c/plots"), 0);
    assert_int_equal(shell(PLAYED "$R plot c"), 0);
    assert_has(err, "c has nothing to draw");
}

/* A gnuplot that is absent or fails, a folder that cannot be: a warning, and the run is as good as ever. */
static void never_spoils(void **state) {
    (void)state;
    assert_int_equal(shell("mkdir empty; PATH=$PWD/empty $R " TWO " -O a"), 0);
    assert_has(err, "not installed (Debian: gnuplot-nox)");
    assert_int_equal(lines(rb_text_string(&err)), 1);
    play_gnuplot("echo bad line >&2; exit 1");
    assert_int_equal(shell(PLAYED "$R " TWO " -O b"), 0);
    assert_has(err, ".curves.gp: bad line");
    assert_int_equal(shell("mkdir c && touch c/plots && " PLAYED "$R " TWO " -O c"), 0);
    assert_has(err, "c/plots");
    assert_int_equal(shell("cut -d, -f4 a/runs.csv b/runs.csv c/runs.csv | grep -c ok"), 0);
    assert_string_equal(rb_text_string(&out), "3\n");
}

static void plot_again(void **state) {
    (void)state;
    assert_int_equal(shell("$R plot"), 2);
    assert_has(err, "takes one folder");
    assert_int_equal(shell("$R plot absent"), 2);
    assert_has(err, "absent holds no session");
    play_gnuplot("true");
    assert_int_equal(shell("$R " TWO " --no-plots -O s && " PLAYED "$R plot s"), 0);
    assert_has(err, "1 chart in s/plots");
    assert_int_equal(shell("PATH=$PWD/empty $R plot s"), 2);
    assert_has(err, "gnuplot-nox");
    play_gnuplot("exit 1");
    assert_int_equal(shell(PLAYED "$R plot s"), 2);
}

/* Of several seeds the grids of the first. */
static void an_attack(void **state) {
    (void)state;
    play_gnuplot("true");
    assert_int_equal(shell(PICTURES), 0);
    assert_int_equal(shell(PLAYED "$R run animals/attack-fgsm-unregularized -d cpu -t 1 --data . --train-size 12 "
                                  "--valid-size 8 --epochs 1 --verify off -q -s 5,3 -O s && cd s/plots && ls *.png"),
                     0);
    assert_string_equal(rb_text_string(&err), "");
    assert_has(out, "-unregularized.cpu.5.epochs=1_train-size=12_valid-size=8.adversarial.png\n");
    assert_has(out, "-unregularized.cpu.5.epochs=1_train-size=12_valid-size=8.predictions.png\n");
    assert_null(strstr(rb_text_string(&out), ".cpu.3."));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(run_draws, begin, end),
        cmocka_unit_test_setup_teardown(an_attack, begin, end),
        cmocka_unit_test_setup_teardown(nothing_to_draw, begin, end),
        cmocka_unit_test_setup_teardown(never_spoils, begin, end),
        cmocka_unit_test_setup_teardown(plot_again, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
