/* redact.h: takes host names, user names and paths out of rows that are to be published. */
#ifndef RB_REPORT_REDACT_H
#define RB_REPORT_REDACT_H

#include "regbench/report.h"

/* Names that must not appear, each with the word that stands for it: rows that belong together still do. */
typedef struct rb_redaction {
    struct {
        char *name, alias[16];
    } * names;
    int n, machines, users;
} rb_redaction;

/* Host and user of this process, who may be the ones recorded. */
rb_status rb_redaction_begin(rb_redaction *r);
void rb_redaction_end(rb_redaction *r);
/* Notes the names that a row holds: call it for all rows before the first is changed. */
rb_status rb_redaction_learn(rb_redaction *r, const rb_row *row);
/* Changes the row's texts. False where the whole row is nobody's business: a fact about a batch system's job. */
bool rb_redact(const rb_redaction *r, rb_row *row);

#endif
