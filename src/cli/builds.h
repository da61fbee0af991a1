/* builds.h: two builds measured by turns: one process of a build's own `bench` gives one value. */
#ifndef RB_CLI_BUILDS_H
#define RB_CLI_BUILDS_H

#include "cli/options.h"
#include "compare/runs.h"

/* The program of a build: a program itself; a build folder, with `regbench` in it; or a commit of the repository around
 * the current folder, which is built into the cache unless it is there. RB_USAGE: none of these; RB_INPUT: a commit
 * that does not build, with the log's place. */
rb_status rb_build_find(const char *build, char *program, size_t size);

/* Measures the cases on the command line with both builds of --build, A B B A .., as often as --repetitions says, and
 * records everything as one session; its runs rows, with `arm` set, in `out`. RB_INPUT: a build that gives no rows. */
rb_status rb_builds_measure(const rb_options *o, rb_runs *out);

#endif
