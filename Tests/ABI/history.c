/* Histories: names, series and their length, the numbers themselves, what is refused. */
#include "support.h"

#define ROWS 40
static float x[ROWS * 4], y[ROWS * 2];
static chainrule_array in, out;

static chainrule_history *record(chainrule_model **model, chainrule_trainer **trainer, int64_t epochs, double split) {
  chainrule_fit_options options = test_fit_options(epochs, 8);
  chainrule_history *history = NULL;
  test_fill(x, ROWS * 4, 1);
  test_fill(y, ROWS * 2, 2);
  in = chainrule_matrix(x, ROWS, 4);
  out = chainrule_matrix(y, ROWS, 2);
  *model = test_mlp(CHAINRULE_FLOAT64, 1, 4, 8, 2, "tanh");
  *trainer = NULL;
  SUCCEEDS(chainrule_trainer_create(*model, "mse", "adam lr=0.01", trainer));
  SUCCEEDS(chainrule_trainer_set_metrics(*trainer, "mae r2"));
  options.validation_split = split;
  SUCCEEDS(chainrule_trainer_fit(*trainer, &in, &out, &options, &history));
  return history;
}

static void series(void) {
  static const char *const names[] = {"loss", "mae", "r2", "val_loss", "val_mae", "val_r2"};
  chainrule_model *model;
  chainrule_trainer *trainer;
  chainrule_history *history = record(&model, &trainer, 5, 0.25);
  double values[8], held_out[3];
  chainrule_array tail_x = chainrule_matrix(x + 30 * 4, 10, 4), tail_y = chainrule_matrix(y + 30 * 2, 10, 2);
  size_t epochs = 0, count = 0, i, found = 0, k;
  REQUIRE(history != NULL);
  SUCCEEDS(chainrule_history_epochs(history, &epochs));
  CHECK_EQUAL(epochs, 5);
  CHECK(strcmp(chainrule_history_name(history, 0), "loss") == 0);
  for (i = 0; chainrule_history_name(history, i) != NULL; i++)
    for (k = 0; k < 6; k++) found += strcmp(chainrule_history_name(history, i), names[k]) == 0;
  CHECK_EQUAL(i, 6);
  CHECK_EQUAL(found, 6);
  CHECK(chainrule_history_name(history, SIZE_MAX) == NULL);
  for (k = 0; k < 6; k++) {
    test_poison(values, sizeof values);
    SUCCEEDS(chainrule_history_values(history, names[k], values, 8, &count));
    CHECK_EQUAL(count, 5);
    for (i = 0; i < 5; i++) CHECK(isfinite(values[i]));
    CHECK(test_is_poisoned(values + 5, 3 * sizeof *values));
    test_poison(values, sizeof values);
    SUCCEEDS(chainrule_history_values(history, names[k], values, 2, &count));
    CHECK(count == 5 && test_is_poisoned(values + 2, 6 * sizeof *values));
    SUCCEEDS(chainrule_history_values(history, names[k], NULL, 0, &count));
    SUCCEEDS(chainrule_history_values(history, names[k], values, 8, NULL));
  }
  /* What was held out is the end of the data, and the last epoch's numbers are those of the final weights. */
  REQUIRE_OK(chainrule_trainer_evaluate(trainer, &tail_x, &tail_y, NULL, held_out, 3, NULL));
  for (k = 0; k < 3; k++) {
    SUCCEEDS(chainrule_history_values(history, names[3 + k], values, 8, NULL));
    CHECK_NEAR(values[4], held_out[k], 1e-9);
  }
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  CHECK(strcmp(chainrule_history_name(history, 0), "loss") == 0); /* outlives what made it */
  chainrule_history_free(history);
}

static void refuses(void) {
  chainrule_model *model;
  chainrule_trainer *trainer;
  chainrule_history *history = record(&model, &trainer, 2, 0);
  double values[4];
  size_t count;
  static const char *const unknown[] = {"", "los", "val_loss", "loss "};
  size_t i;
  REQUIRE(history != NULL);
  test_poison(values, sizeof values);
  test_poison(&count, sizeof count);
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_history_epochs(NULL, &count));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_history_epochs(history, NULL));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_history_best_epoch(NULL, &count));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_history_best_epoch(history, NULL));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_history_values(NULL, "loss", values, 4, &count));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_history_values(history, NULL, values, 4, &count));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_history_values(history, "loss", NULL, 4, &count));
  for (i = 0; i < 4; i++) FAILS(CHAINRULE_NOT_FOUND, chainrule_history_values(history, unknown[i], values, 4, &count));
  CHECK(chainrule_history_name(NULL, 0) == NULL);
  CHECK(test_is_poisoned(values, sizeof values));
  CHECK_UNTOUCHED(count);
  SUCCEEDS(chainrule_history_values(history, "loss", values, 4, &count));
  CHECK_EQUAL(count, 2);
  chainrule_history_free(history);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

/* The epoch's loss is the mean over its samples, also when the last batch is smaller. */
static void loss_is_the_mean_over_samples(void) {
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT64, 1, 4, 8, 2, "tanh");
  chainrule_trainer *trainer = NULL;
  chainrule_history *history = NULL;
  chainrule_fit_options options = test_fit_options(1, 32); /* 32 and 8 */
  double recorded = 0, whole = 0;
  test_fill(x, ROWS * 4, 1);
  test_fill(y, ROWS * 2, 2);
  in = chainrule_matrix(x, ROWS, 4);
  out = chainrule_matrix(y, ROWS, 2);
  REQUIRE_OK(chainrule_trainer_create(model, "mse", "sgd lr=0", &trainer));
  REQUIRE_OK(chainrule_trainer_fit(trainer, &in, &out, &options, &history));
  REQUIRE_OK(chainrule_history_values(history, "loss", &recorded, 1, NULL));
  REQUIRE_OK(chainrule_trainer_evaluate(trainer, &in, &out, NULL, &whole, 1, NULL));
  CHECK_NEAR(recorded, whole, 1e-12);
  chainrule_history_free(history);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

int main(void) {
  TEST_MAIN("history");
  RUN(series);
  RUN(refuses);
  RUN(loss_is_the_mean_over_samples);
  return test_finish();
}
