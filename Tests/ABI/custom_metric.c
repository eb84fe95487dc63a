/* Metrics of one's own against the library's, in evaluate and in fit with early stopping; and every refusal. */
#include "custom.h"

typedef struct sums {
  double error, weight, power;
} sums;

static int user, begun, ended, refuses_begin, refuses_update, refuses_result;

static int32_t begin(void *own, const char *attributes, void **state) {
  sums *made = (sums *)calloc(1, sizeof *made);
  CHECK(own == &user && *state == NULL);
  made->power = number_of(attributes, "power");
  if (refuses_begin) {
    free(made);
    return 1;
  }
  begun++;
  *state = made;
  return 0;
}

/* The weighted mean of |error|^power, over samples and columns. */
static int32_t update(void *state, const chainrule_array *prediction, const chainrule_array *target,
                      const chainrule_array *sample_weight) {
  sums *own = (sums *)state;
  int64_t rows = prediction->shape[0], columns = count_of(prediction) / rows, i;
  CHECK(prediction->strided == 0 && target->strided == 0 && count_of(target) == count_of(prediction));
  CHECK(sample_weight == NULL || (sample_weight->rank == 1 && sample_weight->shape[0] == rows));
  for (i = 0; i < rows * columns; i++) {
    double weight = sample_weight ? get(sample_weight, i / columns) : 1;
    own->error += weight * pow(fabs(get(prediction, i) - get(target, i)), own->power);
    own->weight += weight;
  }
  return refuses_update;
}

static int32_t result(void *state, double *value) {
  sums *own = (sums *)state;
  *value = own->error / own->weight;
  return refuses_result;
}

static void end(void *state) {
  ended++;
  free(state);
}

static chainrule_metric_definition own_metric(void) {
  chainrule_metric_definition definition;
  memset(&definition, 0, sizeof definition);
  definition.struct_size = sizeof definition;
  definition.attributes = "power=1";
  definition.documentation = "a test's own metric";
  definition.user = &user;
  definition.begin = begin;
  definition.update = update;
  definition.result = result;
  definition.end = end;
  return definition;
}

/* How many labels are below the number of columns; of any loss. */
static int32_t count_begin(void *own, const char *attributes, void **state) {
  CHECK(attributes[0] == 0);
  *(double *)own = 0;
  *state = own;
  return 0;
}
static int32_t count_update(void *state, const chainrule_array *prediction, const chainrule_array *target,
                            const chainrule_array *sample_weight) {
  int64_t i;
  (void)sample_weight;
  CHECK(target->dtype == CHAINRULE_INT32);
  for (i = 0; i < target->shape[0]; i++) *(double *)state += get(target, i) < prediction->shape[1];
  return 0;
}
static int32_t count_result(void *state, double *value) {
  *value = *(double *)state;
  return 0;
}

/* A loss with labels of more classes than there are columns, which the library's metrics can't read. */
static int32_t odd_shapes(void *own, const char *attributes, const chainrule_array *predictions, size_t prediction_count,
                          chainrule_array *targets, size_t target_count) {
  (void)own, (void)attributes, (void)prediction_count, (void)target_count;
  targets->dtype = CHAINRULE_INT32;
  targets->rank = 2;
  targets->shape[0] = predictions->shape[0];
  targets->shape[1] = 1;
  return 0;
}
static int32_t odd_loss(void *own, const char *attributes, const chainrule_array *predictions, size_t prediction_count,
                        const chainrule_array *targets, size_t target_count, const chainrule_array *losses,
                        const chainrule_array *gradients) {
  int64_t i;
  (void)own, (void)attributes, (void)prediction_count, (void)target_count, (void)targets;
  for (i = 0; i < count_of(losses); i++) put(losses, i, 1);
  for (i = 0; gradients && i < count_of(predictions); i++) put(gradients, i, 0);
  return 0;
}

static double counted;

