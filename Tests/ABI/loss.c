/* Losses: their text, targets of every wrong kind, weights, what happens to numbers that are not finite. */
#include "support.h"

#define ROWS 4
#define CLASSES 3
static float scores[ROWS * CLASSES * 2], gradient[ROWS * CLASSES * 2], target[ROWS * CLASSES * 2];
static int32_t labels[ROWS] = {0, 2, 1, 2};
static float weights[ROWS] = {1, 0.5f, 2, 0};

static void begin(void) {
  test_fill(scores, ROWS * CLASSES * 2, 1);
  test_fill(target, ROWS * CLASSES * 2, 2);
  test_poison(gradient, sizeof gradient);
}

static void text_refused(void) {
  static const char *const texts[] = {"",
                                      " ",
                                      "mean_squared",
                                      "mse x=1",
                                      "mse mse",
                                      "mse delta",
                                      "huber delta=0",
                                      "huber delta=-1",
                                      "huber delta=nan",
                                      "huber delta=wide",
                                      "cross_entropy label_smoothing=-0.1",
                                      "cross_entropy label_smoothing=1.5",
                                      "cross_entropy label_smoothing=0.1 label_smoothing=0.2",
                                      "cross_entropy class_weights=1,-1",
                                      "cross_entropy class_weights=1,x",
                                      "cross_entropy class_weights=1,inf",
                                      "cross_entropy class_weights=",
                                      "linear",
                                      "sgd",
                                      "mse;mse",
                                      "\xff\xfe"};
  chainrule_loss *loss, *unset;
  size_t i;
  test_poison(&loss, sizeof loss);
  unset = loss;
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "text", chainrule_loss_create(NULL, &loss));
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "loss", chainrule_loss_create("mse", NULL));
  for (i = 0; i < sizeof texts / sizeof *texts; i++) {
    int before = test_case_failures;
    FAILS_ONE_OF(BIT(CHAINRULE_ATTRIBUTE) | BIT(CHAINRULE_INVALID_ARGUMENT), chainrule_loss_create(texts[i], &loss));
    if (test_case_failures != before) printf("#   text: \"%s\"\n", texts[i]);
  }
  FAILS_SAYING(CHAINRULE_ATTRIBUTE, "position", chainrule_loss_create("huber delta", &loss));
  CHECK(loss == unset);
  REQUIRE_OK(chainrule_loss_create("cross_entropy label_smoothing=0.1 class_weights=1,2,3", &loss));
  chainrule_loss_free(loss);
}

static void null_arguments(void) {
  chainrule_loss *loss = NULL;
  double value, unset;
  chainrule_array p = chainrule_matrix(scores, ROWS, CLASSES), t = chainrule_matrix(target, ROWS, CLASSES);
  chainrule_array g = chainrule_matrix(gradient, ROWS, CLASSES);
  begin();
  test_poison(&value, sizeof value);
  unset = value;
  REQUIRE_OK(chainrule_loss_create("mse", &loss));
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "loss", chainrule_loss_evaluate(NULL, &p, &t, NULL, &value, &g));
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "prediction", chainrule_loss_evaluate(loss, NULL, &t, NULL, &value, &g));
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "target", chainrule_loss_evaluate(loss, &p, NULL, NULL, &value, &g));
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "value", chainrule_loss_evaluate(loss, &p, &t, NULL, NULL, &g));
  CHECK(test_is_poisoned(gradient, sizeof gradient));
  CHECK(memcmp(&value, &unset, sizeof value) == 0);
  SUCCEEDS(chainrule_loss_evaluate(loss, &p, &t, NULL, &value, NULL));
  SUCCEEDS(chainrule_loss_evaluate(loss, &p, &t, NULL, &value, &g));
  chainrule_loss_free(loss);
}

