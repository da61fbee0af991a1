/* child.c: forks, listens, reaps. */
#include "cli/child.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/text.h"

volatile sig_atomic_t rb_interrupts;

static void on_signal(int number) {
    static volatile int64_t last;
    (void)number;
    /* timeout(1) and service managers signal the process and then its group: that is one wish, not two. */
    int64_t now = rb_clock_ns();
    if (rb_interrupts == 0 || now - last > 100000000) rb_interrupts++;
    last = now;
}

void rb_signals_catch(void) {
    static bool caught;
    struct sigaction action = {.sa_handler = on_signal}, before; /* no SA_RESTART: poll must return */
    if (caught) return;
    caught = true;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    /* A terminal that is gone; under nohup it is to go on. */
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, NULL);
}

/* --- the child's side -----------------------------------------------------------------------------------------------
 */

static rb_status sent(FILE *to, bool now) {
    if ((now && fflush(to) != 0) || ferror(to))
        return rb_fail_native(RB_INTERRUPTED, errno, "the parent process is gone");
    return RB_OK;
}

rb_status rb_send_row(FILE *to, const rb_row *row) {
    rb_text line = {0};
    rb_status status = rb_json_row(row, &line);
    if (status == RB_OK) status = rb_text_status(&line);
    if (status == RB_OK) {
        fputs(rb_text_string(&line), to);
        /* Steps and windows come in thousands and are never the last word: they wait for the next flush. */
        status = sent(to, row->table != RB_TABLE_steps && row->table != RB_TABLE_windows);
    }
    rb_text_free(&line);
    return status;
}

static rb_status send_object(FILE *to, const char *key, cJSON *value) {
    cJSON *line = cJSON_CreateObject();
    cJSON_AddItemToObject(line, key, value);
    char *text = cJSON_PrintUnformatted(line);
    cJSON_Delete(line);
    if (!text) return rb_fail(RB_MEMORY, "out of memory for a message");
    fprintf(to, "%s\n", text);
    free(text);
    return sent(to, true);
}

rb_status rb_send_progress(FILE *to, const rb_progress *p) {
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "epoch", p->epoch);
    cJSON_AddNumberToObject(o, "epochs", p->epochs);
    cJSON_AddNumberToObject(o, "step", p->step);
    cJSON_AddNumberToObject(o, "steps", p->steps);
    if (isfinite(p->loss)) cJSON_AddNumberToObject(o, "loss", p->loss);
    if (isfinite(p->accuracy)) cJSON_AddNumberToObject(o, "accuracy", p->accuracy);
    if (isfinite(p->samples_per_s)) cJSON_AddNumberToObject(o, "samples_per_s", p->samples_per_s);
    return send_object(to, "progress", o);
}

rb_status rb_send_text(FILE *to, const char *text) { return send_object(to, "text", cJSON_CreateString(text)); }

static void send_error(FILE *to, rb_status status) {
    const rb_error *e = rb_error_last();
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "status", rb_status_word(status));
    cJSON_AddStringToObject(o, "text", e ? e->text : "");
    send_object(to, "error", o);
}

