/*
 * Losses of one's own, computed or composed, against the library's: values and gradients, reductions, weights,
 * labels, sums, several predictions, files; and every refusal.
 */
#include "custom.h"

static int refuses, writes_nan, refuses_shapes, composes;
static int user;
static double wrong_by = 1;

/* The mean over a sample of the huber loss. */
static int32_t huber(void *own, const char *attributes, const chainrule_array *predictions, size_t prediction_count,
                     const chainrule_array *targets, size_t target_count, const chainrule_array *losses,
                     const chainrule_array *gradients) {
  double delta = number_of(attributes, "delta");
  int64_t rows = losses->shape[0], columns = count_of(predictions) / rows, i, j;
  CHECK(own == &user && prediction_count == 1 && target_count == 1);
  CHECK(losses->rank == 1 && predictions->strided == 0 && predictions->dtype == losses->dtype);
  for (i = 0; i < rows; i++) {
    double sum = 0;
    for (j = i * columns; j < (i + 1) * columns; j++) {
      double d = get(predictions, j) - get(targets, j), size = fabs(d);
      sum += size < delta ? 0.5 * d * d : delta * (size - 0.5 * delta);
      if (gradients) put(gradients, j, wrong_by * (size < delta ? d : d > 0 ? delta : -delta) / columns);
    }
    put(losses, i, writes_nan ? NAN : sum / columns);
  }
  return refuses;
}

static chainrule_loss_definition own_huber(void) {
  chainrule_loss_definition definition;
  memset(&definition, 0, sizeof definition);
  definition.struct_size = sizeof definition;
  definition.attributes = "delta=1";
  definition.documentation = "a test's own huber";
  definition.user = &user;
  definition.evaluate = huber;
  return definition;
}

/* Squared errors by operations, for each element. */
static int32_t compose_squares(void *own, const char *attributes, chainrule_model *model, const chainrule_node *predictions,
                               size_t prediction_count, const chainrule_node *targets, size_t target_count,
                               chainrule_node *losses) {
  chainrule_node pair[2];
  chainrule_tensor_info info;
  (void)own;
  CHECK(prediction_count == 1 && target_count == 1);
  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  SUCCEEDS(chainrule_model_input_info(model, 0, &info));
  CHECK(info.shape[0] == -1);
  pair[0] = predictions[0], pair[1] = targets[0];
  SUCCEEDS(chainrule_model_add_node(model, "sub", "", pair, 2, losses));
  SUCCEEDS(chainrule_model_add(model, "pow", attributes, losses));
  if (composes == 1) SUCCEEDS(chainrule_model_add(model, "sum", "", losses));
  if (composes == 2) SUCCEEDS(chainrule_model_add(model, "linear", "out_features=1", losses));
  if (composes == 3) SUCCEEDS(chainrule_model_add(model, "softmax", "dim=0", losses));
  if (composes == 4) *losses = 77;
  return composes == 5;
}

static chainrule_loss_definition own_squares(void) {
  chainrule_loss_definition definition = own_huber();
  definition.attributes = "value=2";
  definition.evaluate = NULL;
  definition.compose = compose_squares;
  return definition;
}

/* Labels [batch] for classes [batch, n]. */
static int32_t label_shapes(void *own, const char *attributes, const chainrule_array *predictions, size_t prediction_count,
                            chainrule_array *targets, size_t target_count) {
  (void)own, (void)attributes;
  CHECK(prediction_count == 1 && target_count == 1 && predictions->data == NULL);
  if (predictions->rank != 2 || refuses_shapes == 1) return 1;
  targets->rank = refuses_shapes == 2 ? 9 : 1;
  targets->dtype = CHAINRULE_INT32;
  if (refuses_shapes == 3) targets->shape[0] = 5;
  return 0;
}