static void arrays_refused(void) {
  static const char *const kinds[] = {"mse", "l1", "huber", "bce_with_logits"};
  size_t k;
  for (k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    chainrule_loss *loss = NULL;
    double value;
    chainrule_array p = chainrule_matrix(scores, ROWS, CLASSES), t = chainrule_matrix(target, ROWS, CLASSES);
    chainrule_array g = chainrule_matrix(gradient, ROWS, CLASSES);
    int i;
    begin();
    if (k == 3)
      for (i = 0; i < ROWS * CLASSES * 2; i++) target[i] = fabsf(target[i]);
    test_poison(&value, sizeof value);
    REQUIRE_OK(chainrule_loss_create(kinds[k], &loss));
    FAILS_FOR_BAD_ARRAYS(scores, ROWS, CLASSES, chainrule_loss_evaluate(loss, &bad, &t, NULL, &value, &g));
    FAILS_FOR_BAD_ARRAYS(target, ROWS, CLASSES, chainrule_loss_evaluate(loss, &p, &bad, NULL, &value, &g));
    FAILS_FOR_BAD_ARRAYS(gradient, ROWS, CLASSES, chainrule_loss_evaluate(loss, &p, &t, NULL, &value, &bad));
    g.data = scores; /* the gradient may not lie upon what it is computed from */
    FAILS_ONE_OF(BIT(CHAINRULE_INVALID_ARGUMENT) | BIT(CHAINRULE_SHAPE),
                 chainrule_loss_evaluate(loss, &p, &t, NULL, &value, &g));
    g.data = target + 1;
    FAILS_ONE_OF(BIT(CHAINRULE_INVALID_ARGUMENT) | BIT(CHAINRULE_SHAPE),
                 chainrule_loss_evaluate(loss, &p, &t, NULL, &value, &g));
    g.data = gradient;
    p.shape[0] = t.shape[0] = g.shape[0] = 0; /* a mean over nothing */
    FAILS_ONE_OF(BIT(CHAINRULE_INVALID_ARGUMENT) | BIT(CHAINRULE_SHAPE) | BIT(CHAINRULE_VALUE),
                 chainrule_loss_evaluate(loss, &p, &t, NULL, &value, &g));
    p.shape[0] = t.shape[0] = g.shape[0] = ROWS;
    CHECK(test_is_poisoned(gradient, sizeof gradient));
    CHECK_UNTOUCHED(value);
    SUCCEEDS(chainrule_loss_evaluate(loss, &p, &t, NULL, &value, &g));
    chainrule_loss_free(loss);
  }
}

