/* Inputs that do not fit kinds of several: max_unpool and its indices, weights and biases given to convolutions. */
#include "support.h"

enum { MOST = 4 };
#define INPUTS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define REFUSED(mask, word, inputs, kind, attributes) refused((mask), (word), (inputs), (kind), (attributes), __LINE__)

static const unsigned word = BIT(CHAINRULE_ATTRIBUTE), shape = BIT(CHAINRULE_SHAPE), count = BIT(CHAINRULE_INVALID_ARGUMENT), type = BIT(CHAINRULE_DTYPE);

/* A node of these inputs (texts) is refused, and the model stays usable. */
static void refused(unsigned mask, const char *says, const char *const *inputs, const char *kind, const char *attributes, int line) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  chainrule_node nodes[MOST], node;
  size_t given = 0;
  for (; inputs[given]; given++)
    if (!SUCCEEDS(chainrule_model_add_node(model, "input", inputs[given], NULL, 0, &nodes[given]))) return;
  test_poison(&node, sizeof node);
  test_mark();
  test_fails(mask, says, chainrule_model_add_node(model, kind, attributes, nodes, given, &node), "chainrule_model_add_node(", __FILE__, line);
  CHECK_UNTOUCHED(node);
  SUCCEEDS(chainrule_model_add_node(model, "identity", "", nodes, 1, &node));
  CHECK_EQUAL(node, (int)given);
  chainrule_model_free(model);
}

static void unpools(void) {
  const char *kind = "max_unpool2d", *whole = "shape=2,3,3 dtype=integer";
  REFUSED(count, "inputs", INPUTS("shape=2,3,3"), kind, "kernel_size=2");
  REFUSED(count, "inputs", INPUTS("shape=2,3,3", whole, whole), kind, "kernel_size=2");
  REFUSED(word, "kernel_size", INPUTS("shape=2,3,3", whole), kind, "");
  REFUSED(word, "dilation", INPUTS("shape=2,3,3", whole), kind, "kernel_size=2 dilation=1");
  REFUSED(word, "half", INPUTS("shape=2,3,3", whole), kind, "kernel_size=2 padding=2");
  REFUSED(word, "output_size", INPUTS("shape=2,3,3", whole), kind, "kernel_size=2 output_size=6,6,6");
  REFUSED(word, "output_size", INPUTS("shape=2,3,3", whole), kind, "kernel_size=2 output_size=0");
  REFUSED(shape, "5 to 7", INPUTS("shape=2,3,3", whole), kind, "kernel_size=2 output_size=4,6");
  REFUSED(shape, "5 to 7", INPUTS("shape=2,3,3", whole), kind, "kernel_size=2 output_size=6,8");
  REFUSED(shape, "indices", INPUTS("shape=2,3,3", "shape=2,3,4 dtype=integer"), kind, "kernel_size=2");
  REFUSED(shape, "indices", INPUTS("shape=2,3,3", "shape=1,2,3,3 dtype=integer batched=false"), kind, "kernel_size=2");
  REFUSED(shape, "4 dimensions", INPUTS("shape=3,3", "shape=3,3 dtype=integer"), kind, "kernel_size=2");
  REFUSED(shape, "1 or more", INPUTS("shape=2,0,3", "shape=2,0,3 dtype=integer"), kind, "kernel_size=2");
  REFUSED(shape, "2147483647", INPUTS("shape=1,65536,65536", "shape=1,65536,65536 dtype=integer"), kind, "kernel_size=1");
  REFUSED(shape, "2^46", INPUTS("shape=1,1099511627776", "shape=1,1099511627776 dtype=integer"), "max_unpool1d", "kernel_size=1 stride=1048576");
  REFUSED(type, "indices", INPUTS("shape=2,3,3", "shape=2,3,3"), kind, "kernel_size=2");
  REFUSED(type, "input", INPUTS(whole, whole), kind, "kernel_size=2");
  REFUSED(shape, "2147483647", INPUTS("shape=1,65536,65536"), "max_pool2d_with_indices", "kernel_size=2");
  REFUSED(type, "input", INPUTS(whole), "max_pool2d_with_indices", "kernel_size=2");
}

