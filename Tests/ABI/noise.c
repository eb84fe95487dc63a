/* What layers draw in training: which elements and channels they drop, mean and deviation of noise, the
   gradient along the same choices, nothing in inference, the same again from the same seed. */
#include "support.h"

enum { SAMPLES = 50, CHANNELS = 40, INNER = 6, COUNT = SAMPLES * CHANNELS * INNER };
static double x[COUNT], y[COUNT], again[COUNT], dx[COUNT], seed[COUNT];

/* The output in training for inputs x, and the gradient for the gradients `seed`. */
static int pass(const char *kind, const char *attributes, int rank) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT64, 5);
  chainrule_context *context = NULL;
  int64_t sizes[5] = {SAMPLES, CHANNELS, INNER, 1, 1};
  chainrule_array input = chainrule_view(x, CHAINRULE_FLOAT64, rank, 0, 0, 0, 0), output, gradient;
  int i, good;
  for (i = 0; i < rank; i++) input.shape[i] = sizes[i];
  output = gradient = input;
  output.data = y;
  gradient.data = dx;
  test_case_part = kind;
  test_add(model, "input", rank == 3 ? "shape=40,6" : rank == 4 ? "shape=40,6,1" : "shape=40,6,1,1");
  test_add(model, kind, attributes);
  good = SUCCEEDS(chainrule_model_predict(model, &input, &output));
  for (i = 0; i < COUNT; i++) good &= y[i] == x[i];
  if (!good) test_fail(__FILE__, __LINE__, "inference changes its input");
  good = SUCCEEDS(chainrule_context_create(model, &context)) && SUCCEEDS(chainrule_context_forward(context, &input, 1)) &&
         SUCCEEDS(chainrule_context_output(context, 0, &output));
  input.data = seed;
  good = good && SUCCEEDS(chainrule_context_backward(context, &input)) && SUCCEEDS(chainrule_context_input_gradient(context, 0, &gradient));
  chainrule_context_free(context);
  chainrule_model_free(model);
  return good;
}

static void fill(double low, double high) {
  uint64_t state = 1;
  int i;
  for (i = 0; i < COUNT; i++) x[i] = test_random(&state, (float)low, (float)high), seed[i] = test_random(&state, -1, 1);
}

static void channels(void) {
  static const struct {
    const char *kind;
    int rank;
  } kinds[] = {{"dropout1d", 3}, {"dropout2d", 4}, {"dropout3d", 5}};
  size_t k;
  int channel, i;
  fill(0.5, 1);
  for (k = 0; k < 3; k++) {
    int dropped = 0;
    if (!pass(kinds[k].kind, "p=0.2", kinds[k].rank)) return;
    for (channel = 0; channel < SAMPLES * CHANNELS; channel++) {
      double factor = y[channel * INNER] == 0 ? 0 : 1 / 0.8;
      dropped += factor == 0;
      for (i = channel * INNER; i < (channel + 1) * INNER; i++) {
        CHECK_NEAR(y[i], x[i] * factor, 1e-15);
        CHECK_NEAR(dx[i], seed[i] * factor, 1e-15);
      }
    }
    CHECK_NEAR(dropped, 0.2 * SAMPLES * CHANNELS, 4 * sqrt(0.16 * SAMPLES * CHANNELS));
    memcpy(again, y, sizeof y);
    if (!pass(kinds[k].kind, "p=0.2", kinds[k].rank)) return;
    CHECK(memcmp(again, y, sizeof y) == 0);
    if (!pass(kinds[k].kind, "p=1", kinds[k].rank)) return;
    for (i = 0; i < COUNT; i++) CHECK(y[i] == 0 && dx[i] == 0);
  }
}

/* With p = 0.3: kept x becomes a x + b, dropped ones a constant; PyTorch's a and b. */
static void alpha(void) {
  const double lowest = 1.7580993408473766, a = 1 / sqrt((lowest * lowest * 0.3 + 1) * 0.7), b = lowest * a * 0.3;
  static const char *const kinds[] = {"alpha_dropout", "feature_alpha_dropout"};
  int k, i, dropped, mixed;
  fill(-1.5, 1.5);
  for (k = 0; k < 2; k++) {
    dropped = mixed = 0;
    if (!pass(kinds[k], "p=0.3", 3)) return;
    for (i = 0; i < COUNT; i++) {
      int is_dropped = fabs(y[i] - (b - lowest * a)) < 1e-12;
      dropped += is_dropped;
      mixed += is_dropped != (fabs(y[i / INNER * INNER] - (b - lowest * a)) < 1e-12);
      CHECK_NEAR(y[i], is_dropped ? b - lowest * a : a * x[i] + b, 1e-12);
      CHECK_NEAR(dx[i], is_dropped ? 0 : a * seed[i], 1e-12);
    }
    CHECK((mixed == 0) == (k == 1));
    CHECK_NEAR(dropped, 0.3 * COUNT, 4 * sqrt(0.21 * COUNT * (k ? INNER : 1)));
    if (!pass(kinds[k], "p=1", 3)) return;
    for (i = 0; i < COUNT; i++) CHECK(y[i] == 0 && dx[i] == 0);
  }
}

static void gaussian(void) {
  double sum = 0, squares = 0, n;
  int i, inside = 0;
  fill(0.5, 1.5);
  if (!pass("gaussian_noise", "stddev=0.5", 3)) return;
  for (i = 0; i < COUNT; i++) {
    n = (y[i] - x[i]) / 0.5;
    sum += n, squares += n * n, inside += fabs(n) < 1;
    CHECK(dx[i] == seed[i]);
  }
  CHECK_NEAR(sum / COUNT, 0, 4 / sqrt(COUNT));
  CHECK_NEAR(squares / COUNT, 1, 4 * sqrt(2.0 / COUNT));
  CHECK_NEAR(inside / (double)COUNT, 0.6827, 0.02);
  sum = squares = 0;
  if (!pass("gaussian_dropout", "rate=0.2", 3)) return;
  for (i = 0; i < COUNT; i++) {
    n = y[i] / x[i];
    sum += n, squares += (n - 1) * (n - 1);
    CHECK_NEAR(dx[i], seed[i] * n, 1e-12);
  }
  CHECK_NEAR(sum / COUNT, 1, 4 * 0.5 / sqrt(COUNT));
  CHECK_NEAR(squares / COUNT, 0.25, 4 * 0.25 * sqrt(2.0 / COUNT));
}

int main(void) {
  TEST_MAIN("noise");
  RUN(channels);
  RUN(alpha);
  RUN(gaussian);
  return test_finish();
}