/* Only here and in main does a process of regbench end. _exit: buffers and handlers of the parent are not ours. */
static _Noreturn void be_child(rb_child_work *work, void *context, int out, int err, pid_t parent) {
    /* A killed parent takes its child along; it may have died before this line. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    /* A Ctrl-C or a lost terminal reaches the whole process group; the parent alone decides, and tells by SIGTERM. */
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    FILE *to = fdopen(out, "w");
    if (!to) _exit(1);
    /* Libraries chat on stdout, which is data: send it where the log goes. */
    dup2(err, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(err);
    setvbuf(stdout, NULL, _IOLBF, 0);
    rb_status status = work(context, to);
    if (status != RB_OK) send_error(to, status);
    fflush(stdout);
    fflush(stderr);
    _exit(fclose(to) == 0 ? 0 : 1);
}

/* --- the parent's side ----------------------------------------------------------------------------------------------
 */

typedef struct listener {
    const rb_child_hooks *hooks;
    rb_text pending; /* bytes of an unfinished line */
    rb_child_end *end;
} listener;

static double number(const cJSON *o, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static rb_status take_line(listener *l, const char *line) {
    const rb_child_hooks *h = l->hooks;
    rb_status status = RB_OK;
    cJSON *message = NULL;
    rb_row row;
    if (strncmp(line, "{\"table\":", 9) == 0) {
        RB_TRY(rb_json_row_parse(line, &row));
        if (h->row) status = h->row(h->context, &row);
        rb_row_end(&row);
        return status;
    }
    message = cJSON_Parse(line);
    const cJSON *progress = cJSON_GetObjectItemCaseSensitive(message, "progress");
    const cJSON *text = cJSON_GetObjectItemCaseSensitive(message, "text");
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(message, "error");
    if (progress && h->progress) {
        rb_progress p = {.epoch = (int)number(progress, "epoch"),
                         .epochs = (int)number(progress, "epochs"),
                         .step = (int)number(progress, "step"),
                         .steps = (int)number(progress, "steps"),
                         .loss = number(progress, "loss"),
                         .accuracy = number(progress, "accuracy"),
                         .samples_per_s = number(progress, "samples_per_s")};
        h->progress(h->context, &p);
    } else if (cJSON_IsString(text) && h->text) {
        h->text(h->context, text->valuestring);
    } else if (error) {
        const cJSON *word = cJSON_GetObjectItemCaseSensitive(error, "status");
        const cJSON *why = cJSON_GetObjectItemCaseSensitive(error, "text");
        l->end->status = cJSON_IsString(word) ? rb_status_from_word(word->valuestring) : RB_INTERNAL;
        snprintf(l->end->text, sizeof l->end->text, "%s", cJSON_IsString(why) ? why->valuestring : "");
    } else if (!message) {
        status = rb_fail(RB_INTERNAL, "a child process sent what is no message: %.80s", line);
    }
cleanup:
    cJSON_Delete(message);
    return status;
}

static rb_status take_bytes(listener *l, char *bytes, size_t n) {
    rb_status status = RB_OK;
    for (char *at = bytes, *stop = bytes + n; at < stop;) {
        char *newline = memchr(at, '\n', (size_t)(stop - at));
        if (newline)
            *newline = '\0'; /* the buffer has one byte of room behind n */
        else
            *stop = '\0';
        rb_text_append(&l->pending, at);
        if (!newline) break;
        RB_TRY(rb_text_status(&l->pending));
        status = take_line(l, rb_text_string(&l->pending));
        rb_text_clear(&l->pending);
        if (status != RB_OK) break;
        at = newline + 1;
    }
cleanup:
    return status;
}

static void take_log(const rb_child_hooks *h, const char *bytes, size_t n) {
    if (h->log)
        h->log(h->context, bytes, n);
    else if (fwrite(bytes, 1, n, stderr) != n)
        clearerr(stderr);
}

/* Everything that is there now. *open becomes false at the end of the pipe. */
static rb_status drain(listener *l, int fd, bool is_log, bool *open) {
    char bytes[16384 + 1];
    rb_status status = RB_OK;
    while (*open && status == RB_OK) {
        ssize_t n = read(fd, bytes, sizeof bytes - 1);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) break; /* EAGAIN */
        if (n == 0)
            *open = false;
        else if (is_log)
            take_log(l->hooks, bytes, (size_t)n);
        else
            status = take_bytes(l, bytes, (size_t)n);
    }
    return status;
}

/* Counts the kernel's kills for lack of memory: tells them from other SIGKILLs. -1 = unknown. */
static long long oom_kills(void) {
    long long count = -1;
    char line[128];
    FILE *f = fopen("/proc/vmstat", "re");
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "oom_kill %lld", &count) == 1) break;
    }
    if (f) fclose(f);
    return count;
}

