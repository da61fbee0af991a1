/* file.c: whole files. A replaced file is written beside the old one, synced, renamed; then its folder is synced. */
#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"

rb_status rb__write_failed(int error, const char *path) {
    if (error == ENOSPC || error == EDQUOT || error == EFBIG)
        return rb_fail_native(RB_DISK, error, "no room to write %s (%s): free some space", path, strerror(error));
    return rb_fail_native(RB_OUTPUT, error, "cannot write %s: %s", path, strerror(error));
}

bool rb_file_in(const char *folder, const char *name) {
    rb_text path = {0};
    struct stat info;
    rb_text_printf(&path, "%s/%s", folder, name);
    bool there = !path.failed && stat(path.data, &info) == 0;
    rb_text_free(&path);
    return there;
}

rb_status rb_file_read(const char *path, void **data, size_t *bytes) {
    rb_status status = RB_OK;
    struct stat info;
    char *content = NULL;
    size_t done = 0;
    *data = NULL;
    *bytes = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return rb_fail_native(errno == ENOENT ? RB_MISSING : RB_INPUT, errno, "cannot open %s: %s", path,
                              strerror(errno));
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        status = rb_fail(RB_INPUT, "%s is not a regular file", path);
        goto cleanup;
    }
    size_t size = (size_t)info.st_size;
    content = malloc(size + 1);
    if (!content) {
        status = rb_fail(RB_MEMORY, "out of memory for the %zu bytes of %s", size, path);
        goto cleanup;
    }
    while (done < size) {
        ssize_t n = read(fd, content + done, size - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            status = rb_fail_native(RB_INPUT, errno, "cannot read %s: %s", path, strerror(errno));
            goto cleanup;
        }
        if (n == 0) break; /* it has become shorter meanwhile */
        done += (size_t)n;
    }
    *data = content;
    *bytes = done;
    content = NULL;
cleanup:
    free(content);
    close(fd);
    return status;
}

/* errno of the first failure, 0 if all went well. */
static int write_and_sync(const char *path, const char *data, size_t bytes) {
    int code = 0, fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) return errno;
    for (size_t done = 0; done < bytes && !code;) {
        ssize_t n = write(fd, data + done, bytes - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0)
            code = n < 0 ? errno : ENOSPC;
        else
            done += (size_t)n;
    }
    if (!code && fsync(fd) != 0) code = errno;
    if (close(fd) != 0 && !code) code = errno;
    return code;
}

/* A rename is lasting only once the folder is written. File systems that sync no folder say EINVAL. */
static int sync_folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    if (!folder) return ENOMEM;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), code = fd < 0 ? errno : 0;
    if (fd >= 0 && fsync(fd) != 0 && errno != EINVAL) code = errno;
    if (fd >= 0) close(fd);
    free(folder);
    return code;
}

rb_status rb_file_replace(const char *path, const void *data, size_t bytes) {
    rb_text fresh = {0};
    rb_text_printf(&fresh, "%s.%ld.tmp", path, (long)getpid()); /* two processes may replace one file */
    rb_status status = rb_text_status(&fresh);
    if (status != RB_OK) return status;
    int code = write_and_sync(fresh.data, data, bytes);
    if (!code && rename(fresh.data, path) != 0) code = errno;
    if (code)
        unlink(fresh.data);
    else
        code = sync_folder_of(path);
    if (code) status = rb__write_failed(code, path);
    rb_text_free(&fresh);
    return status;
}
