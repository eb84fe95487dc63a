/* A fit whose batch is the whole set turns the input round once for all steps (phase `inputs`), and a layer with one
   output sums its gradient in chains of its own (Sources/Kernels/NarrowProduct.swift). Beside it stand single steps. */
#include "support.h"

enum { MOST_ROWS = 1100, MOST = 40, EPOCHS = 4 };

static double x[MOST_ROWS * MOST], y[MOST_ROWS];
static float narrow_x[MOST_ROWS * MOST], narrow_y[MOST_ROWS];

typedef struct setting {
  chainrule_dtype dtype;
  int rows, inputs, hidden;
  const char *optimizer;
} setting;

static const setting settings[] = {
  {CHAINRULE_FLOAT32, 442, 10, 0, "sgd lr=0.01"},
  {CHAINRULE_FLOAT32, 1100, 1, 0, "sgd lr=0.01"},
  {CHAINRULE_FLOAT32, 67, 32, 0, "adam lr=0.01"},
  {CHAINRULE_FLOAT32, 1100, 33, 0, "sgd lr=0.01 momentum=0.9"},
  {CHAINRULE_FLOAT32, 300, 40, 6, "sgd lr=0.01"},
  {CHAINRULE_FLOAT64, 442, 10, 0, "sgd lr=0.01"},
  {CHAINRULE_FLOAT64, 700, 16, 0, "adam lr=0.01"},
  {CHAINRULE_FLOAT64, 700, 17, 16, "sgd lr=0.01"},
  {CHAINRULE_FLOAT32, 442, 10, 0, "sgd lr=0.01 accumulate=2"},
  {CHAINRULE_FLOAT32, 256, 12, 0, "lbfgs lr=0.5 max_iter=4"},
};

static void fill(uint64_t seed) {
  size_t i;
  test_fill_float64(x, MOST_ROWS * MOST, seed);
  test_fill_float64(y, MOST_ROWS, seed + 1);
  for (i = 0; i < MOST_ROWS * MOST; i++) narrow_x[i] = (float)x[i];
  for (i = 0; i < MOST_ROWS; i++) narrow_y[i] = (float)y[i];
}

static chainrule_array matrix(const setting *s, double *wide, float *narrow, int64_t columns) {
  void *data = s->dtype == CHAINRULE_FLOAT64 ? (void *)wide : (void *)narrow;
  return chainrule_view(data, s->dtype, 2, s->rows, columns, 0, 0);
}

static chainrule_model *create(const setting *s, chainrule_trainer **trainer) {
  chainrule_model *model = test_model(s->dtype, 3);
  char text[64];
  snprintf(text, sizeof text, "shape=%d", s->inputs);
  test_add(model, "input", text);
  if (s->hidden > 0) {
    snprintf(text, sizeof text, "out_features=%d", s->hidden);
    test_add(model, "linear", text);
    test_add(model, "tanh", "");
  }
  test_add(model, "linear", "out_features=1");
  *trainer = NULL;
  SUCCEEDS(chainrule_trainer_create(model, "mse", s->optimizer, trainer));
  return model;
}

static int32_t change_data(void *user, const chainrule_progress *progress) {
  (void)user;
  fill(100 + (uint64_t)progress->epoch);
  return CHAINRULE_CONTINUE;
}

/* The losses and parameters of two fits of some epochs, with other data in the same place for the second, are those
   of single steps; also where a callback changes the data after each epoch. */
static void as_single_steps(int changes) {
  size_t i;
  for (i = 0; i < sizeof settings / sizeof *settings; i++) {
    const setting *s = &settings[i];
    chainrule_trainer *fitted = NULL, *stepped = NULL;
    chainrule_model *one = create(s, &fitted), *other = create(s, &stepped);
    chainrule_array in = matrix(s, x, narrow_x, s->inputs), out = matrix(s, y, narrow_y, 1);
    chainrule_fit_options options = test_fit_options(EPOCHS, s->rows);
    int round, epoch;
    options.shuffle = CHAINRULE_SHUFFLE_OFF;
    if (changes) options.on_epoch = change_data;
    for (round = 0; round < 2; round++) {
      chainrule_history *history = NULL;
      double losses[EPOCHS], loss = 0;
      fill(10 * (uint64_t)round + 1);
      REQUIRE_OK(chainrule_trainer_fit(fitted, &in, &out, &options, &history));
      REQUIRE_OK(chainrule_history_values(history, "loss", losses, EPOCHS, NULL));
      fill(10 * (uint64_t)round + 1);
      for (epoch = 0; epoch < EPOCHS; epoch++) {
        REQUIRE_OK(chainrule_trainer_step(stepped, &in, &out, NULL, &loss));
        /* The mean of one batch; of a search the history has the last loss. */
        if (strstr(s->optimizer, "lbfgs") == NULL && fabs(loss - losses[epoch]) > 1e-15)
          test_fail(__FILE__, __LINE__, "setting %d: loss %d is %.17g, not %.17g", (int)i, epoch, losses[epoch], loss);
        if (changes) fill(100 + (uint64_t)epoch);
      }
      chainrule_history_free(history);
    }
    if (test_parameter_hash(one) != test_parameter_hash(other))
      test_fail(__FILE__, __LINE__, "setting %d differs after the fit", (int)i);
    chainrule_trainer_free(fitted);
    chainrule_trainer_free(stepped);
    chainrule_model_free(one);
    chainrule_model_free(other);
  }
}

static void the_same_bits(void) { as_single_steps(0); }

static void changed_by_callbacks(void) { as_single_steps(1); }

/* With validation data the arena is another plan's between the epochs. */
static void with_validation(void) {
  const setting *s = &settings[0];
  uint64_t hashes[2];
  int way;
  for (way = 0; way < 2; way++) {
    chainrule_trainer *trainer = NULL;
    chainrule_model *model = create(s, &trainer);
    chainrule_array in = matrix(s, x, narrow_x, s->inputs), out = matrix(s, y, narrow_y, 1);
    chainrule_fit_options options = test_fit_options(EPOCHS, s->rows);
    fill(1);
    options.shuffle = CHAINRULE_SHUFFLE_OFF;
    if (way) options.validation_x = &in, options.validation_y = &out;
    REQUIRE_OK(chainrule_trainer_fit(trainer, &in, &out, &options, NULL));
    hashes[way] = test_parameter_hash(model);
    chainrule_trainer_free(trainer);
    chainrule_model_free(model);
  }
  CHECK(hashes[0] == hashes[1]);
}

int main(void) {
  TEST_MAIN("whole_set");
  RUN(the_same_bits);
  RUN(changed_by_callbacks);
  RUN(with_validation);
  return test_finish();
}
