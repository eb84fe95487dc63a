/* What predictions make of parameters alone is kept until these change (Sources/Graph/KeptResults.swift): a kernel at
   Winograd's points, recurrent and transformed weights, functions of a parameter. After anything that writes parameters they
   must give what a context does, which keeps nothing; and give it to threads that come at the same time. */
#include <pthread.h>

#include "files.h"

enum { ROWS = 3, CHANNELS = 16, SIDE = 16, OUTPUTS = 12 };
enum { INPUT = CHANNELS * SIDE * SIDE };
static float x[ROWS * INPUT], y[ROWS * OUTPUTS], now[ROWS * OUTPUTS], before[ROWS * OUTPUTS], expected[ROWS * OUTPUTS];
static chainrule_array in, out, prediction;

/* A convolution by Winograd's algorithm whose rows of results an LSTM reads, plus softplus of a parameter. */
static chainrule_model *network(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 5);
  chainrule_node last, bias, sum[2];
  test_fill(x, ROWS * INPUT, 1);
  test_fill(y, ROWS * OUTPUTS, 2);
  in = chainrule_view(x, CHAINRULE_FLOAT32, 4, ROWS, CHANNELS, SIDE, SIDE);
  out = chainrule_matrix(y, ROWS, OUTPUTS);
  prediction = chainrule_matrix(now, ROWS, OUTPUTS);
  test_add(model, "input", "shape=16,16,16");
  test_add(model, "conv2d", "out_channels=16 kernel_size=3 padding=1");
  test_add(model, "relu", "");
  test_add(model, "reshape", "shape=64,64");
  test_add(model, "lstm", "hidden_size=12");
  SUCCEEDS(chainrule_model_add(model, "mean", "dim=1", &last));
  SUCCEEDS(chainrule_model_add_node(model, "parameter", "shape=12 init=normal(0,1)", NULL, 0, &bias));
  SUCCEEDS(chainrule_model_add_node(model, "softplus", "", &bias, 1, &bias));
  sum[0] = last, sum[1] = bias;
  SUCCEEDS(chainrule_model_add_node(model, "add", "", sum, 2, &last));
  SUCCEEDS(chainrule_model_set_outputs(model, &last, 1));
  return model;
}

static void compare(chainrule_model *model, const char *after) {
  chainrule_context *context = NULL;
  chainrule_array answer = chainrule_matrix(expected, ROWS, OUTPUTS);
  REQUIRE_OK(chainrule_model_predict(model, &in, &prediction));
  if (memcmp(now, before, sizeof now) == 0) test_fail(__FILE__, __LINE__, "%s changed nothing", after);
  memcpy(before, now, sizeof now);
  REQUIRE_OK(chainrule_context_create(model, &context));
  REQUIRE_OK(chainrule_context_forward(context, &in, 0));
  REQUIRE_OK(chainrule_context_output(context, 0, &answer));
  if (memcmp(now, expected, sizeof now) != 0) test_fail(__FILE__, __LINE__, "predictions differ after %s", after);
  chainrule_context_free(context);
}

static void every_writer(void) {
  chainrule_model *model = network(), *other = NULL;
  chainrule_trainer *trainer = NULL;
  chainrule_fit_options options = test_fit_options(2, 2);
  chainrule_tensor_info info;
  size_t count = 0, i;
  compare(model, "creation");
  SUCCEEDS(chainrule_model_save(model, test_path("saved")));
  REQUIRE_OK(chainrule_model_parameter_count(model, &count));
  /* Each parameter by itself: what is kept of one must not hide a change of another. */
  for (i = 0; i < count; i++) {
    static float values[CHANNELS * CHANNELS * 9 + 4 * 64 * OUTPUTS];
    chainrule_array array;
    info.struct_size = sizeof info;
    REQUIRE_OK(chainrule_model_parameter_info(model, i, &info));
    array = chainrule_view(values, CHAINRULE_FLOAT32, info.rank, info.shape[0], info.shape[1], info.shape[2], info.shape[3]);
    test_fill(values, sizeof values / sizeof *values, 30 + i);
    SUCCEEDS(chainrule_model_set_parameter(model, info.name, &array));
    compare(model, info.name);
  }
  SUCCEEDS(chainrule_model_initialize(model, 99));
  compare(model, "initialize");
  REQUIRE_OK(chainrule_trainer_create(model, "mse", "adam", &trainer));
  SUCCEEDS(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
  compare(model, "a step of adam");
  SUCCEEDS(chainrule_trainer_fit(trainer, &in, &out, &options, NULL));
  compare(model, "fit");
  SUCCEEDS(chainrule_model_load_parameters(model, test_path("saved"), 1));
  compare(model, "load_parameters");
  REQUIRE_OK(chainrule_model_load(test_path("saved"), &other));
  memset(before, 0, sizeof before);
  compare(other, "load");
  test_clear_folder();
  chainrule_trainer_free(trainer);
  chainrule_model_free(other);
  chainrule_model_free(model);
}

static chainrule_model *shared;
static int wrong;

static void *predict(void *row) {
  float mine[ROWS * OUTPUTS];
  int rows = 1 + (int)(intptr_t)row % ROWS, i;
  chainrule_array some = chainrule_view(x, CHAINRULE_FLOAT32, 4, rows, CHANNELS, SIDE, SIDE), answer = chainrule_matrix(mine, rows, OUTPUTS);
  for (i = 0; i < 20; i++) {
    if (chainrule_model_predict(shared, &some, &answer) != CHAINRULE_OK ||
        memcmp(mine, expected, (size_t)rows * OUTPUTS * sizeof(float)) != 0)
      __atomic_add_fetch(&wrong, 1, __ATOMIC_SEQ_CST);
  }
  return NULL;
}

/* Different batches, at the same time, right after a change. */
static void several_threads(void) {
  pthread_t ids[6];
  uint64_t seed;
  int i;
  shared = network();
  for (seed = 1; seed <= 4; seed++) {
    chainrule_context *context = NULL;
    chainrule_array answer = chainrule_matrix(expected, ROWS, OUTPUTS);
    SUCCEEDS(chainrule_model_initialize(shared, seed));
    REQUIRE_OK(chainrule_context_create(shared, &context));
    REQUIRE_OK(chainrule_context_forward(context, &in, 0));
    REQUIRE_OK(chainrule_context_output(context, 0, &answer));
    chainrule_context_free(context);
    for (i = 0; i < 6; i++)
      if (pthread_create(&ids[i], NULL, predict, (void *)(intptr_t)i) != 0) exit(3);
    for (i = 0; i < 6; i++) pthread_join(ids[i], NULL);
    CHECK_EQUAL(wrong, 0);
  }
  chainrule_model_free(shared);
}

int main(void) {
  TEST_MAIN("kept_results");
  if (!test_make_folder()) return 2;
  RUN(every_writer);
  RUN(several_threads);
  test_remove_folder();
  return test_finish();
}
