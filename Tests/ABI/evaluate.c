/* The trainer without targets or data, evaluating, and the memory that training takes. */
#include "training.h"

/* "none": the single output itself goes down; there are no targets. */
static void loss_none(void) {
  chainrule_model *formula = test_model(CHAINRULE_FLOAT64, 0);
  chainrule_trainer *other = NULL;
  double p = 0, loss = 0;
  chainrule_array array = chainrule_view(&p, CHAINRULE_FLOAT64, 0, 0, 0, 0, 0);
  int i;
  test_add(formula, "parameter", "shape= value=5 name=p");
  test_add(formula, "sub", "value=2");
  test_add(formula, "pow", "value=2");
  REQUIRE_OK(chainrule_trainer_create(formula, "none", "sgd lr=0.1", &other));
  for (i = 0; i < 200; i++) REQUIRE_OK(chainrule_trainer_step(other, NULL, NULL, NULL, &loss));
  CHECK_NEAR(loss, 0, 1e-12);
  REQUIRE_OK(chainrule_model_get_parameter(formula, "p", &array));
  CHECK_NEAR(p, 2, 1e-6);
  chainrule_trainer_free(other);
  chainrule_model_free(formula);
}

/* Fitting a formula: no data, so an epoch is one step. */
static void fit_without_data(void) {
  chainrule_model *formula = test_model(CHAINRULE_FLOAT64, 0);
  chainrule_trainer *other = NULL;
  chainrule_fit_options options = test_fit_options(25, 1);
  int64_t steps = 0;
  test_add(formula, "parameter", "shape= value=5 name=p");
  test_add(formula, "pow", "value=2");
  REQUIRE_OK(chainrule_trainer_create(formula, "none", "sgd lr=0.1", &other));
  if (chainrule_trainer_fit(other, NULL, NULL, &options, NULL) == CHAINRULE_OK) {
    SUCCEEDS(chainrule_trainer_step_count(other, &steps));
    CHECK_EQUAL(steps, 25);
  } else {
    CHECK(chainrule_last_error()->status == CHAINRULE_INVALID_ARGUMENT ||
          chainrule_last_error()->status == CHAINRULE_SHAPE || chainrule_last_error()->status == CHAINRULE_STATE);
  }
  chainrule_trainer_free(other);
  chainrule_model_free(formula);
}

static void evaluate(void) {
  double values[8], plain[4], sum = 0, absolute = 0;
  float p[ROWS * 2];
  size_t count = 0;
  chainrule_array prediction = chainrule_matrix(p, ROWS, 2);
  int i;
  if (!begin("mse", "sgd")) return;
  test_probe = unchanged;
  SUCCEEDS(chainrule_trainer_set_metrics(trainer, "mae r2"));
  test_poison(values, sizeof values);
  test_poison(&count, sizeof count);
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_evaluate(NULL, &in, &out, NULL, values, 8, &count));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_evaluate(trainer, NULL, &out, NULL, values, 8, &count));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_evaluate(trainer, &in, NULL, NULL, values, 8, &count));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_evaluate(trainer, &in, &out, NULL, NULL, 8, &count));
  FAILS_FOR_BAD_ARRAYS(x, ROWS, 4, chainrule_trainer_evaluate(trainer, &bad, &out, NULL, values, 8, &count));
  FAILS_FOR_BAD_ARRAYS(y, ROWS, 2, chainrule_trainer_evaluate(trainer, &in, &bad, NULL, values, 8, &count));
  {
    double weights[ROWS + 1] = {1, 1, 1, 1, 1, 1, 1};
    static const double wrong[] = {-1, NAN, INFINITY, -INFINITY};
    chainrule_array weight = chainrule_vector_float64(weights, ROWS);
    FAILS_FOR_BAD_VECTORS(weights, ROWS, chainrule_trainer_evaluate(trainer, &in, &out, &bad, values, 8, &count));
    for (i = 0; i < 4; i++) {
      weights[ROWS - 1] = wrong[i];
      FAILS_SAYING(CHAINRULE_VALUE, "sample_weight",
                   chainrule_trainer_evaluate(trainer, &in, &out, &weight, values, 8, &count));
    }
  }
  CHECK(test_is_poisoned(values, sizeof values));
  CHECK_UNTOUCHED(count);
  REQUIRE_OK(chainrule_trainer_evaluate(trainer, &in, &out, NULL, values, 8, &count));
  CHECK_EQUAL(count, 3);
  CHECK(test_is_poisoned(values + 3, sizeof values - 3 * sizeof *values));
  REQUIRE_OK(chainrule_model_predict(model, &in, &prediction));
  for (i = 0; i < ROWS * 2; i++) sum += (p[i] - y[i]) * (p[i] - y[i]), absolute += fabs(p[i] - y[i]);
  CHECK_NEAR(values[0], sum / (ROWS * 2), 1e-6);
  CHECK_NEAR(values[1], absolute / (ROWS * 2), 1e-6);
  test_poison(plain, sizeof plain);
  SUCCEEDS(chainrule_trainer_evaluate(trainer, &in, &out, NULL, plain, 1, &count));
  CHECK(plain[0] == values[0] && count == 3 && test_is_poisoned(plain + 1, 3 * sizeof *plain));
  SUCCEEDS(chainrule_trainer_evaluate(trainer, &in, &out, NULL, NULL, 0, &count));
  SUCCEEDS(chainrule_trainer_evaluate(trainer, &in, &out, NULL, plain, 4, NULL));
  unchanged();
  end();
}

static void memory_refuses_and_adds_up(void) {
  static const int64_t sizes[] = {0, -1, INT64_MIN, INT64_MAX, INT64_MAX / 8};
  chainrule_memory memory, before;
  size_t i;
  uint64_t small;
  if (!begin("mse", "adam")) return;
  test_poison(&memory, sizeof memory);
  memory.struct_size = sizeof memory;
  before = memory;
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_memory(NULL, 32, &memory));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_memory(trainer, 32, NULL));
  for (i = 0; i < sizeof sizes / sizeof *sizes; i++)
    FAILS_ONE_OF(BIT(CHAINRULE_INVALID_ARGUMENT) | BIT(CHAINRULE_SHAPE),
                 chainrule_trainer_memory(trainer, sizes[i], &memory));
  CHECK(memcmp(&memory, &before, sizeof memory) == 0);
  memory.struct_size = 8;
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "struct_size", chainrule_trainer_memory(trainer, 32, &memory));
  memory.struct_size = 0;
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "struct_size", chainrule_trainer_memory(trainer, 32, &memory));
  memory.struct_size = sizeof memory;
  REQUIRE_OK(chainrule_trainer_memory(trainer, 1, &memory));
  CHECK_EQUAL(memory.total, memory.parameters + memory.gradients + memory.optimizer + memory.activations);
  CHECK(memory.parameters >= 58 * 4 && memory.optimizer >= 2 * 58 * 4 && memory.gradients >= 58 * 4);
  small = memory.activations;
  REQUIRE_OK(chainrule_trainer_memory(trainer, 1024, &memory));
  CHECK(memory.activations > small && memory.activations >= 1024 * 10 * 4);
  unchanged();
  end();
}

int main(void) {
  TEST_MAIN("evaluate");
  RUN(loss_none);
  RUN(fit_without_data);
  RUN(evaluate);
  RUN(memory_refuses_and_adds_up);
  return test_finish();
}
