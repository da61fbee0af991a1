/* data.h: what the files of src/data share: rows of the registry, the reader, the store, places on disk. */
#ifndef RB_DATA_DATA_H
#define RB_DATA_DATA_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "regbench/data.h"

enum { RB_PATH = 1024, RB_SET_FILES = 6 };

/* One file that `data fetch` downloads. sha256: of the unpacked content of a .gz, of the file itself otherwise. */
typedef struct rb__remote {
    const char *name;
    const char *sha256;
} rb__remote;

/* Where the search found a set. */
typedef struct rb__place {
    char folder[RB_PATH];
    char file[RB_SET_FILES][RB_PATH]; /* (n_files), in the order of rb__set.files */
} rb__place;

/* One row of the registry. */
typedef struct rb__set {
    rb_dataset_entry entry;
    const char *const *class_names;      /* (classes) */
    const char *folders[3];              /* names of its folder below DIR, the first is what fetch makes; NULL ends */
    const char *package;                 /* Debian's package, or NULL */
    bool gzip;                           /* each file may also be NAME.gz */
    const char *files[RB_SET_FILES + 1]; /* NULL ends; none: the set is embedded, made, or taken from another */
    bool folders_of_files;               /* `files` are folders of class folders of images */
    float mean, stddev;                  /* (x/255 - mean)/stddev; stddev 0 = 1 */
    rb_status (*read)(const struct rb__set *set, const rb__place *place, rb_dataset *data);
    rb_status (*make)(uint64_t seed, rb_dataset *data); /* made data instead of files */
    void (*draws)(rb_mt19937 *g);                       /* what make draws from the run's stream */
    const char *from;                                   /* the set whose rows `take` takes, instead of files */
    rb_status (*take)(const rb_dataset *from, rb_dataset *data);
    const char *stand_in;     /* the set that takes this one's place where it is absent */
    const char *url;          /* folder of the remote files */
    const rb__remote *remote; /* name NULL ends */
    const char *sha256;       /* of the whole published set (as rb_dataset.sha256), or NULL where not known */
} rb__set;

const rb__set *rb__set_find(const char *name); /* NULL where unknown, without an error */
const rb__set *rb__set_list(int *count);       /* (count) rows */
rb_status rb__set_unknown(const char *name);   /* RB_USAGE with the nearest name */

/* --- store: pixels (n_train + n_test, C, H, W) u8, then labels i32 at the next multiple of 64 -------------------- */
struct rb_dataset_store {
    void *base;
    size_t bytes;
    bool mapped; /* base is a mapping of the cache, not heap */
};
/* Allocates data->store. */
rb_status rb__store_alloc(rb_dataset *data, size_t bytes);
/* Allocates the memory for n_train + n_test rows of C x H x W bytes and sets data->x, labels, store and the counts. */
rb_status rb__store_new(rb_dataset *data, int64_t n_train, int64_t n_test);
void rb__store_free(struct rb_dataset_store *store);
size_t rb__store_labels_at(int64_t rows, int64_t sample_bytes); /* byte offset of the labels */
uint8_t *rb__pixels(const rb_dataset *data);                    /* data->x, while it is being filled */
int32_t *rb__labels(const rb_dataset *data);
/* sha256 over the pixels, then one byte per label; training rows first in both. */
rb_status rb__dataset_hash(const rb_dataset *data, char hex[65]);

/* --- reader: the bytes of a file, raw or gzip (told by content, not by name) ------------------------------------- */
typedef struct rb__reader rb__reader;
/* `set` names the data set in messages. The file must exist; RB_INPUT where it cannot be read. */
rb_status rb__reader_open(const char *path, const char *set, bool gzip, rb__reader **out);
/* The same on a stream (a buffer through fmemopen); the reader closes it. */
rb_status rb__reader_stream(FILE *stream, const char *path, const char *set, bool gzip, rb__reader **out);
/* Reads up to `want` bytes into `to` (want); *got is less only at the end of the content. RB_INPUT where damaged. */
rb_status rb__reader_read(rb__reader *r, void *to, size_t want, size_t *got);
/* RB_INPUT unless the content ends here; `expected` is the length that the caller knows. */
rb_status rb__reader_end(rb__reader *r);
uint64_t rb__reader_at(const rb__reader *r);    /* bytes of content read so far */
uint64_t rb__reader_limit(const rb__reader *r); /* the content cannot be longer than this many bytes */
bool rb__reader_exact(const rb__reader *r);     /* ... and is exactly that long */
void rb__reader_close(rb__reader *r);           /* NULL is fine */
/* Fails with RB_INPUT: file, byte offset in the content, `fmt` = "expected ..., found ...", what to do. */
rb_status rb__reader_bad(const rb__reader *r, const char *source, int line, uint64_t offset, const char *fmt, ...)
    RB_PRINTF(5, 6);
