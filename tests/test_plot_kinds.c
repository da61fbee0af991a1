/* test_plot_kinds.c: each kind of chart by itself: what it takes from the tables, and that gnuplot draws it. */
#include "plot_util.h"

/* Steps: the loss of every one, both norms; step 0 has seen no batch. */
static void steps(void **state) {
    (void)state;
    play_gnuplot("true");
    two_epochs("", "");
    util_write(dir, "steps.csv", "w",
               "run_id,step,train_loss,param_l2,grad_l2\nr1,0,,7,\nr1,1,2.5,8,0.001\nr1,2,2,9,1\n");
    expect_ok(rb_plot_session(dir, NULL));
    expect_holds("plots/size-mlp.cpu.steps.dat", " 0 NaN\n 1 2.5\n 2 2\n", true);
    expect_holds("plots/size-mlp.cpu.norms.dat", " 0 7\n 1 8\n 2 9\n", true);
    expect_holds("plots/size-mlp.cpu.norms.dat", " 0 NaN\n 1 0.001\n 2 1\n", true);
    expect_holds("plots/size-mlp.cpu.norms.gp",
                 "set ylabel 'L2 norm of the gradient'\nunset logscale x\nset logscale y\n", true);
    expect_holds("plots/size-mlp.cpu.norms.gp", " title '", false); /* one line a panel: no legend */
}

/* Cases of one lab stand in one chart, those of another do not; devices and overrides tell them apart. */
static void compare(void **state) {
    (void)state;
    play_gnuplot("true");
    two_epochs("r2,size/mlp,opencl:0,lr=2,fashion,run,2021,ok,MLP,sgd,2,0,60000,0.9\n"
               "r3,toy/x,cpu,,toy,run,2021,ok,Toy,adam,1,0,10,\n",
               "r2,1,1,0.1,1,0.25,3\nr2,2,1,0.1,1,0.5,4\nr3,1,1,,1,,3\nr3,2,1,,1,,4\n");
    expect_ok(rb_plot_session(dir, NULL));
    expect_holds("plots/size.compare.gp", "'size: 2 compared'", true);
    expect_holds("plots/size.compare.gp", "title 'size/mlp, cpu'", true);
    expect_holds("plots/size.compare.gp", "title 'size/mlp, opencl:0, lr=2'", true);
    expect_holds("plots/size.compare.dat", "# size/mlp, opencl:0, lr=2\n# x value\n 1 0.25\n 2 0.5\n", true);
    expect_holds("plots/size.compare.dat", "# size/mlp, opencl:0, lr=2\n# x value\n 1 3\n 2 4\n", true);
    expect_holds("plots/size.compare.gp", "toy", false);
    assert_false(there("plots/toy.compare.gp"));
    assert_true(there("plots/size-mlp.opencl-0.lr=2.curves.gp"));
}

/* Of several seeds the medians. */
static void compare_seeds(void **state) {
    (void)state;
    play_gnuplot("true");
    two_epochs(
        "r2,size/b,cpu,,fashion,run,1,ok,MLP,sgd,2,0,60000,0.9\nr3,size/b,cpu,,fashion,run,2,ok,MLP,sgd,2,0,9,0.9\n",
        "r2,1,1,0.1,1,0.25,3\nr2,2,1,0.1,1,0.5,4\nr3,1,1,0.1,1,0.75,3\nr3,2,1,0.1,1,1,4\n");
    expect_ok(rb_plot_session(dir, NULL));
    expect_holds("plots/size.compare.gp", "'size: 2 compared, medians of 2 seeds'", true);
    expect_holds("plots/size.compare.gp", "filledcurves", false);
    expect_holds("plots/size.compare.dat", " 1 0.5 0.25 0.75 0.25 0.75\n 2 0.75 0.5 1 0.5 1\n", true);
}

