/* Attention: what is refused, and that work cut in other ways gives the same bits. */
#define _DEFAULT_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "support.h"

enum { MOST = 8 };

#define INPUTS(...) ((const char *const[]){__VA_ARGS__, NULL})
/* A node of these inputs (texts) is refused, and the model stays usable. */
#define REFUSED(mask, word, inputs, kind, attributes) (test_mark(), refused((mask), (word), (inputs), (kind), (attributes), __LINE__))

static void refused(unsigned mask, const char *word, const char *const *inputs, const char *kind, const char *attributes, int line) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  chainrule_node nodes[MOST], node = 0;
  size_t count = 0;
  for (; inputs[count]; count++)
    if (!SUCCEEDS(chainrule_model_add_node(model, "input", inputs[count], NULL, 0, &nodes[count]))) return;
  test_mark();
  test_fails(mask, word, chainrule_model_add_node(model, kind, attributes, nodes, count, &node), "chainrule_model_add_node(", __FILE__, line);
  /* The handle stays usable. */
  SUCCEEDS(chainrule_model_add_node(model, "identity", "", nodes, 1, &node));
  chainrule_model_free(model);
}

static const unsigned word = BIT(CHAINRULE_ATTRIBUTE), shape = BIT(CHAINRULE_SHAPE), count = BIT(CHAINRULE_INVALID_ARGUMENT), type = BIT(CHAINRULE_DTYPE);

static void products(void) {
  const char *kind = "scaled_dot_product_attention";
  REFUSED(count, "inputs", INPUTS("shape=2,3,4"), kind, "");
  REFUSED(count, "inputs", INPUTS("shape=2,3,4", "shape=2,3,4"), kind, "");
  REFUSED(count, "inputs", INPUTS("shape=2,3,4", "shape=2,3,4", "shape=2,3,4", "shape=3,3", "shape=3,3"), kind, "");
  REFUSED(shape, "query", INPUTS("shape=4", "shape=4", "shape=4"), kind, "");
  REFUSED(shape, "query", INPUTS("shape=2,2,3,4", "shape=2,2,3,4", "shape=2,2,3,4"), kind, "");
  REFUSED(shape, "query", INPUTS("shape=2,3,0", "shape=2,3,0", "shape=2,3,0"), kind, "");
  REFUSED(shape, "key", INPUTS("shape=2,3,4", "shape=2,3,5", "shape=2,3,5"), kind, "");
  REFUSED(shape, "key", INPUTS("shape=2,3,4", "shape=1,3,4", "shape=1,3,4"), kind, "");
  REFUSED(shape, "key", INPUTS("shape=2,3,4", "shape=3,4", "shape=3,4"), kind, "");
  REFUSED(shape, "key", INPUTS("shape=2,3,4", "shape=5,2,3,4 batched=false", "shape=5,2,3,4 batched=false"), kind, "");
  REFUSED(shape, "value", INPUTS("shape=2,3,4", "shape=2,3,4", "shape=2,4,4"), kind, "");
  REFUSED(shape, "value", INPUTS("shape=2,3,4", "shape=2,3,4", "shape=2,3,0"), kind, "");
  REFUSED(shape, "attn_mask", INPUTS("shape=2,3,4", "shape=2,5,4", "shape=2,5,4", "shape=3,4 batched=false"), kind, "");
  REFUSED(shape, "attn_mask", INPUTS("shape=2,3,4", "shape=2,5,4", "shape=2,5,4", "shape=3,5"), kind, "");
  REFUSED(shape, "attn_mask", INPUTS("shape=2,3,4", "shape=2,5,4", "shape=2,5,4", "shape=5 batched=false"), kind, "");
  REFUSED(shape, "attn_mask", INPUTS("shape=1,3,4", "shape=1,5,4", "shape=1,5,4", "shape=2,3,5 batched=false"), kind, "");
  REFUSED(type, "query", INPUTS("shape=2,3,4 dtype=integer", "shape=2,5,4", "shape=2,5,4"), kind, "");
  REFUSED(type, "attn_mask", INPUTS("shape=2,3,4", "shape=2,3,4", "shape=2,3,4", "shape=3,3 dtype=integer batched=false"), kind, "");
  REFUSED(word, "dropout_p", INPUTS("shape=2,3,4", "shape=2,3,4", "shape=2,3,4"), kind, "dropout_p=1.5");
  REFUSED(word, "scale", INPUTS("shape=2,3,4", "shape=2,3,4", "shape=2,3,4"), kind, "scale=inf");
  REFUSED(word, "is_causal", INPUTS("shape=2,3,4", "shape=2,3,4", "shape=2,3,4"), kind, "is_causal=1");
  REFUSED(word, "inputs", INPUTS("shape=2,3,4", "shape=2,3,4", "shape=2,3,4"), kind, "inputs=query,key,attn_mask");
}

