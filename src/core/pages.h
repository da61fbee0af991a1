/* pages.h: large memory straight from the system: zeroed, aligned to pages, in huge pages where the system gives them.
 */
#ifndef RB_CORE_PAGES_H
#define RB_CORE_PAGES_H

#include <stddef.h>

unsigned char *rb_pages_new(size_t bytes); /* NULL on failure */
void rb_pages_free(unsigned char *memory, size_t bytes);

#endif
