/* Predicting: what is refused, numbers that are not finite, batches of any size. */
#include "support.h"

#define ROWS 3
static void predict_refuses(void) {
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 1, 4, 8, 2, "tanh");
  float x[ROWS * 4 * 2], y[ROWS * 2 * 2 + 8], good[ROWS * 2];
  chainrule_array input = chainrule_matrix(x, ROWS, 4), output = chainrule_matrix(y, ROWS, 2);
  chainrule_array expected = chainrule_matrix(good, ROWS, 2);
  test_fill(x, ROWS * 4 * 2, 1);
  REQUIRE_OK(chainrule_model_predict(model, &input, &expected));
  test_poison(y, sizeof y);
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "model", chainrule_model_predict(NULL, &input, &output));
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "inputs", chainrule_model_predict(model, NULL, &output));
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "outputs", chainrule_model_predict(model, &input, NULL));
  FAILS_FOR_BAD_ARRAYS(x, ROWS, 4, chainrule_model_predict(model, &bad, &output));
  FAILS_FOR_BAD_ARRAYS(y, ROWS, 2, chainrule_model_predict(model, &input, &bad));
  CHECK(test_is_poisoned(y, sizeof y));
  output.shape[0] = ROWS + 1;
  FAILS(CHAINRULE_SHAPE, chainrule_model_predict(model, &input, &output));
  output.shape[0] = ROWS - 1;
  FAILS(CHAINRULE_SHAPE, chainrule_model_predict(model, &input, &output));
  output.shape[0] = ROWS;
  CHECK(test_is_poisoned(y, sizeof y));
  SUCCEEDS(chainrule_model_predict(model, &input, &output));
  CHECK(memcmp(y, good, sizeof good) == 0);
  chainrule_model_free(model);
}

/* NaN in gives NaN out, in its own row alone; infinity gives what arithmetic makes of it. */
static void predict_not_finite(void) {
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 1, 4, 8, 2, "tanh");
  float x[ROWS * 4], y[ROWS * 2], good[ROWS * 2];
  static const float numbers[3] = {NAN, INFINITY, -INFINITY};
  chainrule_array input = chainrule_matrix(x, ROWS, 4), output = chainrule_matrix(y, ROWS, 2);
  chainrule_array expected = chainrule_matrix(good, ROWS, 2);
  int i;
  test_fill(x, ROWS * 4, 1);
  REQUIRE_OK(chainrule_model_predict(model, &input, &expected));
  for (i = 0; i < 3; i++) {
    x[7] = numbers[i]; /* in the second row */
    test_poison(y, sizeof y);
    REQUIRE_OK(chainrule_model_predict(model, &input, &output));
    CHECK(memcmp(y, good, 2 * sizeof *y) == 0 && memcmp(y + 4, good + 4, 2 * sizeof *y) == 0);
    CHECK(i > 0 || (isnan(y[2]) && isnan(y[3])));
    CHECK(i == 0 || (isfinite(y[2]) && isfinite(y[3]))); /* tanh of an infinite number is 1 or -1 */
  }
  chainrule_model_free(model);
}

/* A row's answer does not depend on how many rows come with it; no rows is a batch as well. */
static void predict_any_batch(void) {
  enum { MOST = 300 };
  static float x[MOST * 20], all[MOST * 5], some[MOST * 5];
  static const int64_t batches[] = {1, 2, 3, 7, 15, 16, 17, 33, 64, 100, 255, MOST};
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 5, 20, 40, 5, "gelu");
  chainrule_array input = chainrule_matrix(x, MOST, 20), output = chainrule_matrix(all, MOST, 5);
  size_t i, j;
  test_fill(x, MOST * 20, 9);
  REQUIRE_OK(chainrule_model_predict(model, &input, &output));
  output.data = some;
  for (i = 0; i < sizeof batches / sizeof *batches; i++) {
    input.shape[0] = output.shape[0] = batches[i];
    REQUIRE_OK(chainrule_model_predict(model, &input, &output));
    for (j = 0; j < (size_t)batches[i] * 5; j++) CHECK(some[j] == all[j]);
  }
  input.shape[0] = output.shape[0] = 0;
  SUCCEEDS(chainrule_model_predict(model, &input, &output));
  input.data = output.data = NULL;
  SUCCEEDS(chainrule_model_predict(model, &input, &output));
  chainrule_model_free(model);
}

/* One row through layers so wide that it takes a way of its own. */
static void predict_one_wide_row(void) {
  enum { TALL = 6, MANY = 1003, WIDE = 2101 };
  static float x[TALL * MANY], all[TALL * WIDE], one[WIDE];
  static const char *activations[] = {"relu", "tanh"};
  size_t a, row;
  test_fill(x, TALL * MANY, 9);
  for (a = 0; a < 2; a++) {
    chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 5, MANY, 309, WIDE, activations[a]);
    chainrule_array input = chainrule_matrix(x, TALL, MANY), output = chainrule_matrix(all, TALL, WIDE);
    REQUIRE_OK(chainrule_model_predict(model, &input, &output));
    for (row = 0; row < TALL; row++) {
      input = chainrule_matrix(x + row * MANY, 1, MANY);
      output = chainrule_matrix(one, 1, WIDE);
      REQUIRE_OK(chainrule_model_predict(model, &input, &output));
      CHECK(memcmp(one, all + row * WIDE, sizeof one) == 0);
    }
    chainrule_model_free(model);
  }
}

