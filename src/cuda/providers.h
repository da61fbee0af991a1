/* providers.h: NVIDIA's libraries of kernels: which a device uses, opened at run time; parts that call them. */
#ifndef RB_CUDA_PROVIDERS_H
#define RB_CUDA_PROVIDERS_H

#include "cuda/cuda.h"

/* --- providers.c -------------------------------------------------------------------------------------------------- */
/* What --provider, --precision and --fastest ask for; opens the libraries on the device's context and stream. RB_USAGE
 * for a word that is unknown or a library that this build lacks, RB_UNSUPPORTED for one that this machine lacks or a
 * precision that no provider has. */
rb_status rb__cuda_providers_open(rb__cuda_device *device, const rb_open_options *options);
void rb__cuda_providers_close(rb__cuda_device *device);
/* Adds the versions of the libraries that would be used to what a device's description says of its interface. */
void rb__cuda_providers_describe(const rb_open_options *options, rb_device_info *info);
bool rb__cuda_takes(const rb__kn_plan *plan, const rb__kn_item *item);
void rb__cuda_lower(rb__kn_plan *plan, rb__kn_item *item);
/* dlopen of the file that environment variable `variable` names, else of the first of `names` (ends with NULL) that is
 * there. */
void *rb__cuda_open_library(const char *variable, const char *const *names);
/* The address of a part's argument. */
rb_status rb__cuda_address(rb__kn_plan *plan, const rb__kn_part *part, int arg, CUdeviceptr *address);

/* --- around.c: parts of cl/library.cl around a library's call ----------------------------------------------------- */
/* y = act(y + bias) over `rows` rows of ldy elements, zero behind the last column. narrow: the WORK that has y as bf16,
 * -1 = y itself. */
void rb__cuda_add_bias_act(rb__kn_plan *plan, const rb__kn_item *it, int rows, bool bias, int narrow);
/* dx = dx act'(saved) over `rows` rows of ldx elements, zero from `columns` on; nothing where nothing is to be done.
 * narrow: the WORK that has as bf16 what dx becomes, or what is added to dx where the op accumulates; -1 = it is done.
 */
void rb__cuda_add_derive(rb__kn_plan *plan, const rb__kn_item *it, int rows, int columns, int narrow);
/* db = sums over the rows of dy. */
void rb__cuda_add_column_sums(rb__kn_plan *plan, const rb__kn_item *it, int rows);
/* Filters (K,R,S,ldx) of w and, back, w of filters; those in bf16 where that is the device's precision. */
void rb__cuda_add_turn(rb__kn_plan *plan, const rb__kn_item *it, int work, bool back);

/* --- bf16.c ------------------------------------------------------------------------------------------------------- */
/* RB_UNSUPPORTED where the hardware lacks the device's precision, called so. */
rb_status rb__cuda_precision_check(const rb__cuda_device *device, const char *precision);
/* Operands of the libraries' products are bf16. */
bool rb__cuda_narrow(const rb__kn_plan *plan);
/* A WORK that holds a tensor of floats, rounded, as it is when op `it` reads it: 2 bytes for each 4 of the tensor. */
int rb__cuda_rounded(rb__kn_plan *plan, const rb__kn_item *it, int tensor);

/* --- cublas.c, cudnn.c -------------------------------------------------------------------------------------------- */
/* Several devices may be open: each has a handle. RB_UNSUPPORTED where the library is missing or does not fit. */
rb_status rb__cublas_open(rb__cuda_device *device);
size_t rb__cublas_version(void); /* 130002: 13.0.2; 0: it is not here */
void rb__cublas_close(rb__cuda_device *device);
bool rb__cublas_takes(const rb__kn_item *item);
void rb__cublas_lower(rb__kn_plan *plan, rb__kn_item *item);
rb_status rb__cudnn_open(rb__cuda_device *device);
size_t rb__cudnn_version(void); /* likewise */
void rb__cudnn_close(rb__cuda_device *device);
bool rb__cudnn_takes(const rb__kn_item *item);
void rb__cudnn_lower(rb__kn_plan *plan, rb__kn_item *item);

#endif
