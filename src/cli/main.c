/* main.c: the program: reads the command line, calls the verb, turns its status into an exit code. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/options.h"
#include "cli/verb.h"
#include "core/log.h"

static rb_status (*const verbs[RB_VERBS])(const rb_options *o) = {
#define RB_VERB(name, takes, help, examples) rb_verb_##name,
#include "cli/verbs.def"
#undef RB_VERB
};

/* A standard stream that was closed when we began (`>&-`, some service managers) would be the number of the next file
 * opened: rows and chatter would land in a table. Read-only, so that what is written to it still fails, and is seen. */
static void hold_streams(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd) _exit(2);
}

int main(int argc, char **argv) {
    /* What a verb prints piece by piece fits in, so that a failed write is seen where errno still says why. */
    static char buffer[1 << 16];
    rb_options options;
    bool done;
    hold_streams();
    /* A closed pipe and a file-size limit are failed writes that somebody checks, not deaths. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
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
