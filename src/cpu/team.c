/* team.c: runs the phases of a plan: one parallel region per submission, a spinning barrier after each phase.
 *
 * A barrier costs well under a microsecond, a parallel region several: small networks have steps of 50 microseconds.
 * Around a LIBRARY phase the region is closed, because the library opens its own.
 *
 * Numbers below 1.2e-38 count as zero, as on OpenCL devices: what has learned its few images by heart has gradients so
 * small, and an Intel core takes over a hundred cycles for each of them (animals/unregularized, epochs 140 to 150: 16
 * ms each instead of 1.3). */
#include <omp.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "core/clock.h"
#include "cpu/cpu.h"
#include "cpu/tuning.h"

typedef struct barrier {
    _Alignas(64) atomic_int arrived;
    _Alignas(64) atomic_int generation;
} barrier;

static void pause_core(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void meet(barrier *b, int threads) {
    if (threads == 1) return;
    int generation = atomic_load_explicit(&b->generation, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&b->arrived, 1, memory_order_acq_rel) == threads - 1) {
        atomic_store_explicit(&b->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&b->generation, generation + 1, memory_order_release);
        return;
    }
    for (int looks = 0; atomic_load_explicit(&b->generation, memory_order_acquire) == generation; looks++)
        if (looks < RB__SPINS)
            pause_core();
        else
            sched_yield();
}

/* Of the calling thread, which for the library's threads must be set beforehand. Returns what was in force. */
static unsigned long flush_subnormals(void) {
    unsigned long before = 0;
#if defined(__x86_64__)
    before = _mm_getcsr();
    _mm_setcsr((unsigned)before | _MM_FLUSH_ZERO_ON | _MM_DENORMALS_ZERO_ON);
#elif defined(__aarch64__)
    before = __builtin_aarch64_get_fpcr();
    __builtin_aarch64_set_fpcr((unsigned)before | 1u << 24);
#endif
    return before;
}

static void restore_subnormals(unsigned long before) {
#if defined(__x86_64__)
    _mm_setcsr((unsigned)before);
#elif defined(__aarch64__)
    __builtin_aarch64_set_fpcr((unsigned)before);
#else
    (void)before;
#endif
}

/* Addresses of an item's operands at batch row `row`. */
static void resolve(const rb__item *it, unsigned char *arena, int row, int chunk_row, rb__call *c) {
    for (int i = 0; i < RB__MAX_IN + RB_OP_MAX_OUT; i++) {
        const rb__place *p = i < RB__MAX_IN ? &it->in[i] : &it->out[i - RB__MAX_IN];
        unsigned char *at = p->local  ? arena + p->offset + p->row_bytes * (size_t)(row - chunk_row)
                            : p->base ? p->base + p->row_bytes * (size_t)row
                                      : NULL;
        *(i < RB__MAX_IN ? &c->in[i] : &c->out[i - RB__MAX_IN]) = at;
    }
}

/* Adds the time since *start to the item's and starts anew. */
static void lap(const rb__plan *plan, const rb__item *it, int64_t *ns, int64_t *start) {
    if (!ns) return;
    int64_t now = rb_clock_ns();
    ns[it - plan->items] += now - *start;
    *start = now;
}

static void run_units(const rb__plan *plan, const rb__phase *phase, int thread, int threads, unsigned char *arena,
                      rb__call *c, int64_t *ns) {
    int64_t start = ns ? rb_clock_ns() : 0;
    const rb__work *works = plan->works + phase->first;
    double total = 0.0, at = 0.0;
    for (int i = 0; i < phase->count; i++) total += works[i].units * works[i].cost;
    double from = total * thread / threads, to = total * (thread + 1) / threads;
    for (int i = 0; i < phase->count; i++) {
        bool resolved = false;
        for (int unit = 0; unit < works[i].units; unit++, at += works[i].cost) {
            if (at < from || at >= to) continue;
            if (!resolved) resolve(works[i].item, arena, 0, 0, c);
            resolved = true;
            works[i].fn(works[i].item, unit, c);
            lap(plan, works[i].item, ns, &start);
        }
    }
}

static void run_rows(const rb__plan *plan, const rb__phase *phase, int rows, int thread, int threads,
                     unsigned char *arena, rb__call *c, int64_t *ns) {
    int64_t start = ns ? rb_clock_ns() : 0;
    for (int group = phase->groups * thread / threads; group < phase->groups * (thread + 1) / threads; group++) {
        int from = (int)((int64_t)rows * group / phase->groups),
            to = (int)((int64_t)rows * (group + 1) / phase->groups);
        for (int row = from; row < to; row += c->rows) {
            c->row = row, c->rows = to - row < phase->chunk ? to - row : phase->chunk, c->first = row == from;
            for (int i = 0; i < phase->count; i++) {
                const rb__pass *pass = &plan->sequence[phase->first + i];
                const rb__item *it = &plan->items[pass->item];
                resolve(it, arena, row, row, c);
                c->partial = it->partials ? it->partials + (size_t)group * it->partial_count : NULL;
                pass->fn(it, c);
                lap(plan, it, ns, &start);
            }
        }
    }
}

