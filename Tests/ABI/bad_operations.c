/*
 * Operations and activations: attributes, shapes and indices that are refused, and how; what is drawn in training;
 * empty and extreme shapes. After every refusal the model goes on.
 */
#include "support.h"

static const unsigned refused = BIT(CHAINRULE_ATTRIBUTE) | BIT(CHAINRULE_INVALID_ARGUMENT) | BIT(CHAINRULE_SHAPE);

typedef struct {
  const char *kind, *attributes, *inputs, *says; /* inputs: nodes, as digits */
} BadCase;

/* 0: [batch, 8], 1: [batch, 3, 4], 2: [batch, 3, 4], 3: indices [batch, 3, 2], 4: indices [5] without a batch,
   5: [4, 4] without a batch, 6: [batch, 3, 0] */
static chainrule_model *stage(chainrule_dtype dtype) {
  chainrule_model *model = test_model(dtype, 0);
  test_add(model, "input", "shape=8");
  test_add(model, "input", "shape=3,4");
  test_add(model, "input", "shape=3,4");
  test_add(model, "input", "shape=3,2 dtype=integer");
  test_add(model, "input", "shape=5 batched=false dtype=integer");
  test_add(model, "parameter", "shape=4,4 name=square");
  test_add(model, "input", "shape=3,0");
  return model;
}

static void refuse(const BadCase *cases, size_t count, unsigned statuses) {
  size_t i;
  for (i = 0; i < count; i++) {
    chainrule_model *model = stage(CHAINRULE_FLOAT32);
    chainrule_node node, inputs[8];
    size_t number = strlen(cases[i].inputs), k;
    int before = test_case_failures;
    for (k = 0; k < number; k++) inputs[k] = cases[i].inputs[k] - '0';
    test_poison(&node, sizeof node);
    FAILS_WITH(statuses, cases[i].says, chainrule_model_add_node(model, cases[i].kind, cases[i].attributes, inputs, number, &node));
    CHECK_UNTOUCHED(node);
    inputs[0] = 0;
    SUCCEEDS(chainrule_model_add_node(model, "relu", "", inputs, 1, &node));
    CHECK_EQUAL(node, 7);
    if (test_case_failures != before) printf("#   in: \"%s\" \"%s\"\n", cases[i].kind, cases[i].attributes);
    chainrule_model_free(model);
  }
}

static void elementwise(void) {
  static const BadCase cases[] = {
      {"clip", "", "0", "min"}, {"clip", "min=a", "0", "min"}, {"clip", "min=nan", "0", "min"}, {"clip", "lowest=1", "0", "lowest"},
      {"round", "decimals=31", "0", "decimals"}, {"round", "decimals=0.5", "0", "decimals"}, {"celu", "alpha=0", "0", "alpha"},
      {"threshold", "", "0", "threshold"}, {"threshold", "threshold=1", "0", "value"}, {"hardshrink", "lambd=-1", "0", "lambd"},
      {"softshrink", "lambd=-0.1", "0", "lambd"}, {"rrelu", "lower=0.5 upper=0.25", "0", "lower"}, {"rrelu", "upper=inf", "0", "upper"},
      {"prelu", "num_parameters=5", "1", "num_parameters"}, {"prelu", "num_parameters=0", "1", "num_parameters"},
      {"prelu", "init=x", "1", "init"}, {"glu", "dim=1", "1", "even"}, {"glu", "dim=0", "1", "even"}, {"glu", "dim=4", "1", "dim"},
      {"swiglu", "dim=-4", "1", "dim"}, {"softmin", "dim=2", "0", "dim"}, {"softmax2d", "", "1", "softmax2d"}, {"tan", "x=1", "0", "x"},
      {"minimum", "", "0", "value"}, {"minimum", "value=1", "00", "value"}, {"minimum", "", "01", "broadcast"}, {"eq", "", "0", "value"},
      {"eq", "value=inf", "0", "value"}, {"where", "", "00", "value"}, {"where", "value=1", "000", "value"}, {"where", "", "0", "inputs"},
      {"where", "inputs=input,other value=1", "00", "inputs"}, {"where", "", "001", "broadcast"}, {"lerp", "", "00", "weight"},
      {"lerp", "value=1", "000", "weight"}, {"lerp", "value=1", "01", "broadcast"},
      {"bilinear", "", "00", "out_features"}, {"bilinear", "out_features=2", "01", "bilinear"},
      {"bilinear", "out_features=2 in1_features=9", "00", "in1_features"}, {"bilinear", "out_features=2 in2_features=9", "00", "in2_features"},
      {"bilinear", "out_features=0", "00", "out_features"}, {"bilinear", "out_features=2", "66", "bilinear"},
      {"bilinear", "out_features=2", "0", "inputs"}, {"cosine_similarity", "dim=2", "00", "dim"}, {"cosine_similarity", "eps=-1", "00", "eps"},
      {"cosine_similarity", "", "01", NULL}, {"pairwise_distance", "p=two", "00", "p"}, {"pairwise_distance", "p=nan", "00", "p"}};
  refuse(cases, sizeof cases / sizeof *cases, refused);
}

