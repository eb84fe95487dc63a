/* L-BFGS: its refusals, what it does where the loss isn't finite, and that it goes on after a checkpoint. */
#include "files.h"
#include "training.h"

#define SEARCH "lbfgs max_iter=3 history_size=2 line_search_fn=strong_wolfe"

static void refusals(void) {
  static const char *const texts[] = {
      "lbfgs max_iter=0", "lbfgs history_size=0", "lbfgs line_search_fn=wolfe", "lbfgs clip_norm=1", "lbfgs clip_value=1",
      "lbfgs accumulate=2", "lbfgs l2=0.1", "lbfgs l1=0.1", "lbfgs orthogonal=1", "lbfgs max_norm=1", "lbfgs non_negative=true",
      "lbfgs unit_norm=true", "lbfgs; *.bias lr=0.1", "lbfgs; *.bias adam", "adam; *.bias lbfgs", "lbfgs maximize=true",
  };
  chainrule_optimizer *optimizer = NULL;
  size_t i;
  for (i = 0; i < sizeof texts / sizeof *texts; i++)
    FAILS_WITH(BIT(CHAINRULE_INVALID_ARGUMENT) | BIT(CHAINRULE_ATTRIBUTE), "lbfgs", chainrule_optimizer_create(texts[i], &optimizer));
  CHECK(optimizer == NULL);
}

/* Gradients alone are not enough. */
static void not_by_hand(void) {
  chainrule_context *context = NULL;
  chainrule_optimizer *optimizer = NULL;
  float slopes[ROWS * 2] = {1};
  chainrule_array gradient = chainrule_matrix(slopes, ROWS, 2);
  if (!begin("mse", "sgd")) return;
  REQUIRE_OK(chainrule_context_create(model, &context));
  REQUIRE_OK(chainrule_optimizer_create("lbfgs", &optimizer));
  REQUIRE_OK(chainrule_context_forward(context, &in, 1));
  REQUIRE_OK(chainrule_context_backward(context, &gradient));
  FAILS_SAYING(CHAINRULE_STATE, "lbfgs", chainrule_optimizer_step(optimizer, context));
  unchanged();
  chainrule_optimizer_free(optimizer);
  chainrule_context_free(context);
  end();
}

/* Twelve parameters can't fit this exactly in a step, but each step is lower than the one before. */
static void goes_down(void) {
  double loss, before = INFINITY;
  int i;
  if (!begin("mse", SEARCH)) return;
  for (i = 0; i < 8; i++) {
    REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, &loss));
    CHECK(loss <= before);
    before = loss;
  }
  end();
}

static void frozen_parameters_stay(void) {
  float before[8 * 4], after[8 * 4], bias[8];
  chainrule_array first = chainrule_matrix(before, 8, 4), second = chainrule_matrix(after, 8, 4), small = chainrule_vector(bias, 8);
  double loss;
  int i;
  if (!begin("mse", SEARCH "; 0.weight frozen=true")) return;
  for (i = 0; i < 32; i++) before[i] = i % 2 ? -0.0f : 0.25f * (float)(i - 16);
  REQUIRE_OK(chainrule_model_set_parameter(model, "0.weight", &first));
  memset(bias, 0, sizeof bias);
  REQUIRE_OK(chainrule_model_set_parameter(model, "0.bias", &small));
  for (i = 0; i < 4; i++) REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, &loss));
  REQUIRE_OK(chainrule_model_get_parameter(model, "0.weight", &second));
  CHECK(memcmp(before, after, sizeof before) == 0);
  REQUIRE_OK(chainrule_model_get_parameter(model, "0.bias", &small));
  CHECK(bias[0] != 0);
  end();
}

/* The history has gone round by then, and the rate has been changed. */
static void goes_on_after_a_checkpoint(void) {
  chainrule_model *other = NULL;
  chainrule_trainer *second = NULL;
  double loss, again, lr;
  int i;
  if (!begin("mse", SEARCH " ema_decay=0.5")) return;
  for (i = 0; i < 3; i++) REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, &loss));
  REQUIRE_OK(chainrule_trainer_set_lr(trainer, 0.75));
  REQUIRE_OK(chainrule_trainer_save(trainer, test_path("trainer")));
  REQUIRE_OK(chainrule_trainer_load(test_path("trainer"), &other, &second));
  REQUIRE_OK(chainrule_trainer_get_lr(second, &lr));
  CHECK(lr == 0.75);
  for (i = 0; i < 3; i++) {
    REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, &loss));
    REQUIRE_OK(chainrule_trainer_step(second, &in, &out, NULL, &again));
    CHECK(loss == again);
    CHECK(test_parameter_hash(model) == test_parameter_hash(other));
  }
  chainrule_trainer_free(second);
  chainrule_model_free(other);
  end();
}

