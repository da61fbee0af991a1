/* picture.c: a picture from a file: told by its first bytes, not by its name, and decoded. */
#include "data/picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/file.h"

#ifndef REGBENCH_HAVE_JPEG
int rb__jpeg_version(void) { return 0; }

rb_status rb__jpeg_decode(const void *bytes, size_t count, const char *path, rb__picture *out) {
    (void)bytes, (void)count, (void)out;
    return rb_fail(RB_INPUT, "%s: JPEG is not supported by this build: it was made without libjpeg", path);
}
#endif

rb_status rb__picture_new(uint64_t width, uint64_t height, const char *path, rb__picture *out) {
    if (width < 1 || height < 1 || width > RB_PICTURE_SIDE || height > RB_PICTURE_SIDE ||
        width * height > RB_PICTURE_PIXELS)
        return rb_fail(RB_INPUT, "%s: %llu x %llu pixels; sides of 1 to %d and at most %d pixels in all are read", path,
                       (unsigned long long)width, (unsigned long long)height, (int)RB_PICTURE_SIDE,
                       (int)RB_PICTURE_PIXELS);
    *out = (rb__picture){.width = (int)width, .height = (int)height, .rgb = malloc((size_t)(width * height * 3))};
    if (!out->rgb) return rb_fail(RB_MEMORY, "out of memory for the pixels of %s", path);
    return RB_OK;
}

void rb__picture_free(rb__picture *p) {
    free(p->rgb);
    *p = (rb__picture){0};
}

rb_status rb__picture_decode(const void *bytes, size_t count, const char *path, rb__picture *out) {
    static const unsigned char png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'}, jpeg[] = {0xff, 0xd8, 0xff};
    rb_status status = RB_OK;
    *out = (rb__picture){0};
    if (count >= sizeof png && memcmp(bytes, png, sizeof png) == 0)
        status = rb__png_decode(bytes, count, path, out);
    else if (count >= sizeof jpeg && memcmp(bytes, jpeg, sizeof jpeg) == 0)
        status = rb__jpeg_decode(bytes, count, path, out);
    else
        status = rb_fail(RB_INPUT, "%s: %s", path, count ? "neither PNG nor JPEG" : "empty");
    if (status != RB_OK) rb__picture_free(out);
    return status;
}

rb_status rb__picture_read(const char *path, rb__picture *out) {
    enum { MOST_BYTES = 1 << 29 }; /* no picture of RB_PICTURE_PIXELS is larger, but a sparse file may be */
    rb_status status = RB_OK;
    struct stat s;
    void *bytes = NULL;
    size_t count;
    *out = (rb__picture){0};
    if (stat(path, &s)) return rb_fail_native(RB_INPUT, errno, "cannot open %s: %s", path, strerror(errno));
    if (!S_ISREG(s.st_mode))
        return rb_fail(RB_INPUT, "%s is not a regular file", path); /* a pipe would wait for ever */
    if (s.st_size > MOST_BYTES)
        return rb_fail(RB_INPUT, "%s: %lld bytes; at most %d are read", path, (long long)s.st_size, (int)MOST_BYTES);
    RB_TRY(rb_file_read(path, &bytes, &count));
    RB_TRY(rb__picture_decode(bytes, count, path, out));
cleanup:
    free(bytes);
    return status;
}
