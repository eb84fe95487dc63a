/* Contexts: forward, backward and gradients by hand; the order of calls; what is refused. */
#include "support.h"

#define ROWS 3
static float x[ROWS * 4], output_gradient[ROWS * 2];
static chainrule_model *model;
static chainrule_context *context;
static chainrule_array input, ones;

static int begin(void) {
  model = test_mlp(CHAINRULE_FLOAT32, 1, 4, 8, 2, "tanh");
  context = NULL;
  test_fill(x, ROWS * 4, 1);
  test_fill(output_gradient, ROWS * 2, 2);
  input = chainrule_matrix(x, ROWS, 4);
  ones = chainrule_matrix(output_gradient, ROWS, 2);
  return SUCCEEDS(chainrule_context_create(model, &context));
}

static void end(void) {
  chainrule_context_free(context);
  chainrule_model_free(model);
}

static void create_refuses(void) {
  chainrule_context *other;
  if (!begin()) return;
  test_poison(&other, sizeof other);
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "model", chainrule_context_create(NULL, &other));
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "context", chainrule_context_create(model, NULL));
  CHECK_UNTOUCHED(other);
  end();
}

static void order_of_calls(void) {
  float values[64];
  chainrule_array out = chainrule_matrix(values, ROWS, 2), in = chainrule_matrix(values, ROWS, 4);
  chainrule_array weight = chainrule_matrix(values, 8, 4);
  if (!begin()) return;
  test_poison(values, sizeof values);
  FAILS(CHAINRULE_STATE, chainrule_context_output(context, 0, &out));
  FAILS(CHAINRULE_STATE, chainrule_context_backward(context, &ones));
  FAILS(CHAINRULE_STATE, chainrule_context_backward(context, NULL));
  FAILS(CHAINRULE_STATE, chainrule_context_input_gradient(context, 0, &in));
  CHECK(test_is_poisoned(values, sizeof values));
  /* Gradients are sums, and no pass yet means zeros; refusing is as good. */
  if (chainrule_context_gradient(context, "0.weight", &weight) == CHAINRULE_OK)
    CHECK(values[0] == 0 && values[31] == 0);
  else
    CHECK_EQUAL(chainrule_last_error()->status, CHAINRULE_STATE);
  REQUIRE_OK(chainrule_context_forward(context, &input, 1));
  test_poison(values, sizeof values);
  FAILS(CHAINRULE_STATE, chainrule_context_input_gradient(context, 0, &in));
  CHECK(test_is_poisoned(values, sizeof values));
  SUCCEEDS(chainrule_context_output(context, 0, &out));
  SUCCEEDS(chainrule_context_backward(context, &ones));
  SUCCEEDS(chainrule_context_input_gradient(context, 0, &in));
  SUCCEEDS(chainrule_context_gradient(context, "0.weight", &weight));
  end();
}

static void forward_refuses(void) {
  float y[ROWS * 2], before[ROWS * 2], spare[ROWS * 8];
  chainrule_array out = chainrule_matrix(before, ROWS, 2), again = chainrule_matrix(y, ROWS, 2);
  if (!begin()) return;
  test_fill(spare, ROWS * 8, 1);
  REQUIRE_OK(chainrule_context_forward(context, &input, 1));
  REQUIRE_OK(chainrule_context_output(context, 0, &out));
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "context", chainrule_context_forward(NULL, &input, 1));
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "inputs", chainrule_context_forward(context, NULL, 1));
  FAILS_FOR_BAD_ARRAYS(spare, ROWS, 4, chainrule_context_forward(context, &bad, 1));
  /* What was kept of the last good pass is still there, or the context says that nothing is. */
  if (chainrule_context_output(context, 0, &again) == CHAINRULE_OK)
    CHECK(memcmp(y, before, sizeof y) == 0);
  else
    CHECK_EQUAL(chainrule_last_error()->status, CHAINRULE_STATE);
  SUCCEEDS(chainrule_context_forward(context, &input, 0));
  SUCCEEDS(chainrule_context_output(context, 0, &again));
  end();
}

