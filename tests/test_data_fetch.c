/* test_data_fetch.c: downloads from file:// and from a small server on the loopback: good, wrong, absent, cut off; and
 * archives. */
#include <arpa/inet.h>
#include <dirent.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <utime.h>

#include "core/log.h"
#include "core/sha256.h"
#include "data_files.h"

/* What CMake defines where libcurl was found is private to the library: ask it. */
static bool have_curl(void) {
    rb_status status = rb__fetch_file("file:///nowhere", below("probe"), "mnist", "", false);
    bool have = status != RB_UNSUPPORTED;
    if (!have) expect_error(status, RB_UNSUPPORTED, "no libcurl");
    rb_error_clear();
    return have;
}

static int quiet(void **state) {
    rb_log_threshold = RB_LOG_WARN;
    return begin(state);
}

static int files_in(const char *name) {
    DIR *d = opendir(below(name));
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d));) n += e->d_name[0] != '.';
    if (d) closedir(d);
    return n;
}

static void one_file(void **state) {
    (void)state;
    char sha[65], url[600];
    if (!have_curl()) skip();
    expect_ok(rb_sha256("content", 7, sha));
    write_file(below("from/plain"), "content", 7, 0);
    write_file(below("from/packed.gz"), "content", 7, 1);
    write_file(below("from/broken.gz"), "\x1f\x8b\x08 no gzip", 11, 0);
    assert_int_equal(mkdir(below("to"), 0777), 0);
    snprintf(url, sizeof url, "file://%s", below("from/plain"));
    write_file(below("to/plain.part-1"), "con", 3, 0); /* what a killed download left, and what another is writing */
    write_file(below("to/plain.part-2"), "con", 3, 0);
    assert_int_equal(utime(below("to/plain.part-1"), &(struct utimbuf){1, 1}), 0);
    expect_ok(rb__fetch_file(url, below("to/plain"), "mnist", sha, false));
    assert_int_equal(files_in("to"), 2);
    assert_int_equal(unlink(below("to/plain.part-2")), 0);
    size_t bytes;
    char *got = read_file(below("to/plain"), &bytes);
    assert_int_equal(bytes, 7);
    assert_memory_equal(got, "content", 7);
    free(got);
    snprintf(url, sizeof url, "file://%s", below("from/packed.gz"));
    expect_ok(rb__fetch_file(url, below("to/packed.gz"), "mnist", sha, true));
    assert_int_equal(files_in("to"), 2);
    /* wrong: both hashes are named, nothing is left */
    sha[0] = sha[0] == 'a' ? 'b' : 'a';
    expect_error(rb__fetch_file(url, below("to/wrong"), "mnist", sha, true), RB_INPUT, url, "expected sha256", sha,
                 "of the unpacked content", sha + 1, "the download was deleted");
    snprintf(url, sizeof url, "file://%s", below("from/broken.gz"));
    expect_error(rb__fetch_file(url, below("to/wrong"), "mnist", sha, true), RB_INPUT, url, "damaged and was deleted");
    snprintf(url, sizeof url, "file://%s", below("from/absent"));
    expect_error(rb__fetch_file(url, below("to/wrong"), "mnist", sha, false), RB_MISSING, "cannot fetch", url,
                 "REGBENCH_FETCH_BASE");
    expect_error(rb__fetch_file(url, below("nowhere/wrong"), "mnist", sha, false), RB_OUTPUT, "cannot write",
                 "nowhere");
    assert_int_equal(files_in("to"), 2);
}

static void base_of_files(void **state) {
    (void)state;
    rb_data_options o = {.dir = below("made/data")};
    char base[600];
    if (!have_curl()) skip();
    write_idx_set("mirror", 0, 1); /* right names, wrong content */
    snprintf(base, sizeof base, "file://%s", below("mirror"));
    setenv("REGBENCH_FETCH_BASE", base, 1);
    expect_error(rb_dataset_fetch("mnist", &o), RB_INPUT, "train-images-idx3-ubyte.gz",
                 "expected sha256 ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", "deleted");
    assert_int_equal(files_in("made/data/mnist"), 0);
    expect_error(rb_dataset_fetch("cifar", &o), RB_MISSING, "cifar-10-binary.tar.gz");
    expect_error(rb_dataset_fetch("sample", &o), RB_USAGE, "nothing to fetch");
    expect_error(rb_dataset_fetch("minst", &o), RB_USAGE, "did you mean `mnist`");
}

