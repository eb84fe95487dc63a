/* Pools, upsampling, padding and shuffles: attributes and shapes that are refused, and how; what stands between. */
#include "support.h"

static const unsigned word = BIT(CHAINRULE_ATTRIBUTE), shape = BIT(CHAINRULE_SHAPE);

struct refusal {
  const char *input, *kind, *attributes, *says;
};

/* After an input of these sizes; the model must go on. */
static void refused(const struct refusal *one, unsigned statuses) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  chainrule_node node;
  int before = test_case_failures;
  test_add(model, "input", one->input);
  test_poison(&node, sizeof node);
  FAILS_WITH(statuses, one->says, chainrule_model_add(model, one->kind, one->attributes, &node));
  CHECK_UNTOUCHED(node);
  /* The refused node took no number. */
  SUCCEEDS(chainrule_model_add(model, "input", "shape=1,4,4", &node));
  CHECK_EQUAL(node, 1);
  SUCCEEDS(chainrule_model_add(model, "max_pool2d", "kernel_size=2", &node));
  CHECK_EQUAL(node, 2);
  if (test_case_failures != before) printf("#   in: \"%s\" %s \"%s\"\n", one->input, one->kind, one->attributes);
  chainrule_model_free(model);
}

static void attributes_refused(void) {
  const char *image = "shape=4,6,6";
  const struct refusal cases[] = {
      {image, "max_pool2d", "", "kernel_size"},
      {image, "max_pool2d", "kernel_size=", "kernel_size"},
      {image, "max_pool2d", "kernel_size=0", "kernel_size"},
      {image, "max_pool2d", "kernel_size=2,2,2", "kernel_size"},
      {image, "max_pool2d", "kernel_size=1048577", "kernel_size"},
      {image, "max_pool2d", "kernel_size=9223372036854775807", "kernel_size"},
      {image, "max_pool2d", "kernel_size=2 stride=0", "stride"},
      {image, "max_pool2d", "kernel_size=2 stride=-1,1", "stride"},
      {image, "max_pool2d", "kernel_size=2 dilation=0", "dilation"},
      {image, "max_pool2d", "kernel_size=2 dilation=-9223372036854775808", "dilation"},
      {image, "max_pool2d", "kernel_size=2 padding=-1", "padding"},
      {image, "max_pool2d", "kernel_size=2 padding=2", "half"},
      {image, "max_pool2d", "kernel_size=3 padding=1,1,1,1", "padding"},
      {image, "max_pool2d", "kernel_size=2 padding=same", "padding"},
      {image, "max_pool2d", "kernel_size=2 ceil_mode=1", "ceil_mode"},
      {image, "max_pool2d", "kernel_size=2 count_include_pad=true", "count_include_pad"},
      {image, "max_pool2d_with_indices", "", "kernel_size"},
      {image, "max_pool2d_with_indices", "kernel_size=2 padding=2", "half"},
      {image, "max_pool2d_with_indices", "kernel_size=2 return_indices=true", "return_indices"},
      {image, "avg_pool2d", "kernel_size=2 dilation=1", "dilation"},
      {image, "avg_pool2d", "kernel_size=2 divisor_override=0", "divisor_override"},
      {image, "avg_pool2d", "kernel_size=2 divisor_override=1.5", "divisor_override"},
      {image, "avg_pool2d", "kernel_size=2 divisor_override=9223372036854775807", "divisor_override"},
      {image, "avg_pool1d", "kernel_size=2 divisor_override=2", "divisor_override"},
      {image, "adaptive_avg_pool2d", "", "output_size"},
      {image, "adaptive_avg_pool2d", "output_size=", "output_size"},
      {image, "adaptive_avg_pool2d", "output_size=0", "output_size"},
      {image, "adaptive_avg_pool2d", "output_size=2,", "output_size"},
      {image, "adaptive_avg_pool2d", "output_size=2,None", "output_size"},
      {image, "adaptive_max_pool2d", "output_size=1,2,3", "output_size"},
      {image, "adaptive_max_pool2d", "output_size=99999999999", "output_size"},
      {image, "lp_pool2d", "kernel_size=2", "norm_type"},
      {image, "lp_pool2d", "norm_type=0 kernel_size=2", "norm_type"},
      {image, "lp_pool2d", "norm_type=nan kernel_size=2", "norm_type"},
      {image, "lp_pool2d", "norm_type=1e-320 kernel_size=2", "norm_type"},
      {image, "lp_pool2d", "norm_type=2 kernel_size=0", "kernel_size"},
      {image, "upsample", "", "size or scale_factor"},
      {image, "upsample", "size=4 scale_factor=2", "size or scale_factor"},
      {image, "upsample", "size=0", "size"},
      {image, "upsample", "size=1,2,3", "size"},
      {image, "upsample", "scale_factor=0", "scale_factor"},
      {image, "upsample", "scale_factor=-2", "scale_factor"},
      {image, "upsample", "scale_factor=1e300", "scale_factor"},
      {image, "upsample", "scale_factor=1e-300", "scale_factor"},
      {image, "upsample", "scale_factor=2,2,2", "scale_factor"},
      {image, "upsample", "size=4 mode=cubic", "mode"},
      {image, "upsample", "size=4 align_corners=true", "align_corners"},
      {image, "upsample", "size=4 mode=bilinear recompute_scale_factor=true", "recompute_scale_factor"},
      {image, "pad", "", "padding"},
      {image, "pad", "padding=1", "padding"},
      {image, "pad", "padding=1,2,3", "padding"},
      {image, "pad", "padding=1,1,1,1,1,1,1,1", "batch"},
      {image, "pad", "padding=1,-9223372036854775808", "padding"},
      {image, "pad", "padding=1,9223372036854775807", "padding"},
      {image, "pad", "padding=1,1 mode=mirror", "mode"},
      {image, "pad", "padding=1,1 mode=reflect value=1", "value"},
      {image, "pad", "padding=1,1 value=inf", "value"},
      {image, "constant_pad2d", "padding=1", "value"},
      {image, "zero_pad2d", "padding=1,1", "padding"},
      {image, "zero_pad2d", "padding=1 value=1", "value"},
      {image, "pixel_shuffle", "", "upscale_factor"},
      {image, "pixel_shuffle", "upscale_factor=0", "upscale_factor"},
      {image, "pixel_unshuffle", "downscale_factor=-1", "downscale_factor"},
      {image, "channel_shuffle", "groups=0", "groups"},
      {image, "global_avg_pool", "keepdim=true", "keepdim"},
  };
  size_t i;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) refused(&cases[i], word);
}

