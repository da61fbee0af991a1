/* lab_animals.c: document 003: a network far too large for a few faces of cats, dogs and wild animals, and what keeps
 * it from learning them by heart. */
#include "regbench/study.h"

static const rb_layer animal_net[] = {
    RB_LINEAR(128, .tag = "hidden1"), RB_RELU, RB_LINEAR(32), RB_RELU, RB_LINEAR(3), RB_END};
static const rb_layer big_animal_net[] = {RB_LINEAR(124),       RB_LEAKY_RELU(0.01f), RB_LINEAR(64),
                                          RB_LEAKY_RELU(0.01f), RB_LINEAR(3),         RB_END};
static const rb_layer animal_cnn[] = {RB_CONV(16, .in = 3, .kernel = 3, .pad = 1),
                                      RB_RELU,
                                      RB_MAXPOOL(2),
                                      RB_CONV(32, .kernel = 3, .pad = 1),
                                      RB_RELU,
                                      RB_MAXPOOL(2),
                                      RB_LINEAR(3),
                                      RB_END};
/* Document 003 drops before the activation. */
static const rb_layer animal_net_dropout[] = {
    RB_LINEAR(248),   RB_DROPOUT(0.5f),     RB_LEAKY_RELU(0.01f), RB_LINEAR(210),
    RB_DROPOUT(0.3f), RB_LEAKY_RELU(0.01f), RB_LINEAR(3),         RB_END};

/* A few dozen images are learned by heart or not at all, depending on which they are. */
#define ANIMALS .dataset = "animals", .in_order = true, .batch = 128, .eval_train = true, .expect = RB_EXPECT_ANYTHING
#define NET     .model = "AnimalNet", .layers = animal_net, .momentum = 0.99f, ANIMALS
/* An epoch of a step or two: ten of them are decided at once. */
#define FEW         .n_valid = 100, .window_epochs = 10
#define PENALTY     .lr = 5e-3f, .epochs = 150, .layer_norms = true, FEW, NET
#define REGULARIZED .base = "animals/unregularized", PENALTY
#define DROPOUT     .lr = 5e-3f, .momentum = 0.9f, .n_train = 100, .epochs = 200, FEW, ANIMALS
#define RATE        .n_train = 250, .epochs = 20, FEW, NET
/* Document 003 takes training accuracy from augmented images; train_eval_acc is that of the images as they are. */
#define AUGMENT .lr = 1e-3f, .n_train = 250, .epochs = 250, FEW, NET
/* Document 003 reads the images with random labels and trains on none of them: rate and epochs are ours. */
#define NOISE .lr = 5e-3f, .n_train = 100, .epochs = 200, FEW, NET
#define FULL  .valid_share = 0.2f, NET

/* A model worth attacking needs more images than a few dozen: 2,000, and 1,000 to tell 1 % apart. */
#define EPS  .n_eps = 6, .eps = {0, 1, 2, 4, 8, 16}
#define FGSM .attack = {.kind = RB_ATTACK_FGSM, EPS}
#define PGD  .attack = {.kind = RB_ATTACK_PGD, EPS}
#define ATTACKED                                                                                                       \
    .dataset = "animals", .n_train = 2000, .n_valid = 1000, .batch = 32, .momentum = 0.9f, .epochs = 20,               \
    .expect = RB_EXPECT_ANYTHING
#define WHOLE_NET .model = "AnimalNet", .layers = animal_net, .lr = 5e-3f, ATTACKED
#define WHOLE_CNN .model = "CNN", .layers = animal_cnn, .lr = 1e-2f, ATTACKED
/* Gradients at temperature T are smaller by 1/T: the rate makes up for it. */
#define STUDENT .model = "CNN", .layers = animal_cnn, .lr = 0.2f, .temperature = 20, .distill = true, ATTACKED

