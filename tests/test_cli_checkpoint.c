/* test_cli_checkpoint.c: the program's checkpoints: killed runs that go on, --from, predict, summary, layers.csv. */
#include "cli_util.h"

#include "report/csv_read.h"

#define RUN                                                                                                            \
    "$R run size/mlp -d cpu --train-size 128 --valid-size 64 --batch 64 --momentum 0.9 --verify off --no-eval -o csv "
#define FILES "checkpoints/size-mlp.cpu.2021.*.safetensors"

static rb_csv table(const char *name) {
    char path[512];
    rb_csv csv;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (rb_csv_read(path, &csv) != RB_OK) fail_msg("%s: %s", path, rb_error_last()->text);
    return csv;
}

/* Figures of an epoch's row that do not depend on the clock. */
static void figures(const rb_csv *csv, int row, char text[400]) {
    static const char *const names[] = {"epoch", "step", "lr", "train_loss", "train_acc", "val_loss", "param_l2"};
    int n = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        n += snprintf(text + n, 400 - (size_t)n, "%s ", rb_csv_get(csv, row, names[i]));
}

#define LONG RUN "--epochs 400 --layers --trajectory --checkpoint-every 5 "
enum { EPOCHS = 400, EVERY = 5, STEPS = 2 * EPOCHS, TENSORS = 6 };

#define UNTIL                                                                                                          \
    "for i in $(seq 1000); do grep -q ',%d,[0-9]*,.*checkpoint' cut/epochs.csv 2>/dev/null && break; sleep 0.01; "     \
    "done\n"

/* Starts or resumes the long run and kills it hard, as a power cut does, once epoch `after` + 40 is on record. What
 * lies there then is what a kill between a checkpoint's writing and its renaming leaves: an old one, the new one beside
 * it. */
static void cut_short(int after) {
    if (shell("rm -rf old; mkdir old\n" LONG "-O cut --resume & p=$!\n" UNTIL "cp cut/" FILES " old\n" UNTIL
              "kill -KILL $p; wait $p; sleep 0.1\n"
              "for f in cut/" FILES "; do mv $f $f.1.tmp; done; mv old/* cut/checkpoints",
              after, after + 40) != 0)
        fail_msg("%s", rb_text_string(&err));
}

/* Killed twice, resumed twice: every epoch once, with the figures of the run that nobody disturbed. What the last
 * moments before a kill had not yet put on record may be missing. */
static void a_killed_run_goes_on(void **state) {
    char expected[400], got[400];
    int resumed = 0, last = 0, step = -1;
    (void)state;
    assert_int_equal(shell(LONG "-O whole"), 0);
    cut_short(30);
    cut_short(110);
    assert_int_equal(shell(LONG "-O cut --resume"), 0);
    assert_int_equal(shell("! ls cut/checkpoints/*.tmp"), 0);
    rb_csv whole = table("whole/epochs.csv"), cut = table("cut/epochs.csv"), runs = table("cut/runs.csv");
    assert_int_equal(whole.n_rows, EPOCHS);
    assert_true(cut.n_rows > EPOCHS - 100); /* a pipe holds the rows of some 30 epochs */
    for (int i = 0; i < cut.n_rows; i++) {
        int epoch = atoi(rb_csv_get(&cut, i, "epoch"));
        const char *event = strstr(rb_csv_get(&cut, i, "event"), "resumed from cut/checkpoints/size-mlp.cpu.2021.");
        resumed += event != NULL;
        assert_true(event ? epoch > last && epoch % EVERY == 1 : epoch == last + 1);
        if (event) assert_string_not_equal(rb_csv_get(&cut, i, "run_id"), rb_csv_get(&cut, i - 1, "run_id"));
        assert_int_equal(strncmp(rb_csv_get(&cut, i, "event"), "checkpoint", 10) == 0, epoch % EVERY == 0);
        figures(&whole, epoch - 1, expected);
        figures(&cut, i, got);
        assert_string_equal(got, expected);
        last = epoch;
    }
    assert_int_equal(last, EPOCHS);
    assert_int_equal(resumed, 2);
    assert_int_equal(runs.n_rows, 1);
    assert_non_null(strstr(rb_csv_get(&runs, 0, "resumed_from"), "cut/checkpoints/"));
    assert_string_equal(rb_csv_get(&runs, 0, "epochs_run"), "400");
    assert_string_equal(rb_csv_get(&runs, 0, "steps_timed"), "800");
    rb_csv_free(&cut);
    rb_csv_free(&whole);
    rb_csv_free(&runs);
    cut = table("cut/steps.csv"), whole = table("whole/steps.csv");
    assert_int_equal(whole.n_rows, 1 + STEPS);
    for (int i = 0; i < cut.n_rows; i++) {
        assert_true(atoi(rb_csv_get(&cut, i, "step")) > step);
        step = atoi(rb_csv_get(&cut, i, "step"));
        assert_string_equal(rb_csv_get(&cut, i, "grad_l2"), rb_csv_get(&whole, step, "grad_l2"));
    }
    assert_int_equal(step, STEPS);
    rb_csv_free(&cut);
    rb_csv_free(&whole);
    /* The weights are the same to the last bit; what differs in the files is who wrote them and how long it took. */
    assert_int_equal(shell("for s in whole cut; do tail -c 800000 $s/" FILES " | sha256sum; done"), 0);
    assert_memory_equal(rb_text_string(&out), strchr(rb_text_string(&out), '\n') + 1, 64);
    /* Done is done. */
    assert_int_equal(shell(LONG "-O cut --resume"), 0);
    assert_has(err, "1 of 1 items were done before");
}

