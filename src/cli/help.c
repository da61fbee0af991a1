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
    for (int f = 0; f < RB_FLAGS; f++) {
        const rb_flag_entry *e = &rb__flags[f];
        char head[64], letter[8] = "    ";
        if (!(e->verbs & (1u << verb))) continue;
        if (e->letter) snprintf(letter, sizeof letter, "-%c, ", e->letter);
        snprintf(head, sizeof head, "%s--%s%s%s", letter, e->name, e->argument ? " " : "",
                 e->argument ? e->argument : "");
        fprintf(to, "  %-30s ", head);
        print_wrapped(to, e->help, 33);
    }
    fprintf(to,
            "\nLists: 1,2,5 and repeated flags multiply; ranges 1-6 and 64-1024*2. Every flag but --help has a\n"
            "variable: --train-size is REGBENCH_TRAIN_SIZE, switches take 1; the command line wins.\n\nexamples:\n%s",
            verbs[verb].examples);
}
