/* font.h: a bitmap font for labels in pictures: printable ASCII, 5 columns of 7 dots, an eighth for descenders. */
#ifndef RB_REPORT_FONT_H
#define RB_REPORT_FONT_H

#include <stdint.h>

enum { RB_FONT_WIDTH = 5, RB_FONT_HEIGHT = 8, RB_FONT_ADVANCE = 6 };

/* The columns (RB_FONT_WIDTH) of a letter, left to right; bit 0 is the top dot. '?' for what is not printable ASCII. */
const uint8_t *rb_font_columns(char c);

#endif
