/* Losses with several predictions and targets, and labels with lengths: what is refused, and that a refusal
   leaves everything as it was. */
#include "support.h"

static float a[64], b[64], c[64], slopes[3][64];
static int32_t labels[64], narrow[64];
static int64_t wide[64];

static void begin(void) {
  int i;
  test_fill(a, 64, 1);
  test_fill(b, 64, 2);
  test_fill(c, 64, 3);
  for (i = 0; i < 64; i++) labels[i] = narrow[i] = i % 3, wide[i] = i % 3, b[i] = fabsf(b[i]) + 0.1f;
  test_poison(slopes, sizeof slopes);
}

static void words_refused(void) {
  static const char *const texts[] = {
      "mse reduction=all", "mse reduction=", "mse reduction=average", "l1 factor=wide", "l1 factor=inf", "mse factor=",
      "smooth_l1 beta=-1", "cross_entropy ignore_index=1.5", "cross_entropy weight=1,2 class_weights=1,2", "cross_entropy weight=-1,2",
      "nll weight=", "nll ignore_index=x", "bce weight=-1", "bce_with_logits pos_weight=-1", "bce_with_logits pos_weight=",
      "kl_div log_target=maybe", "poisson_nll eps=-1", "gaussian_nll eps=0", "gaussian_nll full=1", "hinge_embedding margin=nan",
      "margin_ranking margin=wide", "cosine_embedding margin=1.5", "triplet_margin p=0", "triplet_margin p=-1", "triplet_margin margin=0",
      "triplet_margin eps=-1", "multi_margin p=3", "multi_margin p=0", "multi_margin weight=-1", "multilabel_margin margin=1",
      "soft_margin p=1", "multilabel_soft_margin weight=-1", "ctc blank=-1", "ctc blank=99999999999", "ctc zero_infinity=1",
      "focal alpha=0.1,0.2", "focal alpha=2", "focal gamma=-1", "focal activation=relu", "focal activation=softmax alpha=-1",
      "dice smooth=-1", "quantile q=0", "quantile q=1", "quantile q=0.5,1.5", "quantile q=", "log_cosh delta=1"};
  chainrule_loss *loss, *unset;
  size_t i;
  test_poison(&loss, sizeof loss);
  unset = loss;
  for (i = 0; i < sizeof texts / sizeof *texts; i++) {
    int before = test_case_failures;
    FAILS(CHAINRULE_ATTRIBUTE, chainrule_loss_create(texts[i], &loss));
    if (test_case_failures != before) printf("#   text: \"%s\"\n", texts[i]);
  }
  FAILS_SAYING(CHAINRULE_ATTRIBUTE, "mean|sum|batchmean", chainrule_loss_create("mse reduction=all", &loss));
  CHECK(loss == unset);
}

static double value;
static chainrule_loss *loss;
static chainrule_array p[3], t[3], g[3];