static void registers(void) {
  chainrule_metric_definition definition;
  chainrule_loss_definition loss;
  REFUSES_REGISTRATIONS(chainrule_register_metric, definition, own_metric, "accuracy", "name=mine");
  definition.begin = NULL;
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_register_metric("test_other", &definition));
  definition = own_metric(), definition.update = NULL;
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_register_metric("test_other", &definition));
  definition = own_metric(), definition.result = NULL;
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_register_metric("test_other", &definition));
  definition = own_metric();
  REQUIRE_OK(chainrule_register_metric("test_error", &definition));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_register_metric("test_error", &definition));
  definition.larger_is_better = 1;
  REQUIRE_OK(chainrule_register_metric("test_score", &definition));
  memset(&definition, 0, sizeof definition);
  definition.struct_size = sizeof definition;
  definition.user = &counted;
  definition.begin = count_begin, definition.update = count_update, definition.result = count_result;
  REQUIRE_OK(chainrule_register_metric("test_count", &definition));
  memset(&loss, 0, sizeof loss);
  loss.struct_size = sizeof loss;
  loss.evaluate = odd_loss, loss.target_shapes = odd_shapes;
  REQUIRE_OK(chainrule_register_loss("test_odd", &loss));
  test_in_catalog(CHAINRULE_METRICS, "test_error", "power", "1");
}

static void measures(void) {
  enum { ROWS = 700 }; /* evaluated in three parts */
  static double x[ROWS * 3], y[ROWS * 2], w[ROWS];
  static float fx[ROWS * 3], fy[ROWS * 2];
  int wide, weighted;
  test_fill_float64(x, ROWS * 3, 1);
  test_fill_float64(y, ROWS * 2, 2);
  for (wide = 0; wide < ROWS; wide++) w[wide] = wide % 4;
  for (wide = 0; wide < 2; wide++)
    for (weighted = 0; weighted < 2; weighted++) {
      chainrule_dtype dtype = wide ? CHAINRULE_FLOAT64 : CHAINRULE_FLOAT32;
      chainrule_model *model = test_mlp(dtype, 5, 3, 8, 2, "tanh");
      chainrule_trainer *trainer = NULL;
      chainrule_array in = test_rows(dtype, x, fx, ROWS, 3), out = test_rows(dtype, y, fy, ROWS, 2);
      chainrule_array weight = chainrule_vector_float64(w, ROWS);
      double values[6];
      size_t count = 0;
      REQUIRE_OK(chainrule_trainer_create(model, "mse", "sgd", &trainer));
      REQUIRE_OK(chainrule_trainer_set_metrics(trainer, "mae test_error mse test_error power=2 test_score name=mine power=2"));
      REQUIRE_OK(chainrule_trainer_evaluate(trainer, &in, &out, weighted ? &weight : NULL, values, 6, &count));
      CHECK_EQUAL(count, 6);
      CHECK_NEAR(values[1], values[2], 1e-12);
      CHECK_NEAR(values[3], values[4], 1e-12);
      CHECK_NEAR(values[3], values[5], 1e-12);
      chainrule_trainer_free(trainer);
      chainrule_model_free(model);
    }
  CHECK(begun > 0 && begun == ended);
}

/* Series have the names of kinds, or those that were given; early stopping asks which way is better. */
static void in_fit(void) {
  float x[30], y[20];
  chainrule_array in = chainrule_matrix(x, 10, 3), out = chainrule_matrix(y, 10, 2);
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 5, 3, 8, 2, "tanh"), *again = NULL;
  chainrule_trainer *trainer = NULL;
  chainrule_fit_options options = test_fit_options(12, 4);
  chainrule_history *history = NULL;
  double values[2][20], metrics[4];
  size_t epochs = 0, best = 77;
  int i;
  test_fill(x, 30, 1);
  test_fill(y, 20, 2);
  options.validation_split = 0.3;
  REQUIRE_OK(chainrule_trainer_create(model, "mse", "adam lr=0.02", &trainer));
  REQUIRE_OK(chainrule_trainer_set_metrics(trainer, "mae test_error test_score name=up"));
  options.monitor = "up";
  options.patience = 3;
  REQUIRE_OK(chainrule_trainer_fit(trainer, &in, &out, &options, &history));
  REQUIRE_OK(chainrule_history_epochs(history, &epochs));
  REQUIRE_OK(chainrule_history_best_epoch(history, &best));
  CHECK_EQUAL(best, 0); /* the error falls, and larger was to be better */
  CHECK_EQUAL(epochs, 4);
  REQUIRE_OK(chainrule_history_values(history, "mae", values[0], 20, NULL));
  REQUIRE_OK(chainrule_history_values(history, "test_error", values[1], 20, NULL));
  for (i = 0; i < (int)epochs; i++) CHECK_NEAR(values[0][i], values[1][i], 1e-12);
  REQUIRE_OK(chainrule_history_values(history, "val_up", values[0], 20, NULL));
  REQUIRE_OK(chainrule_history_values(history, "val_mae", values[1], 20, NULL));
  for (i = 0; i < (int)epochs; i++) CHECK_NEAR(values[0][i], values[1][i], 1e-12);
  chainrule_history_free(history);
  REQUIRE_OK(chainrule_trainer_save(trainer, test_path("metric")));
  chainrule_trainer_free(trainer);
  REQUIRE_OK(chainrule_trainer_load(test_path("metric"), &again, &trainer));
  REQUIRE_OK(chainrule_trainer_evaluate(trainer, &in, &out, NULL, metrics, 4, NULL));
  CHECK_NEAR(metrics[1], metrics[2], 1e-12);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  chainrule_model_free(again);
  CHECK_EQUAL(begun, ended);
}

