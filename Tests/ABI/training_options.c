/* What stands around an optimizer: groups, freezing, regularisers, constraints, accumulation, averages of weights. */
#include "files.h"

enum { ROWS = 12, IN = 5, OUT = 3, WEIGHTS = IN * OUT };
static double x[ROWS * IN], y[ROWS * OUT];

static void data(void) {
  test_fill_float64(x, ROWS * IN, 1);
  test_fill_float64(y, ROWS * OUT, 2);
}

static chainrule_array part(double *from, int first, int rows, int columns) {
  return chainrule_matrix_float64(from + first * columns, rows, columns);
}

/* Two layers, float64. */
static chainrule_model *network(void) { return test_mlp(CHAINRULE_FLOAT64, 3, IN, 4, OUT, "tanh"); }

static void values_of(const chainrule_model *model, const char *name, double *values, int rows, int columns) {
  chainrule_array array = columns ? chainrule_matrix_float64(values, rows, columns) : chainrule_vector_float64(values, rows);
  SUCCEEDS(chainrule_model_get_parameter(model, name, &array));
}

static void step(chainrule_trainer *trainer, int first, int rows) {
  chainrule_array in = part(x, first, rows, IN), out = part(y, first, rows, OUT);
  SUCCEEDS(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
}

static void groups_refused(void) {
  chainrule_model *model = network();
  chainrule_trainer *trainer, *unset;
  test_poison(&trainer, sizeof trainer);
  unset = trainer;
  FAILS_SAYING(CHAINRULE_NOT_FOUND, "conv*", chainrule_trainer_create(model, "mse", "sgd; *.bias,conv* lr=1", &trainer));
  FAILS_SAYING(CHAINRULE_NOT_FOUND, "0.weigh", chainrule_trainer_create(model, "mse", "sgd; 0.weigh lr=1", &trainer));
  FAILS_SAYING(CHAINRULE_ATTRIBUTE, "0.bias", chainrule_trainer_create(model, "mse", "muon", &trainer));
  FAILS_SAYING(CHAINRULE_ATTRIBUTE, "2.bias", chainrule_trainer_create(model, "mse", "muon; 0.* sgd lr=1", &trainer));
  FAILS(CHAINRULE_ATTRIBUTE, chainrule_trainer_create(model, "mse", "sgd; 0.* max_norm=1; *.weight unit_norm=true", &trainer));
  CHECK(trainer == unset);
  chainrule_model_free(model);
}

/* Frozen parameters keep their bits; the first step of the others is what it would have been. */
static void freezing(void) {
  static const char *const texts[] = {"sgd lr=0.1; 0.* frozen=true", "sgd lr=0.1; 0.weight frozen=true", "adam lr=0.1; 0.weight,0.bias frozen=true",
                                      "adafactor lr=0.1; 0.* frozen=true", "sgd lr=0.1 frozen=true; 2.*,0.bias frozen=false"};
  size_t i;
  data();
  for (i = 0; i < sizeof texts / sizeof *texts; i++) {
    chainrule_model *model = network(), *free_one = network();
    chainrule_trainer *trainer = NULL, *other = NULL;
    double before[20], after[20], others[20];
    char whole[40];
    int k;
    values_of(model, "0.weight", before, 4, IN);
    REQUIRE_OK(chainrule_trainer_create(model, "mse", texts[i], &trainer));
    snprintf(whole, sizeof whole, "%.*s lr=0.1", (int)strcspn(texts[i], " "), texts[i]);
    REQUIRE_OK(chainrule_trainer_create(free_one, "mse", whole, &other));
    step(trainer, 0, ROWS);
    step(other, 0, ROWS);
    values_of(model, "2.weight", after, OUT, 4);
    values_of(free_one, "2.weight", others, OUT, 4);
    for (k = 0; k < OUT * 4; k++) CHECK_NEAR(after[k], others[k], 1e-14);
    for (k = 0; k < 10; k++) step(trainer, 0, ROWS);
    values_of(model, "0.weight", after, 4, IN);
    CHECK(memcmp(before, after, sizeof before) == 0);
    chainrule_trainer_free(trainer);
    chainrule_trainer_free(other);
    chainrule_model_free(model);
    chainrule_model_free(free_one);
  }
}

/* Three batches of four and one update, or one batch of twelve; a checkpoint between them changes nothing. */
static void accumulation(void) {
  static const char *const texts[][2] = {{"sgd lr=0.1 momentum=0.9 accumulate=3", "sgd lr=0.1 momentum=0.9"},
                                         {"adam lr=0.1 clip_norm=0.1 accumulate=3", "adam lr=0.1 clip_norm=0.1"},
                                         {"lamb lr=0.1 l2=0.1 accumulate=3; *.bias l1=0.1", "lamb lr=0.1 l2=0.1; *.bias l1=0.1"}};
  size_t i;
  int round, batch, k;
  data();
  for (i = 0; i < 3; i++) {
    chainrule_model *model = network(), *whole = network();
    chainrule_trainer *trainer = NULL, *other = NULL;
    double values[20], others[20];
    int64_t steps = -1;
    uint64_t before;
    REQUIRE_OK(chainrule_trainer_create(model, "mse", texts[i][0], &trainer));
    REQUIRE_OK(chainrule_trainer_create(whole, "mse", texts[i][1], &other));
    for (round = 0; round < 4; round++) {
      before = test_parameter_hash(model);
      for (batch = 0; batch < 3; batch++) {
        CHECK(test_parameter_hash(model) == before);
        step(trainer, 4 * batch, 4);
        if (round == 1 && batch == 1) {
          REQUIRE_OK(chainrule_trainer_save(trainer, test_path("half")));
          chainrule_trainer_free(trainer);
          chainrule_model_free(model);
          model = NULL, trainer = NULL;
          REQUIRE_OK(chainrule_trainer_load(test_path("half"), &model, &trainer));
        }
      }
      CHECK(test_parameter_hash(model) != before);
      step(other, 0, ROWS);
    }
    SUCCEEDS(chainrule_trainer_step_count(trainer, &steps));
    CHECK_EQUAL(steps, 4);
    values_of(model, "0.weight", values, 4, IN);
    values_of(whole, "0.weight", others, 4, IN);
    for (k = 0; k < 20; k++) CHECK_NEAR(values[k], others[k], 1e-11);
    chainrule_trainer_free(trainer);
    chainrule_trainer_free(other);
    chainrule_model_free(model);
    chainrule_model_free(whole);
  }
  test_clear_folder();
}

/* The averages, by hand beside a training without them. */
static void averages(void) {
  static const char *const texts[] = {"adam lr=0.1 ema_decay=0.7", "adam lr=0.1 swa_start=3 swa_freq=2"};
  int i, t, k;
  data();
  for (i = 0; i < 2; i++) {
    chainrule_model *model = network(), *plain = network();
    chainrule_trainer *trainer = NULL, *other = NULL;
    double mean[20] = {0}, weights[20], values[20], loss[2] = {0, 1};
    chainrule_array in = part(x, 0, ROWS, IN), out = part(y, 0, ROWS, OUT);
    int taken = 0;
    uint64_t raw;
    REQUIRE_OK(chainrule_trainer_create(model, "mse", texts[i], &trainer));
    REQUIRE_OK(chainrule_trainer_create(plain, "mse", "adam lr=0.1", &other));
    FAILS_SAYING(CHAINRULE_STATE, "ema_decay", chainrule_trainer_use_average(other, 1));
    FAILS(CHAINRULE_STATE, chainrule_trainer_use_average(trainer, 1));
    FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_use_average(NULL, 1));
    for (t = 1; t <= 9; t++) {
      step(trainer, 0, ROWS);
      step(other, 0, ROWS);
      values_of(plain, "0.weight", weights, 4, IN);
      for (k = 0; k < 20; k++) {
        if (i == 0) mean[k] = t == 1 ? weights[k] : 0.7 * mean[k] + 0.3 * weights[k];
        else if (t >= 3 && t % 2 == 1) mean[k] += (weights[k] - mean[k]) / (taken + 1);
      }
      if (t >= 3 && t % 2 == 1) taken++;
      if (t == 6) {
        SUCCEEDS(chainrule_trainer_use_average(trainer, 1)); /* the next step takes it out again */
        REQUIRE_OK(chainrule_trainer_save(trainer, test_path("average")));
        chainrule_trainer_free(trainer);
        chainrule_model_free(model);
        model = NULL, trainer = NULL;
        REQUIRE_OK(chainrule_trainer_load(test_path("average"), &model, &trainer));
      }
    }
    raw = test_parameter_hash(model);
    CHECK(raw == test_parameter_hash(plain));
    SUCCEEDS(chainrule_trainer_evaluate(trainer, &in, &out, NULL, &loss[0], 1, NULL));
    CHECK(test_parameter_hash(model) == raw);
    SUCCEEDS(chainrule_trainer_use_average(trainer, 1));
    SUCCEEDS(chainrule_trainer_use_average(trainer, 1));
    SUCCEEDS(chainrule_trainer_evaluate(trainer, &in, &out, NULL, &loss[1], 1, NULL));
    CHECK(loss[0] == loss[1]);
    values_of(model, "0.weight", values, 4, IN);
    for (k = 0; k < 20; k++) CHECK_NEAR(values[k], mean[k], 1e-13);
    SUCCEEDS(chainrule_trainer_use_average(trainer, 0));
    CHECK(test_parameter_hash(model) == raw);
    /* fit leaves the average in the model. */
    SUCCEEDS(chainrule_trainer_fit(trainer, &in, &out, NULL, NULL));
    SUCCEEDS(chainrule_trainer_fit(other, &in, &out, NULL, NULL));
    CHECK(test_parameter_hash(model) != test_parameter_hash(plain));
    SUCCEEDS(chainrule_trainer_use_average(trainer, 0));
    CHECK(test_parameter_hash(model) == test_parameter_hash(plain));
    chainrule_trainer_free(trainer);
    chainrule_trainer_free(other);
    chainrule_model_free(model);
    chainrule_model_free(plain);
  }
  test_clear_folder();
}

