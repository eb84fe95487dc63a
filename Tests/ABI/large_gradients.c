/* Whichever gradient is NaN or infinite, the step is refused and nothing has changed, and one that is only very large is
   no reason to refuse: for few parameters, which one call looks at and updates, for many, and for those of a context,
   which are looked at as they are added up. */
#include "support.h"

enum { MOST_INPUTS = 150, MOST_OUTPUTS = 90, ROWS = 64, SIZES = 2 };

static const chainrule_dtype dtypes[2] = {CHAINRULE_FLOAT32, CHAINRULE_FLOAT64};
static const int sizes[SIZES][2] = {{MOST_INPUTS, MOST_OUTPUTS}, {7, 5}};
static int inputs, outputs;
static double x[ROWS * MOST_INPUTS], y[ROWS * MOST_OUTPUTS];
static chainrule_array in, out;

static void fill(void) {
  test_fill_float64(x, ROWS * inputs, 1);
  test_fill_float64(y, ROWS * outputs, 2);
}

static chainrule_model *network(chainrule_dtype dtype, const char *first) {
  chainrule_model *model = test_model(dtype, 1);
  char text[80];
  snprintf(text, sizeof text, "shape=%d", inputs);
  test_add(model, "input", text);
  snprintf(text, sizeof text, "out_features=%d %s", outputs, first);
  test_add(model, "linear", text);
  return model;
}

/* Runs a case for each size and type. */
static void each(void (*body)(int wide)) {
  int size, wide;
  for (size = 0; size < SIZES; size++) {
    inputs = sizes[size][0], outputs = sizes[size][1];
    in = chainrule_matrix_float64(x, ROWS, inputs), out = chainrule_matrix_float64(y, ROWS, outputs);
    for (wide = 0; wide < 2; wide++) body(wide);
  }
  test_case_part = NULL;
}

