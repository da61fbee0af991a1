/* program.c: the source of a plan's kernels, compiled once per device and found again by name.
 *
 * The source is the prelude, one function per part (its file of cl/ under its own definitions), and one kernel per
 * launch that calls them. Names end in a hash of all they were made from, so that the variants of a program (train,
 * tail, evaluation) share what is equal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sha256.h"
#include "kernel/kernel.h"
#include "kernel/sources.h"

enum { HASH = 10 }; /* characters of a hash in a name */

/* A file of cl/, read once per device. */
static rb_status source_text(rb_device *device, const char *name, const char **text) {
    rb__kn_text *free_entry = NULL;
    for (int i = 0; i < RB__KN_TEXTS && !free_entry; i++) {
        rb__kn_text *entry = &device->texts[i];
        if (!entry->text)
            free_entry = entry;
        else if (strcmp(entry->name, name) == 0)
            return *text = entry->text, RB_OK;
    }
    if (!free_entry) return rb_fail(RB_INTERNAL, "kernels: more than %d files", RB__KN_TEXTS);
    rb_status status = rb__kn_source_find(name, &free_entry->text);
    free_entry->name = name;
    *text = free_entry->text;
    return status;
}

/* "linear_3fa9c0d2e1": the function of a part. */
static rb_status name_part(rb_device *device, rb__kn_part *part) {
    rb_text key = {0};
    char hex[65];
    const char *text = NULL, *base = "";
    rb_status status = RB_OK;
    if (part->base) RB_TRY(source_text(device, part->base, &base));
    RB_TRY(source_text(device, part->file, &text));
    rb_text_append(&key, base);
    rb_text_append(&key, text);
    rb_text_append(&key, part->body);
    rb_text_append(&key, rb_text_string(&part->defines));
    for (int i = 0; i < part->n_args; i++) rb_text_append(&key, part->args[i].type);
    RB_TRY(rb_text_status(&key));
    RB_TRY(rb_sha256(key.data, key.length, hex));
    snprintf(part->name, sizeof part->name, "%.48s_%.*s", part->body, HASH, hex);
cleanup:
    rb_text_free(&key);
    return status;
}

/* The kernel's name says which parts it runs. */
static rb_status launch_name(const rb__kn_plan *plan, rb__kn_launch *launch) {
    rb_text key = {0}, words = {0};
    char hex[65];
    rb_status status = RB_OK;
    for (int k = 0; k < launch->count; k++) {
        rb__kn_part *part = &plan->parts[plan->sequence[launch->first + k]];
        RB_TRY(name_part(plan->device, part));
        rb_text_printf(&key, "%s %d %d\n", part->name, part->local_floats, rb__kn_goes_on(plan, launch, k));
        rb_text_printf(&words, "%s_", part->body);
    }
    RB_TRY(rb_text_status(&key));
    RB_TRY(rb_text_status(&words));
    RB_TRY(rb_sha256(key.data, key.length, hex));
    snprintf(launch->name, sizeof launch->name, "k_%.60s%.*s", words.data, HASH, hex);
cleanup:
    rb_text_free(&key);
    rb_text_free(&words);
    return status;
}

static const rb__kn_built *find_built(const rb_device *device, const char *name) {
    for (const rb__kn_built *b = device->built; b; b = b->next)
        for (int i = 0; i < b->n_names; i++)
            if (strcmp(b->names[i], name) == 0) return b;
    return NULL;
}

/* --- source ------------------------------------------------------------------------------------------------------- */

/* `#define A 1` lines give `#undef A` lines. */
static void undefine(rb_text *source, const char *defines) {
    for (const char *line = defines; *line;) {
        const char *name = line + strlen("#define "), *end = strchr(name, ' ');
        rb_text_printf(source, "#undef %.*s\n", (int)(end - name), name);
        line = strchr(line, '\n') + 1;
    }
}

