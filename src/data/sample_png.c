/* sample_png.c: the bytes of sample.png in the program, by the assembler: a C array of a megabyte compiles slowly.
 * RB_SAMPLE_PNG is its path; CMake gives it and rebuilds this file when the picture changes. */

extern const unsigned char rb__sample_png[], rb__sample_png_end[];

__asm__(".pushsection .rodata\n"
        ".global rb__sample_png, rb__sample_png_end\n"
        ".balign 16\n"
        "rb__sample_png:\n"
        ".incbin \"" RB_SAMPLE_PNG "\"\n"
        "rb__sample_png_end:\n"
        ".byte 0\n"
        ".popsection\n");
