/* Graphs: several inputs and outputs, shared nodes, residual connections, whole inputs, formulas. */
#include "support.h"

static void ids_refused(void) {
  static const chainrule_node wrong[] = {-1, 2, 3, INT32_MAX, INT32_MIN}; /* 2 would be the node itself: a cycle */
  const unsigned statuses = BIT(CHAINRULE_INVALID_ARGUMENT) | BIT(CHAINRULE_NOT_FOUND);
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  chainrule_node node, inputs[3] = {0, 1, 1};
  size_t i;
  test_add(model, "input", "shape=4");
  test_add(model, "input", "shape=4");
  test_poison(&node, sizeof node);
  for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    inputs[1] = wrong[i];
    FAILS_ONE_OF(statuses, chainrule_model_add_node(model, "add", "", inputs, 2, &node));
    FAILS_ONE_OF(statuses, chainrule_model_set_outputs(model, &wrong[i], 1));
    FAILS_ONE_OF(statuses, chainrule_model_set_outputs(model, inputs, 2));
  }
  inputs[1] = 1;
  CHECK_UNTOUCHED(node);
  SUCCEEDS(chainrule_model_add_node(model, "add", "", inputs, 2, &node));
  CHECK_EQUAL(node, 2);
  chainrule_model_free(model);
}

static void input_counts_refused(void) {
  const unsigned statuses =
      BIT(CHAINRULE_INVALID_ARGUMENT) | BIT(CHAINRULE_SHAPE) | BIT(CHAINRULE_ATTRIBUTE) | BIT(CHAINRULE_STATE);
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  chainrule_node node, inputs[3] = {0, 1, 0};
  test_add(model, "input", "shape=4");
  test_add(model, "input", "shape=4");
  test_poison(&node, sizeof node);
  FAILS_ONE_OF(statuses, chainrule_model_add_node(model, "linear", "out_features=2", inputs, 2, &node));
  FAILS_ONE_OF(statuses, chainrule_model_add_node(model, "relu", "", inputs, 0, &node));
  FAILS_ONE_OF(statuses, chainrule_model_add_node(model, "relu", "", NULL, 0, &node));
  FAILS_ONE_OF(statuses, chainrule_model_add_node(model, "input", "shape=3", inputs, 1, &node));
  FAILS_ONE_OF(statuses, chainrule_model_add_node(model, "parameter", "shape=3", inputs, 1, &node));
  FAILS_ONE_OF(statuses, chainrule_model_add_node(model, "add", "", inputs, 3, &node));
  FAILS_ONE_OF(statuses, chainrule_model_add_node(model, "add", "", inputs, 1, &node));
  FAILS_ONE_OF(statuses, chainrule_model_add_node(model, "add", "value=1", inputs, 2, &node));
  FAILS_ONE_OF(statuses, chainrule_model_add_node(model, "matmul", "", inputs, 1, &node));
  FAILS_ONE_OF(statuses, chainrule_model_add_node(model, "concat", "dim=1", NULL, 0, &node));
  FAILS_ONE_OF(statuses, chainrule_model_add_node(model, "concat", "dim=1", inputs, SIZE_MAX, &node));
  FAILS_ONE_OF(statuses, chainrule_model_add_node(model, "concat", "dim=1", inputs, SIZE_MAX / 8, &node));
  FAILS_ONE_OF(statuses, chainrule_model_set_outputs(model, inputs, SIZE_MAX));
  FAILS_ONE_OF(statuses, chainrule_model_set_outputs(NULL, inputs, 1));
  FAILS_ONE_OF(statuses, chainrule_model_set_outputs(model, NULL, 1));
  FAILS_ONE_OF(statuses, chainrule_model_set_outputs(model, inputs, 0));
  CHECK_UNTOUCHED(node);
  SUCCEEDS(chainrule_model_add_node(model, "concat", "dim=1", inputs, 3, &node));
  SUCCEEDS(chainrule_model_set_outputs(model, &node, 1));
  chainrule_model_free(model);
}

/* A name stands for one node: a second would have the same parameters in the state dict. */
static void names_taken(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  chainrule_node node;
  test_add(model, "input", "shape=4 name=in");
  test_add(model, "linear", "out_features=4 name=head");
  test_poison(&node, sizeof node);
  FAILS_ONE_OF(BIT(CHAINRULE_ATTRIBUTE) | BIT(CHAINRULE_INVALID_ARGUMENT),
               chainrule_model_add(model, "linear", "out_features=4 name=head", &node));
  FAILS_ONE_OF(BIT(CHAINRULE_ATTRIBUTE) | BIT(CHAINRULE_INVALID_ARGUMENT),
               chainrule_model_add(model, "parameter", "shape=2 name=head", &node));
  CHECK_UNTOUCHED(node);
  SUCCEEDS(chainrule_model_add(model, "linear", "out_features=4 name=other", &node));
  chainrule_model_free(model);
}

