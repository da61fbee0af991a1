/* test_published.c: sets of results: what holds is sealed, every defect is found, tables and documents are made from
 * them. */
#include <math.h>

#include "cli_util.h"
#include "core/file.h"
#include "core/sha256.h"
#include "regbench/lab.h"

#define DATA "d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0"

static void hash_of(const char *name, int64_t n_train, char hex[65]) {
    const rb_case *c;
    rb_text text = {0};
    assert_int_equal(rb_case_find(name, &c), RB_OK);
    assert_int_equal(rb_case_describe(c, DATA, n_train, &text), RB_OK);
    assert_int_equal(rb_sha256(text.data, text.length, hex), RB_OK);
    hex[12] = '\0';
    rb_text_free(&text);
}

/* A row that `bench` or `run` could have written. */
static void begin_row(rb_row *row, const char *run_id, const char *name, const char *phase, int batch,
                      int64_t n_train) {
    char hex[65];
    hash_of(name, n_train, hex);
    rb_row_begin(row, RB_TABLE_runs);
    rb_row_text(row, RB_COL(runs, run_id), run_id);
    rb_row_text(row, RB_COL(runs, status), "ok");
    rb_row_text(row, RB_COL(runs, started_utc), "2026-01-02T03:04:05Z");
    rb_row_real(row, RB_COL(runs, duration_s), 2.5);
    rb_row_text(row, RB_COL(runs, commit), "0123456789ab");
    rb_row_int(row, RB_COL(runs, dirty), 0);
    rb_row_text(row, RB_COL(runs, machine), "desk");
    rb_row_text(row, RB_COL(runs, device), "Some | Processor");
    rb_row_text(row, RB_COL(runs, device_key), "cpu");
    rb_row_text(row, RB_COL(runs, backend), "cpu");
    rb_row_text(row, RB_COL(runs, case), name);
    rb_row_text(row, RB_COL(runs, workload_hash), hex);
    rb_row_text(row, RB_COL(runs, dataset_sha256), DATA);
    rb_row_int(row, RB_COL(runs, n_train), n_train);
    rb_row_text(row, RB_COL(runs, precision), "fp32");
    rb_row_text(row, RB_COL(runs, provider), "own");
    rb_row_int(row, RB_COL(runs, threads), 2);
    rb_row_int(row, RB_COL(runs, batch_size), batch);
    rb_row_int(row, RB_COL(runs, seed), 1);
    rb_row_text(row, RB_COL(runs, phase), phase);
    rb_row_text(row, RB_COL(runs, verify), "quick");
}

static void add_speed(rb_text *csv, const char *run_id, double rate, bool peer) {
    rb_row row;
    begin_row(&row, run_id, "size/mlp", "bench", 512, 60000);
    rb_row_real(&row, RB_COL(runs, samples_per_s), rate);
    rb_row_int(&row, RB_COL(runs, step_wall_ns_median), (int64_t)(512e9 / rate));
    rb_row_real(&row, RB_COL(runs, model_mflop_per_sample), 2);
    rb_row_real(&row, RB_COL(runs, gflop_per_s), rate * 2e-3);
    if (peer) {
        rb_row_text(&row, RB_COL(runs, commit), "");
        rb_row_text(&row, RB_COL(runs, workload_hash), "");
        rb_row_text(&row, RB_COL(runs, backend), "torch-eager");
        rb_row_text(&row, RB_COL(runs, verify), "off");
    } else {
        rb_row_real(&row, RB_COL(runs, peak_gflops), 400);
        rb_row_real(&row, RB_COL(runs, pct_peak_flops), 100 * rate * 2e-3 / 400);
    }
    rb_csv_row(&row, csv);
    rb_row_end(&row);
}

static void add_epoch(rb_text *csv, const char *run_id, int epoch, double val_acc, double norm) {
    rb_row row;
    rb_row_begin(&row, RB_TABLE_epochs);
    rb_row_text(&row, RB_COL(epochs, run_id), run_id);
    rb_row_int(&row, RB_COL(epochs, epoch), epoch);
    rb_row_real(&row, RB_COL(epochs, train_s_cum), 0.5 * epoch);
    rb_row_real(&row, RB_COL(epochs, train_acc), 1);
    rb_row_real(&row, RB_COL(epochs, val_loss), 1.25);
    rb_row_real(&row, RB_COL(epochs, val_acc), val_acc);
    rb_row_real(&row, RB_COL(epochs, param_l2), norm);
    rb_csv_row(&row, csv);
    rb_row_end(&row);
}

