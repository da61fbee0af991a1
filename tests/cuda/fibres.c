/* fibres.c: switching between stacks: makecontext makes one, _setjmp and _longjmp switch, which costs no system call.
 */
#undef _FORTIFY_SOURCE /* its longjmp takes a jump to another stack for a mistake */
#include "cuda/fibres.h"

#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <ucontext.h>

enum { STACK = 64 << 10 };

typedef struct fibre {
    ucontext_t start;
    jmp_buf state;
    bool begun, done;
} fibre;

static fibre fibres[MOST_FIBRES];
static jmp_buf scheduler;
static fibre *now;
static void (*work)(void **);
static void **arguments;

/* A fibre lives on: after one block it waits for the next. */
static void body(void) {
    for (;;) {
        work(arguments);
        now->done = true;
        if (_setjmp(now->state) == 0) _longjmp(scheduler, 1);
    }
}

static void barrier(void) {
    if (_setjmp(now->state) == 0) _longjmp(scheduler, 1);
}

static void enter(fibre *f) {
    now = f;
    if (_setjmp(scheduler)) return;
    if (f->begun) _longjmp(f->state, 1);
    f->begun = true;
    getcontext(&f->start);
    f->start.uc_stack.ss_sp = malloc(STACK);
    f->start.uc_stack.ss_size = STACK;
    f->start.uc_link = NULL;
    makecontext(&f->start, body, 0);
    setcontext(&f->start);
}

static void put_in_order(int *list, int n, long order) {
    static uint64_t state = 1;
    for (int i = 0; i < n; i++) list[i] = order == 1 ? n - 1 - i : i;
    if (order <= 1) return;
    for (int i = n - 1; i > 0; i--) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        int k = (int)((state >> 33) % (uint64_t)(i + 1)), kept = list[i];
        list[i] = list[k], list[k] = kept;
    }
}

bool run_block(struct rb_host *host, void (*call)(void **), void **parameters, int threads, unsigned block,
               long order) {
    static int list[MOST_FIBRES];
    work = call;
    arguments = parameters;
    host->barrier = barrier;
    host->block.x = block;
    for (int i = 0; i < threads; i++) fibres[i].done = false;
    for (int left = threads; left;) {
        int before = left;
        put_in_order(list, threads, order);
        for (int i = 0; i < threads; i++) {
            fibre *f = &fibres[list[i]];
            if (f->done) continue;
            host->thread.x = (unsigned)list[i];
            enter(f);
            left -= f->done;
        }
        if (left && left != before) return false;
    }
    return true;
}