/* The whole way, where the real files are at hand: Debian's folder is the mirror. */
static void whole_set(void **state) {
    (void)state;
    static const char folder[] = "/usr/share/datasets/fashion-mnist"; /* where the package puts it */
    rb_dataset *data;
    if (!have_curl() || access("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz", R_OK)) skip();
    char base[600];
    snprintf(base, sizeof base, "file://%s", folder);
    setenv("REGBENCH_FETCH_BASE", base, 1);
    expect_ok(rb_dataset_fetch("fashion", NULL));
    assert_int_equal(files_in("cache/regbench/fashion"), 4);
    expect_ok(rb_dataset_load("fashion", NULL, &data));
    assert_false(data->stand_in);
    assert_int_equal(data->n_train, 60000);
    assert_string_equal(data->source, below("cache/regbench/fashion"));
    assert_string_equal(data->sha256, rb__set_find("fashion")->sha256);
    rb_dataset_free(data);
    /* there already: a mirror that is gone does not matter */
    setenv("REGBENCH_FETCH_BASE", "file:///nowhere", 1);
    expect_ok(rb_dataset_fetch("fashion", NULL));
    /* one file is damaged: it alone is fetched anew */
    assert_int_equal(truncate(below("cache/regbench/fashion/t10k-labels-idx1-ubyte.gz"), 100), 0);
    expect_error(rb_dataset_fetch("fashion", NULL), RB_MISSING, "t10k-labels-idx1-ubyte.gz");
    setenv("REGBENCH_FETCH_BASE", base, 1);
    expect_ok(rb_dataset_fetch("fashion", NULL));
    /* Fashion-MNIST in MNIST's folder is told by its hash */
    assert_int_equal(rename(below("cache/regbench/fashion"), below("cache/regbench/mnist")), 0);
    expect_error(rb_dataset_load("mnist", NULL, &data), RB_INPUT, "expected data set `mnist`, found `fashion`");
}

/* A child process that answers one request with `text` and ends. */
static pid_t serve(int listener, const char *text) {
    pid_t child = fork();
    if (child != 0) return child;
    char request[2048];
    alarm(20); /* nobody called */
    int fd = accept(listener, NULL, NULL);
    int good = fd >= 0 && read(fd, request, sizeof request) > 0 && write(fd, text, strlen(text)) >= 0;
    _exit(!good);
}

static void over_http(void **state) {
    (void)state;
    static const struct {
        const char *answer;
        rb_status status;
        const char *part[2];
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ncontent", RB_OK, {0}},
        {"HTTP/1.1 200 OK\r\nContent-Length: 70\r\n\r\ncontent", RB_INPUT, {"byte 7:", "cut off"}},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", RB_MISSING, {"cannot fetch", "404"}},
        {"", RB_MISSING, {"cannot fetch", "127.0.0.1"}},
    };
    char sha[65], url[100];
    if (!have_curl()) skip();
    expect_ok(rb_sha256("content", 7, sha));
    setenv("no_proxy", "127.0.0.1", 1);
    assert_int_equal(mkdir(below("to"), 0777), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof address;
        int listener = socket(AF_INET, SOCK_STREAM, 0);
        if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1)) skip();
        assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
        pid_t child = serve(listener, cases[i].answer);
        assert_true(child > 0);
        close(listener);
        snprintf(url, sizeof url, "http://127.0.0.1:%d/file", ntohs(address.sin_port));
        rb_status status = rb__fetch_file(url, below("to/file"), "mnist", sha, false);
        assert_int_equal(waitpid(child, NULL, 0), child);
        if (cases[i].status == RB_OK) {
            expect_ok(status);
            assert_int_equal(unlink(below("to/file")), 0);
        } else
            expect_error(status, cases[i].status, cases[i].part[0], cases[i].part[1]);
        assert_int_equal(files_in("to"), 0); /* nothing half is left */
    }
}

/* A member of a ustar archive at `to`; returns the bytes written. */
static size_t member(unsigned char *to, const char *name, char type, const void *content, size_t bytes) {
    memset(to, 0, 512);
    snprintf((char *)to, 100, "%s", name);
    snprintf((char *)to + 124, 12, "%011o", (unsigned)bytes);
    to[156] = (unsigned char)type;
    memcpy(to + 257, "ustar", 6);
    memset(to + 148, ' ', 8);
    unsigned sum = 0;
    for (int i = 0; i < 512; i++) sum += to[i];
    snprintf((char *)to + 148, 8, "%06o", sum);
    size_t padded = (bytes + 511) / 512 * 512;
    memset(to + 512, 0, padded);
    memcpy(to + 512, content, bytes);
    return 512 + padded;
}

