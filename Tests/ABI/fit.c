/* fit: options and data that are refused, divergence, shuffling, and that it is nothing but steps. */
#include "fitting.h"

static void unchanged(void) { CHECK(test_parameter_hash(model) == untrained); }

static void options_refused(void) {
  static const size_t sizes[] = {0, 8, sizeof(chainrule_fit_options) - 8, SIZE_MAX};
  static const double splits[] = {-0.1, 1, 1.5, NAN, INFINITY};
  chainrule_history *history, *unset;
  chainrule_fit_options options;
  size_t i;
  if (!begin()) return;
  test_probe = unchanged;
  test_poison(&history, sizeof history);
  unset = history;
  for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    options = test_fit_options(1, 8);
    options.struct_size = sizes[i];
    FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "struct_size",
                 chainrule_trainer_fit(trainer, &in, &out, &options, &history));
  }
  {
    /* Nothing behind what the size covers is read. */
    size_t *tiny = (size_t *)malloc(sizeof(size_t));
    *tiny = sizeof(size_t);
    FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "struct_size",
                 chainrule_trainer_fit(trainer, &in, &out, (const chainrule_fit_options *)tiny, &history));
    free(tiny);
  }
#define WRONG(statuses, word, assignment)                                                            \
  do {                                                                                               \
    options = test_fit_options(1, 8);                                                                \
    assignment;                                                                                      \
    test_mark();                                                                                     \
    test_fails(statuses, word, chainrule_trainer_fit(trainer, &in, &out, &options, &history),        \
               "chainrule_trainer_fit(..., " #assignment ")", __FILE__, __LINE__);                   \
  } while (0)
  WRONG(BIT(CHAINRULE_INVALID_ARGUMENT), "epochs", options.epochs = -1);
  WRONG(BIT(CHAINRULE_INVALID_ARGUMENT), "epochs", options.epochs = INT64_MIN);
  WRONG(BIT(CHAINRULE_INVALID_ARGUMENT), "batch_size", options.batch_size = -1);
  WRONG(BIT(CHAINRULE_INVALID_ARGUMENT), "batch_size", options.batch_size = INT64_MIN);
  WRONG(BIT(CHAINRULE_INVALID_ARGUMENT), "shuffle", options.shuffle = 3);
  WRONG(BIT(CHAINRULE_INVALID_ARGUMENT), "shuffle", options.shuffle = -1);
  WRONG(BIT(CHAINRULE_INVALID_ARGUMENT), "patience", options.patience = -1);
  WRONG(BIT(CHAINRULE_INVALID_ARGUMENT), "min_delta", options.min_delta = -0.5);
  WRONG(BIT(CHAINRULE_INVALID_ARGUMENT), "min_delta", options.min_delta = NAN);
  for (i = 0; i < sizeof splits / sizeof *splits; i++)
    WRONG(BIT(CHAINRULE_INVALID_ARGUMENT), "validation_split", options.validation_split = splits[i]);
  WRONG(BIT(CHAINRULE_INVALID_ARGUMENT), "validation_y", options.validation_x = &in);
  WRONG(BIT(CHAINRULE_INVALID_ARGUMENT), "validation_x", options.validation_y = &out);
  WRONG(BIT(CHAINRULE_INVALID_ARGUMENT), "validation",
        (options.validation_x = &in, options.validation_y = &out, options.validation_split = 0.5));
  WRONG(BIT(CHAINRULE_NOT_FOUND), "wishful", options.monitor = "wishful");
  WRONG(BIT(CHAINRULE_NOT_FOUND), "val_loss", options.monitor = "val_loss"); /* without validation data */
  CHECK(history == unset);
  options = test_fit_options(1, INT64_C(1) << 40); /* at most the number of samples counts */
  SUCCEEDS(chainrule_trainer_fit(trainer, &in, &out, &options, NULL));
  SUCCEEDS(chainrule_trainer_fit(trainer, &in, &out, NULL, NULL));
  end();
}