/* More lines than a legend can hold: the first, and the title says so. */
static void many(void **state) {
    (void)state;
    char text[200];
    play_gnuplot("true");
    two_epochs("", "");
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "m%d,size/m%d,cpu,,fashion,run,1,ok,M%d,sgd,1,0,9,0.9\n", i, i, i);
        util_write(dir, "runs.csv", "a", text);
        snprintf(text, sizeof text, "m%d,1,1,0.1,1,0.25,3\nm%d,2,1,0.1,1,0.5,4\n", i, i);
        util_write(dir, "epochs.csv", "a", text);
    }
    expect_ok(rb_plot_session(dir, NULL));
    expect_holds("plots/size.compare.gp", "'size: 21 compared; these are the first 16'", true);
    expect_holds("plots/size.compare.gp", "dt 3 title 'size/m14'", true);
    expect_holds("plots/size.compare.gp", "size/m15", false);
}

static void layers(void **state) {
    (void)state;
    play_gnuplot("true");
    two_epochs("", "");
    util_write(dir, "layers.csv", "w",
               "run_id,epoch,tensor,l2,near_zero\nr1,0,0.weight,4,0.01\nr1,0,0.bias,1,0.02\n"
               "r1,1,0.weight,5,0.5\nr1,1,0.bias,5,0.5\nr1,2,0.weight,2,0.75\nr1,2,0.bias,3,\n");
    expect_ok(rb_plot_session(dir, NULL));
    expect_holds("plots/size-mlp.cpu.layers.dat",
                 "# before training\n# tensor - 0.2, value\n -0.2 4\n 0.8 1\n\n\n"
                 "# after epoch 2\n# tensor + 0.2, value\n 0.2 2\n 1.2 3\n",
                 true);
    expect_holds("plots/size-mlp.cpu.layers.dat", " 0.2 0.75\n 1.2 NaN\n", true);
    expect_holds("plots/size-mlp.cpu.layers.gp", "norotate font ',11' ('0.weight' 0, '0.bias' 1)", true);
}

#define RUN(id, name, l1, lr, more) id "," name ",cpu," more ",fashion,run,1,ok,MLP,sgd," lr "," l1 ",9,0." id "\n"

/* Runs along a number: three cases of a lab (two are no line), a zero that no logarithm has, an override of a layer. */
static void sweep(void **state) {
    (void)state;
    play_gnuplot("true");
    util_write(dir, "runs.csv", "w",
               RUNS RUN("1", "a/none", "0", "1", "") RUN("2", "a/x", "0.001", "1", "") RUN("3", "a/y", "0.1", "1", "")
                   RUN("4", "a/slow", "0.1", "0.5", "") RUN("5", "a/x", "0.01", "1", "l1=0.01")
                       RUN("6", "b/u", "0", "1", "h.units=4") RUN("7", "b/u", "0", "1", "h.units=8")
                           RUN("8", "b/u", "0", "1", "h.units=6"));
    util_write(dir, "epochs.csv", "w", EPOCHS);
    for (int i = 1; i <= 8; i++) {
        char text[80];
        snprintf(text, sizeof text, "%d,1,1,0.3,1,0.4,1\n%d,2,1,0.%d5,1,0.4,1%d\n", i, i, i, i);
        util_write(dir, "epochs.csv", "a", text);
    }
    expect_ok(rb_plot_session(dir, NULL));
    expect_holds("plots/a-none.cpu.l1.dat", "# validation\n# value, result\n 0.001 40\n 0.01 40\n 0.1 40\n", true);
    expect_holds("plots/a-none.cpu.l1.dat", "# validation, at 0\n# value, result at 0\n 0.001 40\n 0.1 40\n", true);
    expect_holds("plots/a-none.cpu.l1.dat", "# training\n# value, result\n 0.001 25\n 0.01 55\n 0.1 35\n", true);
    expect_holds("plots/a-none.cpu.l1.dat", " 0.001 12\n 0.01 15\n 0.1 13\n", true);
    expect_holds("plots/a-none.cpu.l1.gp", "4 runs that differ in the lambda of L1", true);
    expect_holds("plots/a-none.cpu.l1.gp", "\nset logscale x\n", true);
    expect_holds("plots/b-u.cpu.h.units.dat", " 4 65\n 6 85\n 8 75\n", true);
    expect_holds("plots/b-u.cpu.h.units.gp", "\nset logscale x\n", false);
    assert_false(there("plots/a-slow.cpu.lr.gp") || there("plots/a-y.cpu.lr.gp"));
}