/* Each loss by itself: the shape first, then the losses; the reduction that the loss has doesn't matter. */
static void values_of_losses(void) {
  static const char *const reductions[] = {"none", "mean", "sum", "batchmean"};
  float each[ROWS * CLASSES * 2];
  chainrule_array p = chainrule_matrix(scores, ROWS, CLASSES), t = chainrule_matrix(target, ROWS, CLASSES);
  chainrule_array g = chainrule_matrix(gradient, ROWS, CLASSES), w = chainrule_vector(weights, ROWS), values;
  chainrule_array l = chainrule_labels(labels, ROWS);
  chainrule_loss *loss = NULL;
  chainrule_model *model = NULL;
  chainrule_trainer *trainer = NULL;
  double value;
  int i, k;
  begin();
  for (k = 0; k < 4; k++) {
    char text[64];
    snprintf(text, sizeof text, "mse factor=3 reduction=%s", reductions[k]);
    REQUIRE_OK(chainrule_loss_create(text, &loss));
    memset(&values, 0, sizeof values);
    SUCCEEDS(chainrule_loss_values(loss, &p, &t, &w, &values, NULL));
    CHECK(values.data == NULL);
    CHECK_EQUAL(values.rank, 2);
    CHECK_EQUAL(values.shape[0], ROWS);
    CHECK_EQUAL(values.shape[1], CLASSES);
    values = chainrule_matrix(each, ROWS, CLASSES);
    test_poison(each, sizeof each);
    SUCCEEDS(chainrule_loss_values(loss, &p, &t, &w, &values, &g));
    for (i = 0; i < ROWS * CLASSES; i++) {
      float d = scores[i] - target[i];
      CHECK_NEAR(each[i], 3 * weights[i / CLASSES] * d * d, 1e-6);
      CHECK_NEAR(gradient[i], 6 * weights[i / CLASSES] * d, 1e-6);
    }
    test_poison(&value, sizeof value);
    if (k == 0) {
      FAILS_SAYING(CHAINRULE_STATE, "reduction=none", chainrule_loss_evaluate(loss, &p, &t, NULL, &value, NULL));
      CHECK_UNTOUCHED(value);
    }
    test_poison(each, sizeof each);
    test_poison(gradient, sizeof gradient);
    FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "loss", chainrule_loss_values(NULL, &p, &t, NULL, &values, &g));
    FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "prediction", chainrule_loss_values(loss, NULL, &t, NULL, &values, &g));
    FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "target", chainrule_loss_values(loss, &p, NULL, NULL, &values, &g));
    FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "values", chainrule_loss_values(loss, &p, &t, NULL, NULL, &g));
    FAILS_FOR_BAD_ARRAYS(scores, ROWS, CLASSES, chainrule_loss_values(loss, &bad, &t, NULL, &values, &g));
    FAILS_FOR_BAD_ARRAYS(target, ROWS, CLASSES, chainrule_loss_values(loss, &p, &bad, NULL, &values, &g));
    FAILS_FOR_BAD_ARRAYS(gradient, ROWS, CLASSES, chainrule_loss_values(loss, &p, &t, NULL, &values, &bad));
    values = chainrule_vector(each, ROWS);
    FAILS_SAYING(CHAINRULE_SHAPE, "values", chainrule_loss_values(loss, &p, &t, NULL, &values, &g));
    values = chainrule_matrix(each, ROWS, CLASSES);
    values.data = gradient; /* and not upon the gradient */
    FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "values", chainrule_loss_values(loss, &p, &t, NULL, &values, &g));
    CHECK(test_is_poisoned(each, sizeof each) && test_is_poisoned(gradient, sizeof gradient));
    chainrule_loss_free(loss);
  }
  REQUIRE_OK(chainrule_loss_create("cross_entropy reduction=none", &loss));
  values = chainrule_vector(each, ROWS);
  SUCCEEDS(chainrule_loss_values(loss, &p, &l, NULL, &values, NULL));
  for (i = 0; i < ROWS; i++) {
    double sum = 0;
    for (k = 0; k < CLASSES; k++) sum += exp(scores[i * CLASSES + k]);
    CHECK_NEAR(each[i], log(sum) - scores[i * CLASSES + labels[i]], 1e-6);
  }
  chainrule_loss_free(loss);
  REQUIRE_OK(chainrule_model_create(NULL, &model));
  REQUIRE_OK(chainrule_model_add(model, "input", "shape=2", NULL));
  REQUIRE_OK(chainrule_model_add(model, "linear", "out_features=1", NULL));
  FAILS_SAYING(CHAINRULE_ATTRIBUTE, "training", chainrule_trainer_create(model, "mse reduction=none", "sgd lr=0.1", &trainer));
  chainrule_model_free(model);
}

/* A loss that is not finite is told as such, or it is an error that touches nothing. */
static void not_finite(const chainrule_loss *loss, const chainrule_array *p, const chainrule_array *t,
                       const chainrule_array *g) {
  double value;
  test_poison(gradient, sizeof gradient);
  test_poison(&value, sizeof value);
  if (chainrule_loss_evaluate(loss, p, t, NULL, &value, g) == CHAINRULE_OK) {
    CHECK(!isfinite(value));
  } else {
    chainrule_status status = chainrule_last_error()->status;
    CHECK(status == CHAINRULE_VALUE || status == CHAINRULE_NON_FINITE);
    CHECK(test_is_poisoned(gradient, sizeof gradient));
    CHECK_UNTOUCHED(value);
  }
}

static void not_finite_refused(void) {
  static const float bad[3] = {NAN, INFINITY, -INFINITY};
  chainrule_loss *loss = NULL;
  double value;
  chainrule_array p = chainrule_matrix(scores, ROWS, CLASSES), t = chainrule_matrix(target, ROWS, CLASSES);
  chainrule_array g = chainrule_matrix(gradient, ROWS, CLASSES), w = chainrule_vector(weights, ROWS);
  int i;
  begin();
  test_poison(&value, sizeof value);
  REQUIRE_OK(chainrule_loss_create("mse", &loss));
  for (i = 0; i < 3; i++) {
    float saved = target[4];
    target[4] = bad[i];
    not_finite(loss, &p, &t, &g);
    target[4] = saved;
    saved = scores[4];
    scores[4] = bad[i];
    not_finite(loss, &p, &t, &g);
    scores[4] = saved;
    test_poison(gradient, sizeof gradient);
    saved = weights[1];
    weights[1] = bad[i];
    FAILS(CHAINRULE_VALUE, chainrule_loss_evaluate(loss, &p, &t, &w, &value, &g));
    weights[1] = saved;
  }
  CHECK(test_is_poisoned(gradient, sizeof gradient));
  CHECK_UNTOUCHED(value);
  scores[0] = 3e38f; /* finite, and its square is not */
  target[0] = -3e38f;
  not_finite(loss, &p, &t, &g);
  chainrule_loss_free(loss);
}

