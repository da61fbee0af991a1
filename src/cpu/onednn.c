/* onednn.c: stub until the provider is written. */
#include "cpu/cpu.h"

bool rb__onednn_wanted(const rb_device *device, const rb__item *it) {
    (void)device, (void)it;
    return false;
}
rb_status rb__onednn_prepare(rb__item *it, int threads) {
    (void)it, (void)threads;
    return RB_OK;
}
void rb__onednn_run(const rb__item *it) { (void)it; }
void rb__onednn_release(rb__item *it) { (void)it; }
