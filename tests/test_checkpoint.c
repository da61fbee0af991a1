/* test_checkpoint.c: same bits after resuming, on every device and layout; damaged and foreign files; faults while
 * writing; norms per layer. */
#include "noise.h"

#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/file.h"
#include "regbench/checkpoint.h"
#include "train/state.h"

static const char *const devices[] = {"reference", "cpu"};
static char folder[64];

static const char *in_folder(const char *name) {
    static char path[2][128];
    static int turn;
    turn ^= 1;
    snprintf(path[turn], sizeof *path, "%s/%s", folder, name);
    return path[turn];
}

static int begin(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/regbench-checkpoint-XXXXXX");
    signal(SIGXFSZ, SIG_IGN);
    return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state) {
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

#define assert_refused(call, expected, part)                                                                           \
    do {                                                                                                               \
        assert_int_equal((call), (expected));                                                                          \
        assert_non_null(rb_error_last());                                                                              \
        if (!strstr(rb_error_last()->text, (part))) fail_msg("text: %s", rb_error_last()->text);                       \
        rb_error_clear();                                                                                              \
    } while (0)

static const rb_layer mlp[] = {RB_LINEAR(16), RB_RELU, RB_LINEAR(10), RB_END};
static const rb_layer cnn[] = {RB_CONV(4, .kernel = 3, .pad = 1), RB_RELU, RB_MAXPOOL(2), RB_LINEAR(10), RB_END};
static const rb_layer normalized[] = {
    RB_CONV(4, .kernel = 3, .pad = 1), RB_BATCHNORM, RB_RELU, RB_DROPOUT(0.3f), RB_LINEAR(10), RB_END};

/* A batch of 32 of 70 rows: every epoch has a tail. */
static rb_case case_of(const char *name, const rb_layer *layers) {
    return (rb_case){.name = name,
                     .layers = layers,
                     .dataset = "noise",
                     .batch = 32,
                     .epochs = 4,
                     .lr = 0.05f,
                     .momentum = 0.9f,
                     .l1 = 1e-4f,
                     .expect = RB_EXPECT_ANYTHING};
}

/* A trainer on a device of its own. */
typedef struct place {
    noise *noise;
    opened o;
    rb_trainer *t;
} place;

static rb_status place_open(place *p, const char *device, const rb_case *c, uint64_t seed) {
    p->noise = make_noise(70, 20);
    p->o = open_device(device);
    return rb_trainer_new(p->o.backend, p->o.device, c, &p->noise->data, seed, &p->t);
}

static void place_close(place *p) {
    rb_trainer_free(p->t);
    p->o.backend->close(p->o.device);
    free(p->noise);
}

/* Everything that training has changed, by tensor. */
static void state_of(const place *p, bool best, rb__state *state) {
    const rb_program *program = rb_trainer_program(p->t);
    assert_ok(rb__state_new(program, best, state));
    assert_ok(rb__state_get(state, p->o.backend, rb_trainer_store(p->t), program));
}

static void assert_same_state(const rb__state *a, const rb__state *b) {
    assert_int_equal(a->n, b->n);
    for (int i = 0; i < a->n; i++) {
        assert_string_equal(a->at[i].file.name, b->at[i].file.name);
        assert_memory_equal(a->at[i].file.values, b->at[i].file.values,
                            (size_t)rb_tensor_count(&a->at[i].tensor) * sizeof(float));
    }
}

typedef struct watcher {
    rb_trainer *t;
    const char *path;
    int at, first, last; /* the epoch to write after; epochs seen */
    bool best;           /* take a copy as of the best epoch */
} watcher;

static int watch(void *context, const rb_epoch_result *e) {
    watcher *w = context;
    rb_checkpoint_head head = {.overrides = "lr=0.05", .run_id = "x-0001", .seed = 5, .at = *e};
    if (!w->first) w->first = e->epoch;
    w->last = e->epoch;
    head.best = w->best;
    if (e->epoch != w->at) return 0;
    if (w->best) assert_ok(rb_trainer_backend(w->t)->submit(rb_trainer_bound(w->t, RB_VARIANT_SNAPSHOT), 1));
    assert_ok(rb_checkpoint_write(w->t, &head, w->path));
    return 0;
}

static void write_after(place *p, int epoch, const char *path, bool best, rb_run_result *result) {
    watcher w = {.t = p->t, .path = path, .at = epoch, .best = best};
    assert_ok(rb_train(p->t, &(rb_run_options){.context = &w, .on_epoch = watch}, result));
    assert_int_equal(w.last, 4);
}

/* Cursors and seed as the device has them: dropout and Adam count on. */
static rb_ctrl_head control(const place *p) {
    rb_ctrl_head head;
    assert_ok(p->o.backend->get(rb_trainer_store(p->t), RB_SEG_CTRL, rb_trainer_program(p->t)->head.offset, sizeof head,
                                &head));
    return head;
}

static bool resumes(const char *device, const char *other, const rb_case *c) {
    place whole, again;
    rb_run_result a, b;
    rb__state expected, got;
    rb_checkpoint *file;
    watcher w = {0};
    const char *path = in_folder("resume.safetensors");
    bool best = c->momentum == 0;
    rb_status status = place_open(&whole, device, c, 5);
    if (status == RB_UNSUPPORTED) {
        print_message("%s on %s: %s\n", c->name, device, rb_error_last()->text);
        rb_error_clear();
        place_close(&whole);
        return false;
    }
    assert_ok(status);
    write_after(&whole, 2, path, best, &a);
    assert_ok(place_open(&again, other, c, 5));
    assert_ok(rb_checkpoint_open(path, &file));
    assert_ok(rb_checkpoint_restore(file, again.t, 5));
    const rb_checkpoint_head *h = rb_checkpoint_head_of(file);
    assert_int_equal(h->at.epoch, 2);
    assert_int_equal(h->at.step, 6);
    assert_string_equal(h->case_name, c->name);
    w.t = again.t;
    assert_ok(rb_train(again.t, &(rb_run_options){.context = &w, .on_epoch = watch, .from = &h->at}, &b));
    assert_int_equal(w.first, 3);
    assert_int_equal(w.last, 4);
    assert_int_equal(b.steps, 12);
    assert_int_equal(b.epochs_run, 4);
    rb_ctrl_head there = control(&whole), here = control(&again);
    assert_memory_equal(&there, &here, sizeof here);
    state_of(&whole, best, &expected);
    state_of(&again, best, &got);
    if (strcmp(device, other) == 0) {
        assert_same_state(&expected, &got);
        assert_true(a.val_acc_final == b.val_acc_final && a.val_acc_best == b.val_acc_best);
        assert_int_equal(a.best_epoch, b.best_epoch);
        assert_true(b.train_s > h->at.train_s);
    } else { /* other kernels from the same state: near, not equal */
        for (int i = 0; i < got.n; i++) {
            const float *x = got.at[i].file.values, *y = expected.at[i].file.values;
            for (int64_t k = 0; k < rb_tensor_count(&got.at[i].tensor); k++)
                assert_true(near((double)x[k], (double)y[k], 1e-3));
        }
    }
    rb__state_free(&expected);
    rb__state_free(&got);
    rb_checkpoint_close(file);
    place_close(&again);
    place_close(&whole);
    return true;
}

static void resuming_gives_the_same_bits(void **state) {
    (void)state;
    rb_case adam = case_of("test/adam", mlp), plain = case_of("test/plain", mlp), ordered = case_of("test/order", mlp);
    adam.optimizer = RB_ADAM, adam.lr = 1e-3f;
    plain.momentum = 0;
    ordered.in_order = true;
    for (int d = 0; d < 2; d++) {
        rb_case momentum = case_of("test/momentum", cnn), bn = case_of("test/bn", normalized);
        assert_true(resumes(devices[d], devices[d], &momentum));
        assert_true(resumes(devices[d], devices[d], &plain));
        assert_true(resumes(devices[d], devices[d], &ordered));
        resumes(devices[d], devices[d], &adam); /* where the device can run it */
        resumes(devices[d], devices[d], &bn);
        assert_true(resumes(devices[d], devices[!d], &momentum));
    }
}

/* What one layout wrote every other reads: batch norm, Adam's moments, the copy of the best epoch; no op runs. */
static void every_layout_reads_every_other(void **state) {
    (void)state;
    static const rb_layer deep[] = {
        RB_CONV(5, .kernel = 3, .pad = 1), RB_BATCHNORM, RB_RELU, RB_LINEAR(7), RB_RELU, RB_LINEAR(10), RB_END};
    rb_spec spec = spec_of(deep, 3, 6, 6, 10, 4);
    opened o = open_device("reference");
    spec.optimizer = RB_ADAM;
    for (int from = 0; from < TEST_LAYOUTS; from++)
        for (int to = 0; to < TEST_LAYOUTS; to += 1 + (from != 0)) {
            int index[2] = {from, to};
            rb_program *program[2];
            rb_store *store[2];
            rb__state kept[2];
            for (int k = 0; k < 2; k++) {
                rb_layout layout = test_layout(index[k]);
                program[k] = compiled(&spec, &layout);
                assert_ok(o.backend->store_new(o.device, program[k]->bytes, &store[k]));
                assert_ok(rb__state_new(program[k], true, &kept[k]));
            }
            assert_int_equal(kept[0].n, 4 * program[0]->n_params + 2 * program[0]->n_buffers);
            float next = 1;
            for (int i = 0; i < kept[0].n; i++)
                for (int64_t n = 0; n < rb_tensor_count(&kept[0].at[i].tensor); n++)
                    ((float *)kept[0].at[i].file.values)[n] = next++;
            assert_ok(rb__state_put(&kept[0], o.backend, store[0], program[0]));
            for (int i = 0; i < kept[0].n; i++)
                memset((void *)kept[0].at[i].file.values, 0,
                       (size_t)rb_tensor_count(&kept[0].at[i].tensor) * sizeof(float));
            assert_ok(rb__state_get(&kept[0], o.backend, store[0], program[0]));
            assert_true(((const float *)kept[0].at[0].file.values)[0] == 1); /* no two lie on each other */
            for (int i = 0; i < kept[1].n; i++)
                memcpy((void *)kept[1].at[i].file.values, kept[0].at[i].file.values,
                       (size_t)rb_tensor_count(&kept[0].at[i].tensor) * sizeof(float));
            assert_ok(rb__state_put(&kept[1], o.backend, store[1], program[1]));
            assert_ok(rb__state_get(&kept[1], o.backend, store[1], program[1]));
            next = 1;
            for (int i = 0; i < kept[1].n; i++)
                for (int64_t n = 0; n < rb_tensor_count(&kept[1].at[i].tensor); n++)
                    assert_true(((const float *)kept[1].at[i].file.values)[n] == next++);
            for (int k = 0; k < 2; k++) {
                rb__state_free(&kept[k]);
                o.backend->store_free(store[k]);
                rb_program_free(program[k]);
            }
        }
    o.backend->close(o.device);
}

/* A file of a few kilobytes: one linear layer. */
static void write_small(const char *path) {
    static const rb_layer one[] = {RB_MAXPOOL(14), RB_LINEAR(10), RB_END};
    rb_case c = case_of("test/small", one);
    rb_run_result r;
    place p;
    assert_ok(place_open(&p, "reference", &c, 5));
    write_after(&p, 4, path, false, &r);
    place_close(&p);
}

static rb_status open_bytes(const void *bytes, size_t size) {
    rb_checkpoint *c = NULL;
    const char *path = in_folder("changed");
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
    rb_status status = rb_checkpoint_open(path, &c);
    rb_checkpoint_close(c);
    return status;
}

static void damaged_files_are_refused(void **state) {
    (void)state;
    const char *path = in_folder("small.safetensors");
    rb_checkpoint *c = NULL;
    void *content;
    size_t size;
    write_small(path);
    assert_ok(rb_file_read(path, &content, &size));
    uint8_t *bytes = realloc(content, size + 1);
    assert_non_null(bytes);
    assert_true(size < 10000);
    assert_ok(open_bytes(bytes, size));
    for (size_t i = 0; i < size; i++) { /* any byte, one bit */
        bytes[i] ^= (uint8_t)(1u << (i % 8));
        if (open_bytes(bytes, size) != RB_INPUT) fail_msg("byte %zu may change", i);
        rb_error_clear();
        bytes[i] ^= (uint8_t)(1u << (i % 8));
    }
    for (size_t n = 0; n < size; n += n < 1200 ? 1 : 97) { /* any length */
        assert_refused(open_bytes(bytes, n), RB_INPUT, n == 0 ? "is empty" : n <= 8 ? "no checkpoint" : "truncated");
    }
    bytes[size] = 0;
    assert_refused(open_bytes(bytes, size + 1), RB_INPUT, "damaged");
    bytes[size / 2] ^= 16;
    assert_refused(open_bytes(bytes, size), RB_INPUT, "damaged: the SHA-256");
    bytes[size / 2] ^= 16;
    uint8_t *version = (uint8_t *)strstr((char *)bytes + 8, "\"version\":\"1\"");
    assert_non_null(version);
    version[11] = '2';
    assert_refused(open_bytes(bytes, size), RB_INPUT, "version 2");
    assert_refused(open_bytes("\x89PNG\r\n\x1a\n and more of it", 24), RB_INPUT, "no checkpoint of regbench");
    static const char other[] =
        "\x40\0\0\0\0\0\0\0{\"__metadata__\":{\"format\":\"pt\"},\"w\":{}}                         ";
    assert_refused(open_bytes(other, sizeof other - 1), RB_INPUT, "no checkpoint of regbench");
    /* Its sum is shorter than one, and the file ends before a whole one would. */
    char *sum = strstr((char *)bytes + 8, "\"sha256\":\"");
    assert_non_null(sum);
    sum += strlen("\"sha256\":\"");
    version[11] = '1';
    sum[3] = '"';
    assert_refused(open_bytes(bytes, (size_t)(sum + 4 - (char *)bytes)), RB_INPUT, "damaged: its head");
    assert_refused(open_bytes(bytes, size), RB_INPUT, "damaged: its head");
    assert_refused(rb_checkpoint_open(in_folder("absent"), &c), RB_MISSING, "absent");
    assert_refused(rb_checkpoint_open(folder, &c), RB_INPUT, "not a regular file");
    free(bytes);
}

/* The reason names what differs; the trainer stays as it was. */
static void foreign_files_are_refused(void **state) {
    (void)state;
    const char *path = in_folder("mine.safetensors");
    rb_case mine = case_of("test/mine", mlp), c;
    rb_checkpoint *file;
    rb_run_result r;
    place p;
    assert_ok(place_open(&p, "cpu", &mine, 5));
    write_after(&p, 4, path, false, &r);
    place_close(&p);
    assert_ok(rb_checkpoint_open(path, &file));
    static const rb_layer wider[] = {RB_LINEAR(17), RB_RELU, RB_LINEAR(10), RB_END};
    for (int k = 0; k < 6; k++) {
        static const char *const says[] = {"case test/mine", "units 16", "momentum 0.899",
                                           "batch 32",       "seed 5",   "data noise abc"};
        rb__state before, after;
        c = mine;
        if (k == 0) c.name = "test/other";
        if (k == 1) c.layers = wider;
        if (k == 2) c.momentum = 0;
        if (k == 3) c.batch = 16;
        assert_ok(place_open(&p, "cpu", &c, k == 4 ? 6 : 5));
        if (k == 5) strcpy(p.noise->data.sha256, "abc");
        state_of(&p, false, &before);
        assert_refused(rb_checkpoint_restore(file, p.t, k == 4 ? 6 : 5), RB_MISMATCH, says[k]);
        state_of(&p, false, &after);
        assert_same_state(&before, &after);
        rb__state_free(&before);
        rb__state_free(&after);
        place_close(&p);
    }
    rb_checkpoint_close(file);
    /* The same by the tensors alone. */
    rb__tensor_file *tensors;
    float values[16 * 784];
    rb__tensor_out want = {.name = "0.weight", .type = RB__F32, .n_dims = 2, .dims = {16, 784}};
    assert_ok(rb__tensor_file_read(path, &tensors));
    assert_ok(rb__tensor_file_get(tensors, &want, values));
    want.dims[0] = 17;
    assert_refused(rb__tensor_file_get(tensors, &want, values), RB_MISMATCH, "F32 (16,784), F32 (17,784)");
    want.dims[0] = 16, want.type = RB__F64;
    assert_refused(rb__tensor_file_get(tensors, &want, values), RB_MISMATCH, "F64 (16,784)");
    strcpy(want.name, "9.weight");
    assert_refused(rb__tensor_file_get(tensors, &want, values), RB_MISMATCH, "no tensor 9.weight");
    rb__tensor_file_free(tensors);
}

/* More epochs are the same work, but where a teacher would train longer, too: its student was taught by another. */
static void length_matters_where_a_teacher_trains(void **state) {
    (void)state;
    for (int taught = 0; taught < 2; taught++) {
        const char *path = in_folder("taught.safetensors");
        rb_case c = case_of("test/taught", mlp);
        rb_checkpoint *file;
        rb_run_result r;
        place p;
        c.distill = taught;
        assert_ok(place_open(&p, "reference", &c, 5));
        write_after(&p, 2, path, false, &r);
        assert_ok(rb_checkpoint_open(path, &file));
        assert_ok(rb_checkpoint_restore(file, p.t, 5));
        place_close(&p);
        c.epochs = 5;
        assert_ok(place_open(&p, "reference", &c, 5));
        if (taught)
            assert_refused(rb_checkpoint_restore(file, p.t, 5), RB_MISMATCH, "\"teacher of 4 epochs\" there");
        else
            assert_ok(rb_checkpoint_restore(file, p.t, 5));
        place_close(&p);
        rb_checkpoint_close(file);
    }
}

static void assert_opens(const char *path) {
    rb_checkpoint *c;
    assert_ok(rb_checkpoint_open(path, &c));
    rb_checkpoint_close(c);
}

static void faults_leave_the_old_file(void **state) {
    (void)state;
    const char *path = in_folder("fault.safetensors");
    char fresh[160];
    void *old, *now;
    size_t n, m;
    struct rlimit limit, whole;
    struct stat info;
    rb_case c = case_of("test/small", mlp); /* larger than the one that is there */
    rb_checkpoint_head head = {.seed = 5, .at = {.epoch = 1, .step = 3}};
    place p;
    write_small(path);
    assert_ok(rb_file_read(path, &old, &n));
    assert_ok(place_open(&p, "reference", &c, 5));
    /* No room: the write stops in its middle. */
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &whole), 0);
    limit = whole;
    limit.rlim_cur = 20000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    rb_status status = rb_checkpoint_write(p.t, &head, path);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &whole), 0);
    assert_refused(status, RB_DISK, path);
    snprintf(fresh, sizeof fresh, "%s.%ld.tmp", path, (long)getpid());
    assert_int_not_equal(stat(fresh, &info), 0); /* nothing is left lying about */
    /* Nothing can be written beside it. */
    assert_int_equal(mkdir(fresh, 0777), 0);
    assert_refused(rb_checkpoint_write(p.t, &head, path), RB_OUTPUT, path);
    assert_int_equal(rmdir(fresh), 0);
    assert_refused(rb_checkpoint_write(p.t, &head, in_folder("none/x")), RB_OUTPUT, "none/x");
    assert_ok(rb_file_read(path, &now, &m));
    assert_int_equal(n, m);
    assert_memory_equal(old, now, n);
    free(old);
    free(now);
    /* Killed at any point. */
    srand(3);
    for (int round = 0; round < 30; round++) {
        int how;
        pid_t child = fork();
        if (child == 0)
            for (;;)
                if (rb_checkpoint_write(p.t, &head, path) != RB_OK) _exit(1);
        usleep((useconds_t)(rand() % 15000));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFSIGNALED(how));
        assert_opens(path);
    }
    place_close(&p);
}

