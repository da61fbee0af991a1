/* adversarial.h: what an attack changed, and what the model says then. */
#ifndef RB_PLOT_ADVERSARIAL_H
#define RB_PLOT_ADVERSARIAL_H

#include <stdint.h>

#include "regbench/status.h"

typedef struct rb_adversarial {
    const char *title;              /* "animals/attack-fgsm-l2: FGSM, epsilon 8/255" */
    int n, C, H, W;                 /* C: 1 or 3; n at most 32 */
    const float *clean, *attacked;  /* (n, C, H, W), 0 to 1 */
    const int32_t *labels;          /* (n) true classes */
    const int32_t *before, *after;  /* (n) predicted classes of clean and attacked images */
    const char *const *class_names; /* may be NULL: numbers */
} rb_adversarial;

/* A column per image: as it was, the change magnified around grey, as it became; with the predicted classes, each
 * marked right or wrong. RB_USAGE: n or C out of range. RB_OUTPUT, RB_DISK. */
rb_status rb_adversarial_draw(const rb_adversarial *a, const char *png_path);

#endif
