/* command.c: the command line as text that a shell reads back as the same words. */
#include "cli/flag_table.h"
#include "core/text.h"

rb_status rb__command_add(rb_words *command, const char *word) {
    rb_text quoted = {0};
    rb_shell_quote(word, &quoted);
    rb_status status = rb_text_status(&quoted);
    if (status == RB_OK) status = rb_words_add(command, quoted.data, quoted.length);
    rb_text_free(&quoted);
    return status;
}

void rb_command_line(const rb_options *o, const char *more, rb_text *out) {
    for (int i = 0; i < o->command.n; i++) {
        rb_text_printf(out, "%s%s", i ? " " : "", o->command.at[i]);
        if (i == 1 && more) rb_text_append(out, more);
    }
}
