/* gbench.h: a lab's cases for Google Benchmark: what bench/gbench_shim.cc, the only C++, sees of regbench. */
#ifndef RB_CLI_GBENCH_H
#define RB_CLI_GBENCH_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rb_gbench rb_gbench;

/* All cases of a lab on all devices, as the REGBENCH_* variables of `regbench bench` want them (REGBENCH_DEVICE,
 * REGBENCH_BATCH, REGBENCH_QUICK ..). NULL: the reason is on stderr, *exit_code says how to end. A case that cannot be
 * prepared is in the list all the same, and fails when it is run. */
rb_gbench *rb_gbench_open(const char *lab, int *exit_code);
void rb_gbench_close(rb_gbench *g);
int rb_gbench_count(const rb_gbench *g);
const char *rb_gbench_name(const rb_gbench *g, int i); /* "size/mlp/cpu/batch:512" */

/* Opens device, data and trainer of benchmark i, compares with the reference backend, warms up. What is open stays open
 * for the next call of the same i. NULL, or why it failed: valid until the next call. */
const char *rb_gbench_begin(rb_gbench *g, int i);
/* One window of the protocol, long enough to be timed. NULL, or why it failed. */
const char *rb_gbench_window(rb_gbench *g, double *seconds, double *samples);
double rb_gbench_flop_per_sample(const rb_gbench *g);
/* "workload_hash=.. verify=quick provider=own": what makes two rows comparable. */
const char *rb_gbench_label(const rb_gbench *g);

/* Facts for the context of the JSON output: "commit", "cpu" .. NULL behind the last. */
const char *rb_gbench_fact(const rb_gbench *g, int i, const char **value);

#ifdef __cplusplus
}
#endif
#endif
