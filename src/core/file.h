/* file.h: whole files: read at once, replaced at once. */
#ifndef RB_CORE_FILE_H
#define RB_CORE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "regbench/status.h"

/* The content of a file, to be freed by the caller. RB_MISSING, RB_INPUT, RB_MEMORY. */
rb_status rb_file_read(const char *path, void **data, size_t *bytes);
/* Afterwards the file holds exactly `data`, also if the machine stops right then; after a failure, or when the process
 * is killed on the way, it holds what it held before. Uses PATH.<process>.tmp. RB_DISK, RB_OUTPUT. */
rb_status rb_file_replace(const char *path, const void *data, size_t bytes);
/* Whether the folder holds a file or folder of that name. */
bool rb_file_in(const char *folder, const char *name);
/* RB_DISK where errno value `error` says that there is no room, else RB_OUTPUT; the text names `path`. */
rb_status rb__write_failed(int error, const char *path);

#endif
