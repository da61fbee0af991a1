/* plot_util.h: what the tests of pictures share: a session's folder, a gnuplot that is played, what files hold. */
#ifndef PLOT_UTIL_H
#define PLOT_UTIL_H

#include <png.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "report_util.h"

#include "plot/plot.h"
#include "plot/recorded.h"

static char *dir, *path_before; /* of this test; PATH */

static inline int begin(void **state) {
    (void)state;
    path_before = strdup(getenv("PATH") ? getenv("PATH") : "");
    dir = util_folder();
    rb_error_clear();
    return 0;
}

static inline int finish(void **state) {
    (void)state;
    setenv("PATH", path_before, 1);
    free(path_before);
    util_remove(dir);
    rb_error_clear();
    return 0;
}

static inline bool has_gnuplot(void) { return system("gnuplot --version >/dev/null 2>&1") == 0; }

/* A program `gnuplot` of one shell command, before all others. */
static inline void play_gnuplot(const char *command) {
    char text[600], path[1200];
    snprintf(text, sizeof text, "#!/bin/sh\n%s\n", command);
    util_write(dir, "gnuplot", "w", text);
    snprintf(path, sizeof path, "%s/gnuplot", dir);
    assert_int_equal(chmod(path, 0755), 0);
    snprintf(path, sizeof path, "%s:%s", dir, path_before);
    setenv("PATH", path, 1);
}

static inline bool there(const char *name) {
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return access(path, F_OK) == 0;
}

static inline void expect_holds(const char *name, const char *part, bool holds) {
    char *text = util_read(dir, name);
    if ((strstr(text, part) != NULL) != holds)
        fail_msg("%s %s \"%s\":\n%s", name, holds ? "lacks" : "holds", part, text);
    free(text);
}

static inline void expect_ok(rb_status status) {
    if (status != RB_OK) fail_msg("%s", rb_error_last() ? rb_error_last()->text : rb_status_word(status));
}

#define RUNS   "run_id,case,device_key,overrides,dataset,phase,seed,status,model,optimizer,lr,l1,n_train,val_acc_final\n"
#define EPOCHS "run_id,epoch,train_loss,train_acc,val_loss,val_acc,param_l2\n"

static inline void two_epochs(const char *more_runs, const char *more_epochs) {
    util_write(dir, "runs.csv", "w", RUNS "r1,size/mlp,cpu,,fashion,run,2021,ok,MLP,sgd,1,0,60000,0.75\n");
    util_write(dir, "runs.csv", "a", more_runs);
    util_write(dir, "epochs.csv", "w", EPOCHS "r1,1,2.5,0.25,2,0.5,8\nr1,2,1.5,0.5,1,0.75,9\n");
    util_write(dir, "epochs.csv", "a", more_epochs);
}

/* Size of a PNG below the test's folder, which decodes as a whole. */
static inline void expect_png(const char *name, int width, int height) {
    char path[1200];
    png_image image = {.version = PNG_IMAGE_VERSION};
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (!png_image_begin_read_from_file(&image, path)) fail_msg("%s: %s", name, image.message);
    image.format = PNG_FORMAT_RGB;
    uint8_t *rgb = malloc(PNG_IMAGE_SIZE(image));
    assert_true(png_image_finish_read(&image, NULL, rgb, 0, NULL));
    free(rgb);
    if ((int)image.width != width || (int)image.height != height)
        fail_msg("%s: %d x %d pixels, not %d x %d", name, (int)image.width, (int)image.height, width, height);
}

#endif
