/* Recurrent layers, beyond their numbers (oracle): parameters by PyTorch's names, what lies behind a
   sequence's end, dropout between layers, the same bits however many threads, a loop made of cells. */
#include "support.h"

enum { SAMPLES = 64, TIME = 9, FEATURES = 33, HIDDEN = 70 };

static void names_and_first_values(void) {
  static const char *const names[] = {
      "reader.weight_ih_l0", "reader.weight_hh_l0", "reader.bias_ih_l0", "reader.bias_hh_l0", "reader.weight_hr_l0",
      "reader.weight_ih_l0_reverse", "reader.weight_hh_l0_reverse", "reader.bias_ih_l0_reverse",
      "reader.bias_hh_l0_reverse", "reader.weight_hr_l0_reverse", "reader.weight_ih_l1"};
  static const int64_t shapes[][2] = {{64, 3}, {64, 5}, {64, 0}, {64, 0}, {5, 16}, {64, 3}, {64, 5}, {64, 0}, {64, 0}, {5, 16}, {64, 10}};
  static float values[1000];
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 7);
  size_t i, k;
  test_add(model, "input", "shape=4,3");
  test_add(model, "lstm", "hidden_size=16 proj_size=5 num_layers=2 bidirectional=true name=reader");
  for (i = 0; i < sizeof names / sizeof *names; i++) {
    chainrule_tensor_info info;
    float low = 1, high = -1;
    size_t count = (size_t)(shapes[i][0] * (shapes[i][1] ? shapes[i][1] : 1));
    chainrule_array array = chainrule_view(values, CHAINRULE_FLOAT32, shapes[i][1] ? 2 : 1, shapes[i][0], shapes[i][1], 0, 0);
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    REQUIRE_OK(chainrule_model_parameter_info(model, i, &info));
    CHECK(strcmp(info.name, names[i]) == 0);
    REQUIRE_OK(chainrule_model_get_parameter(model, names[i], &array));
    for (k = 0; k < count; k++) {
      low = fminf(low, values[k]);
      high = fmaxf(high, values[k]);
    }
    /* uniform in +-1/sqrt(16) */
    CHECK(low >= -0.25f && low < -0.2f && high <= 0.25f && high > 0.2f);
  }
  chainrule_model_free(model);
}

/* Forward and backward; a hash of the output, the gradient in x and one in a weight. */
static uint64_t pass(const char *kind, const char *attributes, const float *x, const int32_t *lengths, int *finite) {
  static float y[SAMPLES * TIME * 2 * HIDDEN], dx[SAMPLES * TIME * FEATURES], dw[4 * HIDDEN * HIDDEN];
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 3);
  chainrule_context *context = NULL;
  chainrule_array inputs[2] = {chainrule_view(x, CHAINRULE_FLOAT32, 3, SAMPLES, TIME, FEATURES, 0),
                               chainrule_labels(lengths, SAMPLES)};
  int gates = strcmp(kind, "lstm") == 0 ? 4 : strcmp(kind, "gru") == 0 ? 3 : 1;
  chainrule_array out = chainrule_view(y, CHAINRULE_FLOAT32, 3, SAMPLES, TIME, 2 * HIDDEN, 0);
  chainrule_array back = chainrule_view(dx, CHAINRULE_FLOAT32, 3, SAMPLES, TIME, FEATURES, 0);
  chainrule_array weight = chainrule_view(dw, CHAINRULE_FLOAT32, 2, gates * HIDDEN, HIDDEN, 0, 0);
  chainrule_node nodes[2] = {0, 1}, node;
  uint64_t hash = TEST_HASH_START;
  char text[200];
  size_t i;
  test_add(model, "input", "shape=9,33");
  test_add(model, "input", "shape= dtype=integer");
  snprintf(text, sizeof text, "hidden_size=70 bidirectional=true inputs=input,lengths name=reader %s", attributes);
  SUCCEEDS(chainrule_model_add_node(model, kind, text, nodes, 2, &node));
  SUCCEEDS(chainrule_model_set_outputs(model, &node, 1));
  SUCCEEDS(chainrule_context_create(model, &context));
  SUCCEEDS(chainrule_context_forward(context, inputs, 1));
  SUCCEEDS(chainrule_context_output(context, 0, &out));
  SUCCEEDS(chainrule_context_backward(context, NULL));
  SUCCEEDS(chainrule_context_input_gradient(context, 0, &back));
  SUCCEEDS(chainrule_context_gradient(context, "reader.weight_hh_l0_reverse", &weight));
  hash = test_hash(hash, y, sizeof y);
  hash = test_hash(hash, dx, sizeof dx);
  hash = test_hash(hash, dw, sizeof(float) * (size_t)(gates * HIDDEN * HIDDEN));
  SUCCEEDS(chainrule_context_gradient(context, "reader.weight_ih_l0", &(chainrule_array){dw, CHAINRULE_FLOAT32, 2, {gates * HIDDEN, FEATURES}, 0, {0}}));
  hash = test_hash(hash, dw, sizeof(float) * (size_t)(gates * HIDDEN * FEATURES));
  *finite = 1;
  for (i = 0; i < sizeof y / sizeof *y; i++) *finite &= isfinite(y[i]) != 0;
  for (i = 0; i < sizeof dx / sizeof *dx; i++) *finite &= isfinite(dx[i]) != 0;
  chainrule_context_free(context);
  chainrule_model_free(model);
  return hash;
}

