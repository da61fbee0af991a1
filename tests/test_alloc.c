/* test_alloc.c: an epoch allocates nothing: training, reading metrics and evaluating, after a first epoch to settle.
 *
 * The test program's own malloc family (glibc's underneath) counts calls while a flag is up, by the module that called:
 * regbench is linked statically and must not call at all. What a library does inside is printed, not judged: oneDNN's
 * execute builds a map of arguments in each call. Labelled plain: the sanitizers bring a malloc of their own. */
#include "golden_run.h"

#include <dlfcn.h>
#include <errno.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static volatile int counting;
static long own, foreign;

static void note(const void *caller) {
    if (!counting) return;
    counting = 0; /* dladdr may allocate */
    Dl_info here, there;
    bool mine =
        dladdr(caller, &there) && dladdr((const void *)(uintptr_t)&note, &here) && here.dli_fbase == there.dli_fbase;
    if (mine)
        __sync_fetch_and_add(&own, 1);
    else
        __sync_fetch_and_add(&foreign, 1);
    counting = 1;
}

void *malloc(size_t n) {
    note(__builtin_return_address(0));
    return __libc_malloc(n);
}
void *calloc(size_t n, size_t m) {
    note(__builtin_return_address(0));
    return __libc_calloc(n, m);
}
void *realloc(void *p, size_t n) {
    note(__builtin_return_address(0));
    return __libc_realloc(p, n);
}
void *aligned_alloc(size_t a, size_t n) {
    note(__builtin_return_address(0));
    return __libc_memalign(a, n);
}
int posix_memalign(void **out, size_t a, size_t n) {
    note(__builtin_return_address(0));
    *out = __libc_memalign(a, n);
    return *out ? 0 : ENOMEM;
}

static void the_counter_counts(void **state) {
    (void)state;
    void *(*volatile allocate)(size_t) = malloc; /* a plain call might be moved or dropped by the compiler */
    own = 0;
    counting = 1;
    void *p = allocate(10);
    counting = 0;
    free(p);
    assert_int_equal(own, 1);
}

static void epoch(rb_trainer *t, rb_step_metrics *m) {
    double loss, accuracy;
    int steps = rb_trainer_steps_per_epoch(t);
    assert_ok(rb_trainer_begin_window(t));
    assert_ok(rb_trainer_submit(t, steps));
    assert_ok(rb_trainer_wait(t));
    assert_ok(rb_trainer_metrics(t, 0, steps, m));
    assert_ok(rb_trainer_eval(t, RB_SPLIT_VALID, 0, &loss, &accuracy, NULL));
    assert_ok(rb_trainer_param_l2(t, &loss));
}

static void an_epoch_allocates_nothing(void **state) {
    const char *const *setup = *state; /* device, provider, case */
    rb_device_id id;
    rb_device *device;
    rb_trainer *t;
    const rb_case *found;
    rb_case_edit edit;
    rb_dataset *data = golden_data("sample");
    assert_non_null(data);
    assert_ok(rb_device_select(setup[0], &id));
    assert_ok(id.backend->open(id.index, &(rb_open_options){.provider = setup[1]}, &device));
    assert_ok(rb_case_find(setup[2], &found));
    assert_ok(rb_case_edit_begin(&edit, found));
    edit.c.n_train = 300, edit.c.n_valid = 150, edit.c.batch = 64, edit.c.momentum = 0.5f; /* a tail, and masked rows */
    assert_ok(rb_trainer_new(id.backend, device, &edit.c, data, 1, &t));
    rb_step_metrics *m = calloc((size_t)rb_trainer_steps_per_epoch(t), sizeof *m);
    epoch(t, m);
    own = foreign = 0;
    counting = 1;
    epoch(t, m);
    counting = 0;
    print_message("%s %s %s: %ld by regbench, %ld inside libraries\n", setup[0], setup[1], setup[2], own, foreign);
    assert_int_equal(own, 0);
    if (strcmp(setup[1], "own") == 0) assert_int_equal(foreign, 0);
    rb_trainer_free(t);
    free(m);
    id.backend->close(device);
}

int main(void) {
    static const char *const setups[][3] = {{"reference", "own", "size/mlp"}, {"cpu", "own", "size/mlp"},
                                            {"cpu", "own", "cnn/mnist"},      {"cpu", "own", "size/lenet"},
                                            {"cpu", "auto", "size/mlp"},      {"cpu", "onednn", "cnn/mnist"}};
    struct CMUnitTest tests[8] = {cmocka_unit_test(the_counter_counts)};
    static char names[7][64];
    for (int i = 0; i < 6; i++) {
        snprintf(names[i], sizeof names[i], "an epoch allocates nothing: %s %s %s", setups[i][0], setups[i][1],
                 setups[i][2]);
        tests[i + 1] = (struct CMUnitTest){
            .name = names[i], .test_func = an_epoch_allocates_nothing, .initial_state = (void *)(uintptr_t)setups[i]};
    }
    int failed = _cmocka_run_group_tests("allocations", tests, 7, NULL, NULL);
    golden_data(NULL);
    return failed;
}
