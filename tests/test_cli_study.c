/* test_cli_study.c: the program's studies: their runs and tables, what is refused, a killed study that goes on. */
#include "cli_util.h"

#include "report/csv_read.h"