enum { P = 3, Q = 4 };

/* One step of plain descent with rate 0.5 on a matrix [3, 4] or [4, 3] of which the loss knows nothing. */
static void one_step(const char *options, int rows, int columns, const double *start, double *after) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT64, 0);
  chainrule_trainer *trainer = NULL;
  chainrule_array array = chainrule_matrix_float64((void *)(size_t)start, rows, columns);
  char text[120];
  snprintf(text, sizeof text, "shape=%d,%d value=1 name=p", rows, columns);
  test_add(model, "parameter", text);
  test_add(model, "mul", "value=0");
  test_add(model, "sum", "");
  REQUIRE_OK(chainrule_model_set_parameter(model, "p", &array));
  snprintf(text, sizeof text, "sgd lr=0.5 %s", options);
  REQUIRE_OK(chainrule_trainer_create(model, "none", text, &trainer));
  REQUIRE_OK(chainrule_trainer_step(trainer, NULL, NULL, NULL, NULL));
  values_of(model, "p", after, rows, columns);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

static double sign(double v) { return (v > 0) - (v < 0); }

static void regularisers_and_constraints(void) {
  double start[P * Q], after[P * Q];
  int shape, i, j, k;
  test_fill_float64(start, P * Q, 5);
  start[4] = 0;
  for (shape = 0; shape < 2; shape++) {
    int rows = shape ? Q : P, columns = shape ? P : Q;
    one_step("l1=0.1", rows, columns, start, after);
    for (i = 0; i < P * Q; i++) CHECK_NEAR(after[i], start[i] - 0.5 * 0.1 * sign(start[i]), 1e-14);
    one_step("l2=0.1", rows, columns, start, after);
    for (i = 0; i < P * Q; i++) CHECK_NEAR(after[i], start[i] - 0.5 * 0.2 * start[i], 1e-14);
    one_step("orthogonal=0.1 l2=0.05", rows, columns, start, after);
    for (i = 0; i < rows; i++)
      for (j = 0; j < columns; j++) {
        double cube = 0, p = start[i * columns + j];
        int a, b;
        for (a = 0; a < rows; a++)
          for (b = 0; b < columns; b++) cube += start[i * columns + b] * start[a * columns + b] * start[a * columns + j];
        CHECK_NEAR(after[i * columns + j], p - 0.5 * (0.1 * p + 0.4 * (cube - p)), 1e-13);
      }
    one_step("non_negative=true", rows, columns, start, after);
    for (i = 0; i < P * Q; i++) CHECK(after[i] == (start[i] > 0 ? start[i] : 0));
    for (k = 0; k < 2; k++) {
      one_step(k ? "unit_norm=true" : "max_norm=0.9", rows, columns, start, after);
      for (i = 0; i < rows; i++) {
        double norm = 0;
        for (j = 0; j < columns; j++) norm += start[i * columns + j] * start[i * columns + j];
        norm = sqrt(norm);
        for (j = 0; j < columns; j++)
          CHECK_NEAR(after[i * columns + j], start[i * columns + j] * (k ? 1 : fmin(norm, 0.9)) / (1e-7 + norm), 1e-14);
      }
    }
  }
}

