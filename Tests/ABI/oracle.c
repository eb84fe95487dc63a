/*
 * The same numbers as PyTorch: every layer, loss and optimizer, forward and backward, in both precisions.
 * Usage: oracle FOLDER, where FOLDER is Tests/Oracle/values.
 */
#define _DEFAULT_SOURCE
#include <dirent.h>

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
  for (i = 0; i < current.parameter_count + current.buffer_count; i++) {
    const OracleTensor *tensor = i < current.parameter_count ? &current.parameters[i] : &current.buffers[i - current.parameter_count];
    chainrule_array array = oracle_array(tensor, dtype);
    SUCCEEDS(chainrule_model_set_parameter(model, tensor->name, &array));
    free(array.data);
  }
  return model;
}

static chainrule_dtype integers_beside(chainrule_dtype dtype) { return dtype == CHAINRULE_FLOAT64 ? CHAINRULE_INT64 : CHAINRULE_INT32; }

/* An array for an output, whole numbers if that is what the model gives. */
static chainrule_array output_array(const chainrule_model *model, const OracleTensor *tensor, size_t index) {
  chainrule_tensor_info info;
  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  SUCCEEDS(chainrule_model_output_info(model, index, &info));
  return oracle_array(tensor, info.dtype);
}

static size_t bytes_of(const chainrule_array *array, size_t count) {
  return count * (array->dtype == CHAINRULE_FLOAT64 || array->dtype == CHAINRULE_INT64 ? 8 : 4);
}

/* Predicts all outputs and compares them with what is expected of this kind. */
static void compare_prediction(const chainrule_model *model, const chainrule_array *inputs, const char *kind) {
  chainrule_array outputs[ORACLE_MOST];
  const OracleTensor *expected[ORACLE_MOST];
  int count = 0, i;
  for (i = 0; i < current.expected_count; i++)
    if (strcmp(current.expected_kind[i], kind) == 0) expected[count++] = &current.expected[i];
  for (i = 0; i < count; i++) {
    outputs[i] = output_array(model, expected[i], (size_t)i);
    test_poison(outputs[i].data, bytes_of(&outputs[i], expected[i]->count));
  }
  if (SUCCEEDS(chainrule_model_predict(model, current.input_count ? inputs : NULL, outputs)))
    for (i = 0; i < count; i++) oracle_compare(expected[i], &outputs[i], "prediction");
  for (i = 0; i < count; i++) free(outputs[i].data);
}

/* The sum of all outputs, each times its seed, after a forward pass as in training. */
static double objective(chainrule_context *context, const chainrule_array *inputs) {
  double total = 0;
  int i, output = 0;
  size_t k;
  if (!SUCCEEDS(chainrule_context_forward(context, current.input_count ? inputs : NULL, 1))) return NAN;
  for (i = 0; i < current.expected_count; i++) {
    chainrule_array got;
    if (strcmp(current.expected_kind[i], "output") != 0) continue;
    got = oracle_array(&current.expected[i], CHAINRULE_FLOAT64);
    if (output < current.seed_count && chainrule_context_output(context, (size_t)output, &got) == CHAINRULE_OK)
      for (k = 0; k < current.expected[i].count; k++) total += ((double *)got.data)[k] * current.seeds[output].values[k];
    output++;
    free(got.data);
  }
  return total;
}

/* The slope along a random direction by central differences, against the gradient that came out. */
static void compare_slope(chainrule_model *model, chainrule_context *context, const chainrule_array *inputs,
                          const OracleTensor *point, chainrule_array *array, const chainrule_array *gradient, const char *name) {
  uint64_t state = 5;
  double step = 1e-6, slope = 0, size = 0, numeric, values[2];
  size_t k;
  int side;
  double *direction = (double *)malloc((point->count + 1) * sizeof(double));
  for (k = 0; k < point->count; k++) {
    direction[k] = test_random(&state, -1.0f, 1.0f);
    slope += ((double *)gradient->data)[k] * direction[k];
    size += fabs(((double *)gradient->data)[k] * direction[k]);
  }
  for (side = 0; side < 2; side++) {
    for (k = 0; k < point->count; k++) ((double *)array->data)[k] = point->values[k] + (side ? -step : step) * direction[k];
    if (name) SUCCEEDS(chainrule_model_set_parameter(model, name, array));
    values[side] = objective(context, inputs);
  }
  memcpy(array->data, point->values, point->count * sizeof(double));
  if (name) SUCCEEDS(chainrule_model_set_parameter(model, name, array));
  numeric = (values[0] - values[1]) / (2 * step);
  if (!(fabs(numeric - slope) <= 1e-6 * (size + fabs(values[0])) + 1e-7))
    test_fail(__FILE__, __LINE__, "the slope in %s is %.12g, differences say %.12g", name ? name : "an input", slope, numeric);
  free(direction);
}

