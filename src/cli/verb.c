/* verb.c: what several verbs need. */
#include "cli/verb.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"

rb_status rb_no_names(const rb_options *o) {
    if (o->names.n == 0) return RB_OK;
    return rb_fail(RB_USAGE, "`regbench %s` takes no \"%s\"; `regbench %s --help`", rb_verb_name(o->verb),
                   o->names.at[0], rb_verb_name(o->verb));
}

rb_status rb_unless_reader_left(rb_status status) {
    const rb_error *e = rb_error_last();
    if (status != RB_OUTPUT || !e || e->native != EPIPE) return status;
    rb_error_clear();
    clearerr(stdout);
    return RB_OK;
}

rb_status rb_print_table(rb_table table, rb_format format, const rb_row *rows, int n, const int *columns,
                         int n_columns) {
    rb_row none;
    bool md = format == RB_FORMAT_MD;
    if (md && n == 0) return RB_OK;
    rb_row_begin(&none, table);
    rb_status status = rb_print_rows(stdout, format, n ? rows : &none, n, md ? columns : NULL, md ? n_columns : 0);
    rb_row_end(&none);
    return rb_unless_reader_left(status);
}

/* errno 0: a write that nobody looked at failed some time before. */
static rb_status stdout_failed(int why) {
    if (why == ENOSPC || why == EDQUOT || why == EFBIG)
        return rb_fail_native(RB_DISK, why, "no room to write standard output (%s)", strerror(why));
    return rb_fail_native(RB_OUTPUT, why, "cannot write%s standard output%s%s", why ? "" : " all of", why ? ": " : "",
                          why ? strerror(why) : "");
}

rb_status rb_print_text(const char *text) {
    errno = 0;
    if (fputs(text, stdout) != EOF && fflush(stdout) == 0) return RB_OK;
    return rb_unless_reader_left(stdout_failed(errno));
}

rb_status rb_print_part(const char *text) {
    errno = 0;
    return fputs(text, stdout) != EOF ? RB_OK : stdout_failed(errno);
}

rb_status rb_stdout_finish(void) {
    errno = 0;
    bool failed = fflush(stdout) != 0;
    int why = failed ? errno : 0; /* a call that did well leaves some other errno behind */
    return failed || ferror(stdout) ? rb_unless_reader_left(stdout_failed(why)) : RB_OK;
}

rb_data_options rb_data_choice(const rb_options *o) { return (rb_data_options){.dir = rb_value(o, RB_FLAG_DATA)}; }

rb_open_options rb_open_choice(const rb_options *o) {
    const char *provider = rb_value(o, RB_FLAG_PROVIDER);
    return (rb_open_options){.threads = (int)rb_value_int(o, RB_FLAG_THREADS, 0),
                             .provider = provider ? provider : "auto",
                             .quirks = rb_value(o, RB_FLAG_QUIRK),
                             .precision = rb_value(o, RB_FLAG_PRECISION),
                             .fastest = rb_given(o, RB_FLAG_FASTEST),
                             .submit = rb_value(o, RB_FLAG_SUBMIT)};
}

void rb_note_settings(const rb_options *o, bool timed, rb_row *row) {
    rb_text text = {0};
    const char *names[] = {"provider", "submit", "quirk"};
    const char *words[] = {rb_value(o, RB_FLAG_PROVIDER), rb_value(o, RB_FLAG_SUBMIT), rb_value(o, RB_FLAG_QUIRK)};
    int64_t threads = timed ? rb_value_int(o, RB_FLAG_THREADS, 0) : 0;
    if (threads) rb_text_printf(&text, " threads=%d", (int)threads);
    for (int i = 0; i < 3; i++)
        if (words[i] && strcmp(words[i], "auto") != 0) rb_text_printf(&text, " %s=%s", names[i], words[i]);
    if (rb_given(o, RB_FLAG_FASTEST)) rb_text_append(&text, " fastest");
    rb_row_text(row, RB_COL(runs, settings), text.length ? text.data + 1 : NULL);
    rb_text_free(&text);
}

double rb_program_mflop_per_sample(const rb_program *program) {
    const rb_variant *train = &program->variant[RB_VARIANT_TRAIN];
    return rb_variant_model_flops(train) / (double)(train->rows > 0 ? train->rows : 1) / 1e6;
}
