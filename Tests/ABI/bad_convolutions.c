/* Convolutions, unfold and fold: attributes and shapes that are refused, and how; the extreme ones that are not. */
#include "support.h"

static const unsigned word = BIT(CHAINRULE_ATTRIBUTE), shape = BIT(CHAINRULE_SHAPE);

/* After an input of these sizes; the model must go on. */
static void refused(const char *input, const char *kind, const char *attributes, const char *says, unsigned statuses) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  chainrule_node node;
  int before = test_case_failures;
  test_add(model, "input", input);
  test_poison(&node, sizeof node);
  FAILS_WITH(statuses, says, chainrule_model_add(model, kind, attributes, &node));
  CHECK_UNTOUCHED(node);
  /* The refused node took no number, and no parameter. */
  SUCCEEDS(chainrule_model_add(model, "input", "shape=1,1,1", &node));
  CHECK_EQUAL(node, 1);
  SUCCEEDS(chainrule_model_add(model, "conv2d", "out_channels=2 kernel_size=1 weight_init=ones bias_init=zeros", &node));
  CHECK_EQUAL(node, 2);
  if (test_case_failures != before) printf("#   in: \"%s\" %s \"%s\"\n", input, kind, attributes);
  chainrule_model_free(model);
}

static void attributes_refused(void) {
  const struct {
    const char *kind, *attributes, *says;
  } cases[] = {
      {"conv2d", "", "out_channels"},
      {"conv2d", "out_channels=2", "kernel_size"},
      {"conv2d", "kernel_size=2", "out_channels"},
      {"conv2d", "out_channels=0 kernel_size=2", "out_channels"},
      {"conv2d", "out_channels=-1 kernel_size=2", "out_channels"},
      {"conv2d", "out_channels=2 kernel_size=", "kernel_size"},
      {"conv2d", "out_channels=2 kernel_size=0", "kernel_size"},
      {"conv2d", "out_channels=2 kernel_size=-3", "kernel_size"},
      {"conv2d", "out_channels=2 kernel_size=2.5", "kernel_size"},
      {"conv2d", "out_channels=2 kernel_size=2,", "kernel_size"},
      {"conv2d", "out_channels=2 kernel_size=2,2,2", "kernel_size"},
      {"conv2d", "out_channels=2 kernel_size=1048577", "kernel_size"},
      {"conv2d", "out_channels=2 kernel_size=9223372036854775807", "kernel_size"},
      {"conv2d", "out_channels=2 kernel_size=2 stride=0", "stride"},
      {"conv2d", "out_channels=2 kernel_size=2 stride=1,2,3", "stride"},
      {"conv2d", "out_channels=2 kernel_size=2 stride=-1,1", "stride"},
      {"conv2d", "out_channels=2 kernel_size=2 stride=99999999999", "stride"},
      {"conv2d", "out_channels=2 kernel_size=2 dilation=0", "dilation"},
      {"conv2d", "out_channels=2 kernel_size=2 dilation=9223372036854775807", "dilation"},
      {"conv2d", "out_channels=2 kernel_size=2 padding=-1", "padding"},
      {"conv2d", "out_channels=2 kernel_size=2 padding=", "padding"},
      {"conv2d", "out_channels=2 kernel_size=2 padding=1,2,3", "padding"},
      {"conv2d", "out_channels=2 kernel_size=2 padding=1,2,3,4,5", "padding"},
      {"conv2d", "out_channels=2 kernel_size=2 padding=1,,2", "padding"},
      {"conv2d", "out_channels=2 kernel_size=2 padding=Same", "padding"},
      {"conv2d", "out_channels=2 kernel_size=2 padding=full", "padding"},
      {"conv2d", "out_channels=2 kernel_size=2 padding=1.5", "padding"},
      {"conv2d", "out_channels=2 kernel_size=2 padding=9223372036854775807", "padding"},
      {"conv2d", "out_channels=2 kernel_size=2 padding=99999999999999999999", "padding"},
      {"conv2d", "out_channels=2 kernel_size=2 padding=same stride=2", "stride"},
      {"conv2d", "out_channels=2 kernel_size=2 padding=same stride=1,2", "stride"},
      {"conv2d", "out_channels=2 kernel_size=2 groups=0", "groups"},
      {"conv2d", "out_channels=3 kernel_size=2 groups=2", "groups"},
      {"conv2d", "out_channels=2 kernel_size=2 bias=yes", "bias"},
      {"conv2d", "out_channels=2 kernel_size=2 padding_mode=mirror", "padding_mode"},
      {"conv2d", "out_channels=2 kernel_size=2 padding_mode=", "padding_mode"},
      {"conv2d", "out_channels=2 kernel_size=2 weight_init=wild", "weight_init"},
      {"conv2d", "out_channels=2 kernel_size=2 bias_init=uniform(1)", "bias_init"},
      {"conv2d", "out_channels=2 kernel_size=2 output_padding=1", "output_padding"},
      {"conv2d", "out_channels=2 kernel_size=2 in_channels=0", "in_channels"},
      {"conv_transpose2d", "out_channels=2 kernel_size=2 padding=same", "padding"},
      {"conv_transpose2d", "out_channels=2 kernel_size=2 padding=valid", "padding"},
      {"conv_transpose2d", "out_channels=2 kernel_size=2 output_padding=1", "output_padding"},
      {"conv_transpose2d", "out_channels=2 kernel_size=2 stride=2 output_padding=2", "output_padding"},
      {"conv_transpose2d", "out_channels=2 kernel_size=2 stride=2,3 output_padding=1,3", "output_padding"},
      {"conv_transpose2d", "out_channels=2 kernel_size=2 stride=2 output_padding=-1", "output_padding"},
      {"conv_transpose2d", "out_channels=2 kernel_size=2 padding_mode=reflect", "padding_mode"},
      {"conv_transpose2d", "out_channels=3 kernel_size=2 groups=2", "groups"},
      {"unfold", "", "kernel_size"},
      {"unfold", "kernel_size=2,2,2", "kernel_size"},
      {"unfold", "kernel_size=2 padding=same", "padding"},
      {"unfold", "kernel_size=2 stride=0", "stride"},
      {"fold", "kernel_size=2", "output_size"},
      {"fold", "output_size=0 kernel_size=2", "output_size"},
      {"fold", "output_size=4,4,4 kernel_size=2", "output_size"},
  };
  size_t i;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) refused("shape=4,6,6", cases[i].kind, cases[i].attributes, cases[i].says, word);
}

