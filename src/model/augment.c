/* augment.c: what may be done to training images: whether anything is, and whether it can be. */
#include "regbench/portable.h"
#include "regbench/program.h"

bool rb_augment_any(const rb_augment *a) { return a->hflip > 0 || a->vflip > 0 || a->crop_pad > 0 || a->rotate > 0; }

int rb_augment_turn(const rb_augment *a) { return (int)((double)a->rotate / 360 * RB_TURN + 0.5); }

bool rb_op_augments(const rb_op *op) {
    return op->kind == RB_OP_GATHER && (op->u.normalize.hflip > 0 || op->u.normalize.vflip > 0 ||
                                        op->u.normalize.crop_pad > 0 || op->u.normalize.rotate > 0);
}

static rb_status check_flip(const char *name, float p) {
    if (p >= 0 && p <= 1) return RB_OK;
    return rb_fail(RB_USAGE, "augmentation: %s is a probability, from 0 to 1, not %g", name, (double)p);
}

rb_status rb_augment_check(const rb_augment *a, rb_dtype x_dtype, int C, int H, int W) {
    const int side = H < W ? H : W, longest = H < W ? W : H;
    rb_status status = RB_OK;
    RB_TRY(check_flip("hflip", a->hflip));
    RB_TRY(check_flip("vflip", a->vflip));
    if (!(a->rotate >= 0 && a->rotate <= 180))
        return rb_fail(RB_USAGE, "augmentation: rotate is an angle from 0 to 180 degrees, not %g", (double)a->rotate);
    if (a->crop_pad < 0)
        return rb_fail(RB_USAGE, "augmentation: crop-pad is a number of pixels from 0 on, not %d", a->crop_pad);
    if (!rb_augment_any(a)) return RB_OK;
    if (x_dtype != RB_U8 || longest == 1)
        return rb_fail(RB_USAGE, "augmentation is for images of bytes: these samples are %d x %d x %d %s", C, H, W,
                       x_dtype == RB_U8 ? "bytes" : "real numbers");
    if (longest > RB_VIEW_MAX)
        return rb_fail(RB_USAGE, "augmentation takes images of up to %d pixels a side, not %d x %d", RB_VIEW_MAX, H, W);
    if (a->crop_pad >= side)
        return rb_fail(RB_USAGE,
                       "augmentation: crop-pad %d can leave nothing of images of %d x %d: it must be under %d",
                       a->crop_pad, H, W, side);
cleanup:
    return status;
}
