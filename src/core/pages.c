/* pages.c: mapped, not malloc'ed: zero pages cost nothing until they are used, and huge pages can be asked for. */
#include "core/pages.h"

#include <sys/mman.h>

unsigned char *rb_pages_new(size_t bytes) {
    void *memory = mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return NULL;
#ifdef MADV_HUGEPAGE
    if (bytes >= (size_t)2 << 20) madvise(memory, bytes, MADV_HUGEPAGE); /* fewer address translations; only advice */
#endif
    return memory;
}

void rb_pages_free(unsigned char *memory, size_t bytes) {
    if (memory) munmap(memory, bytes ? bytes : 1);
}