static void arrays_refused(void) {
  chainrule_history *history, *unset;
  chainrule_fit_options options = test_fit_options(2, 8);
  chainrule_array weight;
  float weights[ROWS];
  int i;
  if (!begin()) return;
  test_probe = unchanged;
  test_poison(&history, sizeof history);
  unset = history;
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_fit(NULL, &in, &out, &options, &history));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_fit(trainer, NULL, &out, &options, &history));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_fit(trainer, &in, NULL, &options, &history));
  FAILS_FOR_BAD_ARRAYS(x, ROWS, 4, chainrule_trainer_fit(trainer, &bad, &out, &options, &history));
  FAILS_FOR_BAD_ARRAYS(y, ROWS, 2, chainrule_trainer_fit(trainer, &in, &bad, &options, &history));
  in.shape[0] = out.shape[0] = 0;
  FAILS_ONE_OF(BIT(CHAINRULE_INVALID_ARGUMENT) | BIT(CHAINRULE_SHAPE) | BIT(CHAINRULE_VALUE),
               chainrule_trainer_fit(trainer, &in, &out, &options, &history));
  in.shape[0] = ROWS, out.shape[0] = ROWS - 1;
  FAILS(CHAINRULE_SHAPE, chainrule_trainer_fit(trainer, &in, &out, &options, &history));
  out.shape[0] = ROWS;
  for (i = 0; i < ROWS; i++) weights[i] = 1;
  weight = chainrule_vector(weights, ROWS - 1);
  options.sample_weight = &weight;
  FAILS(CHAINRULE_SHAPE, chainrule_trainer_fit(trainer, &in, &out, &options, &history));
  weight.shape[0] = ROWS, weights[ROWS - 1] = -1;
  FAILS(CHAINRULE_VALUE, chainrule_trainer_fit(trainer, &in, &out, &options, &history));
  weights[ROWS - 1] = 1;
  options.validation_x = &in, options.validation_y = &out;
  options.sample_weight = NULL;
  {
    chainrule_array short_x = in;
    short_x.shape[0] = 3;
    options.validation_x = &short_x;
    FAILS(CHAINRULE_SHAPE, chainrule_trainer_fit(trainer, &in, &out, &options, &history));
    short_x = in;
    short_x.shape[1] = 3;
    FAILS(CHAINRULE_SHAPE, chainrule_trainer_fit(trainer, &in, &out, &options, &history));
  }
  {
    chainrule_array none_x = in, none_y = out;
    none_x.shape[0] = none_y.shape[0] = 0;
    options.validation_x = &none_x, options.validation_y = &none_y;
    FAILS_SAYING(CHAINRULE_SHAPE, "validation", chainrule_trainer_fit(trainer, &in, &out, &options, &history));
  }
  options.validation_x = NULL, options.validation_y = &out;
  FAILS_FOR_BAD_ARRAYS(
      x, ROWS, 4, (options.validation_x = &bad, chainrule_trainer_fit(trainer, &in, &out, &options, &history)));
  options.validation_x = &in;
  FAILS_FOR_BAD_ARRAYS(
      y, ROWS, 2, (options.validation_y = &bad, chainrule_trainer_fit(trainer, &in, &out, &options, &history)));
  options.validation_x = NULL, options.validation_y = NULL;
  {
    double many[ROWS + 1];
    for (i = 0; i <= ROWS; i++) many[i] = 1;
    FAILS_FOR_BAD_VECTORS(
        many, ROWS, (options.sample_weight = &bad, chainrule_trainer_fit(trainer, &in, &out, &options, &history)));
    options.sample_weight = NULL;
  }
  options.validation_split = 0;
  options.drop_last = 1, options.batch_size = 32;
  CHECK(history == unset);
  test_probe = NULL;
  SUCCEEDS(chainrule_trainer_fit(trainer, &in, &out, &options, &history));
  chainrule_history_free(history);
  end();
}

