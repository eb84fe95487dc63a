/*
 * The same numbers as PyTorch: every layer, loss and optimizer, forward and backward, in both precisions.
 * Usage: oracle FOLDER, where FOLDER is Tests/Oracle/values.
 */
#include "oracle.h"

static OracleCase current;

static chainrule_model *build(chainrule_dtype dtype) {
  chainrule_model *model = test_model(dtype, 0);
  int i;
  for (i = 0; i < current.node_count; i++) {
    chainrule_node sources[ORACLE_MOST];
    size_t count = 0;
    char *cursor = current.nodes[i][1];
    if (*cursor != '-')
      do sources[count++] = (chainrule_node)strtol(cursor, &cursor, 10);
      while (*cursor++ == ',');
    if (!SUCCEEDS(chainrule_model_add_node(model, current.nodes[i][0], current.nodes[i][2], count ? sources : NULL,
                                           count, NULL)))
      printf("#   node %d: %s \"%s\"\n", i, current.nodes[i][0], current.nodes[i][2]);
  }
  if (current.output_count)
    SUCCEEDS(chainrule_model_set_outputs(model, current.outputs, (size_t)current.output_count));
  for (i = 0; i < current.parameter_count; i++) {
    chainrule_array array = oracle_array(&current.parameters[i], dtype);
    SUCCEEDS(chainrule_model_set_parameter(model, current.parameters[i].name, &array));
    free(array.data);
  }
  return model;
}

static void layer_in(chainrule_dtype dtype) {
  chainrule_model *model = build(dtype);
  chainrule_context *context = NULL;
  chainrule_array inputs[ORACLE_MOST], seeds[ORACLE_MOST];
  int i;
  if (test_case_failures) return;
  REQUIRE_OK(chainrule_context_create(model, &context));
  for (i = 0; i < current.input_count; i++) inputs[i] = oracle_array(&current.inputs[i], dtype);
  for (i = 0; i < current.seed_count; i++) seeds[i] = oracle_array(&current.seeds[i], dtype);
  REQUIRE_OK(chainrule_context_forward(context, current.input_count ? inputs : NULL, 1));
  REQUIRE_OK(chainrule_context_backward(context, seeds));
  for (i = 0; i < current.expected_count; i++) {
    const OracleTensor *expected = &current.expected[i];
    chainrule_array got = oracle_array(expected, dtype);
    const char *kind = current.expected_kind[i];
    test_poison(got.data, expected->count * (dtype == CHAINRULE_FLOAT64 ? 8 : 4));
    if (strcmp(kind, "output") == 0) SUCCEEDS(chainrule_context_output(context, (size_t)atoi(expected->name), &got));
    if (strcmp(kind, "input") == 0)
      SUCCEEDS(chainrule_context_input_gradient(context, (size_t)atoi(expected->name), &got));
    if (strcmp(kind, "parameter") == 0) SUCCEEDS(chainrule_context_gradient(context, expected->name, &got));
    oracle_compare(expected, &got, strcmp(kind, "output") == 0 ? "output" : "gradient in");
    if (strcmp(kind, "output") == 0 && current.seed_count == 1) { /* predicting gives the same, but for dropout */
      SUCCEEDS(chainrule_model_predict(model, current.input_count ? inputs : NULL, &got));
      oracle_compare(expected, &got, "prediction");
    }
    free(got.data);
  }
  for (i = 0; i < current.input_count; i++) free(inputs[i].data);
  for (i = 0; i < current.seed_count; i++) free(seeds[i].data);
  chainrule_context_free(context);
  chainrule_model_free(model);
}

static chainrule_array target_array(chainrule_dtype dtype) {
  chainrule_dtype kind = strcmp(current.target_kind, "int32") == 0   ? CHAINRULE_INT32
                         : strcmp(current.target_kind, "int64") == 0 ? CHAINRULE_INT64
                                                                     : dtype;
  return oracle_array(&current.target, kind);
}