static int32_t cross_entropy(void *own, const char *attributes, const chainrule_array *predictions, size_t prediction_count,
                             const chainrule_array *targets, size_t target_count, const chainrule_array *losses,
                             const chainrule_array *gradients) {
  int64_t rows = losses->shape[0], classes = predictions->shape[1], i, j;
  (void)own, (void)attributes, (void)prediction_count, (void)target_count;
  CHECK(targets->dtype == CHAINRULE_INT32 && targets->rank == 1);
  for (i = 0; i < rows; i++) {
    int64_t label = (int64_t)get(targets, i);
    double sum = 0;
    for (j = 0; j < classes; j++) sum += exp(get(predictions, i * classes + j));
    put(losses, i, log(sum) - get(predictions, i * classes + label));
    for (j = 0; gradients && j < classes; j++)
      put(gradients, i * classes + j, exp(get(predictions, i * classes + j)) / sum - (j == label));
  }
  return 0;
}

/* |a - b|^2 - t of two predictions, which have a batch of their own number of columns. */
static int32_t distance(void *own, const char *attributes, const chainrule_array *predictions, size_t prediction_count,
                        const chainrule_array *targets, size_t target_count, const chainrule_array *losses,
                        const chainrule_array *gradients) {
  int64_t rows = losses->shape[0], columns = predictions->shape[1], i, j;
  (void)own, (void)attributes, (void)targets;
  CHECK(prediction_count == 2 && target_count == 0);
  for (i = 0; i < rows; i++) {
    double sum = 0;
    for (j = i * columns; j < (i + 1) * columns; j++) {
      double d = get(&predictions[0], j) - get(&predictions[1], j);
      sum += d * d;
      if (gradients) put(&gradients[0], j, 2 * d), put(&gradients[1], j, -2 * d);
    }
    put(losses, i, sum);
  }
  return 0;
}

static void registers(void) {
  chainrule_loss_definition definition;
  REFUSES_REGISTRATIONS(chainrule_register_loss, definition, own_huber, "huber", "factor=2");
  definition.attributes = "reduction=mean";
  FAILS(CHAINRULE_ATTRIBUTE, chainrule_register_loss("test_other", &definition));
  definition = own_huber();
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_register_loss("none", &definition));
  definition.compose = compose_squares;
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_register_loss("test_other", &definition));
  definition.compose = NULL, definition.evaluate = NULL;
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_register_loss("test_other", &definition));
  definition = own_huber(), definition.predictions = 5;
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_register_loss("test_other", &definition));
  definition.predictions = 0, definition.targets = 1;
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_register_loss("test_other", &definition));
  definition.predictions = 1, definition.targets = -1;
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_register_loss("test_other", &definition));
  definition = own_huber();
  REQUIRE_OK(chainrule_register_loss("test_huber", &definition));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_register_loss("test_huber", &definition));
  definition = own_squares();
  REQUIRE_OK(chainrule_register_loss("test_squares", &definition));
  definition = own_huber();
  definition.attributes = NULL, definition.evaluate = cross_entropy, definition.target_shapes = label_shapes;
  REQUIRE_OK(chainrule_register_loss("test_labels", &definition));
  definition.target_shapes = NULL, definition.evaluate = distance, definition.predictions = 2;
  REQUIRE_OK(chainrule_register_loss("test_distance", &definition));
  test_in_catalog(CHAINRULE_LOSSES, "test_huber", "delta", "1");
  test_in_catalog(CHAINRULE_LOSSES, "test_squares", "reduction", "mean");
}

