/* Recurrent layers: attributes, shapes, inputs and lengths that are refused, and that the handle goes on. */
#include "support.h"

static const unsigned word = BIT(CHAINRULE_ATTRIBUTE), shape = BIT(CHAINRULE_SHAPE);

/* Refused after input(shape=5,3). */
static void attributes_refused(void) {
  const struct {
    const char *kind, *attributes, *says;
    unsigned statuses;
  } cases[] = {
      {"lstm", "", "hidden_size", word},
      {"rnn", "hidden_size=0", "hidden_size", word},
      {"gru", "hidden_size=-4", "hidden_size", word},
      {"lstm", "hidden_size=1.5", "hidden_size", word},
      {"lstm", "hidden_size=16777217", "hidden_size", word},
      {"lstm", "hidden_size=9223372036854775807", "hidden_size", word},
      {"lstm", "hidden_size=4 num_layers=0", "num_layers", word},
      {"lstm", "hidden_size=4 num_layers=1025", "num_layers", word},
      {"gru", "hidden_size=4 input_size=0", "input_size", word},
      {"gru", "hidden_size=4 input_size=4", "last dimension 4", shape},
      {"rnn", "hidden_size=4 nonlinearity=sigmoid", "tanh|relu", word},
      {"lstm", "hidden_size=4 nonlinearity=tanh", "nonlinearity", word},
      {"lstm", "hidden_size=4 batch_first=false", "batch is always the first", word},
      {"gru", "hidden_size=4 batch_first=false", "batch is always the first", word},
      {"rnn", "hidden_size=4 bias=1", "bias", word},
      {"rnn", "hidden_size=4 dropout=1.5", "dropout", word},
      {"rnn", "hidden_size=4 dropout=-0.1", "dropout", word},
      {"rnn", "hidden_size=4 dropout=nan", "dropout", word},
      {"lstm", "hidden_size=4 bidirectional=2", "bidirectional", word},
      {"lstm", "hidden_size=4 proj_size=4", "less than hidden_size 4", word},
      {"lstm", "hidden_size=4 proj_size=5", "less than hidden_size 4", word},
      {"lstm", "hidden_size=4 proj_size=-1", "proj_size", word},
      {"gru", "hidden_size=4 proj_size=2", "proj_size", word},
      {"rnn", "hidden_size=4 proj_size=2", "proj_size", word},
      {"lstm", "hidden_size=4 inputs=lengths", "input", word},
      {"lstm", "hidden_size=4 inputs=c_0", "input", word},
      {"lstm", "hidden_size=4 inputs=input,h_0", "1 of", word},
      {"lstm_cell", "hidden_size=4", "[batch, features]", shape},
      {"gru_cell", "hidden_size=4 num_layers=2", "num_layers", word},
      {"rnn_cell", "hidden_size=4 batch_first=true", "batch_first", word},
      {"lstm_cell", "hidden_size=4 nonlinearity=relu", "nonlinearity", word},
      {"rnn_cell", "hidden_size=4 nonlinearity=relu6", "nonlinearity", word},
      {"lstm", "hidden_size=16777216 num_layers=1024 bidirectional=true", NULL, shape | BIT(CHAINRULE_OUT_OF_MEMORY)},
  };
  size_t i;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) {
    chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
    chainrule_node node;
    int before = test_case_failures;
    test_add(model, "input", "shape=5,3");
    test_poison(&node, sizeof node);
    if (cases[i].says != NULL) {
      FAILS_WITH(cases[i].statuses, cases[i].says, chainrule_model_add(model, cases[i].kind, cases[i].attributes, &node));
    } else {
      FAILS_ONE_OF(cases[i].statuses, chainrule_model_add(model, cases[i].kind, cases[i].attributes, &node));
    }
    CHECK_UNTOUCHED(node);
    SUCCEEDS(chainrule_model_add(model, "lstm", "hidden_size=2", &node));
    CHECK_EQUAL(node, 1);
    if (test_case_failures != before) printf("#   in: \"%s\" \"%s\"\n", cases[i].kind, cases[i].attributes);
    chainrule_model_free(model);
  }
}