static void attacks_and_trials(void **state) {
    (void)state;
    play_gnuplot("true");
    two_epochs("r2,size/l2,cpu,,fashion,run,2021,ok,MLP,sgd,1,0,60000,0.75\n", "");
    util_write(
        dir, "attacks.csv", "w",
        "run_id,attack,eps_255,accuracy,detector_tpr,detector_fpr\nr1,fgsm,0,0.5,,\nr1,fgsm,8,0.25,,\n"
        "r1,fgsm,2,0.375,,\nr2,fgsm,0,0.5,,0.0625\nr2,fgsm,8,,0.75,0.0625\nr1,pgd,4,0.125,,\nr1,pgd,4,0.375,,\n");
    util_write(dir, "trials.csv", "w",
               "study,trial,val_acc,best_so_far,seed\na/grid,1,0.5,0.5,1\na/bayes,1,0.25,0.25,1\na/grid,2,0.1,0.1,1\n"
               "a/bayes,2,0.75,0.75,1\na/one,1,0.1,0.1,1\na/grid,2,,0.5,1\na/bayes,1,0.3,0.3,2\na/bayes,2,0.3,0.3,2\n");
    expect_ok(rb_plot_session(dir, NULL));
    expect_holds("plots/attacks.accuracy.dat",
                 "# size/mlp\n# epsilon in 1/255, mean accuracy\n 0 0.5\n 2 0.375\n 8 0.25\n", true);
    expect_holds("plots/attacks.accuracy.dat", "# size/l2\n# epsilon in 1/255, mean accuracy\n 0 0.5\n\n", true);
    expect_holds("plots/attacks.accuracy.dat", " 4 0.25\n", true);
    expect_holds("plots/attacks.accuracy.gp", "set xlabel 'pgd: epsilon, 1/255'", true);
    expect_holds("plots/attacks.accuracy.gp",
                 "index 2 using 1:(100*$2) with linespoints lw 2 pt 7 ps 0.8 lc rgb '#009e73'", true);
    expect_holds("plots/attacks.detector.dat",
                 "# size/l2: of the images that fool\n# epsilon in 1/255, mean detector_tpr\n 8 0.75\n", true);
    expect_holds("plots/attacks.detector.dat", "mean detector_fpr\n 0 0.0625\n 8 0.0625\n", true);
    expect_holds("plots/attacks.detector.dat", "size/mlp", false);
    expect_holds("plots/attacks.detector.gp", "pgd", false);
    expect_holds("plots/studies.trials.dat",
                 "# a/grid\n# trial, best so far, its own validation accuracy\n 1 0.5 0.5\n 2 0.5 NaN\n", true);
    expect_holds("plots/studies.trials.dat", " 1 0.25 0.25\n 2 0.75 0.75\n", true);
    expect_holds("plots/studies.trials.gp", "title 'a/grid'", true);
    expect_holds("plots/studies.trials.gp", "title 'a/bayes, seed 1'", true);
    expect_holds("plots/studies.trials.dat",
                 "# a/bayes, seed 2\n# trial, best so far, its own validation accuracy\n 1 0.3 0.3\n", true);
    expect_holds("plots/studies.trials.gp", "a/one", false);
}