/* Both losses give the same values and gradients, the second's value times ratio. */
static void same(const char *own, const char *built_in, double ratio, chainrule_dtype dtype, int weighted) {
  enum { ROWS = 7, COLUMNS = 3 };
  double x[ROWS * COLUMNS], y[ROWS * COLUMNS], w[ROWS], value[2] = {NAN, NAN};
  double wide[2][ROWS * COLUMNS];
  float narrow[2][ROWS * COLUMNS], fx[ROWS * COLUMNS], fy[ROWS * COLUMNS];
  chainrule_array in, out, weight = chainrule_vector_float64(w, ROWS);
  double tolerance = dtype == CHAINRULE_FLOAT64 ? 1e-13 : 1e-6;
  int i, k;
  test_fill_float64(x, ROWS * COLUMNS, 1);
  test_fill_float64(y, ROWS * COLUMNS, 2);
  for (i = 0; i < ROWS; i++) w[i] = i == 2 ? 0 : 0.25 + i;
  in = test_rows(dtype, x, fx, ROWS, COLUMNS), out = test_rows(dtype, y, fy, ROWS, COLUMNS);
  for (k = 0; k < 2; k++) {
    chainrule_loss *loss = NULL;
    chainrule_array gradient = in;
    gradient.data = dtype == CHAINRULE_FLOAT64 ? (void *)wide[k] : (void *)narrow[k];
    REQUIRE_OK(chainrule_loss_create(k ? built_in : own, &loss));
    REQUIRE_OK(chainrule_loss_evaluate(loss, &in, &out, weighted ? &weight : NULL, &value[k], &gradient));
    chainrule_loss_free(loss);
  }
  test_case_part = own;
  CHECK_NEAR(value[0], value[1] * ratio, tolerance * 100);
  for (i = 0; i < ROWS * COLUMNS; i++)
    CHECK_NEAR(dtype == CHAINRULE_FLOAT64 ? wide[0][i] : narrow[0][i],
               ratio * (dtype == CHAINRULE_FLOAT64 ? wide[1][i] : narrow[1][i]), tolerance * 20);
  test_case_part = NULL;
}

static void values_and_gradients(void) {
  int wide, weighted;
  for (wide = 0; wide < 2; wide++)
    for (weighted = 0; weighted < 2; weighted++) {
      chainrule_dtype dtype = wide ? CHAINRULE_FLOAT64 : CHAINRULE_FLOAT32;
      same("test_huber", "huber", 1, dtype, weighted);
      same("test_huber delta=0.3 factor=2", "huber delta=0.3 factor=2", 1, dtype, weighted);
      same("test_huber reduction=sum", "huber reduction=sum", 1.0 / 3, dtype, weighted);
      same("test_huber reduction=batchmean", "huber", 1, dtype, weighted);
      same("test_squares", "mse", 1, dtype, weighted);
      same("test_squares reduction=sum factor=-0.5", "mse reduction=sum factor=-0.5", 1, dtype, weighted);
      same("test_squares reduction=batchmean", "mse reduction=batchmean", 1, dtype, weighted);
    }
}

/* Trains two models alike, the one with a loss of one's own. */
static void trained(const char *own, const char *built_in, chainrule_dtype dtype) {
  enum { ROWS = 20 };
  double x[ROWS * 3], y[ROWS * 2], w[ROWS], loss[2];
  float fx[ROWS * 3], fy[ROWS * 2];
  chainrule_model *models[2];
  chainrule_trainer *trainers[2] = {NULL, NULL};
  chainrule_array in, out, weight = chainrule_vector_float64(w, ROWS);
  int i, k;
  test_fill_float64(x, ROWS * 3, 3);
  test_fill_float64(y, ROWS * 2, 4);
  for (i = 0; i < ROWS; i++) w[i] = 0.5 + i % 3;
  in = test_rows(dtype, x, fx, ROWS, 3), out = test_rows(dtype, y, fy, ROWS, 2);
  for (k = 0; k < 2; k++) {
    models[k] = test_mlp(dtype, 5, 3, 8, 2, "tanh");
    REQUIRE_OK(chainrule_trainer_create(models[k], k ? built_in : own, "adam lr=0.05", &trainers[k]));
    REQUIRE_OK(chainrule_trainer_set_metrics(trainers[k], "mae r2"));
  }
  for (i = 0; i < 60; i++) {
    double values[2][3];
    for (k = 0; k < 2; k++) {
      REQUIRE_OK(chainrule_trainer_step(trainers[k], &in, &out, i % 2 ? &weight : NULL, &loss[k]));
      REQUIRE_OK(chainrule_trainer_evaluate(trainers[k], &in, &out, &weight, values[k], 3, NULL));
    }
    CHECK_NEAR(loss[0], loss[1], dtype == CHAINRULE_FLOAT64 ? 1e-12 : 1e-4);
    CHECK_NEAR(values[0][0], values[1][0], dtype == CHAINRULE_FLOAT64 ? 1e-12 : 1e-4);
    CHECK_NEAR(values[0][1], values[1][1], dtype == CHAINRULE_FLOAT64 ? 1e-12 : 1e-3);
  }
  for (k = 0; k < 2; k++) chainrule_trainer_free(trainers[k]), chainrule_model_free(models[k]);
}

