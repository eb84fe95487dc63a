/*
 * Optimizers of one's own against the library's: with clipping, groups, freezing, averages, accumulation, regularisers;
 * over checkpoints and in loops of one's own; and every refusal, after which nothing has changed.
 */
#include "custom.h"

static int user, refuses, writes_infinity, calls;

/* Adam, every element alike. */
static int32_t adam(void *own, const char *attributes, int64_t step, double lr, const chainrule_array *parameter,
                    const chainrule_array *gradient, const chainrule_array *state) {
  double beta1 = number_of(attributes, "beta1"), beta2 = number_of(attributes, "beta2");
  double c1 = 1 - pow(beta1, (double)step), c2 = 1 - pow(beta2, (double)step);
  int64_t i, count = count_of(parameter);
  CHECK(own == &user && step >= 1 && strstr(attributes, "lr=") == NULL);
  CHECK(gradient->dtype == parameter->dtype && state[1].dtype == parameter->dtype && count_of(&state[1]) == count);
  calls++;
  for (i = 0; i < count; i++) {
    double g = get(gradient, i), m = beta1 * get(&state[0], i) + (1 - beta1) * g, v = beta2 * get(&state[1], i) + (1 - beta2) * g * g;
    put(&state[0], i, m);
    put(&state[1], i, v);
    put(parameter, i, get(parameter, i) - lr / c1 * m / (sqrt(v) / sqrt(c2) + 1e-8));
  }
  if (writes_infinity == 1) put(parameter, count - 1, INFINITY);
  if (writes_infinity == 2) put(&state[0], 0, NAN);
  return refuses;
}

static chainrule_optimizer_definition own_adam(void) {
  chainrule_optimizer_definition definition;
  memset(&definition, 0, sizeof definition);
  definition.struct_size = sizeof definition;
  definition.attributes = "beta1=0.9 lr=0.01 beta2=0.999";
  definition.documentation = "a test's own adam";
  definition.state_count = 2;
  definition.user = &user;
  definition.update = adam;
  return definition;
}

/* Gradient descent by rows and columns, wherever they lie; the first row of a matrix stays. */
static int32_t rows(void *own, const char *attributes, int64_t step, double lr, const chainrule_array *parameter,
                    const chainrule_array *gradient, const chainrule_array *state) {
  int64_t row, column, width = parameter->rank == 2 ? parameter->shape[1] : 1;
  (void)own, (void)step;
  CHECK(state == NULL && attributes[0] == 0);
  for (row = parameter->rank == 2; row < parameter->shape[0]; row++)
    for (column = 0; column < width; column++) {
      int64_t bytes = row * width * 8 + column * 8;
      if (parameter->strided) bytes = row * parameter->strides[0] + column * parameter->strides[1];
      *(double *)((char *)parameter->data + bytes) -= lr * *(double *)((char *)gradient->data + bytes);
    }
  return 0;
}

static void registers(void) {
  chainrule_optimizer_definition definition;
  REFUSES_REGISTRATIONS(chainrule_register_optimizer, definition, own_adam, "adam", "clip_norm=2");
  definition.attributes = "frozen=true";
  FAILS(CHAINRULE_ATTRIBUTE, chainrule_register_optimizer("test_other", &definition));
  definition.attributes = "lr=fast";
  FAILS(CHAINRULE_ATTRIBUTE, chainrule_register_optimizer("test_other", &definition));
  definition.attributes = "lr=-1";
  FAILS(CHAINRULE_ATTRIBUTE, chainrule_register_optimizer("test_other", &definition));
  definition = own_adam(), definition.update = NULL;
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_register_optimizer("test_other", &definition));
  definition = own_adam(), definition.state_count = 9;
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_register_optimizer("test_other", &definition));
  definition.state_count = -1;
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_register_optimizer("test_other", &definition));
  definition = own_adam();
  REQUIRE_OK(chainrule_register_optimizer("test_adam", &definition));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_register_optimizer("test_adam", &definition));
  definition.attributes = NULL, definition.state_count = 0, definition.update = rows;
  REQUIRE_OK(chainrule_register_optimizer("test_rows", &definition));
  test_in_catalog(CHAINRULE_OPTIMIZERS, "test_adam", "lr", "0.01");
  test_in_catalog(CHAINRULE_OPTIMIZERS, "test_adam", "beta2", "0.999");
  test_in_catalog(CHAINRULE_OPTIMIZERS, "test_rows", "lr", "0.001");
  test_in_catalog(CHAINRULE_OPTIMIZERS, "test_rows", "accumulate", "1");
}