static void norms_of_every_layer(void **state) {
    (void)state;
    rb_csv layers = table("whole/layers.csv"), epochs = table("whole/epochs.csv");
    assert_int_equal(layers.n_rows, (1 + EPOCHS) * TENSORS);
    assert_string_equal(rb_csv_get(&layers, TENSORS + 2, "tensor"), "2.weight");
    assert_string_equal(rb_csv_get(&layers, TENSORS + 2, "layer"), "linear");
    assert_string_equal(rb_csv_get(&layers, TENSORS + 2, "n_params"), "10080");
    assert_string_equal(rb_csv_get(&layers, 0, "epoch"), "0");
    assert_string_equal(rb_csv_get(&layers, 0, "grad_l2"), ""); /* before the first step */
    for (int i = 0; i < EPOCHS; i++) {
        double sum = 0, all = strtod(rb_csv_get(&epochs, i, "param_l2"), NULL);
        for (int k = 0; k < TENSORS; k++) {
            double l2 = strtod(rb_csv_get(&layers, (1 + i) * TENSORS + k, "l2"), NULL);
            sum += l2 * l2;
            assert_true(strtod(rb_csv_get(&layers, (1 + i) * TENSORS + k, "grad_l2"), NULL) > 0);
        }
        assert_true(sum > all * all * 0.99999 && sum < all * all * 1.00001);
    }
    rb_csv_free(&layers);
    rb_csv_free(&epochs);
}