static void compare_slopes(chainrule_model *model, chainrule_context *context, chainrule_array *inputs) {
  int i, input;
  for (i = 0; i < current.expected_count; i++) {
    const OracleTensor *expected = &current.expected[i], *point = NULL;
    const char *kind = current.expected_kind[i];
    chainrule_array gradient, values;
    if (strcmp(kind, "input") != 0 && strcmp(kind, "parameter") != 0) continue;
    gradient = oracle_array(expected, CHAINRULE_FLOAT64);
    if (strcmp(kind, "input") == 0) {
      input = atoi(expected->name);
      compare_slope(model, context, inputs, &current.inputs[input], &inputs[input], &gradient, NULL);
    } else {
      for (input = 0; input < current.parameter_count; input++)
        if (strcmp(current.parameters[input].name, expected->name) == 0) point = &current.parameters[input];
      if (point != NULL) {
        values = oracle_array(point, CHAINRULE_FLOAT64);
        compare_slope(model, context, inputs, point, &values, &gradient, expected->name);
        free(values.data);
      }
    }
    free(gradient.data);
  }
}

static void layer_in(chainrule_dtype dtype) {
  chainrule_model *model = build(dtype);
  chainrule_context *context = NULL;
  chainrule_array inputs[ORACLE_MOST], seeds[ORACLE_MOST];
  uint64_t hash = 14695981039346656037ull;
  int i, evaluates = 0;
  if (test_case_failures) return;
  REQUIRE_OK(chainrule_context_create(model, &context));
  for (i = 0; i < current.input_count; i++)
    inputs[i] = oracle_array(&current.inputs[i], current.inputs[i].whole ? integers_beside(dtype) : dtype);
  for (i = 0; i < current.seed_count; i++) seeds[i] = oracle_array(&current.seeds[i], dtype);
  for (i = 0; i < current.expected_count; i++) evaluates |= strcmp(current.expected_kind[i], "evaluation") == 0;
  if (!current.training_only) compare_prediction(model, inputs, evaluates ? "evaluation" : "output");
  REQUIRE_OK(chainrule_context_forward(context, current.input_count ? inputs : NULL, 1));
  /* The caller's arrays may be gone by the backward pass. */
  for (i = 0; i < current.input_count; i++) test_poison(inputs[i].data, bytes_of(&inputs[i], current.inputs[i].count));
  REQUIRE_OK(chainrule_context_backward(context, seeds));
  for (i = 0; i < current.input_count; i++) {
    free(inputs[i].data);
    inputs[i] = oracle_array(&current.inputs[i], current.inputs[i].whole ? integers_beside(dtype) : dtype);
  }
  for (i = 0; i < current.expected_count; i++) {
    const OracleTensor *expected = &current.expected[i];
    const char *kind = current.expected_kind[i];
    chainrule_array got;
    if (strcmp(kind, "evaluation") == 0) continue;
    got = strcmp(kind, "output") == 0 ? output_array(model, expected, (size_t)atoi(expected->name)) : oracle_array(expected, dtype);
    test_poison(got.data, bytes_of(&got, expected->count));
    if (strcmp(kind, "output") == 0) SUCCEEDS(chainrule_context_output(context, (size_t)atoi(expected->name), &got));
    if (strcmp(kind, "input") == 0)
      SUCCEEDS(chainrule_context_input_gradient(context, (size_t)atoi(expected->name), &got));
    if (strcmp(kind, "parameter") == 0) SUCCEEDS(chainrule_context_gradient(context, expected->name, &got));
    if (strcmp(kind, "state") == 0) SUCCEEDS(chainrule_model_get_parameter(model, expected->name, &got));
    oracle_compare(expected, &got, strcmp(kind, "output") == 0 ? "output" : strcmp(kind, "state") == 0 ? "state" : "gradient in");
    hash = test_hash(hash, got.data, bytes_of(&got, expected->count));
    free(got.data);
  }
  if (test_case_failures == 0) printf("bits %s-%s %016llx\n", current.name, dtype == CHAINRULE_FLOAT64 ? "float64" : "float32", (unsigned long long)hash);
  if (dtype == CHAINRULE_FLOAT64 && !current.kinks && test_case_failures == 0) compare_slopes(model, context, inputs);
  for (i = 0; i < current.input_count; i++) free(inputs[i].data);
  for (i = 0; i < current.seed_count; i++) free(seeds[i].data);
  chainrule_context_free(context);
  chainrule_model_free(model);
}

