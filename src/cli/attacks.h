/* attacks.h: what a run does beside training where its case is about attacks: the teacher before, the attack after. */
#ifndef RB_CLI_ATTACKS_H
#define RB_CLI_ATTACKS_H

#include <stdio.h>

#include "regbench/train.h"

/* In the child, before a run: soft labels, where the case is distilled. */
rb_status rb_learn_from_teacher(rb_trainer *student, uint64_t seed);
/* In the child, after a run: where the case is attacked, rows of attacks, and a text with accuracy against eps. */
rb_status rb_send_attacks(FILE *to, rb_trainer *t, const char *run_id);

#endif
