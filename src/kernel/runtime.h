/* runtime.h: what the planner wants from whoever compiles and runs its kernels: memory, programs, launches.
 *
 * Each of OpenCL and CUDA fills one table. A failure's text names the device and what was tried. */
#ifndef RB_KERNEL_RUNTIME_H
#define RB_KERNEL_RUNTIME_H

#include "regbench/backend.h"

/* The runtime's own; the planner keeps them and hands them back. */
typedef struct rb__kn_memory rb__kn_memory;   /* a buffer, or a piece of one */
typedef struct rb__kn_program rb__kn_program; /* compiled kernels */
typedef struct rb__kn_kernel rb__kn_kernel;   /* a kernel with its arguments */

typedef struct rb__kn_value {
    rb__kn_memory *memory; /* NULL: `number` */
    int32_t number;
} rb__kn_value;

struct rb__kn_plan;
struct rb__kn_part;
struct rb__kn_item;

typedef struct rb__kn_runtime {
    const char *title;        /* "OpenCL", for messages */
    const char *const *heads; /* what a source begins with: files of cl/ and cuda/; ends with NULL */
    const char *shared;       /* a storage class: memory of a group */

    rb_status (*allocate)(rb_device *device, size_t bytes, const char *what, rb__kn_memory **out);
    void (*release)(rb__kn_memory *memory);
    /* A piece of a segment; `name` for messages. */
    rb_status (*view)(rb_store *store, rb_segment segment, size_t offset, size_t bytes, const char *name,
                      rb__kn_memory **out);
    void (*view_release)(rb__kn_memory *view);

    /* A program that has the kernels `names`. RB_UNSUPPORTED where the compiler refuses the source. */
    rb_status (*build)(rb_device *device, const char *source, const char *const *names, int n_names,
                       rb__kn_program **out);
    void (*program_free)(rb__kn_program *program);
    /* RB_UNSUPPORTED where the device does not run it in groups of device->local. */
    rb_status (*kernel_new)(rb_device *device, rb__kn_program *program, const char *name, rb__kn_kernel **out);
    void (*kernel_free)(rb__kn_kernel *kernel);
    rb_status (*arguments)(rb_device *device, rb__kn_kernel *kernel, const rb__kn_value *values, int n);
    /* Enqueues groups of device->local items; `name` for messages. */
    rb_status (*launch)(rb_device *device, rb__kn_kernel *kernel, size_t groups, const char *name);
    /* The same by itself, waited for: its time on the device. */
    rb_status (*time)(rb_device *device, rb__kn_kernel *kernel, size_t groups, const char *name, int64_t *ns);
    /* Optional (NULL: the host's clock until it is done): the same of a part that is a library's call. */
    rb_status (*time_call)(struct rb__kn_plan *plan, const struct rb__kn_part *part, int64_t *ns);
    rb_status (*wait)(rb_device *device, const char *what);

    /* Optional (NULL): the device is asked for a library's product, and it can do this op; its parts. */
    bool (*takes)(const struct rb__kn_plan *plan, const struct rb__kn_item *item);
    void (*lower)(struct rb__kn_plan *plan, struct rb__kn_item *item);
} rb__kn_runtime;

#endif