static void add_run(rb_text *runs, rb_text *epochs, const char *run_id, const char *name, int seed, double val_acc,
                    double norm) {
    rb_row row;
    begin_row(&row, run_id, name, "run", 30, 30);
    rb_row_int(&row, RB_COL(runs, seed), seed);
    rb_row_int(&row, RB_COL(runs, epochs_run), 2);
    rb_row_real(&row, RB_COL(runs, val_acc_final), val_acc);
    rb_row_real(&row, RB_COL(runs, val_acc_best), val_acc + 0.05);
    rb_csv_row(&row, runs);
    rb_row_end(&row);
    add_epoch(epochs, run_id, 1, val_acc + 0.05, norm - 1);
    add_epoch(epochs, run_id, 2, val_acc, norm);
}

static void write_file(const char *name, rb_text *text) {
    char path[256];
    assert_int_equal(rb_text_status(text), RB_OK);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(rb_file_replace(path, text->data, text->length), RB_OK);
    rb_text_free(text);
}

/* folder/set: three processes of size/mlp beside PyTorch by turns, and two arms of animals over three seeds. */
static void make_set(void) {
    static const double ours[] = {100000, 103000, 101230}, theirs[] = {50000, 52000, 51000};
    rb_text runs = {0}, epochs = {0}, peaks = {0}, text = {0};
    rb_row row;
    char id[32];
    assert_int_equal(shell("rm -rf set && mkdir -p set/speeds set/runs"), 0);
    rb_csv_header(RB_TABLE_runs, &runs);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 2; k++) { /* A B, B A, A B */
            bool peer = (i + k) % 2;
            snprintf(id, sizeof id, "%s-%d", peer ? "peer" : "ours", i);
            add_speed(&runs, id, peer ? theirs[i] : ours[i], peer);
        }
    write_file("set/speeds/runs.csv", &runs);
    rb_text_printf(&text, "case,batch,regbench_samples_per_s,peer_samples_per_s,ratio,ratio_min,ratio_max,aim,rounds,"
                          "others_cores_max,peer,peer_variant,status\n"
                          "size/mlp,512,101230,51000,1.98490196,1.9,2.1,,3,0.03,torch-eager,nchw,ok\n");
    write_file("set/speeds/ratios.csv", &text);
    rb_csv_header(RB_TABLE_peaks, &peaks);
    rb_row_begin(&row, RB_TABLE_peaks);
    rb_row_text(&row, RB_COL(peaks, device_key), "cpu");
    rb_row_int(&row, RB_COL(peaks, threads), 2);
    rb_row_real(&row, RB_COL(peaks, fma_gflop_per_s), 410);
    rb_csv_row(&row, &peaks);
    rb_row_end(&row);
    write_file("set/speeds/peaks.csv", &peaks);
    rb_csv_header(RB_TABLE_runs, &runs);
    rb_csv_header(RB_TABLE_epochs, &epochs);
    for (int seed = 1; seed <= 3; seed++) {
        snprintf(id, sizeof id, "base-%d", seed);
        add_run(&runs, &epochs, id, "animals/unregularized", seed, 0.4, 11 + 0.1 * seed);
        snprintf(id, sizeof id, "arm-%d", seed);
        add_run(&runs, &epochs, id, "animals/l1", seed, 0.4 + 0.01 * seed, 6 + 0.1 * seed);
    }
    write_file("set/runs/runs.csv", &runs);
    write_file("set/runs/epochs.csv", &epochs);
    rb_text_append(&text, "# set\n\nMade by a test.\n\nClaims: processes 3, seeds 3\n");
    write_file("set/README.md", &text);
    if (shell("$R results --seal set -o csv") != 0) fail_msg("%s%s", rb_text_string(&out), rb_text_string(&err));
}

