/* document.c: blocks of a Markdown file that are tables of published results, made anew in place. */
#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "published/internal.h"

#define OPEN  "<!-- results: "
#define CLOSE "<!-- end -->"

typedef rb_status make_table(const rb_published *p, const rb_published_choice *choice, rb_row **rows, int *n);

static const struct {
    const char *name;
    rb_table table;
    make_table *make;
    rb__md_table *show;
} tables[] = {{"devices", RB_TABLE_result_devices, rb_published_devices, rb__md_devices},
              {"speeds", RB_TABLE_result_devices, rb_published_devices, rb__md_speeds},
              {"regularizers", RB_TABLE_result_regularizers, rb_published_regularizers, rb__md_regularizers},
              {"machines", RB_TABLE_result_machines, rb_published_machines, rb__md_machines},
              {"sets", RB_TABLE_result_sets, rb_published_sets, rb__md_sets}};
enum { TABLES = sizeof tables / sizeof *tables };

/* Its number. RB_USAGE with the names. */
static rb_status find_table(const char *name, int *out) {
    rb_text names = {0};
    for (*out = 0; *out < TABLES; ++*out) {
        if (!strcmp(tables[*out].name, name)) break;
        rb_text_printf(&names, "%s%s", *out ? ", " : "", tables[*out].name);
    }
    rb_status status = *out < TABLES ? RB_OK
                                     : rb_fail(RB_USAGE, "there is no table \"%s\" of published results: %s", name,
                                               rb_text_string(&names));
    rb_text_free(&names);
    return status;
}

/* Whether set a goes before b: the newer one; of the same time the later name. */
static bool newer(const rb_published_set *a, const rb_published_set *b) {
    int order = strcmp(a->latest, b->latest);
    return order ? order > 0 : strcmp(a->name, b->name) > 0;
}

static bool beside_a_peer(const rb_row *rows, int n) {
    for (int i = 0; i < n; i++)
        if (*rb__cell(&rows[i], RB_COL(result_devices, peer))) return true;
    return n > 0 && rows->table != RB_TABLE_result_devices;
}

static void free_rows(rb_row **rows, int *n) {
    for (int i = 0; i < *n; i++) rb_row_end(&(*rows)[i]);
    free(*rows);
    *rows = NULL;
    *n = 0;
}

/* sets=newest: the newest set that has such rows; of speeds, one that measured them beside a peer. */
static rb_status from_newest(const rb_published *p, make_table *make, const rb_published_choice *choice, rb_row **rows,
                             int *n) {
    rb_status status = RB_OK;
    rb_published_choice one = *choice;
    const rb_published_set *before = NULL;
    for (;;) {
        const rb_published_set *next = NULL;
        for (int s = 0; s < p->n; s++)
            if ((!before || newer(before, &p->sets[s])) && (!next || newer(&p->sets[s], next))) next = &p->sets[s];
        if (!next) return RB_OK;
        one.sets = next->name;
        RB_TRY(make(p, &one, rows, n));
        if (beside_a_peer(*rows, *n)) return RB_OK;
        free_rows(rows, n);
        before = next;
    }
cleanup:
    return status;
}

rb_status rb_published_table(const rb_published *p, const char *name, const rb_published_choice *choice, rb_row **rows,
                             int *n, rb_table *table) {
    rb_status status = RB_OK;
    bool newest = choice->sets && !strcmp(choice->sets, "newest");
    int i;
    *rows = NULL;
    *n = 0;
    RB_TRY(find_table(name, &i));
    *table = tables[i].table;
    status = newest ? from_newest(p, tables[i].make, choice, rows, n) : tables[i].make(p, choice, rows, n);
cleanup:
    return status;
}

rb_status rb_published_markdown(const rb_published *p, const char *name, const rb_row *rows, int n, const char *folder,
                                rb_text *out) {
    rb_status status = RB_OK;
    int i;
    RB_TRY(find_table(name, &i));
    if (n)
        tables[i].show(p, rows, n, folder, out);
    else
        rb_text_append(out, "Nothing of this is published yet.\n");
    status = rb_text_status(out);
cleanup:
    return status;
}

static int line_of(const char *text, const char *at) {
    int line = 1;
    for (; text < at; text++) line += *text == '\n';
    return line;
}