static void weights_refused(void) {
  chainrule_loss *loss = NULL;
  double value;
  float negative[ROWS] = {1, -1, 1, 1}, zeros[ROWS] = {0};
  chainrule_array p = chainrule_matrix(scores, ROWS, CLASSES), t = chainrule_matrix(target, ROWS, CLASSES);
  chainrule_array g = chainrule_matrix(gradient, ROWS, CLASSES), w = chainrule_vector(weights, ROWS);
  begin();
  test_poison(&value, sizeof value);
  REQUIRE_OK(chainrule_loss_create("mse", &loss));
  w.shape[0] = ROWS - 1;
  FAILS(CHAINRULE_SHAPE, chainrule_loss_evaluate(loss, &p, &t, &w, &value, &g));
  w.shape[0] = ROWS, w.rank = 2, w.shape[1] = 2;
  FAILS(CHAINRULE_SHAPE, chainrule_loss_evaluate(loss, &p, &t, &w, &value, &g));
  w.rank = 1, w.data = NULL;
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_loss_evaluate(loss, &p, &t, &w, &value, &g));
  w.data = labels, w.dtype = CHAINRULE_INT32;
  FAILS(CHAINRULE_DTYPE, chainrule_loss_evaluate(loss, &p, &t, &w, &value, &g));
  w = chainrule_vector(negative, ROWS);
  FAILS(CHAINRULE_VALUE, chainrule_loss_evaluate(loss, &p, &t, &w, &value, &g));
  CHECK(test_is_poisoned(gradient, sizeof gradient));
  CHECK_UNTOUCHED(value);
  w = chainrule_vector(zeros, ROWS); /* the weighted mean would divide by nothing: nothing counts */
  SUCCEEDS(chainrule_loss_evaluate(loss, &p, &t, &w, &value, &g));
  CHECK(value == 0 && gradient[0] == 0 && gradient[ROWS * CLASSES - 1] == 0);
  w = chainrule_vector(weights, ROWS);
  SUCCEEDS(chainrule_loss_evaluate(loss, &p, &t, &w, &value, &g));
  chainrule_loss_free(loss);
}

static void labels_refused(void) {
  static const int32_t outside[] = {CLASSES, -1, -99, INT32_MAX, INT32_MIN};
  const unsigned either = BIT(CHAINRULE_VALUE) | BIT(CHAINRULE_DTYPE) | BIT(CHAINRULE_SHAPE);
  chainrule_loss *loss = NULL, *weighted = NULL;
  double value, from_narrow, from_wide;
  int64_t wide[ROWS] = {0, 2, 1, 2};
  float fractional[ROWS] = {0, 1.5f, 1, 2};
  chainrule_array p = chainrule_matrix(scores, ROWS, CLASSES), t = chainrule_labels(labels, ROWS);
  chainrule_array g = chainrule_matrix(gradient, ROWS, CLASSES);
  chainrule_array narrow = t, broad = chainrule_view(wide, CHAINRULE_INT64, 1, ROWS, 0, 0, 0);
  size_t i;
  begin();
  test_poison(&value, sizeof value);
  REQUIRE_OK(chainrule_loss_create("cross_entropy", &loss));
  for (i = 0; i < sizeof outside / sizeof *outside; i++) {
    labels[1] = outside[i];
    FAILS(CHAINRULE_VALUE, chainrule_loss_evaluate(loss, &p, &t, NULL, &value, &g));
    wide[1] = outside[i];
    FAILS(CHAINRULE_VALUE, chainrule_loss_evaluate(loss, &p, &broad, NULL, &value, &g));
  }
  wide[1] = (INT64_C(1) << 32) + 2; /* 2, if only half of it were read */
  FAILS(CHAINRULE_VALUE, chainrule_loss_evaluate(loss, &p, &broad, NULL, &value, &g));
  labels[1] = 2, wide[1] = 2;
  t.shape[0] = ROWS + 1;
  FAILS(CHAINRULE_SHAPE, chainrule_loss_evaluate(loss, &p, &t, NULL, &value, &g));
  t = chainrule_vector(fractional, ROWS);
  FAILS_ONE_OF(either, chainrule_loss_evaluate(loss, &p, &t, NULL, &value, &g));
  t = chainrule_matrix(target, ROWS, CLASSES);
  t.shape[1] = CLASSES - 1;
  FAILS(CHAINRULE_SHAPE, chainrule_loss_evaluate(loss, &p, &t, NULL, &value, &g));
  REQUIRE_OK(chainrule_loss_create("cross_entropy class_weights=1,2", &weighted));
  FAILS_ONE_OF(BIT(CHAINRULE_SHAPE) | BIT(CHAINRULE_ATTRIBUTE),
               chainrule_loss_evaluate(weighted, &p, &narrow, NULL, &value, &g));
  CHECK(test_is_poisoned(gradient, sizeof gradient));
  CHECK_UNTOUCHED(value);
  SUCCEEDS(chainrule_loss_evaluate(loss, &p, &narrow, NULL, &from_narrow, &g));
  SUCCEEDS(chainrule_loss_evaluate(loss, &p, &broad, NULL, &from_wide, NULL));
  CHECK(from_narrow == from_wide);
  chainrule_loss_free(loss);
  chainrule_loss_free(weighted);
}