/* Refused with all of this; then nothing was written. */
static void refused(unsigned statuses, const char *says) {
  double before = value;
  FAILS_ONE_OF(statuses, chainrule_loss_evaluate(loss, p, t, NULL, &value, g));
  if (says && strstr(chainrule_last_error()->message, says) == NULL)
    test_fail(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", chainrule_last_error()->message, says);
  CHECK(memcmp(&before, &value, sizeof value) == 0);
  CHECK(test_is_poisoned(slopes, sizeof slopes));
}

static void accepted(void) {
  SUCCEEDS(chainrule_loss_evaluate(loss, p, t, NULL, &value, g));
  CHECK(!test_is_poisoned(slopes, sizeof slopes));
  test_poison(slopes, sizeof slopes);
  test_poison(&value, sizeof value);
}

static int make(const char *text) {
  begin();
  chainrule_loss_free(loss);
  loss = NULL;
  test_poison(&value, sizeof value);
  return SUCCEEDS(chainrule_loss_create(text, &loss));
}

static void two_predictions(void) {
  static const char *const texts[] = {"margin_ranking", "gaussian_nll"};
  int k, i;
  for (k = 0; k < 2; k++) {
    if (!make(texts[k])) return;
    for (i = 0; i < 2; i++) p[i] = chainrule_matrix(i ? b : a, 4, 3), g[i] = chainrule_matrix(slopes[i], 4, 3);
    t[0] = chainrule_matrix(c, 4, 3);
    FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "prediction", chainrule_loss_evaluate(loss, NULL, t, NULL, &value, g));
    FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "target", chainrule_loss_evaluate(loss, p, NULL, NULL, &value, g));
    p[1].shape[0] = 3;
    refused(BIT(CHAINRULE_SHAPE), "4, 3");
    p[1].shape[0] = 4, p[1].shape[1] = 2;
    refused(BIT(CHAINRULE_SHAPE), NULL);
    p[1].shape[1] = 3, p[1].data = NULL;
    refused(BIT(CHAINRULE_INVALID_ARGUMENT), NULL);
    p[1].data = labels, p[1].dtype = CHAINRULE_INT32;
    refused(BIT(CHAINRULE_DTYPE), NULL);
    p[1] = chainrule_matrix(b, 4, 3), g[1].shape[1] = 2;
    refused(BIT(CHAINRULE_SHAPE), "gradient");
    g[1].shape[1] = 3, g[1].data = slopes[0] + 4; /* one gradient upon the other */
    refused(BIT(CHAINRULE_INVALID_ARGUMENT), "overlaps");
    g[1].data = b;
    refused(BIT(CHAINRULE_INVALID_ARGUMENT), "overlaps");
    g[1].data = slopes[1], t[0].shape[0] = 3;
    refused(BIT(CHAINRULE_SHAPE), NULL);
    t[0].shape[0] = 4;
    accepted();
  }
}

static void vectors(void) {
  int i;
  if (!make("cosine_embedding margin=0.5")) return;
  for (i = 0; i < 2; i++) p[i] = chainrule_matrix(i ? b : a, 4, 3), g[i] = chainrule_matrix(slopes[i], 4, 3);
  t[0] = chainrule_matrix(c, 4, 3);
  refused(BIT(CHAINRULE_SHAPE), "target");
  t[0] = chainrule_vector(c, 4), p[0].rank = p[1].rank = 1;
  refused(BIT(CHAINRULE_SHAPE), "features");
  p[0].rank = p[1].rank = 2;
  accepted();
  if (!make("triplet_margin")) return;
  for (i = 0; i < 3; i++) p[i] = chainrule_matrix(i == 0 ? a : i == 1 ? b : c, 4, 3), g[i] = chainrule_matrix(slopes[i], 4, 3);
  p[2].shape[0] = 3;
  refused(BIT(CHAINRULE_SHAPE), "negative");
  p[2].shape[0] = 4;
  SUCCEEDS(chainrule_loss_evaluate(loss, p, NULL, NULL, &value, g));
  for (i = 0; i < 3; i++) p[i].rank = 1;
  test_poison(slopes, sizeof slopes);
  refused(BIT(CHAINRULE_SHAPE), "anchor");
  for (i = 0; i < 3; i++) p[i].rank = 2;
  accepted();
}