static rb_status write_function(rb_text *source, rb_device *device, const rb__kn_part *part) {
    char mark[96];
    const char *text = NULL;
    rb_status status = RB_OK;
    snprintf(mark, sizeof mark, "#define NAME %s\n", part->name);
    if (source->data && strstr(source->data, mark)) return RB_OK; /* another launch has it */
    rb_text_printf(source, "\n%s#define BODY_%s\n%s", mark, part->body, rb_text_string(&part->defines));
    const char *const files[] = {part->base, part->file};
    for (int i = 0; i < 2; i++) {
        if (!files[i]) continue;
        RB_TRY(source_text(device, files[i], &text));
        rb_text_printf(source, "#line 1 \"%s\"\n", files[i]);
        rb_text_append(source, text);
    }
    rb_text_printf(source, "#undef NAME\n#undef BODY_%s\n", part->body);
    undefine(source, rb_text_string(&part->defines));
cleanup:
    return status;
}

/* Arguments: those of all parts in order, then where the groups of each part end. A group past the last end does
 * nothing, which lets bind try kernels out. */
static void write_kernel(rb_text *source, const rb__kn_plan *plan, const rb__kn_launch *launch) {
    int number = 0, floats = 0;
    rb_text_printf(source, "\n__kernel WORK_GROUP void %s(", launch->name);
    for (int k = 0; k < launch->count; k++) {
        const rb__kn_part *part = &plan->parts[plan->sequence[launch->first + k]];
        if (part->local_floats > floats) floats = part->local_floats;
        for (int i = 0; i < part->n_args; i++) rb_text_printf(source, "%sa%d, ", part->args[i].type, number++);
    }
    for (int k = 0; k < launch->count; k++)
        if (!rb__kn_goes_on(plan, launch, k)) rb_text_printf(source, "%sconst int end%d", k ? ", " : "", k);
    rb_text_append(source, ") {\n    const int group = (int)get_group_id(0);\n");
    if (floats) /* aligned, or compilers would not read four values at once */
        rb_text_printf(source, "    %s float shared[%d] __attribute__((aligned(16)));\n", plan->device->runtime->shared,
                       floats);
    else
        rb_text_append(source, "    __local float *shared = 0;\n");
    number = 0;
    for (int k = 0, start = 0, before = -1; k < launch->count; k++) {
        const rb__kn_part *part = &plan->parts[plan->sequence[launch->first + k]];
        if (!rb__kn_goes_on(plan, launch, k)) {
            rb_text_printf(source, "    %sif (group < end%d) {\n", k ? "} else " : "", k);
            before = k ? start : -1;
            start = k;
        }
        rb_text_printf(source, "        %s(", part->name);
        for (int i = 0; i < part->n_args; i++) rb_text_printf(source, "a%d, ", number++);
        if (before >= 0)
            rb_text_printf(source, "shared, group - end%d);\n", before);
        else
            rb_text_append(source, "shared, group);\n");
    }
    rb_text_append(source, "    }\n}\n");
}

static rb_status write_heads(rb_text *source, rb_device *device) {
    rb_status status = RB_OK;
    const char *text = NULL;
    for (const char *const *head = device->runtime->heads; *head; head++) {
        RB_TRY(source_text(device, *head, &text));
        rb_text_append(source, text);
    }
cleanup:
    return status;
}

static rb_status write_source(rb_text *source, const rb__kn_plan *plan, const bool *wanted) {
    rb_status status = RB_OK;
    RB_TRY(write_heads(source, plan->device));
    for (int i = 0; i < plan->n_launches; i++)
        for (int k = 0; wanted[i] && k < plan->launches[i].count; k++)
            RB_TRY(write_function(source, plan->device, &plan->parts[plan->sequence[plan->launches[i].first + k]]));
    for (int i = 0; i < plan->n_launches; i++)
        if (wanted[i]) write_kernel(source, plan, &plan->launches[i]);
    RB_TRY(rb_text_status(source));
cleanup:
    return status;
}

rb_status rb__kn_source_of(rb_device *device, const char *file, rb_text *source) {
    rb_status status = RB_OK;
    const char *text = NULL;
    RB_TRY(write_heads(source, device));
    RB_TRY(source_text(device, file, &text));
    rb_text_append(source, text);
    RB_TRY(rb_text_status(source));
cleanup:
    return status;
}