static void trains_as_the_librarys(void) {
  trained("test_huber delta=0.2", "huber delta=0.2", CHAINRULE_FLOAT64);
  trained("test_huber delta=0.2", "huber delta=0.2", CHAINRULE_FLOAT32);
  trained("test_squares", "mse", CHAINRULE_FLOAT64);
  trained("test_squares", "mse", CHAINRULE_FLOAT32);
}

static void labels(void) {
  float x[40 * 4];
  int32_t y[40];
  double own, library;
  chainrule_array in = chainrule_matrix(x, 40, 4), target = chainrule_labels(y, 40), numbers = chainrule_matrix(x, 40, 4);
  chainrule_model *models[2];
  chainrule_trainer *trainers[2] = {NULL, NULL};
  double values[2][2];
  int i, k;
  test_fill(x, 160, 6);
  test_fill_labels(y, 40, 3, 7);
  for (k = 0; k < 2; k++) {
    models[k] = test_mlp(CHAINRULE_FLOAT32, 5, 4, 6, 3, "tanh");
    REQUIRE_OK(chainrule_trainer_create(models[k], k ? "cross_entropy" : "test_labels", "sgd lr=0.5", &trainers[k]));
    REQUIRE_OK(chainrule_trainer_set_metrics(trainers[k], "accuracy"));
  }
  for (i = 0; i < 20; i++) {
    REQUIRE_OK(chainrule_trainer_step(trainers[0], &in, &target, NULL, &own));
    REQUIRE_OK(chainrule_trainer_step(trainers[1], &in, &target, NULL, &library));
    CHECK_NEAR(own, library, 1e-5);
  }
  for (k = 0; k < 2; k++) REQUIRE_OK(chainrule_trainer_evaluate(trainers[k], &in, &target, NULL, values[k], 2, NULL));
  CHECK(values[0][1] == values[1][1]);
  FAILS(CHAINRULE_SHAPE, chainrule_trainer_step(trainers[0], &in, &numbers, NULL, &own));
  y[3] = -2;
  FAILS(CHAINRULE_VALUE, chainrule_trainer_step(trainers[0], &in, &target, NULL, &own));
  y[3] = 0;
  for (k = 0; k < 2; k++) chainrule_trainer_free(trainers[k]);
  for (k = 1; k <= 3; k++) {
    refuses_shapes = k;
    FAILS(CHAINRULE_SHAPE, chainrule_trainer_create(models[0], "test_labels", "sgd", &trainers[0]));
  }
  refuses_shapes = 0;
  for (k = 0; k < 2; k++) chainrule_model_free(models[k]);
}

static void gradients_are_checked(void) {
  static const char *const right[] = {"test_huber delta=0.4 factor=3", "test_squares", "test_distance", "cross_entropy", "huber"};
  double x[60], y[60], worst = -1;
  float narrow[60];
  int32_t labels[10];
  chainrule_array in[2], out = chainrule_matrix_float64(y, 10, 6), wrong = chainrule_matrix(narrow, 10, 6);
  chainrule_loss *loss = NULL;
  size_t i;
  test_fill_float64(x, 60, 1);
  test_fill_float64(y, 60, 2);
  test_fill(narrow, 60, 2);
  test_fill_labels(labels, 10, 6, 3);
  in[0] = chainrule_matrix_float64(x, 10, 6), in[1] = chainrule_matrix_float64(y, 10, 6);
  for (i = 0; i < sizeof right / sizeof *right; i++) {
    chainrule_array classes = chainrule_labels(labels, 10);
    REQUIRE_OK(chainrule_loss_create(right[i], &loss));
    REQUIRE_OK(chainrule_check_loss_gradients(loss, in, i == 3 ? &classes : &out, 0, &worst));
    CHECK(worst >= 0 && worst < 1e-7);
    chainrule_loss_free(loss);
  }
  REQUIRE_OK(chainrule_loss_create("test_huber", &loss));
  wrong_by = 1.001;
  worst = 7;
  FAILS(CHAINRULE_VALUE, chainrule_check_loss_gradients(loss, in, &out, 0, &worst));
  CHECK(worst == 7);
  REQUIRE_OK(chainrule_check_loss_gradients(loss, in, &out, 0.01, NULL));
  wrong_by = 1;
  FAILS(CHAINRULE_DTYPE, chainrule_check_loss_gradients(loss, &wrong, &out, 0, &worst));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_check_loss_gradients(NULL, in, &out, 0, &worst));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_check_loss_gradients(loss, NULL, &out, 0, &worst));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_check_loss_gradients(loss, in, NULL, 0, &worst));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_check_loss_gradients(loss, in, &out, -1, &worst));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_check_loss_gradients(loss, in, &out, NAN, &worst));
  out.shape[1] = 5;
  FAILS(CHAINRULE_SHAPE, chainrule_check_loss_gradients(loss, in, &out, 0, &worst));
  out.shape[1] = 6;
  refuses = 1;
  FAILS(CHAINRULE_CALLBACK, chainrule_check_loss_gradients(loss, in, &out, 0, &worst));
  refuses = 0;
  chainrule_loss_free(loss);
}

