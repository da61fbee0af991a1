/* template.c: the report's page in the library, by the assembler: style, scripts and Chart.js stand in it already.
 * RB_PAGE_FILE is what embed.cmake made; CMake gives its path and rebuilds this file when that changes. */
#include "page/internal.h"

/* Hidden: a program that named them would get copies of its own, and the distance between copies means nothing. */
extern const char rb__page_begin[] __attribute__((visibility("hidden")));
extern const char rb__page_end[] __attribute__((visibility("hidden")));

__asm__(".pushsection .rodata\n"
        ".global rb__page_begin, rb__page_end\n"
        ".balign 16\n"
        "rb__page_begin:\n"
        ".incbin \"" RB_PAGE_FILE "\"\n"
        "rb__page_end:\n"
        ".byte 0\n"
        ".popsection\n");

const char *rb__page_template(size_t *bytes) {
    *bytes = (size_t)(rb__page_end - rb__page_begin);
    return rb__page_begin;
}
