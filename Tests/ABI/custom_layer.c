/*
 * Layers of one's own: functions of this program as layers, in training, in files, with every argument bad in
 * turn; and the check of gradients, which finds a wrong derivative.
 */
#include "custom.h"

static int calls, refuses_forward, refuses_backward;

static double factor_of(const char *attributes) { return number_of(attributes, "factor"); }

/* factor * x * x + y */
static int32_t square_forward(void *user, const char *attributes, const chainrule_array *inputs, size_t input_count,
                              const chainrule_array *output, int32_t training) {
  int64_t i, count = count_of(output);
  (void)training;
  CHECK(user == &calls);
  CHECK(input_count == 2);
  calls++;
  for (i = 0; i < count; i++) put(output, i, factor_of(attributes) * get(&inputs[0], i) * get(&inputs[0], i) + get(&inputs[1], i));
  return refuses_forward;
}

static double wrong_by = 1;
static int32_t square_backward(void *user, const char *attributes, const chainrule_array *inputs, size_t input_count,
                               const chainrule_array *output, const chainrule_array *output_gradient,
                               const chainrule_array *input_gradients) {
  int64_t i, count = count_of(output);
  CHECK(user == &calls);
  CHECK(input_count == 2);
  for (i = 0; i < count; i++) {
    if (input_gradients[0].data)
      put(&input_gradients[0], i, wrong_by * 2 * factor_of(attributes) * get(&inputs[0], i) * get(output_gradient, i));
    if (input_gradients[1].data) put(&input_gradients[1], i, get(output_gradient, i));
  }
  return refuses_backward;
}

/* Needs two inputs of one shape, and gives that. */
static int32_t square_shape(void *user, const char *attributes, const chainrule_array *inputs, size_t input_count,
                            chainrule_array *output) {
  int i;
  (void)user, (void)attributes;
  if (input_count != 2 || inputs[0].rank != inputs[1].rank) return 1;
  for (i = 0; i < inputs[0].rank; i++)
    if (inputs[0].shape[i] != inputs[1].shape[i]) return 1;
  *output = inputs[0];
  return 0;
}

static chainrule_layer_definition square(void) {
  chainrule_layer_definition definition;
  memset(&definition, 0, sizeof definition);
  definition.struct_size = sizeof definition;
  definition.attributes = "factor=2";
  definition.documentation = "a test's own layer";
  definition.least_inputs = definition.most_inputs = 2;
  definition.user = &calls;
  definition.output_shape = square_shape;
  definition.forward = square_forward;
  definition.backward = square_backward;
  return definition;
}

static chainrule_model *build(chainrule_dtype dtype) {
  chainrule_model *model = test_model(dtype, 4);
  chainrule_node nodes[3];
  test_add(model, "input", "shape=3");
  SUCCEEDS(chainrule_model_add(model, "linear", "out_features=3", &nodes[0]));
  SUCCEEDS(chainrule_model_add(model, "tanh", "", &nodes[1]));
  SUCCEEDS(chainrule_model_add_node(model, "test_square", "factor=0.5", nodes, 2, &nodes[2]));
  SUCCEEDS(chainrule_model_add(model, "linear", "out_features=1", NULL));
  return model;
}

static void registers(void) {
  chainrule_layer_definition definition;
  REFUSES_REGISTRATIONS(chainrule_register_layer, definition, square, "linear", "name=mine");
  REQUIRE_OK(chainrule_register_layer("test_square", &definition));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_register_layer("test_square", &definition));
  test_in_catalog(CHAINRULE_LAYERS, "test_square", "factor", "2");
  definition = square();
  definition.forward = NULL;
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_register_layer("test_other", &definition));
  definition = square();
  definition.most_inputs = 5;
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_register_layer("test_other", &definition));
  definition = square();
  definition.least_inputs = 3;
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_register_layer("test_other", &definition));
}

static void refuses_what_does_not_fit(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  chainrule_node nodes[2];
  REQUIRE_OK(chainrule_model_add(model, "input", "shape=3", &nodes[0]));
  REQUIRE_OK(chainrule_model_add(model, "linear", "out_features=2", &nodes[1]));
  FAILS(CHAINRULE_SHAPE, chainrule_model_add_node(model, "test_square", "", nodes, 2, NULL));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_add_node(model, "test_square", "", nodes, 1, NULL));
  FAILS(CHAINRULE_ATTRIBUTE, chainrule_model_add_node(model, "test_square", "colour=red", nodes, 2, NULL));
  nodes[1] = nodes[0];
  REQUIRE_OK(chainrule_model_add_node(model, "test_square", "name=mine", nodes, 2, NULL));
  chainrule_model_free(model);
}