static void multiheads(void) {
  const char *kind = "multihead_attention";
  REFUSED(word, "embed_dim", INPUTS("shape=3,6"), kind, "num_heads=2");
  REFUSED(word, "num_heads", INPUTS("shape=3,6"), kind, "embed_dim=6");
  REFUSED(word, "num_heads", INPUTS("shape=3,6"), kind, "embed_dim=6 num_heads=4");
  REFUSED(word, "num_heads", INPUTS("shape=3,6"), kind, "embed_dim=6 num_heads=0");
  REFUSED(word, "num_heads", INPUTS("shape=3,6"), kind, "embed_dim=6 num_heads=12");
  REFUSED(word, "sizes", INPUTS("shape=3,6"), kind, "embed_dim=1099511627776 num_heads=1");
  REFUSED(word, "sizes", INPUTS("shape=3,6"), kind, "embed_dim=6 num_heads=1 kdim=1099511627776");
  REFUSED(word, "batch_first", INPUTS("shape=3,6"), kind, "embed_dim=6 num_heads=2 batch_first=false");
  REFUSED(word, "dropout", INPUTS("shape=3,6"), kind, "embed_dim=6 num_heads=2 dropout=-1");
  REFUSED(shape, "query", INPUTS("shape=6"), kind, "embed_dim=6 num_heads=2");
  REFUSED(shape, "query", INPUTS("shape=2,3,6"), kind, "embed_dim=6 num_heads=2");
  REFUSED(shape, "query", INPUTS("shape=3,5"), kind, "embed_dim=6 num_heads=2");
  REFUSED(shape, "key", INPUTS("shape=3,6"), kind, "embed_dim=6 num_heads=2 kdim=5");
  REFUSED(shape, "key", INPUTS("shape=3,6", "shape=4,5"), kind, "embed_dim=6 num_heads=2");
  REFUSED(shape, "key", INPUTS("shape=3,6", "shape=9,4,6 batched=false"), kind, "embed_dim=6 num_heads=2");
  REFUSED(shape, "value", INPUTS("shape=3,6", "shape=4,6", "shape=5,6"), kind, "embed_dim=6 num_heads=2");
  REFUSED(shape, "value", INPUTS("shape=3,6", "shape=4,6"), kind, "embed_dim=6 num_heads=2 vdim=5");
  REFUSED(word, "key", INPUTS("shape=3,6", "shape=3,6"), kind, "embed_dim=6 num_heads=2 inputs=query,value");
  REFUSED(word, "inputs", INPUTS("shape=3,6", "shape=3,6"), kind, "embed_dim=6 num_heads=2 inputs=query,mask");
  REFUSED(shape, "key_padding_mask", INPUTS("shape=3,6", "shape=4"), kind, "embed_dim=6 num_heads=2 inputs=query,key_padding_mask");
  REFUSED(shape, "key_padding_mask", INPUTS("shape=3,6", "shape=3,3"), kind, "embed_dim=6 num_heads=2 inputs=query,key_padding_mask");
  REFUSED(shape, "attn_mask", INPUTS("shape=3,6", "shape=3"), kind, "embed_dim=6 num_heads=2 inputs=query,attn_mask");
  REFUSED(shape, "attn_mask", INPUTS("shape=3,6", "shape=3,3"), kind, "embed_dim=6 num_heads=2 inputs=query,attn_mask");
  REFUSED(shape, "attn_mask", INPUTS("shape=3,6", "shape=3,4 batched=false"), kind, "embed_dim=6 num_heads=2 inputs=query,attn_mask");
  REFUSED(type, "query", INPUTS("shape=3,6 dtype=integer"), kind, "embed_dim=6 num_heads=2");
  REFUSED(count, "inputs", INPUTS("shape=3,6", "shape=3,6", "shape=3,6", "shape=3", "shape=3,3 batched=false", "shape=3"), kind, "embed_dim=6 num_heads=2");
}

