/* gather.cl: the batch from the data set: x[n] = row order[n] of the data, bytes normalized; a row number of -1 gives
 * zeros. AUGMENT: the images (H,W,C) as they are seen in this epoch, see rb_view_source in portable.h. One group per
 * row. Shapes: data (rows,D) u8 or f32, x (N,D). */
#ifdef BODY_gather
#if BYTES
typedef uchar LOCAL_NAME(value);
#define VALUE(v) NORMALIZE(float, (float)(v))
#else
typedef float LOCAL_NAME(value);
#define VALUE(v) (v)
#endif
static void NAME(__global const int *head, __global const LOCAL_NAME(value) *data, __global const int *order,
                 __global float *x, __local float *shared, int group) {
    const int row = order[POSITION(head, group)];
    __global float *to = x + (size_t)group * D;
    if (row < 0) {
        for (int i = ITEM; i < D; i += LOCAL) to[i] = 0.0f;
        return;
    }
    __global const LOCAL_NAME(value) *from = data + (size_t)row * D;
#if AUGMENT
    const uint epoch = ((uint)head[CURSOR + 3] + (uint)head[CURSOR]) / (uint)head[CURSOR + 2];
    const rb_view view =
        rb_view_drawn((uint)row, epoch, (uint)head[SEED], (uint)head[SEED + 1], HFLIP, VFLIP, CROP_PAD, ROTATE);
#if LANES > 1 /* in three loops, which compilers make vectors of */
    for (int y = 0; y < H; y++, to += W * C) {
        int sources[W];
        LOCAL_NAME(value) line[W * C];
        for (int x = 0; x < W; x++) sources[x] = rb_view_source(view, y, x, H, W);
        for (int x = 0; x < W; x++)
            for (int c = 0; c < C; c++) line[x * C + c] = sources[x] < 0 ? 0 : from[sources[x] * C + c];
        for (int i = 0; i < W * C; i++) to[i] = VALUE(line[i]);
    }
#else
    for (int i = ITEM; i < H * W; i += LOCAL) {
        const int source = rb_view_source(view, i / W, i % W, H, W);
        for (int c = 0; c < C; c++) to[i * C + c] = VALUE(source < 0 ? 0 : from[source * C + c]);
    }
#endif
#else
    for (int i = ITEM; i < D; i += LOCAL) to[i] = VALUE(from[i]);
#endif
}
#undef VALUE
#endif
