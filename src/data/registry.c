/* registry.c: the one list of data sets: shape, classes, files, where they are published. A new set is one row. */
#include <string.h>

#include "core/text.h"
#include "data/data.h"

static const char *const digits[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
static const char *const clothes[] = {"t-shirt", "trouser", "pullover", "dress", "coat",
                                      "sandal",  "shirt",   "sneaker",  "bag",   "ankle boot"};
static const char *const objects[] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                      "dog",      "frog",       "horse", "ship", "truck"};
static const char *const animals[] = {"cat", "dog", "wild"};

/* Hashes of the unpacked files: a mirror may pack them anew. */
static const rb__remote fashion_files[] = {
    {"train-images-idx3-ubyte.gz", "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"},
    {"train-labels-idx1-ubyte.gz", "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"},
    {"t10k-images-idx3-ubyte.gz", "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"},
    {"t10k-labels-idx1-ubyte.gz", "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"},
    {0}};
static const rb__remote mnist_files[] = {
    {"train-images-idx3-ubyte.gz", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
    {"train-labels-idx1-ubyte.gz", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
    {"t10k-images-idx3-ubyte.gz", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
    {"t10k-labels-idx1-ubyte.gz", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"},
    {0}};
static const rb__remote cifar_files[] = {
    {"cifar-10-binary.tar.gz", "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"}, {0}};

#define IDX_FILES                                                                                                      \
    { "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte" }
#define CIFAR_FILES                                                                                                    \
    {                                                                                                                  \
        "data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin",            \
            "test_batch.bin"                                                                                           \
    }

static const rb__set sets[] = {
    {.entry = {"fashion", "Fashion-MNIST: 10 kinds of clothing, gray", 1, 28, 28, 10, 60000, 10000},
     .class_names = clothes,
     .folders = {"fashion", "fashion-mnist"},
     .package = "dataset-fashion-mnist",
     .stand_in = "sample",
     .gzip = true,
     .files = IDX_FILES,
     .read = rb__idx_read,
     .url = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
     .remote = fashion_files,
     .sha256 = "2cbc59191665e1ba3f2494648f17edac5974f748ab89fb2ae05597d658161f54"},
    {.entry = {"mnist", "MNIST: handwritten digits, gray", 1, 28, 28, 10, 60000, 10000},
     .class_names = digits,
     .folders = {"mnist"},
     .gzip = true,
     .files = IDX_FILES,
     .read = rb__idx_read,
     .url = "https://ossci-datasets.s3.amazonaws.com/mnist",
     .remote = mnist_files,
     .sha256 = "c2069063c1105f2bf96266aef1ff68c6e13bdda7a54e37bf19c16f1db24efc83"},
    {.entry = {"cifar", "CIFAR-10: 10 kinds of objects, color", 3, 32, 32, 10, 50000, 10000},
     .class_names = objects,
     .folders = {"cifar-10-batches-bin", "cifar"},
     .files = CIFAR_FILES,
     .read = rb__cifar_read,
     .url = "https://www.cs.toronto.edu/~kriz",
     .remote = cifar_files},
    {.entry = {"animals", "faces of cats, dogs and wild animals (AFHQ), or your own images, color", 3, 32, 32, 3, 15000,
               3000},
     .class_names = animals,
     .folders = {"animals", "afhq"},
     .files = {"train", "val"},
     .folders_of_files = true,
     .mean = 0.5f,
     .stddev = 0.5f,
     .read = rb__folder_read,
     .stand_in = "cifar-animals"},
    {.entry = {"cifar-animals", "cats, dogs and wild animals of CIFAR-10, which stand in for animals", 3, 32, 32, 3,
               15000, 3000},
     .class_names = animals,
     .mean = 0.5f,
     .stddev = 0.5f,
     .from = "cifar",
     .take = rb__animals_take},
    {.entry = {"sample", "3,000 images of Fashion-MNIST, in the program itself", 1, 28, 28, 10, 2500, 500},
     .class_names = clothes},
    {.entry = {"toy", "10 noisy points of a line, drawn from the run's seed", 1, 1, 1, 1, 10, 40, .regression = true},
     .make = rb__toy_make,
     .draws = rb__toy_draws},
};
enum { SETS = sizeof sets / sizeof sets[0] };

const rb__set *rb__set_list(int *count) {
    *count = SETS;
    return sets;
}

const rb__set *rb__set_find(const char *name) {
    for (int i = 0; i < SETS; i++)
        if (strcmp(sets[i].entry.name, name) == 0) return &sets[i];
    return NULL;
}

rb_status rb__set_unknown(const char *name) {
    const char *names[SETS];
    for (int i = 0; i < SETS; i++) names[i] = sets[i].entry.name;
    const char *nearest = rb_text_nearest(name, names, SETS);
    if (nearest) return rb_fail(RB_USAGE, "no data set is called `%s`; did you mean `%s`?", name, nearest);
    return rb_fail(RB_USAGE, "no data set is called `%s`; `regbench data list` shows them", name);
}

const rb_dataset_entry *rb_dataset_registry(void) {
    static rb_dataset_entry list[SETS + 1]; /* the same values each time: safe from any thread */
    for (int i = 0; i < SETS; i++) list[i] = sets[i].entry;
    return list;
}
