/* help.c: --help of the program and of each verb, derived from verbs.def and flags.def. */
#include <string.h>

#include "cli/flag_table.h"
#include "measure/build.h"

static const struct {
    const char *name, *takes, *help, *examples;
} verbs[RB_VERBS] = {
#define RB_VERB(name, takes, help, examples) {#name, takes, help, examples},
#include "cli/verbs.def"
#undef RB_VERB
};

/* What a flag is to a verb, where that differs. */
static const struct {
    rb_verb verb;
    rb_flag flag;
    const char *argument, *help;
} own[] = {
#define RB_FLAG(id, name, letter, often, rule, argument, verbs, help)
#define RB_FLAG_OF(verb, id, argument, help) {RB_VERB_##verb, RB_FLAG_##id, argument, help},
#include "cli/flags.def"
#undef RB_FLAG
};

/* Prints `text` from column `from` on, broken at blanks before column 100. */
static void print_wrapped(FILE *to, const char *text, int from) {
    int column = from;
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (column + n > 100 && column > from) {
            fprintf(to, "\n%*s", from, "");
            column = from;
        }
        fprintf(to, "%s%.*s", column > from ? " " : "", n, text);
        column += n + (column > from);
        text += n + (text[n] == ' ');
    }
    fputc('\n', to);
}

void rb_help(FILE *to) {
    fprintf(to,
            "regbench %s: deep-learning regularization labs on CPU, OpenCL and CUDA, measured\n\n"
            "usage: regbench VERB [FLAG..] [NAME..]\n\n",
            rb_build_version());
    for (int v = 0; v < RB_VERBS; v++) {
        char head[64];
        snprintf(head, sizeof head, "%s %s", verbs[v].name, verbs[v].takes);
        if (strlen(head) > 34)
            fprintf(to, "  %s\n%37s", head, "");
        else
            fprintf(to, "  %-34s ", head);
        print_wrapped(to, verbs[v].help, 37);
    }
    fprintf(to, "\n`regbench VERB --help` lists the flags of a verb. `regbench --version` prints the version.\n"
                "Exit codes: 0 done; 1 a regression that `compare --gate` was to find; 2 usage, unreadable input,\n"
                "unwritable output; 3 a device disagrees with the reference, or a run ended otherwise than its\n"
                "case expects; 4 crash, timeout, out of memory, disk full; 77 no such device, or the device\n"
                "cannot run it; 130 interrupted.\n");
}

void rb_help_verb(FILE *to, rb_verb verb) {
    fprintf(to, "usage: regbench %s [FLAG..] %s\n\n", verbs[verb].name, verbs[verb].takes);
    print_wrapped(to, verbs[verb].help, 0);
    fputc('\n', to);
    bool lists = false, overrides = false, data = rb__flags[RB_FLAG_DATA].verbs & (1u << verb);
    char variables[280];
    for (int f = 0; f < RB_FLAGS; f++) {
        const rb_flag_entry *e = &rb__flags[f];
        char head[64], letter[8] = "    ";
        const char *argument = e->argument, *help = e->help;
        if (!(e->verbs & (1u << verb))) continue;
        for (size_t i = 0; i < sizeof own / sizeof *own; i++)
            if (own[i].verb == verb && own[i].flag == (rb_flag)f) argument = own[i].argument, help = own[i].help;
        lists |= e->often == MANY;
        overrides |= !strncmp(help, "override:", 9);
        if (e->letter) snprintf(letter, sizeof letter, "-%c, ", e->letter);
        snprintf(head, sizeof head, "%s--%s%s%s", letter, e->name, argument ? " " : "", argument ? argument : "");
        fprintf(to, "  %-30s ", head);
        print_wrapped(to, help, 33);
    }
    fputc('\n', to);
    if (lists) fprintf(to, "Lists: 1,2,5 and repeated flags multiply; ranges 1-6 and 64-1024*2.\n");
    if (overrides) fprintf(to, "Overrides replace what the case says, which is their default: `regbench list`.\n");
    snprintf(variables, sizeof variables,
             "Every flag but --help%s has a variable (--out-dir: REGBENCH_OUT_DIR; switches take 1); the command line "
             "wins.%s",
             rb__own_output(verb) ? " and --output" : "",
             data ? " REGBENCH_DATA is one of the places where data sets are looked for; --data must be there." : "");
    print_wrapped(to, variables, 0);
    fprintf(to, "\nexamples:\n%s", verbs[verb].examples);
}