/* Two predictions and no target, beside another loss. */
static void several(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT64, 3);
  chainrule_node nodes[4];
  chainrule_trainer *trainer = NULL;
  chainrule_loss *loss = NULL;
  double x[12], y[4] = {1, 2, 3, 4}, first = 0, last = 0, worst = 1;
  chainrule_array in = chainrule_matrix_float64(x, 4, 3), target = chainrule_matrix_float64(y, 4, 1);
  size_t predictions, targets;
  int i;
  test_fill_float64(x, 12, 9);
  REQUIRE_OK(chainrule_model_add(model, "input", "shape=3", &nodes[0]));
  for (i = 1; i < 4; i++)
    REQUIRE_OK(chainrule_model_add_node(model, "linear", i == 3 ? "out_features=1" : "out_features=2", &nodes[0], 1, &nodes[i]));
  REQUIRE_OK(chainrule_model_set_outputs(model, nodes + 1, 3));
  REQUIRE_OK(chainrule_check_gradients(model, &in, 0, &worst));
  REQUIRE_OK(chainrule_trainer_create(model, "test_distance; test_huber factor=0.1", "adam lr=0.1", &trainer));
  for (i = 0; i < 300; i++) REQUIRE_OK(chainrule_trainer_step(trainer, &in, &target, NULL, i ? &last : &first));
  CHECK(first > 0.1 && last < first / 20);
  chainrule_trainer_free(trainer);
  REQUIRE_OK(chainrule_loss_create("test_distance", &loss));
  REQUIRE_OK(chainrule_loss_counts(loss, &predictions, &targets));
  CHECK(predictions == 2 && targets == 0);
  chainrule_loss_free(loss);
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_create(model, "test_distance; test_distance", "adam", &trainer));
  chainrule_model_free(model);
}