static void shapes_refused(void) {
  const struct {
    const char *input, *kind, *attributes, *says;
  } cases[] = {
      {"shape=4,6", "conv2d", "out_channels=2 kernel_size=2", "4 dimensions"},
      {"shape=4,6,6,6", "conv2d", "out_channels=2 kernel_size=2", "4 dimensions"},
      {"shape=6", "conv1d", "out_channels=2 kernel_size=2", "3 dimensions"},
      {"shape=4,6,6", "conv3d", "out_channels=2 kernel_size=2", "5 dimensions"},
      {"shape=6 batched=false", "conv1d", "out_channels=2 kernel_size=2", "3 dimensions"},
      {"shape=4,6,6", "conv2d", "out_channels=2 kernel_size=2 in_channels=3", "in_channels"},
      {"shape=3,6,6", "conv2d", "out_channels=2 kernel_size=2 groups=2", "groups"},
      {"shape=0,6,6", "conv2d", "out_channels=2 kernel_size=2", "channel"},
      {"shape=4,0,6", "conv2d", "out_channels=2 kernel_size=2 padding=3", "at least 1"},
      {"shape=4,6,6", "conv2d", "out_channels=2 kernel_size=7", "7"},
      {"shape=4,6,6", "conv2d", "out_channels=2 kernel_size=3 dilation=3", "7"},
      {"shape=4,6,6", "conv2d", "out_channels=2 kernel_size=1,9 padding=1", "7"},
      {"shape=4,6,6", "conv2d", "out_channels=2 kernel_size=1048576 dilation=1048576", "kernel"},
      {"shape=4,6,6", "conv2d", "out_channels=2 kernel_size=3 padding=6 padding_mode=reflect", "at most 5"},
      {"shape=4,6,6", "conv2d", "out_channels=2 kernel_size=3 padding=7 padding_mode=circular", "at most 6"},
      {"shape=4,6,6", "conv2d", "out_channels=2 kernel_size=3 padding=0,0,0,6 padding_mode=reflect", "at most 5"},
      {"shape=4,2,2", "conv2d", "out_channels=2 kernel_size=6 padding=same padding_mode=reflect", "at most 1"},
      {"shape=4,6,6", "conv2d", "out_channels=1099511627776 kernel_size=4", "2^46"},
      {"shape=4,6,6", "conv2d", "out_channels=1000000 kernel_size=1000000 padding=same", "2^46"},
      {"shape=1,6,6,6", "conv3d", "out_channels=1 kernel_size=1048576 padding=same", "2^46"},
      {"shape=4,6,6", "conv2d", "out_channels=1024 kernel_size=1 padding=1048576", "2^46"},
      {"shape=4,6", "conv_transpose2d", "out_channels=2 kernel_size=2", "4 dimensions"},
      {"shape=4,6,6", "conv_transpose2d", "out_channels=2 kernel_size=2 in_channels=5", "in_channels"},
      {"shape=3,6,6", "conv_transpose2d", "out_channels=2 kernel_size=2 groups=2", "groups"},
      {"shape=4,0,6", "conv_transpose2d", "out_channels=2 kernel_size=2", "at least 1"},
      {"shape=4,6,6", "conv_transpose2d", "out_channels=2 kernel_size=2 padding=4", "at least 1"},
      {"shape=1,1099511627776", "conv_transpose1d", "out_channels=1 kernel_size=1 stride=1048576", "2^46"},
      {"shape=1,2,100000", "conv_transpose2d", "out_channels=1 kernel_size=2 stride=1048576", "2^46"},
      {"shape=1,2,2", "conv_transpose2d", "out_channels=1 kernel_size=1048576 dilation=1048576", "2^46"},
      {"shape=4,6", "unfold", "kernel_size=2", "4 dimensions"},
      {"shape=4,6,6", "unfold", "kernel_size=7", "7"},
      {"shape=0,6,6", "unfold", "kernel_size=2", "channel"},
      {"shape=1,1,1", "unfold", "kernel_size=1048576 padding=1048576", "2^46"},
      {"shape=4,6,6", "fold", "output_size=4 kernel_size=2", "output_size"},
      {"shape=7,9", "fold", "output_size=4 kernel_size=2", "channels * 4"},
      {"shape=8,8", "fold", "output_size=4 kernel_size=2", "9"},
      {"shape=8,9", "fold", "output_size=1 kernel_size=2", "at least 2"},
      {"shape=0,9", "fold", "output_size=4 kernel_size=2", "channels"},
  };
  size_t i;
  for (i = 0; i < sizeof cases / sizeof *cases; i++)
    refused(cases[i].input, cases[i].kind, cases[i].attributes, cases[i].says, shape);
}

