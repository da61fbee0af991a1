/* tensor_file.c: the file format of checkpoints: safetensors (https://huggingface.co/docs/safetensors) with a head of
 * ours, so that Python's safetensors opens it.
 *
 *     8 bytes            length L of the header, little-endian
 *     L bytes            JSON, padded with blanks to a multiple of 8:
 *                        {"__metadata__":{"format":"regbench checkpoint","version":"1","bytes":"..","sha256":"..",
 *                        more texts},"NAME":{"dtype":"F32","shape":[..],"data_offsets":[from,to]},..}
 *     the rest           the tensors' values, little-endian, one after another without gaps; offsets count from here
 *
 * The metadata begin as shown, to the byte. `bytes` is the size of the whole file, `sha256` that of the whole file with
 * 64 zeros in its own place: any bit that changes is noticed. F64 tensors come first, so that all values are aligned.
 */
#include "train/tensor_file.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "core/sha256.h"
#include "core/text.h"

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "checkpoints are little-endian: values must be swapped here"
#endif

#define MAGIC   "{\"__metadata__\":{\"format\":\"regbench checkpoint\",\"version\":\""
#define VERSION "1"
static const char no_sum[] = "0000000000000000000000000000000000000000000000000000000000000000";

struct rb__tensor_file {
    char *path;
    uint8_t *bytes;
    size_t size, values_at;
    cJSON *head;
};

static const struct {
    const char *name;
    size_t bytes;
} types[] = {[RB__F32] = {"F32", 4}, [RB__F64] = {"F64", 8}};

static size_t bytes_of(const rb__tensor_out *t) {
    size_t n = types[t->type].bytes;
    for (int d = 0; d < t->n_dims; d++) n *= (size_t)t->dims[d];
    return n;
}

/* --- writing --------------------------------------------------------------------------------------------------------
 */

static void print_text(rb_text *to, const char *key, const char *value) {
    cJSON *string = cJSON_CreateString(value);
    char *quoted = cJSON_PrintUnformatted(string);
    if (quoted)
        rb_text_printf(to, ",\"%s\":%s", key, quoted);
    else
        to->failed = 1;
    cJSON_free(quoted);
    cJSON_Delete(string);
}