#define rb__bad(reader, offset, ...) rb__reader_bad((reader), __FILE__, __LINE__, (offset), __VA_ARGS__)

/* --- formats ------------------------------------------------------------------------------------------------------ */
rb_status rb__idx_read(const rb__set *set, const rb__place *place, rb_dataset *data);
/* The four streams of an IDX set: training images, training labels, test images, test labels. Does not close them. */
rb_status rb__idx_parse(rb__reader *const r[4], rb_dataset *data);
enum { RB_CIFAR_BATCH = 10000, RB_CIFAR_ROW = 1 + 3 * 32 * 32 };
rb_status rb__cifar_read(const rb__set *set, const rb__place *place, rb_dataset *data);
/* `rows` rows of one batch into pixels (rows, 3, 32, 32) and labels (rows). */
rb_status rb__cifar_parse(rb__reader *r, int64_t rows, int classes, uint8_t *pixels, int32_t *labels);
/* The embedded sample; `png` (bytes) otherwise a picture of the same layout, which tests damage. */
rb_status rb__sample_read(rb_dataset *data);
rb_status rb__sample_decode(const void *png, size_t bytes, rb_dataset *data);
/* Folders of class folders of images, see folder.c. */
rb_status rb__folder_read(const rb__set *set, const rb__place *place, rb_dataset *data);
/* Appends a line for each image file, with size and time of change: what the unpacked copy is made from. */
struct rb_text;
rb_status rb__folder_sources(const rb__set *set, const rb__place *place, struct rb_text *text);
/* CIFAR-10's cats, dogs and as many wild animals. */
rb_status rb__animals_take(const rb_dataset *cifar, rb_dataset *data);
/* Ten noisy points of a line and forty exact ones, see toy.c. */
rb_status rb__toy_make(uint64_t seed, rb_dataset *data);
void rb__toy_draws(rb_mt19937 *g);
const unsigned char *rb__sample_png(size_t *bytes);
/* Writes the members of a gzipped ustar archive whose last path component is in `names` (NULL ends) to `folder`; each
 * is written to a temporary name and renamed once the archive was read. RB_INPUT where damaged or a member is absent.
 */
rb_status rb__tar_unpack(const char *archive, const char *set, const char *const *names, const char *folder);

/* --- places ------------------------------------------------------------------------------------------------------- */
/* System folders to search, separated by ':'; REGBENCH_DATA_FOLDERS of the build. A variable so that tests can hide the
 * installed sets. */
extern const char *rb__data_folders;
/* Looks for the set; *found says whether. Fails where a file is present but another of the set absent, where a folder
 * cannot be read, and where options->dir does not exist. */
rb_status rb__search(const rb__set *set, const rb_data_options *options, rb__place *place, bool *found);
rb_status rb__missing(const rb__set *set, const rb_data_options *options); /* RB_MISSING: where it looked, what to do */
/* RB_MISSING: the set, and what stands in for it, whose failure was the last. */
rb_status rb__missing_too(const rb__set *set, const rb_data_options *options);
bool rb__cache_folder(char *path, int size); /* ${XDG_CACHE_HOME:-~/.cache}/regbench; false where there is none */
/* printf into path (size); RB_USAGE where it is too long. */
rb_status rb__path(char *path, int size, const char *fmt, ...) RB_PRINTF(3, 4);
int rb__make_folders(const char *path); /* mkdir -p; 0 or errno */

/* --- unpacked cache ------------------------------------------------------------------------------------------------
 */
/* Fills `data` from the cache; false where there is none that fits `place` (never an error). */
bool rb__cache_load(const rb__set *set, const rb__place *place, rb_dataset *data);
/* Writes it; failure only costs time, so it is a debug line. */
void rb__cache_save(const rb__set *set, const rb__place *place, const rb_dataset *data);

/* --- fetch ---------------------------------------------------------------------------------------------------------
 */
/* Downloads `url` to `path` through a temporary file; keeps it only where its sha256 (of the unpacked content where
 * `unpacked`) is as expected. */
rb_status rb__fetch_file(const char *url, const char *path, const char *set, const char *sha256, bool unpacked);
/* All remote files of the set into `folder`, which is made; an archive is unpacked there. */
rb_status rb__fetch_set(const rb__set *set, const char *folder);

#endif
