/* A product reads a transposed operand where it lies: the same bits as of a copy, which is made where the transpose is an
   output of the model, forward and backward. */
#include "support.h"

enum { MOST = 2 * 40 * 40 };

static const struct {
  const char *name, *a, *b; /* the inputs' shapes; a transpose of either, or none */
  int turns_a, turns_b, rank;
  int64_t sizes[2][3], result[3];
} products[] = {
    {"second", "shape=33,17 batched=false", "shape=21,17 batched=false", 0, 1, 2, {{33, 17}, {21, 17}}, {33, 21}},
    {"first", "shape=17,33 batched=false", "shape=17,21 batched=false", 1, 0, 2, {{17, 33}, {17, 21}}, {33, 21}},
    {"both", "shape=17,33 batched=false", "shape=21,17 batched=false", 1, 1, 2, {{17, 33}, {21, 17}}, {33, 21}},
    {"several matrices", "shape=33,17", "shape=21,17", 0, 1, 3, {{2, 33, 17}, {2, 21, 17}}, {2, 33, 21}},
    {"a row", "shape=1,40 batched=false", "shape=21,40 batched=false", 0, 1, 2, {{1, 40}, {21, 40}}, {1, 21}},
    {"a column", "shape=40,33 batched=false", "shape=1,40 batched=false", 1, 1, 2, {{40, 33}, {1, 40}}, {33, 1}},
};

/* Results and gradients of the inputs, one behind the other; `keeps`: the transposes are outputs too. */
static uint64_t pass(size_t which, chainrule_dtype dtype, const char *compute, int keeps) {
  static double x[2][MOST], y[MOST], back[2][MOST], seed[MOST], zeros[MOST];
  chainrule_model *model = test_model(dtype, 1);
  chainrule_context *context = NULL;
  chainrule_array inputs[2], gradients[2], out, seeds[3] = {{0}};
  chainrule_node nodes[2], outputs[3];
  size_t size = dtype == CHAINRULE_FLOAT64 ? 8 : 4, count = 1;
  uint64_t hash = TEST_HASH_START;
  int side, output_count = 1, rank = products[which].rank;
  memset(back, 0, sizeof back);
  for (side = 0; side < 2; side++) {
    const int64_t *sizes = products[which].sizes[side];
    inputs[side] = chainrule_view(x[side], dtype, rank, sizes[0], sizes[1], sizes[2], 0);
    gradients[side] = inputs[side];
    gradients[side].data = back[side];
    SUCCEEDS(chainrule_model_add(model, "input", side ? products[which].b : products[which].a, &nodes[side]));
    if (dtype == CHAINRULE_FLOAT64) test_fill_float64(x[side], MOST, 51 + (unsigned)side);
    else test_fill((float *)x[side], MOST, 51 + (unsigned)side);
  }
  for (side = 0; side < 2; side++)
    if (side ? products[which].turns_b : products[which].turns_a) {
      SUCCEEDS(chainrule_model_add_node(model, "transpose", "", &nodes[side], 1, &nodes[side]));
      if (!keeps) continue;
      seeds[output_count] = inputs[side];
      seeds[output_count].data = zeros;
      seeds[output_count].shape[rank - 2] = inputs[side].shape[rank - 1];
      seeds[output_count].shape[rank - 1] = inputs[side].shape[rank - 2];
      outputs[output_count++] = nodes[side];
    }
  out = chainrule_view(y, dtype, rank, products[which].result[0], products[which].result[1], products[which].result[2], 0);
  for (side = 0; side < rank; side++) count *= (size_t)products[which].result[side];
  if (dtype == CHAINRULE_FLOAT64) test_fill_float64(seed, count, 53);
  else test_fill((float *)seed, count, 53);
  seeds[0] = out;
  seeds[0].data = seed;
  SUCCEEDS(chainrule_model_set_compute(model, compute));
  if (SUCCEEDS(chainrule_model_add_node(model, "matmul", "", nodes, 2, &outputs[0])) &&
      SUCCEEDS(chainrule_model_set_outputs(model, outputs, output_count)) && SUCCEEDS(chainrule_context_create(model, &context)) &&
      SUCCEEDS(chainrule_context_forward(context, inputs, 1))) {
    SUCCEEDS(chainrule_context_output(context, 0, &out));
    SUCCEEDS(chainrule_context_backward(context, seeds));
    for (side = 0; side < 2; side++) {
      SUCCEEDS(chainrule_context_input_gradient(context, side, &gradients[side]));
      hash = test_hash(hash, back[side], size * MOST);
    }
    hash = test_hash(hash, y, size * count);
  }
  chainrule_context_free(context);
  chainrule_model_free(model);
  return hash;
}

static void bits_of_copies(void) {
  static const struct {
    chainrule_dtype dtype;
    const char *compute;
  } numbers[] = {{CHAINRULE_FLOAT32, "float32"}, {CHAINRULE_FLOAT64, "float32"}, {CHAINRULE_FLOAT32, "bfloat16"}};
  size_t which, k;
  for (which = 0; which < sizeof products / sizeof *products; which++)
    for (k = 0; k < sizeof numbers / sizeof *numbers; k++) {
      test_case_part = products[which].name;
      CHECK(pass(which, numbers[k].dtype, numbers[k].compute, 0) == pass(which, numbers[k].dtype, numbers[k].compute, 1));
    }
}

int main(void) {
  TEST_MAIN("transposed");
  RUN(bits_of_copies);
  return test_finish();
}