static void reductions(void) {
  static const BadCase cases[] = {
      {"max", "dim=3", "1", "dim"}, {"max", "dim=1,1", "1", "dim"}, {"max", "dim=1,-2", "1", "dim"}, {"max", "dim=2", "6", "element"},
      {"min", "dim=x", "1", "dim"}, {"min", "keepdim=yes", "1", "keepdim"}, {"prod", "dim=-4", "1", "dim"}, {"logsumexp", "dim=9", "1", "dim"},
      {"var", "dim=2", "6", "element"}, {"var", "correction=x", "1", "correction"}, {"std", "dim=3", "1", "dim"},
      {"norm", "p=", "1", "p"}, {"norm", "p=nan", "1", "p"}, {"norm", "p=inf dim=2", "6", "element"}, {"norm", "dim=5", "1", "dim"},
      {"any", "dim=3", "1", "dim"}, {"all", "dim=2", "6", "element"}, {"argmax", "dim=3", "1", "dim"}, {"argmax", "dim=1,2", "1", "dim"},
      {"argmin", "dim=2", "6", "element"}, {"argmin", "", "6", "element"}, {"cumsum", "", "1", "dim"}, {"cumsum", "dim=3", "1", "dim"},
      {"cumprod", "dim=-4", "1", "dim"}, {"cummax", "dim=x", "1", "dim"}, {"sort", "dim=3", "1", "dim"}, {"argsort", "descending=1", "1", "descending"},
      {"topk", "", "1", "k"}, {"topk", "k=5", "1", "k"}, {"topk", "k=-1", "1", "k"}, {"topk", "k=1 dim=0", "1", "batch"}, {"topk", "k=1 dim=7", "1", "dim"},
      {"einsum", "", "11", "equation"}, {"einsum", "equation=", "1", "equation"}, {"einsum", "equation=bij", "11", "2 inputs"},
      {"einsum", "equation=bi,bij->b", "11", "dimensions"}, {"einsum", "equation=bij->bk", "1", "result"}, {"einsum", "equation=bij->bii", "1", "result"},
      {"einsum", "equation=bij->jb", "1", "batch"}, {"einsum", "equation=bij,bjk->bik", "12", "sizes"}, {"einsum", "equation=b1j->b", "1", "letters"}, {"einsum", "equation=bij,cij->bc", "12", "batch"},
      {"einsum", "equation=bij-bj", "1", "letters"}, {"einsum", "equation=b..->b", "1", "letters"}, {"einsum", "equation=......->", "1", "letters"},
      {"einsum", "equation=bij->bi->b", "1", "letters"}, {"einsum", "equation=bi...jkl->b", "1", "dimensions"}};
  refuse(cases, sizeof cases / sizeof *cases, refused);
}

