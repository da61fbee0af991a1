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
    /* The example script, without Slurm. */
    assert_int_equal(
        shell("for i in 1 2; do REGBENCH=$R SLURM_ARRAY_TASK_ID=$i SLURM_ARRAY_TASK_COUNT=2 sh " TEST_FOLDER
              "/../bench/sweep.slurm five.json array >/dev/null || exit 1; done\n"
              "$R export -o csv array | wc -l"),
        0);
    assert_int_equal(atoi(rb_text_string(&out)), 1 + 5);
}

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
        {"{\"cases\": [\"size/mlp\"], \"strategy\": \"bayes\"}", "\"strategy\" must be"},
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_grid_from_a_file), cmocka_unit_test(shards_are_the_whole),
                                       cmocka_unit_test(bad_files_are_refused), cmocka_unit_test(ten_lines_to_share)};
    return cmocka_run_group_tests(tests, begin, end);
}
