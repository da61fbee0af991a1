/* test_report.c: rows, CSV there and back, JSON there and back, tables. */
#include "report_util.h"

#include <csv.h>
#include <math.h>

#include "core/text.h"
#include "regbench/report.h"
#include "report/csv_read.h"

/* The headers as they were published: columns are only appended. */
static const struct {
    rb_table table;
    const char *header;
} golden[] = {
    {RB_TABLE_runs,
     "schema_version,run_id,session_id,status,status_reason,started_utc,duration_s,commit,dirty,env_id,machine,"
     "device,"
     "device_key,backend,case,workload_hash,dataset,dataset_sha256,model,n_params,n_train,n_valid,reg,overrides,"
     "precision,provider,algo,submit,threads,isa,quirks,ranks,batch_size,optimizer,lr,momentum,weight_decay,l1,l2,"
     "dropout_p,batchnorm,augment,seed,phase,epochs_run,steps_timed,windows,stop_reason,init_s,kernel_compile_s,"
     "kernel_cache,tuning_id,step_wall_ns_median,step_wall_ns_mad,step_wall_ns_p05,step_wall_ns_p95,samples_per_s,"
     "model_mflop_per_sample,gflop_per_s,pct_peak_flops,pct_roofline,mem_peak_mib,clock_mhz_median,throttled_frac,"
     "power_w_mean,energy_j_per_sample,peak_gflops,verify,verify_max_rel_err,val_acc_final,val_acc_best,best_epoch,"
     "test_acc,target_value,target_reached,epochs_to_target,tta_train_s,tta_total_s,resumed_from,"
     "early_stop,stop_epoch,kept_epoch,kept_val_loss,kept_val_acc,label_noise,arm,train_s,eval_s,step_mflop,step_"
     "mbyte,settings\n"},
    {RB_TABLE_epochs, "schema_version,run_id,epoch,step,train_s_cum,eval_s_cum,lr,train_loss,train_acc,train_eval_loss,"
                      "train_eval_acc,val_loss,val_acc,test_loss,test_acc,param_l2,event\n"},
    {RB_TABLE_steps, "schema_version,run_id,step,train_loss,param_l2,grad_l2\n"},
    {RB_TABLE_layers, "schema_version,run_id,epoch,step,tensor,layer,n_params,l1,l2,max_abs,near_zero,grad_l2\n"},
    {RB_TABLE_windows, "schema_version,run_id,window,warmup,steps,wall_ns,clock_mhz,throttled,"
                       "throttle_reasons,energy_j,power_w,temperature_c\n"},
    {RB_TABLE_env, "schema_version,env_id,name,value,stable\n"},
    {RB_TABLE_classes, "schema_version,run_id,split,class,name,precision,recall,f1_score,support\n"},
    {RB_TABLE_confusion, "schema_version,run_id,split,true_class,predicted_class,count\n"},
    {RB_TABLE_attacks,
     "schema_version,run_id,attack,split,eps_255,step_255,n_steps,temperature,n,accuracy,loss,linf_255,l2,n_fooled,"
     "detector,detector_threshold,detector_tpr,detector_fpr\n"},
    {RB_TABLE_predictions, "schema_version,split,row,label,label_name,predicted,predicted_name,correct\n"},
    {RB_TABLE_effects, "schema_version,base,arm,reg,machine,device_key,figure,pairs,base_mean,arm_mean,change,low,high,"
                       "verdict,rank,note\n"},
    {RB_TABLE_devices, "schema_version,device_key,backend,device,driver,isa,threads,memory_mib,max_alloc_mib,"
                       "type,platform,vendor,version,details\n"},
    {RB_TABLE_cases,
     "schema_version,case,title,model,dataset,n_params,model_mflop_per_sample,n_train,batch_size,epochs,"
     "optimizer,expect,expected_s,runs,strategy\n"},
    {RB_TABLE_checks, "schema_version,device_key,what,seed,checked,failed,max_rel_err,verdict,reason\n"},
    {RB_TABLE_datasets, "schema_version,dataset,channels,height,width,classes,n_train,n_test,path,title\n"},
    {RB_TABLE_outputs, "schema_version,run_id,epoch,sample,x,target,predicted\n"},
    {RB_TABLE_ops, "schema_version,run_id,op,provider,calls,ns,gflop_per_s,gbyte_per_s\n"},
    {RB_TABLE_peaks,
     "schema_version,device_key,device,isa,threads,provider,fma_gflop_per_s,gemm_gflop_per_s,triad_gbyte_per_s,"
     "session_id,moment,utc,drift_pct,drifted,precision\n"},
    {RB_TABLE_tta, "schema_version,case,device_key,overrides,target_value,n,reached,epochs_to_target,s_per_epoch,"
                   "tta_train_s,tta_total_s,machine,dataset,precision,provider,submit,threads,quirks,settings,commit,"
                   "dirty,device\n"},
    {RB_TABLE_doctor, "schema_version,topic,check,found,advice\n"},
    {RB_TABLE_columns, "schema_version,table_name,column_name,type,meaning\n"},
    {RB_TABLE_trials,
     "schema_version,run_id,study,strategy,trial,case,parameters,val_acc,best_so_far,test_acc,status,device_key,"
     "seed,overrides,duration_s\n"},
    {RB_TABLE_compare,
     "schema_version,case,kind,across,arm_a,arm_b,machine,device_key,device,batch_size,precision,provider,submit,"
     "threads,overrides,phase,workload_hash,commit,n_a,n_b,samples_per_s_a,samples_per_s_b,ratio,ratio_low,ratio_"
     "high,p_value,q_value,threshold_pct,verdict,reason,more,settings\n"},
    {RB_TABLE_history,
     "schema_version,case,machine,device_key,device,batch_size,precision,provider,overrides,"
     "workload_hash,series,changed,started_utc,commit,session_id,n,failed,samples_per_s,samples_"
     "per_s_low,samples_per_s_high,step_ratio,step_p,step,phase,submit,threads,isa,quirks,settings\n"},
    {RB_TABLE_result_findings, "schema_version,set_name,file,line,severity,kind,found\n"},
    {RB_TABLE_result_devices,
     "schema_version,case,machine,device_key,device,batch_size,threads,precision,provider,overrides,commit,started_"
     "utc,n,samples_per_s,samples_per_s_low,samples_per_s_high,pct_peak_flops,peer,peer_n,peer_samples_per_s,ratio,"
     "ratio_low,ratio_high,others_cores_max,set_name,file,lines,peer_file,peer_lines,submit,quirks,settings,peer_"
     "version\n"},
    {RB_TABLE_result_regularizers, "schema_version,arm,base,reg,machine,device_key,figure,pairs,base_mean,arm_mean,"
                                   "change,low,high,verdict,note,set_name,file,lines,base_lines\n"},
    {RB_TABLE_result_machines, "schema_version,machine,device_key,device,driver,threads,commit,started_utc,cases,n,"
                               "headline_case,samples_per_s,pct_peak_flops,fma_gflop_per_s,set_name,file,lines\n"},
    {RB_TABLE_result_sets, "schema_version,set_name,title,machine,device_key,commit,started_utc,ended_utc,timed,"
                           "timed_cases,trained,trained_cases\n"},
};