/* Inputs that do not fit each other: the texts of up to four input nodes, then the layer's. */
static void inputs_refused(void) {
  static const struct {
    const char *inputs[4], *kind, *attributes, *says;
    chainrule_status status;
  } cases[] = {
      {{"shape=5"}, "lstm", "hidden_size=4", "[batch, time, features]", CHAINRULE_SHAPE},
      {{"shape=5,3,2"}, "gru", "hidden_size=4", "[batch, time, features]", CHAINRULE_SHAPE},
      {{"shape=0,3"}, "rnn", "hidden_size=4", "1 or more", CHAINRULE_SHAPE},
      {{"shape=5,0"}, "rnn", "hidden_size=4", "1 or more", CHAINRULE_SHAPE},
      {{"shape=0"}, "rnn_cell", "hidden_size=4", "1 or more", CHAINRULE_SHAPE},
      {{"shape=5,3 dtype=integer"}, "rnn", "hidden_size=4", "real numbers", CHAINRULE_DTYPE},
      {{"shape=5,3", "shape=4"}, "gru", "hidden_size=4", "[batch, 1, 4]", CHAINRULE_SHAPE},
      {{"shape=5,3", "shape=1,5"}, "gru", "hidden_size=4", "[batch, 1, 4]", CHAINRULE_SHAPE},
      {{"shape=5,3", "shape=1,4"}, "gru", "hidden_size=4 bidirectional=true", "[batch, 2, 4]", CHAINRULE_SHAPE},
      {{"shape=5,3", "shape=2,4"}, "gru", "hidden_size=4 bidirectional=true num_layers=2", "[batch, 4, 4]", CHAINRULE_SHAPE},
      {{"shape=5,3", "shape=1,4 dtype=integer"}, "gru", "hidden_size=4", "real numbers", CHAINRULE_DTYPE},
      {{"shape=5,3", "shape=1,4", "shape=1,3"}, "lstm", "hidden_size=4", "c_0", CHAINRULE_SHAPE},
      {{"shape=5,3", "shape=1,4", "shape=1,4"}, "lstm", "hidden_size=4 proj_size=2", "[batch, 1, 2]", CHAINRULE_SHAPE},
      {{"shape=5,3", "shape=1,2", "shape=1,2"}, "lstm", "hidden_size=4 proj_size=2", "[batch, 1, 4]", CHAINRULE_SHAPE},
      {{"shape=5,3", "shape=1 dtype=integer"}, "lstm", "hidden_size=4 inputs=input,lengths", "[batch]", CHAINRULE_SHAPE},
      {{"shape=5,3", "shape="}, "lstm", "hidden_size=4 inputs=input,lengths", "whole numbers", CHAINRULE_DTYPE},
      {{"shape=5,3", "shape= dtype=integer"}, "lstm", "hidden_size=4", "h_0", CHAINRULE_DTYPE},
      {{"shape=5,3", "shape=1,4", "shape=1,4"}, "lstm", "hidden_size=4 inputs=input,h_0,h_0", "each once", CHAINRULE_ATTRIBUTE},
      {{"shape=5,3", "shape=1,4", "shape=1,4", "shape="}, "gru", "hidden_size=4", "1 to 3", CHAINRULE_INVALID_ARGUMENT},
      {{"shape=5,3", "shape=1,4"}, "gru", "hidden_size=4 inputs=input,c_0", "h_0", CHAINRULE_ATTRIBUTE},
      {{"shape=3", "shape=5"}, "gru_cell", "hidden_size=4", "[batch, 4]", CHAINRULE_SHAPE},
      {{"shape=3", "shape=4", "shape=5"}, "lstm_cell", "hidden_size=4", "c_0", CHAINRULE_SHAPE},
      {{"shape=3", "shape=4", "shape=4"}, "gru_cell", "hidden_size=4", "1 to 2", CHAINRULE_INVALID_ARGUMENT},
      {{"shape=3 batched=false", "shape=4"}, "gru_cell", "hidden_size=4", "[batch, features]", CHAINRULE_SHAPE},
      {{"shape=2,3 batched=false", "shape=4"}, "gru_cell", "hidden_size=4", "[2, 4]", CHAINRULE_SHAPE},
  };
  size_t i;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) {
    chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
    chainrule_node inputs[4] = {0, 1, 2, 3}, node;
    size_t count = 0;
    int before = test_case_failures;
    while (count < 4 && cases[i].inputs[count] != NULL) test_add(model, "input", cases[i].inputs[count++]);
    test_poison(&node, sizeof node);
    FAILS_SAYING(cases[i].status, cases[i].says,
                 chainrule_model_add_node(model, cases[i].kind, cases[i].attributes, inputs, count, &node));
    CHECK_UNTOUCHED(node);
    SUCCEEDS(chainrule_model_add_node(model, "identity", "", inputs, 1, &node));
    if (test_case_failures != before) printf("#   case %d: %s \"%s\"\n", (int)i, cases[i].kind, cases[i].attributes);
    chainrule_model_free(model);
  }
}