/* A chart per base: arms with their intervals; one pair has none. */
static void effects(void **state) {
    (void)state;
    play_gnuplot("true");
    two_epochs("", "");
    util_write(dir, "effects.csv", "w",
               "base,arm,machine,device_key,figure,change,low,high\n"
               "a/none,a/l1,m,cpu,val_acc_best,0.01,-0.02,0.04\na/none,a/l2 'x',m,cpu,val_acc_best,0.25,,\n"
               "a/none,a/l1,m,cpu,param_l2,-4,-5,-3\na/none,a/l1,m,cpu,near_zero,0.5,0.4,0.6\n"
               "a/other,a/l3,m,cpu,val_acc_best,0.5,0.25,0.75\n");
    expect_ok(rb_plot_session(dir, NULL));
    expect_holds("plots/a-none.cpu.effects.dat", " 0 0.01 -0.02 0.04\n 1 0.25 NaN NaN\n", true);
    expect_holds("plots/a-none.cpu.effects.dat", " 0 -4 -5 -3\n", true);
    expect_holds("plots/a-none.cpu.effects.dat", "0.5 0.4 0.6", false);
    expect_holds("plots/a-none.cpu.effects.gp", "('a/l1' 0, 'a/l2 ''x''' 1)", true);
    expect_holds("plots/a-none.cpu.effects.gp", "1:(100*$2):(100*$3):(100*$4) with yerrorbars", true);
    expect_holds("plots/a-other.cpu.effects.dat", " 0 0.5 0.25 0.75\n", true);
}

#define BENCH                                                                                                          \
    "run_id,case,batch_size,overrides,machine,device_key,backend,phase,status,samples_per_s,step_wall_ns_median\n"
#define SPEED(...) "x," __VA_ARGS__ ",1000\n"

/* Speeds: medians and intervals per case and device, from the top down; a peer has its name; what failed, or is no
 * training, has no dot. */
static void devices(void **state) {
    (void)state;
    play_gnuplot("true");
    util_write(dir, "runs.csv", "w",
               BENCH SPEED("size/mlp,512,,m,cpu,cpu,bench,ok,300") SPEED("size/mlp,512,,m,cpu,cpu,bench,ok,100")
                   SPEED("size/mlp,512,,m,cpu,cpu,bench,ok,200") SPEED("size/mlp,512,,m,cpu,torch-eager,bench,ok,50")
                       SPEED("size/lenet,64,,m,opencl:0,opencl,bench,ok,1000")
                           SPEED("size/lenet,8,,m,opencl:0,opencl,bench,ok,400")
                               SPEED("size/lenet,8,,m,opencl:0,opencl,bench,oom,9")
                                   SPEED("size/lenet,8,,m,opencl:0,opencl,inference,ok,9"));
    expect_ok(rb_plot_session(dir, NULL));
    expect_holds("plots/speeds.devices.gp", "('size/mlp' 2, 'size/lenet, batch=64' 1, 'size/lenet, batch=8' 0)", true);
    expect_holds("plots/speeds.devices.gp", "title 'torch-eager on cpu'", true);
    expect_holds("plots/speeds.devices.gp", "title 'opencl:0'", true);
    expect_holds("plots/speeds.devices.gp", "'speed, medians of 1 to 3 processes, 95 % interval; of fewer", true);
    expect_holds("plots/speeds.devices.gp", "\nset logscale x\n", true);
    expect_holds("plots/speeds.devices.dat", "# cpu\n# row, median, low, high, processes\n 2.2 200 100 300 3\n", true);
    expect_holds("plots/speeds.devices.dat", "processes\n 2 50 50 50 1\n", true);
    expect_holds("plots/speeds.devices.dat",
                 "# opencl:0\n# row, median, low, high, processes\n 0.8 1000 1000 1000 1\n"
                 " -0.2 400 400 400 1\n",
                 true);
    /* One number is no comparison. */
    util_write(dir, "runs.csv", "w", BENCH SPEED("size/mlp,512,,m,cpu,cpu,bench,ok,300"));
    int charts;
    expect_ok(rb_plot_session(dir, &charts));
    assert_int_equal(charts, 0);
}