enum { ROWS = 24 };
static double x[ROWS * 3], y[ROWS * 2];
static float fx[ROWS * 3], fy[ROWS * 2];

static void distance(chainrule_model *a, chainrule_model *b, double tolerance, const char *text) {
  test_case_part = text;
  CHECK_NEAR(test_parameter_distance(a, b, "0.weight", 24), 0, tolerance);
  CHECK_NEAR(test_parameter_distance(a, b, "0.bias", 8), 0, tolerance);
  CHECK_NEAR(test_parameter_distance(a, b, "2.weight", 16), 0, tolerance);
  CHECK_NEAR(test_parameter_distance(a, b, "2.bias", 2), 0, tolerance);
  test_case_part = NULL;
}

/* Both texts train alike; the first's training is broken off and goes on from a checkpoint. */
static void same(const char *own, const char *built_in, chainrule_dtype dtype) {
  double tolerance = dtype == CHAINRULE_FLOAT64 ? 1e-12 : 2e-5;
  chainrule_model *models[2];
  chainrule_trainer *trainers[2] = {NULL, NULL};
  chainrule_array in, out;
  int i, k;
  test_fill_float64(x, ROWS * 3, 3);
  test_fill_float64(y, ROWS * 2, 4);
  in = test_rows(dtype, x, fx, ROWS, 3), out = test_rows(dtype, y, fy, ROWS, 2);
  for (k = 0; k < 2; k++) {
    models[k] = test_mlp(dtype, 5, 3, 8, 2, "tanh");
    REQUIRE_OK(chainrule_trainer_create(models[k], "mse", k ? built_in : own, &trainers[k]));
  }
  for (i = 0; i < 25; i++) {
    for (k = 0; k < 2; k++) REQUIRE_OK(chainrule_trainer_step(trainers[k], &in, &out, NULL, NULL));
    distance(models[0], models[1], tolerance, own);
    if (i != 11) continue;
    REQUIRE_OK(chainrule_trainer_save(trainers[0], test_path("optimizer")));
    chainrule_trainer_free(trainers[0]), chainrule_model_free(models[0]);
    trainers[0] = NULL, models[0] = NULL;
    REQUIRE_OK(chainrule_trainer_load(test_path("optimizer"), &models[0], &trainers[0]));
  }
  if (strstr(own, "ema_decay") || strstr(own, "swa_start")) {
    for (k = 0; k < 2; k++) REQUIRE_OK(chainrule_trainer_use_average(trainers[k], 1));
    distance(models[0], models[1], tolerance, own);
  }
  for (k = 0; k < 2; k++) chainrule_trainer_free(trainers[k]), chainrule_model_free(models[k]);
}

static void as_the_librarys(void) {
  static const char *const more[] = {
      "",          "lr=0.05",        "clip_norm=0.1",          "clip_value=0.01",
      "accumulate=3",  "ema_decay=0.9",  "swa_start=4 swa_freq=3", "l2=0.01 l1=0.001",
      "max_norm=0.5 clip_norm=0.2 clip_value=0.05", "lr=0.02; *.bias lr=0.1; 0.* frozen=true",
      "; 2.* sgd lr=0.1 momentum=0.9", "accumulate=2 clip_norm=0.1; 0.weight non_negative=true"};
  char own[100], built_in[100];
  size_t i;
  for (i = 0; i < sizeof more / sizeof *more; i++) {
    snprintf(own, sizeof own, "test_adam %s", more[i]);
    snprintf(built_in, sizeof built_in, "adam %s%s", strncmp(more[i], "lr=", 3) == 0 ? "" : "lr=0.01 ", more[i]);
    same(own, built_in, CHAINRULE_FLOAT64);
    same(own, built_in, CHAINRULE_FLOAT32);
  }
  same("sgd lr=0.1; *.bias test_adam beta1=0.5", "sgd lr=0.1; *.bias adam lr=0.01 betas=0.5,0.999", CHAINRULE_FLOAT64);
}