static void shapes_that_do_not_broadcast(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  chainrule_node inputs[2] = {0, 1}, batches[2] = {0, 2};
  test_add(model, "input", "shape=4");
  test_add(model, "input", "shape=3");
  FAILS(CHAINRULE_SHAPE, chainrule_model_add_node(model, "add", "", inputs, 2, NULL));
  FAILS(CHAINRULE_SHAPE, chainrule_model_add_node(model, "maximum", "", inputs, 2, NULL));
  FAILS(CHAINRULE_SHAPE, chainrule_model_add_node(model, "matmul", "", inputs, 2, NULL));
  FAILS_ONE_OF(BIT(CHAINRULE_SHAPE) | BIT(CHAINRULE_ATTRIBUTE),
               chainrule_model_add_node(model, "concat", "dim=0", inputs, 2, NULL));
  /* A message about shapes shows both. */
  test_mark();
  CHECK(chainrule_model_add_node(model, "add", "", inputs, 2, NULL) == CHAINRULE_SHAPE);
  CHECK(strchr(chainrule_last_error()->message, '4') && strchr(chainrule_last_error()->message, '3'));
  SUCCEEDS(chainrule_model_add(model, "input", "shape=4", NULL));
  SUCCEEDS(chainrule_model_add_node(model, "add", "", batches, 2, NULL));
  chainrule_model_free(model);
}

/* h = linear(a); out0 = h + a, out1 = concat(h, b); a is used twice, h three times. */
static void several_inputs_and_outputs(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT64, 3);
  chainrule_node a, b, h, pair[2], outputs[2];
  double xa[2][3], xb[2][2], y0[2][3], y1[2][5], shared[12], weight[3][3], bias[3];
  chainrule_array in[2], out[2], array;
  size_t count = 0;
  int row, i, k;
  REQUIRE_OK(chainrule_model_add(model, "input", "shape=3 name=a", &a));
  REQUIRE_OK(chainrule_model_add(model, "input", "shape=2 name=b", &b));
  REQUIRE_OK(chainrule_model_add_node(model, "linear", "out_features=3", &a, 1, &h));
  pair[0] = h, pair[1] = a;
  REQUIRE_OK(chainrule_model_add_node(model, "add", "", pair, 2, &outputs[0]));
  pair[1] = b;
  REQUIRE_OK(chainrule_model_add_node(model, "concat", "dim=1", pair, 2, &outputs[1]));
  REQUIRE_OK(chainrule_model_set_outputs(model, outputs, 2));
  SUCCEEDS(chainrule_model_input_count(model, &count));
  CHECK_EQUAL(count, 2);
  SUCCEEDS(chainrule_model_output_count(model, &count));
  CHECK_EQUAL(count, 2);
  array = chainrule_matrix_float64(&weight[0][0], 3, 3);
  REQUIRE_OK(chainrule_model_get_parameter(model, "0.weight", &array));
  array = chainrule_vector_float64(bias, 3);
  REQUIRE_OK(chainrule_model_get_parameter(model, "0.bias", &array));
  test_fill_float64(&xa[0][0], 6, 1);
  test_fill_float64(&xb[0][0], 4, 2);
  in[0] = chainrule_matrix_float64(&xa[0][0], 2, 3), in[1] = chainrule_matrix_float64(&xb[0][0], 2, 2);
  out[0] = chainrule_matrix_float64(&y0[0][0], 2, 3), out[1] = chainrule_matrix_float64(&y1[0][0], 2, 5);
  REQUIRE_OK(chainrule_model_predict(model, in, out));
  for (row = 0; row < 2; row++)
    for (i = 0; i < 3; i++) {
      double sum = bias[i];
      for (k = 0; k < 3; k++) sum += xa[row][k] * weight[i][k];
      CHECK_NEAR(y0[row][i], sum + xa[row][i], 1e-12);
      CHECK_NEAR(y1[row][i], sum, 1e-12);
      if (i < 2) CHECK_NEAR(y1[row][3 + i], xb[row][i], 0);
    }
  /* Batches that differ between the inputs; outputs that overlap each other. */
  in[1].shape[0] = 1;
  FAILS(CHAINRULE_SHAPE, chainrule_model_predict(model, in, out));
  in[1].shape[0] = 2;
  out[0].data = shared, out[1].data = shared + 2;
  FAILS_ONE_OF(BIT(CHAINRULE_INVALID_ARGUMENT) | BIT(CHAINRULE_SHAPE), chainrule_model_predict(model, in, out));
  out[0].data = &y0[0][0], out[1].data = &y1[0][0];
  SUCCEEDS(chainrule_model_predict(model, in, out));
  chainrule_model_free(model);
}