static void shapes(void) {
  static const BadCase cases[] = {
      {"squeeze", "dim=3", "1", "dim"}, {"unsqueeze", "", "1", "dim"}, {"unsqueeze", "dim=0", "1", "batch"}, {"unsqueeze", "dim=-4", "1", "batch"},
      {"unsqueeze", "dim=4", "1", "dim"}, {"expand", "", "1", "size"}, {"expand", "size=3,4", "1", "size"}, {"expand", "size=-1,3,5", "1", "size"},
      {"expand", "size=2,-1,3,4", "1", "size"}, {"expand", "size=-1,-2,4", "1", "size"}, {"expand", "size=-1,4,4", "5", "size"},
      {"expand", "size=9223372036854775807,9223372036854775807,4,4", "5", NULL}, {"permute", "dims=1,0,2", "1", "batch"}, {"permute", "dims=0,1", "1", "dims"},
      {"permute", "dims=0,1,1", "1", "dims"}, {"permute", "dims=0,1,3", "1", "dims"}, {"flip", "dims=3", "1", "dims"}, {"flip", "dims=1,-2", "1", "dims"},
      {"roll", "", "1", "shifts"}, {"roll", "shifts=1,2 dims=1", "1", "shifts"}, {"roll", "shifts=1 dims=3", "1", "dims"}, {"roll", "shifts=1,2", "1", "shifts"},
      {"tile", "dims=2,1,1", "1", "batch"}, {"tile", "dims=1,1,1,1", "1", "dims"}, {"tile", "dims=-1", "1", "dims"}, {"repeat", "sizes=2", "1", "sizes"},
      {"repeat", "sizes=1,1,99999999999999", "1", "sizes"}, {"repeat", "sizes=1,1099511627776,1099511627776", "1", NULL},
      {"repeat_interleave", "repeats=2", "1", "dim"}, {"repeat_interleave", "repeats=2 dim=0", "1", "batch"}, {"repeat_interleave", "repeats=-1 dim=1", "1", "repeats"},
      {"triu", "", "0", "matrices"}, {"tril", "diagonal=x", "1", "diagonal"}, {"diagonal", "dim1=1 dim2=1", "1", "dim1"}, {"diagonal", "dim1=0", "1", "batch"},
      {"diagonal", "dim1=5", "1", "dim1"}, {"diagonal", "offset=9223372036854775807", "1", "offset"}, {"stack", "", "01", "shapes"}, {"stack", "dim=0", "00", "batch"},
      {"stack", "dim=3", "00", "dim"}, {"chunk", "", "1", "chunks"}, {"chunk", "chunks=2 dim=0", "1", "batch"}, {"chunk", "chunks=2 index=2", "1", "index"},
      {"chunk", "chunks=1099511627776 index=1099511627776", "1", "index"}, {"split", "split_size_or_sections=0", "1", "split_size"},
      {"split", "split_size_or_sections=1,1", "1", "sum"}, {"split", "split_size_or_sections=2 index=2", "1", "index"},
      {"split", "split_size_or_sections=1099511627776 index=1099511627776", "1", "index"}, {"split", "split_size_or_sections=2 dim=0", "1", "batch"}};
  refuse(cases, sizeof cases / sizeof *cases, refused);
}

static void indexing(void) {
  static const BadCase cases[] = {
      {"gather", "", "13", "dim"}, {"gather", "dim=3", "13", "dim"}, {"gather", "dim=1", "03", "index"}, {"gather", "dim=2", "14", "index"},
      {"gather", "dim=1", "53", "index"}, {"take_along_axis", "dim=1", "03", "indices"}, {"take_along_axis", "dim=1", "13", "broadcast"},
      {"index_select", "dim=1", "13", "index"}, {"index_select", "dim=3", "14", "dim"}, {"scatter", "dim=1", "13", "value"},
      {"scatter", "dim=1 value=1", "132", "value"}, {"scatter", "dim=0 value=1", "03", "index"},
      {"one_hot", "", "3", "num_classes"}, {"one_hot", "num_classes=0", "3", "num_classes"}, {"one_hot", "num_classes=-1", "3", "num_classes"}};
  static const BadCase types[] = {
      {"gather", "dim=1", "12", "whole"}, {"gather", "dim=1", "33", "real"}, {"index_select", "dim=1", "10", "whole"}, {"one_hot", "num_classes=3", "0", "whole"},
      {"scatter", "dim=2", "122", "whole"}, {"relu6", "", "3", "real"}, {"where", "", "311", "real"}, {"max", "", "3", "real"}, {"sort", "", "3", "real"}};
  refuse(cases, sizeof cases / sizeof *cases, refused);
  refuse(types, sizeof types / sizeof *types, BIT(CHAINRULE_DTYPE));
}

/* Indices are looked at before anything is read by them, and the model goes on. */
static void indices_out_of_range(void) {
  static const char *const texts[] = {"gather dim=1", "take_along_axis dim=1", "scatter dim=1 value=1", "scatter_add dim=1 value=1"};
  static const int32_t wrong[] = {4, -1, INT32_MAX, INT32_MIN};
  size_t i, k;
  for (i = 0; i < sizeof texts / sizeof *texts; i++) {
    chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
    char kind[40];
    size_t length = strcspn(texts[i], " ");
    float x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, y[8];
    int32_t index[6] = {0, 1, 2, 3, 0, 1};
    chainrule_node sources[2] = {0, 1};
    chainrule_array inputs[2], output;
    snprintf(kind, sizeof kind, "%.*s", (int)length, texts[i]);
    test_add(model, "input", "shape=4");
    test_add(model, "input", "shape=3 dtype=integer");
    REQUIRE_OK(chainrule_model_add_node(model, kind, texts[i] + length, sources, 2, NULL));
    inputs[0] = chainrule_matrix(x, 2, 4);
    inputs[1] = chainrule_view(index, CHAINRULE_INT32, 2, 2, 3, 0, 0);
    output = chainrule_matrix(y, 2, i < 2 ? 3 : 4);
    REQUIRE_OK(chainrule_model_predict(model, inputs, &output));
    for (k = 0; k < sizeof wrong / sizeof *wrong; k++) {
      index[4] = wrong[k];
      FAILS_ONE_OF(BIT(CHAINRULE_VALUE), chainrule_model_predict(model, inputs, &output));
      index[4] = 3;
      REQUIRE_OK(chainrule_model_predict(model, inputs, &output));
      if (i < 2) CHECK(y[4] == 8);
    }
    chainrule_model_free(model);
  }
}

