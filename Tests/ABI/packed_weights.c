/* Predictions of many rows use weights packed beforehand (Sources/Graph/KeptResults.swift), those of
   one row use them where they lie: both must say the same after anything that writes the weights. */
#include <pthread.h>

#include "files.h"

enum { MANY = 70, INPUTS = 12, WIDE = 1100, OUTPUTS = 1030 };
static float x[MANY * INPUTS], y[MANY * OUTPUTS], all[MANY * OUTPUTS], before[MANY * OUTPUTS];
static chainrule_array in, out, prediction;

static const char *compute = "float32";

static chainrule_model *wide_model(void) {
  chainrule_model *made;
  test_fill(x, MANY * INPUTS, 1);
  test_fill(y, MANY * OUTPUTS, 2);
  in = chainrule_matrix(x, MANY, INPUTS);
  out = chainrule_matrix(y, MANY, OUTPUTS);
  prediction = chainrule_matrix(all, MANY, OUTPUTS);
  made = test_mlp(CHAINRULE_FLOAT32, 5, INPUTS, WIDE, OUTPUTS, "tanh");
  SUCCEEDS(chainrule_model_set_compute(made, compute));
  return made;
}

/* All rows at once give other numbers than the last time, and the bits that each row gives alone. */
static void compare(const chainrule_model *model, const char *after) {
  float one[OUTPUTS];
  chainrule_array row = chainrule_matrix(x, 1, INPUTS), answer = chainrule_matrix(one, 1, OUTPUTS);
  int i;
  REQUIRE_OK(chainrule_model_predict(model, &in, &prediction));
  if (memcmp(all, before, sizeof all) == 0) test_fail(__FILE__, __LINE__, "%s changed nothing", after);
  memcpy(before, all, sizeof all);
  for (i = 0; i < MANY; i++) {
    row.data = x + i * INPUTS;
    REQUIRE_OK(chainrule_model_predict(model, &row, &answer));
    if (memcmp(one, all + i * OUTPUTS, sizeof one) != 0)
      test_fail(__FILE__, __LINE__, "row %d differs after %s", i, after);
  }
}

static void every_writer(void) {
  chainrule_model *model = wide_model();
  chainrule_trainer *trainer = NULL, *plain = NULL;
  chainrule_context *context = NULL;
  chainrule_optimizer *optimizer = NULL;
  chainrule_fit_options options = test_fit_options(2, 32);
  chainrule_array few = chainrule_matrix(x, 8, INPUTS), wanted = chainrule_matrix(y, 8, OUTPUTS);
  static float values[WIDE * INPUTS];
  chainrule_array weight = chainrule_matrix(values, WIDE, INPUTS);
  compare(model, "creation");
  SUCCEEDS(chainrule_model_save(model, test_path("saved")));
  test_fill(values, WIDE * INPUTS, 7);
  SUCCEEDS(chainrule_model_set_parameter(model, "0.weight", &weight));
  compare(model, "set_parameter");
  SUCCEEDS(chainrule_model_initialize(model, 99));
  compare(model, "initialize");
  REQUIRE_OK(chainrule_trainer_create(model, "mse", "adam", &trainer));
  SUCCEEDS(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
  compare(model, "a step of adam");
  options.validation_split = 0.2, options.restore_best = 1;
  SUCCEEDS(chainrule_trainer_fit(trainer, &in, &out, &options, NULL));
  compare(model, "fit");
  REQUIRE_OK(chainrule_trainer_create(model, "mse", "sgd lr=0.1", &plain));
  SUCCEEDS(chainrule_trainer_step(plain, &few, &wanted, NULL, NULL));
  compare(model, "an update without stored gradients");
  REQUIRE_OK(chainrule_context_create(model, &context));
  REQUIRE_OK(chainrule_optimizer_create("sgd lr=0.1", &optimizer));
  SUCCEEDS(chainrule_context_forward(context, &few, 1));
  SUCCEEDS(chainrule_context_backward(context, NULL));
  SUCCEEDS(chainrule_optimizer_step(optimizer, context));
  compare(model, "a step by hand");
  SUCCEEDS(chainrule_model_load_parameters(model, test_path("saved"), 1));
  compare(model, "load_parameters");
  test_clear_folder();
  chainrule_optimizer_free(optimizer);
  chainrule_context_free(context);
  chainrule_trainer_free(plain);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

/* The weights have been written; the threads come to pack them at the same time. */
static chainrule_model *shared;
static int wrong;

static void *predict_all(void *unused) {
  static __thread float mine[MANY * OUTPUTS];
  chainrule_array answer = chainrule_matrix(mine, MANY, OUTPUTS);
  (void)unused;
  if (chainrule_model_predict(shared, &in, &answer) != CHAINRULE_OK || memcmp(mine, all, sizeof mine) != 0)
    __atomic_add_fetch(&wrong, 1, __ATOMIC_SEQ_CST);
  return NULL;
}

static void several_threads(void) {
  pthread_t ids[4];
  uint64_t seed;
  int i;
  shared = wide_model();
  for (seed = 1; seed <= 4; seed++) {
    chainrule_array row = chainrule_matrix(x, 1, INPUTS), answer = chainrule_matrix(all, 1, OUTPUTS);
    SUCCEEDS(chainrule_model_initialize(shared, seed));
    for (i = 0; i < MANY; i++) {
      row.data = x + i * INPUTS;
      answer.data = all + i * OUTPUTS;
      REQUIRE_OK(chainrule_model_predict(shared, &row, &answer));
    }
    for (i = 0; i < 4; i++)
      if (pthread_create(&ids[i], NULL, predict_all, NULL) != 0) exit(3);
    for (i = 0; i < 4; i++) pthread_join(ids[i], NULL);
    CHECK_EQUAL(wrong, 0);
  }
  chainrule_model_free(shared);
}

/* Weights that lie rounded to bfloat16, for any number of rows. */
static void rounded_weights(void) {
  compute = "bfloat16";
  every_writer();
  several_threads();
}

int main(void) {
  TEST_MAIN("packed_weights");
  if (!test_make_folder()) return 2;
  RUN(every_writer);
  RUN(several_threads);
  RUN(rounded_weights);
  test_remove_folder();
  return test_finish();
}