/* Places behind the image, or before it, are an error of the call; nothing is read or written by them. */
static void places_outside(void) {
  static const int32_t wrong[] = {9, -1, INT32_MAX, INT32_MIN};
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  chainrule_node nodes[2];
  float x[4] = {1, 2, 3, 4}, y[9], wanted[9] = {0};
  int32_t places[4] = {8, 0, 4, 2};
  chainrule_array in[2], out;
  size_t i;
  in[0] = chainrule_view(x, CHAINRULE_FLOAT32, 4, 1, 1, 2, 2), in[1] = chainrule_view(places, CHAINRULE_INT32, 4, 1, 1, 2, 2);
  out = chainrule_view(y, CHAINRULE_FLOAT32, 4, 1, 1, 3, 3);
  SUCCEEDS(chainrule_model_add(model, "input", "shape=1,2,2", &nodes[0]));
  SUCCEEDS(chainrule_model_add(model, "input", "shape=1,2,2 dtype=integer", &nodes[1]));
  SUCCEEDS(chainrule_model_add_node(model, "max_unpool2d", "kernel_size=2 stride=1", nodes, 2, NULL));
  for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    places[2] = wrong[i];
    FAILS(CHAINRULE_VALUE, chainrule_model_predict(model, in, &out));
  }
  places[2] = 4;
  wanted[8] = 1, wanted[0] = 2, wanted[4] = 3, wanted[2] = 4;
  SUCCEEDS(chainrule_model_predict(model, in, &out));
  CHECK(memcmp(y, wanted, sizeof y) == 0);
  chainrule_model_free(model);
}

static void given_weights(void) {
  const char *image = "shape=4,6,6", *text = "out_channels=2 kernel_size=3,2", *weight = "shape=2,4,3,2 batched=false";
  REFUSED(count, "inputs", INPUTS(image, weight, "shape=2 batched=false", weight), "conv2d", text);
  REFUSED(shape, "[2, 4, 3, 2]", INPUTS(image, "shape=2,4,2,3 batched=false"), "conv2d", text);
  REFUSED(shape, "[2, 4, 3, 2]", INPUTS(image, "shape=4,2,3,2 batched=false"), "conv2d", text);
  REFUSED(shape, "weight", INPUTS(image, "shape=4,3,2"), "conv2d", text);
  REFUSED(shape, "[2, 2, 3, 2]", INPUTS(image, weight), "conv2d", "out_channels=2 kernel_size=3,2 groups=2");
  REFUSED(shape, "bias", INPUTS(image, weight, "shape=3 batched=false"), "conv2d", text);
  REFUSED(shape, "bias", INPUTS(image, weight, "shape=2,1 batched=false"), "conv2d", text);
  REFUSED(word, "bias", INPUTS(image, weight, "shape=2 batched=false"), "conv2d", "out_channels=2 kernel_size=3,2 bias=false");
  REFUSED(word, "inputs", INPUTS(image, weight), "conv2d", "out_channels=2 kernel_size=3,2 inputs=weight,bias");
  REFUSED(word, "inputs", INPUTS(image, weight), "conv2d", "out_channels=2 kernel_size=3,2 inputs=input,kernel");
  REFUSED(type, "weight", INPUTS(image, "shape=2,4,3,2 batched=false dtype=integer"), "conv2d", text);
  REFUSED(shape, "[4, 2, 3, 2]", INPUTS(image, weight), "conv_transpose2d", text);
  REFUSED(shape, "[4, 1, 3, 2]", INPUTS(image, "shape=4,2,3,2 batched=false"), "conv_transpose2d", "out_channels=2 kernel_size=3,2 groups=2");
  REFUSED(shape, "weight", INPUTS("shape=4,6", "shape=2,4,3 batched=false"), "conv1d", "out_channels=2 kernel_size=2");
  REFUSED(shape, "weight", INPUTS("shape=4,6,6,6", "shape=2,4,3,3 batched=false"), "conv3d", "out_channels=2 kernel_size=3");
}

