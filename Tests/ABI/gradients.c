/*
 * Every layer and loss of the catalog, walked by chainrule_catalog_kind, has its gradient checked in float64
 * by central differences. A kind without a case is a failure.
 */
#include "support.h"

/* Nodes of one case, inputs by number ("-": none), then the shapes of the inputs with their batch. */
typedef struct {
  const char *kind; /* the catalog entry under test */
  const char *nodes[4][3];
  const char *shapes[2];
  int positive; /* inputs above 0; else anywhere, but not within 0.05 of 0, where some have a kink */
} Case;

static const Case cases[] = {
    {"input", {{"input", "-", "shape=3"}}, {"2,3"}, 0},
    {"linear", {{"input", "-", "shape=4"}, {"linear", "0", "out_features=3"}}, {"5,4"}, 0},
    {"linear", {{"input", "-", "shape=2,4"}, {"linear", "0", "out_features=3 bias=false"}}, {"3,2,4"}, 0},
    {"identity", {{"input", "-", "shape=3"}, {"identity", "0", ""}}, {"2,3"}, 0},
    {"flatten", {{"input", "-", "shape=2,3"}, {"flatten", "0", ""}}, {"2,2,3"}, 0},
    {"reshape", {{"input", "-", "shape=2,3"}, {"reshape", "0", "shape=3,-1"}}, {"2,2,3"}, 0},
    {"dropout", {{"input", "-", "shape=3"}, {"dropout", "0", "p=0"}}, {"2,3"}, 0},
    {"relu", {{"input", "-", "shape=7"}, {"relu", "0", ""}}, {"3,7"}, 0},
    {"leaky_relu", {{"input", "-", "shape=7"}, {"leaky_relu", "0", "negative_slope=0.3"}}, {"3,7"}, 0},
    {"elu", {{"input", "-", "shape=7"}, {"elu", "0", "alpha=0.7"}}, {"3,7"}, 0},
    {"selu", {{"input", "-", "shape=7"}, {"selu", "0", ""}}, {"3,7"}, 0},
    {"gelu", {{"input", "-", "shape=7"}, {"gelu", "0", ""}}, {"3,7"}, 0},
    {"gelu", {{"input", "-", "shape=7"}, {"gelu", "0", "approximate=tanh"}}, {"3,7"}, 0},
    {"silu", {{"input", "-", "shape=7"}, {"silu", "0", ""}}, {"3,7"}, 0},
    {"sigmoid", {{"input", "-", "shape=7"}, {"sigmoid", "0", ""}}, {"3,7"}, 0},
    {"tanh", {{"input", "-", "shape=7"}, {"tanh", "0", ""}}, {"3,7"}, 0},
    {"softplus", {{"input", "-", "shape=7"}, {"softplus", "0", "beta=1.5"}}, {"3,7"}, 0},
    {"hardtanh", {{"input", "-", "shape=7"}, {"hardtanh", "0", "min_val=-0.031 max_val=0.03"}}, {"3,7"}, 0},
    {"softmax", {{"input", "-", "shape=7"}, {"softmax", "0", ""}}, {"3,7"}, 0},
    {"softmax", {{"input", "-", "shape=3,4"}, {"softmax", "0", "dim=1"}}, {"2,3,4"}, 0},
    {"log_softmax", {{"input", "-", "shape=7"}, {"log_softmax", "0", ""}}, {"3,7"}, 0},
    {"parameter", {{"parameter", "-", "shape=2,3 init=normal(0,1)"}}, {NULL}, 0},
    {"constant", {{"input", "-", "shape=3"}, {"constant", "-", "shape=3 value=1,-2,3"}, {"mul", "0,1", ""}}, {"2,3"}, 0},
    {"add", {{"input", "-", "shape=3,1"}, {"input", "-", "shape=1,2"}, {"add", "0,1", ""}}, {"2,3,1", "2,1,2"}, 0},
    {"sub", {{"input", "-", "shape=3,1"}, {"input", "-", "shape=1,2"}, {"sub", "0,1", ""}}, {"2,3,1", "2,1,2"}, 0},
    {"mul", {{"input", "-", "shape=3,1"}, {"input", "-", "shape=1,2"}, {"mul", "0,1", ""}}, {"2,3,1", "2,1,2"}, 0},
    {"mul", {{"input", "-", "shape=3"}, {"mul", "0,0", ""}}, {"2,3"}, 0},
    {"div", {{"input", "-", "shape=3,1"}, {"input", "-", "shape=1,2"}, {"div", "0,1", ""}}, {"2,3,1", "2,1,2"}, 1},
    {"pow", {{"input", "-", "shape=3,1"}, {"input", "-", "shape=1,2"}, {"pow", "0,1", ""}}, {"2,3,1", "2,1,2"}, 1},
    {"pow", {{"input", "-", "shape=3"}, {"pow", "0", "value=2.5"}}, {"2,3"}, 1},
    {"maximum", {{"input", "-", "shape=3"}, {"input", "-", "shape=3"}, {"maximum", "0,1", ""}}, {"4,3", "4,3"}, 0},
    {"matmul", {{"input", "-", "shape=2,3"}, {"input", "-", "shape=3,4"}, {"matmul", "0,1", ""}}, {"2,2,3", "2,3,4"}, 0},
    {"matmul", {{"input", "-", "shape=3"}, {"parameter", "-", "shape=3,4 init=normal(0,1)"}, {"matmul", "0,1", ""}}, {"5,3"}, 0},
    {"neg", {{"input", "-", "shape=3"}, {"neg", "0", ""}}, {"2,3"}, 0},
    {"exp", {{"input", "-", "shape=3"}, {"exp", "0", ""}}, {"2,3"}, 0},
    {"log", {{"input", "-", "shape=3"}, {"log", "0", ""}}, {"2,3"}, 1},
    {"sqrt", {{"input", "-", "shape=3"}, {"sqrt", "0", ""}}, {"2,3"}, 1},
    {"sin", {{"input", "-", "shape=3"}, {"sin", "0", ""}}, {"2,3"}, 0},
    {"cos", {{"input", "-", "shape=3"}, {"cos", "0", ""}}, {"2,3"}, 0},
    {"abs", {{"input", "-", "shape=3"}, {"abs", "0", ""}}, {"2,3"}, 0},
    {"sum", {{"input", "-", "shape=3,2"}, {"sum", "0", "dim=1"}}, {"2,3,2"}, 0},
    {"sum", {{"input", "-", "shape=3,2"}, {"sum", "0", ""}}, {"2,3,2"}, 0},
    {"mean", {{"input", "-", "shape=3,2"}, {"mean", "0", "dim=1,2 keepdim=true"}}, {"2,3,2"}, 0},
    {"transpose", {{"input", "-", "shape=3,2"}, {"transpose", "0", "dim0=1 dim1=2"}}, {"2,3,2"}, 0},
    {"concat", {{"input", "-", "shape=3"}, {"input", "-", "shape=2"}, {"concat", "0,1,0", "dim=1"}}, {"2,3", "2,2"}, 0},
    {"slice", {{"input", "-", "shape=7"}, {"slice", "0", "dim=1 start=1 end=6 step=2"}}, {"2,7"}, 0},
    {"slice", {{"input", "-", "shape=3,4"}, {"slice", "0", "dim=1 index=2"}}, {"2,3,4"}, 0},
    {"slice", {{"input", "-", "shape=3,4"}, {"slice", "0", "dim=2 index=-4"}}, {"2,3,4"}, 0},
};

