/* memory.c: peak resident set. */
#include "measure/memory.h"

#include <stdio.h>
#include <sys/resource.h>

double rb_peak_rss_mib(void) {
    /* VmHWM belongs to the memory of this program alone; ru_maxrss keeps that of the program before an exec. */
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long kib = 0;
    while (file && kib == 0 && fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %ld", &kib) != 1) kib = 0;
    if (file) fclose(file);
    struct rusage usage;
    if (kib == 0 && getrusage(RUSAGE_SELF, &usage) == 0) kib = usage.ru_maxrss;
    return (double)kib / 1024;
}
