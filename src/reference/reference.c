/* reference.c: the backend that runs the plain code of src/op, for checking: as float ("reference") and as double
 * ("reference64", for tests: gradients by differences, tolerances). One thread, canonical layout, nothing fused. */
#include "reference/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "op/op.h"

struct rb_device {
    int real_bytes;
};
struct rb_store {
    rb_device *device;
    size_t bytes[RB_SEGMENTS];
    unsigned char *base[RB_SEGMENTS];
};
struct rb_bound {
    rb_ref_context context;
    int real_bytes;
};

static void info(const rb_device *device, rb_device_info *out) {
    memset(out, 0, sizeof *out);
    snprintf(out->key, sizeof out->key, device->real_bytes == 8 ? "reference64" : "reference");
    snprintf(out->name, sizeof out->name, "plain C, %s", device->real_bytes == 8 ? "double" : "float");
    snprintf(out->driver, sizeof out->driver, "regbench");
    snprintf(out->isa, sizeof out->isa, "baseline");
    snprintf(out->type, sizeof out->type, "cpu");
    out->threads = 1;
}

static rb_status probe(const rb_open_options *options, rb_device_info *list, int *n, char why[256]) {
    rb_device device = {4};
    (void)options;
    why[0] = '\0';
    info(&device, &list[0]);
    *n = 1;
    return RB_OK;
}

static rb_status open_device(int real_bytes, const rb_open_options *options, rb_device **out) {
    static const char *const ways[] = {"direct"};
    int way;
    *out = NULL;
    rb_status status = rb_submit_select("reference", options ? options->submit : NULL, ways, 1, &way);
    if (status != RB_OK) return status;
    *out = malloc(sizeof **out);
    if (!*out) return rb_fail(RB_MEMORY, "out of memory while opening the reference device");
    (*out)->real_bytes = real_bytes;
    return RB_OK;
}
static rb_status open32(int index, const rb_open_options *options, rb_device **out) {
    (void)index;
    rb_status status = rb_precision_fp32("the reference", options);
    return status == RB_OK ? open_device(4, options, out) : status;
}
static rb_status open64(int index, const rb_open_options *options, rb_device **out) {
    (void)index;
    return open_device(8, options, out);
}
static void close_device(rb_device *device) { free(device); }

static void layout(const rb_device *device, rb_layout *out) {
    *out = rb_layout_canonical();
    out->real_bytes = device->real_bytes;
}

static const char *supports(rb_device *device, const rb_program *program, const rb_variant *variant, const rb_op *op) {
    (void)device, (void)program, (void)variant;
    if (!rb_op_definition(op->kind)->f32) return "there is no reference code for this op yet";
    return NULL;
}

static void store_free(rb_store *store) {
    if (!store) return;
    for (int s = 0; s < RB_SEGMENTS; s++) free(store->base[s]);
    free(store);
}

static rb_status store_new(rb_device *device, const size_t bytes[RB_SEGMENTS], rb_store **out) {
    rb_store *store = calloc(1, sizeof *store);
    *out = NULL;
    if (!store) return rb_fail(RB_MEMORY, "out of memory while making a store");
    store->device = device;
    for (int s = 0; s < RB_SEGMENTS; s++) {
        store->bytes[s] = bytes[s];
        store->base[s] = calloc(1, bytes[s] ? bytes[s] : 1);
        if (!store->base[s]) {
            store_free(store);
            return rb_fail(RB_MEMORY, "reference: no memory for segment %s of %zu bytes",
                           rb_segment_name((rb_segment)s), bytes[s]);
        }
    }
    *out = store;
    return RB_OK;
}

static rb_status put(rb_store *store, rb_segment segment, size_t offset, size_t bytes, const void *from) {
    rb_status status = rb_transfer_check(store->bytes, segment, offset, bytes);
    if (status == RB_OK && bytes) memcpy(store->base[segment] + offset, from, bytes);
    return status;
}

static rb_status get(rb_store *store, rb_segment segment, size_t offset, size_t bytes, void *to) {
    rb_status status = rb_transfer_check(store->bytes, segment, offset, bytes);
    if (status == RB_OK && bytes) memcpy(to, store->base[segment] + offset, bytes);
    return status;
}

static rb_status bind(rb_store *store, const rb_program *program, const rb_variant *variant, rb_bound **out) {
    *out = calloc(1, sizeof **out);
    if (!*out) return rb_fail(RB_MEMORY, "out of memory while binding");
    (*out)->context.program = program;
    (*out)->context.variant = variant;
    (*out)->real_bytes = store->device->real_bytes;
    memcpy((*out)->context.base, store->base, sizeof store->base);
    return RB_OK;
}

static void unbind(rb_bound *bound) { free(bound); }

static rb_status submit(rb_bound *bound, int n_steps) {
    const rb_variant *v = bound->context.variant;
    rb_ctrl_head *head = (rb_ctrl_head *)bound->context.base[RB_SEG_CTRL];
    for (int step = 0; step < n_steps; step++) {
        for (int i = 0; i < v->n_ops; i++) {
            const rb_op_def *def = rb_op_definition(v->ops[i].kind);
            (bound->real_bytes == 8 ? def->f64 : def->f32)(&bound->context, &v->ops[i]);
        }
        head->cursor[v->family].slot++;
    }
    return RB_OK;
}

static rb_status wait_device(rb_device *device) {
    (void)device;
    return RB_OK;
}

static const char *provider(const rb_bound *bound, int op) {
    (void)bound, (void)op;
    return "reference";
}

#define RB_REFERENCE_ENTRIES                                                                                           \
    .abi = RB_BACKEND_ABI, .probe = probe, .close = close_device, .info = info, .layout = layout,                      \
    .supports = supports, .store_new = store_new, .store_free = store_free, .put = put, .get = get, .bind = bind,      \
    .unbind = unbind, .submit = submit, .wait = wait_device, .provider = provider

const rb_backend rb_backend_reference = {.name = "reference", .open = open32, RB_REFERENCE_ENTRIES};
const rb_backend rb_backend_reference64 = {.name = "reference64", .open = open64, RB_REFERENCE_ENTRIES};
