/* Plain descent on small batches updates large weights without storing their gradients. Beside it stands
   the same training with gradients cut off at a number that none reaches, which takes the long way. */
#include <float.h>

#include "support.h"

enum { INPUTS = 150, HIDDEN = 90, OUTPUTS = 70, MOST = 33 };

static double x[MOST * INPUTS], y[MOST * OUTPUTS];

static chainrule_array matrix(void *data, chainrule_dtype dtype, int64_t rows, int64_t columns) {
  return chainrule_view(data, dtype, 2, rows, columns, 0, 0);
}

/* The parameters after some steps. */
static uint64_t train(chainrule_dtype dtype, const char *optimizer, int rows, int steps, double *loss) {
  chainrule_model *model = test_mlp(dtype, 3, INPUTS, HIDDEN, OUTPUTS, "tanh");
  chainrule_trainer *trainer = NULL;
  chainrule_array in = matrix(x, CHAINRULE_FLOAT64, rows, INPUTS), out = matrix(y, CHAINRULE_FLOAT64, rows, OUTPUTS);
  uint64_t hash;
  if (!SUCCEEDS(chainrule_trainer_create(model, "mse", optimizer, &trainer))) return 0;
  while (steps-- > 0) SUCCEEDS(chainrule_trainer_step(trainer, &in, &out, NULL, loss));
  hash = test_parameter_hash(model);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  return hash;
}

static void the_same_bits(void) {
  static const int rows[] = {1, 2, 7, 32, 33};
  static const char *decays[] = {"", " weight_decay=0.1"};
  size_t r, d;
  int wide;
  test_fill_float64(x, MOST * INPUTS, 1);
  test_fill_float64(y, MOST * OUTPUTS, 2);
  for (wide = 0; wide < 2; wide++) {
    for (d = 0; d < 2; d++) {
      for (r = 0; r < sizeof rows / sizeof *rows; r++) {
        chainrule_dtype dtype = wide ? CHAINRULE_FLOAT64 : CHAINRULE_FLOAT32;
        char direct[64], stored[96];
        double loss = 0, other = 1;
        snprintf(direct, sizeof direct, "sgd lr=0.5%s", decays[d]);
        snprintf(stored, sizeof stored, "%s clip_value=1e30", direct);
        CHECK(train(dtype, direct, rows[r], 20, &loss) == train(dtype, stored, rows[r], 20, &other));
        CHECK(loss == other);
      }
    }
  }
}

/* So large that a look at the norms can't tell whether the gradient is finite. */
static void large_numbers(void) {
  double loss = 0, other = 1;
  test_fill_float64(x, INPUTS, 1);
  test_fill_float64(y, OUTPUTS, 2);
  x[3] = 1e19;
  CHECK(train(CHAINRULE_FLOAT32, "sgd lr=1e-30", 1, 5, &loss) == train(CHAINRULE_FLOAT32, "sgd lr=1e-30 clip_value=1e30", 1, 5, &other));
  CHECK(loss == other);
}

static void an_infinite_gradient_changes_nothing(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 1);
  chainrule_trainer *trainer = NULL;
  float in[INPUTS], out[HIDDEN];
  chainrule_array xs = matrix(in, CHAINRULE_FLOAT32, 1, INPUTS), ys = matrix(out, CHAINRULE_FLOAT32, 1, HIDDEN);
  double loss = -1;
  uint64_t before;
  test_add(model, "input", "shape=150");
  test_add(model, "linear", "out_features=90 weight_init=zeros");
  REQUIRE_OK(chainrule_trainer_create(model, "mse", "sgd lr=0.01", &trainer));
  test_fill(in, INPUTS, 1);
  test_fill(out, HIDDEN, 2);
  in[INPUTS - 1] = 1e30f; /* times weights of zero */
  out[4] = -1e15f;
  before = test_parameter_hash(model);
  FAILS(CHAINRULE_NON_FINITE, chainrule_trainer_step(trainer, &xs, &ys, NULL, &loss));
  CHECK(strstr(chainrule_last_error()->node, "weight") != NULL);
  CHECK(test_parameter_hash(model) == before);
  in[INPUTS - 1] = 1;
  SUCCEEDS(chainrule_trainer_step(trainer, &xs, &ys, NULL, &loss));
  CHECK(test_parameter_hash(model) != before);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

/* A learning rate that would make weights infinite. */
static void an_overflowing_step_changes_nothing(void) {
  static const chainrule_dtype dtypes[2] = {CHAINRULE_FLOAT32, CHAINRULE_FLOAT64};
  int i;
  test_fill_float64(x, 4 * INPUTS, 1);
  test_fill_float64(y, 4 * OUTPUTS, 2);
  for (i = 0; i < 2; i++) {
    chainrule_model *model = test_mlp(dtypes[i], 3, INPUTS, HIDDEN, OUTPUTS, "tanh");
    chainrule_trainer *trainer = NULL;
    chainrule_array in = matrix(x, CHAINRULE_FLOAT64, 4, INPUTS), out = matrix(y, CHAINRULE_FLOAT64, 4, OUTPUTS);
    uint64_t before = test_parameter_hash(model);
    REQUIRE_OK(chainrule_trainer_create(model, "mse", "sgd", &trainer));
    REQUIRE_OK(chainrule_trainer_set_lr(trainer, i ? DBL_MAX : 1e42));
    y[0] = 1e10;
    FAILS(CHAINRULE_NON_FINITE, chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
    CHECK(test_parameter_hash(model) == before);
    y[0] = 1;
    REQUIRE_OK(chainrule_trainer_set_lr(trainer, 0.01));
    SUCCEEDS(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
    CHECK(test_parameter_hash(model) != before);
    chainrule_trainer_free(trainer);
    chainrule_model_free(model);
  }
}

/* What fit measures comes from the step that was run first, whichever way it ended. */
static void measures(void) {
  double values[2][4];
  int way, i;
  test_fill_float64(x, 4 * INPUTS, 1);
  test_fill_float64(y, 4 * OUTPUTS, 2);
  x[3] = 1e160;
  for (way = 0; way < 2; way++) {
    chainrule_model *model = test_mlp(CHAINRULE_FLOAT64, 3, INPUTS, HIDDEN, OUTPUTS, "tanh");
    chainrule_trainer *trainer = NULL;
    chainrule_history *history = NULL;
    chainrule_array in = matrix(x, CHAINRULE_FLOAT64, 4, INPUTS), out = matrix(y, CHAINRULE_FLOAT64, 4, OUTPUTS);
    chainrule_fit_options options = test_fit_options(2, 1);
    const char *optimizer = way ? "sgd lr=1e-30 clip_value=1e300" : "sgd lr=1e-30";
    REQUIRE_OK(chainrule_trainer_create(model, "mse", optimizer, &trainer));
    REQUIRE_OK(chainrule_trainer_set_metrics(trainer, "mae"));
    REQUIRE_OK(chainrule_trainer_fit(trainer, &in, &out, &options, &history));
    REQUIRE_OK(chainrule_history_values(history, "loss", values[way], 2, NULL));
    REQUIRE_OK(chainrule_history_values(history, "mae", values[way] + 2, 2, NULL));
    chainrule_history_free(history);
    chainrule_trainer_free(trainer);
    chainrule_model_free(model);
  }
  for (i = 0; i < 4; i++) CHECK(values[0][i] == values[1][i]);
}

int main(void) {
  TEST_MAIN("direct_update");
  RUN(the_same_bits);
  RUN(large_numbers);
  RUN(an_infinite_gradient_changes_nothing);
  RUN(an_overflowing_step_changes_nothing);
  RUN(measures);
  return test_finish();
}
