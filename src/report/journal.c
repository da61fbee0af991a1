/* journal.c: events.jsonl and the CSVs. Every line is one write to a file opened for appending, so that a killed writer
 * leaves whole lines; a write that stops half-way (full disk) is taken back. */
#include "report/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "core/text.h"
#include "report/internal.h"

/* All of `text` or nothing. */
static rb_status append(int fd, const char *path, const rb_text *text) {
    struct stat before;
    bool known = fstat(fd, &before) == 0 && S_ISREG(before.st_mode);
    for (size_t done = 0; done < text->length;) {
        ssize_t n = write(fd, text->data + done, text->length - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            rb_status status = rb__write_failed(n < 0 ? errno : ENOSPC, path);
            if (known && ftruncate(fd, before.st_size) != 0)
                rb_log(RB_LOG_WARN, "%s may end in half a line: %s", path, strerror(errno));
            return status;
        }
        done += (size_t)n;
    }
    return RB_OK;
}

static void csv_path(const rb__journal *j, rb_table table, const char *end, rb_text *out) {
    rb_text_printf(out, "%s/%s.csv%s", j->dir, rb_table_name(table), end);
}

/* A file with other columns (of another version) is kept as TABLE.1.csv, TABLE.2.csv ...; the first free number. */
static rb_status rotate(const rb__journal *j, rb_table table, const char *path) {
    rb_text to = {0};
    for (int i = 1;; i++) {
        rb_text_clear(&to);
        rb_text_printf(&to, "%s/%s.%d.csv", j->dir, rb_table_name(table), i);
        if (to.failed || access(to.data, F_OK) != 0) break;
    }
    rb_status status = rb_text_status(&to);
    if (status == RB_OK && rename(path, to.data) != 0) status = rb__write_failed(errno, to.data);
    if (status == RB_OK) rb_log(RB_LOG_INFO, "%s has other columns and is now %s", path, to.data);
    rb_text_free(&to);
    return status;
}

/* True if the regular file begins with another line than `header`; an empty one does not. */
static bool other_header(const char *path, const rb_text *header) {
    struct stat info;
    bool other = false;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0) return false;
    FILE *file = fopen(path, "rb");
    char *line = NULL;
    size_t capacity = 0;
    if (file && getline(&line, &capacity, file) > 0) other = strcmp(line, header->data) != 0;
    free(line);
    if (file) fclose(file);
    return other;
}

/* A new file with nothing but its header, under a temporary name. */
static rb_status create(const char *path, const rb_text *header, int *fd) {
    *fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    if (*fd < 0) return rb__write_failed(errno, path);
    rb_status status = append(*fd, path, header);
    if (status == RB_OK) return RB_OK;
    close(*fd);
    *fd = -1;
    unlink(path);
    return status;
}

static rb_status open_csv(rb__journal *j, rb_table table) {
    rb_status status = RB_OK;
    rb_text path = {0}, fresh = {0}, header = {0};
    struct stat info;
    csv_path(j, table, "", &path);
    csv_path(j, table, ".tmp", &fresh);
    rb_csv_header(table, &header);
    RB_TRY(rb_text_status(&path));
    RB_TRY(rb_text_status(&fresh));
    RB_TRY(rb_text_status(&header));
    if (other_header(path.data, &header)) RB_TRY(rotate(j, table, path.data));
    int fd = open(path.data, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) { /* renamed with its header in it: there is never a CSV without */
        RB_TRY(create(fresh.data, &header, &fd));
        if (rename(fresh.data, path.data) != 0) status = rb__write_failed(errno, path.data);
    } else if (fd < 0)
        status = rb__write_failed(errno, path.data);
    else if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size == 0)
        status = append(fd, path.data, &header);
    if (status != RB_OK && fd >= 0)
        close(fd);
    else
        j->csv[table] = fd;
cleanup:
    rb_text_free(&path);
    rb_text_free(&fresh);
    rb_text_free(&header);
    return status;
}

/* Length of the file up to and with its last "\n". */
static rb_status whole_lines(int fd, const char *path, off_t size, off_t *whole) {
    char buffer[4096];
    for (*whole = size; *whole > 0;) {
        off_t from = *whole > (off_t)sizeof buffer ? *whole - (off_t)sizeof buffer : 0;
        ssize_t n = pread(fd, buffer, (size_t)(*whole - from), from);
        if (n <= 0) return rb_fail_native(RB_INPUT, errno, "cannot read %s: %s", path, strerror(errno));
        for (ssize_t i = n - 1; i >= 0; i--)
            if (buffer[i] == '\n') {
                *whole = from + i + 1;
                return RB_OK;
            }
        *whole = from;
    }
    return RB_OK;
}