static const rb_case cases[] = {
    {.name = "animals/unregularized",
     .title = "30 images: training accuracy reaches 100 %, validation hardly beats guessing",
     .n_train = 30,
     PENALTY},
    {.name = "animals/l1", .title = "L1 0.001 shrinks the norm", .n_train = 30, .l1 = 1e-3f, REGULARIZED},
    {.name = "animals/l2",
     .title = "L2 0.001: the norm grows a little less than without, of 100 images",
     .n_train = 100,
     .l2 = 1e-3f,
     REGULARIZED},
    {.name = "animals/l1l2", .title = "both", .n_train = 100, .l1 = 1e-3f, .l2 = 1e-3f, REGULARIZED},
    {.name = "animals/no-dropout",
     .title = "without dropout: what the next one is compared with",
     .model = "BigAnimalNet",
     .layers = big_animal_net,
     DROPOUT},
    {.name = "animals/dropout",
     .title = "dropout 0.5 and 0.3 in a larger network: learned by heart all the same",
     .base = "animals/no-dropout",
     .model = "AnimalNetDropout",
     .layers = animal_net_dropout,
     DROPOUT},
    {.name = "animals/no-augment", .title = "250 images as they are", AUGMENT},
    {.name = "animals/augment",
     .title = "each mirrored now and then: learned by heart all the same, with half the validation loss",
     .base = "animals/no-augment",
     .augment = {.hflip = 0.1f, .vflip = 0.1f},
     AUGMENT},
    {.name = "animals/augment-crop-rotate",
     .title = "moved by up to 4 pixels and turned by up to 15 degrees, anew in every epoch: hardly ever seen twice",
     .base = "animals/no-augment",
     .augment = {.crop_pad = 4, .rotate = 15},
     AUGMENT},
    {.name = "animals/lr-0.0005", .title = "250 images, rate 0.0005", .lr = 5e-4f, RATE},
    {.name = "animals/lr-0.001", .title = "rate 0.001: better", .lr = 1e-3f, RATE},
    {.name = "animals/lr-0.005", .title = "rate 0.005: better still", .lr = 5e-3f, RATE},
    {.name = "animals/lr-full-0.0005",
     .title = "rate 0.0005 on all images, as the document meant",
     .lr = 5e-4f,
     .epochs = 20,
     FULL},
    {.name = "animals/lr-full-0.001", .title = "rate 0.001 on all images", .lr = 1e-3f, .epochs = 20, FULL},
    {.name = "animals/lr-full-0.005", .title = "rate 0.005 on all images", .lr = 5e-3f, .epochs = 20, FULL},
    {.name = "animals/early-stop",
     /* patience is document 003's, which calls its function nowhere: rate, epochs and split are ours */
     .title = "stops when 20 epochs brought no better validation accuracy, keeps the best",
     .lr = 5e-4f,
     .epochs = 200,
     .stop = {.kind = RB_STOP_PATIENCE, .count = 20},
     FULL},
    {.name = "animals/random-labels",
     .title = "labels are noise: training accuracy reaches 100 % all the same, validation stays at chance",
     .label_noise = 1,
     NOISE},
    {.name = "animals/partially-random-labels",
     .title = "10 % of the labels are noise: training reaches 100 %, validation suffers",
     .label_noise = 0.1f,
     NOISE},
    {.name = "animals/attack-fgsm-unregularized",
     .title = "FGSM: 4/255 in each pixel, which no eye sees, and one image in fifteen is still right, of one in two",
     WHOLE_NET,
     FGSM},
    {.name = "animals/attack-fgsm-l1",
     .title = "L1 0.0003: as good on clean images, about twice as many right at 4/255; at 16/255 next to none",
     .l1 = 3e-4f,
     WHOLE_NET,
     FGSM},
    {.name = "animals/attack-fgsm-cnn",
     .title = "a CNN is better on clean images and no harder to fool",
     WHOLE_CNN,
     FGSM},
    {.name = "animals/attack-pgd-unregularized",
     .title = "PGD, ten steps: fools more than FGSM with the same eps",
     WHOLE_NET,
     PGD},
    {.name = "animals/attack-pgd-l1",
     .title = "L1 0.0003: more are right at 4/255 here, too",
     .l1 = 3e-4f,
     WHOLE_NET,
     PGD},
    {.name = "animals/attack-pgd-cnn", .title = "the CNN against PGD", WHOLE_CNN, PGD},
    {.name = "animals/defend-adversarial-undefended",
     .title = "what the next two are compared with: at 8/255 next to nothing is right",
     WHOLE_CNN,
     PGD},
    {.name = "animals/defend-adversarial-fgsm",
     .title = "trained on FGSM's examples at 4/255: ten times as many right there, for some points of clean accuracy",
     .adversary = {.steps = 1, .eps = 4, .step = 4},
     WHOLE_CNN,
     PGD},
    {.name = "animals/defend-adversarial-pgd",
     .title = "trained on PGD's examples, four steps: as robust, at the price of three more passes a step",
     .adversary = {.steps = 4, .eps = 4, .step = 2},
     WHOLE_CNN,
     PGD},
    {.name = "animals/defend-distill-undefended", .title = "what the next two are compared with", WHOLE_CNN, FGSM},
    {.name = "animals/defend-distill-student",
     .title =
         "distilled at T = 20: one image in ten resists at any eps: softmax saturates, there is no gradient to follow",
     STUDENT,
     FGSM},
    {.name = "animals/defend-distill-unmasked",
     .title = "the same attack through softmax(z/20), which does not saturate: those are fooled, too",
     STUDENT,
     FGSM,
     .attack.temperature = 20},
    {.name = "animals/defend-squeeze-fgsm",
     .title = "feature squeezing detects three in ten of what fools the model at 4/255, at 16/255 hardly any",
     WHOLE_CNN,
     FGSM,
     .attack.squeeze = true},
    {.name = "animals/defend-squeeze-pgd",
     .title = "the same detector against PGD",
     WHOLE_CNN,
     PGD,
     .attack.squeeze = true},
    {0},
};

