/* fit.c: makes a trainer's store; where the device has too little memory, says for which batch it would do.
 *
 * What the device says of itself is asked first, before anything is allocated: some drivers grant what they do not have
 * and fail at the first step. */
#include "train/fit.h"

#include <stdio.h>

typedef struct limits {
    size_t memory, segment; /* 0 = unknown */
    bool try;               /* they did not foretell the failure: only an allocation tells */
} limits;

static size_t total(const rb_program *p) {
    size_t sum = 0;
    for (int s = 0; s < RB_SEGMENTS; s++) sum += p->bytes[s];
    return sum;
}

static rb_segment largest(const rb_program *p) {
    rb_segment most = RB_SEG_PARAM;
    for (int s = 0; s < RB_SEGMENTS; s++)
        if (p->bytes[s] > p->bytes[most]) most = (rb_segment)s;
    return most;
}

static bool within(const rb_program *p, const limits *l) {
    return !(l->memory && total(p) > l->memory) && !(l->segment && p->bytes[largest(p)] > l->segment);
}

static bool fits(const rb_backend *backend, rb_device *device, const rb_program *p, const limits *l) {
    rb_store *store = NULL;
    if (!within(p, l)) return false;
    if (!l->try) return true;
    bool made = backend->store_new(device, p->bytes, &store) == RB_OK;
    backend->store_free(store);
    rb_error_clear();
    return made;
}

/* The case with this batch, in evaluation too; NULL where it does not compile so: batch norm refuses a last batch of
 * one row. */
static rb_program *with_batch(const rb_case *c, const rb_dataset *data, const rb_layout *layout, int batch) {
    rb_case other = *c;
    rb_spec spec;
    rb_program *p = NULL;
    other.batch = batch;
    if (rb_case_spec(&other, data, &spec) == RB_OK) {
        spec.eval_batch = 0;
        (void)rb_program_compile(&spec, layout, &p);
    }
    rb_error_clear();
    return p;
}

/* By bisection; 0 = none below `batch`. */
static int largest_batch(const rb_backend *backend, rb_device *device, const rb_case *c, const rb_dataset *data,
                         const rb_layout *layout, int batch, const limits *l) {
    int low = 0, high = batch, best = 0;
    while (high - low > 1) {
        int middle = low + (high - low) / 2, now = middle;
        rb_program *p = NULL;
        while (now > low && !(p = with_batch(c, data, layout, now))) now--;
        if (!p)
            low = middle; /* nothing compiles down to low: what there is lies above */
        else if (fits(backend, device, p, l))
            low = middle, best = now;
        else
            high = now;
        rb_program_free(p);
    }
    return best;
}

/* "1.52 GiB" */
static const char *human(size_t bytes, char text[32]) {
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    int unit = 0;
    for (; value >= 1024 && unit < 4; unit++) value /= 1024;
    snprintf(text, 32, "%.*f %s", unit ? 2 : 0, value, units[unit]);
    return text;
}

/* "batch 256 needs 1.52 GiB (1628945632 bytes, of which act 1219532288)" */
static void describe_need(const rb_program *p, char text[160]) {
    char sum[32];
    snprintf(text, 160, "batch %d needs %s (%zu bytes, of which %s %zu)", p->spec.batch, human(total(p), sum), total(p),
             rb_segment_name(largest(p)), p->bytes[largest(p)]);
}

static rb_status refuse(const rb_backend *backend, rb_device *device, const rb_case *c, const rb_dataset *data,
                        const rb_program *p, const limits *l, const char *key, const char *why) {
    char need[160], least[160] = "", advice[224];
    int batch = largest_batch(backend, device, c, data, &p->layout, p->spec.batch, l);
    describe_need(p, need);
    if (batch)
        snprintf(advice, sizeof advice, "a batch of %d would fit (-B %d)", batch, batch);
    else {
        rb_program *one = with_batch(c, data, &p->layout, 1);
        if (one) describe_need(one, least);
        rb_program_free(one);
        snprintf(advice, sizeof advice, "no batch fits%s%s", least[0] ? ": " : "", least);
    }
    return rb_fail(RB_MEMORY, "case %s with %s on %s%s; %s", c->name, need, key, why, advice);
}

/* The store, or RB_MEMORY with what the device says against it in `why`. */
static rb_status attempt(const rb_backend *backend, rb_device *device, const rb_program *p, limits *l,
                         const rb_device_info *info, char why[512], rb_store **out) {
    char memory[32], segment[32];
    if (!within(p, l)) {
        snprintf(why, 512, ", which has %s%s%s", info->memory ? human(info->memory, memory) : "unknown memory",
                 info->max_alloc ? ", in one segment at most " : "",
                 info->max_alloc ? human(info->max_alloc, segment) : "");
        return RB_MEMORY;
    }
    rb_status status = backend->store_new(device, p->bytes, out);
    if (status != RB_MEMORY) return status;
    snprintf(why, 512, ", which failed (%.480s)", rb_error_last()->text);
    rb_error_clear();
    l->try = true;
    return status;
}

rb_status rb__store_fit(const rb_backend *backend, rb_device *device, const rb_case *c, const rb_dataset *data,
                        rb_program **program, rb_store **out) {
    rb_device_info info;
    char why[512] = "";
    *out = NULL;
    backend->info(device, &info);
    limits l = {.memory = info.memory, .segment = info.max_alloc};
    rb_status status = attempt(backend, device, *program, &l, &info, why, out);
    if (status == RB_MEMORY && (*program)->spec.eval_batch > (*program)->spec.batch) {
        rb_program *lean = with_batch(c, data, &(*program)->layout, (*program)->spec.batch);
        if (!lean) return rb_fail(RB_MEMORY, "out of memory while compiling");
        rb_program_free(*program);
        *program = lean;
        l.try = false;
        status = attempt(backend, device, lean, &l, &info, why, out);
    }
    return status == RB_MEMORY ? refuse(backend, device, c, data, *program, &l, info.key, why) : status;
}