/* What the checkpoint says of the history is read with care. */
static void damaged_checkpoints(void) {
  static const char *const numbers[] = {
      "", "0", "x 0 0 1 0 ", "3 2 0 1 1 0.5", "3 2 0 1 1 0.5,-1", "3 2 0 1 1 0.5,nan", "3 3 0 1 1 1,1,1", "3 2 2 1 1 1,1",
      "3 1 1 1 1 1", "2 2 0 1 1 1,1", "-3 2 0 1 1 1,1", "3 2 0 inf 1 1,1", "3 2 0 1 nan 1,1", "3 2 0 1 1 1,1 9",
      "9007199254740993 2 0 1 1 1,1",
  };
  size_t length = 0, i;
  char *bytes;
  double loss;
  if (!begin("mse", SEARCH)) return;
  for (i = 0; i < 3; i++) REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, &loss));
  REQUIRE_OK(chainrule_trainer_save(trainer, test_path("trainer")));
  bytes = test_read(test_path("trainer"), &length);
  REQUIRE(bytes != NULL);
  for (i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    chainrule_model *other = NULL;
    chainrule_trainer *second = NULL;
    REQUIRE(test_write_changed(test_path("damaged"), bytes, length, "chainrule_lbfgs", numbers[i]));
    FAILS_WITH(BIT(CHAINRULE_FORMAT), "chainrule_lbfgs", chainrule_trainer_load(test_path("damaged"), &other, &second));
    CHECK(other == NULL && second == NULL);
  }
  free(bytes);
  end();
}

/* w - log(w) from 0.01: the first length goes far to where there is no logarithm; the search comes back. */
static void comes_back_from_infinity(void) {
  static const chainrule_dtype dtypes[2] = {CHAINRULE_FLOAT32, CHAINRULE_FLOAT64};
  int d;
  for (d = 0; d < 2; d++) {
    chainrule_model *formula = test_model(dtypes[d], 0);
    chainrule_trainer *search = NULL;
    chainrule_node w, logarithm, nodes[2];
    double loss, value = 0;
    chainrule_array array = chainrule_vector_float64(&value, 1);
    int i;
    REQUIRE_OK(chainrule_model_add(formula, "parameter", "shape=1 value=0.01 name=w", &w));
    REQUIRE_OK(chainrule_model_add_node(formula, "log", "", &w, 1, &logarithm));
    nodes[0] = w;
    nodes[1] = logarithm;
    REQUIRE_OK(chainrule_model_add_node(formula, "sub", "", nodes, 2, &w));
    REQUIRE_OK(chainrule_model_add_node(formula, "sum", "", &w, 1, NULL));
    REQUIRE_OK(chainrule_trainer_create(formula, "none", "lbfgs line_search_fn=strong_wolfe", &search));
    REQUIRE_OK(chainrule_trainer_set_lr(search, 1000));
    for (i = 0; i < 4; i++) REQUIRE_OK(chainrule_trainer_step(search, NULL, NULL, NULL, &loss));
    CHECK_NEAR(loss, 1.0, 1e-6);
    REQUIRE_OK(chainrule_model_get_parameter(formula, "w", &array));
    CHECK_NEAR(value, 1.0, 1e-3);
    chainrule_trainer_free(search);
    chainrule_model_free(formula);
  }
}

/* Without a search the step goes where it must; the parameters of the last finite loss stay, and a smaller rate helps. */
static void too_long_a_step(void) {
  double loss;
  if (!begin("mse", "lbfgs lr=1e38 max_iter=5")) return;
  FAILS_WITH(BIT(CHAINRULE_NON_FINITE), NULL, chainrule_trainer_step(trainer, &in, &out, NULL, &loss));
  unchanged();
  REQUIRE_OK(chainrule_trainer_set_lr(trainer, 0.1));
  REQUIRE_OK(chainrule_trainer_step(trainer, &in, &out, NULL, &loss));
  CHECK(test_parameter_hash(model) != untrained);
  end();
}

static void bad_data(void) {
  double loss;
  if (!begin("mse", SEARCH)) return;
  x[5] = NAN;
  FAILS_WITH(BIT(CHAINRULE_NON_FINITE), NULL, chainrule_trainer_step(trainer, &in, &out, NULL, &loss));
  unchanged();
  end();
}

int main(void) {
  TEST_MAIN("lbfgs");
  if (!test_make_folder()) return 2;
  RUN(refusals);
  RUN(not_by_hand);
  RUN(goes_down);
  RUN(frozen_parameters_stay);
  RUN(goes_on_after_a_checkpoint);
  RUN(damaged_checkpoints);
  RUN(comes_back_from_infinity);
  RUN(too_long_a_step);
  RUN(bad_data);
  test_remove_folder();
  return test_finish();
}
