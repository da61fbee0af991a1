/* test_opencl_family.c: every op of the opencl backend in the gpu family, as devices of other limits would run it.
 *
 * usage: test_opencl_family [few|all|only=SHAPE QUIRKS]: a few shapes, all, or those with SHAPE in their names
 * (src/check/shapes.c). Without: a few, in groups of 64 with local memory. Each shape runs in a process of its own, so
 * that a driver that crashes is a failure with a name. */
#include <sys/wait.h>
#include <unistd.h>

#include "golden_run.h"
#include "regbench/check.h"

/* LeNet's first weight gradient is long enough to be added in two rounds. */
static const char *const few[] = {"linear, leaky", "LeNet", "with strides", "dropout of channels", "regression of five",
                                  "soft labels",   NULL};
static const char *const all[] = {"", NULL};
static const char *quirks = "family=gpu,max_wg=64,local_mem=32768";

/* In the child: 0 = every op agrees. */
static int check_shape(const rb_device_id *id, const char *shape) {
    rb_device *device = NULL;
    int checked = 0, failed = 0;
    rb_status status = id->backend->open(id->index, &(rb_open_options){.quirks = quirks}, &device);
    if (status == RB_OK) status = rb_check_ops(id->backend, device, *shape ? shape : NULL, stdout, &checked, &failed);
    if (status != RB_OK) printf("%s\n", rb_error_last() ? rb_error_last()->text : rb_status_word(status));
    if (checked < (*shape ? 5 : 300)) printf("only %d ops were checked\n", checked), failed++;
    fflush(stdout);
    return status == RB_OK && failed == 0 ? 0 : 1;
}

static void check_ops(void **state) {
    const char *const *shapes = *state;
    for (int i = 0; shapes[i]; i++) {
        int how = 0;
        fflush(stdout);
        pid_t child = fork(); /* before the driver has threads */
        assert_true(child >= 0);
        if (child == 0) {
            rb_device_id id;
            rb_status selected = rb_device_select("opencl", &id);
            if (selected != RB_OK) printf("%s\n", rb_error_last()->text), fflush(stdout);
            _exit(selected == RB_NO_DEVICE ? 77 : selected != RB_OK ? 1 : check_shape(&id, shapes[i]));
        }
        assert_int_equal(waitpid(child, &how, 0), child);
        if (WIFEXITED(how) && WEXITSTATUS(how) == 77) skip();
        if (WIFSIGNALED(how)) fail_msg("shapes \"%s\", %s: killed by signal %d", shapes[i], quirks, WTERMSIG(how));
        if (WEXITSTATUS(how)) fail_msg("shapes \"%s\", %s: exit code %d", shapes[i], quirks, WEXITSTATUS(how));
    }
}

int main(int argc, char **argv) {
    const char *const *shapes = few, *one[2] = {0};
    if (argc == 3 && strcmp(argv[1], "all") == 0)
        shapes = all;
    else if (argc == 3 && strncmp(argv[1], "only=", 5) == 0)
        one[0] = argv[1] + 5, shapes = one;
    else if (argc != 1 && (argc != 3 || strcmp(argv[1], "few"))) {
        fprintf(stderr, "usage: test_opencl_family [few|all|only=SHAPE QUIRKS]\n");
        return 2;
    }
    if (argc > 1) quirks = argv[2];
    const struct CMUnitTest tests[] = {
        {.name = quirks, .test_func = check_ops, .initial_state = (void *)(uintptr_t)shapes}};
    return cmocka_run_group_tests_name("opencl, gpu family", tests, NULL, NULL);
}