/* NaN in the last sample: refused as bad data, or noticed in its batch; the weights stay finite. */
static void bad_numbers_in_the_data(void) {
  chainrule_fit_options options = test_fit_options(1, 8);
  float weight[32];
  chainrule_array array = chainrule_matrix(weight, 8, 4);
  int i;
  if (!begin()) return;
  x[ROWS * 4 - 1] = NAN;
  FAILS_ONE_OF(BIT(CHAINRULE_VALUE) | BIT(CHAINRULE_NON_FINITE), chainrule_trainer_fit(trainer, &in, &out, &options, NULL));
  x[ROWS * 4 - 1] = 1;
  y[ROWS * 2 - 1] = INFINITY;
  FAILS_ONE_OF(BIT(CHAINRULE_VALUE) | BIT(CHAINRULE_NON_FINITE), chainrule_trainer_fit(trainer, &in, &out, &options, NULL));
  y[ROWS * 2 - 1] = 1;
  REQUIRE_OK(chainrule_model_get_parameter(model, "0.weight", &array));
  for (i = 0; i < 32; i++) CHECK(isfinite(weight[i]));
  SUCCEEDS(chainrule_trainer_fit(trainer, &in, &out, &options, NULL));
  end();
}

/* A learning rate beyond all measure: fit stops, keeps the last finite weights and what it recorded. */
static void divergence(void) {
  chainrule_fit_options options = test_fit_options(500, 10);
  chainrule_history *history = NULL;
  float p[ROWS * 2];
  chainrule_array prediction = chainrule_matrix(p, ROWS, 2);
  size_t epochs = 0;
  int i;
  if (!begin_with("sgd lr=1e18", 1)) return;
  FAILS(CHAINRULE_NON_FINITE, chainrule_trainer_fit(trainer, &in, &out, &options, &history));
  CHECK(chainrule_last_error()->node[0] != 0);
  REQUIRE(history != NULL);
  SUCCEEDS(chainrule_history_epochs(history, &epochs));
  CHECK(epochs < 500);
  chainrule_history_free(history);
  if (chainrule_model_predict(model, &in, &prediction) == CHAINRULE_OK) {
    uint64_t hash = test_parameter_hash(model);
    CHECK(hash != 0);
  }
  for (i = 0; i < 4; i++) {
    float values[64];
    static const char *const names[4] = {"0.weight", "0.bias", "2.weight", "2.bias"};
    static const int64_t sizes[4][2] = {{8, 4}, {8, 0}, {2, 8}, {2, 0}};
    int64_t count = sizes[i][0] * (sizes[i][1] ? sizes[i][1] : 1), k;
    chainrule_array array = chainrule_view(values, CHAINRULE_FLOAT32, sizes[i][1] ? 2 : 1, sizes[i][0], sizes[i][1], 0, 0);
    REQUIRE_OK(chainrule_model_get_parameter(model, names[i], &array));
    for (k = 0; k < count; k++) CHECK(isfinite(values[k]));
  }
  end();
}

/* Without shuffling, fit is a loop of steps: the same bits. */
static void fit_is_steps(void) {
  chainrule_fit_options options = test_fit_options(3, 8);
  uint64_t by_fit;
  int64_t count = 0;
  int epoch, at;
  if (!begin_with("adam lr=0.01", 4)) return;
  options.shuffle = CHAINRULE_SHUFFLE_OFF;
  REQUIRE_OK(chainrule_trainer_fit(trainer, &in, &out, &options, NULL));
  REQUIRE_OK(chainrule_trainer_step_count(trainer, &count));
  CHECK_EQUAL(count, 21); /* six batches of 8 and one of 2, three times */
  by_fit = test_parameter_hash(model);
  end();
  if (!begin_with("adam lr=0.01", 4)) return;
  for (epoch = 0; epoch < 3; epoch++)
    for (at = 0; at < ROWS; at += 8) {
      int64_t rows = ROWS - at < 8 ? ROWS - at : 8;
      chainrule_array some = chainrule_matrix(x + at * 4, rows, 4), wanted = chainrule_matrix(y + at * 2, rows, 2);
      REQUIRE_OK(chainrule_trainer_step(trainer, &some, &wanted, NULL, NULL));
    }
  CHECK(test_parameter_hash(model) == by_fit);
  end();
}

