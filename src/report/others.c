/* others.c: other programs' use of the cores, from ratios.csv. */
#include "report/others.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double rb_others_cores(const rb_csv *ratios, const rb_row *run) {
    const char *name = rb_row_get_text(run, RB_COL(runs, case)), *key = rb_row_get_text(run, RB_COL(runs, device_key));
    double most = NAN, size = rb_row_number(run, RB_COL(runs, batch_size));
    for (int i = 0; i < ratios->n_rows; i++) {
        const char *device = rb_csv_get(ratios, i, "device"), *others = rb_csv_get(ratios, i, "others_cores_max");
        bool same =
            !strcmp(rb_csv_get(ratios, i, "case"), name) && strtod(rb_csv_get(ratios, i, "batch"), NULL) == size;
        /* The device's name may stand before the colon of the key. */
        if (same && *others && (!*device || !strncmp(device, key, strcspn(key, ":"))))
            most = fmax(most, strtod(others, NULL));
    }
    return most;
}