/* Steps [step, step_end) of phases [first, end) as one thread of the team. */
static void work(const rb__plan *plan, const rb_variant *v, const rb_cursor *cursor, const int32_t *order,
                 const uint32_t *seed, int batch, int step, int step_end, int first, int end, int thread, int threads,
                 barrier *b, int64_t *ns) {
    unsigned char *arena = plan->memory + plan->arena_offset + (size_t)thread * plan->arena_bytes;
    flush_subnormals(); /* in a worker, which knows nothing else */
    for (; step < step_end; step++) {
        rb__step s = {.cursor = cursor, .slot = cursor->slot + step, .seed = seed};
        const int32_t *rows = order ? order + cursor->base + (int64_t)(s.slot % cursor->wrap) * batch : NULL;
        for (int k = 0; rows && k < v->rows; k++) s.present += rows[k] >= 0;
        rb__call c = {.scratch = arena + plan->scratch_offset, .step = &s};
        for (int p = first; p < end; p++) {
            const rb__phase *phase = &plan->phases[p];
            if (phase->kind == RB__UNITS)
                run_units(plan, phase, thread, threads, arena, &c, ns);
            else
                run_rows(plan, phase, v->rows, thread, threads, arena, &c, ns);
            meet(b, threads);
        }
    }
}

/* The same in a parallel region. */
static void together(const rb__plan *plan, const rb_variant *v, const rb_cursor *cursor, const int32_t *order,
                     const uint32_t *seed, int batch, int step, int step_end, int first, int end, int threads,
                     int64_t *ns) {
    barrier b;
    atomic_init(&b.arrived, 0);
    atomic_init(&b.generation, 0);
    (void)threads; /* without OpenMP */
#pragma omp parallel num_threads(threads) if (threads > 1)
    work(plan, v, cursor, order, seed, batch, step, step_end, first, end, omp_get_thread_num(), omp_get_num_threads(),
         &b, omp_get_thread_num() == 0 ? ns : NULL);
}

void rb__team_run(const rb__plan *plan, const rb_variant *v, rb_ctrl_head *head, const int32_t *order, int n_steps,
                  int64_t *ns) {
    int threads = plan->threads;
    rb_cursor cursor = head->cursor[v->family];
    int batch = rb_variant_batch(plan->items[0].program, v);
    bool library = false;
    unsigned long before = flush_subnormals();
    for (int p = 0; p < plan->n_phases; p++) library |= plan->phases[p].kind == RB__LIBRARY;
    if (!library) {
        together(plan, v, &cursor, order, head->seed, batch, 0, n_steps, 0, plan->n_phases, threads, ns);
    } else {
        /* the library's regions run on threads of this team */
#pragma omp parallel num_threads(plan->library_threads)
        flush_subnormals();
        for (int step = 0; step < n_steps; step++)
            for (int p = 0, end; p < plan->n_phases; p = end) {
                for (end = p; end < plan->n_phases && plan->phases[end].kind != RB__LIBRARY; end++) continue;
                if (end > p) {
                    together(plan, v, &cursor, order, head->seed, batch, step, step + 1, p, end, threads, ns);
                } else {
                    int64_t start = ns ? rb_clock_ns() : 0;
#ifdef REGBENCH_HAVE_ONEDNN
                    rb__onednn_run(&plan->items[plan->phases[p].first]);
#endif
                    lap(plan, &plan->items[plan->phases[p].first], ns, &start);
                    end = p + 1;
                }
            }
    }
    restore_subnormals(before);
    head->cursor[v->family].slot += n_steps;
}

double rb__team_fma_peak(const rb__kernels *kernels, int threads, double seconds) {
    double best = 0.0, end = rb_clock_s() + seconds;
    (void)threads;
    while (rb_clock_s() < end) {
        double flops = 0.0, start = rb_clock_s();
#pragma omp parallel num_threads(threads) reduction(+ : flops)
        {
            float out[2] = {0.5f, 0.5f};
            flops += kernels->fma(50000, out);
        }
        double rate = flops / (rb_clock_s() - start) * 1e-9;
        if (rate > best) best = rate;
    }
    return best;
}