enum { MOST = 200 };
static const Case *current;
static chainrule_model *model;
static chainrule_context *context;
static chainrule_array inputs[2], output;
static double input_values[2][MOST], output_values[MOST], seeds[MOST];
static int input_count;

static int64_t parse_shape(const char *text, chainrule_array *array) {
  int64_t count = 1;
  char *cursor = (char *)(uintptr_t)text;
  array->rank = 0;
  while (*cursor) {
    array->shape[array->rank] = strtoll(cursor, &cursor, 10);
    count *= array->shape[array->rank++];
    if (*cursor == ',') cursor++;
  }
  return count;
}

/* The sum of all outputs, each times its seed. */
static double objective(void) {
  double total = 0;
  int64_t count = 1;
  int32_t axis;
  int64_t i;
  if (!SUCCEEDS(chainrule_context_forward(context, input_count ? inputs : NULL, 1))) return NAN;
  if (!SUCCEEDS(chainrule_context_output(context, 0, &output))) return NAN;
  for (axis = 0; axis < output.rank; axis++) count *= output.shape[axis];
  for (i = 0; i < count; i++) total += output_values[i] * seeds[i];
  return total;
}

static void build(void) {
  chainrule_tensor_info info;
  uint64_t state = 77;
  int i;
  int64_t k, count;
  model = test_model(CHAINRULE_FLOAT64, 3);
  for (i = 0; i < 4 && current->nodes[i][0] != NULL; i++) {
    chainrule_node sources[4];
    size_t source_count = 0;
    char *cursor = (char *)(uintptr_t)current->nodes[i][1];
    if (*cursor != '-')
      do sources[source_count++] = (chainrule_node)strtol(cursor, &cursor, 10);
      while (*cursor++ == ',');
    SUCCEEDS(chainrule_model_add_node(model, current->nodes[i][0], current->nodes[i][2], sources, source_count, NULL));
  }
  input_count = 0;
  for (i = 0; i < 2 && current->shapes[i] != NULL; i++) {
    inputs[i] = chainrule_view(input_values[i], CHAINRULE_FLOAT64, 0, 0, 0, 0, 0);
    count = parse_shape(current->shapes[i], &inputs[i]);
    for (k = 0; k < count; k++) {
      float size = test_random(&state, 0.05f, 2.0f);
      input_values[i][k] = current->positive || test_random_bits(&state) % 2 ? size : -size;
    }
    input_count++;
  }
  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  SUCCEEDS(chainrule_model_output_info(model, 0, &info));
  output = chainrule_view(output_values, CHAINRULE_FLOAT64, info.rank, 0, 0, 0, 0);
  for (i = 0; i < info.rank; i++) output.shape[i] = info.shape[i] == -1 ? inputs[0].shape[0] : info.shape[i];
  test_fill_float64(seeds, MOST, 12);
}