static void output_refuses(void) {
  float y[ROWS * 2 * 2];
  chainrule_array out = chainrule_matrix(y, ROWS, 2);
  if (!begin()) return;
  REQUIRE_OK(chainrule_context_forward(context, &input, 0));
  test_poison(y, sizeof y);
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_context_output(NULL, 0, &out));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_context_output(context, 0, NULL));
  FAILS(CHAINRULE_NOT_FOUND, chainrule_context_output(context, 1, &out));
  FAILS(CHAINRULE_NOT_FOUND, chainrule_context_output(context, SIZE_MAX, &out));
  FAILS_FOR_BAD_ARRAYS(y, ROWS, 2, chainrule_context_output(context, 0, &bad));
  CHECK(test_is_poisoned(y, sizeof y));
  SUCCEEDS(chainrule_context_output(context, 0, &out));
  end();
}

static void backward_refuses(void) {
  float values[64], spare[ROWS * 4];
  chainrule_array weight = chainrule_matrix(values, 8, 4);
  int i;
  if (!begin()) return;
  test_fill(spare, ROWS * 4, 1);
  REQUIRE_OK(chainrule_context_forward(context, &input, 1));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_context_backward(NULL, &ones));
  FAILS_FOR_BAD_ARRAYS(spare, ROWS, 2, chainrule_context_backward(context, &bad));
  /* None of them added anything to the gradients. */
  REQUIRE_OK(chainrule_context_gradient(context, "0.weight", &weight));
  for (i = 0; i < 32; i++) CHECK(values[i] == 0);
  SUCCEEDS(chainrule_context_backward(context, &ones));
  end();
}

static void gradients_refuse(void) {
  float values[128];
  static const char *const unknown[] = {"", "0.Weight", "nothing", "0"};
  chainrule_array weight = chainrule_matrix(values, 8, 4), in = chainrule_matrix(values, ROWS, 4);
  size_t i;
  if (!begin()) return;
  REQUIRE_OK(chainrule_context_forward(context, &input, 1));
  REQUIRE_OK(chainrule_context_backward(context, &ones));
  test_poison(values, sizeof values);
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_context_gradient(NULL, "0.weight", &weight));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_context_gradient(context, NULL, &weight));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_context_gradient(context, "0.weight", NULL));
  for (i = 0; i < 4; i++) FAILS(CHAINRULE_NOT_FOUND, chainrule_context_gradient(context, unknown[i], &weight));
  FAILS_FOR_BAD_ARRAYS(values, 8, 4, chainrule_context_gradient(context, "0.weight", &bad));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_context_input_gradient(NULL, 0, &in));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_context_input_gradient(context, 0, NULL));
  FAILS(CHAINRULE_NOT_FOUND, chainrule_context_input_gradient(context, 1, &in));
  FAILS(CHAINRULE_NOT_FOUND, chainrule_context_input_gradient(context, SIZE_MAX, &in));
  FAILS_FOR_BAD_ARRAYS(values, ROWS, 4, chainrule_context_input_gradient(context, 0, &bad));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_context_zero_gradients(NULL));
  CHECK(test_is_poisoned(values, sizeof values));
  SUCCEEDS(chainrule_context_gradient(context, "0.weight", &weight));
  SUCCEEDS(chainrule_context_input_gradient(context, 0, &in));
  end();
}