/* Many cases: a picture per lab, which holds only its own. */
static void devices_many(void **state) {
    (void)state;
    char text[200];
    play_gnuplot("true");
    util_write(dir, "runs.csv", "w", BENCH);
    for (int i = 0; i < 32; i++) {
        snprintf(text, sizeof text, SPEED("%s/c%d,1,,%s,cpu,cpu,bench,ok,%d"), i ? "a" : "toy", i, i ? "m" : "n",
                 10 + i);
        util_write(dir, "runs.csv", "a", text);
    }
    expect_ok(rb_plot_session(dir, NULL));
    expect_holds("plots/a.devices.gp", "'a/c31' 0)", true);
    expect_holds("plots/a.devices.gp", "toy", false);
    expect_holds("plots/a.devices.gp", "'a: speed of one process each'", true);
    expect_holds("plots/a.devices.dat", "# cpu, m\n", true);
    expect_holds("plots/a.devices.dat", "# cpu, n\n", false);
    expect_holds("plots/toy.devices.dat", " 0.15 10 10 10 1\n", true);
    /* another precision is another row */
    util_write(dir, "runs.csv", "w",
               "run_id,case,batch_size,overrides,machine,device_key,backend,phase,status,samples_per_s,precision\n"
               "r1,toy/c,1,,m,cuda:0,cuda,bench,ok,10,fp32\nr2,toy/c,1,,m,cuda:0,cuda,bench,ok,30,bf16\n");
    expect_ok(rb_plot_session(dir, NULL));
    expect_holds("plots/speeds.devices.gp", "'toy/c' 1, 'toy/c, bf16' 0", true);
}

#define OPS   "run_id,op,calls,ns,gflop_per_s,gbyte_per_s\n"
#define PEAKS "device_key,fma_gflop_per_s,gemm_gflop_per_s,triad_gbyte_per_s\n"

/* The intensity is summed over ops, each by its time; the height is over the whole step; the roof the best seen. */
static void roofline(void **state) {
    (void)state;
    play_gnuplot("true");
    util_write(dir, "runs.csv", "w",
               BENCH "r1,size/mlp,512,l2=1,m,cpu,cpu,bench,ok,1,400\nr2,size/x,512,,m,cuda:0,cuda,bench,ok,1,400\n");
    /* per call: 2000 + 4000 FLOP, 200 + 300 bytes: 12 FLOP per byte, 15 GFLOP/s */
    util_write(dir, "ops.csv", "w", OPS "r1,0 linear,10,1000,20,2\nr1,1 linear,10,1000,40,3\nr1,2 gather,10,0,,\n");
    util_write(dir, "peaks.csv", "w", PEAKS "cpu,90,80,10\ncpu,100,70,9\n");
    expect_ok(rb_plot_session(dir, NULL));
    expect_holds("plots/cpu.roofline.dat", "# size/mlp, l2=1\n# FLOP per byte, GFLOP/s\n 12 15\n", true);
    expect_holds("plots/cpu.roofline.dat",
                 "# multiply-adds: 100 GFLOP/s\n# FLOP per byte, GFLOP/s\n 3.33333333 33.3333333\n 10 100\n 36 100\n",
                 true);
    expect_holds("plots/cpu.roofline.gp", "'roofline of cpu; memory 10 GB/s'", true);
    expect_holds("plots/cpu.roofline.gp", "title 'best matrix product: 80 GFLOP/s'", true);
    expect_holds("plots/cpu.roofline.gp", "set xtics (5, 10, 20)\n", true);
    assert_false(there("plots/cuda-0.roofline.gp")); /* no peak of it */
    /* the roof is fp32's: no point of tf32, no ceiling of bf16 */
    util_write(
        dir, "runs.csv", "w",
        "run_id,case,batch_size,overrides,machine,device_key,backend,phase,status,samples_per_s,step_wall_ns_median,"
        "precision\nr1,size/mlp,512,,m,cuda:0,cuda,bench,ok,1,400,tf32\nr2,size/"
        "x,512,,m,cuda:0,cuda,bench,ok,1,400,\n");
    util_write(dir, "ops.csv", "w", OPS "r1,0 linear,10,1000,20,2\nr2,0 linear,10,1000,40,4\n");
    util_write(dir, "peaks.csv", "w",
               "device_key,fma_gflop_per_s,gemm_gflop_per_s,triad_gbyte_per_s,precision\n"
               "cuda:0,100,70,9,fp32\ncuda:0,90,700,10,bf16\n");
    expect_ok(rb_plot_session(dir, NULL));
    expect_holds("plots/cuda-0.roofline.dat", "# size/x\n", true);
    expect_holds("plots/cuda-0.roofline.dat", "size/mlp", false);
    expect_holds("plots/cuda-0.roofline.gp", "title 'best matrix product: 70 GFLOP/s'", true);
    expect_holds("plots/cuda-0.roofline.gp", "memory 10 GB/s; not shown: 1 of another precision", true);
}

