/* seal.c: SHA256SUMS of a set, as `sha256sum` writes and `sha256sum -c` reads it: every file but prose and itself. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/sha256.h"
#include "published/internal.h"

/* Prose may be mended later, numbers may not. */
static bool counts(const rb_published_file *file) {
    size_t n = strlen(file->name);
    return strcmp(file->name, "SHA256SUMS") != 0 && !(n > 3 && !strcmp(file->name + n - 3, ".md"));
}

rb_status rb_published_seal(const rb_published_set *set) {
    rb_status status = RB_OK;
    rb_text sums = {0}, path = {0};
    char hex[65];
    for (int i = 0; i < set->n; i++) {
        if (!counts(&set->files[i])) continue;
        RB_TRY(rb_sha256_file(set->files[i].path, hex));
        rb_text_printf(&sums, "%s  %s\n", hex, set->files[i].name);
    }
    rb_text_printf(&path, "%s/SHA256SUMS", set->path);
    RB_TRY(rb_text_status(&sums));
    RB_TRY(rb_text_status(&path));
    if (sums.length == 0) {
        status = rb_fail(RB_MISSING, "%s holds no file to seal", set->path);
        goto cleanup;
    }
    RB_TRY(rb_file_replace(path.data, sums.data, sums.length));
cleanup:
    rb_text_free(&sums);
    rb_text_free(&path);
    return status;
}

/* "HEX  NAME", or NULL where the line is none. */
static const char *parse(const char *line, size_t length, char hex[65]) {
    if (length < 67 || line[64] != ' ' || (line[65] != ' ' && line[65] != '*')) return NULL;
    for (int i = 0; i < 64; i++)
        if (!isxdigit((unsigned char)line[i])) return NULL;
    snprintf(hex, 65, "%.64s", line);
    return line + 66;
}

static rb_status check_line(const rb_published_set *set, const char *line, size_t length, int number, bool *listed,
                            rb_findings *f) {
    char wanted[65], is[65], name[1024];
    const char *at = parse(line, length, wanted);
    if (!at) return rb_finding(f, set, "SHA256SUMS", number, RB_BAD, "checksum", "this line is no \"HASH  FILE\"");
    snprintf(name, sizeof name, "%.*s", (int)(line + length - at), at);
    for (int i = 0; i < set->n; i++) {
        if (strcmp(set->files[i].name, name) != 0) continue;
        listed[i] = true;
        rb_status status = rb_sha256_file(set->files[i].path, is);
        if (status != RB_OK || !strcmp(is, wanted)) return status;
        return rb_finding(f, set, name, 0, RB_BAD, "checksum",
                          "it is not what was sealed: SHA-256 is %.12s.., SHA256SUMS has %.12s..", is, wanted);
    }
    return rb_finding(f, set, name, 0, RB_BAD, "checksum", "SHA256SUMS lists it, but it is not there");
}

rb_status rb_check_sums(const rb_published_set *set, rb_findings *f) {
    rb_status status = RB_OK;
    rb_text path = {0};
    void *data = NULL;
    size_t bytes = 0;
    bool *listed = calloc((size_t)set->n + 1, sizeof *listed);
    rb_text_printf(&path, "%s/SHA256SUMS", set->path);
    if (!listed || path.failed) {
        status = rb_fail(RB_MEMORY, "out of memory for the checksums of %s", set->path);
        goto cleanup;
    }
    status = rb_file_read(path.data, &data, &bytes);
    if (status == RB_MISSING) {
        rb_error_clear();
        status = rb_finding(f, set, NULL, 0, RB_BAD, "checksum",
                            "not sealed: `regbench results --seal %s` writes SHA256SUMS", set->path);
        goto cleanup;
    }
    if (status != RB_OK) goto cleanup;
    const char *at = data, *end = at + bytes;
    for (int number = 1; at < end; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((newline ? newline : end) - at);
        RB_TRY(check_line(set, at, length, number, listed, f));
        at += length + 1;
    }
    for (int i = 0; i < set->n; i++)
        if (counts(&set->files[i]) && !listed[i])
            RB_TRY(rb_finding(f, set, set->files[i].name, 0, RB_BAD, "checksum", "SHA256SUMS does not list it"));
cleanup:
    free(listed);
    free(data);
    rb_text_free(&path);
    return status;
}
