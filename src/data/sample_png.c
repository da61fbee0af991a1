/* sample_png.c: the bytes of sample.png in the library, by the assembler: a C array of a megabyte compiles slowly.
 * RB_SAMPLE_PNG is its path; CMake gives it and rebuilds this file when the picture changes. */
#include "data/data.h"

/* Hidden: a program that named them would get copies of its own, and the distance between copies means nothing. */
extern const unsigned char rb__sample_png_begin[] __attribute__((visibility("hidden")));
extern const unsigned char rb__sample_png_end[] __attribute__((visibility("hidden")));

__asm__(".pushsection .rodata\n"
        ".global rb__sample_png_begin, rb__sample_png_end\n"
        ".balign 16\n"
        "rb__sample_png_begin:\n"
        ".incbin \"" RB_SAMPLE_PNG "\"\n"
        "rb__sample_png_end:\n"
        ".byte 0\n"
        ".popsection\n");

const unsigned char *rb__sample_png(size_t *bytes) {
    *bytes = (size_t)(rb__sample_png_end - rb__sample_png_begin);
    return rb__sample_png_begin;
}