/* The words of a marker, in place: the table's name, then KEY=LIST. */
static rb_status parse(char *words, const char *path, int line, const char **name, rb_published_choice *choice) {
    struct {
        const char *key, **value;
    } known[] = {
        {"sets", &choice->sets}, {"cases", &choice->cases}, {"machines", &choice->machines}, {"peers", &choice->peers}};
    char *rest = NULL;
    memset(choice, 0, sizeof *choice);
    *name = strtok_r(words, " ", &rest);
    if (!*name) return rb_fail(RB_INPUT, "%s, line %d: the marker names no table", path, line);
    for (char *word; (word = strtok_r(NULL, " ", &rest));) {
        size_t i = 0, n = sizeof known / sizeof *known, key = strcspn(word, "=");
        while (i < n && (strlen(known[i].key) != key || strncmp(known[i].key, word, key) != 0)) i++;
        if (i == n || !word[key] || !word[key + 1])
            return rb_fail(RB_INPUT, "%s, line %d: \"%s\" is none of sets=, cases=, machines=, peers= and a list", path,
                           line, word);
        *known[i].value = word + key + 1;
    }
    return RB_OK;
}

/* One block: what stands between the markers, made anew. */
static rb_status make(const rb_published *p, char *words, const char *path, int line, const char *folder,
                      rb_text *out) {
    rb_status status = RB_OK;
    const char *name;
    rb_published_choice choice;
    rb_row *rows = NULL;
    rb_table table;
    rb_text why = {0};
    int n = 0;
    RB_TRY(parse(words, path, line, &name, &choice));
    status = rb_published_table(p, name, &choice, &rows, &n, &table);
    if (status == RB_USAGE) {
        rb_text_append(&why, rb_error_last()->text);
        rb_error_clear();
        status = rb_fail(RB_INPUT, "%s, line %d: %s", path, line, rb_text_string(&why));
    }
    if (status != RB_OK) goto cleanup;
    rb_text_append(out, "\n");
    RB_TRY(rb_published_markdown(p, name, rows, n, folder, out));
    rb_text_append(out, "\n");
cleanup:
    for (int i = 0; i < n; i++) rb_row_end(&rows[i]);
    free(rows);
    rb_text_free(&why);
    return status;
}

rb_status rb_published_document(const rb_published *p, const char *path, bool write, bool *changed) {
    rb_status status = RB_OK;
    void *data = NULL;
    size_t bytes;
    char *text = NULL, *words = NULL, folder[4096];
    rb_text out = {0};
    int blocks = 0;
    *changed = false;
    RB_TRY(rb_file_read(path, &data, &bytes));
    text = strndup(data, bytes);
    if (!text) {
        status = rb_fail(RB_MEMORY, "out of memory for %s", path);
        goto cleanup;
    }
    if (strlen(text) != bytes) {
        status = rb_fail(RB_INPUT, "%s is no text: it holds a zero byte", path);
        goto cleanup;
    }
    const char *slash = strrchr(path, '/'), *at = text;
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 0, path);
    for (const char *open; (open = strstr(at, OPEN)); blocks++) {
        int line = line_of(text, open);
        const char *first = open + strlen(OPEN), *end = strstr(first, "-->"), *close = end ? strstr(end, CLOSE) : NULL;
        const char *next = end ? strstr(end, OPEN) : NULL;
        if (!close || (next && next < close)) {
            status = rb_fail(RB_INPUT, "%s, line %d: no \"" CLOSE "\" follows this marker", path, line);
            goto cleanup;
        }
        const char *body = end + strlen("-->");
        body += *body == '\n';
        rb_text_printf(&out, "%.*s", (int)(body - at), at);
        words = strndup(first, (size_t)(end - first));
        if (!words) {
            status = rb_fail(RB_MEMORY, "out of memory for a marker of %s", path);
            goto cleanup;
        }
        RB_TRY(make(p, words, path, line, folder, &out));
        free(words);
        words = NULL;
        at = close;
    }
    rb_text_append(&out, at);
    RB_TRY(rb_text_status(&out));
    if (blocks == 0)
        status = rb_fail(RB_INPUT, "%s has no block \"" OPEN "TABLE -->\" .. \"" CLOSE "\"", path);
    else if (strcmp(out.data, text) != 0) {
        *changed = true;
        if (write) status = rb_file_replace(path, out.data, out.length);
    }
cleanup:
    free(words);
    free(text);
    free(data);
    rb_text_free(&out);
    return status;
}