static void classes(void) {
  static const char *const texts[] = {"cross_entropy", "nll", "focal activation=softmax", "multi_margin"};
  int k;
  for (k = 0; k < 4; k++) {
    if (!make(texts[k])) return;
    p[0] = chainrule_matrix(a, 4, 3), g[0] = chainrule_matrix(slopes[0], 4, 3), t[0] = chainrule_labels(labels, 4);
    labels[2] = 3;
    refused(BIT(CHAINRULE_VALUE), "element 2");
    labels[2] = -1;
    refused(BIT(CHAINRULE_VALUE), "element 2");
    labels[2] = INT32_MIN;
    refused(BIT(CHAINRULE_VALUE), NULL);
    labels[2] = 2;
    t[0] = chainrule_vector(c, 4);
    refused(BIT(CHAINRULE_DTYPE) | BIT(CHAINRULE_SHAPE), NULL);
    t[0] = chainrule_labels(labels, 3);
    refused(BIT(CHAINRULE_SHAPE), NULL);
    wide[1] = (INT64_C(1) << 32) + 1;
    t[0] = chainrule_view(wide, CHAINRULE_INT64, 1, 4, 0, 0, 0);
    refused(BIT(CHAINRULE_VALUE), NULL);
    wide[1] = 1;
    accepted();
    p[0].rank = g[0].rank = 1;
    refused(BIT(CHAINRULE_SHAPE), "classes");
    if (k == 3) continue;
    p[0] = chainrule_view(a, CHAINRULE_FLOAT32, 3, 4, 3, 2, 0), g[0] = chainrule_view(slopes[0], CHAINRULE_FLOAT32, 3, 4, 3, 2, 0);
    t[0] = chainrule_labels(labels, 4); /* a label for each of the last dimension, too */
    refused(BIT(CHAINRULE_SHAPE), "2");
    t[0] = chainrule_view(labels, CHAINRULE_INT32, 2, 4, 2, 0, 0);
    labels[5] = -100; /* ignored */
    accepted();
  }
  if (!make("nll weight=1,2")) return;
  p[0] = chainrule_matrix(a, 4, 3), g[0] = chainrule_matrix(slopes[0], 4, 3), t[0] = chainrule_labels(labels, 4);
  refused(BIT(CHAINRULE_ATTRIBUTE), "3 numbers");
  if (!make("multilabel_margin")) return;
  t[0] = chainrule_view(labels, CHAINRULE_INT32, 2, 4, 3, 0, 0);
  labels[4] = 3;
  refused(BIT(CHAINRULE_VALUE), "element 4");
  labels[4] = -2;
  refused(BIT(CHAINRULE_VALUE), "or -1");
  labels[4] = -1;
  accepted();
  t[0] = chainrule_labels(labels, 4);
  refused(BIT(CHAINRULE_SHAPE), NULL);
  if (!make("cross_entropy ignore_index=2 reduction=mean")) return; /* all ignored: nothing counts */
  t[0] = chainrule_labels(labels, 4);
  labels[0] = labels[1] = labels[2] = labels[3] = 2;
  SUCCEEDS(chainrule_loss_evaluate(loss, p, t, NULL, &value, g));
  CHECK(value == 0 && slopes[0][0] == 0 && slopes[0][11] == 0);
}

static void columns(void) {
  if (!make("quantile q=0.1,0.9")) return;
  p[0] = chainrule_matrix(a, 4, 3), g[0] = chainrule_matrix(slopes[0], 4, 3), t[0] = chainrule_matrix(c, 4, 1);
  refused(BIT(CHAINRULE_SHAPE), "quantile");
  p[0] = chainrule_matrix(a, 4, 2), g[0] = chainrule_matrix(slopes[0], 4, 2);
  accepted();
  t[0] = chainrule_vector(c, 4);
  accepted();
  t[0] = chainrule_matrix(c, 4, 2);
  refused(BIT(CHAINRULE_SHAPE), NULL);
  if (!make("bce_with_logits pos_weight=1,2,3")) return;
  refused(BIT(CHAINRULE_ATTRIBUTE), "2 numbers");
  if (!make("multilabel_soft_margin weight=1")) return;
  refused(BIT(CHAINRULE_ATTRIBUTE), "2 numbers");
}

