/* In a fit with batches of one, plain descent multiplies a large weight by the next sample while it updates
   it (Sources/Graph/Foreseen.swift). Beside it stand the same samples, one step at a time. */
#include "support.h"

enum { ROWS = 24, MOST = 1040, OUTPUTS = 5 };

static double x[ROWS * MOST], y[ROWS * OUTPUTS];
static float narrow_x[ROWS * MOST], narrow_y[ROWS * OUTPUTS];

typedef struct setting {
  chainrule_dtype dtype;
  int inputs, hidden;
  const char *activation, *optimizer, *bias;
} setting;

static chainrule_array matrix(const setting *s, double *wide, float *narrow, int64_t row, int64_t rows, int64_t columns) {
  void *data = s->dtype == CHAINRULE_FLOAT64 ? (void *)(wide + row * columns) : (void *)(narrow + row * columns);
  return chainrule_view(data, s->dtype, 2, rows, columns, 0, 0);
}

static void fill(void) {
  size_t i;
  test_fill_float64(x, ROWS * MOST, 1);
  test_fill_float64(y, ROWS * OUTPUTS, 2);
  for (i = 0; i < ROWS * MOST; i++) narrow_x[i] = (float)x[i];
  for (i = 0; i < ROWS * OUTPUTS; i++) narrow_y[i] = (float)y[i];
}

static chainrule_model *create(const setting *s, chainrule_trainer **trainer) {
  chainrule_model *model = test_model(s->dtype, 3);
  char text[64];
  snprintf(text, sizeof text, "shape=%d", s->inputs);
  test_add(model, "input", text);
  snprintf(text, sizeof text, "out_features=%d%s", s->hidden, s->bias);
  test_add(model, "linear", text);
  test_add(model, s->activation, "");
  test_add(model, "linear", "out_features=5");
  *trainer = NULL;
  SUCCEEDS(chainrule_trainer_create(model, "mse", s->optimizer, trainer));
  return model;
}

static const setting settings[] = {
  {CHAINRULE_FLOAT32, 150, 90, "relu", "sgd lr=0.01", ""},
  {CHAINRULE_FLOAT32, 150, 128, "gelu", "sgd lr=0.01", ""},
  {CHAINRULE_FLOAT32, MOST, 33, "relu", "sgd lr=0.01", ""},
  {CHAINRULE_FLOAT32, MOST, 150, "tanh", "sgd lr=0.01 weight_decay=0.01", ""},
  {CHAINRULE_FLOAT32, MOST, 64, "relu", "sgd lr=0.01", " bias=false"},
  {CHAINRULE_FLOAT64, 150, 90, "sigmoid", "sgd lr=0.01", ""},
  {CHAINRULE_FLOAT64, MOST, 67, "relu", "sgd lr=0.01 weight_decay=0.01", ""},
  {CHAINRULE_FLOAT64, MOST, 64, "identity", "sgd lr=0.01 ema_decay=0.9", ""},
};

static void the_same_bits(void) {
  size_t i;
  fill();
  for (i = 0; i < sizeof settings / sizeof *settings; i++) {
    const setting *s = &settings[i];
    chainrule_trainer *fitted = NULL, *stepped = NULL;
    chainrule_model *one = create(s, &fitted), *other = create(s, &stepped);
    chainrule_array in = matrix(s, x, narrow_x, 0, ROWS, s->inputs), out = matrix(s, y, narrow_y, 0, ROWS, OUTPUTS);
    chainrule_fit_options options = test_fit_options(2, 1);
    chainrule_history *history = NULL;
    double losses[2] = {0, 0}, sums[2] = {0, 0};
    int row;
    options.shuffle = CHAINRULE_SHUFFLE_OFF;
    REQUIRE_OK(chainrule_trainer_fit(fitted, &in, &out, &options, &history));
    REQUIRE_OK(chainrule_history_values(history, "loss", losses, 2, NULL));
    for (row = 0; row < 2 * ROWS; row++) {
      double loss = 0;
      in = matrix(s, x, narrow_x, row % ROWS, 1, s->inputs), out = matrix(s, y, narrow_y, row % ROWS, 1, OUTPUTS);
      REQUIRE_OK(chainrule_trainer_step(stepped, &in, &out, NULL, &loss));
      sums[row / ROWS] += loss;
    }
    CHECK(losses[0] == sums[0] / ROWS && losses[1] == sums[1] / ROWS);
    if (strstr(s->optimizer, "ema") != NULL) REQUIRE_OK(chainrule_trainer_use_average(fitted, 0));
    if (strstr(s->optimizer, "ema") != NULL) REQUIRE_OK(chainrule_trainer_use_average(stepped, 0));
    if (test_parameter_hash(one) != test_parameter_hash(other))
      test_fail(__FILE__, __LINE__, "setting %d differs after the fit", (int)i);
    chainrule_history_free(history);
    chainrule_trainer_free(fitted);
    chainrule_trainer_free(stepped);
    chainrule_model_free(one);
    chainrule_model_free(other);
  }
}

typedef struct watcher {
  chainrule_model *model;
  int writes, calls;
} watcher;

static int32_t on_batch(void *user, const chainrule_progress *progress) {
  watcher *seen = (watcher *)user;
  (void)progress;
  if (++seen->calls == 7 && seen->writes) SUCCEEDS(chainrule_model_initialize(seen->model, 99));
  return CHAINRULE_CONTINUE;
}

static int32_t on_epoch(void *user, const chainrule_progress *progress) { return on_batch(user, progress); }