#define HISTORY                                                                                                        \
    "case,machine,device_key,batch_size,series,started_utc,commit,session_id,samples_per_s,samples_per_s_low,samples_" \
    "per_s_high,step_ratio,step\n"
#define THEN(day, commit, id) "2026-11-" day "T00:00:00Z," commit "," id ","

/* Sessions in order of time whatever the order of rows; a new series is a gap; steps have marks; no runs.csv. */
static void history(void **state) {
    (void)state;
    play_gnuplot("true");
    util_write(dir, "history.csv", "w",
               HISTORY "a/b,m,opencl:0,8,1," THEN(
                   "02", "bbbbbbbbbbbb",
                   "s2") "50,40,60,,\n"
                         "a/b,m,cpu,8,1," THEN("01", "aaaaaaaaaaaa",
                                               "s1") "100,90,110,,\n"
                                                     "a/b,m,cpu,8,1," THEN(
                                                         "02", "bbbbbbbbbbbb",
                                                         "s2") "120,110,130,1.2,\"faster, confirmed\"\n"
                                                               "a/b,m,cpu,8,2," THEN("03", "cccccccccccc-dirty",
                                                                                     "s3") "60,50,70,,\n"
                                                                                           "a/c,m,cpu,8,1," THEN(
                                                                                               "03", "cccccccccccc",
                                                                                               "s3") "60,50,70,,\n");
    expect_ok(rb_plot_session(dir, NULL));
    expect_holds("plots/a-b.m.history.dat", "# opencl:0, batch 8\n# session, median, lowest, highest\n 2 50 40 60\n",
                 true);
    expect_holds("plots/a-b.m.history.dat", " 1 100 90 110\n 2 120 110 130\n NaN NaN NaN NaN\n 3 60 50 70\n", true);
    expect_holds("plots/a-b.m.history.dat", "# faster\n# session, median, ratio\n 2 120 1.2\n", true);
    expect_holds("plots/a-b.m.history.gp", "('aaaaaaa' 1, 'bbbbbbb' 2, 'ccccccc' 3)", true);
    expect_holds("plots/a-b.m.history.gp", "slower", false);
    assert_false(there("plots/a-c.m.history.gp")); /* one session is no history */
    if (!has_gnuplot()) return;
    setenv("PATH", path_before, 1);
    expect_ok(rb_plot_session(dir, NULL));
    expect_png("plots/a-b.m.history.png", 900, 494);
}

/* Whole runs, which evaluate in between, are a line of their own beside the windows of steps. */
static void history_by_phase(void **state) {
    (void)state;
    play_gnuplot("true");
    util_write(
        dir, "history.csv", "w",
        "case,machine,device_key,batch_size,series,started_utc,commit,session_id,samples_per_s,samples_per_s_low,"
        "samples_per_s_high,step,phase\n"
        "a/b,m,cpu,8,1," THEN("01", "a", "s1") "100,90,110,,bench\n"
                                               "a/b,m,cpu,8,1," THEN("02", "b", "s2") "5,4,6,,run\n");
    expect_ok(rb_plot_session(dir, NULL));
    expect_holds("plots/a-b.m.history.dat", "# cpu, batch 8\n# session, median, lowest, highest\n 1 100 90 110\n\n",
                 true);
    expect_holds("plots/a-b.m.history.dat", "# cpu, batch 8, whole runs\n", true);
}