static void sequences(void) {
  int i;
  if (!make("ctc")) return;
  for (i = 0; i < 64; i++) labels[i] = 1 + i % 2;
  p[0] = chainrule_view(a, CHAINRULE_FLOAT32, 3, 3, 5, 3, 0), g[0] = chainrule_view(slopes[0], CHAINRULE_FLOAT32, 3, 3, 5, 3, 0);
  t[0] = chainrule_view(labels, CHAINRULE_INT32, 2, 3, 2, 0, 0);
  t[1] = chainrule_labels(narrow, 3), t[2] = chainrule_labels(narrow + 8, 3);
  for (i = 0; i < 3; i++) narrow[i] = 5 - i, narrow[8 + i] = i;
  accepted();
  narrow[0] = 6; /* more times than there are */
  refused(BIT(CHAINRULE_VALUE), "a length from 0 to 5");
  narrow[0] = -1;
  refused(BIT(CHAINRULE_VALUE), "input_lengths");
  narrow[0] = 5, narrow[9] = 3;
  refused(BIT(CHAINRULE_VALUE), "target_lengths");
  narrow[9] = -1;
  refused(BIT(CHAINRULE_VALUE), NULL);
  narrow[9] = 1, labels[2] = 0; /* the blank */
  refused(BIT(CHAINRULE_VALUE), "blank");
  labels[2] = 3;
  refused(BIT(CHAINRULE_VALUE), "no class");
  labels[2] = -1;
  refused(BIT(CHAINRULE_VALUE), "no class");
  labels[2] = 1, labels[3] = 77, labels[1] = -5; /* behind their lengths: not read */
  accepted();
  t[1].shape[0] = 2;
  refused(BIT(CHAINRULE_SHAPE), "input_lengths");
  t[1].shape[0] = 3, t[1] = chainrule_vector(c, 3);
  refused(BIT(CHAINRULE_DTYPE), NULL);
  t[1] = chainrule_labels(narrow, 3), t[0].rank = 1;
  refused(BIT(CHAINRULE_SHAPE), NULL);
  t[0].rank = 2, t[0].shape[1] = INT64_C(1) << 40;
  refused(BIT(CHAINRULE_SHAPE) | BIT(CHAINRULE_OUT_OF_MEMORY), NULL);
  t[0].shape[1] = 2, p[0].rank = 2;
  refused(BIT(CHAINRULE_SHAPE), "time");
  p[0].rank = 3;
  t[0].shape[1] = 0, t[0].data = NULL, narrow[9] = 0, narrow[10] = 0; /* no labels anywhere: all blanks */
  accepted();
  narrow[9] = 1;
  refused(BIT(CHAINRULE_VALUE), NULL);
  if (!make("ctc blank=3")) return;
  refused(BIT(CHAINRULE_ATTRIBUTE), "blank");
  if (!make("ctc")) return; /* two equal labels don't fit into two times */
  t[0] = chainrule_view(labels, CHAINRULE_INT32, 2, 3, 2, 0, 0);
  for (i = 0; i < 6; i++) labels[i] = 1;
  for (i = 0; i < 3; i++) narrow[i] = 2, narrow[8 + i] = 2;
  SUCCEEDS(chainrule_loss_evaluate(loss, p, t, NULL, &value, g));
  CHECK(value == INFINITY);
  if (!make("ctc zero_infinity=true")) return;
  for (i = 0; i < 6; i++) labels[i] = 1;
  for (i = 0; i < 3; i++) narrow[i] = 2, narrow[8 + i] = 2;
  SUCCEEDS(chainrule_loss_evaluate(loss, p, t, NULL, &value, g));
  CHECK(value == 0 && slopes[0][0] == 0 && slopes[0][44] == 0);
}

static chainrule_model *several(int outputs) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 3);
  chainrule_node node[4], x = 0;
  int i;
  SUCCEEDS(chainrule_model_add(model, "input", "shape=3", NULL));
  for (i = 0; i < outputs; i++) SUCCEEDS(chainrule_model_add_node(model, "linear", "out_features=3", &x, 1, &node[i]));
  SUCCEEDS(chainrule_model_set_outputs(model, node, (size_t)outputs));
  return model;
}

static void trainers(void) {
  chainrule_model *model = several(3);
  chainrule_trainer *trainer = NULL, *unset = NULL;
  chainrule_array x = chainrule_matrix(c, 4, 3), y[3];
  double before = 0, after = 0, values[2];
  int i;
  begin();
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_create(model, "mse", "sgd lr=0.1", &unset));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_create(model, "mse;margin_ranking;mse", "sgd lr=0.1", &unset));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_create(model, "triplet_margin;mse", "sgd lr=0.1", &unset));
  FAILS(CHAINRULE_SHAPE, chainrule_trainer_create(model, "ctc;mse;mse", "sgd lr=0.1", &unset));
  CHECK(unset == NULL);
  REQUIRE_OK(chainrule_trainer_create(model, "triplet_margin margin=9", "sgd lr=0.1", &trainer));
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "metrics", chainrule_trainer_set_metrics(trainer, "mae"));
  SUCCEEDS(chainrule_trainer_step(trainer, &x, NULL, NULL, &before));
  for (i = 0; i < 20; i++) SUCCEEDS(chainrule_trainer_step(trainer, &x, NULL, NULL, &after));
  CHECK(after < before);
  chainrule_trainer_free(trainer);
  /* The sum of a ranking and half of a squared error; each step like the last goes the short way. */
  REQUIRE_OK(chainrule_trainer_create(model, "margin_ranking margin=5; mse factor=0.5 reduction=sum", "sgd lr=0.01", &trainer));
  y[0] = chainrule_matrix(b, 4, 3), y[1] = chainrule_matrix(a, 4, 3);
  y[1].shape[1] = 2;
  FAILS_SAYING(CHAINRULE_SHAPE, "target 1", chainrule_trainer_step(trainer, &x, y, NULL, &before));
  y[1].shape[1] = 3;
  SUCCEEDS(chainrule_trainer_set_metrics(trainer, "mae"));
  SUCCEEDS(chainrule_trainer_step(trainer, &x, y, NULL, &before));
  for (i = 0; i < 20; i++) SUCCEEDS(chainrule_trainer_step(trainer, &x, y, NULL, &after));
  CHECK(after < before);
  SUCCEEDS(chainrule_trainer_evaluate(trainer, &x, y, NULL, values, 2, NULL));
  CHECK(values[0] < after && values[1] > 0);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