/* Slopes between the limits in training, other ones each time; their mean outside. */
static void random_slopes(void) {
  enum { N = 4096 };
  static float x[N], y[N], again[N];
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 3);
  chainrule_context *context = NULL;
  chainrule_array input = chainrule_matrix(x, 1, N), output = chainrule_matrix(y, 1, N), other = chainrule_matrix(again, 1, N);
  double sum = 0;
  int i, differ = 0;
  for (i = 0; i < N; i++) x[i] = i % 2 ? -2.0f : 1.0f;
  test_add(model, "input", "shape=4096");
  test_add(model, "rrelu", "lower=0.25 upper=0.5");
  REQUIRE_OK(chainrule_model_predict(model, &input, &output));
  for (i = 0; i < N; i++) CHECK(y[i] == (i % 2 ? -0.75f : 1.0f));
  REQUIRE_OK(chainrule_context_create(model, &context));
  REQUIRE_OK(chainrule_context_forward(context, &input, 1));
  REQUIRE_OK(chainrule_context_output(context, 0, &output));
  for (i = 0; i < N; i++) {
    if (i % 2 == 0) CHECK(y[i] == 1.0f);
    else CHECK(y[i] <= -0.5f && y[i] >= -1.0f);
    if (i % 2) sum += y[i];
  }
  CHECK_NEAR(sum / (N / 2), -0.75, 0.02);
  REQUIRE_OK(chainrule_context_backward(context, &other));
  REQUIRE_OK(chainrule_context_forward(context, &input, 0));
  REQUIRE_OK(chainrule_context_output(context, 0, &other));
  for (i = 0; i < N; i++) differ += again[i] != y[i];
  CHECK(differ > N / 4);
  chainrule_context_free(context);
  chainrule_model_free(model);
}

/* Nothing to compute: answers that are right, or there is none. */
static void empty(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  static const char *const kinds[][2] = {{"prod", "dim=2"}, {"logsumexp", "dim=2"}, {"sort", ""}, {"cumsum", "dim=2"}, {"flip", "dims=2"}, {"norm", "dim=2"},
                                         {"triu", ""}, {"roll", "shifts=1 dims=2"}, {"tile", "dims=2"}, {"clip", "min=0"}, {"argsort", "dim=2"}, {"any", "dim=1"}};
  chainrule_node zero = 0, last[12], node;
  float one[3], minus[3], zeros[3], rest[1];
  chainrule_array input, outputs[12];
  size_t i;
  test_add(model, "input", "shape=3,0");
  for (i = 0; i < 12; i++) {
    REQUIRE_OK(chainrule_model_add_node(model, kinds[i][0], kinds[i][1], &zero, 1, &node));
    last[i] = node;
  }
  REQUIRE_OK(chainrule_model_set_outputs(model, last, 12));
  input = chainrule_view(rest, CHAINRULE_FLOAT32, 3, 1, 3, 0, 0);
  for (i = 0; i < 12; i++) outputs[i] = chainrule_view(rest, CHAINRULE_FLOAT32, 3, 1, 3, 0, 0);
  outputs[0] = chainrule_matrix(one, 1, 3);
  outputs[1] = chainrule_matrix(minus, 1, 3);
  outputs[5] = chainrule_matrix(zeros, 1, 3);
  outputs[10].dtype = CHAINRULE_INT32;
  outputs[11] = chainrule_matrix(rest, 1, 0);
  REQUIRE_OK(chainrule_model_predict(model, &input, outputs));
  for (i = 0; i < 3; i++) CHECK(one[i] == 1 && minus[i] == -INFINITY && zeros[i] == 0);
  chainrule_model_free(model);
}

int main(void) {
  TEST_MAIN("bad_operations");
  RUN(elementwise);
  RUN(reductions);
  RUN(shapes);
  RUN(indexing);
  RUN(indices_out_of_range);
  RUN(random_slopes);
  RUN(empty);
  return test_finish();
}