static void a_good_set_is_sealed_and_holds(void **state) {
    (void)state;
    make_set();
    assert_int_equal(lines(rb_text_string(&out)), 1); /* no finding */
    assert_int_equal(shell("$R results set -o csv"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 1);
    assert_int_equal(shell("cd set && sha256sum --quiet -c SHA256SUMS && grep -c . SHA256SUMS"), 0);
    assert_string_equal(rb_text_string(&out), "5\n");                             /* not README.md */
    assert_int_equal(shell("echo more >>set/README.md && $R results set -q"), 0); /* prose may be mended */
}

/* Without the quotes that CSV puts around some fields. */
static void unquote(rb_text *text) {
    size_t n = 0;
    for (size_t i = 0; i < text->length; i++)
        if (text->data[i] != '"') text->data[n++] = text->data[i];
    text->data[n] = '\0';
    text->length = n;
}

/* Done to a copy of the set, which held: what must be found then. */
static void every_defect_is_found(void **state) {
    static const struct {
        const char *defect, *finding;
    } defects[] = {
        {"rm README.md", "readme,"},
        {"rm SHA256SUMS", "checksum,not sealed"},
        {"echo >>speeds/peaks.csv", "speeds/peaks.csv,,bad,checksum,it is not what was sealed"},
        {"rm speeds/peaks.csv", "speeds/peaks.csv,,bad,checksum,SHA256SUMS lists it, but it is not there"},
        {"cp speeds/peaks.csv peaks.csv", "peaks.csv,,bad,checksum,SHA256SUMS does not list it"},
        {"sed -i '1s/^0/x/;1s/^[1-9a-f]/x/' SHA256SUMS", "SHA256SUMS,1,bad,checksum"},
        {"sed -i 1s/workload_hash/work/ speeds/runs.csv", "bad,schema"},
        {"sed -i '2,$s/^1,/2,/' speeds/runs.csv", "a newer regbench wrote this file"},
        {"sed -i s/,100000,/,fast,/ speeds/runs.csv", "is no number"},
        {"sed -i '2s/,[^,]*$//' speeds/runs.csv", "not as many fields"},
        {"sed -i s/,100000,/,200000,/ speeds/runs.csv",
         "2,bad,consistent,samples_per_s x model_mflop_per_sample is 400"},
        {"sed -i s/,5120000,/,51200,/ speeds/runs.csv", "2,bad,consistent,samples_per_s x step_wall_ns_median"},
        {"sed -i s/,5120000,/,51200000,/ speeds/runs.csv", "2,bad,consistent,samples_per_s x step_wall_ns_median"},
        {"sed -i s/,5120000,/,7120000,/ speeds/runs.csv", "2,bad,disturbed,samples_per_s x step_wall_ns_median is 712"},
        {"sed -i '2s/,200,50,/,200,60,/' speeds/runs.csv", "2,bad,consistent,gflop_per_s / peak_gflops"},
        {"sed -i 's/,100000,2,200,50,/,100000,9,900,,/' speeds/runs.csv",
         "2,bad,plausible,100000 samples/s are 900 model GFLOP/s"},
        {"sed -i s/,410,/,41,/ speeds/peaks.csv", "2,bad,disturbed,peak_gflops is 400, peaks.csv of the set has 41:"},
        {"sed -i s/,410,/,4.1,/ speeds/peaks.csv", "2,bad,plausible,peak_gflops is 400, peaks.csv of the set has 4.1"},
        {"sed -i s/,410,/,41000,/ speeds/peaks.csv", "2,bad,plausible,peak_gflops is 400"},
        {"sed -i s/,410,/,900,/ speeds/peaks.csv", "2,bad,disturbed,peak_gflops is 400, peaks.csv of the set has 900"},
        {"sed -i 2s/,2.5,/,-2.5,/ speeds/runs.csv", "2,bad,plausible,duration_s is -2.5, not above 0"},
        {"sed -i 2s/,2026-01-02T/,2126-01-02T/ speeds/runs.csv", "2,bad,plausible,started_utc"},
        {"sed -i 2s/,0123456789ab,/,main,/ speeds/runs.csv", "2,bad,schema,commit "},
        {"sed -i 2s/,0123456789ab,0,/,0123456789ab,1,/ speeds/runs.csv", "2,bad,dirty"},
        {"sed -i 's/,quick,/,off,/' speeds/runs.csv", "2,bad,unverified,size/mlp on cpu"},
        {"sed -i '5s/,quick,/,off,/;5s/,own,/,own onednn,/' speeds/runs.csv", "5,bad,unverified,size/mlp on cpu"},
        {"sed -i '2s/,ours-0,/,ours-1,/' speeds/runs.csv", "run_id ours-1 stands in line 2 already"},
        {"sed -i 's/,512,,,,/,256,,,,/;s/,5120000,/,2560000,/' speeds/runs.csv",
         "bad,historical,workload_hash of size/mlp"},
        {"sed -i 's/,size.mlp,/,size\\/mlq,/' speeds/runs.csv", "bad,historical,this build has no case size/mlq"},
        {"sed -i 6d speeds/runs.csv", "bad,consistent,size/mlp: medians"},
        {"sed -i 3d speeds/runs.csv", "bad,consistent,size/mlp: medians"},
        {"sed -i 's/^Claims.*/Claims: processes 4/' README.md",
         "2,bad,claims,size/mlp on cpu: 3 processes, README.md claims 4"},
        {"sed -i 's/^Claims.*/Claims: seeds 4/' README.md", "2,bad,claims,animals/unregularized on cpu: 3 seeds"},
        {"sed -i '5s/$/fastest/' speeds/runs.csv", "2,bad,claims,size/mlp on cpu: 2 processes, README.md claims 3"},
        {"sed -i s/1.98490196/2.98490196/ speeds/ratios.csv", "is not the ratio 2.9849"},
        {"sed -i s/,0.03,/,0.3,/ speeds/ratios.csv", "2,bad,disturbed,size/mlp: other programs used 0.30 cores"},
        {"sed -i s/nchw,ok/nchw,failed/ speeds/ratios.csv", "2,bad,failed"},
        {"sed -i s/torch-eager,/torch-eager-bf16,/ speeds/ratios.csv",
         "2,bad,consistent,size/mlp: runs.csv has no speeds of torch-eager-bf16"},
        {"sed -i s/torch-eager,/torch-eage,/ speeds/ratios.csv", "has no speeds of torch-eage"},
        {"sed -i '/torch-eager/s/,fp32,/,bf16,/' speeds/runs.csv", "has no speeds of torch-eager"},
        {"sed -i 's/^size.mlp/size\\/lenet/' speeds/ratios.csv", "size/lenet: runs.csv has no speeds of regbench"},
        {"sed -i 3s/ok/diverged/ runs/runs.csv", "3,bad,failed,animals/l1 on cpu: status diverged"},
        {"sed -i 3s/,0.41,/,1.41,/ runs/runs.csv", "3,bad,plausible,val_acc_final is 1.41, not between 0 and 1"},
        {"sed -i 3s/,0.41,/,0.42,/ runs/runs.csv",
         "3,bad,consistent,val_acc_final is 0.42, the last epoch of epochs.csv has 0.41"},
        {"sed -i 3s/,0.46,/,0.45,/ runs/runs.csv", "3,bad,consistent,val_acc_best is 0.45, epochs.csv has 0.46"},
        {"sed -i 3s/,0.46,/,0.4,/ runs/runs.csv", "val_acc_best 0.4 is below val_acc_final 0.41"},
        {"sed -i '3s/,base-1,2,/,base-1,0,/' runs/epochs.csv", "3,bad,consistent,epoch 0"},
        {"sed -i '3s/,base-1,/,base-9,/' runs/epochs.csv", "3,bad,consistent,run_id base-9 is not in runs.csv"},
        {"sed -i '3s/,0.4,/,-0.4,/' runs/epochs.csv", "3,bad,plausible,val_acc is -0.4"},
        {"rm runs/runs.csv", "no readable runs.csv beside it"},
    };
    (void)state;
    make_set();
    for (size_t i = 0; i < sizeof defects / sizeof *defects; i++) {
        assert_int_equal(shell("rm -rf s && cp -r set s && cd s && %s && ! diff -rq . ../set", defects[i].defect), 0);
        int code = shell("$R results s -o csv");
        unquote(&out);
        if (code != 2 || !strstr(rb_text_string(&out), defects[i].finding))
            fail_msg("%s: exit %d, wanted \"%s\" in\n%s%s", defects[i].defect, code, defects[i].finding,
                     rb_text_string(&out), rb_text_string(&err));
    }
}

/* What ratios.csv calls torch-eager-bf16 is torch-eager in bf16 in runs.csv. */
static void a_peers_name_says_its_precision(void **state) {
    (void)state;
    make_set();
    assert_int_equal(
        shell("sed -i s/torch-eager,/torch-eager-bf16,/ set/speeds/ratios.csv && "
              "sed -i '/torch-eager/s/,fp32,/,bf16,/' set/speeds/runs.csv && $R results --seal set -o csv"),
        0);
    assert_int_equal(lines(rb_text_string(&out)), 1);
}

/* What is beyond fp32's peak may be right in tf32, of which no peak is known. */
static void another_precision_has_another_peak(void **state) {
    (void)state;
    make_set();
    assert_int_equal(shell("cd set && sed -i '2s/,100000,2,200,50,/,100000,9,900,,/;2s/,400,/,,/;2s/,fp32,/,tf32,/' "
                           "speeds/runs.csv && grep -c ,tf32,.*,900, speeds/runs.csv"),
                     0);
    shell("$R results set -o csv");
    assert_null(strstr(rb_text_string(&out), "model GFLOP/s"));
    assert_null(strstr(rb_text_string(&out), "no peak is known"));
}

static void what_is_bad_is_not_sealed(void **state) {
    (void)state;
    make_set();
    assert_int_equal(
        shell("sed -i s/,100000,/,200000,/ set/speeds/runs.csv; rm set/SHA256SUMS; $R results --seal set -q"), 2);
    assert_int_equal(shell("ls set/SHA256SUMS"), 2);
    make_set();
    assert_int_equal(shell("mkdir empty; $R results --seal empty -q"), 2);
}

static void what_readme_admits_is_not_bad(void **state) {
    (void)state;
    make_set();
    assert_int_equal(shell("sed -i 2s/,0123456789ab,0,/,0123456789ab,1,/ set/speeds/runs.csv\n"
                           "printf '\\nAdmits: failed, dirty\\n' >>set/README.md; $R results --seal set -q"),
                     0);
    assert_int_equal(shell("$R results set -o csv"), 0);
    assert_has(out, "2,admitted,dirty");
    assert_int_equal(shell("echo 'Admits: disturbed' >set/speeds/README.md; $R results set -o csv"), 2); /* nearer */
    assert_has(out, "2,bad,dirty");
    assert_int_equal(shell("rm set/speeds/README.md; sed -i s/dirty/dirtyish/ set/README.md; $R results set -q"), 2);
}

/* Others on the machine may pull the medians of rates and of times apart; by a factor of ten nothing does. */
static void a_busy_machine_may_be_admitted(void **state) {
    (void)state;
    make_set();
    assert_int_equal(shell("sed -i s/,5120000,/,7120000,/ set/speeds/runs.csv\n"
                           "printf '\\nAdmits: disturbed\\n' >>set/README.md; $R results --seal set -o csv"),
                     0);
    assert_has(out, "2,admitted,disturbed");
    assert_int_equal(shell("sed -i s/,7120000,/,51200000,/ set/speeds/runs.csv; $R results --seal set -o csv"), 2);
    assert_has(out, "2,bad,consistent");
    make_set(); /* peaks.csv was measured while something was in the way: as admissible as a row that was */
    assert_int_equal(shell("sed -i s/,410,/,205,/ set/speeds/peaks.csv\n"
                           "printf '\\nAdmits: disturbed\\n' >>set/README.md; $R results --seal set -o csv"),
                     0);
    assert_has(out, "2,admitted,disturbed");
}

/* The cell of a column in the first row that `$R results` printed as CSV, split at commas. */
static double cell_of(const char *column) {
    char text[4096], *rest = NULL, *at;
    int wanted = -1, n = 0;
    snprintf(text, sizeof text, "%s", rb_text_string(&out));
    char *row = strchr(text, '\n');
    assert_non_null(row);
    *row++ = '\0';
    for (char *name = strtok_r(text, ",", &rest); name; name = strtok_r(NULL, ",", &rest), n++)
        if (!strcmp(name, column)) wanted = n;
    assert_true(wanted >= 0);
    for (at = row; wanted > 0; wanted--) at = strchr(at, ',') + 1;
    return *at == ',' ? NAN : strtod(at, NULL);
}

static void tables_are_medians_of_rows(void **state) {
    (void)state;
    make_set();
    assert_int_equal(shell("$R results set --table devices -o csv"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 2);
    assert_true(cell_of("samples_per_s") == 101230 && cell_of("peer_samples_per_s") == 51000 && cell_of("n") == 3);
    assert_true(isnan(cell_of("samples_per_s_low"))); /* three values have no 95 % interval */
    assert_true(fabs(cell_of("pct_peak_flops") - 50.615) < 1e-9);
    assert_true(fabs(cell_of("ratio") - 101.23 / 51) < 1e-6); /* the fifth of the nine quotients */
    assert_has(out, "\"2,5-6\"");                             /* A B, B A, A B */
    assert_has(out, "\"3-4,7\"");
    assert_int_equal(shell("$R results set --table speeds -o md"), 0);
    assert_has(out, "| case | batch | torch-eager | cpu | cpu / torch-eager | n | rows |\n");
    assert_has(out, " | 51,000 | 101,200 | **1.98** | 3 | [2-7](set/");
    assert_int_equal(shell("$R results set --table machines -o csv"), 0);
    assert_true(cell_of("cases") == 1 && cell_of("fma_gflop_per_s") == 410);
    assert_int_equal(shell("$R results set --table sets -o csv"), 0);
    assert_true(cell_of("timed") == 3 && cell_of("timed_cases") == 1 && cell_of("trained") == 6 &&
                cell_of("trained_cases") == 2);
    assert_int_equal(shell("sed -i '1s/.*/# set: made by a test/' set/README.md; $R results set --table sets -o md"),
                     0);
    assert_has(out, "| [set](set/README.md) | made by a test | desk: cpu | 3 processes of 1 case | 6 runs of 2 cases | "
                    "0123456789ab |");
    assert_int_equal(shell("$R results set --table regularizers -o csv | sed -n '1p;/param_l2/p'"), 0);
    assert_true(fabs(cell_of("change") + 5) < 1e-9 && cell_of("pairs") == 3);
    assert_has(out, ",\"3,5,7\",\"2,4,6\"");
    assert_int_equal(shell("$R results set --table regularizers -o md"), 0);
    assert_has(out, "| animals/l1 | animals/unregularized | 3 |");
    assert_has(out, "+2.0");
    assert_int_equal(shell("$R results set --table devices --case 'cnn/*' -o csv"), 0);
    assert_int_equal(lines(rb_text_string(&out)), 1); /* the header */
    assert_has(err, "no row");
}

/* One of three processes of the cpu worked in another way: two rows, and the table for people says in what they differ.
 */
static void different_ways_are_no_median(void **state) {
    static const struct {
        const char *change, *shown; /* of line 5; NULL: nothing tells the two apart but the CSV */
    } ways[] = {{"s/,own,,,2,,,,512,/,own,,eager,2,,,,512,/", "submit eager"},
                {"s/,own,,,2,,,,512,/,own,,,2,,a=b,,512,/", "quirk a=b"},
                {"s/,own,,,2,,,,512,/,own,,,1,,,,512,/", "1 thread"},
                {"s/,own,,,2,,,,512,/,own onednn,,,2,,,,512,/", "own onednn"},
                {"s/,own,,,2,,,,512,/,own,,,2,,,4,512,/", NULL},
                {"s/,own,,,2,,,,512,/,own,,,2,avx2,,,512,/", NULL},
                {"s/,0123456789ab,0,/,0123456789ab,1,/", NULL},
                {"s/,fp32,/,tf32,/", "tf32"},
                {"s/$/fastest/", "fastest"}};
    char part[128];
    (void)state;
    make_set();
    assert_int_equal(shell("cp set/speeds/runs.csv kept.csv"), 0);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        assert_int_equal(
            shell("sed '5%s' kept.csv >set/speeds/runs.csv; ! cmp -s kept.csv set/speeds/runs.csv", ways[i].change), 0);
        if (!ways[i].shown) { /* of one place: the row of more processes stays */
            assert_int_equal(shell("$R results set --table devices -o csv"), 0);
            assert_int_equal(lines(rb_text_string(&out)), 2);
            assert_true(cell_of("n") == 2 && cell_of("samples_per_s") == 100615);
            continue;
        }
        assert_int_equal(shell("$R results set --table devices -o csv"), 0);
        if (lines(rb_text_string(&out)) != 3) fail_msg("%s: %s", ways[i].change, rb_text_string(&out));
        assert_has(out, "\"2,6\"");
        assert_int_equal(shell("$R results set --table devices -o md"), 0);
        snprintf(part, sizeof part, " | %s | 512 | 103,000 |", ways[i].shown);
        assert_has(out, part);
        assert_int_equal(shell("$R results set --table machines -o md"), 0);
        assert_has(out, "size/mlp 100,600 | 50 %"); /* what it does unasked, of more processes */
        assert_int_equal(shell("$R results set --table speeds -o md"), 0);
        snprintf(part, sizeof part, ", %s | ", ways[i].shown);
        assert_has(out, part);
    }
    /* Asked for what it would do anyway: the same. */
    assert_int_equal(shell("sed '5s/$/threads=2 provider=auto/' kept.csv >set/speeds/runs.csv; $R results set --table "
                           "devices -o csv"),
                     0);
    assert_int_equal(lines(rb_text_string(&out)), 2);
    assert_true(cell_of("n") == 3);
}

/* Another version of the peer is another program, and another sitting another time. */
static void ratios_are_of_turns(void **state) {
    (void)state;
    make_set();
    assert_int_equal(
        shell("cd set/speeds && cp runs.csv ../../kept.csv && sed -i '3,4s/,own,/,torch 2.15,/;7s/,own,/,torch "
              "2.16,/' runs.csv && cd ../.. && $R results set --table devices -o md"),
        0);
    assert_has(out, "| torch-eager (torch 2.15) 51,000 | 1.99 |");
    assert_has(out, "| torch-eager (torch 2.16) 51,000 | 1.98 |");
    assert_has(out, "[2,5-6; 3-4]");
    assert_int_equal(shell("$R results set --table speeds -o md"), 0);
    assert_has(out, "| torch-eager (torch 2.15) 51,000 |");
    assert_int_equal(shell("mkdir set/later; (sed -n 1p kept.csv; grep torch-eager kept.csv) >set/later/runs.csv; grep "
                           "-v torch-eager kept.csv >set/speeds/runs.csv; $R results set --table devices -o csv"),
                     0);
    assert_int_equal(lines(rb_text_string(&out)), 2);
    assert_true(cell_of("n") == 3 && isnan(cell_of("ratio")));
}

static void the_newest_set_counts(void **state) {
    (void)state;
    make_set();
    assert_int_equal(
        shell("rm -rf all && mkdir all && cp -r set all/a && cp -r set all/b\n"
              "sed -i 's/2026-01-02T/2026-02-02T/;s/,100000,2,200,/,102000,2,204,/' all/a/speeds/runs.csv\n"
              "$R results all --table devices -o csv"),
        0);
    assert_int_equal(lines(rb_text_string(&out)), 2);
    assert_true(cell_of("samples_per_s") == 102000);
    assert_int_equal(shell("printf '<!-- results: devices sets=newest -->\\n<!-- end -->\\n' >new.md; $R results "
                           "--update new.md all && cat new.md"),
                     0);
    assert_has(out, "(all/a/speeds/runs.csv#L2-L7)");
    assert_has(
        out, "[a](all/a/README.md) on desk: `cpu` is Some \\| Processor (2 threads, commit 0123456789ab, 2026-02-02)");
    /* The newest set that has such rows: without speeds it is the other one. */
    assert_int_equal(shell("rm -r all/a/speeds && sed -i s/2026-01-02T/2026-03-02T/ all/a/runs/runs.csv\n"
                           "$R results --update new.md all && cat new.md && rm -r all/a && cp -r set all/a"),
                     0);
    assert_has(out, "(all/b/speeds/runs.csv#L2-L7)");
    /* Another machine's row stands beside it. */
    assert_int_equal(shell("sed -i s/,desk,/,lap,/ all/b/speeds/runs.csv; $R results all --table devices -o md"), 0);
    assert_has(out, "| size/mlp | desk | cpu |");
    assert_has(out, "| size/mlp | lap | cpu |");
    assert_int_equal(shell("$R results all --table machines -o md"), 0);
    assert_has(out, "Some \\| Processor");
}

static void documents_are_made_anew_in_place(void **state) {
    (void)state;
    make_set();
    assert_int_equal(shell("mkdir -p doc; printf '# A\\n\\n<!-- results: devices cases=size/* -->\\nold\\n<!-- end "
                           "-->\\ntail' >doc/R.md\n"
                           "$R results --check doc/R.md set"),
                     2);
    assert_has(err, "not current");
    assert_int_equal(shell("cat doc/R.md"), 0);
    assert_has(out, "\nold\n");
    assert_int_equal(shell("$R results --update doc/R.md set && cat doc/R.md"), 0);
    assert_has(out, "# A\n\n<!-- results: devices cases=size/* -->\n\n| case |");
    assert_has(out, "| size/mlp | cpu | 512 | 101,200 | torch-eager 51,000 | 1.98 | 51 % | 3 | "
                    "[2,5-6; 3-4,7](../set/speeds/runs.csv#L2-L7) |");
    assert_has(out, "\n\n<!-- end -->\ntail");
    assert_int_equal(shell("$R results --check doc/R.md set"), 0);
    assert_int_equal(shell("sed -i s/101,200/101,201/ doc/R.md; $R results --check doc/R.md set"), 2);
    assert_int_equal(shell("printf '<!-- results: machines -->\\n' >bad.md; $R results --update bad.md set"), 2);
    assert_has(err, "line 1: no \"<!-- end -->\"");
    assert_int_equal(
        shell("printf 'x\\n<!-- results: speed -->\\n<!-- end -->\\n' >bad.md; $R results --update bad.md set"), 2);
    assert_has(err, "bad.md, line 2: there is no table \"speed\"");
    assert_int_equal(
        shell("printf '<!-- results: devices best=1 -->\\n<!-- end -->\\n' >bad.md; $R results --update bad.md set"),
        2);
    assert_has(err, "\"best=1\" is none of");
    assert_int_equal(shell("echo none >bad.md; $R results --update bad.md set"), 2);
    assert_int_equal(shell("$R results --update absent.md set"), 2);
}

static void usage(void **state) {
    (void)state;
    make_set();
    assert_int_equal(shell("$R results absent"), 2);
    assert_int_equal(shell("mkdir -p nothing/below; $R results nothing"), 2);
    assert_has(err, "holds no set");
    assert_int_equal(shell("$R results --seal"), 2);
    assert_int_equal(shell("$R results --update set"), 2);
    assert_int_equal(shell("$R results set --table hardware"), 2);
    assert_has(err, "devices, speeds, regularizers, machines, sets");
    assert_int_equal(shell("$R results set --table devices --update"), 2);
    assert_int_equal(shell("$R results doc/R.md"), 2);
    assert_int_equal(shell("$R results set --case size/mlp"), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_set_is_sealed_and_holds),
        cmocka_unit_test(every_defect_is_found),
        cmocka_unit_test(a_peers_name_says_its_precision),
        cmocka_unit_test(another_precision_has_another_peak),
        cmocka_unit_test(what_is_bad_is_not_sealed),
        cmocka_unit_test(what_readme_admits_is_not_bad),
        cmocka_unit_test(a_busy_machine_may_be_admitted),
        cmocka_unit_test(tables_are_medians_of_rows),
        cmocka_unit_test(different_ways_are_no_median),
        cmocka_unit_test(ratios_are_of_turns),
        cmocka_unit_test(the_newest_set_counts),
        cmocka_unit_test(documents_are_made_anew_in_place),
        cmocka_unit_test(usage),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