/* Parameter gradients add up over passes until zeroed; the input's belongs to the last pass. */
static void gradients_add_up(void) {
  float once[32], twice[32], in_once[ROWS * 4], in_twice[ROWS * 4];
  chainrule_array array = chainrule_matrix(once, 8, 4), in = chainrule_matrix(in_once, ROWS, 4);
  int i;
  if (!begin()) return;
  REQUIRE_OK(chainrule_context_forward(context, &input, 1));
  REQUIRE_OK(chainrule_context_backward(context, &ones));
  REQUIRE_OK(chainrule_context_gradient(context, "0.weight", &array));
  REQUIRE_OK(chainrule_context_input_gradient(context, 0, &in));
  REQUIRE_OK(chainrule_context_forward(context, &input, 1));
  REQUIRE_OK(chainrule_context_backward(context, &ones));
  array.data = twice, in.data = in_twice;
  REQUIRE_OK(chainrule_context_gradient(context, "0.weight", &array));
  REQUIRE_OK(chainrule_context_input_gradient(context, 0, &in));
  for (i = 0; i < 32; i++) CHECK_NEAR(twice[i], 2 * once[i], 1e-6);
  CHECK(memcmp(in_once, in_twice, sizeof in_once) == 0);
  REQUIRE_OK(chainrule_context_zero_gradients(context));
  REQUIRE_OK(chainrule_context_gradient(context, "0.weight", &array));
  for (i = 0; i < 32; i++) CHECK(twice[i] == 0);
  REQUIRE_OK(chainrule_context_forward(context, &input, 1));
  REQUIRE_OK(chainrule_context_backward(context, &ones));
  REQUIRE_OK(chainrule_context_gradient(context, "0.weight", &array));
  CHECK(memcmp(once, twice, sizeof once) == 0);
  end();
}

/* NULL stands for gradients of one; contexts on one model do not see each other. */
static void ones_and_independence(void) {
  float given[32], implied[32], quiet[32];
  chainrule_array array = chainrule_matrix(given, 8, 4);
  chainrule_context *other = NULL;
  int i;
  if (!begin()) return;
  for (i = 0; i < ROWS * 2; i++) output_gradient[i] = 1;
  REQUIRE_OK(chainrule_context_create(model, &other));
  REQUIRE_OK(chainrule_context_forward(other, &input, 1));
  REQUIRE_OK(chainrule_context_forward(context, &input, 1));
  REQUIRE_OK(chainrule_context_backward(context, &ones));
  REQUIRE_OK(chainrule_context_gradient(context, "0.weight", &array));
  array.data = quiet;
  REQUIRE_OK(chainrule_context_gradient(other, "0.weight", &array));
  for (i = 0; i < 32; i++) CHECK(quiet[i] == 0);
  REQUIRE_OK(chainrule_context_backward(other, NULL));
  array.data = implied;
  REQUIRE_OK(chainrule_context_gradient(other, "0.weight", &array));
  CHECK(memcmp(given, implied, sizeof given) == 0);
  chainrule_context_free(other);
  end();
}

static void batches_change(void) {
  static const int64_t batches[] = {1, 64, 2, 17, 3};
  float data[64 * 4], y[64 * 2];
  chainrule_array in = chainrule_matrix(data, 1, 4), out = chainrule_matrix(y, 1, 2), gradient;
  size_t i;
  if (!begin()) return;
  test_fill(data, 64 * 4, 5);
  for (i = 0; i < sizeof batches / sizeof *batches; i++) {
    in.shape[0] = out.shape[0] = batches[i];
    REQUIRE_OK(chainrule_context_forward(context, &in, 1));
    REQUIRE_OK(chainrule_context_output(context, 0, &out));
    REQUIRE_OK(chainrule_context_backward(context, NULL));
    gradient = in;
    gradient.data = x;
    if (batches[i] <= ROWS) REQUIRE_OK(chainrule_context_input_gradient(context, 0, &gradient));
  }
  end();
}

/* The context keeps its model alive. */
static void model_freed_first(void) {
  float y[ROWS * 2];
  chainrule_array out = chainrule_matrix(y, ROWS, 2);
  if (!begin()) return;
  chainrule_model_free(model);
  SUCCEEDS(chainrule_context_forward(context, &input, 1));
  SUCCEEDS(chainrule_context_output(context, 0, &out));
  SUCCEEDS(chainrule_context_backward(context, NULL));
  chainrule_context_free(context);
}