/* What a study tries one after another has no chart by itself, and no place in the comparison; a grid's runs have. */
static void searched(void **state) {
    (void)state;
    play_gnuplot("true");
    two_epochs(
        "r2,size/t,cpu,,fashion,run,1,ok,MLP,sgd,1,0,60000,0.75\nr3,size/g,cpu,,fashion,run,1,ok,MLP,sgd,1,0,9,1\n",
        "r2,1,1,1,1,1,1\nr2,2,1,1,1,1,1\nr3,1,1,1,1,1,1\nr3,2,1,1,1,1,1\n");
    util_write(dir, "trials.csv", "w",
               "study,strategy,run_id,trial,val_acc,best_so_far\na/r,random,r2,1,0.5,0.5\na/r,random,,2,,0.5\n"
               "a/g,grid,r3,1,0.5,0.5\n");
    expect_ok(rb_plot_session(dir, NULL));
    assert_true(there("plots/size-g.cpu.curves.gp") && !there("plots/size-t.cpu.curves.gp"));
    expect_holds("plots/size.compare.gp", "'size: 2 compared'", true);
    expect_holds("plots/size.compare.gp", "size/t", false);
    expect_holds("plots/studies.trials.gp", "a/g", false); /* one run is no line */
}

/* The toy regression: its ten training points come from the seed; frames are put together and go. */
static void outputs(void **state) {
    (void)state;
    int charts;
    two_epochs("t1,toy/regression,cpu,,toy,run,2021,ok,Toy,adam,1,0,10,\n", "");
    util_write(dir, "outputs.csv", "w",
               "run_id,epoch,sample,x,target,predicted\nt1,1,0,0,0,0.5\nt1,1,1,1,2,0.25\n"
               "t1,501,0,0,0,1.5\nt1,501,1,1,2,1.25\nt1,1000,0,0,0,-1\nt1,1000,1,1,2,\n");
    if (!has_gnuplot()) play_gnuplot("true");
    expect_ok(rb_plot_session(dir, &charts));
    assert_int_equal(charts, 3);
    expect_holds("plots/toy-regression.cpu.fit.dat", "# epoch 501\n# x predicted target\n 0 1.5 0\n 1 1.25 2\n", true);
    expect_holds("plots/toy-regression.cpu.fit.dat", "# epoch 1000\n# x predicted target\n 0 -1 0\n\n", true);
    expect_holds("plots/toy-regression.cpu.fit.gp", "epochs = '1 501 1000'", true);
    expect_holds("plots/toy-regression.cpu.fit.gp", "data index 3 using 1:2 with points", true);
    char *data = util_read(dir, "plots/toy-regression.cpu.fit.dat"), *train = strstr(data, "# training points\n");
    int points = -2;
    for (char *c = train; c && *c; c++) points += *c == '\n';
    assert_int_equal(points, 10);
    free(data);
    if (!has_gnuplot()) return;
    expect_png("plots/toy-regression.cpu.fit.png", 900, 255);
    expect_png("plots/toy-regression.cpu.fit-animation.png", 640, 440);
    assert_false(there("plots/toy-regression.cpu.fit-frames-001.png"));
}