static void refusals(void) {
  enum { ROWS = 5 };
  float x[ROWS * 3], y[ROWS * 2], other[ROWS * 2];
  chainrule_array in = chainrule_matrix(x, ROWS, 3), out = chainrule_matrix(y, ROWS, 2), gradient = chainrule_matrix(other, ROWS, 2);
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 5, 3, 8, 2, "tanh");
  chainrule_trainer *trainer = NULL;
  chainrule_loss *loss = NULL;
  double value = 7;
  uint64_t before;
  int i;
  static const chainrule_status statuses[6] = {CHAINRULE_OK, CHAINRULE_SHAPE, CHAINRULE_INVALID_ARGUMENT,
                                               CHAINRULE_INVALID_ARGUMENT, CHAINRULE_INVALID_ARGUMENT, CHAINRULE_CALLBACK};
  test_fill(x, ROWS * 3, 3);
  test_fill(y, ROWS * 2, 4);
  FAILS(CHAINRULE_ATTRIBUTE, chainrule_trainer_create(model, "test_hubert", "sgd", &trainer));
  FAILS(CHAINRULE_ATTRIBUTE, chainrule_trainer_create(model, "test_huber colour=red", "sgd", &trainer));
  FAILS(CHAINRULE_ATTRIBUTE, chainrule_trainer_create(model, "test_huber reduction=worst", "sgd", &trainer));
  REQUIRE_OK(chainrule_trainer_create(model, "test_huber", "adam lr=0.1", &trainer));
  REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, &value));
  before = test_parameter_hash(model);
  refuses = 3;
  FAILS(CHAINRULE_CALLBACK, chainrule_trainer_step(trainer, &in, &out, NULL, &value));
  CHECK(strstr(chainrule_last_error()->message, "test_huber") != NULL);
  FAILS(CHAINRULE_CALLBACK, chainrule_trainer_evaluate(trainer, &in, &out, NULL, &value, 1, NULL));
  REQUIRE_OK(chainrule_loss_create("test_huber", &loss));
  for (i = 0; i < ROWS * 2; i++) other[i] = 77;
  FAILS(CHAINRULE_CALLBACK, chainrule_loss_evaluate(loss, &out, &out, NULL, &value, &gradient));
  for (i = 0; i < ROWS * 2; i++) CHECK(other[i] == 77);
  refuses = 0;
  writes_nan = 1;
  FAILS(CHAINRULE_NON_FINITE, chainrule_trainer_step(trainer, &in, &out, NULL, &value));
  writes_nan = 0;
  CHECK(before == test_parameter_hash(model));
  REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, &value));
  CHECK(before != test_parameter_hash(model));
  chainrule_loss_free(loss);
  chainrule_trainer_free(trainer);
  for (composes = 1; composes < 6; composes++) {
    FAILS(statuses[composes], chainrule_trainer_create(model, "test_squares", "sgd", &trainer));
  }
  composes = 0;
  REQUIRE_OK(chainrule_trainer_create(model, "test_squares", "sgd", &trainer));
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

/* A checkpoint names the loss; training goes on to the same bits, at any number of threads. */
static void files_and_threads(void) {
  enum { ROWS = 4000 };
  static float x[ROWS * 3], y[ROWS * 2];
  static const char *const losses[2] = {"test_huber delta=0.4", "test_squares"};
  chainrule_array in = chainrule_matrix(x, ROWS, 3), out = chainrule_matrix(y, ROWS, 2);
  int32_t threads = chainrule_get_num_threads();
  int k, run, i;
  test_fill(x, ROWS * 3, 3);
  test_fill(y, ROWS * 2, 4);
  for (k = 0; k < 2; k++) {
    uint64_t hashes[3];
    for (run = 0; run < 3; run++) {
      chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 5, 3, 8, 2, "tanh");
      chainrule_trainer *trainer = NULL;
      chainrule_fit_options options = test_fit_options(4, 1500);
      REQUIRE_OK(chainrule_set_num_threads(run == 1 ? 2 : 1));
      REQUIRE_OK(chainrule_trainer_create(model, losses[k], "adam lr=0.01", &trainer));
      options.resume = 1;
      for (i = run == 2 ? 2 : 4; i <= 4; i += 2) {
        options.epochs = i;
        REQUIRE_OK(chainrule_trainer_fit(trainer, &in, &out, &options, NULL));
        if (run != 2 || i == 4) continue;
        REQUIRE_OK(chainrule_trainer_save(trainer, test_path("loss")));
        chainrule_trainer_free(trainer), chainrule_model_free(model);
        trainer = NULL, model = NULL;
        REQUIRE_OK(chainrule_trainer_load(test_path("loss"), &model, &trainer));
      }
      hashes[run] = test_parameter_hash(model);
      chainrule_trainer_free(trainer), chainrule_model_free(model);
    }
    CHECK(hashes[0] == hashes[1]);
    CHECK(hashes[0] == hashes[2]);
  }
  SUCCEEDS(chainrule_set_num_threads(threads));
}

int main(void) {
  TEST_MAIN("custom_loss");
  if (!test_make_folder()) return 1;
  RUN(registers);
  RUN(values_and_gradients);
  RUN(trains_as_the_librarys);
  RUN(labels);
  RUN(gradients_are_checked);
  RUN(several);
  RUN(refusals);
  RUN(files_and_threads);
  test_remove_folder();
  return test_finish();
}