/* (f(x+h) - f(x-h)) / 2h at each number of `values`, against `gradient`. set() stores the values. */
static void compare(double *values, const double *gradient, int64_t count, void (*set)(void), const char *where) {
  int64_t k;
  for (k = 0; k < count; k++) {
    double saved = values[k], step = 1e-5, above, below, numeric;
    values[k] = saved + step;
    if (set) set();
    above = objective();
    values[k] = saved - step;
    if (set) set();
    below = objective();
    values[k] = saved;
    if (set) set();
    numeric = (above - below) / (2 * step);
    if (!(fabs(numeric - gradient[k]) <= 2e-8 * (1 + fabs(numeric)) * 10))
      test_fail(__FILE__, __LINE__, "%s %s: gradient in %s[%lld] is %.12g, differences say %.12g", current->kind,
                current->nodes[1][2] ? current->nodes[1][2] : "", where, (long long)k, gradient[k], numeric);
  }
}

static char parameter_name[60];
static double parameter_values[MOST];
static chainrule_array parameter;
static void set_parameter(void) { SUCCEEDS(chainrule_model_set_parameter(model, parameter_name, &parameter)); }

static void check_layer(void) {
  double in_gradient[2][MOST], gradient[MOST];
  chainrule_array array, seed;
  size_t count = 0, index;
  int i;
  build();
  if (test_case_failures) return;
  REQUIRE_OK(chainrule_context_create(model, &context));
  objective();
  seed = output;
  seed.data = seeds;
  REQUIRE_OK(chainrule_context_backward(context, &seed));
  for (i = 0; i < input_count; i++) {
    array = inputs[i];
    array.data = in_gradient[i];
    REQUIRE_OK(chainrule_context_input_gradient(context, (size_t)i, &array));
  }
  REQUIRE_OK(chainrule_model_parameter_count(model, &count));
  for (index = 0; index < count; index++) {
    chainrule_tensor_info info;
    int64_t size = 1;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    REQUIRE_OK(chainrule_model_parameter_info(model, index, &info));
    if (!info.trainable) continue;
    snprintf(parameter_name, sizeof parameter_name, "%s", info.name);
    parameter = chainrule_view(gradient, CHAINRULE_FLOAT64, info.rank, 0, 0, 0, 0);
    for (i = 0; i < info.rank; i++) size *= parameter.shape[i] = info.shape[i];
    REQUIRE_OK(chainrule_context_gradient(context, parameter_name, &parameter));
    parameter.data = parameter_values;
    REQUIRE_OK(chainrule_model_get_parameter(model, parameter_name, &parameter));
    compare(parameter_values, gradient, size, set_parameter, parameter_name);
  }
  for (i = 0; i < input_count; i++) {
    int64_t size = 1;
    int32_t axis;
    for (axis = 0; axis < inputs[i].rank; axis++) size *= inputs[i].shape[axis];
    compare(input_values[i], in_gradient[i], size, NULL, i ? "input 1" : "input 0");
  }
  chainrule_context_free(context);
  chainrule_model_free(model);
}