static void transformers(void) {
  REFUSED(word, "d_model", INPUTS("shape=3,6"), "transformer_encoder_layer", "nhead=2");
  REFUSED(word, "num_heads", INPUTS("shape=3,6"), "transformer_encoder_layer", "d_model=6 nhead=4");
  REFUSED(shape, "6", INPUTS("shape=3,6"), "transformer_encoder_layer", "d_model=8 nhead=4");
  REFUSED(word, "activation", INPUTS("shape=3,6"), "transformer_encoder_layer", "d_model=6 nhead=2 activation=tanh");
  REFUSED(word, "dropout", INPUTS("shape=3,6"), "transformer_encoder_layer", "d_model=6 nhead=2 dropout=2");
  REFUSED(word, "batch_first", INPUTS("shape=3,6"), "transformer_encoder_layer", "d_model=6 nhead=2 batch_first=false");
  REFUSED(word, "dim_feedforward", INPUTS("shape=3,6"), "transformer_encoder_layer", "d_model=6 nhead=2 dim_feedforward=0");
  REFUSED(shape, "key_padding_mask", INPUTS("shape=3,6", "shape=4"), "transformer_encoder_layer", "d_model=6 nhead=2 inputs=src,src_key_padding_mask");
  REFUSED(count, "inputs", INPUTS("shape=3,6"), "transformer_decoder_layer", "d_model=6 nhead=2");
  REFUSED(shape, "key", INPUTS("shape=3,6", "shape=3,5"), "transformer_decoder_layer", "d_model=6 nhead=2");
  REFUSED(word, "num_layers", INPUTS("shape=3,6"), "transformer_encoder", "d_model=6 nhead=2");
  REFUSED(word, "num_layers", INPUTS("shape=3,6"), "transformer_encoder", "d_model=6 nhead=2 num_layers=0");
  REFUSED(word, "num_layers", INPUTS("shape=3,6", "shape=3,6"), "transformer_decoder", "d_model=6 nhead=2 num_layers=100000");
  REFUSED(word, "num_encoder_layers", INPUTS("shape=3,6", "shape=3,6"), "transformer", "d_model=6 nhead=2 num_encoder_layers=0");
  REFUSED(shape, "query", INPUTS("shape=3,6", "shape=3,6"), "transformer", "");
}

static void positions(void) {
  REFUSED(shape, "max_len", INPUTS("shape=6,4"), "sinusoidal_positions", "max_len=5");
  REFUSED(shape, "input", INPUTS("shape=4"), "sinusoidal_positions", "");
  REFUSED(shape, "2^25", INPUTS("shape=5000,10000"), "sinusoidal_positions", "");
  REFUSED(word, "max_len", INPUTS("shape=6,4"), "sinusoidal_positions", "max_len=0");
  REFUSED(shape, "even", INPUTS("shape=6,5"), "rotary_embedding", "");
  REFUSED(shape, "even", INPUTS("shape=6"), "rotary_embedding", "");
  REFUSED(shape, "2^25", INPUTS("shape=1048576,1048576"), "rotary_embedding", "");
  REFUSED(word, "base", INPUTS("shape=6,4"), "rotary_embedding", "base=0");
}

/* ---- one sample alone (each gradient in pieces of its own) and among sixteen (one piece for a head) ---- */

enum { LENGTH = 150, SIZE = 5, BATCH = 16 };

static void run(const char *attributes, size_t batch, const float *x, const float *seed, float *output, float *gradients) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  chainrule_node nodes[3];
  chainrule_context *context = NULL;
  const size_t part = batch * LENGTH * SIZE;
  chainrule_array inputs[3], seeds, result;
  int i;
  for (i = 0; i < 3; i++) {
    REQUIRE_OK(chainrule_model_add_node(model, "input", "shape=150,5", NULL, 0, &nodes[i]));
    inputs[i] = chainrule_view((float *)x + (size_t)i * BATCH * LENGTH * SIZE, CHAINRULE_FLOAT32, 3, (int64_t)batch, LENGTH, SIZE, 0);
  }
  REQUIRE_OK(chainrule_model_add_node(model, "scaled_dot_product_attention", attributes, nodes, 3, NULL));
  REQUIRE_OK(chainrule_context_create(model, &context));
  REQUIRE_OK(chainrule_context_forward(context, inputs, 1));
  result = chainrule_view(output, CHAINRULE_FLOAT32, 3, (int64_t)batch, LENGTH, SIZE, 0);
  REQUIRE_OK(chainrule_context_output(context, 0, &result));
  seeds = chainrule_view((float *)seed, CHAINRULE_FLOAT32, 3, (int64_t)batch, LENGTH, SIZE, 0);
  REQUIRE_OK(chainrule_context_backward(context, &seeds));
  for (i = 0; i < 3; i++) {
    result = chainrule_view(gradients + (size_t)i * part, CHAINRULE_FLOAT32, 3, (int64_t)batch, LENGTH, SIZE, 0);
    REQUIRE_OK(chainrule_context_input_gradient(context, (size_t)i, &result));
  }
  chainrule_context_free(context);
  chainrule_model_free(model);
}

