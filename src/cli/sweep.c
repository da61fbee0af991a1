/* sweep.c: the verb `sweep`: a `run` whose cases and flags stand in a JSON file, so that many processes do the same
 * grid, or the same search, each its shard. */
#include "cli/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "cli/verb.h"
#include "core/file.h"
#include "core/text.h"

/* The command line of `run` that a config amounts to. */
typedef struct translation {
    const rb_options *o; /* of sweep: what is given there counts, not the config's */
    const char *path;
    rb_words argv;
    rb_sweep_studies studies;
} translation;

static rb_status bad(const translation *t, const char *what) { return rb_fail(RB_INPUT, "%s: %s", t->path, what); }

static rb_status push(translation *t, const char *word) { return rb_words_add(&t->argv, word, strlen(word)); }

rb_status rb_sweep_text(const char *path, const cJSON *value, const char *name, rb_text *out) {
    rb_status status = RB_OK;
    const cJSON *one;
    bool plain = true;
    if (cJSON_IsArray(value)) {
        cJSON_ArrayForEach(one, value) {
            if (out->length) rb_text_append(out, ",");
            if (cJSON_IsArray(one)) plain = false;
            if (plain) RB_TRY(rb_sweep_text(path, one, name, out));
        }
        plain &= value->child != NULL;
    } else if (cJSON_IsNumber(value)) {
        char *digits = cJSON_PrintUnformatted(value); /* as many as the number has */
        rb_text_append(out, digits ? digits : "");
        cJSON_free(digits);
    } else if (cJSON_IsString(value) && value->valuestring[0])
        rb_text_append(out, value->valuestring);
    else
        plain = false;
    if (!plain) return rb_fail(RB_INPUT, "%s: \"%.60s\" must be a number, a text, or a list of them", path, name);
    status = rb_text_status(out);
cleanup:
    return status;
}

static bool given(const rb_options *o, const char *name) {
    for (int f = 0; f < RB_FLAGS; f++)
        if (!strcmp(rb_flag_name((rb_flag)f), name)) return rb_given(o, (rb_flag)f);
    return false;
}

static rb_status add_flag(translation *t, const cJSON *value) {
    rb_status status = RB_OK;
    rb_text word = {0}, text = {0};
    const char *name = value->string;
    if (given(t->o, name)) goto cleanup;
    if (cJSON_IsFalse(value)) goto cleanup;
    rb_text_printf(&word, "--%s", name);
    RB_TRY(rb_text_status(&word));
    RB_TRY(push(t, word.data));
    if (cJSON_IsTrue(value)) goto cleanup; /* a switch */
    RB_TRY(rb_sweep_text(t->path, value, name, &text));
    RB_TRY(push(t, text.data));
cleanup:
    rb_text_free(&word);
    rb_text_free(&text);
    return status;
}

/* {"hidden1.units": [64, 128]} is --set hidden1.units=64,128. */
static rb_status add_settings(translation *t, const cJSON *settings) {
    rb_status status = RB_OK;
    rb_text text = {0}, values = {0};
    const cJSON *one;
    if (!cJSON_IsObject(settings)) return bad(t, "\"set\" must be an object {\"TAG.property\": values}");
    cJSON_ArrayForEach(one, settings) {
        rb_text_clear(&text);
        rb_text_clear(&values);
        RB_TRY(rb_sweep_text(t->path, one, one->string, &values));
        rb_text_printf(&text, "%s=%s", one->string, values.data);
        RB_TRY(rb_text_status(&text));
        RB_TRY(push(t, "--set"));
        RB_TRY(push(t, text.data));
    }
cleanup:
    rb_text_free(&text);
    rb_text_free(&values);
    return status;
}