/* CTC from a network: fit, evaluate and a step of each batch; lengths and labels are looked at every time. */
static void sequence_trainer(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT64, 3);
  chainrule_trainer *trainer = NULL;
  chainrule_fit_options options;
  chainrule_array x = chainrule_view(a, CHAINRULE_FLOAT32, 3, 4, 5, 3, 0), y[3];
  double before, after, evaluated;
  int i;
  begin();
  SUCCEEDS(chainrule_model_add(model, "input", "shape=5,3", NULL));
  SUCCEEDS(chainrule_model_add(model, "linear", "out_features=4", NULL));
  SUCCEEDS(chainrule_model_add(model, "log_softmax", "", NULL));
  REQUIRE_OK(chainrule_trainer_create(model, "ctc", "adam lr=0.05", &trainer));
  for (i = 0; i < 8; i++) labels[i] = 1 + i % 3;
  for (i = 0; i < 4; i++) wide[i] = 5, narrow[i] = i % 3;
  y[0] = chainrule_view(labels, CHAINRULE_INT32, 2, 4, 2, 0, 0), y[1] = chainrule_view(wide, CHAINRULE_INT64, 1, 4, 0, 0, 0);
  y[2] = chainrule_labels(narrow, 4);
  SUCCEEDS(chainrule_trainer_evaluate(trainer, &x, y, NULL, &evaluated, 1, NULL));
  SUCCEEDS(chainrule_trainer_step(trainer, &x, y, NULL, &before));
  CHECK_NEAR(evaluated, before, 1e-12);
  for (i = 0; i < 50; i++) SUCCEEDS(chainrule_trainer_step(trainer, &x, y, NULL, &after));
  CHECK(after < before / 2);
  labels[2] = 0;
  FAILS_SAYING(CHAINRULE_VALUE, "blank", chainrule_trainer_step(trainer, &x, y, NULL, &before));
  FAILS_SAYING(CHAINRULE_VALUE, "blank", chainrule_trainer_fit(trainer, &x, y, NULL, NULL));
  labels[2] = 3, wide[3] = 6;
  FAILS_SAYING(CHAINRULE_VALUE, "length", chainrule_trainer_step(trainer, &x, y, NULL, &before));
  FAILS_SAYING(CHAINRULE_VALUE, "length", chainrule_trainer_evaluate(trainer, &x, y, NULL, &evaluated, 1, NULL));
  wide[3] = 5;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.epochs = 5, options.batch_size = 3;
  SUCCEEDS(chainrule_trainer_fit(trainer, &x, y, &options, NULL));
  SUCCEEDS(chainrule_trainer_evaluate(trainer, &x, y, NULL, &evaluated, 1, NULL));
  CHECK(evaluated < after);
  y[0].shape[1] = 1; /* other numbers of labels are other plans */
  narrow[2] = 1;
  SUCCEEDS(chainrule_trainer_step(trainer, &x, y, NULL, &after));
  narrow[2] = 2;
  FAILS_SAYING(CHAINRULE_VALUE, "length", chainrule_trainer_step(trainer, &x, y, NULL, &after));
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