static void loss_in(chainrule_dtype dtype) {
  chainrule_loss *loss = NULL;
  chainrule_array prediction = oracle_array(&current.prediction, dtype), target = target_array(dtype);
  chainrule_array gradient = oracle_array(&current.prediction, dtype), weight, single;
  double value = NAN, alone = NAN;
  int i;
  if (current.has_weight) weight = oracle_array(&current.weight, dtype);
  REQUIRE_OK(chainrule_loss_create(current.loss, &loss));
  REQUIRE_OK(chainrule_loss_evaluate(loss, &prediction, &target, current.has_weight ? &weight : NULL, &value, &gradient));
  REQUIRE_OK(chainrule_loss_evaluate(loss, &prediction, &target, current.has_weight ? &weight : NULL, &alone, NULL));
  CHECK(value == alone);
  for (i = 0; i < current.expected_count; i++) {
    if (strcmp(current.expected_kind[i], "value") != 0) {
      oracle_compare(&current.expected[i], &gradient, "gradient");
      continue;
    }
    single = oracle_array(&current.expected[i], dtype);
    if (dtype == CHAINRULE_FLOAT64) *(double *)single.data = value;
    else *(float *)single.data = (float)value;
    oracle_compare(&current.expected[i], &single, "loss");
    free(single.data);
  }
  chainrule_loss_free(loss);
  free(prediction.data);
  free(target.data);
  free(gradient.data);
  if (current.has_weight) free(weight.data);
}

static void check_parameters(const chainrule_model *model, chainrule_dtype dtype, const char *how) {
  int i;
  for (i = 0; i < current.expected_count; i++) {
    chainrule_array got = oracle_array(&current.expected[i], dtype);
    SUCCEEDS(chainrule_model_get_parameter(model, current.expected[i].name, &got));
    oracle_compare(&current.expected[i], &got, how);
    free(got.data);
  }
}

/* Ten steps: once with every call spelled out, once by the trainer. */
static void optimizer_in(chainrule_dtype dtype) {
  chainrule_model *model = build(dtype), *twin = build(dtype);
  chainrule_context *context = NULL;
  chainrule_loss *loss = NULL;
  chainrule_optimizer *optimizer = NULL;
  chainrule_trainer *trainer = NULL;
  chainrule_array input = oracle_array(&current.inputs[0], dtype), target = target_array(dtype);
  chainrule_array prediction = oracle_array(&current.target, dtype), gradient = oracle_array(&current.target, dtype);
  double value, by_trainer;
  int i;
  if (test_case_failures) return;
  REQUIRE_OK(chainrule_context_create(model, &context));
  REQUIRE_OK(chainrule_loss_create(current.loss, &loss));
  REQUIRE_OK(chainrule_optimizer_create(current.optimizer, &optimizer));
  REQUIRE_OK(chainrule_trainer_create(twin, current.loss, current.optimizer, &trainer));
  for (i = 0; i < current.steps; i++) {
    REQUIRE_OK(chainrule_context_forward(context, &input, 1));
    REQUIRE_OK(chainrule_context_output(context, 0, &prediction));
    REQUIRE_OK(chainrule_loss_evaluate(loss, &prediction, &target, NULL, &value, &gradient));
    REQUIRE_OK(chainrule_context_zero_gradients(context));
    REQUIRE_OK(chainrule_context_backward(context, &gradient));
    REQUIRE_OK(chainrule_optimizer_step(optimizer, context));
    REQUIRE_OK(chainrule_trainer_step(trainer, &input, &target, NULL, &by_trainer));
    CHECK_NEAR(by_trainer, value, dtype == CHAINRULE_FLOAT64 ? 1e-12 : 1e-5);
  }
  check_parameters(model, dtype, "by hand");
  check_parameters(twin, dtype, "by the trainer");
  chainrule_trainer_free(trainer);
  chainrule_optimizer_free(optimizer);
  chainrule_loss_free(loss);
  chainrule_context_free(context);
  chainrule_model_free(model);
  chainrule_model_free(twin);
  free(input.data);
  free(target.data);
  free(prediction.data);
  free(gradient.data);
}

static void run_current(void) {
  void (*body)(chainrule_dtype) = current.optimizer[0] ? optimizer_in : current.loss[0] ? loss_in : layer_in;
  body(CHAINRULE_FLOAT64);
  body(CHAINRULE_FLOAT32);
}

int main(int argc, char **argv) {
  static const char *const files[3] = {"layers", "losses", "optimizers"};
  int i;
  TEST_MAIN("oracle");
  for (i = 0; i < 3; i++) {
    char path[600];
    FILE *file;
    snprintf(path, sizeof path, "%s/%s.txt", argc > 1 ? argv[1] : "Tests/Oracle/values", files[i]);
    file = fopen(path, "r");
    if (file == NULL) {
      printf("not ok oracle %s - cannot open %s\n", files[i], path);
      return 2;
    }
    while (oracle_read(file, &current)) {
      test_run(current.name, run_current);
      oracle_free(&current);
    }
    fclose(file);
  }
  return test_finish();
}