/* f(p) = (1 - p0)^2 + 100 (p1 - p0^2)^2 : no inputs, one number out, and its gradient. */
static void formula(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT64, 0);
  chainrule_context *context = NULL;
  chainrule_node p, p0, p1, one, left, square, difference, right, pair[2];
  double value = 0, gradient[2], x = -1.2, y = 1;
  chainrule_array out = chainrule_view(&value, CHAINRULE_FLOAT64, 0, 0, 0, 0, 0);
  chainrule_array array = chainrule_vector_float64(gradient, 2);
  REQUIRE_OK(chainrule_model_add(model, "parameter", "shape=2 value=-1.2,1 name=p", &p));
  REQUIRE_OK(chainrule_model_add_node(model, "slice", "dim=0 start=0 end=1", &p, 1, &p0));
  REQUIRE_OK(chainrule_model_add_node(model, "slice", "dim=0 start=1 end=2", &p, 1, &p1));
  REQUIRE_OK(chainrule_model_add_node(model, "sub", "value=1", &p0, 1, &one));
  REQUIRE_OK(chainrule_model_add_node(model, "pow", "value=2", &one, 1, &left));
  REQUIRE_OK(chainrule_model_add_node(model, "pow", "value=2", &p0, 1, &square));
  pair[0] = p1, pair[1] = square;
  REQUIRE_OK(chainrule_model_add_node(model, "sub", "", pair, 2, &difference));
  REQUIRE_OK(chainrule_model_add_node(model, "pow", "value=2", &difference, 1, &right));
  REQUIRE_OK(chainrule_model_add_node(model, "mul", "value=100", &right, 1, &right));
  pair[0] = left, pair[1] = right;
  REQUIRE_OK(chainrule_model_add_node(model, "add", "", pair, 2, NULL));
  REQUIRE_OK(chainrule_model_add(model, "sum", "", NULL));
  REQUIRE_OK(chainrule_model_predict(model, NULL, &out));
  CHECK_NEAR(value, (1 - x) * (1 - x) + 100 * (y - x * x) * (y - x * x), 1e-12);
  REQUIRE_OK(chainrule_context_create(model, &context));
  REQUIRE_OK(chainrule_context_forward(context, NULL, 1));
  REQUIRE_OK(chainrule_context_backward(context, NULL));
  REQUIRE_OK(chainrule_context_gradient(context, "p", &array));
  CHECK_NEAR(gradient[0], -2 * (1 - x) - 400 * x * (y - x * x), 1e-10);
  CHECK_NEAR(gradient[1], 200 * (y - x * x), 1e-10);
  chainrule_context_free(context);
  chainrule_model_free(model);
}

static void whole_inputs(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  float x[6] = {1, 2, 3, 4, 5, 6}, total = 0;
  chainrule_array in = chainrule_matrix(x, 2, 3), out = chainrule_view(&total, CHAINRULE_FLOAT32, 0, 0, 0, 0, 0);
  test_add(model, "input", "shape=2,3 batched=false");
  test_add(model, "sum", "");
  REQUIRE_OK(chainrule_model_predict(model, &in, &out));
  CHECK_NEAR(total, 21, 0);
  in.shape[0] = 1; /* whole means this shape and no other */
  FAILS(CHAINRULE_SHAPE, chainrule_model_predict(model, &in, &out));
  chainrule_model_free(model);
}

/* A model that others use may no longer grow; when they are gone, it may stay closed or open again. */
static void adding_to_a_model_in_use(void) {
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 0, 4, 8, 2, "relu");
  chainrule_trainer *trainer = NULL;
  chainrule_node node, output = 3;
  float x[4] = {1, 2, 3, 4}, y[2];
  chainrule_array in = chainrule_matrix(x, 1, 4), out = chainrule_matrix(y, 1, 2);
  REQUIRE_OK(chainrule_trainer_create(model, "mse", "sgd", &trainer));
  test_poison(&node, sizeof node);
  FAILS(CHAINRULE_STATE, chainrule_model_add(model, "relu", "", &node));
  FAILS(CHAINRULE_STATE, chainrule_model_add_node(model, "relu", "", &output, 1, &node));
  FAILS(CHAINRULE_STATE, chainrule_model_set_outputs(model, &output, 1));
  CHECK_UNTOUCHED(node);
  SUCCEEDS(chainrule_model_predict(model, &in, &out));
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

/* Growing on after a prediction: the prediction follows the new last node. */
static void growing_after_predicting(void) {
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 0, 4, 8, 2, "relu");
  float x[4] = {1, -2, 3, -4}, y[2], z[2];
  chainrule_array in = chainrule_matrix(x, 1, 4), out = chainrule_matrix(y, 1, 2);
  chainrule_status status;
  REQUIRE_OK(chainrule_model_predict(model, &in, &out));
  status = chainrule_model_add(model, "neg", "", NULL);
  if (status == CHAINRULE_OK) {
    out.data = z;
    REQUIRE_OK(chainrule_model_predict(model, &in, &out));
    CHECK(z[0] == -y[0] && z[1] == -y[1]);
  } else {
    CHECK_EQUAL(status, CHAINRULE_STATE);
  }
  chainrule_model_free(model);
}

int main(void) {
  TEST_MAIN("graph");
  RUN(ids_refused);
  RUN(input_counts_refused);
  RUN(names_taken);
  RUN(shapes_that_do_not_broadcast);
  RUN(several_inputs_and_outputs);
  RUN(formula);
  RUN(whole_inputs);
  RUN(adding_to_a_model_in_use);
  RUN(growing_after_predicting);
  return test_finish();
}