static chainrule_array target_array(int index, chainrule_dtype dtype) {
  const char *name = current.target_kinds[index];
  chainrule_dtype kind = strcmp(name, "int32") == 0 ? CHAINRULE_INT32 : strcmp(name, "int64") == 0 ? CHAINRULE_INT64 : dtype;
  return oracle_array(&current.targets[index], kind);
}

/* The slope of a loss along a random direction in one prediction, by central differences. */
static void compare_loss_slope(const chainrule_loss *loss, const chainrule_array *predictions, int moved,
                               const chainrule_array *targets, const chainrule_array *weight, const chainrule_array *gradient) {
  uint64_t state = 9;
  double step = 1e-6, slope = 0, size = 0, numeric, values[2] = {0, 0};
  size_t k, count = current.predictions[moved].count;
  int side;
  double *direction = (double *)malloc((count + 1) * sizeof(double)), *place = (double *)predictions[moved].data;
  for (k = 0; k < count; k++) {
    direction[k] = test_random(&state, -1.0f, 1.0f);
    slope += ((double *)gradient->data)[k] * direction[k];
    size += fabs(((double *)gradient->data)[k] * direction[k]);
  }
  for (side = 0; side < 2; side++) {
    for (k = 0; k < count; k++) place[k] = current.predictions[moved].values[k] + (side ? -step : step) * direction[k];
    SUCCEEDS(chainrule_loss_evaluate(loss, predictions, targets, weight, &values[side], NULL));
  }
  memcpy(place, current.predictions[moved].values, count * sizeof(double));
  numeric = (values[0] - values[1]) / (2 * step);
  if (!(fabs(numeric - slope) <= 1e-6 * (size + fabs(values[0])) + 1e-8))
    test_fail(__FILE__, __LINE__, "the slope of the loss in prediction %d is %.12g, differences say %.12g", moved, slope, numeric);
  free(direction);
}

/* Each loss by itself, where PyTorch's are known, and gradients of their sum, which are those of reduction=sum. */
static void unreduced(const chainrule_loss *loss, const chainrule_array *predictions, const chainrule_array *targets,
                      const chainrule_array *weight, const chainrule_array *summed, const OracleTensor *expected) {
  chainrule_dtype dtype = predictions[0].dtype;
  chainrule_array values = oracle_array(expected, dtype), shape, gradients[ORACLE_FEW];
  int i;
  memset(&shape, 0, sizeof shape);
  SUCCEEDS(chainrule_loss_values(loss, predictions, targets, weight, &shape, NULL));
  CHECK_EQUAL(shape.rank, values.rank);
  for (i = 0; i < values.rank; i++) CHECK_EQUAL(shape.shape[i], values.shape[i]);
  for (i = 0; i < current.prediction_count; i++) gradients[i] = oracle_array(&current.predictions[i], dtype);
  test_poison(values.data, bytes_of(&values, expected->count));
  SUCCEEDS(chainrule_loss_values(loss, predictions, targets, weight, &values, gradients));
  oracle_compare(expected, &values, "losses");
  for (i = 0; i < current.prediction_count; i++) {
    size_t bytes = bytes_of(&gradients[i], current.predictions[i].count);
    CHECK(memcmp(gradients[i].data, summed[i].data, bytes) == 0);
    free(gradients[i].data);
  }
  free(values.data);
}