static void same_bits(const char *attributes) {
  static float x[3 * BATCH * LENGTH * SIZE], seed[BATCH * LENGTH * SIZE], all[BATCH * LENGTH * SIZE], gradients[3 * BATCH * LENGTH * SIZE];
  static float alone[LENGTH * SIZE], own[3 * LENGTH * SIZE];
  uint64_t state = 11;
  size_t i;
  for (i = 0; i < sizeof x / sizeof *x; i++) x[i] = test_random(&state, -1.0f, 1.0f);
  for (i = 0; i < sizeof seed / sizeof *seed; i++) seed[i] = test_random(&state, -1.0f, 1.0f);
  run(attributes, BATCH, x, seed, all, gradients);
  run(attributes, 1, x, seed, alone, own);
  CHECK(memcmp(all, alone, sizeof alone) == 0);
  for (i = 0; i < 3; i++)
    CHECK(memcmp(gradients + i * BATCH * LENGTH * SIZE, own + i * LENGTH * SIZE, sizeof alone) == 0);
}

static void same_bits_in_a_batch(void) {
  same_bits("");
  same_bits("is_causal=true");
}

/* Dropped weights: the mean of the output stays, and the same step draws the same ones again. */
static void dropped_weights(void) {
  static float x[3 * BATCH * LENGTH * SIZE], seed[BATCH * LENGTH * SIZE], all[BATCH * LENGTH * SIZE], gradients[3 * BATCH * LENGTH * SIZE];
  static float again[BATCH * LENGTH * SIZE], other[3 * BATCH * LENGTH * SIZE];
  double output = 0, product = 0;
  size_t i, part = BATCH * LENGTH * SIZE;
  for (i = 0; i < 2 * part; i++) x[i] = 0;
  for (; i < 3 * part; i++) x[i] = 1;
  for (i = 0; i < part; i++) seed[i] = 1;
  run("dropout_p=0.25", BATCH, x, seed, all, gradients);
  run("dropout_p=0.25", BATCH, x, seed, again, other);
  CHECK(memcmp(all, again, sizeof all) == 0);
  CHECK(memcmp(gradients, other, sizeof gradients) == 0);
  for (i = 0; i < part; i++) output += all[i] / part;
  CHECK_NEAR(output, 1, 0.005);
  CHECK(all[0] != all[SIZE]);
  /* The output is linear in the values: the gradient times the values is the output. */
  for (i = 0; i < part; i++) product += gradients[2 * part + i] / part;
  CHECK_NEAR(product, output, 1e-5);
  run("dropout_p=1", BATCH, x, seed, all, gradients);
  for (i = 0; i < part; i++) CHECK(all[i] == 0);
}

/* ---- arrays that end where memory ends ---- */

static float *at_the_end(size_t count, uint64_t seed) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (count * sizeof(float) + page - 1) / page * page;
  char *memory = (char *)mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  float *values;
  if (memory == MAP_FAILED || mprotect(memory + room, page, PROT_NONE) != 0) return NULL;
  values = (float *)(memory + room) - count;
  test_fill(values, count, seed);
  return values;
}

