/* recorder.h: a session in the making: runs items one after another, keeps their rows, says how it went. */
#ifndef RB_CLI_RECORDER_H
#define RB_CLI_RECORDER_H

#include "cli/child.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "core/text.h"

typedef struct rb_recorder {
    const rb_options *o;
    rb_session *session;
    FILE *log; /* run.log of the session */
    rb_bar bar;
    rb_row *rows; /* runs rows of this session */
    int n;
    rb_text text; /* a classification report: that of the item with the best validation accuracy */
    char text_label[160];
    double text_accuracy;
    rb_text sent; /* by the running item */
    char env_id[16];
    rb_status worst;
    int done;       /* items that ended well */
    int earlier;    /* items that an earlier process of this session has done */
    int foreign;    /* of those: by another build */
    int untargeted; /* of those: without this --target */
    /* of the item that runs */
    const char *label;
    bool got_row;
} rb_recorder;

/* Opens the session, so that an unwritable folder is found before any work; writes the facts about the machine. */
rb_status rb_recorder_open(rb_recorder *r, const rb_options *o);
/* Stamps run_id, session, start and build into a runs row. */
void rb_recorder_stamp(rb_recorder *r, rb_row *row);
/* Runs one item in a child. `row` is what is known of its runs row: it is written, with the reason, where the child
 * dies without sending one. The returned status is about the session: RB_DISK. */
rb_status rb_recorder_item(rb_recorder *r, rb_child_work *work, void *context, const rb_row *row, const char *label,
                           int index, int total);
/* An item that an earlier process of this session has done: its row counts and is printed as if it were done now. */
rb_status rb_recorder_earlier(rb_recorder *r, const rb_row *row);
/* Whether a row is of the build that runs now. */
bool rb_recorder_this_build(const rb_row *row);
/* After --resume, once all items are done: how many runs of the session differ in flags alone from what was done. Who
 * wanted to go on with them should know that this began anew. */
void rb_recorder_tell_beside(const rb_recorder *r);
/* True once the user has asked to stop. */
bool rb_recorder_stopped(const rb_recorder *r);
/* What the session amounts to: RB_OK, or the worst status of its items. */
rb_status rb_recorder_verdict(const rb_recorder *r);
void rb_recorder_close(rb_recorder *r);

#endif