static void headers(void **state) {
    (void)state;
    assert_int_equal(sizeof golden / sizeof *golden, RB_TABLES);
    for (size_t i = 0; i < RB_TABLES; i++) {
        rb_text t = {0};
        rb_csv_header(golden[i].table, &t);
        assert_string_equal(t.data, golden[i].header);
        rb_text_free(&t);
    }
}

static void lookups(void **state) {
    (void)state;
    assert_int_equal(rb_table_find("steps"), RB_TABLE_steps);
    assert_int_equal(rb_table_find("nothing"), RB_TABLES);
    assert_int_equal(rb_column_find(RB_TABLE_runs, "case"), RB_COL(runs, case));
    assert_int_equal(rb_column_find(RB_TABLE_runs, "train_loss"), -1);
    assert_int_equal(rb_table_columns(RB_TABLE_steps), 6);
    for (int t = 0; t < RB_TABLES; t++) {
        assert_true(strlen(rb_table_doc((rb_table)t)) > 0);
        for (int c = 0; c < rb_table_columns((rb_table)t); c++) assert_true(strlen(rb_column_doc((rb_table)t, c)) > 0);
    }
}

static const char *const hostile[] = {"plain",
                                      "a,b",
                                      "say \"hi\"",
                                      "two\nlines",
                                      "cr\rlf\r\n",
                                      "\"",
                                      "\"\"",
                                      ",",
                                      " blank",
                                      "blank\t ",
                                      "\xc3\xa9t\xc3\xa9 \xe2\x82\xac",
                                      "=1+2|cmd",
                                      "\\\\\"\\n",
                                      "nan",
                                      "'); DROP TABLE runs;--",
                                      "\x01\x02\x1b[31m",
                                      "\xf0\x9f\x90\x88"};