/* Lengths out of 0 to time: an error that names the layer, which one, and what it may be; then all goes on. */
static void lengths_refused(void) {
  static float x[3 * 5 * 2], y[3 * 5 * 4];
  static int32_t lengths[3];
  static const int32_t wrong[] = {-1, 6, INT32_MAX, INT32_MIN};
  chainrule_array inputs[2] = {chainrule_view(x, CHAINRULE_FLOAT32, 3, 3, 5, 2, 0), chainrule_labels(lengths, 3)};
  chainrule_array out = chainrule_view(y, CHAINRULE_FLOAT32, 3, 3, 5, 4, 0);
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  chainrule_context *context = NULL;
  chainrule_node nodes[2] = {0, 1}, node;
  size_t i;
  test_fill(x, sizeof x / sizeof *x, 3);
  test_add(model, "input", "shape=5,2");
  test_add(model, "input", "shape= dtype=integer");
  REQUIRE_OK(chainrule_model_add_node(model, "gru", "hidden_size=4 inputs=input,lengths name=reader", nodes, 2, &node));
  REQUIRE_OK(chainrule_model_set_outputs(model, &node, 1));
  REQUIRE_OK(chainrule_context_create(model, &context));
  for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    lengths[0] = 5, lengths[1] = wrong[i], lengths[2] = 0;
    FAILS_SAYING(CHAINRULE_VALUE, "0 to 5", chainrule_model_predict(model, inputs, &out));
    FAILS_SAYING(CHAINRULE_VALUE, "element 1", chainrule_context_forward(context, inputs, 1));
    CHECK(strstr(chainrule_last_error()->node, "reader") != NULL);
    lengths[1] = 2;
    SUCCEEDS(chainrule_model_predict(model, inputs, &out));
    SUCCEEDS(chainrule_context_forward(context, inputs, 1));
    SUCCEEDS(chainrule_context_backward(context, NULL));
  }
  chainrule_context_free(context);
  chainrule_model_free(model);
}

/* Sizes that no memory holds, seen only when the batch is known. */
static void too_large(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT64, 0);
  chainrule_context *context = NULL;
  static float x[2];
  int64_t most = (int64_t)1 << 38;
  chainrule_array in;
  test_add(model, "input", "shape=1,1");
  test_add(model, "lstm", "hidden_size=4096 proj_size=1");
  REQUIRE_OK(chainrule_context_create(model, &context));
  in = chainrule_view(x, CHAINRULE_FLOAT64, 3, most, 1, 1, 0);
  in.strided = 1; /* every sample is the same number */
  FAILS_ONE_OF(shape | BIT(CHAINRULE_OUT_OF_MEMORY), chainrule_context_forward(context, &in, 1));
  in = chainrule_view(x, CHAINRULE_FLOAT64, 3, 1, 1, 1, 0);
  SUCCEEDS(chainrule_context_forward(context, &in, 1));
  SUCCEEDS(chainrule_context_backward(context, NULL));
  chainrule_context_free(context);
  chainrule_model_free(model);
}

int main(void) {
  TEST_MAIN("bad_recurrent");
  RUN(attributes_refused);
  RUN(inputs_refused);
  RUN(lengths_refused);
  RUN(too_large);
  return test_finish();
}