static void archive(void **state) {
    (void)state;
    static const char *const names[] = {"one.bin", "two.bin", NULL};
    static unsigned char tar[40960], copy[sizeof tar + 64];
    size_t n = 0, bytes;
    n += member(tar + n, "set/", '5', "", 0);
    n += member(tar + n, "set/readme.html", '0', "skipped", 7);
    n += member(tar + n, "../../one.bin", '0', "first", 5);
    size_t second = n;
    memset(copy, 'x', 9000);
    n += member(tar + n, "set/two.bin", '0', copy, 9000);
    n += 1024; /* two blocks of zeros */
    write_file(below("good.tar.gz"), tar, n, 1);
    assert_int_equal(mkdir(below("out"), 0777), 0);
    expect_ok(rb__tar_unpack(below("good.tar.gz"), "cifar", names, below("out")));
    assert_int_equal(files_in("out"), 2); /* "../../" led nowhere */
    char *got = read_file(below("out/two.bin"), &bytes);
    assert_int_equal(bytes, 9000);
    assert_int_equal(got[8999], 'x');
    free(got);
    got = read_file(below("out/one.bin"), &bytes);
    assert_int_equal(bytes, 5);
    assert_memory_equal(got, "first", 5);
    free(got);
    assert_int_equal(unlink(below("out/one.bin")), 0);
    assert_int_equal(unlink(below("out/two.bin")), 0);

    static const char *const more[] = {"one.bin", "three.bin", NULL};
    expect_error(rb__tar_unpack(below("good.tar.gz"), "cifar", more, below("out")), RB_INPUT, "good.tar.gz", "byte ",
                 "expected a member called three.bin, found none");
    write_file(below("cut.tar.gz"), tar, second + 1024, 1);
    expect_error(rb__tar_unpack(below("cut.tar.gz"), "cifar", names, below("out")), RB_INPUT, "cut.tar.gz",
                 "further bytes of a member", "found the end of the archive");
    tar[second] ^= 1;
    write_file(below("bad.tar.gz"), tar, n, 1);
    expect_error(rb__tar_unpack(below("bad.tar.gz"), "cifar", names, below("out")), RB_INPUT, "bad.tar.gz",
                 "expected the header of a tar member, found something else");
    tar[second] ^= 1;
    assert_int_equal(files_in("out"), 0);

    uint64_t seed = 5;
    for (int round = 0; round < 1000; round++) {
        memcpy(copy, tar, n);
        size_t length = mutate(copy, n, n + 64, &seed);
        write_file(below("fuzz.tar.gz"), copy, length, 0);
        rb_status status = rb__tar_unpack(below("fuzz.tar.gz"), "cifar", names, below("out"));
        assert_true(status == RB_OK || status == RB_INPUT);
        rb_error_clear();
        unlink(below("out/one.bin"));
        unlink(below("out/two.bin"));
        assert_int_equal(files_in("out"), 0);
    }
}

/* Stands for cifar_read: whole where one.bin has five bytes. */
static rb_status read_archived(const rb__set *set, const rb__place *place, rb_dataset *data) {
    struct stat s;
    (void)set, (void)data;
    if (stat(place->file[0], &s) == 0 && s.st_size == 5) return RB_OK;
    return rb_fail(RB_INPUT, "%s: not five bytes", place->file[0]);
}

/* The way of CIFAR-10, with an archive whose hash is known here. */
static void archived_set(void **state) {
    (void)state;
    static unsigned char tar[8192];
    char base[600], sha[65];
    if (!have_curl()) skip();
    size_t n = member(tar, "set/one.bin", '0', "first", 5);
    n += member(tar + n, "set/two.bin", '0', "second", 6) + 1024;
    write_file(below("mirror/set.tar.gz"), tar, n, 1);
    expect_ok(rb_sha256_file(below("mirror/set.tar.gz"), sha));
    rb__remote remote[] = {{"set.tar.gz", sha}, {0}};
    rb__set set = {.entry = {.name = "set"}, .files = {"one.bin", "two.bin"}, .read = read_archived, .remote = remote};
    snprintf(base, sizeof base, "file://%s", below("mirror"));
    setenv("REGBENCH_FETCH_BASE", base, 1);
    expect_ok(rb__fetch_set(&set, below("a/b/c")));
    assert_int_equal(files_in("a/b/c"), 2); /* the members; the archive is gone */
    setenv("REGBENCH_FETCH_BASE", "file:///nowhere", 1);
    expect_ok(rb__fetch_set(&set, below("a/b/c"))); /* there already */
    assert_int_equal(truncate(below("a/b/c/one.bin"), 3), 0);
    expect_error(rb__fetch_set(&set, below("a/b/c")), RB_MISSING, "file:///nowhere/set.tar.gz");
    setenv("REGBENCH_FETCH_BASE", base, 1);
    expect_ok(rb__fetch_set(&set, below("a/b/c"))); /* damaged: fetched anew */
    struct stat s;
    assert_int_equal(stat(below("a/b/c/one.bin"), &s), 0);
    assert_int_equal(s.st_size, 5);
    write_file(below("file"), "", 0, 0);
    expect_error(rb__fetch_set(&set, below("file/x")), RB_OUTPUT, "cannot make the folder", "file/x");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_file, quiet, finish),
        cmocka_unit_test_setup_teardown(base_of_files, quiet, finish),
        cmocka_unit_test_setup_teardown(whole_set, quiet, finish),
        cmocka_unit_test_setup_teardown(over_http, quiet, finish),
        cmocka_unit_test_setup_teardown(archive, quiet, finish),
        cmocka_unit_test_setup_teardown(archived_set, quiet, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