static float x[SAMPLES * TIME * FEATURES];
static int32_t lengths[SAMPLES];

static void make_sequences(void) {
  uint64_t state = 11;
  int i;
  test_fill(x, sizeof x / sizeof *x, 5);
  for (i = 0; i < SAMPLES; i++) lengths[i] = (int32_t)(test_random_bits(&state) % (TIME + 1));
}

static void behind_the_end(void) {
  static const char *const kinds[] = {"rnn", "lstm", "gru"};
  static const float strange[] = {NAN, INFINITY, -INFINITY, 1e30f};
  size_t k, i, t, f;
  for (k = 0; k < 3; k++) {
    uint64_t clean;
    int finite;
    make_sequences();
    clean = pass(kinds[k], "", x, lengths, &finite);
    CHECK(finite);
    for (i = 0; i < SAMPLES; i++)
      for (t = (size_t)lengths[i]; t < TIME; t++)
        for (f = 0; f < FEATURES; f++) x[(i * TIME + t) * FEATURES + f] = strange[(i + t + f) % 4];
    CHECK(pass(kinds[k], "", x, lengths, &finite) == clean);
    CHECK(finite);
  }
}

static void threads_and_bits(void) {
  static const char *const kinds[] = {"rnn", "lstm", "gru", "lstm"};
  static const char *const more[] = {"num_layers=2 dropout=0.4", "num_layers=2 dropout=0.4", "num_layers=2 dropout=0.4", ""};
  int32_t threads = chainrule_get_num_threads();
  size_t k;
  int finite;
  make_sequences();
  for (k = 0; k < 4; k++) {
    uint64_t one, three;
    SUCCEEDS(chainrule_set_num_threads(1));
    one = pass(kinds[k], more[k], x, lengths, &finite);
    SUCCEEDS(chainrule_set_num_threads(3));
    three = pass(kinds[k], more[k], x, lengths, &finite);
    CHECK(one == three);
  }
  SUCCEEDS(chainrule_set_num_threads(threads));
}

/* New elements are dropped at each training pass, none outside training. */
static void dropout_between_layers(void) {
  enum { N = 5, T = 4, H = 6 };
  static float in[N * T * 3], y[N * T * H], again[N * T * H], other[N * T * H];
  chainrule_array input = chainrule_view(in, CHAINRULE_FLOAT32, 3, N, T, 3, 0);
  chainrule_array out = chainrule_view(y, CHAINRULE_FLOAT32, 3, N, T, H, 0), out_again = out, out_other = out;
  chainrule_model *plain = test_model(CHAINRULE_FLOAT32, 1), *half = test_model(CHAINRULE_FLOAT32, 1);
  chainrule_context *context = NULL;
  chainrule_node node = 1;
  out_again.data = again;
  out_other.data = other;
  test_fill(in, N * T * 3, 2);
  test_add(plain, "input", "shape=4,3");
  test_add(plain, "gru", "hidden_size=6 num_layers=2");
  SUCCEEDS(chainrule_model_set_outputs(plain, &node, 1));
  test_add(half, "input", "shape=4,3");
  test_add(half, "gru", "hidden_size=6 num_layers=2 dropout=0.5");
  SUCCEEDS(chainrule_model_set_outputs(half, &node, 1));
  REQUIRE_OK(chainrule_model_predict(plain, &input, &out));
  REQUIRE_OK(chainrule_model_predict(half, &input, &out_again));
  CHECK(memcmp(y, again, sizeof y) == 0);
  REQUIRE_OK(chainrule_context_create(half, &context));
  REQUIRE_OK(chainrule_context_forward(context, &input, 1));
  REQUIRE_OK(chainrule_context_output(context, 0, &out_again));
  REQUIRE_OK(chainrule_context_forward(context, &input, 1));
  REQUIRE_OK(chainrule_context_output(context, 0, &out_other));
  CHECK(memcmp(y, again, sizeof y) != 0 && memcmp(again, other, sizeof y) != 0);
  REQUIRE_OK(chainrule_context_forward(context, &input, 0));
  REQUIRE_OK(chainrule_context_output(context, 0, &out_other));
  CHECK(memcmp(y, other, sizeof y) == 0);
  chainrule_context_free(context);
  chainrule_model_free(plain);
  chainrule_model_free(half);
}