static void layers(void) {
  size_t index, k;
  const char *kind;
  for (index = 0; (kind = chainrule_catalog_kind(CHAINRULE_LAYERS, index)) != NULL; index++) {
    int found = 0;
    for (k = 0; k < sizeof cases / sizeof *cases; k++) {
      if (strcmp(cases[k].kind, kind) != 0) continue;
      current = &cases[k];
      found = 1;
      check_layer();
    }
    if (!found) test_fail(__FILE__, __LINE__, "the catalog has a layer \"%s\", and no case checks its gradient", kind);
  }
  CHECK(index > 0);
}

static void losses(void) {
  static const struct {
    const char *kind, *text;
    int labels;
  } known[] = {{"mse", "mse", 0},
               {"l1", "l1", 0},
               {"huber", "huber delta=0.7", 0},
               {"bce_with_logits", "bce_with_logits", 2},
               {"cross_entropy", "cross_entropy label_smoothing=0.1 class_weights=1,2,0.5", 1},
               {"cross_entropy", "cross_entropy", 3}};
  double prediction[12], target[12], weights[4] = {1, 0.5, 2, 3}, gradient[12], value, above, below;
  int32_t labels[4] = {0, 2, 1, 1};
  size_t index, k, i;
  const char *kind;
  for (index = 0; (kind = chainrule_catalog_kind(CHAINRULE_LOSSES, index)) != NULL; index++) {
    int found = strcmp(kind, "none") == 0; /* the trainer's word for no loss; nothing to evaluate */
    for (k = 0; k < sizeof known / sizeof *known; k++) {
      chainrule_loss *loss = NULL;
      chainrule_array p = chainrule_matrix_float64(prediction, 4, 3), t = chainrule_matrix_float64(target, 4, 3);
      chainrule_array g = chainrule_matrix_float64(gradient, 4, 3), w = chainrule_vector_float64(weights, 4);
      if (strcmp(known[k].kind, kind) != 0) continue;
      found = 1;
      test_fill_float64(prediction, 12, 1);
      test_fill_float64(target, 12, 2);
      if (known[k].labels >= 2)
        for (i = 0; i < 12; i++) target[i] = fabs(target[i]);
      if (known[k].labels == 3)
        for (i = 0; i < 12; i += 3) {
          double sum = target[i] + target[i + 1] + target[i + 2];
          target[i] /= sum, target[i + 1] /= sum, target[i + 2] = 1 - target[i] - target[i + 1];
        }
      if (known[k].labels == 1) t = chainrule_labels(labels, 4);
      REQUIRE_OK(chainrule_loss_create(known[k].text, &loss));
      REQUIRE_OK(chainrule_loss_evaluate(loss, &p, &t, &w, &value, &g));
      for (i = 0; i < 12; i++) {
        double saved = prediction[i];
        prediction[i] = saved + 1e-5;
        REQUIRE_OK(chainrule_loss_evaluate(loss, &p, &t, &w, &above, NULL));
        prediction[i] = saved - 1e-5;
        REQUIRE_OK(chainrule_loss_evaluate(loss, &p, &t, &w, &below, NULL));
        prediction[i] = saved;
        CHECK_NEAR(gradient[i], (above - below) / 2e-5, 1e-8);
      }
      chainrule_loss_free(loss);
    }
    if (!found) test_fail(__FILE__, __LINE__, "the catalog has a loss \"%s\", and no case checks its gradient", kind);
  }
}

int main(void) {
  TEST_MAIN("gradients");
  RUN(layers);
  RUN(losses);
  return test_finish();
}