static void csv_round_trip(void **state) {
    char *folder = util_folder(), path[700];
    rb_text t = {0};
    int n = (int)(sizeof hostile / sizeof *hostile);
    (void)state;
    rb_csv_header(RB_TABLE_env, &t);
    for (int i = 0; i < n; i++) {
        rb_row row;
        rb_row_begin(&row, RB_TABLE_env);
        rb_row_text(&row, RB_COL(env, name), hostile[i]);
        rb_row_text(&row, RB_COL(env, value), hostile[n - 1 - i]);
        rb_csv_row(&row, &t);
        rb_row_end(&row);
    }
    util_write(folder, "env.csv", "w", t.data);
    snprintf(path, sizeof path, "%s/env.csv", folder);
    rb_csv csv;
    assert_int_equal(rb_csv_read(path, &csv), RB_OK);
    assert_int_equal(csv.n_rows, n);
    assert_int_equal(csv.n_columns, 5);
    for (int i = 0; i < n; i++) {
        assert_string_equal(rb_csv_get(&csv, i, "name"), hostile[i]);
        assert_string_equal(rb_csv_get(&csv, i, "value"), hostile[n - 1 - i]);
        assert_string_equal(rb_csv_get(&csv, i, "env_id"), "");
        assert_string_equal(rb_csv_get(&csv, i, "absent"), "");
    }
    rb_csv_free(&csv);
    rb_text_free(&t);
    util_remove(folder);
}

static void csv_broken(void **state) {
    char *folder = util_folder(), path[700];
    rb_csv csv;
    (void)state;
    snprintf(path, sizeof path, "%s/x.csv", folder);
    assert_fails(rb_csv_read(path, &csv), RB_MISSING, "x.csv");
    util_write(folder, "x.csv", "w", "");
    assert_fails(rb_csv_read(path, &csv), RB_INPUT, "empty");
    util_write(folder, "x.csv", "w", "a,b\n1,2\n3\n");
    assert_fails(rb_csv_read(path, &csv), RB_INPUT, "row 3");
    util_write(folder, "x.csv", "w", "a,b\n1,\"2\n");
    assert_fails(rb_csv_read(path, &csv), RB_INPUT, "not CSV");
    util_write(folder, "x.csv", "w",
               "\xef\xbb\xbf"
               "a,b\r\n1,2\r\n");
    assert_int_equal(rb_csv_read(path, &csv), RB_OK);
    assert_int_equal(rb_csv_column(&csv, "a"), 0);
    assert_string_equal(rb_csv_at(&csv, 0, 1), "2");
    rb_csv_free(&csv);
    util_write(folder, "x.csv", "w", "number,empty,more,endless,none,word\n-1.5e3,,1 2,inf,nan,x\n");
    assert_int_equal(rb_csv_read(path, &csv), RB_OK);
    assert_true(rb_csv_number(&csv, 0, 0) == -1500);
    for (int c = 1; c < csv.n_columns; c++) assert_true(isnan(rb_csv_number(&csv, 0, c)));
    assert_true(isnan(rb_csv_number(&csv, 0, rb_csv_column(&csv, "absent"))));
    rb_csv_free(&csv);
    util_remove(folder);
}

static void cells(void **state) {
    rb_row row;
    rb_text t = {0};
    (void)state;
    rb_row_begin(&row, RB_TABLE_epochs);
    rb_row_text(&row, RB_COL(epochs, run_id), "bad \xff\xc3( utf-8 \xed\xa0\x80");
    rb_row_real(&row, RB_COL(epochs, epoch), 2.5000001); /* an integer column rounds */
    rb_row_int(&row, RB_COL(epochs, step), INT64_MIN);
    rb_row_real(&row, RB_COL(epochs, train_loss), NAN);
    rb_row_real(&row, RB_COL(epochs, val_loss), 1);
    rb_row_real(&row, RB_COL(epochs, val_loss), INFINITY); /* what stood there is gone */
    rb_row_real(&row, RB_COL(epochs, val_acc), 1.0 / 3);
    rb_row_int(&row, RB_COL(epochs, lr), 3);
    rb_row_text(&row, RB_COL(epochs, event), "best");
    rb_row_text(&row, RB_COL(epochs, event), NULL);
    rb_csv_row(&row, &t);
    assert_string_equal(t.data, "1,bad \xef\xbf\xbd\xef\xbf\xbd( utf-8 \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd,3,"
                                "-9223372036854775808,,,3,,,,,,0.333333333,,,,\n");
    rb_row_end(&row);
    rb_text_free(&t);
}