/* Labels of a picture: fit in batches that are gathered, ignored ones left out of loss and accuracy. */
static void trailing_dimensions(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 3);
  chainrule_trainer *trainer = NULL;
  chainrule_fit_options options;
  chainrule_array x = chainrule_view(a, CHAINRULE_FLOAT32, 3, 5, 3, 4, 0), y = chainrule_view(labels, CHAINRULE_INT32, 2, 5, 4, 0, 0);
  double values[2] = {0, 0};
  size_t count = 0;
  int i;
  begin();
  for (i = 0; i < 20; i++) {
    int row = i / 4, column = i % 4, best = 0, k;
    for (k = 1; k < 3; k++)
      if (a[row * 12 + k * 4 + column] > a[row * 12 + best * 4 + column]) best = k;
    labels[i] = best;
  }
  SUCCEEDS(chainrule_model_add(model, "input", "shape=3,4", NULL));
  SUCCEEDS(chainrule_model_add(model, "transpose", "dim0=1 dim1=2", NULL));
  SUCCEEDS(chainrule_model_add(model, "linear", "out_features=3", NULL));
  SUCCEEDS(chainrule_model_add(model, "transpose", "dim0=1 dim1=2", NULL));
  REQUIRE_OK(chainrule_trainer_create(model, "cross_entropy", "adam lr=0.05", &trainer));
  SUCCEEDS(chainrule_trainer_set_metrics(trainer, "accuracy"));
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.epochs = 300, options.batch_size = 2;
  SUCCEEDS(chainrule_trainer_fit(trainer, &x, &y, &options, NULL));
  SUCCEEDS(chainrule_trainer_evaluate(trainer, &x, &y, NULL, values, 2, &count));
  CHECK_EQUAL(count, 2);
  CHECK(values[1] == 1);
  labels[3] = (labels[3] + 1) % 3; /* one of twenty is wrong, then left out */
  SUCCEEDS(chainrule_trainer_evaluate(trainer, &x, &y, NULL, values, 2, NULL));
  CHECK_NEAR(values[1], 0.95, 1e-12);
  labels[3] = -100;
  SUCCEEDS(chainrule_trainer_evaluate(trainer, &x, &y, NULL, values, 2, NULL));
  CHECK(values[1] == 1);
  labels[3] = 3;
  FAILS_SAYING(CHAINRULE_VALUE, "element 3", chainrule_trainer_fit(trainer, &x, &y, &options, NULL));
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

/* What evaluate says of a whole set is the loss of the whole set, whatever the reduction and the batches. */
static void whole_sets(void) {
  static const char *const texts[] = {"mse", "mse reduction=sum", "mse reduction=batchmean factor=2"};
  static float many[1300], wanted[1300];
  int k;
  test_fill(many, 1300, 1);
  test_fill(wanted, 1300, 2);
  for (k = 0; k < 3; k++) {
    chainrule_model *model = test_model(CHAINRULE_FLOAT64, 3);
    chainrule_trainer *trainer = NULL;
    chainrule_loss *own = NULL;
    static double predicted[1300];
    chainrule_array x = chainrule_matrix(many, 650, 2), y = chainrule_matrix(wanted, 650, 2), out = chainrule_matrix_float64(predicted, 650, 2);
    double all = 0, alone = 1;
    SUCCEEDS(chainrule_model_add(model, "input", "shape=2", NULL));
    SUCCEEDS(chainrule_model_add(model, "linear", "out_features=2", NULL));
    REQUIRE_OK(chainrule_trainer_create(model, texts[k], "sgd lr=0.1", &trainer));
    REQUIRE_OK(chainrule_loss_create(texts[k], &own));
    SUCCEEDS(chainrule_trainer_evaluate(trainer, &x, &y, NULL, &all, 1, NULL));
    SUCCEEDS(chainrule_model_predict(model, &x, &out));
    SUCCEEDS(chainrule_loss_evaluate(own, &out, &y, NULL, &alone, NULL));
    CHECK_NEAR(all, alone, 1e-10 * fabs(alone));
    chainrule_loss_free(own);
    chainrule_trainer_free(trainer);
    chainrule_model_free(model);
  }
}

int main(void) {
  TEST_MAIN("bad_losses");
  RUN(words_refused);
  RUN(two_predictions);
  RUN(vectors);
  RUN(classes);
  RUN(columns);
  RUN(sequences);
  RUN(trainers);
  RUN(sequence_trainer);
  RUN(trailing_dimensions);
  RUN(whole_sets);
  return test_finish();
}