static void shapes_refused(void) {
  const struct refusal cases[] = {
      {"shape=4,6", "max_pool2d", "kernel_size=2", "4 dimensions"},
      {"shape=4,6,6,6", "max_pool2d", "kernel_size=2", "4 dimensions"},
      {"shape=6 batched=false", "max_pool1d", "kernel_size=2", "3 dimensions"},
      {"shape=4,0,6", "max_pool2d", "kernel_size=2", "1 or more"},
      {"shape=4,6,6", "max_pool2d", "kernel_size=7", "at least 7"},
      {"shape=4,6,6", "max_pool2d", "kernel_size=2 dilation=6", "at least 7"},
      {"shape=4,6,6", "max_pool2d", "kernel_size=1048576 dilation=1048576 ceil_mode=true", "window"},
      {"shape=1,1099511627776", "max_pool1d", "kernel_size=1", "windows"},
      {"shape=4,6,6", "avg_pool3d", "kernel_size=2", "5 dimensions"},
      {"shape=4,6", "adaptive_avg_pool2d", "output_size=2", "4 dimensions"},
      {"shape=4,6,0", "adaptive_max_pool2d", "output_size=2", "1 or more"},
      {"shape=4,6,6", "adaptive_avg_pool2d", "output_size=16777216", "2^46"},
      {"shape=4", "global_avg_pool", "", "3 to 5"},
      {"shape=4,0", "global_max_pool", "", "1 or more"},
      {"shape=4,6,6", "lp_pool1d", "norm_type=2 kernel_size=2", "3 dimensions"},
      {"shape=4", "upsample", "size=4", "3 to 5"},
      {"shape=4,6,6", "upsample", "size=4 mode=linear", "3 dimensions"},
      {"shape=4,6", "upsample", "size=4 mode=bicubic", "4 dimensions"},
      {"shape=4,0,6", "upsample", "size=4", "1 or more"},
      {"shape=4,6,6", "upsample", "scale_factor=0.1", "1 to"},
      {"shape=4,6,6", "upsample", "scale_factor=16777216", "1 to"},
      {"shape=4,6,6", "upsample", "size=16777216", "2^46"},
      {"shape=4,6,6", "pad", "padding=6,0 mode=reflect", "at most 5"},
      {"shape=4,6,6", "pad", "padding=0,7 mode=circular", "at most 6"},
      {"shape=4,6,6", "pad", "padding=-6,0", "1 to"},
      {"shape=4,6,6", "pad", "padding=-7,9", "cut off"},
      {"shape=4,6,0", "pad", "padding=1,1 mode=replicate", "at most 0"},
      {"shape=4,6,6", "pad", "padding=16777216,0", "1 to"},
      {"shape=4,6", "zero_pad2d", "padding=1", "4 dimensions"},
      {"shape=4,6,6", "reflection_pad2d", "padding=6", "at most 5"},
      {"shape=6,6,6", "pixel_shuffle", "upscale_factor=2", "multiple of 4"},
      {"shape=4,6", "pixel_shuffle", "upscale_factor=2", "4 dimensions"},
      {"shape=0,6,6", "pixel_shuffle", "upscale_factor=2", "channel"},
      {"shape=4,5,6", "pixel_unshuffle", "downscale_factor=2", "multiples of 2"},
      {"shape=4,6,6", "channel_shuffle", "groups=3", "multiple of 3"},
      {"shape=4", "channel_shuffle", "groups=2", "channels"},
  };
  size_t i;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) refused(&cases[i], shape);
}