static void dropout_in_training_only(void) {
  enum { MANY = 2000 };
  static float data[MANY], y[MANY], again[MANY], gradient[MANY];
  chainrule_array in = chainrule_matrix(data, 2, MANY / 2), out = chainrule_matrix(y, 2, MANY / 2);
  chainrule_array back = chainrule_matrix(gradient, 2, MANY / 2);
  int i, dropped = 0;
  model = test_model(CHAINRULE_FLOAT32, 0);
  for (i = 0; i < MANY; i++) data[i] = 1;
  test_add(model, "input", "shape=1000");
  test_add(model, "dropout", "p=0.25");
  REQUIRE_OK(chainrule_context_create(model, &context));
  REQUIRE_OK(chainrule_context_forward(context, &in, 0));
  REQUIRE_OK(chainrule_context_output(context, 0, &out));
  for (i = 0; i < MANY; i++) CHECK(y[i] == 1);
  REQUIRE_OK(chainrule_context_forward(context, &in, 1));
  REQUIRE_OK(chainrule_context_output(context, 0, &out));
  REQUIRE_OK(chainrule_context_backward(context, NULL));
  REQUIRE_OK(chainrule_context_input_gradient(context, 0, &back));
  for (i = 0; i < MANY; i++) {
    dropped += y[i] == 0;
    CHECK(y[i] == 0 || fabsf(y[i] - 1 / 0.75f) < 1e-6f);
    CHECK(gradient[i] == y[i]);
  }
  CHECK(dropped > 400 && dropped < 600); /* 500 on average, deviation 19 */
  REQUIRE_OK(chainrule_context_forward(context, &in, 1));
  out.data = again;
  REQUIRE_OK(chainrule_context_output(context, 0, &out));
  CHECK(memcmp(y, again, sizeof y) != 0); /* a new mask each time */
  end();
}

/* The gradient goes through the elements that were kept, scaled as they were. */
static void dropout_backward_in_float64(void) {
  enum { MANY = 3001 };
  static double data[MANY], y[MANY], seeds[MANY], gradient[MANY];
  chainrule_array in = chainrule_matrix_float64(data, 1, MANY), out = chainrule_matrix_float64(y, 1, MANY);
  chainrule_array seed = chainrule_matrix_float64(seeds, 1, MANY), back = chainrule_matrix_float64(gradient, 1, MANY);
  int i, dropped = 0;
  model = test_model(CHAINRULE_FLOAT64, 3);
  test_fill_float64(data, MANY, 1);
  test_fill_float64(seeds, MANY, 2);
  for (i = 0; i < MANY; i++) data[i] += data[i] < 0 ? -1 : 1; /* none is 0 */
  test_add(model, "input", "shape=3001");
  test_add(model, "dropout", "p=0.4");
  REQUIRE_OK(chainrule_context_create(model, &context));
  REQUIRE_OK(chainrule_context_forward(context, &in, 1));
  REQUIRE_OK(chainrule_context_output(context, 0, &out));
  REQUIRE_OK(chainrule_context_backward(context, &seed));
  REQUIRE_OK(chainrule_context_input_gradient(context, 0, &back));
  for (i = 0; i < MANY; i++) {
    double mask = y[i] == 0 ? 0 : 1 / (1 - 0.4);
    dropped += y[i] == 0;
    CHECK_NEAR(y[i], data[i] * mask, 1e-15 * fabs(data[i]) * 2);
    CHECK_NEAR(gradient[i], seeds[i] * mask, 1e-15 * 2);
  }
  CHECK(dropped > 1040 && dropped < 1360); /* 1200 on average, deviation 27 */
  end();
}

int main(void) {
  TEST_MAIN("context");
  RUN(create_refuses);
  RUN(order_of_calls);
  RUN(forward_refuses);
  RUN(output_refuses);
  RUN(backward_refuses);
  RUN(gradients_refuse);
  RUN(gradients_add_up);
  RUN(ones_and_independence);
  RUN(batches_change);
  RUN(model_freed_first);
  RUN(dropout_in_training_only);
  RUN(dropout_backward_in_float64);
  return test_finish();
}
