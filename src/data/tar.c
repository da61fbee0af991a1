/* tar.c: wanted members of a gzipped ustar archive into a folder. Only the last component of a member's path is used,
 * and only where it is wanted, so an archive cannot write anywhere else. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "data/data.h"

enum { BLOCK = 512, NAME = 0, NAME_BYTES = 100, SIZE = 124, SIZE_BYTES = 12, SUM = 148, SUM_BYTES = 8, TYPE = 156 };

/* An octal field, ended by space or NUL; -1 where it is none. */
static int64_t octal(const unsigned char *field, int bytes) {
    int64_t value = 0;
    int i = 0;
    while (i < bytes && field[i] == ' ') i++;
    if (i == bytes || field[i] < '0' || field[i] > '7') return -1;
    for (; i < bytes && field[i] >= '0' && field[i] <= '7'; i++) value = value * 8 + (field[i] - '0');
    return i == bytes || field[i] == ' ' || field[i] == '\0' ? value : -1;
}

/* The sum of all bytes of the header, its own field counted as spaces. */
static int64_t checksum(const unsigned char *head) {
    int64_t sum = 0;
    for (int i = 0; i < BLOCK; i++) sum += i >= SUM && i < SUM + SUM_BYTES ? ' ' : head[i];
    return sum;
}

static int wanted(const unsigned char *head, const char *const *names) {
    char name[NAME_BYTES + 1] = {0};
    memcpy(name, head + NAME, NAME_BYTES);
    const char *slash = strrchr(name, '/'), *last = slash ? slash + 1 : name;
    if (head[TYPE] != '0' && head[TYPE] != '\0') return -1; /* not a plain file */
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], last) == 0) return i;
    return -1;
}

/* `bytes` of content, padded to whole blocks, to `path` or nowhere (NULL). */
static rb_status copy(rb__reader *r, int64_t bytes, const char *path) {
    rb_status status = RB_OK;
    unsigned char chunk[64 * BLOCK];
    FILE *file = path ? fopen(path, "wb") : NULL;
    if (path && !file) return rb_fail_native(RB_OUTPUT, errno, "cannot write %s: %s", path, strerror(errno));
    while (bytes > 0) {
        size_t blocks = ((size_t)bytes + BLOCK - 1) / BLOCK, want = blocks > 64 ? sizeof chunk : blocks * BLOCK, got;
        uint64_t at = rb__reader_at(r);
        RB_TRY(rb__reader_read(r, chunk, want, &got));
        if (got < want) {
            status = rb__bad(r, at + got, "expected %lld further bytes of a member, found the end of the archive",
                             (long long)bytes - (long long)got);
            goto cleanup;
        }
        size_t kept = (size_t)bytes < want ? (size_t)bytes : want;
        if (file && fwrite(chunk, 1, kept, file) != kept) {
            status = rb_fail_native(errno == ENOSPC ? RB_DISK : RB_OUTPUT, errno, "cannot write %s: %s", path,
                                    strerror(errno));
            goto cleanup;
        }
        bytes -= (int64_t)kept;
    }
cleanup:
    if (file && fclose(file) && status == RB_OK)
        status =
            rb_fail_native(errno == ENOSPC ? RB_DISK : RB_OUTPUT, errno, "cannot write %s: %s", path, strerror(errno));
    return status;
}

rb_status rb__tar_unpack(const char *archive, const char *set, const char *const *names, const char *folder) {
    rb_status status = RB_OK;
    rb__reader *r = NULL;
    unsigned char head[BLOCK];
    char part[RB_SET_FILES][RB_PATH] = {{0}}, path[RB_PATH];
    size_t got;
    RB_TRY(rb__reader_open(archive, set, true, &r));
    for (;;) {
        uint64_t at = rb__reader_at(r);
        RB_TRY(rb__reader_read(r, head, BLOCK, &got));
        if (got == BLOCK && head[0] == '\0') break; /* the block of zeros that ends an archive */
        int64_t size = got == BLOCK ? octal(head + SIZE, SIZE_BYTES) : -1;
        if (size < 0 || octal(head + SUM, SUM_BYTES) != checksum(head)) {
            status = rb__bad(r, at, "expected the header of a tar member, found %s",
                             got < BLOCK ? "the end of the archive" : "something else");
            goto cleanup;
        }
        int i = wanted(head, names);
        if (i >= 0 && !part[i][0]) {
            RB_TRY(rb__path(part[i], RB_PATH, "%s/%s.part-%ld", folder, names[i], (long)getpid()));
            RB_TRY(copy(r, size, part[i]));
        } else
            RB_TRY(copy(r, size, NULL));
    }
    for (int i = 0; names[i]; i++)
        if (!part[i][0]) {
            status = rb__bad(r, rb__reader_at(r), "expected a member called %s, found none", names[i]);
            goto cleanup;
        }
    for (int i = 0; names[i]; i++) {
        RB_TRY(rb__path(path, sizeof path, "%s/%s", folder, names[i]));
        if (rename(part[i], path)) {
            status = rb_fail_native(RB_OUTPUT, errno, "cannot rename %s to %s: %s", part[i], path, strerror(errno));
            goto cleanup;
        }
        part[i][0] = '\0';
    }
cleanup:
    for (int i = 0; i < RB_SET_FILES; i++)
        if (part[i][0]) unlink(part[i]);
    rb__reader_close(r);
    return status;
}