/* Weights that are kept transposed come with strides. */
static void shapes(void) {
  chainrule_model *models[3];
  chainrule_array in, out;
  double before[24], after[24], free_one[24];
  chainrule_array weight = chainrule_matrix_float64(before, 8, 3);
  int i, k;
  test_fill_float64(x, ROWS * 3, 3);
  test_fill_float64(y, ROWS * 2, 4);
  in = chainrule_matrix_float64(x, ROWS, 3), out = chainrule_matrix_float64(y, ROWS, 2);
  for (k = 0; k < 3; k++) {
    chainrule_trainer *trainer = NULL;
    models[k] = test_mlp(CHAINRULE_FLOAT64, 5, 3, 8, 2, "tanh");
    REQUIRE_OK(chainrule_trainer_create(models[k], "mse", k == 1 ? "test_rows lr=0.2" : "sgd lr=0.2", &trainer));
    if (k) REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
    chainrule_trainer_free(trainer);
    weight.data = k == 0 ? before : k == 1 ? after : free_one;
    REQUIRE_OK(chainrule_model_get_parameter(models[k], "0.weight", &weight));
  }
  for (i = 0; i < 24; i++) CHECK_NEAR(after[i], i < 3 ? before[i] : free_one[i], 1e-15);
  for (i = 0; i < 3; i++) CHECK(before[i] != free_one[i]);
  CHECK_NEAR(test_parameter_distance(models[1], models[2], "0.bias", 8), 0, 1e-15);
  for (k = 0; k < 3; k++) chainrule_model_free(models[k]);
}

static void a_loop_of_ones_own(void) {
  chainrule_model *models[2];
  chainrule_array in, out;
  double prediction[ROWS * 2], gradient[ROWS * 2], value;
  chainrule_array predicted = chainrule_matrix_float64(prediction, ROWS, 2), slope = chainrule_matrix_float64(gradient, ROWS, 2);
  int i, k;
  test_fill_float64(x, ROWS * 3, 3);
  test_fill_float64(y, ROWS * 2, 4);
  in = chainrule_matrix_float64(x, ROWS, 3), out = chainrule_matrix_float64(y, ROWS, 2);
  for (k = 0; k < 2; k++) {
    chainrule_context *context = NULL;
    chainrule_optimizer *optimizer = NULL;
    chainrule_loss *loss = NULL;
    models[k] = test_mlp(CHAINRULE_FLOAT64, 5, 3, 8, 2, "tanh");
    REQUIRE_OK(chainrule_context_create(models[k], &context));
    REQUIRE_OK(chainrule_optimizer_create(k ? "adam lr=0.02" : "test_adam lr=0.02", &optimizer));
    REQUIRE_OK(chainrule_loss_create("mse", &loss));
    for (i = 0; i < 12; i++) {
      REQUIRE_OK(chainrule_context_forward(context, &in, 1));
      REQUIRE_OK(chainrule_context_output(context, 0, &predicted));
      REQUIRE_OK(chainrule_loss_evaluate(loss, &predicted, &out, NULL, &value, &slope));
      REQUIRE_OK(chainrule_context_zero_gradients(context));
      REQUIRE_OK(chainrule_context_backward(context, &slope));
      refuses = k == 0 && i == 5;
      if (refuses) FAILS(CHAINRULE_CALLBACK, chainrule_optimizer_step(optimizer, context));
      refuses = 0;
      REQUIRE_OK(chainrule_optimizer_step(optimizer, context));
    }
    chainrule_loss_free(loss);
    chainrule_optimizer_free(optimizer);
    chainrule_context_free(context);
  }
  distance(models[0], models[1], 1e-12, "a loop of one's own");
  for (k = 0; k < 2; k++) chainrule_model_free(models[k]);
}

