/* main.c: the program: reads the command line, calls the verb, turns its status into an exit code. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/child.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "core/log.h"

static rb_status (*const verbs[RB_VERBS])(const rb_options *o) = {
#define RB_VERB(name, takes, help, examples) rb_verb_##name,
#include "cli/verbs.def"
#undef RB_VERB
};

/* What was printed may still be lost: a full disk behind `> file` is an error, a reader that has seen enough
 * (`regbench list | head`) is not. */
static rb_status finish_stdout(rb_status status) {
    int failed = fflush(stdout) != 0, why = errno;
    if ((!failed && !ferror(stdout)) || why == EPIPE || status != RB_OK) return status;
    return rb_fail_native(why == ENOSPC || why == EFBIG ? RB_DISK : RB_OUTPUT, why,
                          "cannot write to standard output: %s", strerror(why));
}

int main(int argc, char **argv) {
    rb_options options;
    bool done;
    rb_signals_catch();
    rb_status status = rb_options_parse(argc, argv, &options, &done);
    if (status == RB_OK && !done) {
        if (rb_given(&options, RB_FLAG_QUIET)) rb_log_threshold = RB_LOG_WARN;
        if (rb_given(&options, RB_FLAG_VERBOSE)) rb_log_threshold = RB_LOG_DEBUG;
        status = verbs[options.verb](&options);
    }
    status = finish_stdout(rb_unless_reader_left(status));
    if (status != RB_OK) rb_log_error();
    rb_options_free(&options);
    return rb_status_exit_code(status);
}