static rb_status translate(translation *t, const cJSON *json) {
    static const char *const known[] = {"cases", "flags", "set", "strategy", "budget", "axes", "comment"};
    rb_status status = RB_OK;
    rb_text cases = {0};
    const cJSON *one, *flags = cJSON_GetObjectItemCaseSensitive(json, "flags");
    const cJSON *names = cJSON_GetObjectItemCaseSensitive(json, "cases");
    const cJSON *settings = cJSON_GetObjectItemCaseSensitive(json, "set");
    if (!cJSON_IsObject(json)) return bad(t, "must be an object {\"cases\": [..], \"flags\": {..}}");
    cJSON_ArrayForEach(one, json) {
        const char *near = rb_text_nearest(one->string, known, sizeof known / sizeof *known);
        if (near && !strcmp(near, one->string)) continue;
        return rb_fail(RB_INPUT,
                       "%s: unknown key \"%.60s\"%s%s%s; known: cases, flags, set, strategy, budget, axes, comment",
                       t->path, one->string, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    if (flags && !cJSON_IsObject(flags)) return bad(t, "\"flags\" must be an object {\"lr\": [0.1, 0.5]}");
    if (!names) return bad(t, "has no \"cases\"");
    RB_TRY(rb_sweep_text(t->path, names, "cases", &cases));
    RB_TRY(rb_sweep_studies_read(t->o, t->path, json, &t->studies));
    if (!t->studies.list) RB_TRY(push(t, cases.data));
    for (int i = 0; i < t->studies.n; i++) RB_TRY(push(t, t->studies.list[i].name));
    cJSON_ArrayForEach(one, flags) RB_TRY(add_flag(t, one));
    if (settings) RB_TRY(add_settings(t, settings));
cleanup:
    rb_text_free(&cases);
    return status;
}

/* What stands on the command line of sweep, but for --config. */
static rb_status pass_on(translation *t) {
    rb_status status = RB_OK;
    rb_text flag = {0};
    for (int f = 0; f < RB_FLAGS; f++) {
        if (f == RB_FLAG_CONFIG) continue;
        for (int v = 0; v < t->o->flag[f].n; v++) {
            rb_text_clear(&flag);
            rb_text_printf(&flag, "--%s", rb_flag_name((rb_flag)f));
            RB_TRY(rb_text_status(&flag));
            RB_TRY(push(t, flag.data));
            if (!rb_flag_is_switch((rb_flag)f)) RB_TRY(push(t, t->o->flag[f].at[v]));
        }
    }
cleanup:
    rb_text_free(&flag);
    return status;
}

static rb_status read_config(const char *path, cJSON **json) {
    rb_status status = RB_OK;
    void *data = NULL;
    size_t bytes;
    const char *end = NULL;
    *json = NULL;
    RB_TRY(rb_file_read(path, &data, &bytes));
    *json = cJSON_ParseWithLengthOpts(data, bytes, &end, false);
    if (!*json) {
        int line = 1;
        for (const char *c = data; c < (const char *)data + bytes && c < end; c++) line += *c == '\n';
        status = rb_fail(RB_INPUT, "%s, line %d: no JSON", path, line);
    }
cleanup:
    free(data);
    return status;
}

rb_status rb_verb_sweep(const rb_options *o) {
    rb_status status = RB_OK;
    translation t = {.o = o, .path = rb_value(o, RB_FLAG_CONFIG)};
    rb_options run = {0};
    cJSON *json = NULL;
    bool done;
    RB_TRY(rb_no_names(o));
    if (!t.path) return rb_fail(RB_USAGE, "which sweep? `regbench sweep --config FILE`");
    RB_TRY(read_config(t.path, &json));
    RB_TRY(push(&t, "regbench"));
    RB_TRY(push(&t, "run"));
    RB_TRY(translate(&t, json));
    RB_TRY(pass_on(&t));
    status = rb_options_parse(t.argv.n, t.argv.at, &run, &done);
    if (status != RB_OK) {
        char why[1024]; /* of a flag that nobody wrote on the command line */
        snprintf(why, sizeof why, "%s", rb_error_last() ? rb_error_last()->text : "");
        rb_error_clear();
        status = rb_fail(status, "%s: %s", t.path, why);
        goto cleanup;
    }
    if (done) goto cleanup;
    /* session.json, and the line that tells how to go on, say what was typed. */
    rb_words_free(&run.command);
    for (int i = 0; i < o->command.n; i++)
        RB_TRY(rb_words_add(&run.command, o->command.at[i], strlen(o->command.at[i])));
    rb_studies_add(t.studies.list);
    RB_TRY(rb_verb_run(&run));
cleanup:
    rb_studies_add(NULL);
    rb_sweep_studies_free(&t.studies);
    rb_options_free(&run);
    rb_words_free(&t.argv);
    cJSON_Delete(json);
    return status;
}
