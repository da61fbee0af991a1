/* process.c: another program, run to its end. */
#include "cli/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/child.h"

static void redirect(const char *path, int to) {
    int fd = open(path ? path : "/dev/null", (path ? O_WRONLY | O_CREAT | O_APPEND : O_RDWR) | O_CLOEXEC, 0666);
    if (fd < 0 || dup2(fd, to) < 0) _exit(126);
}

static _Noreturn void become(const char *const *argv, const char *out, const char *err, pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    signal(SIGPIPE, SIG_DFL); /* what we ignore, others do not expect to */
    signal(SIGXFSZ, SIG_DFL);
    redirect(NULL, STDIN_FILENO);
    redirect(out, STDOUT_FILENO);
    redirect(err, STDERR_FILENO);
    execvp(argv[0], (char *const *)argv);
    _exit(127);
}

rb_status rb_process_run(const char *const *argv, const char *out, const char *err, int *code) {
    rb_signals_catch();
    int result, told = rb_interrupts;
    pid_t parent = getpid(), pid = fork();
    if (pid < 0) return rb_fail_native(RB_INTERNAL, errno, "no new process for %s: %s", argv[0], strerror(errno));
    if (pid == 0) become(argv, out, err, parent);
    while (waitpid(pid, &result, 0) < 0) {
        if (errno != EINTR)
            return rb_fail_native(RB_INTERNAL, errno, "lost the process of %s: %s", argv[0], strerror(errno));
        if (rb_interrupts > told) {
            told = rb_interrupts;
            kill(pid, told > 1 ? SIGKILL : SIGTERM);
        }
    }
    *code = WIFEXITED(result) ? WEXITSTATUS(result) : 128 + WTERMSIG(result);
    return rb_interrupts > 0 ? rb_fail(RB_INTERRUPTED, "interrupted") : RB_OK;
}