static void a_checkpoint_begins_another_run(void **state) {
    (void)state;
    assert_int_equal(shell(RUN "--epochs 4 --checkpoint-every 9 -O first && cp first/" FILES " mine"), 0);
    assert_int_equal(shell(RUN "--epochs 6 -O longer --from mine"), 0); /* more epochs than the first was to have */
    assert_int_equal(shell(RUN "--epochs 6 -O unbroken"), 0);
    rb_csv longer = table("longer/epochs.csv"), unbroken = table("unbroken/epochs.csv");
    char expected[400], got[400];
    assert_int_equal(longer.n_rows, 2);
    figures(&unbroken, 5, expected);
    figures(&longer, 1, got);
    assert_string_equal(got, expected);
    assert_string_equal(rb_csv_get(&longer, 0, "event"), "resumed from mine");
    assert_string_equal(rb_csv_get(&longer, 1, "event"), "");
    rb_csv_free(&longer);
    rb_csv_free(&unbroken);
    assert_int_equal(shell("$R run size/mlp -d reference --train-size 128 --valid-size 64 --batch 64 --momentum 0.9 "
                           "--epochs 6 --no-eval -O across --from mine -o csv"),
                     0); /* on another device */
    longer = table("across/epochs.csv");
    assert_int_equal(longer.n_rows, 2);
    rb_csv_free(&longer);
    /* Refused before a folder is made: absent, cut short, changed. */
    static const char *const bad[][2] = {{"true", "cannot open bad"},
                                         {"head -c 5000 mine >bad", "truncated"},
                                         {"{ head -c 5000 mine; echo; tail -c +5002 mine; } >bad", "damaged"},
                                         {"date >bad", "no checkpoint of regbench"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(shell("%s; " RUN "--epochs 6 -O refused --from bad", bad[i][0]), 2);
        assert_has(err, bad[i][1]);
        assert_int_equal(lines(rb_text_string(&err)), 1);
        assert_int_equal(shell("[ -e refused ]"), 1);
        assert_int_equal(shell("$R predict bad -d cpu"), 2);
        assert_has(err, bad[i][1]);
        assert_int_equal(shell("$R summary bad"), 2);
    }
    /* Another case, another seed: a row that says so. */
    assert_int_equal(shell("$R run size/deep-mlp -d cpu --max-steps 1 -O other --from mine -o csv"), 2);
    assert_has(out, "mismatch");
    assert_has(err, "case size/mlp");
    assert_int_equal(shell(RUN "-s 7 --epochs 6 -O seed --from mine"), 2);
    assert_has(err, "seed 2021, this one has 7");
}

/* A case of adam's trained by sgd, with a momentum: overrides are told in one order, whichever was given first. */
static void another_optimizer_has_its_momentum(void **state) {
    (void)state;
    assert_int_equal(shell("$R run toy/regression -d cpu --optimizer sgd --momentum 0.9 --epochs 2 --verify off -o csv "
                           "--checkpoint-every 1 -O sgd && $R summary sgd/checkpoints/*.safetensors"),
                     0);
    assert_has(out, "momentum=0.9 optimizer=sgd");
    assert_int_equal(shell("$R run toy/regression -d cpu --momentum 0.9 --epochs 2 -O never"), 2);
    assert_has(err, "its optimizer is adam");
}

static void an_unusable_checkpoint_of_a_session_is_told(void **state) {
    (void)state;
    const char *run = "$R run size/mlp -d cpu --train-size 128 --epochs 2 --no-eval --verify off -o csv";
    assert_int_equal(shell("mkdir -p told/checkpoints && cp mine told/x && %s --checkpoint-every 1 -O told", run), 0);
    /* As if the item had been killed: no row of it. */
    assert_int_equal(shell("rm told/*.csv told/events.jsonl; for f in told/" FILES "; do cp mine $f; done"), 0);
    assert_int_equal(shell("%s --checkpoint-every 1 -O told --resume", run), 0);
    assert_has(err, "belongs to other work");
    assert_has(err, "begins anew");
    rb_csv epochs = table("told/epochs.csv");
    assert_int_equal(epochs.n_rows, 2);
    rb_csv_free(&epochs);
}

static void a_full_disk_ends_the_run(void **state) {
    (void)state;
    assert_int_equal(shell("ulimit -f 400; " RUN "--epochs 2 --checkpoint-every 1 -O full"), 4);
    assert_has(out, "disk-full");
    assert_has(err, "full/checkpoints/size-mlp");
    assert_int_equal(shell("ls full/checkpoints"), 0);
    assert_string_equal(rb_text_string(&out), "");
}

static void predictions_and_summary(void **state) {
    (void)state;
    assert_int_equal(shell("$R run size/mlp -d cpu --train-size 2000 --valid-size 500 --batch 64 --epochs 3 "
                           "--checkpoint-every 1 -o csv -O learned && cp learned/" FILES " model"),
                     0);
    rb_csv epochs = table("learned/epochs.csv");
    assert_int_equal(shell("$R predict model -d cpu --split valid -o csv --png seen.png"), 0);
    assert_has(err, "valid of");
    rb_csv rows = table("out");
    assert_int_equal(rows.n_rows, 500);
    int right = 0;
    for (int i = 0; i < 500; i++) {
        bool same = strcmp(rb_csv_get(&rows, i, "label_name"), rb_csv_get(&rows, i, "predicted_name")) == 0;
        assert_string_equal(rb_csv_get(&rows, i, "correct"), same ? "1" : "0");
        assert_int_equal(strcmp(rb_csv_get(&rows, i, "label"), rb_csv_get(&rows, i, "predicted")) == 0, same);
        right += same;
    }
    assert_true((double)right / 500 == strtod(rb_csv_get(&epochs, 2, "val_acc"), NULL)); /* as the run itself saw it */
    rb_csv_free(&rows);
    rb_csv_free(&epochs);
    assert_int_equal(shell("head -c 4 seen.png | tail -c 3"), 0);
    assert_string_equal(rb_text_string(&out), "PNG");
    assert_int_equal(shell("$R predict model -d reference --split valid -o json | head -c 1"), 0);
    assert_string_equal(rb_text_string(&out), "[");
    assert_int_equal(shell("$R predict size/mlp -d cpu"), 2);
    assert_has(err, "--checkpoint-every");
    assert_int_equal(shell("$R predict"), 2);
    assert_int_equal(shell("$R summary model"), 0);
    assert_has(out, "linear-1  hidden1");
    assert_has(out, "After:                   epoch 3, step 96");
    assert_has(out, "train-size=2000");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_run_goes_on),
        cmocka_unit_test(norms_of_every_layer),
        cmocka_unit_test(a_checkpoint_begins_another_run),
        cmocka_unit_test(another_optimizer_has_its_momentum),
        cmocka_unit_test(an_unusable_checkpoint_of_a_session_is_told),
        cmocka_unit_test(a_full_disk_ends_the_run),
        cmocka_unit_test(predictions_and_summary),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
