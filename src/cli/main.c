/* main.c: the program: reads the command line, calls the verb, turns its status into an exit code. */
#include <stdio.h>

#include "cli/child.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "core/log.h"

static rb_status (*const verbs[RB_VERBS])(const rb_options *o) = {
#define RB_VERB(name, takes, help, examples) rb_verb_##name,
#include "cli/verbs.def"
#undef RB_VERB
};

int main(int argc, char **argv) {
    /* What a verb prints piece by piece fits in, so that a failed write is seen where errno still says why. */
    static char buffer[1 << 16];
    rb_options options;
    bool done;
    rb_signals_catch();
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    rb_status status = rb_options_parse(argc, argv, &options, &done);
    if (status == RB_OK && !done) {
        if (rb_given(&options, RB_FLAG_QUIET)) rb_log_threshold = RB_LOG_WARN;
        if (rb_given(&options, RB_FLAG_VERBOSE)) rb_log_threshold = RB_LOG_DEBUG;
        status = verbs[options.verb](&options);
    }
    status = rb_unless_reader_left(status);
    if (status == RB_OK) status = rb_stdout_finish();
    if (status != RB_OK) rb_log_error();
    rb_options_free(&options);
    return rb_status_exit_code(status);
}