/* Everything behind `sha256`. */
static void print_rest(rb_text *to, const char *const (*texts)[2], int n_texts, const rb__tensor_out *tensors,
                       int n_tensors) {
    size_t at = 0;
    for (int i = 0; i < n_texts; i++) print_text(to, texts[i][0], texts[i][1]);
    rb_text_append(to, "}");
    for (int i = 0; i < n_tensors; i++) {
        const rb__tensor_out *t = &tensors[i];
        rb_text_printf(to, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", t->name, types[t->type].name);
        for (int d = 0; d < t->n_dims; d++) rb_text_printf(to, "%s%lld", d ? "," : "", (long long)t->dims[d]);
        rb_text_printf(to, "],\"data_offsets\":[%zu,%zu]}", at, at + bytes_of(t));
        at += bytes_of(t);
    }
    rb_text_append(to, "}");
}

/* The file's SHA-256 as its head has it: `sum_at` is where that stands. */
static rb_status sum_of(const uint8_t *bytes, size_t size, size_t sum_at, char hex[65]) {
    const void *pieces[] = {bytes, no_sum, bytes + sum_at + 64};
    const size_t sizes[] = {sum_at, 64, size - sum_at - 64};
    return rb_sha256_pieces(pieces, sizes, 3, hex);
}

rb_status rb__tensor_file_write(const char *path, const char *const (*texts)[2], int n_texts,
                                const rb__tensor_out *tensors, int n_tensors) {
    rb_status status = RB_OK;
    rb_text head = {0}, rest = {0};
    uint8_t *file = NULL;
    size_t values = 0;
    char hex[65];
    for (int i = 0; i < n_tensors; i++) values += bytes_of(&tensors[i]);
    print_rest(&rest, texts, n_texts, tensors, n_tensors);
    RB_TRY(rb_text_status(&rest));
    rb_text_printf(&head, MAGIC VERSION "\",\"bytes\":\"%020zu\",\"sha256\":\"", (size_t)0);
    size_t sum_at = 8 + head.length, length = (head.length + 64 + 1 + rest.length + 7) / 8 * 8;
    size_t size = 8 + length + values;
    rb_text_clear(&head);
    rb_text_printf(&head, MAGIC VERSION "\",\"bytes\":\"%020zu\",\"sha256\":\"%s\"%s", size, no_sum,
                   rb_text_string(&rest));
    RB_TRY(rb_text_status(&head));
    file = malloc(size);
    if (!file) {
        status = rb_fail(RB_MEMORY, "out of memory for the %zu bytes of %s", size, path);
        goto cleanup;
    }
    for (int i = 0; i < 8; i++) file[i] = (uint8_t)((uint64_t)length >> (8 * i));
    memset(file + 8, ' ', length);
    memcpy(file + 8, head.data, head.length);
    uint8_t *to = file + 8 + length;
    for (int i = 0; i < n_tensors; i++) {
        memcpy(to, tensors[i].values, bytes_of(&tensors[i]));
        to += bytes_of(&tensors[i]);
    }
    RB_TRY(sum_of(file, size, sum_at, hex));
    memcpy(file + sum_at, hex, 64);
    RB_TRY(rb_file_replace(path, file, size));
cleanup:
    free(file);
    rb_text_free(&head);
    rb_text_free(&rest);
    return status;
}

/* --- reading --------------------------------------------------------------------------------------------------------
 */

/* Is it whole and undamaged? The part of the head that says so stands at a fixed place and needs no JSON. */
static rb_status check(const rb__tensor_file *f) {
    char start[sizeof MAGIC + 256], version[10] = "", size[21] = "", sum[65] = "", hex[65];
    size_t magic = strlen(MAGIC), had = f->size > 8 ? f->size - 8 : 0,
           n = had < sizeof start - 1 ? had : sizeof start - 1;
    int sum_at = 0, end = 0;
    if (f->size == 0) return rb_fail(RB_INPUT, "%s is empty: no checkpoint", f->path);
    memcpy(start, f->bytes + 8, n);
    start[n] = '\0';
    if (n == 0 || memcmp(start, MAGIC, n < magic ? n : magic) != 0)
        return rb_fail(RB_INPUT, "%s is no checkpoint of regbench", f->path);
    int found = n < magic ? 0
                          : sscanf(start + magic, "%9[0-9]\",\"bytes\":\"%20[0-9]\",\"sha256\":\"%n%64[0-9a-f]\"%n",
                                   version, size, &sum_at, sum, &end);
    /* The version's digits are whole only if something follows them. */
    if (found >= 1 && start[magic + strlen(version)] == '"' && strcmp(version, VERSION) != 0)
        return rb_fail(RB_INPUT,
                       "%s is a checkpoint of version %s, this regbench reads version " VERSION
                       ": use the one that wrote it",
                       f->path, version);
    if (!end && had < magic + 120)
        return rb_fail(RB_INPUT, "%s is truncated: it ends after %zu bytes", f->path, f->size);
    if (!end || strlen(sum) != 64) return rb_fail(RB_INPUT, "%s is damaged: its head is none", f->path);
    unsigned long long wanted = strtoull(size, NULL, 10);
    rb_status status = sum_of(f->bytes, f->size, 8 + magic + (size_t)sum_at, hex);
    if (status != RB_OK) return status;
    if (f->size < wanted)
        return rb_fail(RB_INPUT, "%s is truncated: it ends after %zu of %llu bytes", f->path, f->size, wanted);
    if (memcmp(hex, sum, 64) != 0)
        return rb_fail(RB_INPUT, "%s is damaged: the SHA-256 of its content is %.12s.., %.12s.. was written", f->path,
                       hex, sum);
    return RB_OK;
}

rb_status rb__tensor_file_read(const char *path, rb__tensor_file **out) {
    rb_status status = RB_OK;
    void *bytes = NULL;
    *out = NULL;
    rb__tensor_file *f = calloc(1, sizeof *f);
    if (!f || !(f->path = strdup(path))) {
        status = rb_fail(RB_MEMORY, "out of memory for %s", path);
        goto cleanup;
    }
    RB_TRY(rb_file_read(path, &bytes, &f->size));
    f->bytes = bytes;
    RB_TRY(check(f));
    uint64_t length = 0;
    for (int i = 0; i < 8; i++) length |= (uint64_t)f->bytes[i] << (8 * i);
    if (length <= f->size - 8) f->head = cJSON_ParseWithLength((const char *)f->bytes + 8, (size_t)length);
    if (!f->head) {
        status = rb_fail(RB_INPUT, "%s is no checkpoint of regbench: its head is no JSON", path);
        goto cleanup;
    }
    f->values_at = 8 + (size_t)length;
    *out = f;
    f = NULL;
cleanup:
    rb__tensor_file_free(f);
    return status;
}

void rb__tensor_file_free(rb__tensor_file *f) {
    if (!f) return;
    cJSON_Delete(f->head);
    free(f->bytes);
    free(f->path);
    free(f);
}

const char *rb__tensor_file_text(const rb__tensor_file *f, const char *key) {
    const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(f->head, "__metadata__");
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(metadata, key));
}