/* Half decades. */
#define LAMBDAS "1e-5,3e-5,1e-4,3e-4,1e-3,3e-3,1e-2,3e-2,1e-1"
static const rb_axis l1[] = {{.name = "l1", .label = "", .values = LAMBDAS}, {0}};
static const rb_axis l2[] = {{.name = "l2", .label = "", .values = LAMBDAS}, {0}};

/* Four ways to spend 24 runs on five parameters of animals/l1l2, where the coordinate-wise search begins. */
static const rb_axis tuned[] = {
    {.name = "lr", .low = 1e-4, .high = 1e-1, .log = true, .start = 5e-3},
    {.name = "momentum", .low = 0, .high = 0.99, .start = 0.99},
    {.name = "l1", .low = 1e-6, .high = 1e-2, .log = true, .start = 1e-3},
    {.name = "l2", .low = 1e-6, .high = 1e-1, .log = true, .start = 1e-3},
    {.name = "hidden1.units", .low = 16, .high = 512, .log = true, .integer = true, .start = 128},
    {0},
};
/* 24 points are few in five dimensions, and that is a grid's story: three rates, as they matter most, two values of
 * three others, and one width. */
static const rb_axis tuned_grid[] = {
    {.name = "lr", .values = "0.001,0.005,0.02"},
    {.name = "momentum", .label = "m", .values = "0.9,0.99"},
    {.name = "l1", .label = "l1_", .values = "1e-5,1e-3"},
    {.name = "l2", .label = "l2_", .values = "1e-5,1e-3"},
    {.name = "hidden1.units", .label = "w", .values = "128"},
    {0},
};
#define TUNE(way) .name = "animals/tune-" way, .base = "animals/l1l2", .budget = 24, .axes = tuned

static const char *const fgsm[] = {"animals/attack-fgsm-unregularized", "animals/attack-fgsm-l1",
                                   "animals/attack-fgsm-cnn", NULL};
static const char *const pgd[] = {"animals/attack-pgd-unregularized", "animals/attack-pgd-l1", "animals/attack-pgd-cnn",
                                  NULL};
static const char *const adversarial[] = {"animals/defend-adversarial-undefended", "animals/defend-adversarial-fgsm",
                                          "animals/defend-adversarial-pgd", NULL};
static const char *const distill[] = {"animals/defend-distill-undefended", "animals/defend-distill-student",
                                      "animals/defend-distill-unmasked", NULL};
static const char *const squeeze[] = {"animals/defend-squeeze-fgsm", "animals/defend-squeeze-pgd", NULL};
#define LIST(of) .kind = RB_STUDY_LIST, .cases = of

static const char *const rates[] = {"animals/lr-0.0005", "animals/lr-0.001", "animals/lr-0.005", NULL};

static const rb_study studies[] = {
    {.name = "animals/lr-sweep",
     .title = "the three rates on 250 images side by side: the best validation accuracy rises with the rate",
     .kind = RB_STUDY_LIST,
     .cases = rates},
    {.name = "animals/l1-sweep",
     .title = "L1 from far too weak to far too strong: validation, gap and norm against it",
     .kind = RB_STUDY_GRID,
     .base = "animals/l1",
     .axes = l1},
    {.name = "animals/l2-sweep", .title = "the same for L2", .kind = RB_STUDY_GRID, .base = "animals/l2", .axes = l2},
    {.name = "animals/tune-grid",
     .title = "24 runs on a grid: best found against runs spent",
     .kind = RB_STUDY_GRID,
     .base = "animals/l1l2",
     .axes = tuned_grid},
    {.title = "24 runs anywhere", .kind = RB_STUDY_RANDOM, TUNE("random")},
    {.title = "24 runs, one parameter changed at a time", .kind = RB_STUDY_COORDINATE, TUNE("coordinate")},
    {.title = "24 runs where a model of the runs so far expects most", .kind = RB_STUDY_BAYES, TUNE("bayes")},
    {.name = "animals/attack-fgsm",
     .title = "one step against three models: accuracy falls with eps; L1 helps a little, a CNN does not",
     LIST(fgsm)},
    {.name = "animals/attack-pgd", .title = "ten steps against the same: falls faster", LIST(pgd)},
    {.name = "animals/defend-adversarial",
     .title = "training on adversarial examples: the one defence here that holds, paid for in clean accuracy",
     LIST(adversarial)},
    {.name = "animals/defend-distill",
     .title = "distillation at T = 20 hides some gradients, and defends nothing",
     LIST(distill)},
    {.name = "animals/defend-squeeze",
     .title = "feature squeezing as a detector: its true and false alarms",
     LIST(squeeze)},
    {0},
};

const rb_lab rb_lab_animals = {"animals", "what keeps a large network from learning images by heart?", cases, studies};
