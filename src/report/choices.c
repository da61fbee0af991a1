/* choices.c: what was asked of a device and no other column of `runs` tells. */
#include "report/choices.h"

#include <string.h>

#include "core/text.h"

void rb_run_choices(const rb_row *row, rb_text *out) {
    static const char *const told[] = {"threads=", "submit=", "quirk=", "provider=auto"};
    bool alone = !strchr(rb_row_get_text(row, RB_COL(runs, provider)), ' ');
    size_t begin = out->length;
    for (const char *at = rb_row_get_text(row, RB_COL(runs, settings)); *at;) {
        size_t n = strcspn(at, " ");
        bool known = alone && !strncmp(at, "provider=", 9);
        for (size_t i = 0; i < sizeof told / sizeof *told; i++) known |= !strncmp(at, told[i], strlen(told[i]));
        if (!known) rb_text_printf(out, "%s%.*s", out->length > begin ? " " : "", (int)n, at);
        at += n + (at[n] == ' ');
    }
}

bool rb_run_same_choices(const rb_row *a, const rb_row *b) {
    rb_text x = {0}, y = {0};
    rb_run_choices(a, &x);
    rb_run_choices(b, &y);
    bool same = !strcmp(rb_text_string(&x), rb_text_string(&y));
    rb_text_free(&x);
    rb_text_free(&y);
    return same;
}