static void floats(void **state) {
    static const struct {
        float value;
        const char *text;
    } cases[] = {
        {0.1f, "0.1"},       {0.9f, "0.9"}, {1e-4f, "0.0001"}, {1.0f / 3, "0.33333334"}, {16777216.0f, "16777216"},
        {3.0e-39f, "3e-39"}, {0, "0"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rb_row row, copy;
        rb_text line = {0};
        rb_row_begin(&row, RB_TABLE_epochs);
        rb_row_float(&row, RB_COL(epochs, lr), cases[i].value);
        rb_row_text(&row, RB_COL(epochs, event), "best");
        assert_true((float)row.cells[RB_COL(epochs, lr)].u.r == cases[i].value);
        rb_row_copy(&row, &copy);
        rb_row_end(&row);
        rb_csv_row(&copy, &line);
        char expected[64];
        snprintf(expected, sizeof expected, "1,,,,,,%s,,,,,,,,,,best\n", cases[i].text);
        assert_string_equal(line.data, expected);
        rb_row_end(&copy);
        rb_text_free(&line);
    }
}

static void cells_go_to_another_table(void **state) {
    static const rb_cell_copy copies[] = {RB_COPY(history, runs, case),
                                          RB_COPY(history, runs, batch_size),
                                          {RB_COL(history, samples_per_s), RB_COL(runs, lr)},
                                          {RB_COL(history, step_p), RB_COL(runs, seed)},
                                          RB_COPY(history, runs, precision)};
    rb_row run, row;
    rb_text line = {0};
    (void)state;
    rb_row_begin(&run, RB_TABLE_runs);
    rb_row_begin(&row, RB_TABLE_history);
    rb_row_text(&run, RB_COL(runs, case), "size/mlp");
    rb_row_int(&run, RB_COL(runs, batch_size), 512);
    rb_row_real(&run, RB_COL(runs, lr), 0.1);
    rb_row_int(&run, RB_COL(runs, seed), 7);                    /* an integer into a column of reals */
    rb_row_text(&row, RB_COL(history, precision), "forgotten"); /* the run's cell is empty */
    rb_row_copy_cells(&run, &row, copies, sizeof copies / sizeof *copies);
    rb_row_end(&run); /* the copy owns its texts */
    rb_csv_row(&row, &line);
    assert_string_equal(line.data, "1,size/mlp,,,,512,,,,,,,,,,,,0.1,,,,7,,,,,,,\n");
    rb_row_end(&row);
    rb_text_free(&line);
}

static void rows_agree_in_some_columns(void **state) {
    static const int columns[] = {RB_COL(runs, case), RB_COL(runs, seed), RB_COL(runs, lr), RB_COL(runs, isa)};
    rb_row a, b;
    (void)state;
    rb_row_begin(&a, RB_TABLE_runs);
    rb_row_begin(&b, RB_TABLE_runs);
    assert_true(rb_row_same(&a, &b, columns, 4)); /* empty, both */
    rb_row_text(&a, RB_COL(runs, case), "size/mlp");
    rb_row_int(&a, RB_COL(runs, seed), 0);
    rb_row_real(&a, RB_COL(runs, lr), 0.1);
    rb_row_copy(&a, &b);
    rb_row_text(&b, RB_COL(runs, machine), "another"); /* nobody asked */
    assert_true(rb_row_same(&a, &b, columns, 4));
    rb_row_text(&b, RB_COL(runs, case), "size/lenet");
    assert_false(rb_row_same(&a, &b, columns, 4));
    assert_true(rb_row_same(&a, &b, columns + 1, 3));
    rb_row_real(&b, RB_COL(runs, lr), 0.2);
    assert_false(rb_row_same(&a, &b, columns + 1, 3));
    rb_row_real(&b, RB_COL(runs, lr), 0.1);
    rb_row_int(&b, RB_COL(runs, seed), 1);
    assert_false(rb_row_same(&a, &b, columns + 1, 3));
    rb_row_real(&b, RB_COL(runs, seed), NAN); /* empty is not 0 */
    assert_false(rb_row_same(&a, &b, columns + 1, 3));
    rb_row_end(&a);
    rb_row_end(&b);
}

static void json_round_trip(void **state) {
    rb_row row, back;
    rb_text line = {0}, a = {0}, b = {0};
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        rb_row_begin(&row, RB_TABLE_runs);
        rb_row_text(&row, RB_COL(runs, status_reason), hostile[i]);
        rb_row_int(&row, RB_COL(runs, seed), i % 2 ? INT64_MAX : -(1LL << 53) - 1);
        rb_row_int(&row, RB_COL(runs, n_params), 61706);
        rb_row_real(&row, RB_COL(runs, lr), 0.1 + (double)i);
        rb_text_clear(&line);
        assert_int_equal(rb_json_row(&row, &line), RB_OK);
        assert_ptr_equal(strchr(line.data, '\n'), line.data + line.length - 1); /* one line */
        assert_int_equal(rb_json_row_parse(line.data, &back), RB_OK);
        assert_int_equal(back.cells[RB_COL(runs, seed)].u.i, row.cells[RB_COL(runs, seed)].u.i);
        assert_true(back.cells[RB_COL(runs, lr)].u.r == row.cells[RB_COL(runs, lr)].u.r);
        rb_text_clear(&a);
        rb_text_clear(&b);
        rb_csv_row(&row, &a);
        rb_csv_row(&back, &b);
        assert_string_equal(a.data, b.data);
        rb_row_end(&row);
        rb_row_end(&back);
    }
    rb_text_free(&line);
    rb_text_free(&a);
    rb_text_free(&b);
}