static void attention_with_weights(void) {
  const char *kind = "multihead_attention_with_weights", *text = "embed_dim=6 num_heads=2";
  REFUSED(word, "embed_dim", INPUTS("shape=3,6"), kind, "num_heads=2");
  REFUSED(word, "num_heads", INPUTS("shape=3,6"), kind, "embed_dim=6 num_heads=4");
  REFUSED(word, "average_attn_weights", INPUTS("shape=3,6"), kind, "embed_dim=6 num_heads=2 average_attn_weights=1");
  REFUSED(word, "need_weights", INPUTS("shape=3,6"), kind, "embed_dim=6 num_heads=2 need_weights=true");
  REFUSED(word, "batch_first", INPUTS("shape=3,6"), kind, "embed_dim=6 num_heads=2 batch_first=false");
  REFUSED(shape, "query", INPUTS("shape=3,5"), kind, text);
  REFUSED(shape, "key", INPUTS("shape=3,6", "shape=3,5"), kind, text);
  REFUSED(shape, "value", INPUTS("shape=3,6", "shape=3,6", "shape=4,6"), kind, text);
  REFUSED(shape, "attn_mask", INPUTS("shape=3,6", "shape=3,4 batched=false"), kind, "embed_dim=6 num_heads=2 inputs=query,attn_mask");
  REFUSED(shape, "key_padding_mask", INPUTS("shape=3,6", "shape=4"), kind, "embed_dim=6 num_heads=2 inputs=query,key_padding_mask");
  REFUSED(type, "", INPUTS("shape=3,6 dtype=integer"), kind, text);
  REFUSED(type, "", INPUTS("shape=3,6", "shape=3 dtype=integer"), kind, "embed_dim=6 num_heads=2 inputs=query,key_padding_mask");
}

/* A query that sees no key: nothing comes from its heads, and nothing goes back. */
static void nothing_to_see(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT64, 1);
  chainrule_context *context = NULL;
  chainrule_node nodes[2], both[2];
  double x[12], padding[4] = {1, 1, 0, 1}, y[12], weights[8], dx[12];
  chainrule_array in[2], out[2], gradient = chainrule_view(dx, CHAINRULE_FLOAT64, 3, 2, 2, 3, 0);
  int i;
  test_fill_float64(x, 12, 1);
  in[0] = out[0] = chainrule_view(x, CHAINRULE_FLOAT64, 3, 2, 2, 3, 0), in[1] = chainrule_matrix_float64(padding, 2, 2);
  out[0].data = y, out[1] = chainrule_view(weights, CHAINRULE_FLOAT64, 3, 2, 2, 2, 0);
  SUCCEEDS(chainrule_model_add(model, "input", "shape=2,3", &nodes[0]));
  SUCCEEDS(chainrule_model_add(model, "input", "shape=2", &nodes[1]));
  REQUIRE_OK(chainrule_model_add_node(model, "multihead_attention_with_weights", "embed_dim=3 num_heads=1 bias=false inputs=query,key_padding_mask",
                                      nodes, 2, &both[0]));
  both[1] = both[0] + 1;
  SUCCEEDS(chainrule_model_set_outputs(model, both, 2));
  REQUIRE_OK(chainrule_context_create(model, &context));
  SUCCEEDS(chainrule_context_forward(context, in, 1));
  SUCCEEDS(chainrule_context_backward(context, NULL));
  for (i = 0; i < 2; i++) SUCCEEDS(chainrule_context_output(context, (size_t)i, &out[i]));
  SUCCEEDS(chainrule_context_input_gradient(context, 0, &gradient));
  for (i = 0; i < 6; i++) CHECK(y[i] == 0 && dx[i] == 0);
  for (i = 0; i < 4; i++) CHECK(weights[i] == 0 && weights[4 + i] == (i % 2 == 0 ? 1 : 0));
  chainrule_context_free(context);
  chainrule_model_free(model);
}

int main(void) {
  TEST_MAIN("bad_inputs");
  RUN(unpools);
  RUN(places_outside);
  RUN(given_weights);
  RUN(attention_with_weights);
  RUN(nothing_to_see);
  return test_finish();
}
