/* A single sample through a recurrent layer whose weight is large: threads share its units, step by step. Output, last state
   and gradients have the bits of the same sample in a batch whose other sample is given no gradient. */
#include "support.h"

enum { FEATURES = 6, MOST_TIME = 5, MOST_WIDTH = 256, MOST_WEIGHT = 3 * 256 * 256 };

typedef struct {
  float output[2 * MOST_TIME * MOST_WIDTH], last[2 * 2 * MOST_WIDTH], dx[2 * MOST_TIME * FEATURES], dw[MOST_WEIGHT];
} Results;

static const struct {
  const char *kind, *attributes;
  int hidden, gates, directions;
} layers[] = {
    {"rnn", "hidden_size=256 nonlinearity=tanh", 256, 1, 1},
    {"lstm", "hidden_size=128 bidirectional=true", 128, 4, 2},
    {"gru", "hidden_size=192 bias=false", 192, 3, 1},
};

/* Forward and backward of the first `samples` of two. */
static void pass(size_t layer, int time, int samples, const int32_t *lengths, int threads, Results *results) {
  static float x[2 * MOST_TIME * FEATURES], seed[2 * MOST_TIME * MOST_WIDTH], last_seed[2 * 2 * MOST_WIDTH];
  int hidden = layers[layer].hidden, directions = layers[layer].directions, width = hidden * directions;
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 3);
  chainrule_context *context = NULL;
  chainrule_array inputs[2] = {chainrule_view(x, CHAINRULE_FLOAT32, 3, samples, time, FEATURES, 0), chainrule_labels(lengths, samples)};
  chainrule_array output = chainrule_view(results->output, CHAINRULE_FLOAT32, 3, samples, time, width, 0);
  chainrule_array last = chainrule_view(results->last, CHAINRULE_FLOAT32, 3, samples, directions, hidden, 0);
  chainrule_array dx = chainrule_view(results->dx, CHAINRULE_FLOAT32, 3, samples, time, FEATURES, 0);
  chainrule_array dw = chainrule_view(results->dw, CHAINRULE_FLOAT32, 2, layers[layer].gates * hidden, hidden, 0, 0);
  chainrule_array seeds[2] = {output, last};
  chainrule_node nodes[2] = {0, 1}, outputs[2];
  char text[120];
  memset(results, 0, sizeof *results);
  test_fill(x, sizeof x / sizeof *x, 41);
  memset(seed, 0, sizeof seed), memset(last_seed, 0, sizeof last_seed);
  test_fill(seed, (size_t)(time * width), 42), test_fill(last_seed, (size_t)width, 43);
  seeds[0].data = seed, seeds[1].data = last_seed;
  snprintf(text, sizeof text, "shape=%d,%d", time, FEATURES);
  test_add(model, "input", text);
  test_add(model, "input", "shape= dtype=integer");
  snprintf(text, sizeof text, "inputs=input,lengths %s", layers[layer].attributes);
  SUCCEEDS(chainrule_set_num_threads(threads));
  if (SUCCEEDS(chainrule_model_add_node(model, layers[layer].kind, text, nodes, 2, &outputs[0]))) {
    outputs[1] = outputs[0] + 1;
    if (SUCCEEDS(chainrule_model_set_outputs(model, outputs, 2)) && SUCCEEDS(chainrule_context_create(model, &context)) &&
        SUCCEEDS(chainrule_context_forward(context, inputs, 1))) {
      SUCCEEDS(chainrule_context_output(context, 0, &output));
      SUCCEEDS(chainrule_context_output(context, 1, &last));
      SUCCEEDS(chainrule_context_backward(context, seeds));
      SUCCEEDS(chainrule_context_input_gradient(context, 0, &dx));
      SUCCEEDS(chainrule_context_gradient(context, "0.weight_hh_l0", &dw));
    }
  }
  chainrule_context_free(context);
  chainrule_model_free(model);
}

static void bits_of_a_batch(void) {
  static const int32_t lengths[][2] = {{MOST_TIME - 1, 2}, {2, MOST_TIME - 1}};
  static Results alone, shared, together;
  int before = chainrule_get_num_threads(), ends, time;
  size_t layer;
  for (layer = 0; layer < sizeof layers / sizeof *layers; layer++) {
    size_t width = (size_t)(layers[layer].hidden * layers[layer].directions);
    test_case_part = layers[layer].kind;
    for (time = MOST_TIME - 1; time <= MOST_TIME; time++)
      for (ends = 0; ends < 2; ends++) {
        pass(layer, time, 2, lengths[ends], 1, &together);
        pass(layer, time, 1, lengths[ends], 1, &alone);
        pass(layer, time, 1, lengths[ends], 2, &shared);
        CHECK(memcmp(&alone, &shared, sizeof alone) == 0);
        CHECK(memcmp(alone.output, together.output, sizeof(float) * (size_t)time * width) == 0);
        CHECK(memcmp(alone.last, together.last, sizeof(float) * width) == 0);
        CHECK(memcmp(alone.dx, together.dx, sizeof(float) * (size_t)(time * FEATURES)) == 0);
        CHECK(memcmp(alone.dw, together.dw, sizeof alone.dw) == 0);
        CHECK(alone.output[0] != 0 && alone.last[0] != 0 && alone.dx[0] != 0 && alone.dw[0] != 0);
      }
  }
  SUCCEEDS(chainrule_set_num_threads(before));
}

int main(void) {
  TEST_MAIN("one_sample");
  RUN(bits_of_a_batch);
  return test_finish();
}