/* The same node twice among the outputs, and one that others go on with. */
static void predict_outputs_of_outputs(void) {
  static float x[4 * 20], first[4 * 8], second[4 * 8], last[4 * 3];
  double wide[4 * 8];
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 2);
  chainrule_node nodes[4];
  chainrule_array input = chainrule_matrix(x, 4, 20), outputs[3];
  size_t i;
  test_fill(x, 4 * 20, 3);
  REQUIRE_OK(chainrule_model_add(model, "input", "shape=20", &nodes[0]));
  REQUIRE_OK(chainrule_model_add(model, "linear", "out_features=8", &nodes[1]));
  REQUIRE_OK(chainrule_model_add(model, "relu", "", &nodes[2]));
  REQUIRE_OK(chainrule_model_add(model, "linear", "out_features=3", &nodes[3]));
  nodes[0] = nodes[1] = nodes[2];
  nodes[2] = nodes[3];
  REQUIRE_OK(chainrule_model_set_outputs(model, nodes, 3));
  outputs[0] = chainrule_matrix(first, 4, 8);
  outputs[1] = chainrule_matrix(second, 4, 8);
  outputs[2] = chainrule_matrix(last, 4, 3);
  for (i = 0; i < 2; i++) REQUIRE_OK(chainrule_model_predict(model, &input, outputs));
  CHECK(memcmp(first, second, sizeof first) == 0);
  outputs[0] = chainrule_view(wide, CHAINRULE_FLOAT64, 2, 4, 8, 0, 0);
  memset(second, 0, sizeof second);
  REQUIRE_OK(chainrule_model_predict(model, &input, outputs));
  CHECK(memcmp(first, second, sizeof first) == 0);
  for (i = 0; i < 32; i++) CHECK(wide[i] == (double)first[i]);
  chainrule_model_free(model);
}

/* More batch sizes than a model keeps plans for, again and again, and arrays that lie in each other's memory. */
static void predict_again(void) {
  enum { MOST = 9 };
  static float x[MOST * 4 + MOST * 2], all[MOST * 2], some[MOST * 2];
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 1, 4, 8, 2, "tanh");
  chainrule_array input = chainrule_matrix(x, MOST, 4), output = chainrule_matrix(all, MOST, 2);
  int round, rows;
  test_fill(x, MOST * 4, 1);
  REQUIRE_OK(chainrule_model_predict(model, &input, &output));
  for (round = 0; round < 3; round++) {
    for (rows = 1; rows <= MOST; rows++) {
      int64_t i;
      test_poison(some, sizeof some);
      input = chainrule_matrix(x, rows, 4), output = chainrule_matrix(some, rows, 2);
      REQUIRE_OK(chainrule_model_predict(model, &input, &output));
      for (i = 0; i < rows * 2; i++) CHECK(some[i] == all[i]);
      CHECK(test_is_poisoned(some + rows * 2, sizeof *some * (size_t)(MOST - rows) * 2));
      output.data = x + 1;
      FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "overlaps", chainrule_model_predict(model, &input, &output));
      output.data = x + rows * 4 - 1;
      FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "overlaps", chainrule_model_predict(model, &input, &output));
      output.data = x + rows * 4; /* right behind it */
      if (rows == MOST) SUCCEEDS(chainrule_model_predict(model, &input, &output));
    }
  }
  chainrule_model_free(model);
}

/* Inputs without a batch, in both types, and none at all. */
static void predict_whole_inputs(void) {
  float a[6] = {1, 2, 3, 4, 5, 6}, b[6] = {1, 0, 0, 1, 1, 1}, c[4];
  double wide[6] = {2, 4, 6, 8, 10, 12};
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 1), *constant = test_model(CHAINRULE_FLOAT32, 1);
  chainrule_node nodes[2], product;
  chainrule_array inputs[2] = {chainrule_matrix(a, 2, 3), chainrule_matrix(b, 3, 2)}, output = chainrule_matrix(c, 2, 2);
  int round;
  REQUIRE_OK(chainrule_model_add(model, "input", "shape=2,3 batched=false", &nodes[0]));
  REQUIRE_OK(chainrule_model_add(model, "input", "shape=3,2 batched=false", &nodes[1]));
  REQUIRE_OK(chainrule_model_add_node(model, "matmul", "", nodes, 2, &product));
  REQUIRE_OK(chainrule_model_add(constant, "parameter", "shape=2,2 init=ones", NULL));
  for (round = 0; round < 3; round++) {
    memset(c, 0, sizeof c);
    REQUIRE_OK(chainrule_model_predict(model, inputs, &output));
    CHECK(c[0] == 4 && c[1] == 5 && c[2] == 10 && c[3] == 11);
    inputs[0] = chainrule_matrix_float64(wide, 2, 3);
    REQUIRE_OK(chainrule_model_predict(model, inputs, &output));
    CHECK(c[0] == 8 && c[1] == 10 && c[2] == 20 && c[3] == 22);
    inputs[0] = chainrule_matrix(a, 3, 2);
    FAILS(CHAINRULE_SHAPE, chainrule_model_predict(model, inputs, &output));
    inputs[0] = chainrule_matrix(a, 2, 3);
    REQUIRE_OK(chainrule_model_predict(constant, NULL, &output));
    CHECK(c[0] == 1 && c[1] == 1 && c[2] == 1 && c[3] == 1);
  }
  chainrule_model_free(model);
  chainrule_model_free(constant);
}

int main(void) {
  TEST_MAIN("predict");
  RUN(predict_again);
  RUN(predict_whole_inputs);
  RUN(predict_refuses);
  RUN(predict_not_finite);
  RUN(predict_any_batch);
  RUN(predict_one_wide_row);
  RUN(predict_outputs_of_outputs);
  return test_finish();
}
