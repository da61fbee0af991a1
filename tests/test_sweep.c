/* test_sweep.c: sweeps from a file, in shards, gone on with; bad files; ten lines to share. */
#include "cli_util.h"

#define TINY "\"train-size\": 128, \"batch\": 64, \"epochs\": 1, \"device\": \"reference\""

static void config(const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void a_grid_from_a_file(void **state) {
    (void)state;
    config("grid.json",
           "{\"comment\": \"two by two by two\", \"cases\": [\"size/mlp\"], \"strategy\": \"grid\",\n"
           " \"flags\": {\"lr\": [0.1, 0.5], \"seed\": \"1-2\", \"no-eval\": true, \"trajectory\": false, " TINY "},\n"
           " \"set\": {\"hidden1.units\": [8, 16]}}");
    assert_int_equal(shell("$R sweep --config grid.json --dry-run -o csv"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 1 + 8);
    assert_has(out, "hidden1.units=16");
    assert_int_equal(shell("$R sweep --config grid.json -O grid -o csv"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 1 + 8);
    slurp("grid/session.json", &out);
    assert_has(out, " sweep --config grid.json -O grid -o csv"); /* what was typed */
    /* Done items are not done again; the command line wins over the file. */
    assert_int_equal(shell("$R sweep --config grid.json -O grid --resume -o csv"), 0);
    assert_has(err, "8 of 8 items were done before");
    assert_int_equal(shell("$R sweep --config grid.json -d cpu,reference --dry-run -o csv"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 1 + 16);
}

static void shards_are_the_whole(void **state) {
    (void)state;
    config("five.json", "{\"cases\": \"size/mlp\", \"flags\": {\"seed\": \"1-5\", \"lr\": 0.1, " TINY "}}");
    assert_int_equal(
        shell("for i in 1 2 3; do $R sweep --config five.json --shard $i/3 -O part/$i -o csv >/dev/null & done\n"
              "wait; $R export -o json part | grep -o '\"seed\":[0-9]*' | sort"),
        0);
    assert_string_equal(rb_text_string(&out), "\"seed\":1\n\"seed\":2\n\"seed\":3\n\"seed\":4\n\"seed\":5\n");
    assert_int_equal(shell("wc -l <part/2/runs.csv"), 0);
    assert_int_equal(atoi(rb_text_string(&out)), 1 + 2);
    assert_int_equal(shell("$R sweep --config five.json --shard 9/9 -O part/9 -o csv"), 0); /* nothing is left for it */
    assert_int_equal(shell("sh -n " TEST_FOLDER "/../bench/sweep.slurm"), 0);
    assert_int_equal(shell("$R sweep --config " TEST_FOLDER "/../bench/sweep.json -d cpu --dry-run -o csv"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 1 + 3 * 2 * 3 * 2);
#ifdef REGBENCH_HAVE_GSL
    assert_int_equal(shell("$R sweep --config " TEST_FOLDER "/../bench/search.json -d cpu --dry-run -o csv"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 1 + 3);
#endif
    /* The example script, without Slurm. */
    assert_int_equal(
        shell("for i in 1 2; do REGBENCH=$R SLURM_ARRAY_TASK_ID=$i SLURM_ARRAY_TASK_COUNT=2 sh " TEST_FOLDER
              "/../bench/sweep.slurm five.json array >/dev/null || exit 1; done\n"
              "$R export -o csv array | wc -l"),
        0);
    assert_int_equal(atoi(rb_text_string(&out)), 1 + 5);
}

/* A search over the rate and the batch; four runs of a moment each. */
#define SEARCH_OF(kind, seeds)                                                                                         \
    "{\"cases\": \"size/mlp\", \"strategy\": \"" kind                                                                  \
    "\", \"budget\": 4, \"axes\": {\"lr\": {\"low\": 0.01, \"high\": 1, "                                              \
    "\"log\": true, \"start\": 0.5}, \"batch\": [32, 64]}, \"flags\": {\"device\": \"cpu\", \"threads\": 1, "          \
    "\"train-size\": 128, \"valid-size\": 64, \"epochs\": 1, \"no-plots\": true, \"checkpoint-every\": 1, \"seed\": "  \
    "\"" seeds "\"}}"

/* What a trial tried and how it went, all of a folder's sessions, in order of the trials. */
static void trials_of(const char *session) {
    assert_int_equal(shell("$R export -o csv --table trials %s | cut -d , -f 3-8 | tail -n +2 | sort", session), 0);
}

static void strategies_from_a_file(void **state) {
    (void)state;
    static const char *const kinds[] = {"random", "coordinate",
#ifdef REGBENCH_HAVE_GSL
                                        "bayes"
#endif
    };
    config("random.json", SEARCH_OF("random", "3"));
    config("coordinate.json", SEARCH_OF("coordinate", "3"));
    config("bayes.json", SEARCH_OF("bayes", "3"));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char row[128];
        int first =
            strcmp(kinds[i], "bayes") ? 3 : 4; /* how many places bayes tries before it thinks is the budget's */
        assert_int_equal(shell("$R sweep --config %s.json -O %s --budget %d -q -o csv", kinds[i], kinds[i], first), 0);
        trials_of(kinds[i]);
        assert_int_equal(lines(rb_text_string(&out)), first); /* the command line wins */
        snprintf(row, sizeof row, "size/mlp-%s,%s,3,size/mlp-%s-03,lr=", kinds[i], kinds[i], kinds[i]);
        assert_has(out, row);
        /* The same questions with the same answers, and one more. */
        assert_int_equal(shell("$R sweep --config %s.json -O %s --resume -o csv", kinds[i], kinds[i]), 0);
        snprintf(row, sizeof row, "%d of 4 items were done before", first);
        assert_has(err, row);
        trials_of(kinds[i]);
        assert_int_equal(lines(rb_text_string(&out)), 4);
    }
    trials_of("coordinate");
    assert_has(out, ",1,size/mlp-coordinate-01,lr=0.5 batch=32,"); /* "start" */
    /* Who has a run's checkpoint needs no configuration file. */
    assert_int_equal(shell("$R summary random/checkpoints/*random-01*"), 0);
    assert_has(out, "size/mlp-random-01");
    assert_int_equal(shell("$R run size/mlp-random-01 -d cpu"), 2);
}

static void searches_in_shards(void **state) {
    (void)state;
    rb_text whole = {0};
    config("random.json", SEARCH_OF("random", "3"));
    config("seeds.json", SEARCH_OF("coordinate", "1-2"));
    assert_int_equal(shell("$R sweep --config random.json -O all -q -o csv"), 0);
    assert_int_equal(shell("$R export -o csv --table trials all | cut -d , -f 3-8 | tail -n +2 | sort"), 0);
    rb_text_append(&whole, rb_text_string(&out));
    /* What random tries depends on nothing: run by run. */
    assert_int_equal(
        shell("for i in 1 2 3; do $R sweep --config random.json --shard $i/3 -O parts/$i -q || exit; done"), 0);
    trials_of("parts");
    assert_string_equal(rb_text_string(&out), rb_text_string(&whole));
    rb_text_free(&whole);
    assert_int_equal(shell("$R sweep --config random.json --shard 2/3 --dry-run -o csv"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 1 + 1);
    assert_has(out, "size/mlp-random-02,cpu");
    /* The others are whole, or not at all. */
    assert_int_equal(shell("$R sweep --config seeds.json --shard 2/2 -O second -q -o csv --budget 2"), 0);
    assert_int_equal(shell("$R export -o json --table trials second | grep -c '\"seed\":2'"), 0);
    assert_int_equal(atoi(rb_text_string(&out)), 2);
    assert_int_equal(shell("$R sweep --config seeds.json --shard 1/3 -O never"), 2);
    assert_has(err, "decides each run from what came of those before");
    assert_int_equal(shell("[ ! -e never ]"), 0);
}

#define SEARCH "{\"cases\": \"size/mlp\", \"strategy\": \"random\", "

static void bad_files_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
    } files[] = {
        {"", "line 1: no JSON"},
        {"{\"cases\": [\"size/mlp\"],\n \"flags\": {\"lr\" 1}}", "line 2: no JSON"},
        {"[]", "must be an object"},
        {"{}", "no \"cases\""},
        {"{\"cases\": [\"size/mlp\"], \"flag\": {}}", "unknown key \"flag\"; did you mean \"flags\"?"},
        {"{\"cases\": [\"size/mlp\"], \"flags\": {\"lrr\": 1}}", "bad.json: unknown flag --lrr; did you mean --lr?"},
        {"{\"cases\": [\"size/mlp\"], \"flags\": {\"lr\": -1}}", "bad.json: --lr \"-1\""},
        {"{\"cases\": [\"size/mlp\"], \"flags\": {\"lr\": []}}", "\"lr\" must be"},
        {"{\"cases\": [\"size/mlp\"], \"flags\": {\"lr\": [[1]]}}", "\"lr\" must be"},
        {"{\"cases\": [\"size/mlp\"], \"flags\": {\"lr\": {\"a\": 1}}}", "\"lr\" must be"},
        {"{\"cases\": [\"size/mlp\"], \"flags\": 7}", "\"flags\" must be"},
        {"{\"cases\": [\"size/mlp\"], \"set\": []}", "\"set\" must be"},
        {"{\"cases\": [\"size/mlp\"], \"strategy\": \"best\"}", "\"strategy\" must be"},
        {"{\"cases\": [\"size/mlp\"], \"strategy\": \"grid\", \"budget\": 3}", "a grid has no budget"},
        {"{\"cases\": [\"size/mlp\"], \"axes\": {\"lr\": [1]}}", "a grid has no \"axes\""},
        {SEARCH "\"axes\": {\"lr\": [1]}}", "wants a \"budget\""},
        {SEARCH "\"budget\": 2.5, \"axes\": {\"lr\": [1]}}", "\"budget\" must be"},
        {SEARCH "\"budget\": 2}", "\"axes\" must be"},
        {SEARCH "\"budget\": 2, \"axes\": {}}", "\"axes\" must be"},
        {SEARCH "\"budget\": 2, \"axes\": {\"lr\": {\"low\": 1}}}", "needs \"low\" and a \"high\""},
        {SEARCH "\"budget\": 2, \"axes\": {\"lr\": {\"low\": 2, \"high\": 1}}}", "needs \"low\" and a \"high\""},
        {SEARCH "\"budget\": 2, \"axes\": {\"lr\": {\"low\": \"1\", \"high\": 2}}}", "must be a number"},
        {SEARCH "\"budget\": 2, \"axes\": {\"lr\": {\"lo\": 1, \"high\": 2}}}", "unknown key \"lo\""},
        {SEARCH "\"budget\": 2, \"axes\": {\"l1\": {\"low\": 0, \"high\": 2, \"log\": true}}}", "must be above 0"},
        {SEARCH "\"budget\": 2, \"axes\": {\"lr\": {\"low\": 1, \"high\": 2, \"start\": 3}}}", "from low to high"},
        {SEARCH "\"budget\": 2, \"axes\": {\"lrr\": [1, 2]}}", "axis \"lrr\": cannot set"},
        {SEARCH "\"budget\": 2, \"axes\": {\"momentum\": {\"low\": 0, \"high\": 2}}}", "axis \"momentum\""},
        {SEARCH "\"budget\": 2, \"axes\": {\"optimizer\": [\"sgd\", \"adams\"]}}", "\"adams\""},
        {SEARCH "\"budget\": 2, \"axes\": {\"lr\": [1]}, \"flags\": {\"lr\": 1}}", "it cannot be overridden"},
        {SEARCH "\"budget\": 2, \"axes\": {\"lr\": [1]}, \"flags\": {\"no-eval\": true}}", "compares validation"},
        {"{\"cases\": \"animals/l1l2,nothing/*\", \"strategy\": \"random\", \"budget\": 2, \"axes\": {\"lr\": [1]}}",
         "\"nothing/*\" matches no case"},
        {"{\"cases\": \"animals/tune\", \"strategy\": \"random\", \"budget\": 2, \"axes\": {\"lr\": [1]}}",
         "animals/tune"},
        {"{\"cases\": [\"size/mpl\"]}", "size/mpl"},
        {"{\"cases\": 4}", "4"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        config("bad.json", files[i].text);
        int code = shell("$R sweep --config bad.json -d reference -O never");
        if (code != 2) fail_msg("%s: exit code %d", files[i].text, code);
        assert_has(err, files[i].says);
    }
    static const struct {
        const char *arguments, *says;
    } lines_of[] = {{"", "--config"},
                    {"--config nowhere.json", "nowhere.json"},
                    {"--config . ", "not a regular file"},
                    {"--config five.json --shard 0/3", "I/N"},
                    {"--config five.json --shard 4/3", "I/N"},
                    {"--config five.json --shard 1/2x", "I/N"},
                    {"--config five.json --resume", "--out-dir"},
                    {"size/mlp --config five.json", "size/mlp"}};
    for (size_t i = 0; i < sizeof lines_of / sizeof *lines_of; i++) {
        int code = shell("$R sweep %s", lines_of[i].arguments);
        if (code != 2) fail_msg("sweep %s: exit code %d", lines_of[i].arguments, code);
        assert_has(err, lines_of[i].says);
    }
    assert_int_equal(shell("[ ! -e never ]"), 0); /* found before a folder is made */
}

static void ten_lines_to_share(void **state) {
    (void)state;
    assert_int_equal(shell("$R run size/mlp -d cpu --train-size 600 -B 64 --epochs 1 -s 1-2 -O shared --share"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 20);
    static const char *const parts[] = {"device: cpu ", "driver: OpenMP",          "case: size/mlp ", "speed: ",
                                        " samples/s",   "share of its own peak: ", "verified: quick", "checksum: "};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) assert_has(out, parts[i]);
    /* Anybody can check it: the SHA-256 of the nine lines before. */
    assert_int_equal(
        shell("$R run size/mlp -d reference --train-size 64 -B 64 --epochs 1 -O sum --share >ten\n"
              "sum=$(head -n 9 ten | sha256sum | cut -c 1-16)\n[ \"$(tail -n 1 ten)\" = \"checksum: $sum\" ]"),
        0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_grid_from_a_file),     cmocka_unit_test(shards_are_the_whole),
                                       cmocka_unit_test(strategies_from_a_file), cmocka_unit_test(searches_in_shards),
                                       cmocka_unit_test(bad_files_are_refused),  cmocka_unit_test(ten_lines_to_share)};
    return cmocka_run_group_tests(tests, begin, end);
}
