/* bf16.c: precision bf16: what is rounded to bfloat16, and where; operands rounded.
 *
 * Parameters, activations, gradients, loss and updates are fp32, as in any precision. The operands of matrix products
 * and convolutions by NVIDIA's libraries (x, w, dy) are rounded to bf16, to the nearest, ties to even, and their
 * products are added up in fp32. cuBLASLt gives these sums back in fp32. cuDNN rounds what a convolution gives back (y,
 * dx, dw) to bf16 once more, as in PyTorch's autocast; it is widened before bias and activation, or before it is added
 * to a gradient that is there. Gradients of biases are sums of dy in fp32.
 *
 * What stays with own kernels is fp32 and says provider own: a first convolution of fewer than 4 channels, and what a
 * library has no algorithm for. A step none of whose products is a library's is no row of bf16 (src/cli/place.c). */
#include <string.h>

#include "cuda/providers.h"

enum { OLDEST = 80 }; /* compute capability */

/* TF32 and bf16 want the same hardware: without it, cuBLAS would compute TF32's products in fp32 and not say so. */
rb_status rb__cuda_precision_check(const rb__cuda_device *device, const char *precision) {
    if (device->precision == RB__CUDA_FP32 || device->capability >= OLDEST) return RB_OK;
    return rb_fail(RB_UNSUPPORTED, "%s: compute capability %d.%d has no %s: 8.0 or newer is wanted", device->base.key,
                   device->capability / 10, device->capability % 10, precision);
}

bool rb__cuda_narrow(const rb__kn_plan *plan) { return rb__cuda_of(plan->device)->precision == RB__CUDA_BF16; }

/* Ops `from` to `to` - 1 leave the tensor's bytes alone. */
static bool is_kept(const rb_variant *v, int tensor, int from, int to) {
    const rb_tensor *t = &v->tensors[tensor];
    for (int i = from; i < to; i++)
        for (int k = 0; k < RB_OP_MAX_OUT; k++) {
            const rb_tensor *u = v->ops[i].out[k] < 0 ? NULL : &v->tensors[v->ops[i].out[k]];
            if (u && u->segment == t->segment && u->offset < t->offset + t->bytes && t->offset < u->offset + u->bytes)
                return false;
        }
    return true;
}

int rb__cuda_rounded(rb__kn_plan *plan, const rb__kn_item *it, int tensor) {
    const int64_t count = (int64_t)(plan->variant->tensors[tensor].bytes / sizeof(float));
    for (int i = 0; i < plan->n_parts; i++) { /* by an earlier op: x for dw, dy for dx and dw */
        const rb__kn_part *before = &plan->parts[i];
        if (strcmp(before->body, "round") == 0 && before->args[0].tensor == tensor &&
            is_kept(plan->variant, tensor, before->op, it->number))
            return before->args[1].work;
    }
    const int work = rb__kn_work_new(plan, sizeof(uint16_t) * (size_t)count);
    rb__kn_part *part = rb__kn_part_new(plan, it->number, "library.cl", "round");
    rb__kn_define(part, "NARROW", 1);
    rb__kn_in(plan, part, tensor);
    rb__kn_work_out(part, work, "__global ushort *");
    rb__kn_int(part, (int)count);
    rb__kn_flat(plan, part, count);
    return work;
}
