/* fit.h: a store on a device, or what it would have needed and the largest batch that would fit. */
#ifndef RB_TRAIN_FIT_H
#define RB_TRAIN_FIT_H

#include "regbench/train.h"

/* The store of *program, which is case c on `data`; where the device is too small for it, *program becomes one that
 * evaluates in batches no larger than it trains. RB_MEMORY, in one line: the bytes needed, what the device has, the
 * largest batch with which c would fit. Scratch that bind takes outside of the store is not foreseen. */
rb_status rb__store_fit(const rb_backend *backend, rb_device *device, const rb_case *c, const rb_dataset *data,
                        rb_program **program, rb_store **out);

#endif