/* The parameters after a shuffled fit that holds some data back for validation.
   way  0: as it is  1: a callback per batch, after which nothing is known  2: the parameters are set anew in the
   seventh callback  3: as 2, with no callback but one per epoch */
static uint64_t fit(const setting *s, int way, int64_t epochs) {
  chainrule_trainer *trainer = NULL;
  chainrule_model *model = create(s, &trainer);
  chainrule_array in = matrix(s, x, narrow_x, 0, ROWS, s->inputs), out = matrix(s, y, narrow_y, 0, ROWS, OUTPUTS);
  chainrule_fit_options options = test_fit_options(epochs, 1);
  watcher seen;
  uint64_t hash;
  memset(&seen, 0, sizeof seen);
  seen.model = model, seen.writes = way > 1;
  options.validation_split = 0.25;
  options.user = &seen;
  if (way == 1 || way == 2) options.on_batch = on_batch;
  if (way == 3) options.on_epoch = on_epoch;
  SUCCEEDS(chainrule_trainer_fit(trainer, &in, &out, &options, NULL));
  hash = test_parameter_hash(model);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  return hash;
}

static void shuffled_and_watched(void) {
  size_t i;
  fill();
  for (i = 0; i < sizeof settings / sizeof *settings; i++) {
    uint64_t plain = fit(&settings[i], 0, 3);
    CHECK(plain == fit(&settings[i], 1, 3));
    CHECK(plain != fit(&settings[i], 2, 3));
    CHECK(fit(&settings[i], 3, 9) != fit(&settings[i], 0, 9));
  }
}

/* Two trainers of one model take turns: what one has foreseen the other has written over. */
static void in_turns(void) {
  const setting *s = &settings[0];
  uint64_t hashes[2];
  int way;
  fill();
  for (way = 0; way < 2; way++) {
    chainrule_trainer *trainer = NULL, *other = NULL;
    chainrule_model *model = create(s, &trainer);
    chainrule_array in = matrix(s, x, narrow_x, 0, 3, s->inputs), out = matrix(s, y, narrow_y, 0, 3, OUTPUTS);
    chainrule_fit_options options = test_fit_options(1, 1);
    int turn;
    options.shuffle = CHAINRULE_SHUFFLE_OFF;
    REQUIRE_OK(chainrule_trainer_create(model, "mse", way ? "sgd lr=0.01 clip_value=1e30" : "sgd lr=0.01", &other));
    for (turn = 0; turn < 3; turn++) {
      REQUIRE_OK(chainrule_trainer_fit(trainer, &in, &out, &options, NULL));
      REQUIRE_OK(chainrule_trainer_fit(other, &in, &out, &options, NULL));
    }
    hashes[way] = test_parameter_hash(model);
    chainrule_trainer_free(trainer);
    chainrule_trainer_free(other);
    chainrule_model_free(model);
  }
  CHECK(hashes[0] == hashes[1]);
}

/* The next sample is bad: the step before it has been made, its own has not. */
static void a_bad_sample(void) {
  const setting *s = &settings[0];
  chainrule_trainer *trainer = NULL, *alone = NULL;
  chainrule_model *model, *other;
  chainrule_array in = matrix(s, x, narrow_x, 0, 4, s->inputs), out = matrix(s, y, narrow_y, 0, 4, OUTPUTS);
  chainrule_fit_options options = test_fit_options(1, 1);
  fill();
  model = create(s, &trainer), other = create(s, &alone);
  options.shuffle = CHAINRULE_SHUFFLE_OFF;
  narrow_x[2 * s->inputs + 1] = NAN;
  FAILS(CHAINRULE_NON_FINITE, chainrule_trainer_fit(trainer, &in, &out, &options, NULL));
  in.shape[0] = out.shape[0] = 2;
  SUCCEEDS(chainrule_trainer_fit(alone, &in, &out, &options, NULL));
  CHECK(test_parameter_hash(model) == test_parameter_hash(other));
  narrow_x[2 * s->inputs + 1] = 0;
  chainrule_trainer_free(trainer);
  chainrule_trainer_free(alone);
  chainrule_model_free(model);
  chainrule_model_free(other);
}

/* A fit that breaks off has shown a sample that is gone when the next step comes. */
static void a_step_after_a_broken_fit(void) {
  const setting *s = &settings[0];
  chainrule_trainer *trainer = NULL;
  chainrule_model *model;
  size_t bytes = (size_t)(4 * s->inputs) * sizeof(float);
  float *gone = (float *)malloc(bytes);
  chainrule_array in, out = matrix(s, y, narrow_y, 0, 4, OUTPUTS);
  chainrule_fit_options options = test_fit_options(1, 1);
  fill();
  memcpy(gone, narrow_x, bytes);
  gone[s->inputs] = NAN;
  in = chainrule_matrix(gone, 4, s->inputs);
  model = create(s, &trainer);
  options.shuffle = CHAINRULE_SHUFFLE_OFF;
  FAILS(CHAINRULE_NON_FINITE, chainrule_trainer_fit(trainer, &in, &out, &options, NULL));
  free(gone);
  in = matrix(s, x, narrow_x, 0, 1, s->inputs), out = matrix(s, y, narrow_y, 0, 1, OUTPUTS);
  SUCCEEDS(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

int main(void) {
  TEST_MAIN("foreseen");
  RUN(the_same_bits);
  RUN(shuffled_and_watched);
  RUN(in_turns);
  RUN(a_bad_sample);
  RUN(a_step_after_a_broken_fit);
  return test_finish();
}