rb_status rb__journal_open(rb__journal *j, const char *dir) {
    rb_status status = RB_OK;
    rb_text path = {0};
    struct stat info;
    j->dir = dir;
    j->events = -1;
    for (int t = 0; t < RB_TABLES; t++) j->csv[t] = -1;
    rb_text_printf(&path, "%s/events.jsonl", dir);
    RB_TRY(rb_text_status(&path));
    j->events = open(path.data, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (j->events < 0 || fstat(j->events, &info) != 0) {
        status = rb__write_failed(errno, path.data);
        goto cleanup;
    }
    if (!S_ISREG(info.st_mode)) {
        status = rb_fail(RB_INPUT, "%s is not a regular file: choose another folder with -O", path.data);
        goto cleanup;
    }
    off_t whole;
    RB_TRY(whole_lines(j->events, path.data, info.st_size, &whole));
    if (whole < info.st_size) {
        rb_log(RB_LOG_INFO, "%s ended in half a line, which is dropped", path.data);
        if (ftruncate(j->events, whole) != 0) status = rb__write_failed(errno, path.data);
    }
cleanup:
    rb_text_free(&path);
    return status;
}

void rb__journal_close(rb__journal *j) {
    if (j->events >= 0) close(j->events);
    j->events = -1;
    for (int t = 0; t < RB_TABLES; t++) {
        if (j->csv[t] >= 0) close(j->csv[t]);
        j->csv[t] = -1;
    }
}

rb_status rb__journal_write(rb__journal *j, const rb_row *row) {
    rb_status status = RB_OK;
    rb_text line = {0}, path = {0};
    rb_text_printf(&path, "%s/events.jsonl", j->dir);
    RB_TRY(rb_text_status(&path));
    RB_TRY(rb_json_row(row, &line));
    RB_TRY(append(j->events, path.data, &line));
    if (j->csv[row->table] < 0) RB_TRY(open_csv(j, row->table));
    rb_text_clear(&line);
    rb_text_clear(&path);
    csv_path(j, row->table, "", &path);
    rb_csv_row(row, &line);
    RB_TRY(rb_text_status(&path));
    RB_TRY(rb_text_status(&line));
    RB_TRY(append(j->csv[row->table], path.data, &line));
cleanup:
    rb_text_free(&line);
    rb_text_free(&path);
    return status;
}

rb_status rb__journal_read(rb__journal *j, rb_status (*see)(void *context, const rb_row *row), void *context) {
    rb_status status = RB_OK;
    rb_text path = {0};
    FILE *file = NULL;
    char *line = NULL;
    size_t capacity = 0;
    rb_text_printf(&path, "%s/events.jsonl", j->dir);
    RB_TRY(rb_text_status(&path));
    file = fopen(path.data, "rb");
    if (!file) {
        status = rb_fail_native(RB_INPUT, errno, "cannot read %s: %s", path.data, strerror(errno));
        goto cleanup;
    }
    for (long number = 1; getline(&line, &capacity, file) > 0; number++) {
        rb_row row;
        if (rb_json_row_parse(line, &row) != RB_OK) {
            rb_log(RB_LOG_DEBUG, "%s:%ld: %s", path.data, number, rb_error_last()->text);
            rb_error_clear();
            status = see(context, NULL);
        } else {
            status = see(context, &row);
            rb_row_end(&row);
        }
        if (status != RB_OK) goto cleanup;
    }
    if (ferror(file)) status = rb_fail_native(RB_INPUT, errno, "cannot read %s: %s", path.data, strerror(errno));
cleanup:
    free(line);
    if (file) fclose(file);
    rb_text_free(&path);
    return status;
}

/* The new CSVs while they grow beside the old ones. */
typedef struct rebuilding {
    rb__journal *j;
    FILE *file[RB_TABLES];
    rb_text path[RB_TABLES], line;
    bool (*keep)(void *context, const rb_row *row);
    void *context;
} rebuilding;

static rb_status begin_table(rebuilding *b, rb_table t) {
    csv_path(b->j, t, ".tmp", &b->path[t]);
    if (b->path[t].failed) return rb_text_status(&b->path[t]);
    b->file[t] = fopen(b->path[t].data, "wbe");
    if (!b->file[t]) return rb__write_failed(errno, b->path[t].data);
    rb_text_clear(&b->line);
    rb_csv_header(t, &b->line);
    fputs(rb_text_string(&b->line), b->file[t]);
    return rb_text_status(&b->line);
}

static rb_status rebuild_row(void *context, const rb_row *row) {
    rebuilding *b = context;
    rb_status status = RB_OK;
    if (!row || !b->keep(b->context, row)) return RB_OK;
    if (!b->file[row->table]) RB_TRY(begin_table(b, row->table));
    rb_text_clear(&b->line);
    rb_csv_row(row, &b->line);
    RB_TRY(rb_text_status(&b->line));
    if (fputs(b->line.data, b->file[row->table]) == EOF) status = rb__write_failed(errno, b->path[row->table].data);
cleanup:
    return status;
}

rb_status rb__journal_rebuild(rb__journal *j, bool (*keep)(void *context, const rb_row *row), void *context) {
    rb_status status = RB_OK;
    rebuilding b = {.j = j, .keep = keep, .context = context};
    rb_text old = {0}, header = {0};
    RB_TRY(rb__journal_read(j, rebuild_row, &b));
    for (int t = 0; t < RB_TABLES; t++) {
        rb_text_clear(&old);
        csv_path(j, (rb_table)t, "", &old);
        RB_TRY(rb_text_status(&old));
        if (!b.file[t] && access(old.data, F_OK) == 0) RB_TRY(begin_table(&b, (rb_table)t)); /* nothing of it is kept */
        if (!b.file[t]) continue;
        errno = 0;
        bool failed = fflush(b.file[t]) != 0 || ferror(b.file[t]);
        if (failed) {
            status = rb__write_failed(errno, b.path[t].data);
            goto cleanup;
        }
        rb_text_clear(&header);
        rb_csv_header((rb_table)t, &header);
        RB_TRY(rb_text_status(&header));
        if (other_header(old.data, &header)) RB_TRY(rotate(j, (rb_table)t, old.data));
        if (rename(b.path[t].data, old.data) != 0) {
            status = rb__write_failed(errno, old.data);
            goto cleanup;
        }
    }
cleanup:
    for (int t = 0; t < RB_TABLES; t++) {
        if (b.file[t]) fclose(b.file[t]);
        if (b.path[t].data) unlink(b.path[t].data); /* is there only after a failure */
        rb_text_free(&b.path[t]);
    }
    rb_text_free(&b.line);
    rb_text_free(&old);
    rb_text_free(&header);
    return status;
}
