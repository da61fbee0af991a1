/* golden_run.h: what tests that train real cases share: devices by name, data where it is at hand, CSV goldens. */
#ifndef GOLDEN_RUN_H
#define GOLDEN_RUN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regbench/train.h"
#include "report/csv_read.h"

#define assert_ok(call)                                                                                                \
    do {                                                                                                               \
        rb_status assert_ok_status = (call);                                                                           \
        if (assert_ok_status != RB_OK)                                                                                 \
            fail_msg("%s: %s", #call, rb_error_last() ? rb_error_last()->text : rb_status_word(assert_ok_status));     \
    } while (0)

/* Within `tol` of what is expected, relative (to 1e-3 where it is tiny), as the goldens' tolerances were made. */
static inline int near_golden(double got, double expected, double tol) {
    double scale = fabs(expected) > 1e-3 ? fabs(expected) : 1e-3;
    return fabs(got - expected) <= tol * scale; /* false for NaN */
}

/* The device of this name; where there is none, the test says so and skips. */
static inline rb_device_id found_device(const char *selector) {
    rb_device_id id;
    rb_status status = rb_device_select(selector, &id);
    if (status == RB_NO_DEVICE) {
        print_message("%s\n", rb_error_last()->text);
        rb_error_clear();
        skip();
    }
    assert_ok(status);
    return id;
}

/* The last set loaded stays open: tests ask for the same one again and again. NULL: not at hand (says so). */
static inline rb_dataset *golden_data_of(const char *name, uint64_t seed) {
    static rb_dataset *kept;
    static uint64_t kept_seed;
    if (name && kept && strcmp(kept->name, name) == 0 && kept_seed == seed) return kept;
    kept_seed = seed;
    rb_dataset_free(kept);
    kept = NULL;
    if (!name) return NULL;
    rb_data_options options = {.dir = strcmp(name, "fashion") ? getenv("REGBENCH_TEST_DATA") : NULL, .seed = seed};
    bool other = strcmp(name, "animals") != 0; /* goldens of animals are those of CIFAR-10's */
    if (rb_dataset_load(name, &options, &kept) != RB_OK || (kept->stand_in && other)) {
        print_message("%s is not at hand%s\n", name, kept ? " (only the sample)" : "");
        rb_error_clear();
        rb_dataset_free(kept);
        kept = NULL;
    }
    return kept;
}

static inline rb_dataset *golden_data(const char *name) { return golden_data_of(name, 0); }

/* Golden figures of CIFAR, and of its animals, hold for one set of files only: false (says so) where these are others.
 */
#define GOLDEN_CIFAR   "7220843ceccb098c52d722d2cec451dac01eec5b847e8e5dae639aa1efff738d"
#define GOLDEN_ANIMALS "3514e40de761d62baea3e4c0756a3121d0258052c5c7d7db5d2b1c40eb134e55"
static inline bool golden_files(const rb_dataset *data) {
    const char *expected = strcmp(data->name, "cifar") == 0     ? GOLDEN_CIFAR
                           : strcmp(data->name, "animals") == 0 ? GOLDEN_ANIMALS
                                                                : data->sha256;
    if (strcmp(data->sha256, expected) == 0) return true;
    print_message("these files of %s are not the ones that the goldens were made with\n", data->used);
    return false;
}

static inline double golden_number(const rb_csv *csv, int row, const char *column) {
    const char *text = rb_csv_get(csv, row, column);
    return *text ? strtod(text, NULL) : NAN;
}

#endif