static void trains(void) {
  chainrule_model *model = build(CHAINRULE_FLOAT32), *again = NULL;
  chainrule_trainer *trainer = NULL;
  float x[24], y[8], first[8], second[8];
  chainrule_array in = chainrule_matrix(x, 8, 3), target = chainrule_matrix(y, 8, 1), out = chainrule_matrix(first, 8, 1);
  double start = 0, loss = 0;
  int i;
  if (test_case_failures) return;
  test_fill(x, 24, 1);
  for (i = 0; i < 8; i++) y[i] = x[3 * i] * x[3 * i] - x[3 * i + 1];
  REQUIRE_OK(chainrule_trainer_create(model, "mse", "adam lr=0.02", &trainer));
  for (i = 0; i < 300; i++) REQUIRE_OK(chainrule_trainer_step(trainer, &in, &target, NULL, i ? &loss : &start));
  CHECK(loss < start / 10);
  refuses_forward = 1;
  FAILS(CHAINRULE_CALLBACK, chainrule_trainer_step(trainer, &in, &target, NULL, &loss));
  FAILS(CHAINRULE_CALLBACK, chainrule_model_predict(model, &in, &out));
  refuses_forward = 0;
  refuses_backward = 1;
  FAILS(CHAINRULE_CALLBACK, chainrule_trainer_step(trainer, &in, &target, NULL, &loss));
  refuses_backward = 0;
  REQUIRE_OK(chainrule_trainer_step(trainer, &in, &target, NULL, &loss));
  REQUIRE_OK(chainrule_model_predict(model, &in, &out));
  REQUIRE(test_make_folder());
  REQUIRE_OK(chainrule_model_save(model, test_path("custom.safetensors")));
  REQUIRE_OK(chainrule_model_load(test_path("custom.safetensors"), &again));
  out.data = second;
  REQUIRE_OK(chainrule_model_predict(again, &in, &out));
  CHECK(memcmp(first, second, sizeof first) == 0);
  test_remove_folder();
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  chainrule_model_free(again);
}

static void gradients_are_checked(void) {
  chainrule_model *model = build(CHAINRULE_FLOAT64), *narrow = build(CHAINRULE_FLOAT32);
  double x[12], worst = -1;
  float small[12];
  chainrule_array in = chainrule_matrix_float64(x, 4, 3), single = chainrule_matrix(small, 4, 3);
  if (test_case_failures) return;
  test_fill_float64(x, 12, 3);
  test_fill(small, 12, 3);
  REQUIRE_OK(chainrule_check_gradients(model, &in, 0, &worst));
  CHECK(worst >= 0 && worst < 1e-7);
  wrong_by = 1.01;
  FAILS(CHAINRULE_VALUE, chainrule_check_gradients(model, &in, 0, &worst));
  REQUIRE_OK(chainrule_check_gradients(model, &in, 0.1, NULL));
  wrong_by = 1;
  FAILS(CHAINRULE_DTYPE, chainrule_check_gradients(narrow, &single, 0, NULL));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_check_gradients(model, &in, -1, NULL));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_check_gradients(model, NULL, 0, NULL));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_check_gradients(NULL, &in, 0, NULL));
  in.shape[1] = 2;
  FAILS(CHAINRULE_SHAPE, chainrule_check_gradients(model, &in, 0, NULL));
  refuses_backward = 1;
  in.shape[1] = 3;
  FAILS(CHAINRULE_CALLBACK, chainrule_check_gradients(model, &in, 0, NULL));
  refuses_backward = 0;
  REQUIRE_OK(chainrule_check_gradients(model, &in, 0, NULL));
  chainrule_model_free(model);
  chainrule_model_free(narrow);
}

int main(void) {
  TEST_MAIN("custom_layer");
  RUN(registers);
  RUN(refuses_what_does_not_fit);
  RUN(trains);
  RUN(gradients_are_checked);
  return test_finish();
}
