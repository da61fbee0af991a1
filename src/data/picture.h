/* picture.h: pictures in files: JPEG and PNG of any size and colour type become 8-bit RGB, and are resized. */
#ifndef RB_DATA_PICTURE_H
#define RB_DATA_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#include "regbench/status.h"

/* More than that (8192 x 8192), or longer sides, is refused before memory is taken for it. */
enum { RB_PICTURE_PIXELS = 1 << 26, RB_PICTURE_SIDE = 65535 };

typedef struct rb__picture {
    int width, height;
    uint8_t *rgb; /* (height, width, 3) */
} rb__picture;

/* Grey is spread over the three channels, palettes are looked up, alpha is dropped, 16 bits keep their high byte, CMYK
 * is taken as Adobe writes it (inverted); neither gamma nor profiles nor EXIF's orientation are applied: what Pillow's
 * convert("RGB") gives. RB_INPUT names `path` and what is wrong: damaged, truncated, too large, of another format, or
 * (JPEG) not supported by this build. */
rb_status rb__picture_read(const char *path, rb__picture *out);
rb_status rb__picture_decode(const void *bytes, size_t count, const char *path, rb__picture *out);
void rb__picture_free(rb__picture *p);

/* The decoders behind it. `out` is theirs to fill; the caller frees it, also after a failure. */
rb_status rb__png_decode(const void *bytes, size_t count, const char *path, rb__picture *out);
rb_status rb__jpeg_decode(const void *bytes, size_t count, const char *path, rb__picture *out);
/* Takes the memory; RB_INPUT where it is larger than a picture may be, or empty. */
rb_status rb__picture_new(uint64_t width, uint64_t height, const char *path, rb__picture *out);
/* The version of libjpeg's interface, 0 where this build has none: what was unpacked without it is unpacked anew. */
int rb__jpeg_version(void);

/* Stretches to width x height and writes planes (3, height, width): a triangle filter as wide as the reduction, so that
 * every pixel counts (antialiased bilinear). Bit for bit Image.resize(.., BILINEAR) of Pillow up to 12, and so what
 * torchvision's Resize makes of such images: along rows, then along columns, weights of 22 bits, each pass rounded to
 * 8 bits. (Pillow 13 begins with the columns of some images that are not square.) */
rb_status rb__picture_resize(const rb__picture *in, int width, int height, uint8_t *planes);

#endif
