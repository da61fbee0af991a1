/* backends.c: the list of backends, selectors, and transfers of tensors in canonical order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/modules.h"
#include "core/text.h"
#include "regbench/backend.h"

#define RB_BACKEND(name, only_named) extern const rb_backend rb_backend_##name;
#define RB_MODULE(name, to_run, to_build)
#include "regbench/backends.def"
#undef RB_BACKEND
#undef RB_MODULE

enum {
#define RB_BACKEND(name, only_named)      BACKEND_##name,
#define RB_MODULE(name, to_run, to_build) BACKEND_##name,
#include "regbench/backends.def"
#undef RB_BACKEND
#undef RB_MODULE
    BACKENDS
};

const rb_backend *const *rb_backends(void) {
    static const rb_backend *const list[] = {
#define RB_BACKEND(name, only_named)      &rb_backend_##name,
#define RB_MODULE(name, to_run, to_build) &rb__module_##name,
#include "regbench/backends.def"
#undef RB_BACKEND
#undef RB_MODULE
        NULL};
    return list;
}

bool rb_backend_only_named(const rb_backend *backend) {
    static const bool named[] = {
#define RB_BACKEND(name, only_named)      only_named,
#define RB_MODULE(name, to_run, to_build) false,
#include "regbench/backends.def"
#undef RB_BACKEND
#undef RB_MODULE
    };
    for (int i = 0; i < BACKENDS; i++)
        if (rb_backends()[i] == backend) return named[i];
    return true;
}

/* --- selectors ------------------------------------------------------------------------------------------------------
 */

static bool is_number(const char *word) {
    const char *at = word;
    while (*at >= '0' && *at <= '9') at++;
    return at != word && *at == '\0';
}

/* -1 where no device is meant by `word`: a number, a type, or a part of what its driver calls it. */
static int find_device(const rb_device_info *list, int n, const char *word) {
    if (is_number(word)) {
        long index = strtol(word, NULL, 10);
        return index < n ? (int)index : -1;
    }
    for (int i = 0; i < n; i++)
        if (strcasecmp(list[i].type, word) == 0) return i;
    for (int i = 0; i < n; i++)
        if (strcasestr(list[i].name, word) || strcasestr(list[i].vendor, word) || strcasestr(list[i].platform, word))
            return i;
    return -1;
}

static rb_status no_such_device(const char *selector, const rb_backend *backend, const rb_device_info *list, int n,
                                const char *why) {
    rb_text all = {0};
    for (int i = 0; i < n; i++)
        rb_text_printf(&all, "%s%s (%s%s%s)", i ? ", " : ": ", list[i].key, list[i].type, list[i].type[0] ? ", " : "",
                       list[i].name);
    rb_status status = rb_fail(RB_NO_DEVICE, "no device \"%s\": backend %s has %d device%s%s%s%s", selector,
                               backend->name, n, n == 1 ? "" : "s", rb_text_string(&all), why[0] ? ": " : "", why);
    rb_text_free(&all);
    return status;
}