static void loss_in(chainrule_dtype dtype) {
  chainrule_loss *loss = NULL;
  chainrule_array predictions[ORACLE_FEW], targets[ORACLE_FEW], gradients[ORACLE_FEW], weight, single;
  const chainrule_array *weights = current.has_weight ? &weight : NULL;
  uint64_t hash = 14695981039346656037ull;
  double value = NAN, alone = NAN;
  int i;
  REQUIRE_OK(chainrule_loss_create(current.loss, &loss));
  for (i = 0; i < current.prediction_count; i++) {
    predictions[i] = oracle_array(&current.predictions[i], dtype);
    gradients[i] = oracle_array(&current.predictions[i], dtype);
    test_poison(gradients[i].data, bytes_of(&gradients[i], current.predictions[i].count));
  }
  for (i = 0; i < current.target_count; i++) targets[i] = target_array(i, dtype);
  if (weights) weight = oracle_array(&current.weight, dtype);
  SUCCEEDS(chainrule_loss_evaluate(loss, predictions, current.target_count ? targets : NULL, weights, &value, gradients));
  SUCCEEDS(chainrule_loss_evaluate(loss, predictions, current.target_count ? targets : NULL, weights, &alone, NULL));
  CHECK(value == alone);
  for (i = 0; i < current.expected_count; i++) {
    const OracleTensor *expected = &current.expected[i];
    if (strcmp(current.expected_kind[i], "losses") == 0) {
      unreduced(loss, predictions, current.target_count ? targets : NULL, weights, gradients, expected);
      continue;
    }
    if (strcmp(current.expected_kind[i], "value") != 0) {
      int index = atoi(expected->name);
      oracle_compare(expected, &gradients[index], "gradient");
      hash = test_hash(hash, gradients[index].data, bytes_of(&gradients[index], expected->count));
      if (dtype == CHAINRULE_FLOAT64 && !current.kinks && test_case_failures == 0)
        compare_loss_slope(loss, predictions, index, current.target_count ? targets : NULL, weights, &gradients[index]);
      continue;
    }
    single = oracle_array(expected, dtype);
    if (dtype == CHAINRULE_FLOAT64) *(double *)single.data = value;
    else *(float *)single.data = (float)value;
    oracle_compare(expected, &single, "loss");
    hash = test_hash(hash, &value, sizeof value);
    free(single.data);
  }
  if (test_case_failures == 0) printf("bits %s-%s %016llx\n", current.name, dtype == CHAINRULE_FLOAT64 ? "float64" : "float32", (unsigned long long)hash);
  chainrule_loss_free(loss);
  for (i = 0; i < current.prediction_count; i++) free(predictions[i].data), free(gradients[i].data);
  for (i = 0; i < current.target_count; i++) free(targets[i].data);
  if (weights) free(weight.data);
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

/* Ten steps: once with every call spelled out, once by the trainer. L-BFGS evaluates the loss itself: trainer only. */
static void optimizer_in(chainrule_dtype dtype) {
  chainrule_model *model = build(dtype), *twin = build(dtype);
  chainrule_context *context = NULL;
  chainrule_loss *loss = NULL;
  chainrule_optimizer *optimizer = NULL;
  chainrule_trainer *trainer = NULL;
  chainrule_array input = oracle_array(&current.inputs[0], dtype), target = target_array(0, dtype);
  chainrule_array prediction = oracle_array(&current.targets[0], dtype), gradient = oracle_array(&current.targets[0], dtype);
  double value, by_trainer;
  int i, by_hand = strncmp(current.optimizer, "lbfgs", 5) != 0;
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
    if (by_hand) REQUIRE_OK(chainrule_optimizer_step(optimizer, context));
    REQUIRE_OK(chainrule_trainer_step(trainer, &input, &target, NULL, &by_trainer));
    if (!by_hand) continue;
    CHECK_NEAR(by_trainer, value, dtype == CHAINRULE_FLOAT64 ? 1e-12 : 1e-5);
  }
  if (by_hand) check_parameters(model, dtype, "by hand");
  check_parameters(twin, dtype, "by the trainer");
  if (test_case_failures == 0)
    printf("bits %s-%s %016llx\n", current.name, dtype == CHAINRULE_FLOAT64 ? "float64" : "float32",
           (unsigned long long)test_parameter_hash(twin));
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

/* A case tells about every kind in it, but for those that hold its numbers. */
static void note_errors(void) {
  char kind[100];
  int i, k;
  const char *text = current.optimizer[0] ? current.optimizer : current.loss;
  const char *holders = " input parameter constant ";
  for (i = 0; i < current.node_count && !current.loss[0]; i++) {
    for (k = 0; k < i && strcmp(current.nodes[k][0], current.nodes[i][0]) != 0; k++) continue;
    snprintf(kind, sizeof kind, " %s ", current.nodes[i][0]);
    if (k == i && (strstr(holders, kind) == NULL || strcmp(current.nodes[current.node_count - 1][0], current.nodes[i][0]) == 0))
      error_note(CHAINRULE_LAYERS, current.nodes[i][0], &oracle_errors);
  }
  if (!current.loss[0]) return;
  snprintf(kind, sizeof kind, "%.*s", (int)strcspn(text, " ;"), text);
  error_note(current.optimizer[0] ? CHAINRULE_OPTIMIZERS : CHAINRULE_LOSSES, kind, &oracle_errors);
}

static void run_current(void) {
  oracle_errors = error_nothing;
  void (*body)(chainrule_dtype) = current.optimizer[0] ? optimizer_in : current.loss[0] ? loss_in : layer_in;
  body(CHAINRULE_FLOAT64);
  body(CHAINRULE_FLOAT32);
}

/* ---- what the cases cover: every kind of the catalog, with every attribute and with 1, 3 and 64 samples ---- */

enum { MOST_KINDS = 400 };
static struct {
  char words[6000]; /* attributes met, as " name=" */
  int met, one, three, many;
} coverage[MOST_KINDS];

static size_t index_of(chainrule_group group, const char *kind) {
  size_t index;
  const char *name;
  for (index = 0; index < MOST_KINDS && (name = chainrule_catalog_kind(group, index)) != NULL; index++)
    if (strcmp(name, kind) == 0) return index;
  return MOST_KINDS - 1;
}

static void meet(chainrule_group group, const char *kind, const char *attributes) {
  size_t index = index_of(group, kind), first = group == CHAINRULE_LAYERS ? 0 : group == CHAINRULE_LOSSES ? 280 : 340;
  const char *cursor = attributes;
  if (first + index >= MOST_KINDS) return;
  coverage[first + index].met = 1;
  while (*cursor) {
    const char *equals;
    char word[80];
    cursor += strspn(cursor, " ");
    equals = strchr(cursor, '=');
    if (equals == NULL) break;
    snprintf(word, sizeof word, " %.*s=", (int)(equals - cursor), cursor);
    if (strstr(coverage[first + index].words, word) == NULL)
      strncat(coverage[first + index].words, word, sizeof coverage[0].words - strlen(coverage[first + index].words) - 1);
    cursor += strcspn(cursor, " ");
  }
  if (current.input_count && group == CHAINRULE_LAYERS && current.inputs[0].rank > 0) {
    coverage[index].one |= current.inputs[0].shape[0] == 1;
    coverage[index].three |= current.inputs[0].shape[0] == 3;
    coverage[index].many |= current.inputs[0].shape[0] == 64;
  }
}

static void meet_current(void) {
  int i;
  char kind[100];
  for (i = 0; i < current.node_count; i++) meet(CHAINRULE_LAYERS, current.nodes[i][0], current.nodes[i][2]);
  if (current.loss[0] && !current.optimizer[0]) {
    snprintf(kind, sizeof kind, "%.*s", (int)strcspn(current.loss, " "), current.loss);
    meet(CHAINRULE_LOSSES, kind, current.loss + strcspn(current.loss, " "));
  }
  if (current.optimizer[0]) {
    snprintf(kind, sizeof kind, "%.*s", (int)strcspn(current.optimizer, " "), current.optimizer);
    meet(CHAINRULE_OPTIMIZERS, kind, current.optimizer + strcspn(current.optimizer, " "));
  }
}

/* Attributes that say nothing about the numbers, or that other tests look at. */
static int is_excused(const char *attribute) {
  static const char *const excused[] = {
    "name", "inputs", "init", "dtype", "in_features", "in_channels", "clip_norm", "clip_value",
    "accumulate", "ema_decay", "swa_start", "swa_freq", "frozen", "l1", "l2", "orthogonal", "max_norm", "non_negative", "unit_norm"};
  size_t i, length = strlen(attribute);
  for (i = 0; i < sizeof excused / sizeof *excused; i++)
    if (strcmp(attribute, excused[i]) == 0) return 1;
  return length > 5 && strcmp(attribute + length - 5, "_init") == 0;
}

static void check_coverage(chainrule_group group) {
  size_t index, first = group == CHAINRULE_LAYERS ? 0 : group == CHAINRULE_LOSSES ? 280 : 340;
  const char *kind;
  for (index = 0; (kind = chainrule_catalog_kind(group, index)) != NULL; index++) {
    char text[8000], *cursor = text;
    if (strcmp(kind, "none") == 0) continue;
    if (!coverage[first + index].met) {
      test_fail(__FILE__, __LINE__, "no case has a \"%s\"", kind);
      continue;
    }
    if (group == CHAINRULE_LAYERS && strcmp(kind, "parameter") != 0 && strcmp(kind, "constant") != 0 &&
        !(coverage[index].one && coverage[index].three && coverage[index].many))
      test_fail(__FILE__, __LINE__, "\"%s\" is not met with 1, 3 and 64 samples", kind);
    if (!SUCCEEDS(chainrule_catalog_describe(group, kind, text, sizeof text, NULL))) continue;
    while ((cursor = strstr(cursor, "=<")) != NULL) {
      char *start = cursor, name[80], word[84];
      while (start > text && start[-1] != ' ') start--;
      snprintf(name, sizeof name, "%.*s", (int)(cursor - start), start);
      snprintf(word, sizeof word, " %s=", name);
      if (!is_excused(name) && strstr(coverage[first + index].words, word) == NULL)
        test_fail(__FILE__, __LINE__, "no case of \"%s\" gives its attribute %s", kind, name);
      cursor += 2;
    }
  }
}

static void covered(void) {
  check_coverage(CHAINRULE_LAYERS);
  check_coverage(CHAINRULE_LOSSES);
  check_coverage(CHAINRULE_OPTIMIZERS);
}

/* Usage: oracle FOLDER [FAMILY]: all files of values, or one of them (then coverage is not looked at). */
int main(int argc, char **argv) {
  const char *folder = argc > 1 ? argv[1] : "Tests/Oracle/values";
  struct dirent **names;
  int count, i, files = 0;
  TEST_MAIN("oracle");
  count = scandir(folder, &names, NULL, alphasort);
  for (i = 0; i < count; i++) {
    char path[600];
    FILE *file;
    size_t length = strlen(names[i]->d_name);
    if (length < 5 || strcmp(names[i]->d_name + length - 4, ".txt") != 0) continue;
    if (argc > 2 && (strncmp(names[i]->d_name, argv[2], length - 4) != 0 || strlen(argv[2]) != length - 4)) continue;
    snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
    file = fopen(path, "r");
    if (file == NULL) break;
    files++;
    while (oracle_read(file, &current)) {
      meet_current();
      test_run(current.name, run_current);
      note_errors();
      oracle_free(&current);
    }
    fclose(file);
  }
  for (i = 0; i < count; i++) free(names[i]);
  if (count >= 0) free(names);
  if (files == 0) {
    printf("not ok oracle - no values in %s\n", folder);
    return 2;
  }
  if (argc <= 2) RUN(covered);
  error_print(CHAINRULE_LAYERS);
  error_print(CHAINRULE_LOSSES);
  error_print(CHAINRULE_OPTIMIZERS);
  return test_finish();
}
