/* lock.c: DIR/lock holds the writer's pid and is locked with flock, which the kernel lets go when the writer dies: a
 * pid that now belongs to another program keeps nobody out. */
#include "report/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"
#include "report/internal.h"

static long read_pid(int fd) {
    char digits[32] = "";
    ssize_t n = pread(fd, digits, sizeof digits - 1, 0);
    return n > 0 ? atol(digits) : 0;
}

/* The file at `path` is still the one that fd has open: nobody removed it between our open and our lock. */
static int same_file(const char *path, int fd) {
    struct stat a, b;
    return stat(path, &a) == 0 && fstat(fd, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

rb_status rb__lock_take(const char *dir, int *out) {
    rb_status status = RB_OK;
    rb_text path = {0};
    int fd = -1;
    *out = -1;
    rb_text_printf(&path, "%s/lock", dir);
    RB_TRY(rb_text_status(&path));
    for (int attempt = 0;; attempt++) {
        fd = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0) {
            status = rb__write_failed(errno, path.data);
            goto cleanup;
        }
        int taken = flock(fd, LOCK_EX | LOCK_NB) == 0, error = errno;
        if (taken && same_file(path.data, fd)) break;
        long pid = read_pid(fd);
        bool alive = pid > 0 && (kill((pid_t)pid, 0) == 0 || errno != ESRCH);
        if (!taken && error != EWOULDBLOCK && !alive) break; /* a file system without locks: the pid has to do */
        if (!taken && (alive || attempt > 20)) {
            status = rb_fail(RB_USAGE, "process %ld is writing to %s: wait for it, or choose another folder with -O",
                             pid, dir);
            goto cleanup;
        }
        /* A killed writer's child still holds the lock it inherited: a new file takes its place. Or the writer has not
         * noted its pid yet: then it soon will. */
        if (!taken && pid > 0 && same_file(path.data, fd)) unlink(path.data);
        if (!taken && pid == 0) usleep(5000);
        close(fd);
        fd = -1;
    }
    char digits[32];
    int n = snprintf(digits, sizeof digits, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, digits, (size_t)n, 0) != n) {
        status = rb__write_failed(errno, path.data);
        goto cleanup;
    }
    *out = fd;
    fd = -1;
cleanup:
    if (fd >= 0) close(fd);
    rb_text_free(&path);
    return status;
}

void rb__lock_give(const char *dir, int fd) {
    rb_text path = {0};
    if (fd < 0) return;
    rb_text_printf(&path, "%s/lock", dir);
    if (path.data && same_file(path.data, fd))
        unlink(path.data); /* before the lock goes, so that nobody takes it twice */
    close(fd);
    rb_text_free(&path);
}