static void ends_of_arrays(void) {
  static const int sizes[][4] = {{1, 1, 1, 1}, {3, 5, 7, 3}, {17, 33, 16, 17}, {65, 131, 5, 37}, {2, 129, 67, 1}};
  size_t k;
  for (k = 0; k < sizeof sizes / sizeof *sizes; k++) {
    const int time = sizes[k][0], keys = sizes[k][1], size = sizes[k][2], wide = sizes[k][3];
    const int shapes[4][2] = {{time, size}, {keys, size}, {keys, wide}, {time, keys}};
    chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
    chainrule_node nodes[4];
    chainrule_array inputs[4], output;
    char text[60];
    int i;
    for (i = 0; i < 4; i++) {
      float *values = at_the_end(2 * (size_t)shapes[i][0] * (size_t)shapes[i][1], (uint64_t)i);
      REQUIRE(values != NULL);
      snprintf(text, sizeof text, "shape=%d,%d", shapes[i][0], shapes[i][1]);
      REQUIRE_OK(chainrule_model_add_node(model, "input", text, NULL, 0, &nodes[i]));
      inputs[i] = chainrule_view(values, CHAINRULE_FLOAT32, 3, 2, shapes[i][0], shapes[i][1], 0);
    }
    output = chainrule_view(at_the_end(2 * (size_t)time * (size_t)wide, 9), CHAINRULE_FLOAT32, 3, 2, time, wide, 0);
    REQUIRE_OK(chainrule_model_add_node(model, "scaled_dot_product_attention", "", nodes, 4, NULL));
    REQUIRE_OK(chainrule_model_predict(model, inputs, &output));
    chainrule_model_free(model);
  }
}

/* ---- no queries, no keys ---- */

static void nothing_to_see(void) {
  static const int sizes[][2] = {{3, 0}, {0, 3}, {0, 0}};
  size_t k;
  for (k = 0; k < sizeof sizes / sizeof *sizes; k++) {
    const int time = sizes[k][0], keys = sizes[k][1];
    float x[3][24], y[24], bias[4] = {1, 2, 3, 4}, gradient[24];
    chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
    chainrule_context *context = NULL;
    chainrule_node nodes[2], outputs[2];
    chainrule_array inputs[2], result, seeds[2];
    char text[60];
    int i;
    for (i = 0; i < 2; i++) {
      test_fill(x[i], 24, (uint64_t)i);
      snprintf(text, sizeof text, "shape=%d,4", i ? keys : time);
      REQUIRE_OK(chainrule_model_add_node(model, "input", text, NULL, 0, &nodes[i]));
      inputs[i] = chainrule_view(x[i], CHAINRULE_FLOAT32, 3, 2, i ? keys : time, 4, 0);
    }
    {
      const chainrule_node three[3] = {nodes[0], nodes[1], nodes[1]};
      REQUIRE_OK(chainrule_model_add_node(model, "scaled_dot_product_attention", "is_causal=true", three, 3, &outputs[0]));
    }
    REQUIRE_OK(chainrule_model_add_node(model, "multihead_attention", "embed_dim=4 num_heads=2 name=a", nodes, 2, &outputs[1]));
    REQUIRE_OK(chainrule_model_set_outputs(model, outputs, 2));
    result = chainrule_vector(bias, 4);
    REQUIRE_OK(chainrule_model_set_parameter(model, "a.out_proj.bias", &result));
    REQUIRE_OK(chainrule_context_create(model, &context));
    REQUIRE_OK(chainrule_context_forward(context, inputs, 1));
    for (i = 0; i < 2; i++) {
      int j;
      test_poison(y, sizeof y);
      result = chainrule_view(y, CHAINRULE_FLOAT32, 3, 2, time, 4, 0);
      REQUIRE_OK(chainrule_context_output(context, (size_t)i, &result));
      for (j = 0; j < 2 * time * 4; j++) CHECK(y[j] == (i ? bias[j % 4] : 0.0f));
      seeds[i] = chainrule_view(x[0], CHAINRULE_FLOAT32, 3, 2, time, 4, 0);
    }
    REQUIRE_OK(chainrule_context_backward(context, seeds));
    for (i = 0; i < 2; i++) {
      int j;
      test_poison(gradient, sizeof gradient);
      result = chainrule_view(gradient, CHAINRULE_FLOAT32, 3, 2, i ? keys : time, 4, 0);
      REQUIRE_OK(chainrule_context_input_gradient(context, (size_t)i, &result));
      for (j = 0; j < 2 * (i ? keys : time) * 4; j++) CHECK(gradient[j] == 0);
    }
    chainrule_context_free(context);
    chainrule_model_free(model);
  }
}

int main(void) {
  TEST_MAIN("bad_attention");
  RUN(products);
  RUN(multiheads);
  RUN(transformers);
  RUN(positions);
  RUN(same_bits_in_a_batch);
  RUN(dropped_weights);
  RUN(ends_of_arrays);
  RUN(nothing_to_see);
  return test_finish();
}
