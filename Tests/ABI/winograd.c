/* A convolution that takes Winograd's algorithm (Sources/Kernels/Winograd.swift): a sample's bits don't depend on its
   batch, which decides the tiles that it shares vectors with, and not on whether the batch norm behind it is part of
   its last store, as in predictions, or an operation of its own, as where results are kept. */
#include "support.h"

enum { SAMPLES = 5, CHANNELS = 16, HEIGHT = 14, WIDTH = 15, OUTPUTS = 18 };
enum { INPUT = CHANNELS * HEIGHT * WIDTH, OUTPUT = OUTPUTS * HEIGHT * WIDTH };
static float x[SAMPLES * INPUT], all[SAMPLES * OUTPUT], again[SAMPLES * OUTPUT];

static chainrule_array images(float *data, int samples, int channels) {
  return chainrule_view(data, CHAINRULE_FLOAT32, 4, samples, channels, HEIGHT, WIDTH);
}

static void fill_parameter(chainrule_model *model, const char *name, uint64_t seed) {
  float values[OUTPUTS];
  chainrule_array array = chainrule_view(values, CHAINRULE_FLOAT32, 1, OUTPUTS, 0, 0, 0);
  int i;
  test_fill(values, OUTPUTS, seed);
  for (i = 0; i < OUTPUTS; i++) values[i] = values[i] * values[i] + 0.5f;
  SUCCEEDS(chainrule_model_set_parameter(model, name, &array));
}

static void every_way(void) {
  static const char *const tails[] = {"", "relu", "tanh"};
  size_t tail;
  test_fill(x, SAMPLES * INPUT, 3);
  for (tail = 0; tail < 6; tail++) {
    chainrule_model *model = test_model(CHAINRULE_FLOAT32, 7);
    chainrule_context *context = NULL;
    chainrule_array in = images(x, SAMPLES, CHANNELS), out = images(all, SAMPLES, OUTPUTS), kept = images(again, SAMPLES, OUTPUTS);
    int i;
    test_add(model, "input", "shape=16,14,15");
    test_add(model, "conv2d", "out_channels=18 kernel_size=3 padding=1");
    if (tail >= 3) test_add(model, "batch_norm2d", "");
    if (tail % 3 > 0) test_add(model, tails[tail % 3], "");
    if (tail >= 3) {
      fill_parameter(model, "1.running_mean", 1);
      fill_parameter(model, "1.running_var", 2);
      fill_parameter(model, "1.weight", 3);
      fill_parameter(model, "1.bias", 4);
    }
    REQUIRE_OK(chainrule_model_predict(model, &in, &out));
    REQUIRE_OK(chainrule_context_create(model, &context));
    REQUIRE_OK(chainrule_context_forward(context, &in, 0));
    REQUIRE_OK(chainrule_context_output(context, 0, &kept));
    if (memcmp(all, again, sizeof all) != 0) test_fail(__FILE__, __LINE__, "kept results differ, network %zu", tail);
    for (i = 0; i < SAMPLES; i++) {
      chainrule_array one = images(x + i * INPUT, 1, CHANNELS), answer = images(again, 1, OUTPUTS);
      REQUIRE_OK(chainrule_model_predict(model, &one, &answer));
      if (memcmp(again, all + i * OUTPUT, OUTPUT * sizeof(float)) != 0)
        test_fail(__FILE__, __LINE__, "sample %d alone differs, network %zu", i, tail);
    }
    chainrule_context_free(context);
    chainrule_model_free(model);
  }
}

int main(void) {
  TEST_MAIN("winograd");
  RUN(every_way);
  return test_finish();
}