static void refusals(void) {
  float x[30], y[20];
  int32_t labels[10] = {0, 1, 5, 1, 0, 9, 1, 1, 0, 0};
  chainrule_array in = chainrule_matrix(x, 10, 3), out = chainrule_matrix(y, 10, 2);
  chainrule_array odd = chainrule_view(labels, CHAINRULE_INT32, 2, 10, 1, 0, 0);
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 5, 3, 8, 2, "tanh");
  chainrule_trainer *trainer = NULL;
  chainrule_fit_options options = test_fit_options(2, 4);
  double values[3] = {7, 7, 7};
  test_fill(x, 30, 1);
  test_fill(y, 20, 2);
  REQUIRE_OK(chainrule_trainer_create(model, "mse", "sgd", &trainer));
  FAILS(CHAINRULE_ATTRIBUTE, chainrule_trainer_set_metrics(trainer, "test_errors"));
  FAILS(CHAINRULE_ATTRIBUTE, chainrule_trainer_set_metrics(trainer, "test_error colour=red"));
  FAILS(CHAINRULE_ATTRIBUTE, chainrule_trainer_set_metrics(trainer, "test_error test_error"));
  FAILS(CHAINRULE_ATTRIBUTE, chainrule_trainer_set_metrics(trainer, "mae test_error name=mae"));
  REQUIRE_OK(chainrule_trainer_set_metrics(trainer, "mae test_error"));
  refuses_begin = 1;
  FAILS(CHAINRULE_CALLBACK, chainrule_trainer_evaluate(trainer, &in, &out, NULL, values, 3, NULL));
  CHECK(strstr(chainrule_last_error()->message, "begin of the metric test_error") != NULL);
  refuses_begin = 0;
  refuses_update = 1;
  FAILS(CHAINRULE_CALLBACK, chainrule_trainer_evaluate(trainer, &in, &out, NULL, values, 3, NULL));
  FAILS(CHAINRULE_CALLBACK, chainrule_trainer_fit(trainer, &in, &out, &options, NULL));
  refuses_update = 0;
  refuses_result = 1;
  FAILS(CHAINRULE_CALLBACK, chainrule_trainer_evaluate(trainer, &in, &out, NULL, values, 3, NULL));
  refuses_result = 0;
  CHECK(values[0] == 7 && values[1] == 7 && values[2] == 7);
  REQUIRE_OK(chainrule_trainer_evaluate(trainer, &in, &out, NULL, values, 3, NULL));
  CHECK_EQUAL(begun, ended);
  chainrule_trainer_free(trainer);
  REQUIRE_OK(chainrule_trainer_create(model, "test_odd", "sgd", &trainer));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_set_metrics(trainer, "accuracy"));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_set_metrics(trainer, "test_count mae"));
  REQUIRE_OK(chainrule_trainer_set_metrics(trainer, "test_count"));
  REQUIRE_OK(chainrule_trainer_evaluate(trainer, &in, &odd, NULL, values, 3, NULL));
  CHECK(values[0] == 1 && values[1] == 8);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

int main(void) {
  TEST_MAIN("custom_metric");
  if (!test_make_folder()) return 1;
  RUN(registers);
  RUN(measures);
  RUN(in_fit);
  RUN(refusals);
  test_remove_folder();
  return test_finish();
}