/* A step that fails leaves parameters, state, means and running statistics as they were. */
static void refusals(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT64, 5), *other = NULL;
  chainrule_trainer *trainer = NULL;
  chainrule_array in, out;
  int64_t steps = 0, after = 0;
  char *bytes[2];
  size_t lengths[2];
  int i, before;
  test_fill_float64(x, ROWS * 3, 3);
  test_fill_float64(y, ROWS * 2, 4);
  in = chainrule_matrix_float64(x, ROWS, 3), out = chainrule_matrix_float64(y, ROWS, 2);
  test_add(model, "input", "shape=3");
  test_add(model, "linear", "out_features=8");
  test_add(model, "batch_norm1d", "");
  test_add(model, "linear", "out_features=2");
  FAILS(CHAINRULE_ATTRIBUTE, chainrule_trainer_create(model, "mse", "test_adams", &trainer));
  FAILS(CHAINRULE_ATTRIBUTE, chainrule_trainer_create(model, "mse", "test_adam colour=red", &trainer));
  FAILS(CHAINRULE_ATTRIBUTE, chainrule_trainer_create(model, "mse", "test_adam lr=-1", &trainer));
  FAILS(CHAINRULE_ATTRIBUTE, chainrule_trainer_create(model, "mse", "sgd; *.bias test_adam beta3=1", &trainer));
  REQUIRE_OK(chainrule_trainer_create(model, "mse", "test_adam ema_decay=0.5", &trainer));
  for (i = 0; i < 3; i++) REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
  REQUIRE_OK(chainrule_trainer_step_count(trainer, &steps));
  REQUIRE_OK(chainrule_trainer_save(trainer, test_path("before")));
  bytes[0] = test_read(test_path("before"), &lengths[0]);
  before = calls;
  refuses = 5;
  FAILS(CHAINRULE_CALLBACK, chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
  CHECK(strstr(chainrule_last_error()->message, "test_adam") != NULL);
  CHECK(calls > before);
  refuses = 0;
  for (writes_infinity = 1; writes_infinity < 3; writes_infinity++)
    FAILS(CHAINRULE_NON_FINITE, chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
  writes_infinity = 0;
  REQUIRE_OK(chainrule_trainer_step_count(trainer, &after));
  CHECK_EQUAL(after, steps);
  REQUIRE_OK(chainrule_trainer_save(trainer, test_path("before")));
  bytes[1] = test_read(test_path("before"), &lengths[1]);
  CHECK(lengths[0] == lengths[1] && memcmp(bytes[0], bytes[1], lengths[0]) == 0);
  /* The state is in the file by name. */
  CHECK(lengths[0] > 3000);
  for (i = 0; i + 30 < 3000; i++)
    if (memcmp(bytes[0] + i, "optimizer.state1.0.weight", 25) == 0) break;
  CHECK(i + 30 < 3000);
  REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
  free(bytes[0]), free(bytes[1]);
  chainrule_trainer_free(trainer);
  chainrule_model_free(other);
  chainrule_model_free(model);
}

/* The same bits at any number of threads; a large model, so that gradients are clipped by several. */
static void threads(void) {
  static float large_x[64 * 50], large_y[64 * 4];
  chainrule_array in = chainrule_matrix(large_x, 64, 50), out = chainrule_matrix(large_y, 64, 4);
  int32_t number = chainrule_get_num_threads();
  uint64_t hashes[2];
  int i, run;
  test_fill(large_x, 64 * 50, 3);
  test_fill(large_y, 64 * 4, 4);
  for (run = 0; run < 2; run++) {
    chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 5, 50, 1000, 4, "tanh");
    chainrule_trainer *trainer = NULL;
    REQUIRE_OK(chainrule_set_num_threads(run + 1));
    REQUIRE_OK(chainrule_trainer_create(model, "mse", "test_adam clip_norm=0.1 clip_value=0.01", &trainer));
    for (i = 0; i < 4; i++) REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
    hashes[run] = test_parameter_hash(model);
    chainrule_trainer_free(trainer), chainrule_model_free(model);
  }
  CHECK(hashes[0] == hashes[1]);
  SUCCEEDS(chainrule_set_num_threads(number));
}

int main(void) {
  TEST_MAIN("custom_optimizer");
  if (!test_make_folder()) return 1;
  RUN(registers);
  RUN(as_the_librarys);
  RUN(shapes);
  RUN(a_loop_of_ones_own);
  RUN(refusals);
  RUN(threads);
  test_remove_folder();
  return test_finish();
}
