/* Gradients of large weights are looked at where they are computed, the others before the update: whichever is NaN or
   infinite, the step is refused and nothing has changed; and one that is only very large is no reason to refuse. */
#include "support.h"

enum { INPUTS = 150, OUTPUTS = 90, ROWS = 64 };

static const chainrule_dtype dtypes[2] = {CHAINRULE_FLOAT32, CHAINRULE_FLOAT64};
static double x[ROWS * INPUTS], y[ROWS * OUTPUTS];

static void fill(void) {
  test_fill_float64(x, ROWS * INPUTS, 1);
  test_fill_float64(y, ROWS * OUTPUTS, 2);
}

/* A layer whose weight has more elements than are looked at in a pass of their own. */
static chainrule_model *network(chainrule_dtype dtype, const char *first) {
  chainrule_model *model = test_model(dtype, 1);
  char text[80];
  test_add(model, "input", "shape=150");
  snprintf(text, sizeof text, "out_features=90 %s", first);
  test_add(model, "linear", text);
  return model;
}

static void a_step_is_refused(void) {
  static const char *optimizers[] = {"sgd lr=0.01", "adam", "adam clip_norm=1", "sgd lr=0.01 accumulate=2", "adam weight_decay=0.1"};
  size_t i, k;
  for (i = 0; i < 2; i++) {
    for (k = 0; k < sizeof optimizers / sizeof *optimizers; k++) {
      chainrule_model *model = network(dtypes[i], "weight_init=zeros"), *other = network(dtypes[i], "weight_init=zeros");
      chainrule_trainer *trainer = NULL, *fresh = NULL;
      chainrule_array in = chainrule_matrix_float64(x, ROWS, INPUTS), out = chainrule_matrix_float64(y, ROWS, OUTPUTS);
      uint64_t before = test_parameter_hash(model);
      int round;
      test_case_part = optimizers[k];
      REQUIRE_OK(chainrule_trainer_create(model, "mse", optimizers[k], &trainer));
      REQUIRE_OK(chainrule_trainer_create(other, "mse", optimizers[k], &fresh));
      for (round = 0; round < 2; round++) {
        fill();
        /* Times weights of zero; the last row and column of what one thread or the other computes. */
        x[(round ? ROWS - 1 : 0) * INPUTS + INPUTS - 1] = i ? 1e300 : 1e30;
        y[(round ? ROWS - 1 : 0) * OUTPUTS + OUTPUTS - 1] = i ? -1e150 : -1e15;
        FAILS(CHAINRULE_NON_FINITE, chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
        CHECK(strstr(chainrule_last_error()->node, "weight") != NULL);
        CHECK(test_parameter_hash(model) == before);
      }
      fill();
      for (round = 0; round < 4; round++) {
        SUCCEEDS(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
        SUCCEEDS(chainrule_trainer_step(fresh, &in, &out, NULL, NULL));
      }
      CHECK(test_parameter_hash(model) != before);
      CHECK(test_parameter_hash(model) == test_parameter_hash(other));
      chainrule_trainer_free(trainer);
      chainrule_trainer_free(fresh);
      chainrule_model_free(model);
      chainrule_model_free(other);
    }
  }
}

/* Beside the same with a norm that nothing reaches, for which all gradients are read once more. */
static void the_same_bits(void) {
  static const char *optimizers[] = {"sgd lr=1e-30", "sgd lr=1e-30 momentum=0.9", "adam lr=0.01"};
  size_t i, k;
  for (i = 0; i < 2; i++) {
    for (k = 0; k < sizeof optimizers / sizeof *optimizers; k++) {
      uint64_t hashes[2];
      int way;
      for (way = 0; way < 2; way++) {
        chainrule_model *model = network(dtypes[i], "");
        chainrule_trainer *trainer = NULL;
        chainrule_array in = chainrule_matrix_float64(x, ROWS, INPUTS), out = chainrule_matrix_float64(y, ROWS, OUTPUTS);
        char text[96];
        int step;
        snprintf(text, sizeof text, "%s%s", optimizers[k], !way ? "" : i ? " clip_norm=1e300" : " clip_norm=1e38");
        test_case_part = text;
        REQUIRE_OK(chainrule_trainer_create(model, "mse", text, &trainer));
        for (step = 0; step < 3; step++) {
          fill();
          if (step == 1) x[5] = i ? 1e65 : 1e11; /* beyond the limit, 2^400 and 2^50 */
          SUCCEEDS(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
        }
        hashes[way] = test_parameter_hash(model);
        chainrule_trainer_free(trainer);
        chainrule_model_free(model);
      }
      CHECK(hashes[0] == hashes[1]);
    }
  }
  test_case_part = NULL;
}

/* By hand: the gradients of several passes are added up. */
static void contexts(void) {
  size_t i, k;
  for (i = 0; i < 2; i++) {
    for (k = 0; k < 3; k++) {
      static const char *parts[] = {"weight", "bias alone", "the second pass"};
      chainrule_model *model = network(dtypes[i], "weight_init=zeros");
      chainrule_context *context = NULL;
      chainrule_optimizer *optimizer = NULL;
      chainrule_array in = chainrule_matrix_float64(x, ROWS, INPUTS), gradient = chainrule_matrix_float64(y, ROWS, OUTPUTS);
      uint64_t before = test_parameter_hash(model);
      double huge = i ? 1e308 : 1e38;
      int row;
      test_case_part = parts[k];
      REQUIRE_OK(chainrule_context_create(model, &context));
      REQUIRE_OK(chainrule_optimizer_create("sgd lr=0.1", &optimizer));
      fill();
      if (k == 1) {
        memset(x, 0, sizeof x);
        for (row = 0; row < ROWS; row++) y[row * OUTPUTS + 7] = huge;
      } else if (k == 0) {
        x[3] = huge, y[OUTPUTS - 1] = 100;
      }
      if (k == 2) {
        x[3] = huge, y[4] = 2;
        REQUIRE_OK(chainrule_context_forward(context, &in, 1));
        REQUIRE_OK(chainrule_context_backward(context, &gradient));
      }
      REQUIRE_OK(chainrule_context_forward(context, &in, 1));
      REQUIRE_OK(chainrule_context_backward(context, &gradient));
      FAILS(CHAINRULE_NON_FINITE, chainrule_optimizer_step(optimizer, context));
      CHECK(strstr(chainrule_last_error()->node, k == 1 ? "bias" : "weight") != NULL);
      FAILS(CHAINRULE_NON_FINITE, chainrule_optimizer_step(optimizer, context));
      CHECK(test_parameter_hash(model) == before);
      REQUIRE_OK(chainrule_context_zero_gradients(context));
      fill();
      REQUIRE_OK(chainrule_context_forward(context, &in, 1));
      REQUIRE_OK(chainrule_context_backward(context, &gradient));
      SUCCEEDS(chainrule_optimizer_step(optimizer, context));
      CHECK(test_parameter_hash(model) != before);
      chainrule_optimizer_free(optimizer);
      chainrule_context_free(context);
      chainrule_model_free(model);
    }
  }
}

int main(void) {
  TEST_MAIN("large_gradients");
  RUN(a_step_is_refused);
  RUN(the_same_bits);
  RUN(contexts);
  return test_finish();
}
