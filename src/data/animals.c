/* animals.c: what stands in for AFHQ's faces: CIFAR-10's cats (0), dogs (1) and wild animals (2), in CIFAR's order.
 *
 * Wild are the first quarter of deer, frogs, horses and birds each, so that the three classes are of one size: 5,000 to
 * train and 1,000 to test, where CIFAR-10 is the published one. */
#include <string.h>

#include "data/data.h"

enum { BIRD = 2, CAT = 3, DEER = 4, DOG = 5, FROG = 6, HORSE = 7, CLASSES = 10 };

/* What a row becomes, -1 = nothing; `seen` (CLASSES) counts rows so far, of which `quarter` of the wild ones count. */
static int animal(int32_t label, int64_t seen[CLASSES], int64_t quarter) {
    if (label == CAT) return 0;
    if (label == DOG) return 1;
    bool wild = label == BIRD || label == DEER || label == FROG || label == HORSE;
    return wild && seen[label]++ < quarter ? 2 : -1;
}

static int64_t count(const int32_t *labels, int64_t n, int32_t label) {
    int64_t found = 0;
    for (int64_t i = 0; i < n; i++) found += labels[i] == label;
    return found;
}

/* Takes from the n rows at `first`; writes where pixels and labels are given, counts in any case. */
static int64_t take(const rb_dataset *cifar, int64_t first, int64_t n, uint8_t *pixels, int32_t *labels) {
    size_t sample = (size_t)(cifar->C * cifar->H * cifar->W);
    int64_t seen[CLASSES] = {0}, quarter = count(cifar->labels + first, n, CAT) / 4, taken = 0;
    for (int64_t i = first; i < first + n; i++) {
        int label = animal(cifar->labels[i], seen, quarter);
        if (label < 0) continue;
        if (pixels) {
            memcpy(pixels + (size_t)taken * sample, (const uint8_t *)cifar->x + (size_t)i * sample, sample);
            labels[taken] = label;
        }
        taken++;
    }
    return taken;
}

rb_status rb__animals_take(const rb_dataset *cifar, rb_dataset *data) {
    rb_status status = RB_OK;
    int64_t n_train = take(cifar, 0, cifar->n_train, NULL, NULL),
            n_test = take(cifar, cifar->n_train, cifar->n_test, NULL, NULL);
    if (n_train < 1 || n_test < 1)
        return rb_fail(RB_INPUT, "%s has no cats, dogs, deer, frogs, horses or birds", cifar->source);
    RB_TRY(rb__store_new(data, n_train, n_test));
    size_t sample = (size_t)(data->C * data->H * data->W);
    take(cifar, 0, cifar->n_train, rb__pixels(data), rb__labels(data));
    take(cifar, cifar->n_train, cifar->n_test, rb__pixels(data) + (size_t)n_train * sample, rb__labels(data) + n_train);
cleanup:
    return status;
}