/* Targets that are no probabilities are taken as the formula takes them, as in PyTorch. */
static void bce_target_outside(void) {
  chainrule_loss *loss = NULL;
  double value = 0, expected = 0;
  float outside[4] = {0, 1, -0.25f, 1.25f}, logits[4] = {0, 3, -2, 1};
  chainrule_array p = chainrule_vector(logits, 4), t = chainrule_vector(outside, 4);
  int i;
  for (i = 0; i < 4; i++) expected += (log1p(exp(logits[i])) - logits[i] * outside[i]) / 4;
  REQUIRE_OK(chainrule_loss_create("bce_with_logits", &loss));
  SUCCEEDS(chainrule_loss_evaluate(loss, &p, &t, NULL, &value, NULL));
  CHECK_NEAR(value, expected, 1e-6);
  chainrule_loss_free(loss);
}

/* Scores that would overflow in a careless formula. */
static void large_scores(void) {
  chainrule_loss *loss = NULL;
  double value = 0;
  float large[3] = {3e4f, -3e4f, 0}, back[3], logits[2] = {1e5f, -1e5f}, zero_one[2] = {1, 0};
  int32_t label = 0;
  chainrule_array p = chainrule_matrix(large, 1, 3), t = chainrule_labels(&label, 1), g = chainrule_matrix(back, 1, 3);
  REQUIRE_OK(chainrule_loss_create("cross_entropy", &loss));
  REQUIRE_OK(chainrule_loss_evaluate(loss, &p, &t, NULL, &value, &g));
  CHECK_NEAR(value, 0, 1e-6);
  label = 1;
  REQUIRE_OK(chainrule_loss_evaluate(loss, &p, &t, NULL, &value, &g));
  CHECK_NEAR(value, 6e4, 1);
  CHECK_NEAR(back[0], 1, 1e-6);
  CHECK_NEAR(back[1], -1, 1e-6);
  chainrule_loss_free(loss);
  REQUIRE_OK(chainrule_loss_create("bce_with_logits", &loss));
  p = chainrule_vector(logits, 2), t = chainrule_vector(zero_one, 2);
  REQUIRE_OK(chainrule_loss_evaluate(loss, &p, &t, NULL, &value, NULL));
  CHECK_NEAR(value, 0, 1e-6);
  zero_one[0] = 0;
  REQUIRE_OK(chainrule_loss_evaluate(loss, &p, &t, NULL, &value, NULL));
  CHECK_NEAR(value, 5e4, 1);
  chainrule_loss_free(loss);
}

int main(void) {
  TEST_MAIN("loss");
  RUN(text_refused);
  RUN(null_arguments);
  RUN(values_of_losses);
  RUN(arrays_refused);
  RUN(not_finite_refused);
  RUN(weights_refused);
  RUN(labels_refused);
  RUN(bce_target_outside);
  RUN(large_scores);
  return test_finish();
}
