/* arena.c: memory that lives and dies together. */
#include "core/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64 * 1024, ALIGN = 16 };

typedef struct block {
    struct block *next;
    size_t used, size;
    alignas(ALIGN) unsigned char data[];
} block;

struct rb_arena {
    block *first;
};

rb_arena *rb_arena_new(void) { return calloc(1, sizeof(rb_arena)); }

void *rb_arena_alloc(rb_arena *a, size_t bytes) {
    bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    if (!a->first || a->first->size - a->first->used < bytes) {
        size_t size = bytes > BLOCK ? bytes : BLOCK;
        block *b = calloc(1, sizeof *b + size);
        if (!b) return NULL;
        b->size = size;
        b->next = a->first;
        a->first = b;
    }
    void *p = a->first->data + a->first->used;
    a->first->used += bytes;
    return p;
}

char *rb_arena_string(rb_arena *a, const char *s) {
    size_t n = strlen(s) + 1;
    char *copy = rb_arena_alloc(a, n);
    if (copy) memcpy(copy, s, n);
    return copy;
}

void rb_arena_free(rb_arena *a) {
    if (!a) return;
    for (block *b = a->first, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}
