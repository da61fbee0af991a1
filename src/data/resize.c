/* resize.c: a picture stretched to another size by a triangle filter, see picture.h.
 *
 * Output pixel i covers input center (i + 0.5) * scale; input pixel x weighs max(0, 1 - |x + 0.5 - center| / s) with
 * s = max(scale, 1), weights normalized to 1, then rounded to multiples of 2^-22. Rows first, into bytes; then columns.
 * Reads every pixel once: (height, width, 3) bytes, and (height, new width, 3) between the passes. */
#include <math.h>
#include <stdlib.h>

#include "data/picture.h"

enum { BITS = 22 }; /* 8 for the value and 2 to spare make 32 */

/* The weights of one axis: output i is a sum over `room` inputs from first[i] on, of which count[i] weigh. */
typedef struct axis {
    int room;
    int *first, *count; /* (outputs) */
    int32_t *weight;    /* (outputs, room) */
    double *exact;      /* (room): of one output, before rounding */
} axis;

static void axis_free(axis *a) {
    free(a->first);
    free(a->count);
    free(a->weight);
    free(a->exact);
}

static rb_status axis_new(int inputs, int outputs, axis *a) {
    double scale = (double)inputs / outputs, support = scale < 1 ? 1 : scale;
    size_t n = (size_t)outputs;
    *a = (axis){.room = (int)ceil(support) * 2 + 1};
    a->first = malloc(n * sizeof *a->first);
    a->count = malloc(n * sizeof *a->count);
    a->weight = calloc(n * (size_t)a->room, sizeof *a->weight);
    a->exact = malloc((size_t)a->room * sizeof *a->exact);
    if (!a->first || !a->count || !a->weight || !a->exact)
        return rb_fail(RB_MEMORY, "out of memory for the weights of %d pixels", inputs);
    for (int i = 0; i < outputs; i++) {
        double center = (i + 0.5) * scale, sum = 0;
        int first = (int)(center - support + 0.5), end = (int)(center + support + 0.5);
        if (first < 0) first = 0;
        if (end > inputs) end = inputs;
        for (int x = first; x < end; x++) {
            double far = fabs((x - center + 0.5) * (1.0 / support));
            sum += a->exact[x - first] = far < 1 ? 1 - far : 0;
        }
        for (int x = 0; x < end - first; x++)
            a->weight[(size_t)i * (size_t)a->room + (size_t)x] = (int32_t)(0.5 + a->exact[x] / sum * (1 << BITS));
        a->first[i] = first;
        a->count[i] = end - first;
    }
    return RB_OK;
}

/* The sum for output i over bytes `stride` apart, rounded to a byte. */
static uint8_t weigh(const axis *a, int i, const uint8_t *bytes, size_t stride) {
    const int32_t *w = a->weight + (size_t)i * (size_t)a->room;
    int32_t sum = 1 << (BITS - 1);
    bytes += (size_t)a->first[i] * stride;
    for (int k = 0; k < a->count[i]; k++) sum += w[k] * bytes[(size_t)k * stride];
    sum >>= BITS;
    return (uint8_t)(sum > 255 ? 255 : sum); /* weights are positive: never below 0 */
}

rb_status rb__picture_resize(const rb__picture *in, int width, int height, uint8_t *planes) {
    rb_status status = RB_OK;
    axis across = {0}, down = {0};
    size_t in_row = (size_t)in->width * 3, row = (size_t)width * 3, plane = (size_t)width * (size_t)height;
    uint8_t *narrow = malloc((size_t)in->height * row); /* (in->height, width, 3) */
    if (!narrow) {
        status = rb_fail(RB_MEMORY, "out of memory for %d rows of pixels", in->height);
        goto cleanup;
    }
    RB_TRY(axis_new(in->width, width, &across));
    RB_TRY(axis_new(in->height, height, &down));
    for (int y = 0; y < in->height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++)
                narrow[(size_t)y * row + (size_t)x * 3 + (size_t)c] =
                    weigh(&across, x, in->rgb + (size_t)y * in_row + c, 3);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++)
                planes[(size_t)c * plane + (size_t)y * (size_t)width + (size_t)x] =
                    weigh(&down, y, narrow + (size_t)x * 3 + c, row);
cleanup:
    axis_free(&across);
    axis_free(&down);
    free(narrow);
    return status;
}