static void refused(int wide) {
  static const char *optimizers[] = {"sgd lr=0.01", "adam", "adam clip_norm=1", "sgd lr=0.01 accumulate=2", "adam weight_decay=0.1",
                                     "lamb", "adadelta", "sgd lr=0.01 maximize=true clip_value=1", "adam ema_decay=0.9",
                                     "adam; 0.bias frozen=true"};
  size_t k;
  for (k = 0; k < sizeof optimizers / sizeof *optimizers; k++) {
    chainrule_model *model = network(dtypes[wide], "weight_init=zeros"), *other = network(dtypes[wide], "weight_init=zeros");
    chainrule_trainer *trainer = NULL, *fresh = NULL;
    uint64_t before = test_parameter_hash(model);
    int round;
    test_case_part = optimizers[k];
    REQUIRE_OK(chainrule_trainer_create(model, "mse", optimizers[k], &trainer));
    REQUIRE_OK(chainrule_trainer_create(other, "mse", optimizers[k], &fresh));
    for (round = 0; round < 2; round++) {
      fill();
      /* Times weights of zero; the last row and column of what one thread or the other computes. */
      x[(round ? ROWS - 1 : 0) * inputs + inputs - 1] = wide ? 1e300 : 1e30;
      y[(round ? ROWS - 1 : 0) * outputs + outputs - 1] = wide ? -1e150 : -1e15;
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

static void a_step_is_refused(void) { each(refused); }

/* Beside the same with a norm that nothing reaches, which few parameters and many are then looked over for. */
static void same_bits(int wide) {
  static const char *optimizers[] = {"sgd lr=1e-30", "sgd lr=1e-30 momentum=0.9", "adam lr=0.01"};
  size_t k;
  for (k = 0; k < sizeof optimizers / sizeof *optimizers; k++) {
    uint64_t hashes[2];
    int way;
    for (way = 0; way < 2; way++) {
      chainrule_model *model = network(dtypes[wide], "");
      chainrule_trainer *trainer = NULL;
      char text[96];
      int step;
      snprintf(text, sizeof text, "%s%s", optimizers[k], !way ? "" : wide ? " clip_norm=1e300" : " clip_norm=1e38");
      test_case_part = text;
      REQUIRE_OK(chainrule_trainer_create(model, "mse", text, &trainer));
      for (step = 0; step < 3; step++) {
        fill();
        if (step == 1) x[5] = wide ? 1e65 : 1e11; /* beyond the limit, 2^400 and 2^50 */
        SUCCEEDS(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
      }
      hashes[way] = test_parameter_hash(model);
      chainrule_trainer_free(trainer);
      chainrule_model_free(model);
    }
    test_case_part = optimizers[k];
    CHECK(hashes[0] == hashes[1]);
  }
}

static void the_same_bits(void) { each(same_bits); }

static void pass(chainrule_context *context) {
  SUCCEEDS(chainrule_context_forward(context, &in, 1));
  SUCCEEDS(chainrule_context_backward(context, &out));
}

/* By hand: the gradients of several passes are added up. */
static void by_hand(int wide) {
  static const char *parts[] = {"weight", "bias alone", "the second pass"};
  static const char *optimizers[] = {"sgd lr=0.1", "lamb", "adam clip_norm=1"};
  double huge = wide ? 1e308 : 1e38;
  size_t k, o;
  for (o = 0; o < sizeof optimizers / sizeof *optimizers; o++) {
    for (k = 0; k < sizeof parts / sizeof *parts; k++) {
      chainrule_model *model = network(dtypes[wide], "weight_init=zeros");
      chainrule_context *context = NULL, *second = NULL;
      chainrule_optimizer *optimizer = NULL;
      uint64_t before = test_parameter_hash(model);
      int row;
      test_case_part = parts[k];
      REQUIRE_OK(chainrule_context_create(model, &context));
      REQUIRE_OK(chainrule_context_create(model, &second));
      REQUIRE_OK(chainrule_optimizer_create(optimizers[o], &optimizer));
      fill();
      if (k == 1) {
        memset(x, 0, sizeof x);
        for (row = 0; row < ROWS; row++) y[row * outputs + 3] = huge;
      } else {
        x[3] = huge, y[outputs - 1] = 100;
      }
      if (k == 2) {
        y[outputs - 1] = huge > 1e300 ? 1.5 : 2;
        pass(context);
        y[outputs - 1] *= 100;
      }
      pass(context);
      FAILS(CHAINRULE_NON_FINITE, chainrule_optimizer_step(optimizer, context));
      CHECK(strstr(chainrule_last_error()->node, k == 1 ? "bias" : "weight") != NULL);
      FAILS(CHAINRULE_NON_FINITE, chainrule_optimizer_step(optimizer, context));
      CHECK(test_parameter_hash(model) == before);
      /* Another context knows nothing of it. */
      fill();
      pass(second);
      SUCCEEDS(chainrule_optimizer_step(optimizer, second));
      CHECK(test_parameter_hash(model) != before);
      before = test_parameter_hash(model);
      FAILS(CHAINRULE_NON_FINITE, chainrule_optimizer_step(optimizer, context));
      CHECK(test_parameter_hash(model) == before);
      REQUIRE_OK(chainrule_context_zero_gradients(context));
      pass(context);
      SUCCEEDS(chainrule_optimizer_step(optimizer, context));
      CHECK(test_parameter_hash(model) != before);
      chainrule_optimizer_free(optimizer);
      chainrule_context_free(context);
      chainrule_context_free(second);
      chainrule_model_free(model);
    }
  }
}

static void contexts(void) { each(by_hand); }

/* What was very large, and is small again in the sum, is no reason for anything. */
static void small_again(int wide) {
  chainrule_model *models[2];
  uint64_t hashes[2];
  int way, step;
  for (way = 0; way < 2; way++) {
    chainrule_context *context = NULL;
    chainrule_optimizer *optimizer = NULL;
    models[way] = network(dtypes[wide], "");
    REQUIRE_OK(chainrule_context_create(models[way], &context));
    REQUIRE_OK(chainrule_optimizer_create("sgd lr=0.1 momentum=0.9", &optimizer));
    for (step = 0; step < 3; step++) {
      REQUIRE_OK(chainrule_context_zero_gradients(context));
      if (way) {
        double large = wide ? 0x1p410 : 0x1p55; /* there and back: nothing is lost of zeros */
        memset(x, 0, sizeof x);
        memset(y, 0, sizeof y);
        x[2] = large, y[1] = 1;
        pass(context);
        y[1] = -1;
        pass(context);
      }
      fill();
      pass(context);
      SUCCEEDS(chainrule_optimizer_step(optimizer, context));
    }
    hashes[way] = test_parameter_hash(models[way]);
    chainrule_optimizer_free(optimizer);
    chainrule_context_free(context);
    chainrule_model_free(models[way]);
  }
  CHECK(hashes[0] == hashes[1]);
}

static void sums_that_are_small_again(void) { each(small_again); }

int main(void) {
  TEST_MAIN("large_gradients");
  RUN(a_step_is_refused);
  RUN(the_same_bits);
  RUN(contexts);
  RUN(sums_that_are_small_again);
  return test_finish();
}