/* Extreme but right: far apart, far out, and a window as large as what it looks at. */
static void extremes(void) {
  const struct {
    const char *input, *kind, *attributes;
    size_t count;
    float sum;
  } cases[] = {
      {"shape=1,4", "conv1d", "out_channels=1 kernel_size=1 stride=1048576", 1, 1},
      {"shape=1,4", "conv1d", "out_channels=1 kernel_size=2 dilation=1048576 padding=1048576", 1048580, 8},
      {"shape=1,4", "conv1d", "out_channels=1 kernel_size=3 padding=1048576", 2097154, 12},
      {"shape=1,4", "conv1d", "out_channels=1 kernel_size=1048576 padding=same", 4, 16},
      {"shape=1,4", "conv1d", "out_channels=1 kernel_size=5 padding=1048576 stride=1048576 padding_mode=replicate", 2, 10},
      {"shape=1,4", "conv_transpose1d", "out_channels=1 kernel_size=1 stride=1000 padding=1000", 1001, 2},
      {"shape=1,4", "conv_transpose1d", "out_channels=1 kernel_size=2 dilation=1000 padding=999,0", 5, 4},
  };
  size_t i, k;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) {
    chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
    chainrule_array input, output;
    char words[200];
    float x[4] = {1, 1, 1, 1}, *y = (float *)malloc((cases[i].count + 1) * sizeof(float));
    double sum = 0;
    int before = test_case_failures;
    memset(&input, 0, sizeof input);
    memset(&output, 0, sizeof output);
    input.data = x;
    output.data = y;
    input.dtype = output.dtype = CHAINRULE_FLOAT32;
    input.rank = output.rank = 3;
    input.shape[0] = input.shape[1] = output.shape[0] = output.shape[1] = 1;
    input.shape[2] = 4;
    output.shape[2] = (int64_t)cases[i].count;
    test_add(model, "input", cases[i].input);
    snprintf(words, sizeof words, "%s weight_init=ones bias=false", cases[i].attributes);
    test_add(model, cases[i].kind, words);
    SUCCEEDS(chainrule_model_predict(model, &input, &output));
    for (k = 0; k < cases[i].count; k++) sum += y[k];
    CHECK_NEAR(sum, cases[i].sum, 1e-6);
    if (test_case_failures != before) printf("#   in: %s \"%s\"\n", cases[i].kind, cases[i].attributes);
    free(y);
    chainrule_model_free(model);
  }
}