/* The layer is a loop over its cell: three steps written out, with the same parameters. */
static void loop_of_cells(void) {
  enum { N = 3, T = 3, F = 2, H = 5 };
  static double in[N * T * F], y[N * H], loop[N * H], first[N * H], weights[4 * H * H];
  static const char *const names[][2] = {{"weight_ih", "0.weight_ih_l0"}, {"weight_hh", "0.weight_hh_l0"}, {"bias_ih", "0.bias_ih_l0"}, {"bias_hh", "0.bias_hh_l0"}};
  chainrule_array inputs[3] = {chainrule_view(in, CHAINRULE_FLOAT64, 3, N, T, F, 0), chainrule_view(first, CHAINRULE_FLOAT64, 2, N, H, 0, 0),
                               chainrule_view(first, CHAINRULE_FLOAT64, 2, N, H, 0, 0)};
  chainrule_array out = chainrule_view(y, CHAINRULE_FLOAT64, 3, N, 1, H, 0);
  chainrule_array outs[2] = {chainrule_view(loop, CHAINRULE_FLOAT64, 2, N, H, 0, 0), chainrule_view(first, CHAINRULE_FLOAT64, 2, N, H, 0, 0)};
  chainrule_model *layer = test_model(CHAINRULE_FLOAT64, 1), *cell = test_model(CHAINRULE_FLOAT64, 2);
  chainrule_node from[3] = {0, 1, 2}, node, results[2];
  double step[N * F], h[N * H], c[N * H];
  size_t i, t, n, k;
  test_fill_float64(in, N * T * F, 9);
  test_add(layer, "input", "shape=3,2");
  REQUIRE_OK(chainrule_model_add(layer, "lstm", "hidden_size=5", &node));
  results[0] = node + 1; /* h_n */
  REQUIRE_OK(chainrule_model_set_outputs(layer, results, 1));
  test_add(cell, "input", "shape=2");
  test_add(cell, "input", "shape=5");
  test_add(cell, "input", "shape=5");
  REQUIRE_OK(chainrule_model_add_node(cell, "lstm_cell", "hidden_size=5", from, 3, &node));
  results[0] = node;
  results[1] = node + 1;
  REQUIRE_OK(chainrule_model_set_outputs(cell, results, 2));
  for (i = 0; i < 4; i++) {
    chainrule_array array = chainrule_view(weights, CHAINRULE_FLOAT64, i < 2 ? 2 : 1, 4 * H, i == 0 ? F : H, 0, 0);
    char name[40];
    snprintf(name, sizeof name, "0.%s", names[i][0]);
    REQUIRE_OK(chainrule_model_get_parameter(layer, names[i][1], &array));
    REQUIRE_OK(chainrule_model_set_parameter(cell, name, &array));
  }
  REQUIRE_OK(chainrule_model_predict(layer, inputs, &out));
  memset(h, 0, sizeof h);
  memset(c, 0, sizeof c);
  for (t = 0; t < T; t++) {
    for (n = 0; n < N; n++)
      for (k = 0; k < F; k++) step[n * F + k] = in[(n * T + t) * F + k];
    inputs[0] = chainrule_view(step, CHAINRULE_FLOAT64, 2, N, F, 0, 0);
    inputs[1].data = h;
    inputs[2].data = c;
    REQUIRE_OK(chainrule_model_predict(cell, inputs, outs));
    memcpy(h, loop, sizeof h);
    memcpy(c, first, sizeof c);
  }
  CHECK(memcmp(loop, y, sizeof y) == 0);
  chainrule_model_free(layer);
  chainrule_model_free(cell);
}

int main(void) {
  TEST_MAIN("recurrent");
  RUN(names_and_first_values);
  RUN(behind_the_end);
  RUN(threads_and_bits);
  RUN(dropout_between_layers);
  RUN(loop_of_cells);
  return test_finish();
}