rb_status rb_device_select(const char *selector, rb_device_id *out) {
    const char *names[BACKENDS], *colon = strchr(selector, ':');
    size_t length = colon ? (size_t)(colon - selector) : strlen(selector);
    char word[32];
    snprintf(word, sizeof word, "%.*s", (int)length, selector);
    out->backend = NULL;
    for (int i = 0; i < BACKENDS; i++) {
        names[i] = rb_backends()[i]->name;
        if (strcmp(names[i], word) == 0) out->backend = rb_backends()[i];
    }
    if (!out->backend) {
        const char *nearest = rb_text_nearest(word, names, BACKENDS);
        return rb_fail(RB_USAGE,
                       "unknown backend \"%s\" in device \"%s\"%s%s%s (`regbench devices` lists what is here)", word,
                       selector, nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
    }
    if (colon && !colon[1])
        return rb_fail(RB_USAGE,
                       "malformed device \"%s\": expected BACKEND or BACKEND:WHICH, for example cpu:0, opencl:gpu",
                       selector);
    rb_device_info *list = calloc(RB_MAX_DEVICES, sizeof *list);
    int n = 0;
    char why[256] = "";
    if (!list) return rb_fail(RB_MEMORY, "out of memory while listing devices");
    rb_status status = out->backend->probe(NULL, list, &n, why);
    if (status == RB_OK) {
        out->index = find_device(list, n, colon ? colon + 1 : "0");
        if (out->index < 0) status = no_such_device(selector, out->backend, list, n, why);
    }
    free(list);
    return status;
}

static rb_status select_word(const char *kind, const char *backend, const char *name, const char *const *names, int n,
                             int *out) {
    for (*out = 0; *out < n; ++*out)
        if (!name || strcmp(name, names[*out]) == 0) return RB_OK;
    const char *nearest = rb_text_nearest(name, names, n);
    rb_text known = {0};
    for (int i = 0; i < n; i++) rb_text_printf(&known, "%s%s", i ? ", " : "", names[i]);
    rb_status status = rb_fail(RB_USAGE, "unknown %s \"%s\" of %s%s%s%s; known: %s", kind, name, backend,
                               nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "",
                               rb_text_string(&known));
    rb_text_free(&known);
    return status;
}

rb_status rb_provider_select(const char *backend, const char *name, const char *const *names, int n, int *out) {
    return select_word("provider", backend, name, names, n, out);
}

rb_status rb_submit_select(const char *backend, const char *name, const char *const *names, int n, int *out) {
    return select_word("way to submit", backend, name, names, n, out);
}

const char *rb_backend_submission(const rb_backend *backend, const rb_device *device) {
    return backend->submission ? backend->submission(device) : "direct";
}

rb_status rb_precision_select(const char *backend, const rb_open_options *options, const char *const *names, int n,
                              int *out) {
    const char *name = options && options->precision ? options->precision : "fp32";
    rb_text known = {0};
    for (*out = 0; *out < n; ++*out)
        if (strcmp(name, names[*out]) == 0) return RB_OK;
    for (int i = 0; i < n; i++) rb_text_printf(&known, "%s%s", i ? ", " : "", names[i]);
    rb_status status =
        rb_fail(RB_UNSUPPORTED, "%s has no precision %s; it has: %s", backend, name, rb_text_string(&known));
    rb_text_free(&known);
    return status;
}

rb_status rb_precision_fp32(const char *backend, const rb_open_options *options) {
    static const char *const names[] = {"fp32"};
    int only;
    return rb_precision_select(backend, options, names, 1, &only);
}

rb_status rb_transfer_check(const size_t segment_bytes[RB_SEGMENTS], rb_segment segment, size_t offset, size_t bytes) {
    if (offset > segment_bytes[segment] || bytes > segment_bytes[segment] - offset)
        return rb_fail(RB_INTERNAL, "transfer of %zu bytes at %zu passes the end of segment %s (%zu bytes)", bytes,
                       offset, rb_segment_name(segment), segment_bytes[segment]);
    return RB_OK;
}

rb_status rb_backend_supports(const rb_backend *backend, rb_device *device, const rb_program *p) {
    for (int k = 0; k < RB_VARIANTS; k++)
        for (int i = 0; i < p->variant[k].n_ops; i++) {
            const rb_op *op = &p->variant[k].ops[i];
            const char *reason = backend->supports(device, p, &p->variant[k], op);
            if (reason && op->layer < 0)
                return rb_fail(RB_UNSUPPORTED, "%s cannot run op %s (variant %s): %s", backend->name,
                               rb_op_name(op->kind), p->variant[k].name, reason);
            if (reason)
                return rb_fail(RB_UNSUPPORTED, "%s cannot run op %s of layer %d (variant %s): %s", backend->name,
                               rb_op_name(op->kind), op->layer, p->variant[k].name, reason);
        }
    return RB_OK;
}

rb_status rb_tensor_put(const rb_backend *backend, rb_store *store, const rb_program *p, const rb_tensor *t,
                        const void *canonical) {
    if (rb_tensor_contiguous(t) && (t->dtype != RB_REAL || p->layout.real_bytes == 4))
        return backend->put(store, t->segment, t->offset, (size_t)rb_tensor_count(t) * rb_dtype_bytes(t->dtype, 4),
                            canonical);
    void *image = malloc(t->bytes);
    if (!image) return rb_fail(RB_MEMORY, "out of memory while packing %s (%zu bytes)", t->name, t->bytes);
    rb_tensor_pack(t, p->layout.real_bytes, canonical, image);
    rb_status status = backend->put(store, t->segment, t->offset, t->bytes, image);
    free(image);
    return status;
}

rb_status rb_tensor_get(const rb_backend *backend, rb_store *store, const rb_program *p, const rb_tensor *t,
                        void *canonical) {
    if (rb_tensor_contiguous(t) && (t->dtype != RB_REAL || p->layout.real_bytes == 4))
        return backend->get(store, t->segment, t->offset, (size_t)rb_tensor_count(t) * rb_dtype_bytes(t->dtype, 4),
                            canonical);
    void *image = malloc(t->bytes);
    if (!image) return rb_fail(RB_MEMORY, "out of memory while unpacking %s (%zu bytes)", t->name, t->bytes);
    rb_status status = backend->get(store, t->segment, t->offset, t->bytes, image);
    if (status == RB_OK) rb_tensor_unpack(t, p->layout.real_bytes, image, canonical);
    free(image);
    return status;
}