/* Gradients of the same, which go other ways through the kernels. */
static void extreme_gradients(void) {
  static const char *const words[] = {"kernel_size=1 stride=1048576", "kernel_size=2 dilation=1048576 padding=1048576",
                                      "kernel_size=3 padding=1048576", "kernel_size=1048576 padding=same",
                                      "kernel_size=5 padding=1048576 stride=1048576 padding_mode=replicate"};
  size_t i;
  for (i = 0; i < sizeof words / sizeof *words; i++) {
    chainrule_model *model = test_model(CHAINRULE_FLOAT64, 0);
    chainrule_context *context = NULL;
    chainrule_array input, seed, gradient;
    chainrule_tensor_info info;
    char text[200];
    double x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, dx[8], *dy, slope = 0;
    int64_t k;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    memset(&input, 0, sizeof input);
    input.data = x;
    input.dtype = CHAINRULE_FLOAT64;
    input.rank = 3;
    input.shape[0] = 1;
    input.shape[1] = 2;
    input.shape[2] = 4;
    gradient = seed = input;
    gradient.data = dx;
    test_add(model, "input", "shape=2,4");
    snprintf(text, sizeof text, "out_channels=3 weight_init=ones bias=false %s", words[i]);
    test_add(model, "conv1d", text);
    REQUIRE_OK(chainrule_model_output_info(model, 0, &info));
    seed.shape[1] = 3;
    seed.shape[2] = info.shape[2];
    dy = (double *)malloc((size_t)(3 * info.shape[2]) * sizeof(double));
    for (k = 0; k < 3 * info.shape[2]; k++) dy[k] = 1;
    seed.data = dy;
    REQUIRE_OK(chainrule_context_create(model, &context));
    REQUIRE_OK(chainrule_context_forward(context, &input, 1));
    REQUIRE_OK(chainrule_context_backward(context, &seed));
    REQUIRE_OK(chainrule_context_input_gradient(context, 0, &gradient));
    /* All linear: dx . x is the sum of the outputs. */
    seed.data = dy;
    REQUIRE_OK(chainrule_context_output(context, 0, &seed));
    for (k = 0; k < 8; k++) slope += dx[k] * x[k];
    for (k = 0; k < 3 * info.shape[2]; k++) slope -= dy[k];
    CHECK_NEAR(slope, 0, 1e-9);
    free(dy);
    chainrule_context_free(context);
    chainrule_model_free(model);
  }
}

/* Whole numbers are nothing to convolve. */
static void whole_numbers(void) {
  refused("shape=1,6,6 dtype=integer", "conv2d", "out_channels=2 kernel_size=2", "real", BIT(CHAINRULE_DTYPE));
  refused("shape=1,6,6 dtype=integer", "unfold", "kernel_size=2", "real", BIT(CHAINRULE_DTYPE));
}

int main(void) {
  TEST_MAIN("bad_convolutions");
  RUN(attributes_refused);
  RUN(shapes_refused);
  RUN(extremes);
  RUN(extreme_gradients);
  RUN(whole_numbers);
  return test_finish();
}
