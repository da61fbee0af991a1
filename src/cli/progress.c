/* progress.c: draws rb_progress. */
#include "cli/progress.h"

#include <math.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/clock.h"

void rb_bar_open(rb_bar *bar, bool quiet) {
    memset(bar, 0, sizeof *bar);
    bar->quiet = quiet;
    bar->terminal = isatty(STDERR_FILENO);
}

void rb_bar_item(rb_bar *bar, int index, int total, const char *label) {
    bar->index = index;
    bar->total = total;
    bar->spoken = rb_clock_s();
    bar->from_s = 0;
    bar->spoken_epoch = 0;
    snprintf(bar->label, sizeof bar->label, "%s", label);
}

void rb_bar_clear(rb_bar *bar) {
    if (bar->drawn) fputs("\r\033[K", stderr);
    bar->drawn = false;
}

/* Columns of the terminal now: it may be resized in mid-run. */
static int width(void) {
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void print_rate(char *out, size_t n, double rate) {
    if (!isfinite(rate) || rate <= 0)
        out[0] = '\0';
    else if (rate >= 1e6)
        snprintf(out, n, " %.2fM/s", rate / 1e6);
    else if (rate >= 1e4)
        snprintf(out, n, " %.0fk/s", rate / 1e3);
    else
        snprintf(out, n, " %.0f/s", rate);
}

/* " ETA 1:05", or nothing while there is nothing to tell from. */
static void print_eta(char *out, size_t n, double seconds) {
    out[0] = '\0';
    if (!isfinite(seconds) || seconds < 0) return;
    long s = lround(seconds);
    if (s >= 3600)
        snprintf(out, n, " ETA %ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(out, n, " ETA %ld:%02ld", s / 60, s % 60);
}

/* Share of the item that is done, NaN = unknown. */
static double share(const rb_progress *p) {
    if (p->epochs < 1 || p->steps < 1 || p->epoch < 1) return NAN;
    double done = ((double)(p->epoch - 1) * p->steps + p->step) / ((double)p->epochs * p->steps);
    return done < 1 ? done : 1;
}

/* Seconds that are left at the pace since the first sign of life: what came before (kernels compiled, data read, epochs
 * of a checkpoint) does not come again. NaN while half a second has not passed: a wild guess is worse than none. */
static double left(rb_bar *bar, double now, double done) {
    if (bar->from_s == 0) {
        bar->from_s = now;
        bar->from = done;
    }
    return now - bar->from_s >= 0.5 && done > bar->from ? (now - bar->from_s) * (1 - done) / (done - bar->from) : NAN;
}

void rb_bar_update(rb_bar *bar, const rb_progress *p) {
    char rate[32], eta[32], epoch[32] = "", loss[32] = "", accuracy[32] = "", tail[160], head[160], cells[41];
    double now = rb_clock_s(), done = share(p), seconds = left(bar, now, done);
    if (bar->quiet) return;
    /* In a pipe: a line at the end of each epoch, but at most one a second; and one every 5 s in between. */
    bool epoch_ends = p->step >= p->steps && p->epoch > bar->spoken_epoch;
    if (!bar->terminal && !(epoch_ends && now - bar->spoken >= 1) && now - bar->spoken < 5) return;
    print_rate(rate, sizeof rate, p->samples_per_s);
    print_eta(eta, sizeof eta, seconds);
    if (isfinite(p->loss)) snprintf(loss, sizeof loss, " loss %.4f", p->loss);
    if (isfinite(p->accuracy)) snprintf(accuracy, sizeof accuracy, " acc %.3f", p->accuracy);
    if (p->epochs > 0) snprintf(epoch, sizeof epoch, " epoch %d/%d", p->epoch, p->epochs);
    snprintf(tail, sizeof tail, "%s%s%s%s%s", epoch, loss, accuracy, rate, eta);
    snprintf(head, sizeof head, "[%d/%d] %.100s", bar->index + 1, bar->total, bar->label);
    if (!bar->terminal) {
        fprintf(stderr, "%s:%s\n", head, tail);
        bar->spoken = now;
        bar->spoken_epoch = p->epoch;
        return;
    }
    /* The bar takes what head and tail leave, up to 40 cells. In a narrow terminal the head gives way for a short bar,
     * then the bar goes, then the head; the numbers stay. */
    int room = width() - 1, rest = room - (int)strlen(tail) - 3, head_n = (int)strlen(head);
    if (rest - head_n < 10 && rest >= 30) head_n = rest - 10;
    int n = rest - head_n > 40 ? 40 : rest - head_n < 5 ? 0 : rest - head_n;
    if (n == 0) head_n = rest + 3 < 0 ? 0 : rest + 3;
    int full = isfinite(done) ? (int)(done * n) : 0;
    for (int i = 0; i < n; i++) cells[i] = i < full ? '#' : '.';
    cells[n] = '\0';
    fprintf(stderr, "\r\033[K%.*s%s%s%s%.*s", head_n, head, n ? " [" : "", cells, n ? "]" : "", room, tail);
    fflush(stderr);
    bar->drawn = true;
}