/* A linear layer's weight, which is stored the other way round; wide enough for several vectors and pieces. */
static void constraints_of_a_layer(void) {
  enum { WIDE = 203, HIGH = 171 };
  static double in_values[2 * WIDE], out_values[2 * HIGH], weight[HIGH * WIDE];
  static const chainrule_dtype dtypes[] = {CHAINRULE_FLOAT32, CHAINRULE_FLOAT64};
  int i, j, k;
  test_fill_float64(in_values, 2 * WIDE, 1);
  test_fill_float64(out_values, 2 * HIGH, 2);
  for (k = 0; k < 2; k++) {
    chainrule_model *model = test_model(dtypes[k], 4);
    chainrule_trainer *trainer = NULL;
    chainrule_array in = chainrule_matrix_float64(in_values, 2, WIDE), out = chainrule_matrix_float64(out_values, 2, HIGH);
    test_add(model, "input", "shape=203");
    test_add(model, "linear", "out_features=171");
    REQUIRE_OK(chainrule_trainer_create(model, "mse", "sgd lr=0.1; *.weight max_norm=0.5; *.bias non_negative=true", &trainer));
    REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
    values_of(model, "0.weight", weight, HIGH, WIDE);
    for (i = 0; i < HIGH; i++) {
      double norm = 0;
      for (j = 0; j < WIDE; j++) norm += weight[i * WIDE + j] * weight[i * WIDE + j];
      CHECK_NEAR(sqrt(norm), 0.5, 2e-7 + 1e-6);
    }
    values_of(model, "0.bias", weight, HIGH, 0);
    for (i = 0; i < HIGH; i++) CHECK(weight[i] >= 0);
    chainrule_trainer_free(trainer);
    chainrule_model_free(model);
  }
}

int main(void) {
  TEST_MAIN("training_options");
  if (!test_make_folder()) return 2;
  RUN(groups_refused);
  RUN(freezing);
  RUN(accumulation);
  RUN(averages);
  RUN(regularisers_and_constraints);
  RUN(constraints_of_a_layer);
  test_remove_folder();
  return test_finish();
}
