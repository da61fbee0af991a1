/* memory.h: how much memory this process has needed. */
#ifndef RB_MEASURE_MEMORY_H
#define RB_MEASURE_MEMORY_H

/* Highest resident set of this process so far, MiB; 0 where the system does not say. */
double rb_peak_rss_mib(void);

#endif