static void json_broken(void **state) {
    rb_row row;
    (void)state;
    assert_fails(rb_json_row_parse("", &row), RB_INPUT, "not a row");
    assert_fails(rb_json_row_parse("{\"table\":\"runs\",\"row\":{\"lr\":0.", &row), RB_INPUT, "not a row");
    assert_fails(rb_json_row_parse("{\"table\":\"runs\"}", &row), RB_INPUT, "not a row");
    assert_fails(rb_json_row_parse("{\"table\":\"cats\",\"row\":{}}", &row), RB_INPUT, "cats");
    assert_fails(rb_json_row_parse("{\"table\":\"runs\",\"row\":{\"run_id\":\"a\",\"lr\":\"x\"}}", &row), RB_INPUT,
                 "lr");
    assert_fails(rb_json_row_parse("{\"table\":\"runs\",\"row\":{\"seed\":1.5}}", &row), RB_INPUT, "seed");
    assert_int_equal(rb_json_row_parse("{\"table\":\"runs\",\"row\":{\"later\":[1],\"lr\":null,\"seed\":7}}", &row),
                     RB_OK);
    assert_int_equal(row.cells[RB_COL(runs, seed)].u.i, 7);
    rb_row_end(&row);
}

static void print(rb_format format, const rb_row *rows, int n, const int *columns, int n_columns,
                  const char *expected) {
    char *out = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&out, &size);
    assert_int_equal(rb_print_rows(to, format, rows, n, columns, n_columns), RB_OK);
    fclose(to);
    assert_string_equal(out, expected);
    free(out);
}

static void tables(void **state) {
    rb_row rows[2];
    const int some[] = {RB_COL(cases, case), RB_COL(cases, n_params)};
    (void)state;
    for (int i = 0; i < 2; i++) rb_row_begin(&rows[i], RB_TABLE_cases);
    rb_row_text(&rows[0], RB_COL(cases, case), "size/\xc3\xa9|a");
    rb_row_int(&rows[0], RB_COL(cases, n_params), 109386);
    rb_row_real(&rows[0], RB_COL(cases, model_mflop_per_sample), 0.65432198);
    rb_row_text(&rows[1], RB_COL(cases, case), "x");
    rb_row_real(&rows[1], RB_COL(cases, model_mflop_per_sample), 12345.678);
    print(RB_FORMAT_MD, rows, 2, NULL, 0,
          "| case      | n_params | model_mflop_per_sample |\n"
          "| --------- | -------: | ---------------------: |\n"
          "| size/\xc3\xa9\\|a |   109386 |                 0.6543 |\n"
          "| x         |          |                  12346 |\n");
    print(RB_FORMAT_CSV, rows, 2, some, 2, "case,n_params\nsize/\xc3\xa9|a,109386\nx,\n");
    print(RB_FORMAT_JSON, rows, 2, some, 2,
          "[\n{\"case\":\"size/\xc3\xa9|a\",\"n_params\":109386},\n{\"case\":\"x\",\"n_params\":null}\n]\n");
    print(RB_FORMAT_CSV, rows, 0, some, 2, "case,n_params\n");
    print(RB_FORMAT_JSON, rows, 0, some, 2, "[]\n");
    FILE *full = fopen("/dev/full", "w");
    if (full) {
        assert_fails(rb_print_rows(full, RB_FORMAT_CSV, rows, 2, NULL, 0), RB_DISK, "no room");
        fclose(full);
    }
    for (int i = 0; i < 2; i++) rb_row_end(&rows[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers),
        cmocka_unit_test(lookups),
        cmocka_unit_test(csv_round_trip),
        cmocka_unit_test(csv_broken),
        cmocka_unit_test(cells),
        cmocka_unit_test(json_round_trip),
        cmocka_unit_test(json_broken),
        cmocka_unit_test(tables),
        cmocka_unit_test(floats),
        cmocka_unit_test(cells_go_to_another_table),
        cmocka_unit_test(rows_agree_in_some_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
