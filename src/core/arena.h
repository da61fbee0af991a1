/* arena.h: memory that lives and dies together: what a program is built from. */
#ifndef RB_CORE_ARENA_H
#define RB_CORE_ARENA_H

#include <stddef.h>

typedef struct rb_arena rb_arena;

rb_arena *rb_arena_new(void);                      /* NULL when out of memory */
void *rb_arena_alloc(rb_arena *a, size_t bytes);   /* zeroed, aligned to 16; NULL when out of memory */
char *rb_arena_string(rb_arena *a, const char *s); /* a copy */
void rb_arena_free(rb_arena *a);                   /* everything; NULL is fine */

#endif