/* All kinds at once through the real gnuplot: every script draws a picture of its size. */
static void real(void **state) {
    (void)state;
    int charts;
    if (!has_gnuplot()) {
        print_message("gnuplot is not installed\n");
        skip();
    }
    two_epochs(
        "r2,size/mlp,cpu,,fashion,run,7,diverged,MLP,sgd,1,0,60000,0.9\n"
        "r3,size/l,cpu,,fashion,run,7,ok,MLP,sgd,1,1,60000,0.9\nr4,size/m,cpu,,fashion,run,7,ok,MLP,sgd,1,2,60000,\n",
        "r2,1,2e9,0.1,,0.1,\nr3,1,1,1,1,1,1\nr3,2,1,1,1,1,1\nr4,1,2,0.1,,0.1,\nr4,2,2,0.1,,0.1,\n");
    util_write(dir, "steps.csv", "w", "run_id,step,train_loss,param_l2,grad_l2\nr1,0,,7,\nr1,1,0,0,0\nr1,2,0,0,0\n");
    util_write(dir, "layers.csv", "w",
               "run_id,epoch,tensor,l2,near_zero\nr1,0,0.weight,4,0\nr1,2,0.weight,2,0\nr1,2,1.bias,,\n");
    util_write(dir, "attacks.csv", "w", "run_id,attack,eps_255,accuracy\nr1,fgsm,0,0.5\nr1,fgsm,8,0.25\n");
    util_write(dir, "trials.csv", "w", "study,trial,val_acc,best_so_far\na/grid,1,0.5,0.5\na/grid,2,0.5,0.5\n");
    expect_ok(rb_plot_session(dir, &charts));
    assert_int_equal(charts, 10);
    expect_png("plots/size-mlp.cpu.curves.png", 900, 458);
    expect_png("plots/size-l.cpu.curves.png", 900, 458);
    expect_png("plots/size-m.cpu.curves.png", 900, 458);
    expect_png("plots/size-mlp.cpu.steps.png", 900, 440);
    expect_png("plots/size-mlp.cpu.norms.png", 900, 440);
    expect_png("plots/size-mlp.cpu.l1.png", 900, 458);
    expect_png("plots/size.compare.png", 900, 458);
    expect_png("plots/size-mlp.cpu.layers.png", 900, 458);
    expect_png("plots/attacks.accuracy.png", 900, 440);
    expect_png("plots/studies.trials.png", 900, 440);
}

static void real_speeds(void **state) {
    (void)state;
    int charts;
    if (!has_gnuplot()) {
        print_message("gnuplot is not installed\n");
        skip();
    }
    util_write(dir, "runs.csv", "w",
               BENCH "r1,size/mlp,512,,m,cpu,cpu,bench,ok,100,700\nr2,size/l,512,,m,cpu,cpu,bench,ok,2e6,90\n");
    util_write(dir, "ops.csv", "w", OPS "r1,0 linear,1,1000,20,2\nr2,0 linear,1,10,1e4,2e3\n");
    util_write(dir, "peaks.csv", "w", PEAKS "cpu,90,,10\n");
    expect_ok(rb_plot_session(dir, &charts));
    assert_int_equal(charts, 2);
    expect_png("plots/cpu.roofline.png", 900, 458);
    expect_png("plots/speeds.devices.png", 900, 240);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(steps, begin, finish),
        cmocka_unit_test_setup_teardown(compare, begin, finish),
        cmocka_unit_test_setup_teardown(compare_seeds, begin, finish),
        cmocka_unit_test_setup_teardown(many, begin, finish),
        cmocka_unit_test_setup_teardown(layers, begin, finish),
        cmocka_unit_test_setup_teardown(sweep, begin, finish),
        cmocka_unit_test_setup_teardown(attacks_and_trials, begin, finish),
        cmocka_unit_test_setup_teardown(effects, begin, finish),
        cmocka_unit_test_setup_teardown(devices, begin, finish),
        cmocka_unit_test_setup_teardown(devices_many, begin, finish),
        cmocka_unit_test_setup_teardown(roofline, begin, finish),
        cmocka_unit_test_setup_teardown(history, begin, finish),
        cmocka_unit_test_setup_teardown(history_by_phase, begin, finish),
        cmocka_unit_test_setup_teardown(searched, begin, finish),
        cmocka_unit_test_setup_teardown(outputs, begin, finish),
        cmocka_unit_test_setup_teardown(real, begin, finish),
        cmocka_unit_test_setup_teardown(real_speeds, begin, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
