/* gnuplot.c: starts gnuplot and listens to what it says. */
#include "plot/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/text.h"

enum { PATIENCE_S = 120, ABSENT = 127 };

/* -d: the user's start-up files change nothing. A gnuplot that hangs ends by its alarm, which survives exec. */
static _Noreturn void be_gnuplot(const char *folder, char **argv, int out) {
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
        dup2(out, STDERR_FILENO) < 0 || chdir(folder) != 0)
        _exit(1);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    unsetenv("GNUTERM");
    alarm(PATIENCE_S);
    execvp(argv[0], argv);
    _exit(errno == ENOENT || errno == EACCES ? ABSENT : 1);
}

/* What gnuplot says, up to a few lines, as one line. */
static void listen(int from, rb_text *said) {
    enum { ENOUGH = 600 };
    char bytes[512];
    ssize_t n;
    while ((n = read(from, bytes, sizeof bytes - 1)) > 0 || (n < 0 && errno == EINTR)) {
        if (n < 0 || said->length > ENOUGH) continue;
        bytes[n] = '\0';
        for (char *c = bytes; *c; c++)
            if (*c == '\n' || *c == '\t') *c = ' ';
        rb_text_append(said, bytes);
    }
}

static rb_status start(const char *folder, char **argv, int *wait_status, rb_text *said) {
    int pipe_of[2];
    if (pipe2(pipe_of, O_CLOEXEC) != 0) return rb_fail_native(RB_INTERNAL, errno, "no pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0) be_gnuplot(folder, argv, pipe_of[1]);
    close(pipe_of[1]);
    if (pid > 0) listen(pipe_of[0], said);
    close(pipe_of[0]);
    if (pid < 0) return rb_fail_native(RB_MEMORY, errno, "no process for gnuplot: %s", strerror(errno));
    while (waitpid(pid, wait_status, 0) < 0 && errno == EINTR) {
    }
    return rb_text_status(said);
}

/* `argv` ends with the scripts and NULL. */
static rb_status run(const char *folder, char **argv, const char *what) {
    rb_status status = RB_OK;
    rb_text said = {0};
    int end = 0;
    RB_TRY(start(folder, argv, &end, &said));
    if (WIFEXITED(end) && WEXITSTATUS(end) == ABSENT)
        status = rb_fail(RB_MISSING,
                         "charts are drawn by gnuplot, which is not installed (Debian: gnuplot-nox); their scripts and "
                         "data are in %s",
                         folder);
    else if (WIFSIGNALED(end))
        status = rb_fail(RB_OUTPUT, "gnuplot died by signal %d (%s) on %s/%s", WTERMSIG(end), strsignal(WTERMSIG(end)),
                         folder, what);
    else if (WEXITSTATUS(end) != 0)
        status = rb_fail(RB_OUTPUT, "gnuplot failed on %s/%s: %s", folder, what, rb_text_string(&said));
cleanup:
    rb_text_free(&said);
    return status;
}

rb_status rb_gnuplot_run(const char *folder, const char *scripts) {
    rb_status status = RB_OK;
    int n = 0, k = 2;
    for (const char *c = scripts; *c; c++) n += *c == '\n';
    if (n == 0) return RB_OK;
    char *names = strdup(scripts), **argv = calloc((size_t)n + 3, sizeof *argv), *rest = NULL;
    if (!names || !argv) {
        status = rb_fail(RB_MEMORY, "out of memory for %d charts", n);
        goto cleanup;
    }
    argv[0] = "gnuplot";
    argv[1] = "-d";
    for (char *name = strtok_r(names, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest)) argv[k++] = name;
    status = run(folder, argv, argv[2]);
    if (status == RB_OUTPUT && n > 1) {
        rb_error_clear();
        status = RB_OK;
        for (int i = 0; i < n; i++) {
            rb_status one = run(folder, (char *[]){argv[0], argv[1], argv[2 + i], NULL}, argv[2 + i]);
            if (status == RB_OK) status = one;
        }
    }
cleanup:
    free(names);
    free(argv);
    return status;
}