static void norms_are_those_of_the_values(void **state) {
    (void)state;
    for (int d = 0; d < 2; d++) {
        rb_case c = case_of("test/norms", cnn);
        rb_tensor_norms norms[8];
        rb_step_metrics m;
        double param = 0, grad = 0;
        place p;
        c.l1 = 0; /* METRIC's norm of the gradient counts penalties */
        assert_ok(place_open(&p, devices[d], &c, 5));
        const rb_program *program = rb_trainer_program(p.t);
        assert_true(program->n_params <= 8);
        assert_ok(rb_trainer_begin_window(p.t));
        assert_ok(rb_trainer_submit(p.t, 3));
        assert_ok(rb_trainer_metrics(p.t, 2, 1, &m));
        assert_ok(rb_trainer_norms(p.t, norms));
        for (int i = 0; i < program->n_params; i++) {
            int64_t n = rb_tensor_count(&program->params[i].tensor), small = 0;
            float *w = malloc((size_t)n * sizeof *w);
            double l1 = 0, largest = 0;
            assert_non_null(w);
            assert_ok(rb_trainer_get_param(p.t, i, w));
            for (int64_t k = 0; k < n; k++) {
                l1 += fabs((double)w[k]);
                if (fabs((double)w[k]) > largest) largest = fabs((double)w[k]);
                small += fabsf(w[k]) < 1e-3f;
            }
            assert_true(near(norms[i].l1, l1, 1e-9));
            assert_true(norms[i].max_abs == largest);
            assert_true(near(norms[i].near_zero, (double)small / (double)n, 1e-12));
            param += norms[i].l2 * norms[i].l2;
            grad += norms[i].grad_l2 * norms[i].grad_l2;
            free(w);
        }
        assert_true(near(sqrt(param), m.param_l2, 1e-6));
        assert_true(near(sqrt(grad), m.grad_l2, 1e-6));
        place_close(&p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resuming_gives_the_same_bits),
        cmocka_unit_test(every_layout_reads_every_other),
        cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test(foreign_files_are_refused),
        cmocka_unit_test(faults_leave_the_old_file),
        cmocka_unit_test(norms_are_those_of_the_values),
        cmocka_unit_test(length_matters_where_a_teacher_trains),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