int rb__tensor_file_count(const rb__tensor_file *f) { return cJSON_GetArraySize(f->head) - 1; }

/* "(120,784)" */
static void print_shape(char out[96], const double *dims, int n) {
    int at = snprintf(out, 96, "(");
    for (int d = 0; d < n && at < 80; d++) at += snprintf(out + at, 96 - (size_t)at, "%s%.0f", d ? "," : "", dims[d]);
    snprintf(out + at, 96 - (size_t)at, ")");
}

/* The numbers of a JSON array, at most `most`; how many there are. */
static int numbers(const cJSON *array, double *out, int most) {
    int n = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, array) {
        if (n < most) out[n] = cJSON_IsNumber(item) ? item->valuedouble : -1;
        n++;
    }
    return n;
}

rb_status rb__tensor_file_get(const rb__tensor_file *f, const rb__tensor_out *want, void *values) {
    const cJSON *t = cJSON_GetObjectItemCaseSensitive(f->head, want->name);
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(t, "dtype"));
    double dims[8] = {0}, wanted[4] = {0}, range[2] = {0};
    char there[96], here[96];
    if (!t) return rb_fail(RB_MISMATCH, "%s has no tensor %s: it belongs to another model", f->path, want->name);
    int n = numbers(cJSON_GetObjectItemCaseSensitive(t, "shape"), dims, 8);
    bool same = n == want->n_dims && type && strcmp(type, types[want->type].name) == 0;
    for (int d = 0; d < want->n_dims; d++) {
        wanted[d] = (double)want->dims[d];
        same = same && dims[d] == wanted[d];
    }
    if (!same) {
        print_shape(there, dims, n < 8 ? n : 8);
        print_shape(here, wanted, want->n_dims);
        return rb_fail(RB_MISMATCH, "%s: tensor %s has the shape %s %s, %s %s is needed: it belongs to another model",
                       f->path, want->name, type ? type : "?", there, types[want->type].name, here);
    }
    size_t bytes = bytes_of(want);
    int two = numbers(cJSON_GetObjectItemCaseSensitive(t, "data_offsets"), range, 2);
    if (two != 2 || range[0] < 0 || range[1] - range[0] != (double)bytes || range[1] > (double)(f->size - f->values_at))
        return rb_fail(RB_INPUT, "%s: the offsets of tensor %s lie outside of the file", f->path, want->name);
    memcpy(values, f->bytes + f->values_at + (size_t)range[0], bytes);
    return RB_OK;
}