/* Whole numbers have no means and no gradients. */
static void whole_numbers(void) {
  const struct refusal cases[] = {
      {"shape=1,6,6 dtype=integer", "max_pool2d", "kernel_size=2", "real"},
      {"shape=1,6,6 dtype=integer", "upsample", "size=2", "real"},
      {"shape=1,6,6 dtype=integer", "pad", "padding=1,1", "real"},
  };
  size_t i;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) refused(&cases[i], BIT(CHAINRULE_DTYPE));
}

/* PyTorch's: a NaN is the largest, the last of several takes the gradient; -inf alone is one too. Checked for
   windows side by side, that have a loop of their own, and for others. */
static void not_a_number(void) {
  const char *words[] = {"kernel_size=2", "kernel_size=2 dilation=1 padding=1,0 stride=3,2"};
  size_t i;
  for (i = 0; i < 2; i++) {
    double x[] = {1, NAN, -INFINITY, -INFINITY, NAN, 2, -INFINITY, -INFINITY};
    double y[2], dx[8], seeds[] = {3, 5};
    const double expected[2][8] = {{0, 0, 5, 0, 3, 0, 0, 0}, {0, 3, 5, 0, 0, 0, 0, 0}};
    chainrule_array input = chainrule_view(x, CHAINRULE_FLOAT64, 4, 1, 1, 2, 4);
    chainrule_array output = chainrule_view(y, CHAINRULE_FLOAT64, 4, 1, 1, 1, 2);
    chainrule_array seed = chainrule_view(seeds, CHAINRULE_FLOAT64, 4, 1, 1, 1, 2);
    chainrule_array gradient = chainrule_view(dx, CHAINRULE_FLOAT64, 4, 1, 1, 2, 4);
    chainrule_model *model = test_model(CHAINRULE_FLOAT64, 0);
    chainrule_context *context = NULL;
    int k;
    test_add(model, "input", "shape=1,2,4");
    test_add(model, "max_pool2d", words[i]);
    REQUIRE_OK(chainrule_context_create(model, &context));
    REQUIRE_OK(chainrule_context_forward(context, &input, 1));
    REQUIRE_OK(chainrule_context_output(context, 0, &output));
    CHECK(isnan(y[0]));
    CHECK(y[1] == -INFINITY);
    REQUIRE_OK(chainrule_context_backward(context, &seed));
    REQUIRE_OK(chainrule_context_input_gradient(context, 0, &gradient));
    for (k = 0; k < 8; k++) CHECK_NEAR(dx[k], expected[i][k], 0);
    chainrule_context_free(context);
    chainrule_model_free(model);
  }
}

int main(void) {
  TEST_MAIN("bad_pooling");
  RUN(attributes_refused);
  RUN(shapes_refused);
  RUN(whole_numbers);
  RUN(not_a_number);
  return test_finish();
}
