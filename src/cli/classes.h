/* classes.h: precision, recall and confusion of a trained model, as rows and as text. */
#ifndef RB_CLI_CLASSES_H
#define RB_CLI_CLASSES_H

#include <stdio.h>

#include "regbench/data.h"
#include "regbench/train.h"

/* In the child, after a run: predictions on the test split (validation where there is none) become rows of classes and
 * confusion, and a text with classification report and confusion matrix. */
rb_status rb_send_classes(FILE *to, rb_trainer *t, const rb_dataset *data, const char *run_id);

#endif