/* The child is dead; what it did not say itself is read from how it died. */
static void judge(int wait_status, bool timed_out, bool killed, long long oom_before, rb_child_end *end) {
    char word[sizeof end->text] = "";
    rb_status status = end->status;
    if (timed_out) {
        status = RB_TIMEOUT;
        snprintf(word, sizeof word, "ended after %.3g s by --timeout", end->seconds);
    } else if (killed) {
        status = RB_INTERRUPTED;
        snprintf(word, sizeof word, "killed on request before the step was done");
    } else if (WIFSIGNALED(wait_status)) {
        int signal_number = WTERMSIG(wait_status);
        bool oom = signal_number == SIGKILL && oom_before >= 0 && oom_kills() > oom_before;
        status = oom ? RB_MEMORY : RB_CRASH;
        if (oom)
            snprintf(word, sizeof word, "killed by the kernel for lack of memory");
        else
            snprintf(word, sizeof word, "died by signal %d (%s)", signal_number, strsignal(signal_number));
    } else if (status == RB_OK && WEXITSTATUS(wait_status) != 0) {
        status = RB_CRASH; /* a library called exit */
        snprintf(word, sizeof word, "the process ended itself with code %d", WEXITSTATUS(wait_status));
    }
    end->status = status;
    if (word[0]) memcpy(end->text, word, sizeof word);
}

/* Two pipes, non-blocking where the parent reads; nothing of them survives an exec (compilers that a driver starts). */
static rb_status open_pipes(int out[2], int err[2]) {
    if (pipe2(out, O_CLOEXEC) != 0) return rb_fail_native(RB_INTERNAL, errno, "no pipe: %s", strerror(errno));
    if (pipe2(err, O_CLOEXEC) != 0) {
        int why = errno;
        close(out[0]);
        close(out[1]);
        return rb_fail_native(RB_INTERNAL, why, "no pipe: %s", strerror(why));
    }
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    fcntl(err[0], F_SETFL, O_NONBLOCK);
    return RB_OK;
}

rb_status rb_child_run(rb_child_work *work, void *context, const rb_child_hooks *hooks, double timeout_s,
                       rb_child_end *end) {
    rb_status status = RB_OK;
    int out[2], err[2], wait_status = 0;
    listener l = {.hooks = hooks, .end = end};
    double start = rb_clock_s();
    long long oom_before = oom_kills();
    bool out_open = true, err_open = true, told = false, killed = false, timed_out = false, dead = false;
    memset(end, 0, sizeof *end);
    rb_signals_catch();
    RB_TRY(open_pipes(out, err));
    fflush(stdout);
    fflush(stderr);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        close(out[0]);
        close(err[0]);
        be_child(work, context, out[1], err[1], parent);
    }
    close(out[1]);
    close(err[1]);
    if (pid < 0) status = rb_fail_native(RB_MEMORY, errno, "no child process: %s", strerror(errno));
    while (pid > 0 && !dead) {
        struct pollfd fds[2] = {{.fd = out_open ? out[0] : -1, .events = POLLIN},
                                {.fd = err_open ? err[0] : -1, .events = POLLIN}};
        poll(fds, 2, out_open ? 100 : 10);
        pid_t gone = waitpid(pid, &wait_status, WNOHANG);
        dead = gone == pid || (gone < 0 && errno == ECHILD);
        rb_status now = drain(&l, err[0], true, &err_open);
        if (status == RB_OK)
            now = drain(&l, out[0], false, &out_open);
        else
            out_open = false;
        if (now != RB_OK && status == RB_OK) {
            status = now; /* rows can no longer be kept: more of them help nobody */
            kill(pid, SIGKILL);
        }
        if (dead) break;
        if (rb_interrupts >= 1 && !told) {
            kill(pid, SIGTERM);
            told = true;
        }
        if (rb_interrupts >= 2 && !killed) {
            kill(pid, SIGKILL);
            killed = true;
        }
        if (timeout_s > 0 && rb_clock_s() - start > timeout_s && !timed_out) {
            kill(pid, SIGKILL);
            timed_out = true;
        }
    }
    close(out[0]);
    close(err[0]);
    end->seconds = rb_clock_s() - start;
    if (pid > 0 && status == RB_OK) judge(wait_status, timed_out, killed, oom_before, end);
cleanup:
    rb_text_free(&l.pending);
    return status;
}