/* More samples than the order of shuffled ones can number: one row, seen two thousand million times. */
static void too_many_to_shuffle(void) {
  chainrule_fit_options options = test_fit_options(1, 1);
  if (!begin()) return;
  test_probe = unchanged;
  in.shape[0] = out.shape[0] = INT64_C(1) << 31;
  in.strided = out.strided = 1;
  in.strides[0] = out.strides[0] = 0, in.strides[1] = out.strides[1] = 4;
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "2147483647", chainrule_trainer_fit(trainer, &in, &out, &options, NULL));
  end();
}

static int32_t mend_validation(void *user, const chainrule_progress *progress) {
  float *target = (float *)user;
  (void)progress;
  *target = 0.5f;
  return CHAINRULE_CONTINUE;
}

/* NaN in the first epoch's validation is not the best of all numbers; NaN later is no improvement. */
static void monitored_nan(void) {
  chainrule_fit_options options = test_fit_options(6, 10);
  chainrule_history *history = NULL;
  double values[6];
  float wanted[ROWS * 2];
  chainrule_array val_y = chainrule_matrix(wanted, ROWS, 2);
  size_t epochs = 0, best = 99;
  if (!begin()) return;
  memcpy(wanted, y, sizeof wanted);
  wanted[7] = NAN;
  options.validation_x = &in, options.validation_y = &val_y;
  options.patience = 3, options.restore_best = 1;
  options.on_epoch = mend_validation, options.user = &wanted[7];
  REQUIRE_OK(chainrule_trainer_fit(trainer, &in, &out, &options, &history));
  SUCCEEDS(chainrule_history_epochs(history, &epochs));
  SUCCEEDS(chainrule_history_best_epoch(history, &best));
  SUCCEEDS(chainrule_history_values(history, "val_loss", values, 6, NULL));
  CHECK(isnan(values[0]) && isfinite(values[1]));
  CHECK_EQUAL(epochs, 6);
  CHECK_EQUAL(best, 5);
  chainrule_history_free(history);
  options.on_epoch = NULL;
  wanted[7] = NAN;
  history = NULL;
  REQUIRE_OK(chainrule_trainer_fit(trainer, &in, &out, &options, &history));
  SUCCEEDS(chainrule_history_epochs(history, &epochs));
  CHECK_EQUAL(epochs, 4); /* the first, and three that are no better */
  chainrule_history_free(history);
  end();
}

static uint64_t fitted(uint64_t seed, int32_t shuffle, int64_t epochs, int64_t more, int32_t drop_last) {
  chainrule_fit_options options = test_fit_options(epochs, 8);
  uint64_t hash = 0;
  if (!begin_with("adam lr=0.01", 4)) return 0;
  SUCCEEDS(chainrule_trainer_set_seed(trainer, seed));
  options.shuffle = shuffle;
  options.drop_last = drop_last;
  SUCCEEDS(chainrule_trainer_fit(trainer, &in, &out, &options, NULL));
  if (more) {
    options.epochs = more, options.resume = 1;
    SUCCEEDS(chainrule_trainer_fit(trainer, &in, &out, &options, NULL));
  }
  hash = test_parameter_hash(model);
  end();
  return hash;
}

static void shuffling_and_resuming(void) {
  uint64_t usual = fitted(3, CHAINRULE_SHUFFLE_DEFAULT, 4, 0, 0);
  CHECK(usual == fitted(3, CHAINRULE_SHUFFLE_ON, 4, 0, 0));
  CHECK(usual == fitted(3, CHAINRULE_SHUFFLE_ON, 2, 4, 0)); /* to the fourth epoch, in two parts */
  CHECK(usual != fitted(4, CHAINRULE_SHUFFLE_ON, 4, 0, 0));
  CHECK(usual != fitted(3, CHAINRULE_SHUFFLE_OFF, 4, 0, 0));
  CHECK(usual != fitted(3, CHAINRULE_SHUFFLE_ON, 4, 0, 1));
}

int main(void) {
  TEST_MAIN("fit");
  RUN(options_refused);
  RUN(arrays_refused);
  RUN(bad_numbers_in_the_data);
  RUN(divergence);
  RUN(fit_is_steps);
  RUN(too_many_to_shuffle);
  RUN(monitored_nan);
  RUN(shuffling_and_resuming);
  return test_finish();
}