/* --- building ----------------------------------------------------------------------------------------------------- */

/* Some drivers compile when a kernel first runs: now, with no group doing anything, instead of in the first step. */
static rb_status try_out(rb__kn_plan *plan, const bool *wanted) {
    rb_device *device = plan->device;
    rb_status status = RB_OK;
    for (int i = 0; i < plan->n_launches; i++) {
        const rb__kn_launch *launch = &plan->launches[i];
        if (!wanted[i]) continue;
        RB_TRY(rb__kn_set_args(plan, launch, true));
        RB_TRY(device->runtime->launch(device, launch->kernel, launch->groups, launch->name));
    }
    RB_TRY(device->runtime->wait(device, "try out kernels"));
cleanup:
    return status;
}

static rb_status remember(rb_device *device, rb__kn_program *program, const char *const *names, int n_names) {
    rb__kn_built *built = calloc(1, sizeof *built);
    if (built) built->names = calloc((size_t)n_names + 1, sizeof *built->names);
    if (!built || !built->names) goto failed;
    for (int i = 0; i < n_names; i++)
        if (!(built->names[built->n_names++] = strdup(names[i]))) goto failed;
    built->program = program;
    built->next = device->built;
    device->built = built;
    return RB_OK;
failed:
    for (int i = 0; built && built->names && i < built->n_names; i++) free(built->names[i]);
    if (built) free(built->names);
    free(built);
    return rb_fail(RB_MEMORY, "out of memory while building kernels");
}

rb_status rb__kn_build(rb__kn_plan *plan) {
    rb_status status = RB_OK;
    rb_text source = {0};
    rb_device *device = plan->device;
    rb__kn_program *program = NULL;
    int missing = 0;
    bool *wanted = calloc((size_t)plan->n_launches + 1, sizeof *wanted);
    const char **names = calloc((size_t)plan->n_launches + 1, sizeof *names); /* of what is missing */
    if (!wanted || !names) {
        status = rb_fail(RB_MEMORY, "out of memory while building kernels");
        goto cleanup;
    }
    for (int i = 0; i < plan->n_launches; i++) {
        rb__kn_launch *launch = &plan->launches[i];
        if (plan->parts[plan->sequence[launch->first]].call) continue;
        RB_TRY(launch_name(plan, launch));
        wanted[i] = !find_built(device, launch->name);
        for (int k = 0; k < i; k++)
            if (strcmp(plan->launches[k].name, launch->name) == 0) wanted[i] = false;
        if (wanted[i]) names[missing++] = launch->name;
    }
    if (missing) {
        RB_TRY(write_source(&source, plan, wanted));
        RB_TRY(device->runtime->build(device, source.data, names, missing, &program));
        RB_TRY(remember(device, program, names, missing));
        program = NULL;
    }
    for (int i = 0; i < plan->n_launches; i++) {
        rb__kn_launch *launch = &plan->launches[i];
        const rb__kn_part *part = &plan->parts[plan->sequence[launch->first]];
        if (part->prepare) RB_TRY(part->prepare(plan, part));
        if (!part->call)
            RB_TRY(device->runtime->kernel_new(device, find_built(device, launch->name)->program, launch->name,
                                               &launch->kernel));
    }
    if (missing) RB_TRY(try_out(plan, wanted));
    for (int i = 0; i < plan->n_launches; i++)
        if (plan->launches[i].kernel) RB_TRY(rb__kn_set_args(plan, &plan->launches[i], false));
cleanup:
    if (program) device->runtime->program_free(program);
    rb_text_free(&source);
    free(names);
    free(wanted);
    return status;
}

void rb__kn_built_free(rb_device *device) {
    while (device->built) {
        rb__kn_built *built = device->built;
        device->built = built->next;
        device->runtime->program_free(built->program);
        for (int i = 0; i < built->n_names; i++) free(built->names[i]);
        free(built->names);
        free(built);
    }
    for (int i = 0; i < RB__KN_TEXTS; i++) free(device->texts[i].text);
}
