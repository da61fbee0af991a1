// gbench_shim.cc: the cases of one lab as Google Benchmarks: one benchmark per case, device and batch, one iteration
// per window of regbench's own protocol, timed by regbench. The only C++ file; everything it calls is in
// src/cli/gbench.h.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <string>

#include "cli/gbench.h"

extern "C" const char rb_gbench_lab[]; // "size": each program has its own

static bool failed = false;

static void run(benchmark::State &state, rb_gbench *lab, int i) {
    double total = 0;
    const char *why = rb_gbench_begin(lab, i);
    if (!why)
        for (auto _ : state) {
            double seconds = 0, samples = 0;
            why = rb_gbench_window(lab, &seconds, &samples);
            if (why) break;
            state.SetIterationTime(seconds);
            total += samples;
        }
    if (why) {
        failed = true;
        state.SkipWithError(why);
        return;
    }
    state.counters["samples/s"] = benchmark::Counter(total, benchmark::Counter::kIsRate);
    state.counters["FLOP/s"] = benchmark::Counter(total * rb_gbench_flop_per_sample(lab), benchmark::Counter::kIsRate);
    state.SetLabel(rb_gbench_label(lab));
}

int main(int argc, char **argv) {
    int code = 0;
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    rb_gbench *lab = rb_gbench_open(rb_gbench_lab, &code);
    if (!lab) return code;
    const char *name, *value;
    for (int i = 0; (name = rb_gbench_fact(lab, i, &value)); i++)
        if (*value) benchmark::AddCustomContext(std::string("regbench_") + name, value);
    for (int i = 0; i < rb_gbench_count(lab); i++)
        benchmark::RegisterBenchmark(rb_gbench_name(lab, i), run, lab, i)
            ->UseManualTime()
            ->Unit(benchmark::kMillisecond);
    if (benchmark::RunSpecifiedBenchmarks() == 0) {
        std::fprintf(stderr, "no benchmark of this lab matches\n");
        code = 2;
    }
    rb_gbench_close(lab);
    benchmark::Shutdown();
    return failed ? 4 : code;
}
