/* reader.c: the bytes of a file in order, raw or gzip. Gzip is told by its two first bytes, not by the name, so a
 * renamed file still reads; a stream that is cut off, damaged or followed by foreign bytes is RB_INPUT with the offset.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "data/data.h"

enum { CHUNK = 1 << 18, MOST_DEFLATE = 1032 }; /* deflate packs at most 1032 : 1 */

struct rb__reader {
    FILE *stream;
    char path[RB_PATH], set[32];
    uint64_t file_bytes, at;
    bool gzip, ended; /* ended: the last gzip member was read to its check sum */
    z_stream z;
    uint64_t packed_at; /* bytes taken from the file so far */
    unsigned char *chunk;
};

rb_status rb__reader_bad(const rb__reader *r, const char *source, int line, uint64_t offset, const char *fmt, ...) {
    char what[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return rb__fail(RB_INPUT, source, line, 0, "%s: byte %llu%s: %s; replace or remove it (`regbench data fetch %s`)",
                    r->path, (unsigned long long)offset, r->gzip ? " of the unpacked content" : "", what, r->set);
}

/* Damage of the gzip stream itself: the offset is in the file, not in the content. */
static rb_status bad_gzip(const rb__reader *r, const char *what) {
    return rb_fail_native(RB_INPUT, r->z.msg ? Z_DATA_ERROR : 0,
                          "%s: byte %llu of the gzip file: %s; replace or remove it (`regbench data fetch %s`)",
                          r->path, (unsigned long long)(r->packed_at - r->z.avail_in), what, r->set);
}

static rb_status unreadable(const rb__reader *r, int code) {
    return rb_fail_native(RB_INPUT, code, "cannot read %s: %s", r->path, strerror(code ? code : EIO));
}

rb_status rb__reader_open(const char *path, const char *set, bool gzip, rb__reader **out) {
    FILE *stream = fopen(path, "rb");
    if (!stream) return rb_fail_native(RB_INPUT, errno, "cannot open %s: %s", path, strerror(errno));
    return rb__reader_stream(stream, path, set, gzip, out);
}

rb_status rb__reader_stream(FILE *stream, const char *path, const char *set, bool gzip, rb__reader **out) {
    rb_status status = RB_OK;
    *out = NULL;
    rb__reader *r = calloc(1, sizeof *r);
    if (!r || !(r->chunk = malloc(CHUNK))) {
        fclose(stream);
        status = rb_fail(RB_MEMORY, "out of memory while opening %s", path);
        goto cleanup;
    }
    r->stream = stream;
    snprintf(r->path, sizeof r->path, "%s", path);
    snprintf(r->set, sizeof r->set, "%s", set);
    off_t end = fseeko(stream, 0, SEEK_END) ? -1 : ftello(stream);
    if (end < 0 || fseeko(stream, 0, SEEK_SET)) {
        status = unreadable(r, errno);
        goto cleanup;
    }
    r->file_bytes = (uint64_t)end;
    unsigned char magic[2];
    size_t n = fread(magic, 1, 2, stream);
    if (ferror(stream)) { /* a folder, for one */
        status = unreadable(r, errno);
        goto cleanup;
    }
    rewind(stream);
    if (gzip && n == 2 && magic[0] == 0x1f && magic[1] == 0x8b) {
        if (inflateInit2(&r->z, 15 + 16) != Z_OK) {
            status = rb_fail(RB_MEMORY, "zlib cannot start on %s", path);
            goto cleanup;
        }
        r->gzip = true;
    }
    *out = r;
    r = NULL;
cleanup:
    rb__reader_close(r);
    return status;
}

static rb_status refill(rb__reader *r) {
    size_t n = fread(r->chunk, 1, CHUNK, r->stream);
    if (ferror(r->stream)) return unreadable(r, errno);
    r->z.next_in = r->chunk;
    r->z.avail_in = (uInt)n;
    r->packed_at += n;
    return RB_OK;
}

/* After a member's end: another member may follow (gzip allows it), nothing else may. */
static rb_status next_member(rb__reader *r) {
    rb_status status = RB_OK;
    if (!r->z.avail_in) RB_TRY(refill(r));
    if (!r->z.avail_in) {
        r->ended = true;
        return RB_OK;
    }
    if (r->z.next_in[0] != 0x1f) return bad_gzip(r, "expected the end of the file, found further bytes");
    if (inflateReset(&r->z) != Z_OK) return rb_fail(RB_INTERNAL, "zlib cannot restart on %s", r->path);
cleanup:
    return status;
}

static rb_status read_gzip(rb__reader *r, unsigned char *to, size_t want, size_t *got) {
    rb_status status = RB_OK;
    /* one byte more than asked is never taken, so the trailer is only checked once the caller asks for the end */
    while (*got < want && !r->ended) {
        if (!r->z.avail_in) {
            RB_TRY(refill(r));
            if (!r->z.avail_in) {
                status = bad_gzip(r, "expected more of the gzip stream, found the end of the file");
                goto cleanup;
            }
        }
        size_t room = want - *got < CHUNK ? want - *got : CHUNK;
        r->z.next_out = to + *got;
        r->z.avail_out = (uInt)room;
        int code = inflate(&r->z, Z_NO_FLUSH);
        *got += room - r->z.avail_out;
        if (code == Z_STREAM_END)
            RB_TRY(next_member(r));
        else if (code != Z_OK && code != Z_BUF_ERROR) {
            char what[160];
            snprintf(what, sizeof what, "expected a valid gzip stream, found damage (zlib: %s)",
                     r->z.msg ? r->z.msg : "data error");
            status = bad_gzip(r, what);
            goto cleanup;
        }
    }
cleanup:
    return status;
}

rb_status rb__reader_read(rb__reader *r, void *to, size_t want, size_t *got) {
    rb_status status = RB_OK;
    *got = 0;
    if (r->gzip)
        RB_TRY(read_gzip(r, to, want, got));
    else {
        *got = fread(to, 1, want, r->stream);
        if (ferror(r->stream)) status = unreadable(r, errno);
    }
    r->at += *got;
cleanup:
    return status;
}

rb_status rb__reader_end(rb__reader *r) {
    rb_status status = RB_OK;
    unsigned char extra;
    size_t got;
    uint64_t at = r->at;
    RB_TRY(rb__reader_read(r, &extra, 1, &got));
    if (got) status = rb__bad(r, at, "expected the end of the file, found further bytes");
cleanup:
    return status;
}

uint64_t rb__reader_at(const rb__reader *r) { return r->at; }

uint64_t rb__reader_limit(const rb__reader *r) { return r->gzip ? r->file_bytes * MOST_DEFLATE : r->file_bytes; }

bool rb__reader_exact(const rb__reader *r) { return !r->gzip; }

void rb__reader_close(rb__reader *r) {
    if (!r) return;
    if (r->gzip) inflateEnd(&r->z);
    if (r->stream) fclose(r->stream);
    free(r->chunk);
    free(r);
}
